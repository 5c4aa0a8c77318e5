//! The footage directory; nobody else builds a path in it.
