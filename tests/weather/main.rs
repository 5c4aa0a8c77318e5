//! The box in bad weather: a hundred faults with the right cause each, and power cuts that really lose the page cache.
//!
//! Truth is what the test cameras sent and what decodes from the vault, frame by frame. Covers CAP-03, CAP-05; PEERS 2-5.
//! Needs root, for network namespaces, loop devices and mounts of its own.

mod cuts;
mod fault;
mod house;
mod hundred;
mod powered;
mod trace;
