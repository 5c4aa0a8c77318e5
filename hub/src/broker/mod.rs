//! The MQTT broker crate ends here behind one trait: mTLS listener, certificate to agent, topic access.
//!
//! Belongs here: [`Bus`] (what the hub can do to agents), [`Ears`] (what the broker asks and tells the hub), and the embedded
//! broker behind them. Does not: what a message means (`ingest`), who is revoked (`enrol::gate`).
//!
//! The hub hears agents in the broker's publish check, before the PUBACK: an answer there is flow control. Nothing the
//! broker keeps matters: sessions and queues may be lost at any time, rows decide.

mod embedded;

use std::net::SocketAddr;

use bytes::Bytes;
use farwatch_shared::id::AgentId;
use farwatch_shared::topic::{Down, Up};
use futures::future::BoxFuture;

pub use embedded::{Embedded, Listen};

/// What a broker can do, for those that cannot do everything (Mosquitto: no kick).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// A live session can be ended by the hub.
    pub kick: bool,
    /// The hub hears a message before it is acknowledged.
    pub hears_before_ack: bool,
}

/// Why the broker would not.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("the broker cannot listen on {listen}; is another hub running, or the port taken")]
    Listen {
        listen: SocketAddr,
        #[source]
        source: anyhow::Error,
    },
    #[error("the message is {0} bytes, more than a packet may have")]
    TooLarge(usize),
    #[error("the broker did not take it: {0}")]
    Refused(String),
}

/// One message to one agent, QoS 1, not retained.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub agent: AgentId,
    pub topic: Down,
    pub body: Bytes,
    /// Not delivered later than this many seconds.
    pub expires_s: u32,
}

/// What the hub can do to agents.
pub trait Bus: Send + Sync {
    /// Hands a message to the broker. That it arrives is not said; only the agent's own words say so.
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<(), BusError>>;
    /// Ends an agent's live session. False when there is none, or the broker cannot.
    fn kick(&self, agent: AgentId) -> BoxFuture<'_, Result<bool, BusError>>;
    fn capabilities(&self) -> Capabilities;
}

/// One message from an agent. The sender is the session's certificate, never the payload.
#[derive(Debug, Clone)]
pub struct Uplink {
    pub agent: AgentId,
    pub up: Up,
    pub body: Bytes,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Acknowledge it. Also for what cannot be read: it is counted, and must not come again for ever.
    Taken,
    /// The hub cannot take it now: end the session, the agent comes back with it.
    Close,
}

/// What the broker asks and tells the hub.
pub trait Ears: Send + Sync + 'static {
    /// Whether a certificate may open a session.
    fn admit<'a>(&'a self, agent: AgentId, serial: &'a str) -> BoxFuture<'a, bool>;
    /// A message, awaited before its acknowledgement.
    fn hear(&self, message: Uplink) -> BoxFuture<'_, Heard>;
    /// The Will of a session that broke.
    fn will(&self, message: Uplink) -> BoxFuture<'_, ()>;
    /// Something an agent tried and was refused. Must be cheap: it may come a thousand times a second.
    fn refused(&self, agent: AgentId, what: &'static str, detail: &str);
    /// A sign of life that is no message (a ping).
    fn alive(&self, agent: AgentId);
}
