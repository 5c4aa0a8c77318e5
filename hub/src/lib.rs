//! The office: aggregates the fleet, pushes policies, brokers footage pulls.
//!
//! `run` imports everything and nothing imports `run`. Handlers only write rows; one small task per kind turns rows into
//! effects. Each foreign library has one room: `store` SQL, `broker` the MQTT broker crate, `api|intake|live` axum.

pub mod api;
pub mod audit;
pub mod auth;
pub mod broker;
pub mod config;
pub mod dispatch;
pub mod door;
pub mod enrol;
pub mod fleet;
pub mod footage;
pub mod ingest;
pub mod intake;
pub mod keys;
pub mod live;
pub mod policy;
pub mod run;
pub mod store;
pub mod vault;
