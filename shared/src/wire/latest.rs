//! The version our code speaks.

pub use super::v1::*;
