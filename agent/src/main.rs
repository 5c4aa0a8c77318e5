//! The `farwatch-agent` command.

fn main() {}
