//! The words agent and hub agree on.
//!
//! Belongs here: identifiers, units, the sealed-document envelope, MQTT topics, wire messages, proofs of what was kept, the fMP4 vocabulary.
//! Does not: tokio, sockets, files, SQL, GStreamer. Everything here is a pure function of its arguments; the one
//! exception is [`time`], the single place that reads the clock.

pub mod digest;
pub mod evidence;
pub mod id;
pub mod keys;
pub mod media;
pub mod policy;
pub mod refusal;
pub mod seal;
pub mod secret;
pub mod size;
pub mod time;
pub mod topic;
pub mod wire;
