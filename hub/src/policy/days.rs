//! Days of a site: civil dates in its zone, daylight saving included. Pure.

use farwatch_shared::time::{Span, WallMs};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The zone of a site's rows; UTC when the name is not one the world knows (it was checked when it was stored).
#[must_use]
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The day an instant lies in.
#[must_use]
pub fn day_of(at: WallMs, zone: &TimeZone) -> Option<Date> {
    jiff::Timestamp::from_millisecond(at.0).ok().map(|t| t.to_zoned_datetime(zone.clone()).date())
}

/// From the day's first instant to the next day's.
#[must_use]
pub fn span_of(day: Date, zone: &TimeZone) -> Option<Span> {
    let start = |day: Date| -> Option<WallMs> {
        let zoned = day.to_zoned_datetime(zone.clone()).ok()?.start_of_day().ok()?;
        Some(WallMs(zoned.timestamp().as_millisecond()))
    };
    Span::new(start(day)?, start(day.tomorrow().ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_as_long_as_its_zone_says() {
        let hours = |day: &str, name: &str| span_of(day.parse().unwrap(), &zone(name)).unwrap().len_ms() / 3_600_000;
        assert_eq!(hours("2026-11-24", "Asia/Shanghai"), 24);
        assert_eq!(hours("2026-03-29", "Europe/Warsaw"), 23);
        assert_eq!(hours("2026-10-25", "Europe/Warsaw"), 25);
        // Its midnight does not exist.
        assert_eq!(hours("2026-09-06", "America/Santiago"), 23);
        let at = span_of("2026-10-25".parse().unwrap(), &zone("Europe/Warsaw")).unwrap();
        for inside in [at.start_ms, at.end_ms.plus_ms(-1)] {
            assert_eq!(day_of(inside, &zone("Europe/Warsaw")), Some("2026-10-25".parse().unwrap()));
        }
    }
}
