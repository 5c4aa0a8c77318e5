//! The present tense: presence, state, drift.
