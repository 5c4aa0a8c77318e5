//! The life of a pull: requested, pulling, received, sealed, or refused, failed, expired.
