//! The round over all footage, again and again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::SegmentId;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, Clock, Span, WallMs};
use farwatch_shared::wire::latest::FaultKind;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::check::{Damage, Finding};
use super::pace::{Pace, Standing, WEEK_MS};
use super::picture::NO_PICTURE;
use super::progress::Progress;
use super::reader::Reader;
use crate::catalog::{Catalog, Entry, StreamKey};
use crate::enrol::TrustedTime;
use crate::health::{About, Faults};
use crate::ledger::deleted::deleted;
use crate::media::worker::Launch;
use crate::reconcile::RecorderView;
use crate::vault::{Vault, Volume};

/// Entries of the catalog in one question.
const PAGE: usize = 120;
/// Progress is written down this often.
const SAVE_NS: i64 = 60_000_000_000;
/// What is said of a file that is not there.
const GONE: &str = "its file is gone, and nothing here deleted it";
/// Files that were missing and are looked for again, at a time.
const AGAIN: usize = 4_096;

/// How often a disk that is not mounted is looked for.
const UNMOUNTED: Duration = Duration::from_secs(10);

/// What a scrub needs. Cheap to clone.
#[derive(Clone)]
pub struct ScrubConfig {
    pub vault: Vault,
    pub volume: Volume,
    pub catalog: Catalog,
    pub faults: Faults,
    pub trusted: TrustedTime,
    pub clock: Clock,
    pub recorder: watch::Receiver<RecorderView>,
    /// The logs that say what was deleted on purpose.
    pub agent_ledger: PathBuf,
    pub recorder_ledgers: PathBuf,
    /// Files for what may be lost.
    pub progress: PathBuf,
    pub judged: PathBuf,
    pub launch: Launch,
    pub pace: Pace,
    /// How long a missing file may be about to be deleted on purpose.
    pub settle: Duration,
}

/// Runs until stopped; says how far it has come.
pub async fn scrub(config: ScrubConfig, said: watch::Sender<Progress>, stop: CancellationToken) {
    let reader = match Reader::start(config.vault.clone(), config.clock.clone()) {
        Ok(reader) => reader,
        Err(error) => {
            warn!(%error, "footage is not read again: the system gives no thread");
            return stop.cancelled().await;
        }
    };
    let progress = Progress::load(&config.progress);
    let saved = config.clock.boot();
    let mut work = Work { config, reader, progress, said, saved, before: None, again: VecDeque::new() };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = work.rounds() => {}
    }
    work.progress.save(&work.config.progress);
}

struct Work {
    config: ScrubConfig,
    reader: Reader,
    progress: Progress,
    said: watch::Sender<Progress>,
    saved: BootNs,
    /// The segment looked at before this one.
    before: Option<Entry>,
    /// Missing or unreadable when looked at, since when.
    again: VecDeque<(Entry, BootNs)>,
}

impl Work {
    async fn rounds(&mut self) {
        self.wait_for_catalog().await;
        self.mark_known_damage().await;
        self.tell_lost().await;
        loop {
            if self.progress.round.ended_ms.is_some() || self.progress.round.began_ms == WallMs(0) {
                while let Some(rest) = self.config.pace.rest(self.progress.round.began_ms, self.config.trusted.now()) {
                    tokio::time::sleep(rest).await;
                }
                self.progress.begin(self.config.trusted.now());
                self.save(true);
            }
            for stream in self.streams() {
                self.stream(stream).await;
            }
            self.end().await;
        }
    }

