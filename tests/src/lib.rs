//! What the end-to-end, fault, permission and browser tests share.
