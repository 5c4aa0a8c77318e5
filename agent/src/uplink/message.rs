//! What goes up and comes down, and why something cannot go up.

use bytes::Bytes;
use farwatch_shared::topic::{Down as DownTopic, Up};
use farwatch_shared::wire::MAX_BODY;
use serde::Serialize;

/// How a message is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// QoS 0, dropped when the line is busy, worthless after a minute.
    Fleeting,
    /// QoS 1.
    Certain,
}

/// A message that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub(super) topic: Up,
    pub(super) body: Bytes,
    pub(super) priority: Priority,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UplinkError {
    #[error("the message for {topic:?} is {found} bytes, at most {MAX_BODY} travel")]
    TooLarge { topic: Up, found: usize },
    #[error("the message for {topic:?} cannot be written as JSON")]
    Unwritable { topic: Up },
    #[error("the line to the hub is down")]
    Away,
    #[error("the line to the hub is busy")]
    Busy,
}

impl Message {
    /// # Errors
    /// When the body is larger than any packet: such a one would wedge the line, so it never gets near it.
    pub fn new<T: Serialize>(topic: Up, body: &T, priority: Priority) -> Result<Self, UplinkError> {
        let body = serde_json::to_vec(body).map_err(|_| UplinkError::Unwritable { topic })?;
        if body.len() > MAX_BODY {
            return Err(UplinkError::TooLarge { topic, found: body.len() });
        }
        Ok(Self { topic, body: body.into(), priority })
    }
}

/// A message from the hub, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    pub topic: DownTopic,
    pub body: Bytes,
    /// The session it came in.
    pub session: super::Session,
}

#[cfg(test)]
mod tests {
    use super::*;

    // OPS-02
    #[test]
    fn an_oversize_message_is_refused_before_it_reaches_the_line() {
        let body = "x".repeat(MAX_BODY + 1);
        let error = Message::new(Up::Fact, &body, Priority::Certain).unwrap_err();
        assert_eq!(error, UplinkError::TooLarge { topic: Up::Fact, found: MAX_BODY + 3 });
        assert!(Message::new(Up::Fact, &"x".repeat(MAX_BODY - 2), Priority::Certain).is_ok());
    }
}
