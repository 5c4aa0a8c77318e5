//! Tokens, certificates, renewal, revocation.
