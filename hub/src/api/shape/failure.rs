//! The one shape of an error.

use farwatch_shared::size::ByteSize;
use serde::Serialize;
use utoipa::ToSchema;

/// Every answer of 4xx and 5xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    pub error: FailureDetail,
}

/// What went wrong, for a program and for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailureDetail {
    /// One word in snake_case a program can act on.
    #[schema(example = "reason_required")]
    pub code: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do next, in a sentence.
    pub next: String,
    /// Bytes the agent's disk is short of, for `policy_too_large`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub missing_bytes: Option<ByteSize>,
}
