//! What proves what was kept: the boxes' own logs, checkpoints over the segment chains, coverage statements, deletion
//! certificates.
//!
//! Belongs here: how a log is framed and chained ([`log`]), what a recorder writes into its own ([`entry`]), the documents
//! an agent signs about its own footage, the sums in them ([`ledgered`], [`coverage`]), and checking them against footage,
//! offline.
//! Does not: writing logs, when documents are made (`agent::ledger`), where they are stored, key files.
//!
//! The chain: a segment names its predecessor's digest within a run; a run names the last segment of the run before
//! (`RunOpened` in the recorder's log); a checkpoint names each run's newest segment and the checkpoint before it.

pub mod coverage;
mod documents;
pub mod entry;
pub mod gone;
pub mod grounds;
pub mod ledgered;
pub mod log;
pub mod verify;
pub mod word;

pub use documents::*;
