//! Which state of a pull may follow which. Pure.

use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::WallMs;

use crate::store::pulls::{Move, PullRow, PullState};

/// No byte and no word for this long while the agent is there: given up.
pub const STALLED_MS: i64 = 15 * 60_000;

/// What happens to a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The agent took the order.
    Accepted,
    /// The manifest, bytes, or a word came.
    Progress,
    /// The last byte is on the disk.
    AllReceived,
    /// Every digest was checked again and the files are composed.
    Sealed,
    /// The agent will not.
    Refused { refusal: Refusal, detail: String },
    /// The agent, or the hub, cannot.
    Failed { refusal: Refusal, detail: String },
    /// Time passes.
    Time { now: WallMs, agent_is_there: bool },
}

/// Where an event takes a pull; `None` when it stays.
#[must_use]
pub fn next(pull: &PullRow, event: &Event) -> Option<Move> {
    use PullState::{Approved, Expired, Failed, Pulling, Received, Refused, Requested, Sealed};
    let plain = |to| Some(Move { to, refusal: None, detail: String::new() });
    match (pull.state, event) {
        (Sealed | Refused | Failed | Expired, _) => None,
        (Approved, Event::Accepted | Event::Progress) => plain(Pulling),
        // The agent has it already and goes on by itself: a word of its was lost on the way.
        (Approved, Event::Refused { refusal: Refusal::AlreadySpent, .. }) => plain(Pulling),
        (Pulling, Event::Refused { refusal: Refusal::AlreadySpent, .. }) => None,
        // It came too late for its session; the next session gets it anew.
        (Approved | Pulling, Event::Refused { refusal: Refusal::WrongSession, .. }) => None,
        (Approved | Pulling, Event::AllReceived) => plain(Received),
        (Received, Event::Sealed) => plain(Sealed),
        (Requested | Approved | Pulling, Event::Refused { refusal, detail }) => {
            Some(Move { to: Refused, refusal: Some(*refusal), detail: detail.clone() })
        }
        (_, Event::Failed { refusal, detail }) => {
            // What the agent says of itself cannot undo bytes that are here already.
            (pull.state != Received || *refusal == Refusal::DigestMismatch || *refusal == Refusal::Internal)
                .then(|| Move { to: Failed, refusal: Some(*refusal), detail: detail.clone() })
        }
        (Requested | Approved | Pulling, Event::Time { now, .. }) if *now >= pull.expires_ms => Some(Move {
            to: Expired,
            refusal: Some(Refusal::Expired),
            detail: "not finished within its time; ask again".into(),
        }),
        (Pulling, Event::Time { now, agent_is_there: true }) if now.since(pull.progress_ms) > STALLED_MS => {
            Some(Move {
                to: Failed,
                refusal: Some(Refusal::Internal),
                detail: "nothing came for 15 minutes although the agent is there; ask again".into(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::{AgentId, CameraId, OrderId, PersonId, StreamName};
    use farwatch_shared::wire::latest::Rendition;

    fn pull(state: PullState) -> PullRow {
        PullRow {
            order: OrderId::generate(),
            agent: AgentId::generate(),
            camera: CameraId::generate(),
            stream: StreamName::Main,
            rendition: Rendition::Original,
            start_ms: WallMs(0),
            end_ms: WallMs(1),
            reason: "x".into(),
            person: PersonId::generate(),
            state,
            refusal: None,
            detail: String::new(),
            created_ms: WallMs(0),
            changed_ms: WallMs(0),
            expires_ms: WallMs(1_000_000_000),
            progress_ms: WallMs(0),
            ordered_session: 0,
            has_manifest: false,
            bytes_total: 0,
            bytes_received: 0,
            sealed_ms: None,
        }
    }

    #[test]
    fn a_pull_that_ended_stays_as_it_is() {
        let events = [
            Event::Accepted,
            Event::AllReceived,
            Event::Sealed,
            Event::Failed { refusal: Refusal::DigestMismatch, detail: String::new() },
            Event::Time { now: WallMs(i64::MAX), agent_is_there: true },
        ];
        for state in [PullState::Sealed, PullState::Refused, PullState::Failed, PullState::Expired] {
            assert!(events.iter().all(|e| next(&pull(state), e).is_none()), "{state:?}");
        }
    }

    #[test]
    fn only_received_bytes_are_sealed_and_a_late_refusal_does_not_undo_them() {
        assert!(next(&pull(PullState::Pulling), &Event::Sealed).is_none());
        assert_eq!(next(&pull(PullState::Received), &Event::Sealed).unwrap().to, PullState::Sealed);
        let refused = Event::Refused { refusal: Refusal::NoFootage, detail: String::new() };
        assert!(next(&pull(PullState::Received), &refused).is_none());
        assert_eq!(next(&pull(PullState::Approved), &refused).unwrap().refusal, Some(Refusal::NoFootage));
    }

    #[test]
    fn an_order_said_twice_does_not_end_the_pull_it_began() {
        let refused = |refusal| Event::Refused { refusal, detail: String::new() };
        assert!(next(&pull(PullState::Pulling), &refused(Refusal::AlreadySpent)).is_none());
        assert_eq!(next(&pull(PullState::Approved), &refused(Refusal::AlreadySpent)).unwrap().to, PullState::Pulling);
        assert!(next(&pull(PullState::Approved), &refused(Refusal::WrongSession)).is_none());
    }

    #[test]
    fn silence_ends_a_pull_only_while_the_agent_is_there() {
        let silent = WallMs(STALLED_MS + 1);
        let time = |agent_is_there| Event::Time { now: silent, agent_is_there };
        assert!(next(&pull(PullState::Pulling), &time(false)).is_none());
        assert_eq!(next(&pull(PullState::Pulling), &time(true)).unwrap().to, PullState::Failed);
        assert!(next(&pull(PullState::Approved), &time(true)).is_none());
        let late = Event::Time { now: WallMs(1_000_000_000), agent_is_there: false };
        assert_eq!(next(&pull(PullState::Approved), &late).unwrap().to, PullState::Expired);
    }
}
