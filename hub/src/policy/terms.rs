//! Whether the terms of a recording mode, a retention rule and a target make sense. Pure.

use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::{StreamTarget, Window};

use super::{MAX_DAYS, PolicyError, reason};
use crate::store::cameras::CameraRow;
use crate::store::recording::Mode;

/// Most windows in one schedule.
const MAX_WINDOWS: usize = 64;
/// Most seconds kept before an event: they are held in memory until then.
const MAX_PRE_S: u16 = 60;
/// Most seconds kept after an event.
const MAX_POST_S: u16 = 3600;
/// No quota is smaller: it could not hold a minute of a good camera.
const MIN_QUOTA: ByteSize = ByteSize::mib(64);

/// A camera's row as it may be stored: its terms in bounds, its reasons trimmed.
///
/// # Errors
/// Says which rule is broken.
pub fn terms(mut row: CameraRow) -> Result<CameraRow, PolicyError> {
    row.recording = mode(row.recording)?;
    row.audio_purpose = row.audio_purpose.as_deref().map(purpose).transpose()?;
    retention(row.floor_days, row.ceiling_days, row.event_days)?;
    if let Some(quota) = row.quota.filter(|q| *q < MIN_QUOTA) {
        return Err(PolicyError::QuotaTooSmall(quota));
    }
    for aim in [row.targets.main, row.targets.sub].into_iter().flatten() {
        target(aim)?;
    }
    Ok(row)
}

/// Why sound is recorded, trimmed.
///
/// # Errors
/// When it says nothing (CAP-02), or it is a novel.
pub fn purpose(text: &str) -> Result<String, PolicyError> {
    reason(text).map_err(|_| PolicyError::AudioPurpose)
}

/// # Errors
/// When a term is out of bounds.
pub fn mode(mode: Mode) -> Result<Mode, PolicyError> {
    match mode {
        Mode::Schedule { windows } => {
            if windows.is_empty() || windows.len() > MAX_WINDOWS {
                return Err(PolicyError::Schedule(format!(
                    "it has {} windows, 1 to {MAX_WINDOWS} are taken; to record never, switch recording off",
                    windows.len()
                )));
            }
            Ok(Mode::Schedule { windows: windows.into_iter().map(window).collect::<Result<_, _>>()? })
        }
        Mode::Event { pre_s, post_s, .. } if pre_s > MAX_PRE_S || post_s > MAX_POST_S => {
            Err(PolicyError::Roll { pre_s, post_s })
        }
        Mode::Event { pre_s, post_s, mut triggers } => {
            triggers.sort_unstable();
            triggers.dedup();
            Ok(Mode::Event { pre_s, post_s, triggers })
        }
        Mode::LiveOnly { reason: text } => Ok(Mode::LiveOnly { reason: reason(&text)? }),
        plain @ (Mode::Continuous | Mode::Off) => Ok(plain),
    }
}

fn window(mut w: Window) -> Result<Window, PolicyError> {
    w.days.sort_unstable();
    w.days.dedup();
    if w.days.is_empty() || w.days.iter().any(|day| !(1..=7).contains(day)) {
        return Err(PolicyError::Schedule("a window needs days from 1 (Monday) to 7 (Sunday)".into()));
    }
    if w.start_minute > 1439 || w.end_minute > 1440 {
        return Err(PolicyError::Schedule(format!(
            "a window from minute {} to minute {} is not within a day of 1440",
            w.start_minute, w.end_minute
        )));
    }
    Ok(w)
}

/// # Errors
/// When the ceiling is below the floor, the event days are outside both, or a figure is out of range.
pub fn retention(floor: u32, ceiling: Option<u32>, event: Option<u32>) -> Result<(), PolicyError> {
    if let Some(days) = [Some(floor), ceiling, event].into_iter().flatten().find(|days| *days > MAX_DAYS) {
        return Err(PolicyError::TooManyDays(days));
    }
    if let Some(ceiling) = ceiling.filter(|ceiling| *ceiling < floor) {
        return Err(PolicyError::CeilingBelowFloor { floor, ceiling });
    }
    match event {
        Some(days) if days < floor => Err(PolicyError::EventBelowFloor { floor, days }),
        Some(days) if ceiling.is_some_and(|ceiling| ceiling < days) => {
            Err(PolicyError::EventAboveCeiling { days, ceiling: ceiling.unwrap_or(0) })
        }
        _ => Ok(()),
    }
}

fn target(aim: StreamTarget) -> Result<(), PolicyError> {
    let pixels = |n: Option<u32>| n.is_none_or(|n| (16..=16_384).contains(&n));
    let good = pixels(aim.width)
        && pixels(aim.height)
        && aim.fps_milli.is_none_or(|n| (100..=240_000).contains(&n))
        && aim.bits_per_s.is_none_or(|n| (1_000..=400_000_000).contains(&n));
    if good { Ok(()) } else { Err(PolicyError::Target) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::wire::latest::Trigger;

    fn windows(days: &[u8], start_minute: u16, end_minute: u16) -> Mode {
        Mode::Schedule { windows: vec![Window { days: days.to_vec(), start_minute, end_minute }] }
    }

    // CAP-02
    #[test]
    fn a_schedule_has_windows_within_a_week() {
        assert!(mode(windows(&[7, 1, 1], 1320, 360)).is_ok_and(|m| m == windows(&[1, 7], 1320, 360)), "over midnight");
        assert!(mode(windows(&[1], 0, 1440)).is_ok());
        for bad in [windows(&[], 0, 60), windows(&[0], 0, 60), windows(&[8], 0, 60), windows(&[1], 1440, 60)] {
            assert!(matches!(mode(bad.clone()), Err(PolicyError::Schedule(_))), "{bad:?}");
        }
        let never = mode(Mode::Schedule { windows: Vec::new() }).unwrap_err();
        assert!(never.to_string().contains("switch recording off"), "{never}");
    }

    // CAP-02
    #[test]
    fn live_only_needs_a_reason_and_sound_a_purpose() {
        assert_eq!(mode(Mode::LiveOnly { reason: " \n".into() }), Err(PolicyError::Reason));
        assert!(mode(Mode::LiveOnly { reason: "staff room".into() }).is_ok());
        assert_eq!(purpose("  "), Err(PolicyError::AudioPurpose));
        assert_eq!(purpose(" intercom at gate 4 "), Ok("intercom at gate 4".into()));
    }

    #[test]
    fn pre_and_post_roll_have_bounds() {
        let event = |pre_s, post_s| Mode::Event { pre_s, post_s, triggers: vec![Trigger::Input, Trigger::Activity] };
        assert!(mode(event(60, 3600)).is_ok());
        assert_eq!(mode(event(61, 0)), Err(PolicyError::Roll { pre_s: 61, post_s: 0 }));
        assert_eq!(mode(event(0, 3601)), Err(PolicyError::Roll { pre_s: 0, post_s: 3601 }));
    }

    // RET-04
    #[test]
    fn a_ceiling_below_the_floor_is_refused_with_both_figures() {
        let refused = retention(30, Some(7), None).unwrap_err();
        assert!(refused.to_string().contains("30") && refused.to_string().contains('7'));
        assert!(retention(0, None, None).is_ok() && retention(30, Some(30), Some(30)).is_ok());
        assert!(retention(99_999, None, None).is_err());
        assert_eq!(retention(30, None, Some(7)), Err(PolicyError::EventBelowFloor { floor: 30, days: 7 }));
        assert_eq!(retention(7, Some(30), Some(60)), Err(PolicyError::EventAboveCeiling { days: 60, ceiling: 30 }));
    }
}
