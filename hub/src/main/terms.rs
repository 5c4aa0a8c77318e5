//! How a camera is recorded and kept, as options of `camera add` and `camera set`.
//!
//! Belongs here: reading the options and laying them over a camera's row. Does not: whether the result makes sense (`policy`).

use anyhow::{bail, ensure};
use farwatch_hub::store::cameras::CameraRow;
use farwatch_hub::store::recording::Mode;
use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::{StreamTarget, Trigger, WhenShort, Window};

/// What may be said of a camera's recording and retention; what is not said stays as it is.
#[derive(clap::Args, Default)]
pub struct Terms {
    /// continuous (or on), off, schedule, event, live-only
    #[arg(long, value_parser = word)]
    recording: Option<Word>,
    /// Of a schedule, on the site's clock: 'mon-fri 22:00-06:00', 'daily 08:00-18:30', 'sat,sun 00:00-24:00'. May be repeated.
    #[arg(long = "window", value_parser = window)]
    windows: Vec<Window>,
    /// Of event recording: seconds kept before the event, at most 60. Without it: 10.
    #[arg(long)]
    pre_s: Option<u16>,
    /// Of event recording: seconds kept after the event, at most 3600. Without it: 30.
    #[arg(long)]
    post_s: Option<u16>,
    /// Of event recording: what begins an event: activity, manual, input. May be repeated. Without it: activity.
    #[arg(long = "trigger", value_parser = trigger)]
    triggers: Vec<Trigger>,
    /// Of live-only: why the camera is watched and not recorded.
    #[arg(long)]
    reason: Option<String>,
    /// Records sound, and says what for; `none` switches sound off. Without a purpose no sound is recorded.
    #[arg(long)]
    audio_purpose: Option<String>,
    /// Keep footage with an event in it at least so many days; `none` to keep it as all footage.
    #[arg(long, value_parser = days)]
    event_days: Option<Maybe<u32>>,
    /// Most the camera may occupy on its box, such as 200GiB; `none` for no bound.
    #[arg(long, value_parser = size)]
    quota: Option<Maybe<ByteSize>>,
    /// For its whole box, when the disk cannot keep the floors: keep-recording or keep-floor.
    #[arg(long, value_parser = short)]
    pub when_short: Option<WhenShort>,
    /// What a stream should be, such as 'main 1920x1080 25fps 4Mbit' or 'sub none'; far from it opens a fault. May be repeated.
    #[arg(long = "target", value_parser = target)]
    targets: Vec<Aim>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Continuous,
    Off,
    Schedule,
    Event,
    LiveOnly,
}

/// A value, or `none`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Maybe<T>(pub Option<T>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Aim {
    sub: bool,
    target: Option<StreamTarget>,
}

impl Terms {
    /// Lays what was said over the row.
    pub fn over(self, row: &mut CameraRow) -> anyhow::Result<()> {
        let said = match self.recording {
            Some(word) => word,
            None => match row.recording {
                Mode::Continuous => Word::Continuous,
                Mode::Off => Word::Off,
                Mode::Schedule { .. } => Word::Schedule,
                Mode::Event { .. } => Word::Event,
                Mode::LiveOnly { .. } => Word::LiveOnly,
            },
        };
        ensure!(self.windows.is_empty() || said == Word::Schedule, "--window goes with --recording schedule");
        let rolls = self.pre_s.is_some() || self.post_s.is_some() || !self.triggers.is_empty();
        ensure!(!rolls || said == Word::Event, "--pre-s, --post-s and --trigger go with --recording event");
        ensure!(self.reason.is_none() || said == Word::LiveOnly, "--reason goes with --recording live-only");
        row.recording = match (said, row.recording.clone()) {
            (Word::Continuous, _) => Mode::Continuous,
            (Word::Off, _) => Mode::Off,
            (Word::Schedule, Mode::Schedule { windows }) if self.windows.is_empty() => Mode::Schedule { windows },
            (Word::Schedule, _) if self.windows.is_empty() => {
                bail!("a schedule needs windows: --window 'mon-fri 22:00-06:00'")
            }
            (Word::Schedule, _) => Mode::Schedule { windows: self.windows },
            (Word::Event, before) => {
                let (pre, post, triggers) = match before {
                    Mode::Event { pre_s, post_s, triggers } => (pre_s, post_s, triggers),
                    _ => (10, 30, vec![Trigger::Activity]),
                };
                Mode::Event {
                    pre_s: self.pre_s.unwrap_or(pre),
                    post_s: self.post_s.unwrap_or(post),
                    triggers: if self.triggers.is_empty() { triggers } else { self.triggers },
                }
            }
            (Word::LiveOnly, before) => match (self.reason, before) {
                (Some(reason), _) | (None, Mode::LiveOnly { reason }) => Mode::LiveOnly { reason },
                (None, _) => bail!("live-only needs a reason: --reason 'staff room'"),
            },
        };
        if let Some(purpose) = self.audio_purpose {
            row.audio_purpose = Some(purpose).filter(|text| text != "none");
        }
        if let Some(Maybe(days)) = self.event_days {
            row.event_days = days;
        }
        if let Some(Maybe(quota)) = self.quota {
            row.quota = quota;
        }
        for aim in self.targets {
            *(if aim.sub { &mut row.targets.sub } else { &mut row.targets.main }) = aim.target;
        }
        Ok(())
    }
}

