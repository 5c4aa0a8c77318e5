//! The test camera.

fn main() {}
