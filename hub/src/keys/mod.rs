//! The keys directory: CA, document key, log key.
