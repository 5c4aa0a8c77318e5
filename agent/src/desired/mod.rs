//! What the hub wants of this box: whether it is accepted, and where it is kept.
//!
//! Belongs here: signature, addressee, generation, parts and their digests (`accept`, pure), the files under `desired/`
//! (`keep`). Does not: carrying it out (`reconcile`), talking to the hub (`uplink`, `enrol::Door`).

mod accept;
mod keep;

pub use accept::{Accepted, Parts, Standing, accept, check_part, read_parts, refusal};
pub use keep::{KeepError, Kept, load, save, stored_part};
