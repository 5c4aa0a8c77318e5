//! The journal: an append-only log of every mutation and every view.
