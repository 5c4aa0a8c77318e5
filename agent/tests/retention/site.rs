//! A box with a small real disk, a simulated clock and a recorder that only writes: the catalog, the ledger, the vault and the
//! retention engine are the agent's own.
//!
//! The disk is an ext4 image on a loop device where the test may mount one, and a counted directory otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use farwatch_agent::catalog::{Catalog, CatalogConfig, Evidence};
use farwatch_agent::config::{Home, make_private};
use farwatch_agent::enrol::TrustedTime;
use farwatch_agent::health::Faults;
use farwatch_agent::ledger::agent::{AgentBody, AgentEntry, AgentLedger};
use farwatch_agent::ledger::entry::{Closed, ClosedWhy, Moment, RecorderEntry};
use farwatch_agent::ledger::log::{LogReader, LogWriter};
use farwatch_agent::retention::{
    Hold, Lines, Measured, Now, Passed, Policy, Remover, Surroundings, Sweep, SweepConfig, Wanted, free_space,
};
use farwatch_agent::vault::{Vault, Volume};
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RecorderId, RunId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{ClockState, DAY_MS, SimClock, WallMs};
use farwatch_shared::wire::latest::{RetentionHealth, RetentionRule};
use tokio::sync::watch;

/// Length of a segment: a day is 48 of them, and a month fits a small disk.
pub const STEP_MS: i64 = 30 * 60_000;
pub const MAIN: u64 = 16 << 10;
pub const SUB: u64 = 4 << 10;
/// What the camera writes a day.
pub const DAY: u64 = 48 * (MAIN + SUB);
const T0: WallMs = WallMs(20_833 * DAY_MS + 7 * 3_600_000);

/// What the test itself knows of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// Boot time of its end: what its true age is counted from.
    pub end_boot_ms: i64,
    pub digest: Digest,
    pub bytes: u64,
}

struct Disk {
    mounted: Option<PathBuf>,
    capacity: u64,
}

pub struct Site {
    pub camera: CameraId,
    pub sim: SimClock,
    pub home: Home,
    pub vault: Vault,
    pub sweep: Sweep,
    pub faults: Faults,
    pub wanted: watch::Sender<Wanted>,
    pub measured: watch::Receiver<Option<Measured>>,
    pub forecast: watch::Receiver<Option<RetentionHealth>>,
    /// What lies there, as far as the test saw it written and not removed.
    pub there: BTreeMap<SegmentId, Truth>,
    /// What went, and when (boot time).
    pub gone: Vec<(SegmentId, Truth, i64)>,
    log: LogWriter,
    sequence: u32,
    disk: Disk,
    _dir: tempfile::TempDir,
}

