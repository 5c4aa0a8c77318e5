//! What footage exists; rebuilt from the vault and the recorders' logs whenever it is lost.
//!
//! Belongs here: one row per camera stream and ten minutes, totals per stream, gap figures. Does not: deciding what to delete
//! or send, reading footage. Memory holds one open block and a few figures per stream, whatever the number of segments.

mod ages;
mod anchors;
mod block;
mod build;
mod index;
mod thread;

pub use ages::{AgeDay, Ages, Day, Sum, day_of, day_start};
pub use block::{Entry, StreamKey};
pub use build::{Evidence, Repair};
pub use index::{DeletedByRecorder, GapFigures, Index, Totals};
pub use thread::{AllTotals, Catalog, CatalogConfig, CatalogError, reindex, start};
