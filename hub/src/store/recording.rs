//! How a camera is recorded, as the hub keeps it: the wire's terms without the site's time zone, which is the site's alone.
//!
//! Belongs here: the JSON in `camera.recording` and `camera.targets`. Does not: whether the terms make sense (`policy`).

use farwatch_shared::id::StreamName;
use farwatch_shared::wire::latest::{EventRecording, LiveOnly, Recording, Schedule, StreamTarget, Trigger, Window};
use serde::{Deserialize, Serialize};

/// The mode of a camera with its terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    #[default]
    Continuous,
    Off,
    Schedule {
        windows: Vec<Window>,
    },
    Event {
        pre_s: u16,
        post_s: u16,
        triggers: Vec<Trigger>,
    },
    LiveOnly {
        reason: String,
    },
}

impl Mode {
    /// As in JSON and in the journal.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Off => "off",
            Self::Schedule { .. } => "schedule",
            Self::Event { .. } => "event",
            Self::LiveOnly { .. } => "live_only",
        }
    }

    /// Whether anything is kept in this mode.
    #[must_use]
    pub fn keeps(&self) -> bool {
        !matches!(self, Self::Off | Self::LiveOnly { .. })
    }

    /// As the agent is told, on the site's wall clock.
    #[must_use]
    pub fn on_the_wire(&self, time_zone: &str) -> Recording {
        match self.clone() {
            Self::Continuous => Recording::Continuous,
            Self::Off => Recording::Off,
            Self::Schedule { windows } => Recording::Schedule(Schedule { time_zone: time_zone.to_owned(), windows }),
            Self::Event { pre_s, post_s, triggers } => Recording::Event(EventRecording { pre_s, post_s, triggers }),
            Self::LiveOnly { reason } => Recording::LiveOnly(LiveOnly { reason }),
        }
    }
}

/// What each stream of a camera should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<StreamTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<StreamTarget>,
}

impl Targets {
    #[must_use]
    pub fn of(&self, stream: StreamName) -> Option<StreamTarget> {
        match stream {
            StreamName::Main => self.main,
            StreamName::Sub => self.sub,
        }
    }
}
