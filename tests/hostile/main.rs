//! A hostile box with a valid certificate reaches nothing but its own subtree, and nobody else notices it is there.
//!
//! Covers OPS-01, ACC-05; PEERS 12 and 17.

mod captured;
mod doors;
mod flood;
mod intake;
mod mqtt;
