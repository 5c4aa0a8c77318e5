//! Fan-out to browsers: a snapshot, then changes.
