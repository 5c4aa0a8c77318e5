//! Whether an agent is there: a pure decision. Wills are hints, deadlines decide.

use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::PresenceState;

/// Without any sign for this long an agent is late.
pub const LATE_MS: i64 = 60_000;
/// Without any sign for this long an agent is lost. The promise is 90 s from the cut; what is below that is for the sign that
/// was under way when the line was cut, and for the next look at the clock.
pub const LOST_MS: i64 = 80_000;

/// Presence as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceNow {
    /// Never heard.
    Never,
    /// The hub itself has not listened long enough to say.
    Unknown,
    Online,
    /// The connection broke, or no sign for 60 s.
    Late,
    /// No sign for 80 s.
    Lost,
    /// It said it would stop.
    Stopped,
}

impl PresenceNow {
    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Unknown => "unknown",
            Self::Online => "online",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }
}

/// `said`: its last presence (or the Will's); `last_seen`: any sign of life, 0 for none; `listening`: since when this hub
/// could have heard one. A hub that was away must not call everybody lost: silence is counted from when it listens again.
#[must_use]
pub fn decide(said: Option<PresenceState>, last_seen: WallMs, listening: WallMs, now: WallMs) -> PresenceNow {
    if said.is_none() && last_seen.0 == 0 {
        return PresenceNow::Never;
    }
    let silent = now.since(last_seen.max(listening));
    match said {
        Some(PresenceState::Stopping) => PresenceNow::Stopped,
        _ if last_seen < listening && silent < LATE_MS => PresenceNow::Unknown,
        _ if silent >= LOST_MS => PresenceNow::Lost,
        _ if silent >= LATE_MS => PresenceNow::Late,
        // The Will is a hint: it makes an agent late at once, but only silence makes it lost.
        Some(PresenceState::Lost) => PresenceNow::Late,
        Some(PresenceState::Online) | None => PresenceNow::Online,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OPS-01
    #[test]
    fn deadlines_decide_and_a_will_is_only_a_hint() {
        let at = |ms: i64| WallMs(1_000_000 + ms);
        let decide = |said, last_seen, now| super::decide(said, last_seen, WallMs(0), now);
        let online = Some(PresenceState::Online);
        assert_eq!(decide(None, WallMs(0), at(0)), PresenceNow::Never);
        assert_eq!(decide(online, at(0), at(59_999)), PresenceNow::Online);
        assert_eq!(decide(online, at(0), at(60_000)), PresenceNow::Late);
        assert_eq!(decide(online, at(0), at(90_000)), PresenceNow::Lost);
        assert_eq!(decide(Some(PresenceState::Lost), at(0), at(1)), PresenceNow::Late);
        assert_eq!(decide(Some(PresenceState::Lost), at(0), at(90_000)), PresenceNow::Lost);
        assert_eq!(decide(Some(PresenceState::Stopping), at(0), at(999_999)), PresenceNow::Stopped);
        // A clock stepped back makes nobody late.
        assert_eq!(decide(online, at(0), at(-999_999)), PresenceNow::Online);
    }

    #[test]
    fn a_hub_that_was_away_alarms_nobody_at_its_return() {
        let back = WallMs(10_000_000);
        let after = |ms| decide(Some(PresenceState::Online), WallMs(1_000_000), back, back.plus_ms(ms));
        assert_eq!(after(0), PresenceNow::Unknown);
        assert_eq!(after(59_999), PresenceNow::Unknown);
        assert_eq!(after(60_000), PresenceNow::Late);
        assert_eq!(after(90_000), PresenceNow::Lost);
        assert_eq!(decide(Some(PresenceState::Online), back, back, back.plus_ms(1)), PresenceNow::Online);
    }
}
