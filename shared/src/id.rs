//! Identifiers: lower-case UUIDv7 text on the wire, one newtype per noun.
//!
//! Belongs here: what an identifier is and how it is written. Does not: who makes one, or what it points at.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} id {text:?} is not a lower-case UUIDv7, e.g. 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct IdError {
    what: &'static str,
    text: String,
}

fn parse(what: &'static str, text: &str) -> Result<Uuid, IdError> {
    let refuse = || IdError { what, text: text.chars().take(64).collect() };
    let id = Uuid::try_parse(text).map_err(|_| refuse())?;
    // One spelling only: an id that can be written two ways is two ids to a topic or a file name.
    if id.get_version_num() != 7 || id.hyphenated().to_string() != text {
        return Err(refuse());
    }
    Ok(id)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that sorts after every earlier one.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The wall-clock millisecond the identifier was made at, as its maker saw it.
            #[must_use]
            pub fn made_at_ms(&self) -> i64 {
                let (secs, nanos) = self.0.get_timestamp().map_or((0, 0), |t| t.to_unix());
                i64::try_from(secs).unwrap_or(0) * 1000 + i64::from(nanos / 1_000_000)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($what, ":{}"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($what, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

id!(
    /// A box at a site. Also its certificate's CN, its MQTT client id and its topic segment.
    AgentId, "agent"
);
id!(/// A place with cameras, in one time zone.
    SiteId, "site");
id!(/// A camera.
    CameraId, "camera");
id!(/// One order from hub to agent. A pull's order and the pull share the id.
    OrderId, "order");
id!(/// A person, as the journal knows them: a pseudonym, never a name.
    PersonId, "person");
id!(/// Footage that may not be deleted until the hold is released.
    HoldId, "hold");
id!(/// An enrolment token's row (not its secret).
    TokenId, "token");
id!(/// One look at footage by one person, journaled before the first byte.
    ViewId, "view");
id!(/// One life of an agent's outbox.
    OutboxEpoch, "outbox epoch");
id!(/// One life of a recorder process. Also names its log and its socket.
    RecorderId, "recorder");

impl RecorderId {
    /// A new identifier that sorts after another one, also when the clock was put back since or was never set.
    #[must_use]
    pub fn after(earlier: Self) -> Self {
        let fresh = Self::generate();
        if fresh > earlier {
            return fresh;
        }
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&earlier.0.as_bytes()[..6]);
        let next = u64::from_be_bytes(ms).saturating_add(1).to_be_bytes();
        let mut bytes = *fresh.0.as_bytes();
        bytes[..6].copy_from_slice(&next[2..]);
        Self(Uuid::from_bytes(bytes))
    }
}

/// Which stream of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamName {
    /// The full picture.
    Main,
    /// The small picture, for browsers and bandwidth that cannot take the full one.
    Sub,
}

impl StreamName {
    /// As used in paths, topics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StreamName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "main" => Ok(Self::Main),
            "sub" => Ok(Self::Sub),
            _ => Err(IdError { what: "stream", text: text.chars().take(64).collect() }),
        }
    }
}

/// An unbroken series of segments of one camera stream: the boot it happened in, and a counter that only rises.
///
/// Written `<first 8 hex digits of the boot id>-<counter, 8 decimal digits>`, which is also its directory name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId {
    /// The first 32 bits of the kernel's boot id.
    pub boot: u32,
    /// Rises by one for every run any recorder of this agent ever opened.
    pub counter: u32,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:08}", self.boot, self.counter)
    }
}

impl FromStr for RunId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let refuse = || IdError { what: "run", text: text.chars().take(64).collect() };
        let (boot, counter) = text.split_once('-').ok_or_else(refuse)?;
        let run = Self {
            boot: u32::from_str_radix(boot, 16).map_err(|_| refuse())?,
            counter: counter.parse().map_err(|_| refuse())?,
        };
        if run.to_string() == text { Ok(run) } else { Err(refuse()) }
    }
}

impl TryFrom<String> for RunId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> String {
        run.to_string()
    }
}

/// One segment file of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentId {
    pub camera: CameraId,
    pub stream: StreamName,
    pub run: RunId,
    /// Counts from 0 within the run.
    pub sequence: u32,
}

impl SegmentId {
    /// The name within a pull: `<run>-<sequence>`, e.g. `1a2b3c4d-00000007-000012`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}-{:06}", self.run, self.sequence)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{:06}", self.camera, self.stream, self.run, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // CAP-05
    #[test]
    fn a_recorder_that_starts_in_1970_is_named_after_the_one_before_it() {
        // Made in 2112.
        let earlier: RecorderId = "04134e5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let after = RecorderId::after(earlier);
        assert!(after > earlier);
        assert_eq!(after.to_string().parse(), Ok(after), "it is one of ours");
        assert!(RecorderId::after(after) > after);
        let usual: RecorderId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert!(RecorderId::after(usual).made_at_ms() > usual.made_at_ms() + 1);
    }

    #[test]
    fn an_id_has_one_spelling_only() {
        let id = AgentId::generate();
        let text = id.to_string();
        assert_eq!(text.parse::<AgentId>(), Ok(id));
        for bad in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), String::new(), "#".into()] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad}");
        }
        assert!(Uuid::new_v4().to_string().parse::<AgentId>().is_err(), "only version 7");
    }

    #[test]
    fn a_run_is_its_directory_name() {
        let run = RunId { boot: 0x1a2b_3c4d, counter: 7 };
        assert_eq!(run.to_string(), "1a2b3c4d-00000007");
        assert_eq!(run.to_string().parse(), Ok(run));
        for bad in ["1a2b3c4d-7", "../etc-00000001", "1A2B3C4D-00000007", "1a2b3c4d"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }
}
