//! Whether an order is carried out. Pure: values in, a decision out.

use std::collections::{BTreeMap, BTreeSet};

use farwatch_shared::id::{AgentId, OrderId};
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{Signed, Verified};
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::MAX_PULL_MS;
use farwatch_shared::wire::latest::{Order, OrderBody, PullOrder};

use crate::catalog::StreamKey;
use crate::desired::refusal;

/// A reason longer than this is not for people to read.
const MAX_REASON: usize = 2_000;
/// How far ahead of us the hub's clock may be.
const AHEAD_MS: i64 = 24 * 3_600_000;

/// What the decision depends on.
pub struct Context<'a> {
    pub me: AgentId,
    pub key: &'a VerifyKey,
    /// Nonce of the session the order came in.
    pub nonce: &'a str,
    pub trusted: WallMs,
    /// The present as the box's wall clock has it: footage of the future is asked for by mistake.
    pub wall: WallMs,
    pub spent: &'a BTreeMap<OrderId, WallMs>,
    /// Streams that are known, wanted or with footage.
    pub known: &'a BTreeSet<StreamKey>,
    /// The outbox can take what must never be dropped.
    pub outbox_has_room: bool,
}

/// A refusal, with the order when it was at least signed by the hub.
pub type Refused = (Refusal, Option<Box<Verified<Order>>>);

/// Decides.
///
/// # Errors
/// The reason, which goes back to the hub.
pub fn accept(signed: &Signed<Order>, with: &Context<'_>) -> Result<Verified<Order>, Refused> {
    let order = signed.verify(with.key).map_err(|error| (refusal(&error), None))?;
    match check(&order, with) {
        Ok(()) => Ok(order),
        Err(refusal) => Err((refusal, Some(Box::new(order)))),
    }
}

fn check(order: &Order, with: &Context<'_>) -> Result<(), Refusal> {
    if order.agent != with.me {
        return Err(Refusal::WrongAddressee);
    }
    // Before the nonce: an order that comes twice in one session is a repetition, not a stranger's.
    if with.spent.contains_key(&order.order) {
        return Err(Refusal::AlreadySpent);
    }
    if order.nonce != with.nonce {
        return Err(Refusal::WrongSession);
    }
    if order.expires_at_ms <= with.trusted {
        return Err(Refusal::Expired);
    }
    if order.expires_at_ms <= order.issued_at_ms {
        return Err(Refusal::Malformed);
    }
    let OrderBody::Pull(pull) = &order.body;
    check_pull(pull, with)
}

fn check_pull(pull: &PullOrder, with: &Context<'_>) -> Result<(), Refusal> {
    if pull.reason.trim().is_empty() || pull.reason.len() > MAX_REASON {
        return Err(Refusal::Malformed);
    }
    let length = pull.end_ms.since(pull.start_ms);
    if length <= 0 || length > MAX_PULL_MS || pull.start_ms.since(with.wall) > AHEAD_MS {
        return Err(Refusal::BadRange);
    }
    if !with.known.contains(&StreamKey { camera: pull.camera, stream: pull.stream }) {
        return Err(Refusal::UnknownCamera);
    }
    if !with.outbox_has_room {
        return Err(Refusal::LedgerUnwritable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::{CameraId, PersonId, StreamName};
    use farwatch_shared::keys::SignKey;
    use farwatch_shared::wire::latest::Rendition;

    const NOW: WallMs = WallMs(1_800_000_000_000);

    struct Scene {
        key: SignKey,
        other: SignKey,
        order: Order,
        known: BTreeSet<StreamKey>,
        spent: BTreeMap<OrderId, WallMs>,
    }

    impl Scene {
        fn new() -> Self {
            let camera = CameraId::generate();
            let pull = PullOrder {
                camera,
                stream: StreamName::Main,
                start_ms: NOW.plus_ms(-60_000),
                end_ms: NOW.plus_ms(-40_000),
                rendition: Rendition::Original,
                person: PersonId::generate(),
                reason: "window broken".into(),
            };
            let order = Order {
                order: OrderId::generate(),
                agent: AgentId::generate(),
                nonce: "n".into(),
                issued_at_ms: NOW,
                expires_at_ms: NOW.plus_ms(600_000),
                body: OrderBody::Pull(pull),
                crit: Vec::new(),
            };
            let known = BTreeSet::from([StreamKey { camera, stream: StreamName::Main }]);
            let (key, other) = (SignKey::generate().unwrap(), SignKey::generate().unwrap());
            Self { key, other, order, known, spent: BTreeMap::new() }
        }

        fn answer(&self, order: &Order, key: &SignKey, trusted: WallMs, nonce: &str) -> Option<Refusal> {
            let public = self.key.public();
            let with = Context {
                me: self.order.agent,
                key: &public,
                nonce,
                trusted,
                wall: NOW,
                spent: &self.spent,
                known: &self.known,
                outbox_has_room: true,
            };
            accept(&Signed::sign(order, key).unwrap(), &with).err().map(|(refusal, _)| refusal)
        }

        fn pull(&self, change: impl FnOnce(&mut PullOrder)) -> Option<Refusal> {
            let mut order = self.order.clone();
            let OrderBody::Pull(pull) = &mut order.body;
            change(pull);
            self.answer(&order, &self.key, NOW, "n")
        }
    }

    // ACC-02, ACC-03
    #[test]
    fn an_order_is_carried_out_once_in_its_session_and_its_time_for_a_reason() {
        let mut scene = Scene::new();
        let order = scene.order.clone();
        assert_eq!(scene.answer(&order, &scene.key, NOW, "n"), None);
        assert_eq!(scene.answer(&order, &scene.other, NOW, "n"), Some(Refusal::BadSignature));
        assert_eq!(scene.answer(&order, &scene.key, NOW, "other"), Some(Refusal::WrongSession));
        assert_eq!(scene.answer(&order, &scene.key, NOW.plus_ms(600_000), "n"), Some(Refusal::Expired));
        let elsewhere = Order { agent: AgentId::generate(), ..order.clone() };
        assert_eq!(scene.answer(&elsewhere, &scene.key, NOW, "n"), Some(Refusal::WrongAddressee));
        assert_eq!(scene.pull(|p| p.reason = "  ".into()), Some(Refusal::Malformed));
        assert_eq!(scene.pull(|p| p.end_ms = p.start_ms), Some(Refusal::BadRange));
        assert_eq!(scene.pull(|p| p.start_ms = p.end_ms.plus_ms(-MAX_PULL_MS - 1)), Some(Refusal::BadRange));
        assert_eq!(scene.pull(|p| p.camera = CameraId::generate()), Some(Refusal::UnknownCamera));
        assert_eq!(scene.pull(|p| p.stream = StreamName::Sub), Some(Refusal::UnknownCamera));
        scene.spent.insert(order.order, NOW);
        assert_eq!(scene.answer(&order, &scene.key, NOW, "n"), Some(Refusal::AlreadySpent));
        assert_eq!(scene.answer(&order, &scene.key, NOW, "other"), Some(Refusal::AlreadySpent), "replayed later");
    }
}
