//! The append-only logs: gaps, closings, accesses, spent orders, chain heads.
