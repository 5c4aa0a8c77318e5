//! The watchman at the site: records local cameras and answers to the hub.
//!
//! `run` imports everything and nothing imports `run`. Each foreign library has one room: `camera` retina, `media`
//! gstreamer, `store` sled, `uplink` rumqttc.

pub mod camera;
pub mod catalog;
pub mod config;
pub mod desired;
pub mod enrol;
pub mod footage;
pub mod health;
pub mod ledger;
pub mod media;
pub mod outbox;
pub mod reconcile;
pub mod record;
pub mod recorder;
pub mod retention;
pub mod run;
pub mod scrub;
pub mod status;
pub mod store;
pub mod uplink;
pub mod vault;
