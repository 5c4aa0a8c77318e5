//! Recording modes, targets and what happens when the disk is short: ours and the people's words for them.

use farwatch_shared::wire::latest::{StreamTarget, Trigger, WhenShort, Window};

use crate::api::shape::{
    RecordingMode, RecordingTerms, ShortChoice, StreamAim, StreamTargets, TriggerChoice, WeekWindow,
};
use crate::store::recording::{Mode, Targets};

pub(in crate::api) fn word(mode: &Mode) -> RecordingMode {
    match mode {
        Mode::Continuous => RecordingMode::Continuous,
        Mode::Off => RecordingMode::Off,
        Mode::Schedule { .. } => RecordingMode::Schedule,
        Mode::Event { .. } => RecordingMode::Event,
        Mode::LiveOnly { .. } => RecordingMode::LiveOnly,
    }
}

pub(in crate::api) fn terms(mode: &Mode) -> RecordingTerms {
    match mode.clone() {
        Mode::Continuous => RecordingTerms::Continuous,
        Mode::Off => RecordingTerms::Off,
        Mode::Schedule { windows } => RecordingTerms::Schedule {
            windows: windows
                .into_iter()
                .map(|Window { days, start_minute, end_minute }| WeekWindow { days, start_minute, end_minute })
                .collect(),
        },
        Mode::Event { pre_s, post_s, triggers } => {
            RecordingTerms::Event { pre_s, post_s, triggers: triggers.into_iter().map(trigger).collect() }
        }
        Mode::LiveOnly { reason } => RecordingTerms::LiveOnly { reason },
    }
}

pub(in crate::api) fn mode(terms: RecordingTerms) -> Mode {
    match terms {
        RecordingTerms::Continuous => Mode::Continuous,
        RecordingTerms::Off => Mode::Off,
        RecordingTerms::Schedule { windows } => Mode::Schedule {
            windows: windows
                .into_iter()
                .map(|WeekWindow { days, start_minute, end_minute }| Window { days, start_minute, end_minute })
                .collect(),
        },
        RecordingTerms::Event { pre_s, post_s, triggers } => {
            Mode::Event { pre_s, post_s, triggers: triggers.into_iter().map(wire_trigger).collect() }
        }
        RecordingTerms::LiveOnly { reason } => Mode::LiveOnly { reason },
    }
}

pub(in crate::api) fn trigger(trigger: Trigger) -> TriggerChoice {
    match trigger {
        Trigger::Activity => TriggerChoice::Activity,
        Trigger::Manual => TriggerChoice::Manual,
        Trigger::Input => TriggerChoice::Input,
    }
}

fn wire_trigger(choice: TriggerChoice) -> Trigger {
    match choice {
        TriggerChoice::Activity => Trigger::Activity,
        TriggerChoice::Manual => Trigger::Manual,
        TriggerChoice::Input => Trigger::Input,
    }
}

pub(in crate::api) fn targets(targets: Targets) -> StreamTargets {
    let aim = |t: StreamTarget| StreamAim {
        width: t.width,
        height: t.height,
        fps_milli: t.fps_milli,
        bits_per_s: t.bits_per_s,
    };
    StreamTargets { main: targets.main.map(aim), sub: targets.sub.map(aim) }
}

/// An aim that names no figure is none.
pub(in crate::api) fn wire_targets(targets: StreamTargets) -> Targets {
    let target = |aim: StreamAim| {
        (aim != StreamAim::default()).then_some(StreamTarget {
            width: aim.width,
            height: aim.height,
            fps_milli: aim.fps_milli,
            bits_per_s: aim.bits_per_s,
        })
    };
    Targets { main: targets.main.and_then(target), sub: targets.sub.and_then(target) }
}

pub(in crate::api) fn short(when: WhenShort) -> ShortChoice {
    match when {
        WhenShort::KeepRecording => ShortChoice::KeepRecording,
        WhenShort::KeepFloor => ShortChoice::KeepFloor,
    }
}

pub(in crate::api) fn wire_short(choice: ShortChoice) -> WhenShort {
    match choice {
        ShortChoice::KeepRecording => WhenShort::KeepRecording,
        ShortChoice::KeepFloor => WhenShort::KeepFloor,
    }
}
