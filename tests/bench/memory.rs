//! Private memory of the agent without its recorder, with years of footage catalogued.
