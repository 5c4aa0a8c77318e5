//! Waiting for a condition of another process, with a deadline that says what was awaited.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// Asks again every 50 ms until the answer is there.
///
/// # Panics
/// After the deadline, naming what was awaited.
pub async fn until<T, F, Fut>(what: &str, within: Duration, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {within:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