    async fn wait_for_catalog(&self) {
        let mut totals = self.config.catalog.totals();
        // Its thread ends with the agent; then so does this.
        if totals.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A catalog that was rebuilt knows of no damage; the agent's log does.
    async fn mark_known_damage(&self) {
        for (segment, span) in self.config.faults.damaged() {
            if let Some(span) = span {
                self.mark(segment, span.start_ms, true).await;
            }
        }
    }

    /// Files that were not there when the agent started after a crash: the catalog has forgotten them since.
    async fn tell_lost(&mut self) {
        let Ok(lost) = self.config.catalog.lost().await else { return };
        if lost.is_empty() {
            return;
        }
        let segments: Vec<SegmentId> = lost.iter().map(|(segment, _)| *segment).collect();
        let on_purpose = self.deleted_on_purpose(segments.clone()).await;
        for (segment, span) in lost.into_iter().filter(|(segment, _)| !on_purpose.contains(segment)) {
            self.tell(segment, span, GONE).await;
        }
        if self.config.catalog.told(segments).await.is_err() {
            debug!("the catalog names missing files again");
        }
    }

    fn streams(&self) -> Vec<StreamKey> {
        self.config.catalog.totals().borrow().iter().flat_map(|totals| totals.keys().copied()).collect()
    }

    async fn stream(&mut self, stream: StreamKey) {
        let Some(mut from) = self.progress.from(stream) else { return };
        self.before = None;
        loop {
            let entries = match self.config.catalog.oldest(stream, from, PAGE).await {
                Ok(entries) => entries,
                Err(_) => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let Some(last) = entries.last() else { break };
            from = last.span.start_ms.plus_ms(1);
            for entry in entries {
                self.one(entry).await;
                self.progress.at = Some((stream.camera, stream.stream, entry.span.start_ms));
                self.save(false);
            }
        }
        self.progress.at = Some((stream.camera, stream.stream, WallMs(i64::MAX)));
        self.save(false);
    }

    /// One segment, at its pace.
    async fn one(&mut self, entry: Entry) {
        // Of a disk that is not mounted every file would be missing; retention says what is wrong with it.
        while self.config.volume.is_gone() {
            tokio::time::sleep(UNMOUNTED).await;
        }
        while let Some(wait) = self.config.pace.leaves_alone(self.standing()) {
            tokio::time::sleep(wait).await;
        }
        let Some((finding, took)) = self.reader.check(entry).await else { return };
        let read = if let Finding::Whole { read, .. } = &finding { *read } else { entry.bytes };
        self.progress.round.segments += 1;
        self.progress.round.bytes = ByteSize(self.progress.round.bytes.0.saturating_add(read.0));
        self.found(entry, finding).await;
        self.look_again(false).await;
        let wait = self.config.pace.wait(read, took, self.standing());
        tokio::time::sleep(wait).await;
    }

    async fn found(&mut self, entry: Entry, finding: Finding) {
        match finding {
            Finding::Whole { previous, .. } => {
                self.compare_with_before(&entry, previous).await;
                self.whole(&entry).await;
            }
            Finding::Damaged(Damage::Altered { now, .. })
                if self.reader.next_says(entry.segment).await == Some(now) =>
            {
                warn!(segment = %entry.segment, "the catalog is wrong about a segment that its chain vouches for");
            }
            Finding::Damaged(damage) => self.damaged(&entry, &damage.to_string()).await,
            Finding::Missing => self.again.push_back((entry, self.config.clock.boot())),
            Finding::Later(why) => {
                debug!(segment = %entry.segment, %why, "a segment is looked at again later");
                self.again.push_back((entry, self.config.clock.boot()));
            }
        }
        self.before = Some(entry);
    }

    /// A head names the digest of the segment before it in its run: a whole file that was put in another's place is
    /// found by it, whatever the catalog was rebuilt from.
    async fn compare_with_before(&mut self, entry: &Entry, previous: Digest) {
        let Some(before) = self.before else { return };
        let follows = before.segment.run == entry.segment.run
            && before.segment.camera == entry.segment.camera
            && before.segment.sequence.checked_add(1) == Some(entry.segment.sequence);
        if follows && previous != Digest::ZERO && previous != before.digest {
            let damage = Damage::Replaced { now: before.digest, next_says: previous };
            self.damaged(&before, &damage.to_string()).await;
        }
    }

    async fn whole(&mut self, entry: &Entry) {
        let open = self.config.faults.of_segment(&entry.segment);
        let Some(open) = open else {
            if entry.damaged {
                self.mark(entry.segment, entry.span.start_ms, false).await;
            }
            return;
        };
        // Undecodable bytes stay so, however well they are kept.
        if open.fact.detail.starts_with(NO_PICTURE) {
            return;
        }
        self.mended(entry.segment, open.fact.span, "its bytes are those that were recorded again").await;
        self.mark(entry.segment, entry.span.start_ms, false).await;
    }

    async fn damaged(&mut self, entry: &Entry, how: &str) {
        self.progress.round.damaged += 1;
        self.tell(entry.segment, entry.span, how).await;
        self.mark(entry.segment, entry.span.start_ms, true).await;
    }

    async fn tell(&self, segment: SegmentId, span: Span, how: &str) {
        let detail = format!(
            "segment {segment} ({} to {}) is not what was recorded: {how}; keep a copy if the footage matters, and look \
             at the disk",
            span.start_ms, span.end_ms
        );
        self.config.faults.open(FaultKind::Damage, About::footage(segment, span), detail).await;
    }

    /// Files that were missing: deleted on purpose meanwhile, back again, or gone. `all`: the round ends.
    async fn look_again(&mut self, all: bool) {
        let settle = i64::try_from(self.config.settle.as_nanos()).unwrap_or(i64::MAX);
        let due = |now: BootNs, since: BootNs| now.since(since) >= settle;
        let now = self.config.clock.boot();
        let full = self.again.len() >= AGAIN;
        if !(all || full || self.again.front().is_some_and(|(_, since)| due(now, *since))) || self.again.is_empty() {
            return;
        }
        if !self.again.back().is_some_and(|(_, since)| due(now, *since)) && (all || full) {
            tokio::time::sleep(self.config.settle).await;
        }
        let mut gone = Vec::new();
        for (entry, _) in std::mem::take(&mut self.again) {
            if !self.is_listed(&entry).await {
                continue;
            }
            match self.reader.check(entry).await {
                Some((Finding::Missing, _)) => gone.push(entry),
                Some((Finding::Later(why), _)) => {
                    info!(segment = %entry.segment, %why, "a segment could not be read; the next round reads it");
                }
                Some((finding, _)) => Box::pin(self.found(entry, finding)).await,
                None => return,
            }
        }
        if gone.is_empty() {
            return;
        }
        let on_purpose = self.deleted_on_purpose(gone.iter().map(|entry| entry.segment).collect()).await;
        for entry in gone.iter().filter(|entry| !on_purpose.contains(&entry.segment)) {
            self.damaged(entry, GONE).await;
        }
    }

    async fn is_listed(&self, entry: &Entry) -> bool {
        let stream = entry.stream();
        let listed = self.config.catalog.overlapping(stream, entry.span).await;
        // A catalog that does not answer has not forgotten it.
        listed.map_or(true, |entries| entries.iter().any(|e| e.segment == entry.segment))
    }

    async fn deleted_on_purpose(&self, segments: Vec<SegmentId>) -> Vec<SegmentId> {
        let (agent, recorders) = (self.config.agent_ledger.clone(), self.config.recorder_ledgers.clone());
        tokio::task::spawn_blocking(move || deleted(&agent, &recorders, &segments)).await.unwrap_or_default()
    }

    /// The round is over: damaged footage that was deleted since is no fault any more.
    async fn end(&mut self) {
        self.look_again(true).await;
        let mut gone = Vec::new();
        for (segment, span) in self.config.faults.damaged() {
            let Some(span) = span else { continue };
            let stream = StreamKey { camera: segment.camera, stream: segment.stream };
            let listed = self.config.catalog.overlapping(stream, span).await;
            if listed.is_ok_and(|entries| entries.iter().all(|e| e.segment != segment)) {
                gone.push((segment, span));
            }
        }
        let on_purpose = self.deleted_on_purpose(gone.iter().map(|(segment, _)| *segment).collect()).await;
        for (segment, span) in gone {
            if on_purpose.contains(&segment) {
                self.mended(segment, Some(span), "the footage was deleted, as its policy says").await;
            } else if self.oldest(&segment).is_none_or(|oldest| span.end_ms <= oldest) {
                self.mended(segment, Some(span), "no footage of its time is kept any more").await;
            }
        }
        let now = self.config.trusted.now();
        self.progress.round.ended_ms = Some(now);
        let round = self.progress.round;
        if now.since(round.began_ms) > WEEK_MS {
            warn!(began = %round.began_ms, "reading all footage again took longer than a week: the disk is too slow for it");
        }
        info!(segments = round.segments, bytes = %round.bytes, damaged = round.damaged, "all footage read again");
        self.save(true);
    }

    /// Start of the oldest footage of a segment's stream.
    fn oldest(&self, segment: &SegmentId) -> Option<WallMs> {
        let stream = StreamKey { camera: segment.camera, stream: segment.stream };
        self.config.catalog.totals().borrow().as_ref()?.get(&stream)?.oldest_ms
    }

    async fn mended(&self, segment: SegmentId, span: Option<Span>, how: &str) {
        let about = About { span, segment: Some(segment), ..About::stream(segment.camera, segment.stream) };
        self.config.faults.mended(FaultKind::Damage, about, format!("segment {segment}: {how}")).await;
    }

    async fn mark(&self, segment: SegmentId, start_ms: WallMs, damaged: bool) {
        if self.config.catalog.mark(segment, start_ms, damaged).await.is_err() {
            debug!(%segment, "the catalog could not be told of damage now; it is when the agent starts");
        }
    }

    fn standing(&self) -> Standing {
        let all: u64 = self.config.catalog.totals().borrow().iter().flat_map(|t| t.values()).map(|t| t.bytes.0).sum();
        Standing {
            began_ms: self.progress.round.began_ms,
            now_ms: self.config.trusted.now(),
            left: ByteSize(all.saturating_sub(self.progress.round.bytes.0)),
            sync_bound_ms: self.config.recorder.borrow().sync_bound_ms,
        }
    }

    fn save(&mut self, now: bool) {
        self.said.send_replace(self.progress.clone());
        let boot = self.config.clock.boot();
        if now || boot.since(self.saved) >= SAVE_NS {
            self.progress.save(&self.config.progress);
            self.saved = boot;
        }
    }
}
