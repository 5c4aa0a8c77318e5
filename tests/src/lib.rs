//! What the end-to-end, fault, permission and browser tests share: real hubs, agents, cameras and people to drive.
//!
//! Belongs here: starting and stopping the real programs, talking to them as a person or as a box would, reading what
//! cameras sent and recordings hold, waiting for a condition with a deadline. Does not: the tests themselves, or any
//! stand-in for a part of the product.

pub mod account;
pub mod agent;
pub mod bins;
pub mod books;
pub mod camera;
pub mod child;
pub mod disk;
pub mod frames;
pub mod hub;
pub mod netns;
pub mod person;
pub mod raw;
pub mod recorder;
pub mod shim;
pub mod site;
pub mod sockets;
pub mod truth;
pub mod wait;
