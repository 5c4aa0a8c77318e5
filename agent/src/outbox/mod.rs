//! Facts on their way to the hub: durable, bounded, acknowledged end to end.
