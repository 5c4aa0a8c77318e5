//! What the people's door says and takes: one file per noun, every field documented with its unit.
//!
//! Belongs here: JSON shapes and nothing else. They are the source of the OpenAPI document, from which the page's client
//! is generated. Does not: how a shape is filled (the handlers), what is stored, the wire to the agents.
//!
//! Rules: times are integer UTC milliseconds `_ms`; ids lower-case UUIDv7 text; integers stay below 2^53.

mod agent;
mod camera;
mod condition;
mod coverage;
mod failure;
mod fleet;
mod journal;
mod pull;
mod recording;
mod session;
mod timeline;
mod token;
mod view;

pub use agent::*;
pub use camera::*;
pub use condition::*;
pub use coverage::*;
pub use failure::*;
pub use fleet::*;
pub use journal::*;
pub use pull::*;
pub use recording::*;
pub use session::*;
pub use timeline::*;
pub use token::*;
pub use view::*;
