//! Sends an order's bytes: the manifest, then every segment from where the hub has it, again and again until it is whole.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use farwatch_shared::id::OrderId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{BootNs, Clock};
use farwatch_shared::wire::MAX_UPLOAD;
use farwatch_shared::wire::latest::ManifestSegment;
use tokio::sync::watch;

use super::manifest::Sending;
use super::select::locate;
use crate::enrol::{Door, DoorError};

/// One request carries this much at most, so that a slow line shows progress and a cut costs little.
const CHUNK: u64 = if MAX_UPLOAD < 1 << 20 { MAX_UPLOAD } else { 1 << 20 };

/// Why an upload stopped.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the hub could not be given the bytes")]
    Door(#[from] DoorError),
    #[error("a segment cannot be read any more")]
    Read(#[source] std::io::Error),
    #[error("the hub says it has {found} bytes of an upload of {total}")]
    Offset { found: u64, total: u64 },
}

impl UploadError {
    /// Whether to go on later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            // At a wrong offset the hub is asked again where it stands.
            Self::Door(error) => error.may_pass() || error.refusal() == Refusal::BadOffset,
            Self::Read(_) | Self::Offset { .. } => false,
        }
    }

    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Door(error) => error.refusal(),
            Self::Read(_) => Refusal::NoFootage,
            Self::Offset { .. } => Refusal::BadOffset,
        }
    }
}

/// All uploads together stay below a rate.
#[derive(Clone)]
pub struct Shaper(Arc<Shape>);

struct Shape {
    bytes_per_s: Option<u64>,
    clock: Clock,
    /// When the line is free again.
    free_at: Mutex<BootNs>,
}

impl Shaper {
    #[must_use]
    pub fn new(bytes_per_s: Option<u64>, clock: Clock) -> Self {
        Self(Arc::new(Shape { bytes_per_s, clock, free_at: Mutex::new(BootNs(0)) }))
    }

    /// Waits until this many bytes may go.
    async fn pass(&self, bytes: u64) {
        let Some(rate) = self.0.bytes_per_s.filter(|r| *r > 0) else { return };
        let now = self.0.clock.boot();
        let wait_ns = {
            let mut free_at = self.0.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let start = (*free_at).max(now);
            let takes = i64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(rate)).unwrap_or(i64::MAX);
            *free_at = BootNs(start.0.saturating_add(takes));
            start.since(now)
        };
        tokio::time::sleep(Duration::from_nanos(u64::try_from(wait_ns).unwrap_or(0))).await;
    }
}

/// One order's upload.
pub struct Upload<'a> {
    pub order: OrderId,
    pub door: &'a Door,
    pub shaper: &'a Shaper,
    /// Bytes the hub holds safely, for the progress.
    pub sent: &'a watch::Sender<u64>,
}

impl Upload<'_> {
    /// Gives the manifest and then every byte the hub does not hold yet.
    ///
    /// # Errors
    /// At the first request that fails; called again it goes on where the hub stands.
    pub async fn run(&self, manifest: &[u8], sending: &[Sending]) -> Result<(), UploadError> {
        self.door.put_manifest(self.order, Bytes::copy_from_slice(manifest)).await?;
        let mut before = 0;
        for one in sending {
            self.segment(one, before).await?;
            before += one.segment.sent_size().0;
        }
        Ok(())
    }

    async fn segment(&self, sending: &Sending, before: u64) -> Result<(), UploadError> {
        let name = sending.segment.segment.short();
        let total = sending.segment.sent_size().0;
        let mut offset = self.door.upload_offset(self.order, &name).await?;
        while offset < total {
            self.sent.send_replace(before + offset);
            let bytes = read(&sending.path, &sending.segment, offset, total).await?;
            self.shaper.pass(u64::try_from(bytes.len()).unwrap_or(u64::MAX)).await;
            let now_at = self.door.put_bytes(self.order, &name, offset, total, bytes).await?;
            if now_at <= offset {
                return Err(UploadError::Offset { found: now_at, total });
            }
            offset = now_at;
        }
        if offset > total {
            return Err(UploadError::Offset { found: offset, total });
        }
        self.sent.send_replace(before + total);
        Ok(())
    }
}

/// A stretch of the upload, read from its one or two places in the file.
async fn read(path: &Path, segment: &ManifestSegment, offset: u64, total: u64) -> Result<Bytes, UploadError> {
    let (path, segment) = (path.to_path_buf(), segment.clone());
    let read = move || -> std::io::Result<Bytes> {
        let file = File::open(path)?;
        let end = total.min(offset + CHUNK);
        let mut bytes = Vec::with_capacity(usize::try_from(end - offset).unwrap_or(0));
        let mut at = offset;
        while at < end {
            let Some((place, room)) = locate(&segment, at) else { break };
            let length = room.0.min(end - at);
            let from = bytes.len();
            bytes.resize(from + usize::try_from(length).unwrap_or(0), 0);
            file.read_exact_at(&mut bytes[from..], place)?;
            at += length;
        }
        Ok(bytes.into())
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|join| UploadError::Read(std::io::Error::other(join)))?
        .map_err(UploadError::Read)
}
