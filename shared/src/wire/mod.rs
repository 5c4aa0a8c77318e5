//! The wire contract: one frozen folder per version, one file per message, and [`latest`] for the code that speaks.
//!
//! Belongs here: message shapes, their bounds, golden byte files that must decode for ever. Does not: transport, storage,
//! what a message causes.
//!
//! Rules: JSON; ids are lower-case UUIDv7 text; times integer UTC milliseconds `_ms`; media ticks `_ticks90k`; integers
//! below 2^53, never floats; unknown fields are ignored; new fields get `#[serde(default)]`.

pub mod latest;
pub mod v1;

/// Largest MQTT packet either end accepts. Refused at enqueue time, not when it is already stuck in a queue.
pub const MAX_PACKET: usize = 128 << 10;

/// Largest body of one message: a packet less its topic and properties.
pub const MAX_BODY: usize = MAX_PACKET - 1024;

/// Parts of the desired state below this size travel inside it, larger ones are fetched.
pub const INLINE_PART: usize = 8 << 10;

/// Most facts in one batch.
pub const MAX_FACTS: usize = 100;

/// Largest piece of an upload in one request.
pub const MAX_UPLOAD: u64 = 4 << 20;

/// Longest footage one pull may ask for: 24 hours.
pub const MAX_PULL_MS: i64 = 24 * 3_600_000;
