//! Whether an agent is there: a pure decision. Wills are hints, deadlines decide.

use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::PresenceState;

/// Without any sign for this long an agent is late.
pub const LATE_MS: i64 = 60_000;
/// Without any sign for this long an agent is lost.
pub const LOST_MS: i64 = 90_000;

/// Presence as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceNow {
    /// Never heard.
    Never,
    Online,
    /// The connection broke, or no sign for 60 s.
    Late,
    /// No sign for 90 s.
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
            Self::Online => "online",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }
}

/// `said`: its last presence (or the Will's); `last_seen`: any sign of life, 0 for none.
#[must_use]
pub fn decide(said: Option<PresenceState>, last_seen: WallMs, now: WallMs) -> PresenceNow {
    if said.is_none() && last_seen.0 == 0 {
        return PresenceNow::Never;
    }
    let silent = now.since(last_seen);
    match said {
        Some(PresenceState::Stopping) => PresenceNow::Stopped,
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
}
