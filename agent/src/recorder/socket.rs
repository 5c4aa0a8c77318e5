//! The recorder's end of the socket: says wake-ups to every listener, hears plans.
//!
//! Belongs here: accepting, the bounded queue of each listener, what a new listener is told first. Does not: what is said
//! ([`super::protocol`]) or done about it.
//!
//! Saying never waits. A listener whose queue ([`LISTENER_QUEUE`]) is full loses announcements and is told how many.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farwatch_shared::id::{CameraId, RecorderId, StreamName};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::address::Address;
use super::protocol::{Down, LINE_LIMIT, LISTENER_QUEUE, StreamStatus, Up};

/// Listeners at once: the agent, its successor for a moment, a technician's tool.
const LISTENERS: usize = 8;

/// Says wake-ups to whoever listens. Cheap to clone.
#[derive(Clone)]
pub struct Wakeups(Arc<Mutex<Inner>>);

struct Inner {
    recorder: RecorderId,
    plan: u64,
    streams: BTreeMap<(CameraId, StreamName), StreamStatus>,
    listeners: Vec<Listener>,
}

struct Listener {
    queue: mpsc::Sender<Arc<str>>,
    missed: u64,
}

impl Wakeups {
    #[must_use]
    pub fn new(recorder: RecorderId) -> Self {
        Self(Arc::new(Mutex::new(Inner { recorder, plan: 0, streams: BTreeMap::new(), listeners: Vec::new() })))
    }

    /// Nothing is half done under this lock, so a panic elsewhere leaves it usable.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody listens: announcements nobody hears need not be made.
    #[must_use]
    pub fn heard(&self) -> bool {
        !self.inner().listeners.is_empty()
    }

    /// Says something to every listener.
    pub fn say(&self, up: &Up) {
        self.inner().say(std::slice::from_ref(up));
    }

    /// Says several things at once: they go out in one write.
    pub fn say_all(&self, ups: impl ExactSizeIterator<Item = Up>) {
        if ups.len() > 0 {
            let ups: Vec<Up> = ups.collect();
            self.inner().say(&ups);
        }
    }

    /// Forgets streams that are no longer planned.
    pub fn keep_streams(&self, wanted: impl Fn(CameraId, StreamName) -> bool) {
        self.inner().streams.retain(|(camera, stream), _| wanted(*camera, *stream));
    }

    /// A new listener's queue, with what it must know already in it.
    fn enter(&self) -> Option<mpsc::Receiver<Arc<str>>> {
        let mut inner = self.inner();
        inner.listeners.retain(|listener| !listener.queue.is_closed());
        if inner.listeners.len() >= LISTENERS {
            return None;
        }
        let (queue, heard) = mpsc::channel(LISTENER_QUEUE);
        let mut listener = Listener { queue, missed: 0 };
        let hello = Up::Hello {
            recorder: inner.recorder,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plan: inner.plan,
        };
        listener.say(&lines(&[hello]), 1);
        for status in inner.streams.values() {
            listener.say(&lines(&[Up::Camera(status.clone())]), 1);
        }
        inner.listeners.push(listener);
        Some(heard)
    }
}

impl Inner {
    fn say(&mut self, ups: &[Up]) {
        for up in ups {
            match up {
                Up::Camera(status) => {
                    self.streams.insert((status.camera, status.stream), status.clone());
                }
                Up::Planned { plan } => self.plan = *plan,
                _ => {}
            }
        }
        if self.listeners.is_empty() {
            return;
        }
        let lines = lines(ups);
        self.listeners.retain_mut(|listener| listener.say(&lines, ups.len() as u64));
    }
}

