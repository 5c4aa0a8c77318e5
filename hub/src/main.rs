//! The `farwatch-hub` command.

fn main() {
    if std::env::args().nth(1).as_deref() == Some("openapi") {
        println!("{}", farwatch_hub::api::openapi().to_pretty_json().unwrap_or_default());
    }
}
