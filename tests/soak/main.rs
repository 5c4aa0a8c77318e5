//! Long stretches of recording (Must show 1): a simulated day of bad weather, a real hour of many cameras.
//!
//! Belongs here: time. Does not: single faults (`faults`), single bad cameras (`sources`), cost beside peers (`bench`).

mod books;
mod day;
mod hour;
mod lens;
mod proofs;
