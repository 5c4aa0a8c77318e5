//! `up/result`: how an order goes.

use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::refusal::Refusal;
use crate::size::ByteSize;
use crate::time::WallMs;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderResult {
    pub order: OrderId,
    pub at_ms: WallMs,
    pub state: OrderState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OrderState {
    Accepted,
    Running {
        sent: ByteSize,
        total: ByteSize,
    },
    Done {
        sent: ByteSize,
    },
    Refused {
        refusal: Refusal,
        detail: String,
    },
    /// Tried and given up; another order may succeed.
    Failed {
        refusal: Refusal,
        detail: String,
    },
}