fn word(text: &str) -> Result<Word, String> {
    match text {
        "on" | "continuous" => Ok(Word::Continuous),
        "off" => Ok(Word::Off),
        "schedule" => Ok(Word::Schedule),
        "event" => Ok(Word::Event),
        "live-only" | "live_only" => Ok(Word::LiveOnly),
        _ => Err(format!("{text:?} is not continuous, off, schedule, event or live-only")),
    }
}

fn trigger(text: &str) -> Result<Trigger, String> {
    match text {
        "activity" => Ok(Trigger::Activity),
        "manual" => Ok(Trigger::Manual),
        "input" => Ok(Trigger::Input),
        _ => Err(format!("{text:?} is not activity, manual or input")),
    }
}

fn short(text: &str) -> Result<WhenShort, String> {
    match text {
        "keep-recording" | "keep_recording" => Ok(WhenShort::KeepRecording),
        "keep-floor" | "keep_floor" => Ok(WhenShort::KeepFloor),
        _ => Err(format!("{text:?} is neither keep-recording nor keep-floor")),
    }
}

/// A number of days, or `none`.
pub fn days(text: &str) -> Result<Maybe<u32>, String> {
    if text == "none" {
        return Ok(Maybe(None));
    }
    text.parse().map(|days| Maybe(Some(days))).map_err(|_| format!("{text:?} is neither a number of days nor none"))
}

fn size(text: &str) -> Result<Maybe<ByteSize>, String> {
    if text == "none" {
        return Ok(Maybe(None));
    }
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[at..].trim() {
        "" | "B" => 1,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => 0,
    };
    let bytes = text[..at].parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| *n > 0);
    bytes.map(|n| Maybe(Some(ByteSize(n)))).ok_or_else(|| format!("{text:?} is not a size such as 200GiB, nor none"))
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn window(text: &str) -> Result<Window, String> {
    let bad = || format!("{text:?} is not a window; write it like 'mon-fri 22:00-06:00' or 'daily 08:00-18:30'");
    let (days, times) = text.trim().split_once(' ').ok_or_else(bad)?;
    let (start, end) = times.trim().split_once('-').ok_or_else(bad)?;
    let day = |word: &str| DAYS.iter().position(|d| *d == word.to_ascii_lowercase());
    let mut set = Vec::new();
    for part in days.split(',') {
        match part.split_once('-') {
            _ if part == "daily" => set.extend(0..7),
            None => set.push(day(part).ok_or_else(bad)?),
            Some((first, last)) => {
                let (first, last) = (day(first).ok_or_else(bad)?, day(last).ok_or_else(bad)?);
                // sat-mon goes over the week's end.
                set.extend((first..first + (last + 7 - first) % 7 + 1).map(|d| d % 7));
            }
        }
    }
    let minute = |clock: &str, most: u16| {
        let (hours, minutes) = clock.trim().split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours <= 24 && minutes < 60).then_some(hours * 60 + minutes).filter(|m| *m <= most)
    };
    let (start_minute, end_minute) = (minute(start, 1439).ok_or_else(bad)?, minute(end, 1440).ok_or_else(bad)?);
    let mut days: Vec<u8> = set.into_iter().filter_map(|d| u8::try_from(d + 1).ok()).collect();
    days.sort_unstable();
    days.dedup();
    Ok(Window { days, start_minute, end_minute })
}

