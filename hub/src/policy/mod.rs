//! The model of what agents should do, validated, rendered to a desired state.