impl Listener {
    /// False once the listener is gone. `count` is how many things the lines say.
    fn say(&mut self, lines: &Arc<str>, count: u64) -> bool {
        if self.missed > 0 {
            let lagged = self::lines(&[Up::Lagged { missed: self.missed }]);
            if self.queue.try_send(lagged).is_ok() {
                self.missed = 0;
            }
        }
        match self.queue.try_send(Arc::clone(lines)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed += count;
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

fn lines(ups: &[Up]) -> Arc<str> {
    // Our own types always serialise; an empty line is skipped by every reader.
    let lines = ups.iter().map(|up| serde_json::to_string(up).unwrap_or_default() + "\n");
    lines.collect::<String>().into()
}

/// Binds the socket, for the owner only. A socket of the same name is left from a crash: names are never used twice.
///
/// # Errors
/// As the file system has it.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(Address::of(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves listeners until the receiver of `downs` is gone.
pub async fn serve(listener: UnixListener, wakeups: Wakeups, downs: mpsc::Sender<Down>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = downs.closed() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let Some(heard) = wakeups.enter() else {
                        warn!("a {}th listener is turned away", LISTENERS + 1);
                        continue;
                    };
                    connections.spawn(connection(stream, heard, downs.clone()));
                }
                Err(error) => {
                    warn!(%error, "the recorder's socket accepts nothing for a moment");
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            }
        }
    }
}

async fn connection(stream: UnixStream, heard: mpsc::Receiver<Arc<str>>, downs: mpsc::Sender<Down>) {
    let (reader, writer) = stream.into_split();
    // Whichever half ends first ends the other: a listener that no longer reads is gone, and so is one that hung up.
    tokio::select! {
        () = hear(reader, downs) => {}
        result = speak(writer, heard) => {
            if let Err(error) = result {
                debug!(%error, "a listener is gone");
            }
        }
    }
}

async fn speak(mut writer: OwnedWriteHalf, mut heard: mpsc::Receiver<Arc<str>>) -> io::Result<()> {
    while let Some(line) = heard.recv().await {
        writer.write_all(line.as_bytes()).await?;
    }
    Ok(())
}

async fn hear(reader: OwnedReadHalf, downs: mpsc::Sender<Down>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LINE_LIMIT as u64 + 1;
        match (&mut reader).take(limit).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if line.len() > LINE_LIMIT => {
                warn!("a listener sent a line of more than {LINE_LIMIT} bytes and is cut off");
                return;
            }
            Ok(_) => {}
        }
        match serde_json::from_slice(&line) {
            // A plan waits here while the recorder is busy with the one before; that is the listener's own time.
            Ok(down) => {
                if downs.send(down).await.is_err() {
                    return;
                }
            }
            // The text may hold a password, so only its size is told.
            Err(error) => warn!(
                line = error.line(),
                column = error.column(),
                bytes = line.len(),
                "a listener sent what is no order"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(reader: &mut BufReader<OwnedReadHalf>) -> Up {
        let mut text = String::new();
        reader.read_line(&mut text).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn a_listener_hears_hello_and_what_follows_and_its_plan_arrives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let wakeups = Wakeups::new(RecorderId::generate());
        wakeups.say(&Up::Planned { plan: 3 });
        let (downs, mut got) = mpsc::channel(4);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(bind(&path).unwrap(), wakeups.clone(), downs));
        let (reader, mut writer) = UnixStream::connect(&path).await.unwrap().into_split();
        let mut reader = BufReader::new(reader);
        assert!(matches!(next(&mut reader).await, Up::Hello { plan: 3, .. }));
        wakeups.say(&Up::Sync { bound_ms: 9 });
        assert_eq!(next(&mut reader).await, Up::Sync { bound_ms: 9 });
        writer.write_all(b"not json\n{\"is\":\"stop\"}\n").await.unwrap();
        assert_eq!(got.recv().await, Some(Down::Stop));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_what_it_missed_and_delays_nobody() {
        let wakeups = Wakeups::new(RecorderId::generate());
        let mut heard = wakeups.enter().unwrap();
        for bound_ms in 0..LISTENER_QUEUE as u64 + 10 {
            wakeups.say(&Up::Sync { bound_ms });
        }
        for _ in 0..LISTENER_QUEUE {
            heard.recv().await.unwrap();
        }
        wakeups.say(&Up::Sync { bound_ms: 1 });
        let told: Up = serde_json::from_str(&heard.recv().await.unwrap()).unwrap();
        assert_eq!(told, Up::Lagged { missed: 11 });
    }
}