fn target(text: &str) -> Result<Aim, String> {
    let bad = || format!("{text:?} is not a target; write it like 'main 1920x1080 25fps 4Mbit', or 'sub none'");
    let mut words = text.split_whitespace();
    let sub = match words.next() {
        Some("main") => false,
        Some("sub") => true,
        _ => return Err(bad()),
    };
    let mut target = StreamTarget { width: None, height: None, fps_milli: None, bits_per_s: None };
    let mut any = false;
    for word in words {
        let thousandths = |text: &str| {
            let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
            let rest = format!("{rest:0<3}");
            let all: u64 = whole.parse::<u64>().ok()?.checked_mul(1000)?;
            (rest.len() == 3).then_some(())?;
            all.checked_add(rest.parse().ok()?)
        };
        any = true;
        if word == "none" {
            return Ok(Aim { sub, target: None });
        } else if let Some(fps) = word.strip_suffix("fps") {
            target.fps_milli = Some(thousandths(fps).and_then(|n| u32::try_from(n).ok()).ok_or_else(bad)?);
        } else if let Some(bits) = word.strip_suffix("Mbit") {
            target.bits_per_s = Some(thousandths(bits).and_then(|n| n.checked_mul(1000)).ok_or_else(bad)?);
        } else if let Some(bits) = word.strip_suffix("kbit") {
            target.bits_per_s = Some(thousandths(bits).ok_or_else(bad)?);
        } else {
            let (width, height) = word.split_once('x').ok_or_else(bad)?;
            target.width = Some(width.parse().map_err(|_| bad())?);
            target.height = Some(height.parse().map_err(|_| bad())?);
        }
    }
    if any { Ok(Aim { sub, target: Some(target) }) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_as_people_say_them() {
        let days = |text: &str| window(text).map(|w| w.days);
        assert_eq!(days("mon-fri 22:00-06:00"), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(days("sat-mon 22:00-06:00"), Ok(vec![1, 6, 7]));
        assert_eq!(days("Sat,sun 00:00-24:00"), Ok(vec![6, 7]));
        let w = window("daily 08:00-18:30").unwrap();
        assert_eq!((w.days.len(), w.start_minute, w.end_minute), (7, 480, 1110));
        for bad in ["mon", "mon 8-18", "day 08:00-09:00", "mon 24:00-25:00", "mon 08:00-24:01", "mon 08:60-09:00"] {
            assert!(window(bad).unwrap_err().contains("write it like"), "{bad}");
        }
    }

    #[test]
    fn targets_and_sizes_are_read_with_their_units() {
        let aim = target("main 1920x1080 12.5fps 4Mbit").unwrap().target.unwrap();
        assert_eq!((aim.width, aim.height), (Some(1920), Some(1080)));
        assert_eq!((aim.fps_milli, aim.bits_per_s), (Some(12_500), Some(4_000_000)));
        assert_eq!(target("sub 256kbit").unwrap().target.unwrap().bits_per_s, Some(256_000));
        assert_eq!(target("sub none"), Ok(Aim { sub: true, target: None }));
        for bad in ["main", "tele 4Mbit", "main 4", "main xfps"] {
            assert!(target(bad).is_err(), "{bad}");
        }
        assert_eq!(size("200GiB"), Ok(Maybe(Some(ByteSize::gib(200)))));
        assert_eq!(size("none"), Ok(Maybe(None)));
        for bad in ["", "GiB", "0GiB", "12 XB", "99999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
