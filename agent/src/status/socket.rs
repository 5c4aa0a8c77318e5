//! The local socket: whoever may open it connects and reads one JSON object, the status or, after a line that asks for
//! something, what became of that.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::answer::{Status, StatusSources};
use super::trigger::{Ask, Asked, Triggers};
use crate::recorder::address::Address;

/// How long the asker waits for a running agent.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long an asker may take to say what it wants.
const SAYING: Duration = Duration::from_millis(300);
const LINE_LIMIT: u64 = 4 << 10;

/// Answers until stopped. The agent's directory keeps strangers out.
pub async fn serve(path: std::path::PathBuf, sources: StatusSources, triggers: Triggers, stop: CancellationToken) {
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
        let answer = match asked(&mut socket).await {
            None => serde_json::to_vec(&sources.now()),
            Some(Ok(ask)) => serde_json::to_vec(&triggers.take(ask)),
            Some(Err(error)) => serde_json::to_vec(&Asked::Refused { why: format!("not understood: {error}") }),
        };
        let Ok(bytes) = answer else { continue };
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

/// What the asker wants; nothing said is the status.
async fn asked(socket: &mut UnixStream) -> Option<Result<Ask, serde_json::Error>> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(socket.take(LINE_LIMIT));
    let read = tokio::time::timeout(SAYING, reader.read_until(b'\n', &mut line)).await;
    if !matches!(read, Ok(Ok(_))) || line.is_empty() {
        return None;
    }
    Some(serde_json::from_slice(&line))
}

/// Asks the running agent; `None` when none answers.
#[must_use]
pub fn ask(path: &Path) -> Option<Status> {
    let mut socket = std::os::unix::net::UnixStream::connect(Address::of(path).ok()?).ok()?;
    socket.shutdown(std::net::Shutdown::Write).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
