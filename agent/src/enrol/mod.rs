//! How a box gets, renews and keeps its identity.
