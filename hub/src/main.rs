//! The `farwatch-hub` command.

fn main() {}
