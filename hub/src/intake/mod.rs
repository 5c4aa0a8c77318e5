//! The agents' HTTPS door (mutual TLS).
