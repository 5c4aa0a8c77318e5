//! The people's HTTPS door (sessions).
