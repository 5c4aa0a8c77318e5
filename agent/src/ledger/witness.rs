//! The task that signs what the logs say: checkpoints, daily coverage statements, deletion certificates.
//!
//! Belongs here: when each is made, signing, writing it into the agent's log (the outbox takes it from there).
//! Does not: what is counted (`shared::evidence`), choosing what goes (`retention`).
//!
//! Every document of a kind names the one before. A statement rests on what the checkpoint before it covers, so whoever has
//! the logs counts the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use farwatch_shared::evidence::coverage::{DayCount, DaySums, SiteDays};
use farwatch_shared::evidence::ledgered::{StreamKey, Walk};
use farwatch_shared::evidence::{CoverageStatement, DeletionCertificate};
use farwatch_shared::id::{AgentId, CameraId, RecorderId};
use farwatch_shared::keys::SignKey;
use farwatch_shared::seal::{Document, Signed};
use farwatch_shared::time::{BootNs, Clock, ClockState, WallMs};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::agent::{AgentBody, AgentLedger};
use super::checkpoint::{self, GrownHeads, Instant};
use super::days::{self, Days, DueDay};
use super::entry::RecorderEntry;
use super::follow::{Cursors, Followed, Follower};
use super::log::LogError;

/// How often a checkpoint is made.
const CHECKPOINT_NS: i64 = 600_000_000_000;
/// How long deletions are gathered into one certificate.
const GATHER_NS: i64 = 5_000_000_000;
const LOOK: Duration = Duration::from_secs(1);
/// Wait after the disk refused.
const AGAIN: Duration = Duration::from_secs(5);
/// Entries read in one go.
const READ: usize = 200;

/// What documents say that no log does.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// IANA name of the site's zone.
    pub zone: Option<String>,
    pub floors: BTreeMap<CameraId, u32>,
    pub default_floor: u32,
    /// The streams that are to be known at all; `None` until that is known.
    pub wanted: Option<BTreeSet<StreamKey>>,
    /// When footage under its floor would have to go.
    pub next_breach_ms: Option<WallMs>,
    /// Start of each stream's oldest footage.
    pub oldest: BTreeMap<StreamKey, WallMs>,
    pub clock: Option<ClockState>,
    /// By how much the wall clock may be wrong.
    pub clock_error_us: Option<i64>,
}

/// What the witness needs.
pub struct WitnessConfig {
    pub ledger: AgentLedger,
    pub recorder_ledgers: PathBuf,
    pub agent: AgentId,
    /// The box's signing key.
    pub key: SignKey,
    pub clock: Clock,
    pub boot_id: String,
    pub terms: Box<dyn Fn() -> Terms + Send + Sync>,
}

/// Why a document was not made.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("a document cannot be written as JSON")]
    Unwritable(#[from] serde_json::Error),
    #[error("counting a day was interrupted")]
    Interrupted,
}

/// Runs until stopped; then a last checkpoint is made. `grew` changes when a recorder's log did.
pub async fn witness(config: WitnessConfig, mut grew: watch::Receiver<u64>, stop: CancellationToken) {
    let mut witness = Witness::new(config);
    witness.stop = stop.clone();
    loop {
        let stopping = stop.is_cancelled();
        let wait = match witness.pass(stopping).await {
            Ok(()) => LOOK,
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "what was recorded cannot be witnessed now; tried again"
                );
                AGAIN
            }
        };
        if stopping {
            return;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
            changed = grew.changed(), if wait == LOOK => if changed.is_err() { stop.cancelled().await },
        }
    }
}

/// The witness between two looks.
pub struct Witness {
    config: WitnessConfig,
    follower: Follower,
    /// How far the logs are read.
    read: Cursors,
    /// Where this life began to read.
    origin: Cursors,
    walk: Walk,
    /// The log read last, and the boots of logs that are read on from their middle.
    log: Option<RecorderId>,
    boots: BTreeMap<RecorderId, String>,
    days: Days,
    zone: SiteDays,
    zone_name: Option<String>,
    heads: GrownHeads,
    checked: Option<BootNs>,
    gone_since: Option<BootNs>,
    /// A stop does not wait for logs of a month to be read or for all their days to be stated.
    stop: CancellationToken,
}

impl Witness {
    #[must_use]
    pub fn new(config: WitnessConfig) -> Self {
        let read = config.ledger.state(|s| s.proved.resume.clone());
        Self {
            follower: Follower::new(config.recorder_ledgers.clone()),
            origin: read.clone(),
            read,
            walk: Walk::default(),
            log: None,
            boots: BTreeMap::new(),
            days: Days::default(),
            zone: SiteDays::of(None),
            zone_name: None,
            heads: GrownHeads::default(),
            checked: None,
            gone_since: None,
            stop: CancellationToken::new(),
            config,
        }
    }

