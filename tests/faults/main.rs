//! `kill -9` at random instants, power cuts, lost outboxes: what was committed stays, and what is missing is said.
//!
//! Truth is the test camera's own journal of the frames it sent: each decodes from the vault or lies in a ledgered gap,
//! and no gap contains a recorded frame (one frame of tolerance at each edge). Covers CAP-03, EVD-01; PEERS 2, 3, 11.

mod kills;
mod outbox;
mod power;