impl Site {
    /// A site whose disk has this size.
    pub fn new(disk: ByteSize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("agent"));
        home.prepare().unwrap();
        for needed in [home.vault(), home.recorder(), home.recorder_ledgers(), home.root().join("store")] {
            make_private(&needed).unwrap();
        }
        let disk = Disk { mounted: mount(dir.path(), &home.vault(), disk), capacity: disk.0 };
        let sim = SimClock::at(T0);
        let clock = sim.clock();
        let trusted = TrustedTime::unpersisted(clock.clone());
        let vault = Vault::new(home.vault());
        let volume = Volume::new(home.vault(), home.volume_memory());
        let evidence = Evidence { clock: clock.clone(), trusted: trusted.clone() };
        let (dir_of, ledgers) = (home.catalog(), home.recorder_ledgers());
        let config = CatalogConfig {
            dir: dir_of,
            vault: vault.clone(),
            volume: volume.clone(),
            recorder_ledgers: ledgers,
            evidence,
        };
        let catalog: Catalog = farwatch_agent::catalog::start(config).unwrap();
        let ledger = AgentLedger::open(home.agent_ledger(), clock, T0).unwrap();
        let faults = Faults::new(ledger.clone());
        let (wanted, wanted_seen) = watch::channel(Wanted::default());
        let (measured_in, measured) = watch::channel(None);
        let (forecast_in, forecast) = watch::channel(None);
        let (root, is_mounted, capacity) = (home.vault(), disk.mounted.is_some(), disk.capacity);
        let free = move || {
            if is_mounted { free_space(&root) } else { Some(ByteSize(capacity.saturating_sub(used(&root)))) }
        };
        let sweep = Sweep::new(SweepConfig {
            remover: Remover { vault: vault.clone(), catalog, ledger },
            volume,
            faults: faults.clone(),
            surroundings: Surroundings {
                now: Box::new(move || Now { trusted: trusted.now(), clock: ClockState::Rtc }),
                free: Box::new(free),
            },
            wanted: wanted_seen,
            busy: watch::channel(Vec::new()).1,
            measured: measured_in,
            forecast: forecast_in,
        });
        let id = RecorderId::generate();
        let log = LogWriter::open(&home.recorder_ledgers().join(format!("{id}.log")), |_| {}).unwrap();
        Self {
            camera: CameraId::generate(),
            sim,
            home,
            vault,
            sweep,
            faults,
            wanted,
            measured,
            forecast,
            there: BTreeMap::new(),
            gone: Vec::new(),
            log,
            sequence: 0,
            disk,
            _dir: dir,
        }
    }

    pub fn is_mounted(&self) -> bool {
        self.disk.mounted.is_some()
    }

    pub fn free(&self) -> u64 {
        if self.is_mounted() {
            free_space(&self.home.vault()).unwrap().0
        } else {
            self.disk.capacity.saturating_sub(used(&self.home.vault()))
        }
    }

    /// Sets the policy of the one camera, and what is held.
    pub fn want(&self, rule: RetentionRule, policy: Policy, holds: Vec<Hold>) {
        let policy = Policy { cameras: BTreeMap::from([(self.camera, rule)]), ..policy };
        self.wanted.send_replace(Wanted { policy: Some(policy), holds });
    }

    /// The free space to ask for so that room for so many bytes of footage is left on the disk as it is now.
    pub fn room_for(&self, bytes: u64) -> Lines {
        Lines::of(ByteSize(self.free() - bytes))
    }

    fn boot_ms(&self) -> i64 {
        self.sim.clock().boot().0 / 1_000_000
    }

    /// One step: half an hour of both streams, then a pass of the engine. Notes what is gone after it.
    pub async fn step(&mut self) -> Passed {
        self.record();
        let passed = self.sweep.pass().await;
        self.note_gone();
        passed
    }

    pub async fn days(&mut self, days: i64) {
        for _ in 0..days * DAY_MS / STEP_MS {
            self.step().await;
        }
    }

    fn record(&mut self) {
        let clock = self.sim.clock();
        let moment = || Moment { boot_ns: clock.boot(), wall_ms: clock.wall() };
        let start = moment();
        self.sim.advance_ms(STEP_MS);
        let end = moment();
        for (stream, bytes) in [(StreamName::Main, MAIN), (StreamName::Sub, SUB)] {
            let counter = if stream == StreamName::Main { 1 } else { 2 };
            let run = RunId { boot: 1, counter };
            let segment = SegmentId { camera: self.camera, stream, run, sequence: self.sequence };
            let content = vec![u8::try_from(self.sequence % 251).unwrap(); usize::try_from(bytes).unwrap()];
            let path = self.vault.path(&segment);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &content).unwrap();
            let digest = Digest::of(&content);
            let truth = Truth { end_boot_ms: self.boot_ms(), digest, bytes };
            self.there.insert(segment, truth);
            self.log.append(&RecorderEntry::Closed(closed(segment, start, end, truth))).unwrap();
        }
        self.sequence += 1;
    }

    fn note_gone(&mut self) {
        let found: BTreeSet<SegmentId> = self.vault.scan().unwrap().into_iter().map(|f| f.segment).collect();
        let now = self.boot_ms();
        let missing: Vec<SegmentId> = self.there.keys().filter(|id| !found.contains(id)).copied().collect();
        for segment in missing {
            let truth = self.there.remove(&segment).unwrap();
            self.gone.push((segment, truth, now));
        }
    }

    /// The true age of the oldest footage.
    pub fn oldest_ms(&self) -> i64 {
        let oldest = self.there.values().map(|truth| truth.end_boot_ms).min().unwrap();
        self.boot_ms() - oldest
    }

    /// Every line of the agent's log, its chain checked on the way.
    pub fn ledger(&self) -> Vec<AgentBody> {
        let mut reader = LogReader::open(&self.home.agent_ledger(), None).unwrap();
        let mut lines = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            lines.push(serde_json::from_slice::<AgentEntry>(&entry.payload).unwrap().body);
        }
        lines
    }

    /// Takes the disk away; `None` when there is none to take.
    pub fn unmount(&mut self) -> Option<PathBuf> {
        let image = self.disk.mounted.take()?;
        assert!(Command::new("umount").arg("-l").arg(self.home.vault()).status().unwrap().success());
        Some(image)
    }

    pub fn mount_again(&mut self, image: PathBuf) {
        assert!(mount_image(&image, &self.home.vault()));
        self.disk.mounted = Some(image);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.unmount();
    }
}

fn closed(segment: SegmentId, start: Moment, end: Moment, truth: Truth) -> Closed {
    Closed {
        segment,
        start,
        end,
        bytes: ByteSize(truth.bytes),
        fragments: 1,
        frames: 1,
        digest: truth.digest,
        previous: Digest::ZERO,
        clock: ClockState::Rtc,
        codec: "avc1.640028".into(),
        width: 1920,
        height: 1080,
        audio_codec: None,
        audio_derived: false,
        needs_previous: false,
        media_ticks90k: 0,
        why: ClosedWhy::Length,
        activity: Vec::new(),
    }
}

fn used(root: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        bytes += if meta.is_dir() { used(&entry.path()) } else { meta.len() };
    }
    bytes
}

/// Makes a disk and mounts it; `None` where the test may not.
fn mount(dir: &Path, at: &Path, size: ByteSize) -> Option<PathBuf> {
    let image = dir.join("disk.img");
    std::fs::File::create(&image).unwrap().set_len(size.0).unwrap();
    // Small inodes in plenty, nothing kept back, no journal: the disk is for footage.
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "0", "-N", "16384", "-O", "^has_journal"])
        .arg(&image)
        .status();
    if !made.is_ok_and(|status| status.success()) || !mount_image(&image, at) {
        return None;
    }
    Some(image)
}

fn mount_image(image: &Path, at: &Path) -> bool {
    let status =
        Command::new("mount").args(["-o", "loop"]).arg(image).arg(at).stderr(std::process::Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The lists the test compares: ids with their digests.
pub fn listed(lines: &[AgentBody]) -> BTreeMap<SegmentId, (Digest, farwatch_shared::evidence::DeletedWhy)> {
    let mut found = BTreeMap::new();
    for line in lines {
        if let AgentBody::Deleting { why, segments, .. } = line {
            found.extend(segments.iter().map(|gone| (gone.segment, (gone.digest, *why))));
        }
    }
    found
}
