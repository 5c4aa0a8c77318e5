//! Access units become segments; rotate, gap and clock decisions are pure.
//!
//! Belongs here: [`cut`] (the rules), what they stand on ([`line`], [`window`], [`hole`], [`sound`]), when a stream
//! is recorded ([`due`], [`modes`], [`preroll`], [`activity`], [`events`]), the bounded way
//! from the cameras to the disk ([`intake`]), writing ([`file`], [`hand`]), syncing ([`sync`]) and
//! going on in another log ([`turn`]).
//! Does not: cameras (`camera`), the process around it (`recorder`), paths (`vault`), the log's format (`ledger`).
//!
//! Two threads: cameras are read on one and never wait for the other, which writes. What does not fit the byte budget
//! between them is dropped in whole GOPs and ledgered.

pub mod activity;
pub mod book;
pub mod clocks;
pub mod counter;
pub mod cut;
pub mod due;
pub mod events;
pub mod figures;
pub mod file;
pub mod gate;
pub mod hand;
pub mod hole;
pub mod intake;
pub mod line;
pub mod link;
pub mod modes;
mod mount;
pub mod opened;
pub mod owed;
mod pace;
pub mod preroll;
pub mod recover;
pub mod session;
pub mod sound;
pub mod sync;
pub mod turn;
pub mod window;
