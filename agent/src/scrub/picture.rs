//! One picture per camera and day, decoded: bytes that are what was recorded may still be no picture.
//!
//! Decoding is the media worker's. A box that cannot decode says so once in its log and is not at fault for it.

use std::collections::BTreeMap;
use std::time::Duration;

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::keys::random32;
use farwatch_shared::time::{DAY_MS, Span};
use farwatch_shared::wire::latest::FaultKind;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::round::ScrubConfig;
use crate::catalog::{Entry, StreamKey};
use crate::footage::{Selection, describe};
use crate::health::About;
use crate::media::preview::{Original, PreviewError, decodes};
use crate::store::replace_json;
use crate::vault::{Contents, Vault, VaultError};

/// How often it is looked which cameras are due.
const LOOK: Duration = Duration::from_secs(600);
/// The picture is taken from this much of the newest footage.
const NEWEST_MS: i64 = DAY_MS;

/// How a fault about undecodable bytes begins; reading the same bytes again does not mend it.
pub(super) const NO_PICTURE: &str = "no picture can be decoded";

/// Day since 1970 (UTC, trusted time) on which a picture of the camera was last judged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Judged(BTreeMap<CameraId, i64>);

/// What decoding said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Decodes,
    /// None of them does.
    Nothing,
    /// It could not be tried.
    Untried(String),
}

/// Judges every camera once a day, until stopped.
pub async fn pictures(config: ScrubConfig, stop: CancellationToken) {
    let mut judged: Judged =
        std::fs::read(&config.judged).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let mut told = false;
    let mut totals = config.catalog.totals();
    let opened = async { totals.wait_for(Option::is_some).await.is_ok() };
    let is_open = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        is_open = opened => is_open,
    };
    if !is_open {
        return stop.cancelled().await;
    }
    loop {
        let today = config.trusted.now().0.div_euclid(DAY_MS);
        for stream in due(&config, &judged, today) {
            if stop.is_cancelled() {
                return;
            }
            let Some(entry) = choose(&config, stream).await else { continue };
            match judge(&config, entry).await {
                Verdict::Decodes => debug!(segment = %entry.segment, "a picture of the day decodes"),
                Verdict::Nothing => undecodable(&config, entry).await,
                Verdict::Untried(why) if !told => {
                    warn!(%why, "no picture can be judged on this box; install the GStreamer plugins the handbook names");
                    told = true;
                }
                Verdict::Untried(why) => info!(%why, segment = %entry.segment, "a picture could not be judged"),
            }
            judged.0.insert(stream.camera, today);
            if let Err(error) = replace_json(&config.judged, &judged) {
                debug!(%error, "which pictures were judged cannot be kept; they are judged again");
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// One stream of every camera not judged today, the main one where there is footage of it.
fn due(config: &ScrubConfig, judged: &Judged, today: i64) -> Vec<StreamKey> {
    let totals = config.catalog.totals();
    let totals = totals.borrow();
    let mut due: BTreeMap<CameraId, StreamKey> = BTreeMap::new();
    for (key, figures) in totals.iter().flatten() {
        let is_due = figures.segments > 0 && judged.0.get(&key.camera).is_none_or(|day| *day != today);
        if is_due && (key.stream == StreamName::Main || !due.contains_key(&key.camera)) {
            due.insert(key.camera, *key);
        }
    }
    due.into_values().collect()
}

/// Any segment of the newest day.
async fn choose(config: &ScrubConfig, stream: StreamKey) -> Option<Entry> {
    let newest = config.catalog.totals().borrow().as_ref()?.get(&stream)?.newest_end_ms?;
    let range = Span::new(newest.plus_ms(-NEWEST_MS), newest)?;
    let mut entries = config.catalog.overlapping(stream, range).await.ok()?;
    entries.retain(|entry| !entry.damaged);
    let random = random32().map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let at = random.checked_rem(entries.len())?;
    entries.get(at).copied()
}

/// Three of its pictures, until one decodes.
async fn judge(config: &ScrubConfig, entry: Entry) -> Verdict {
    let vault = config.vault.clone();
    let read = tokio::task::spawn_blocking(move || planned(&vault, &entry)).await;
    let Ok(Ok(pictures)) = read else { return Verdict::Untried("the segment cannot be read now".into()) };
    if pictures.is_empty() {
        return Verdict::Untried("no fragment of it begins with a keyframe".into());
    }
    for original in pictures {
        match decodes(&config.launch, &original).await {
            Ok(()) => return Verdict::Decodes,
            Err(PreviewError::Nothing(_)) => {}
            // Another than what was planned a moment ago: the next round says what it is.
            Err(error) => return Verdict::Untried(error.to_string()),
        }
    }
    Verdict::Nothing
}

/// The first, a middle and the last fragment that begin with a keyframe.
fn planned(vault: &Vault, entry: &Entry) -> Result<Vec<Original>, VaultError> {
    let contents: Contents = vault.read(&entry.segment)?;
    let keys: Vec<usize> = (contents.pieces.iter().enumerate())
        .filter(|(_, piece)| piece.fragment.is_some_and(|fragment| fragment.ident.keyframe))
        .map(|(index, _)| index)
        .collect();
    let mut tried: Vec<usize> =
        [keys.first(), keys.get(keys.len() / 2), keys.last()].into_iter().flatten().copied().collect();
    tried.dedup();
    let original = |piece: usize| Original {
        path: vault.path(&entry.segment),
        planned: describe(&contents, Selection { first: piece, last: piece, sent: entry.span }, Some(entry.digest)),
    };
    Ok(tried.into_iter().map(original).collect())
}

async fn undecodable(config: &ScrubConfig, entry: Entry) {
    let detail = format!(
        "{NO_PICTURE} of segment {} ({} to {}), although its bytes are those that were recorded; look at the camera's \
         picture and at the network between it and this box",
        entry.segment, entry.span.start_ms, entry.span.end_ms
    );
    config.faults.open(FaultKind::Damage, About::footage(entry.segment, entry.span), detail).await;
    if config.catalog.mark(entry.segment, entry.span.start_ms, true).await.is_err() {
        debug!("the catalog could not be told of damage now; it is when the agent starts");
    }
}
