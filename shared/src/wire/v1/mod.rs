//! Version 1 of the wire. Frozen once released: fields may be added with a default, never renamed or given new meaning.

mod camera;
mod desired;
mod enrol;
mod fact;
mod health;
mod manifest;
mod order;
mod presence;
mod received;
mod reported;
mod result;

pub use camera::*;
pub use desired::*;
pub use enrol::*;
pub use fact::*;
pub use health::*;
pub use manifest::*;
pub use order::*;
pub use presence::*;
pub use received::*;
pub use reported::*;
pub use result::*;

#[cfg(test)]
mod golden;
