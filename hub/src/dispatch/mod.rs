//! Rows not yet delivered are signed and published; the only sender to agents.
