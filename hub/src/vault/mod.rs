//! Received bytes, durable before they are acknowledged.