    /// One look: reads on, and signs what is due.
    ///
    /// # Errors
    /// When a log cannot be read or written; nothing is lost, the next look does it.
    pub async fn pass(&mut self, stopping: bool) -> Result<(), WitnessError> {
        let terms = (self.config.terms)();
        if terms.zone != self.zone_name || self.checked.is_none() {
            self.zone = SiteDays::of(terms.zone.as_deref());
            self.zone_name.clone_from(&terms.zone);
            self.days.zone_changed();
        }
        self.read_on().await;
        self.certify(stopping).await?;
        let now = self.config.clock.boot();
        loop {
            let due = self.due(&terms);
            let is_time = match self.checked {
                Some(at) => now.since(at) >= CHECKPOINT_NS,
                None => !self.heads.is_empty(),
            };
            if !due.is_empty() || is_time || stopping {
                self.checkpoint(&terms).await?;
                self.checked = Some(now);
            } else if self.checked.is_none() {
                self.checked = Some(now);
            }
            if due.is_empty() || self.stop.is_cancelled() {
                return Ok(());
            }
            self.state(&terms, due).await?;
        }
    }

    async fn read_on(&mut self) {
        loop {
            let mut ahead = self.read.clone();
            let entries = self.follower.read(&mut ahead, READ);
            for followed in &entries {
                self.take_in(followed);
            }
            self.read = ahead;
            if entries.len() < READ || self.stop.is_cancelled() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn take_in(&mut self, followed: &Followed) {
        let (covered, stated) = self.config.ledger.state(|s| {
            let covered = s.proved.covered.get(&followed.log).copied().unwrap_or(0);
            let stream = stream_of(&followed.entry);
            (covered, stream.and_then(|stream| s.proved.grounds.stated_through(&stream)))
        });
        if followed.index >= covered
            && let RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } = &followed.entry
        {
            self.heads.closed(closed);
        }
        self.know_boot(followed);
        // Up to here everything is taken in; from here on it is read again when needed.
        self.read.insert(followed.log, followed.at);
        if let Some((stream, stretches)) = self.walk.take(&followed.entry) {
            for stretch in stretches.iter() {
                self.days.touch(&self.zone, (stream, &stretch), stated, || self.read.clone());
            }
        }
    }

    /// Times of a log mean something only with the boot it was written in.
    fn know_boot(&mut self, followed: &Followed) {
        if let RecorderEntry::Started { boot_id, .. } = &followed.entry {
            self.boots.insert(followed.log, boot_id.clone());
        }
        if self.log.replace(followed.log) == Some(followed.log) {
            return;
        }
        if !self.boots.contains_key(&followed.log)
            && let Ok(Some(boot_id)) = days::boot_of(&self.config.recorder_ledgers, followed.log)
        {
            self.boots.insert(followed.log, boot_id);
        }
        if let Some(boot_id) = self.boots.get(&followed.log) {
            self.walk.goes_on_in(boot_id);
        }
    }

    fn due(&self, terms: &Terms) -> Vec<DueDay> {
        let now = self.config.clock.wall();
        let is_wanted = |stream: &StreamKey| terms.wanted.as_ref().is_none_or(|wanted| wanted.contains(stream));
        self.config.ledger.state(|s| self.days.due(&self.zone, &self.walk, &s.proved.grounds, now, is_wanted))
    }

    async fn checkpoint(&mut self, terms: &Terms) -> Result<(), WitnessError> {
        let agent = self.config.agent;
        let now = Instant {
            wall_ms: self.config.clock.wall(),
            boot_ns: self.config.clock.boot(),
            boot_id: self.config.boot_id.clone(),
            clock: terms.clock.unwrap_or(ClockState::Unsynced),
            clock_error_us: terms.clock_error_us,
        };
        let own = self.config.ledger.position();
        let made = self.config.ledger.state(|s| {
            let proved = &s.proved;
            checkpoint::make(agent, proved.checkpoint(), &self.heads, (&self.read, &proved.covered), own, &now)
        });
        for mut made in made {
            made.checkpoint.previous = self.config.ledger.state(|s| s.proved.checkpoint().digest);
            let (number, covered) = (made.checkpoint.number, made.covered);
            let signed = self.sign(&made.checkpoint)?;
            let resume = self.resume();
            self.config.ledger.append(AgentBody::Checkpoint { number, covered, resume, signed }).await?;
        }
        self.heads = GrownHeads::default();
        Ok(())
    }

    /// Where a restart has to read from, as far as it differs from what the log says already.
    fn resume(&mut self) -> Cursors {
        let earliest = self.days.earliest().unwrap_or_else(|| self.config.clock.wall());
        self.days.forget(earliest);
        let Some(from) = self.days.begin(earliest) else { return Cursors::new() };
        let known = self.config.ledger.state(|s| s.proved.resume.clone());
        from.iter().filter(|(log, at)| known.get(log) != Some(at)).map(|(log, at)| (*log, *at)).collect()
    }

    /// States days, after the checkpoint that covers all that was read.
    async fn state(&mut self, terms: &Terms, due: Vec<DueDay>) -> Result<(), WitnessError> {
        let mut counted = Vec::new();
        let mut is_footing_kept = false;
        // A hold that comes while days are counted belongs to them or not; which, must be the same for whoever checks.
        while !is_footing_kept {
            let grounds = self.config.ledger.state(|s| s.proved.grounds.clone());
            let mut days: BTreeMap<StreamKey, Vec<DayCount>> = BTreeMap::new();
            due.iter().for_each(|due| days.entry(due.stream).or_default().push(grounds.day(due.stream, due.span)));
            counted = self.count(days, &due).await?;
            is_footing_kept = self.config.ledger.state(|s| s.proved.grounds.is_same_footing(&grounds));
        }
        for (due, sums) in due.iter().zip(counted) {
            if sums.expected_ms > 0 {
                let statement = self.statement(terms, due, sums);
                let signed = self.sign(&statement)?;
                self.config.ledger.append(AgentBody::Coverage { signed }).await?;
                info!(camera = %statement.camera, stream = %statement.stream, day = %statement.day,
                    recorded_ms = statement.recorded_ms, expected_ms = statement.expected_ms, "coverage stated");
            }
            self.days.done(due);
        }
        Ok(())
    }

    async fn count(
        &self,
        days: BTreeMap<StreamKey, Vec<DayCount>>,
        due: &[DueDay],
    ) -> Result<Vec<DaySums>, WitnessError> {
        let earliest = due.iter().map(|due| due.span.start_ms).min().unwrap_or_default();
        let from = self.days.begin(earliest).unwrap_or(&self.origin).clone();
        let (dir, to) = (self.config.recorder_ledgers.clone(), self.read.clone());
        let counted = tokio::task::spawn_blocking(move || days::count(&dir, (&from, &to), days))
            .await
            .map_err(|_| WitnessError::Interrupted)??;
        let mut next: BTreeMap<StreamKey, std::slice::Iter<'_, DayCount>> =
            counted.iter().map(|(stream, counts)| (*stream, counts.iter())).collect();
        let mut of_due = |due: &DueDay| next.get_mut(&due.stream).and_then(Iterator::next).map(DayCount::sums);
        due.iter().map(|due| of_due(due).ok_or(WitnessError::Interrupted)).collect()
    }

    fn statement(&self, terms: &Terms, due: &DueDay, sums: DaySums) -> CoverageStatement {
        let (camera, stream) = due.stream;
        let oldest_ms = terms.oldest.get(&due.stream).copied();
        let (last, before, floor_kept) = self.config.ledger.state(|s| {
            let grounds = &s.proved.grounds;
            (s.proved.statement, grounds.unbroken(&due.stream), grounds.floor_kept(&due.stream))
        });
        let unbroken_since_ms = sums.unbroken_since(due.span, before, oldest_ms);
        CoverageStatement {
            agent: self.config.agent,
            number: last.number + 1,
            issued_at_ms: self.config.clock.wall(),
            previous: last.digest,
            camera,
            stream,
            day: due.day.day.clone(),
            time_zone: self.zone.zone().to_owned(),
            start_ms: due.span.start_ms,
            end_ms: due.span.end_ms,
            expected_ms: sums.expected_ms,
            recorded_ms: sums.recorded_ms,
            held_ms: sums.held_ms,
            damaged_ms: sums.damaged_ms,
            gaps: sums.gaps,
            segments: sums.segments,
            bytes: sums.bytes,
            segments_digest: sums.segments_digest,
            oldest_ms,
            unbroken_since_ms,
            floor_days: terms.floors.get(&camera).copied().unwrap_or(terms.default_floor),
            floor_kept,
            next_breach_ms: terms.next_breach_ms,
            crit: Vec::new(),
        }
    }

    /// Certifies what went, once it has been quiet for a moment.
    async fn certify(&mut self, stopping: bool) -> Result<(), WitnessError> {
        if self.config.ledger.state(|s| s.proved.uncertified.is_empty()) {
            self.gone_since = None;
            return Ok(());
        }
        let now = self.config.clock.boot();
        let since = *self.gone_since.get_or_insert(now);
        if now.since(since) < GATHER_NS && !stopping {
            return Ok(());
        }
        while let Some(next) = self.config.ledger.state(|s| s.proved.uncertified.next()) {
            let last = self.config.ledger.state(|s| s.proved.certificate);
            let ((camera, stream), why) = next.key;
            let certificate = DeletionCertificate {
                agent: self.config.agent,
                number: last.number + 1,
                issued_at_ms: self.config.clock.wall(),
                previous: last.digest,
                why,
                camera,
                stream,
                ranges: next.ranges,
                segments: next.segments,
                bytes: next.bytes,
                crit: Vec::new(),
            };
            let signed = self.sign(&certificate)?;
            self.config.ledger.append(AgentBody::Certificate { signed }).await?;
            info!(%camera, %stream, ?why, segments = certificate.segments, "deletion certified");
        }
        self.gone_since = None;
        Ok(())
    }

    fn sign<T: Document>(&self, document: &T) -> Result<Signed<T>, serde_json::Error> {
        Signed::sign(document, &self.config.key)
    }
}

fn stream_of(entry: &RecorderEntry) -> Option<StreamKey> {
    match entry {
        RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => {
            Some((closed.segment.camera, closed.segment.stream))
        }
        RecorderEntry::Gap(gap) => Some((gap.camera, gap.stream)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
