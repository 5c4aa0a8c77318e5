//! What nearly every route file names: the extractors, the answers, the shapes.

pub(super) use axum::Json;
pub(super) use axum::extract::State;
pub(super) use axum::http::StatusCode;
pub(super) use axum::response::{IntoResponse, Response};
pub(super) use farwatch_shared::id::{AgentId, CameraId, HoldId, OrderId, SiteId, ViewId};
pub(super) use farwatch_shared::time::WallMs;

pub(super) use super::routes::Routes;
pub(super) use super::shape::*;
pub(super) use super::take::{self, Asked, Body, Named};
pub(super) use super::{Fail, Office};
pub(super) use crate::auth::{Admin, Person};
