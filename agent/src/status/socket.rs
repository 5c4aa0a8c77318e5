//! The local socket: whoever may open it connects and reads one JSON object.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::answer::{Status, StatusSources};
use crate::recorder::address::Address;

/// How long the asker waits for a running agent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers until stopped. The agent's directory keeps strangers out.
pub async fn serve(path: std::path::PathBuf, sources: StatusSources, stop: CancellationToken) {
    let _ = std::fs::remove_file(&path);
    let listener = match Address::of(&path).and_then(UnixListener::bind) {
        Ok(listener) => listener,
        Err(error) => return warn!(path = %path.display(), %error, "status cannot be answered"),
    };
    loop {
        let socket = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            socket = listener.accept() => socket,
        };
        let Ok((mut socket, _)) = socket else { continue };
        let Ok(bytes) = serde_json::to_vec(&sources.now()) else { continue };
        // One asker at a time, and none that does not read.
        let sent = tokio::time::timeout(PATIENCE, async {
            socket.write_all(&bytes).await?;
            socket.shutdown().await
        });
        if !matches!(sent.await, Ok(Ok(()))) {
            debug!("whoever asked for the status did not read it");
        }
    }
    let _ = std::fs::remove_file(&path);
}

/// Asks the running agent; `None` when none answers.
#[must_use]
pub fn ask(path: &Path) -> Option<Status> {
    let mut socket = std::os::unix::net::UnixStream::connect(Address::of(path).ok()?).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
