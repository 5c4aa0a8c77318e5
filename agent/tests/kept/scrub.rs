//! Stored footage is read again, on a disk that forgets.

use std::path::Path;
use std::time::Duration;

use farwatch_agent::catalog::StreamKey;
use farwatch_agent::enrol::TrustedTime;
use farwatch_agent::health::Faults;
use farwatch_agent::ledger::agent::{AgentBody, AgentLedger};
use farwatch_agent::ledger::entry::{Closed, DeletedWhy, GoneSegment, RecorderEntry};
use farwatch_agent::media::worker::Launch;
use farwatch_agent::reconcile::RecorderView;
use farwatch_agent::scrub::pace::Pace;
use farwatch_agent::scrub::{Progress, ScrubConfig, pictures, scrub};
use farwatch_agent::vault::Volume;
use farwatch_shared::id::{SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, Span, WallMs};
use farwatch_shared::wire::latest::FaultKind;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::site::Site;

const PATIENCE: Duration = Duration::from_secs(60);

/// The parts of an agent that read footage again.
struct Running {
    config: ScrubConfig,
    ledger: AgentLedger,
    said: watch::Receiver<Progress>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _recorder: watch::Sender<RecorderView>,
}

/// As fast as the disk gives it, round after round.
const AT_ONCE: Pace = Pace { round_ms: 1, rest_ms: 100, slowest: 1 << 40, fastest: 1 << 40, busy_ms: u64::MAX };

impl Running {
    fn start(site: &Site, pace: Pace) -> Self {
        let ledger = site.ledger();
        let (recorder_in, recorder) = watch::channel(RecorderView::default());
        let config = ScrubConfig {
            vault: site.vault(),
            volume: Volume::new(site.vault().root().to_path_buf(), site.dir.path().join("volume")),
            catalog: site.catalog(Clock::real(), TrustedTime::unpersisted(Clock::real())),
            faults: Faults::new(ledger.clone()),
            trusted: TrustedTime::unpersisted(Clock::real()),
            clock: Clock::real(),
            recorder,
            agent_ledger: site.dir.path().join("agent.log"),
            recorder_ledgers: site.dir.path().join("logs"),
            progress: site.dir.path().join("scrub.json"),
            judged: site.dir.path().join("judged.json"),
            launch: Launch::of(Path::new(env!("CARGO_BIN_EXE_farwatch-agent"))),
            pace,
            settle: Duration::from_millis(50),
        };
        let (said_in, said) = watch::channel(Progress::default());
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(scrub(config.clone(), said_in, stop.clone()));
        Self { config, ledger, said, stop, tasks, _recorder: recorder_in }
    }

    async fn until(&mut self, what: impl FnMut(&Progress) -> bool) -> Progress {
        let found = tokio::time::timeout(PATIENCE, self.said.wait_for(what)).await;
        found.expect("the scrub never came so far").unwrap().clone()
    }

    /// A whole round that begins after now.
    async fn round(&mut self) -> Progress {
        let now = self.config.trusted.now();
        self.until(|p| p.round.began_ms > now && p.round.ended_ms.is_some()).await
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.config.catalog.stop().await;
    }

    /// What is told of damage: which segment, which time.
    fn damage(&self) -> Vec<(u32, Span)> {
        let mut damage: Vec<_> =
            self.config.faults.damaged().iter().map(|(segment, span)| (segment.sequence, span.unwrap())).collect();
        damage.sort_unstable();
        damage
    }

    async fn marked(&self, site: &Site) -> Vec<u32> {
        let stream = StreamKey { camera: site.camera, stream: StreamName::Main };
        let entries = self.config.catalog.oldest(stream, WallMs(0), 1_000).await.unwrap();
        entries.iter().filter(|e| e.damaged).map(|e| e.segment.sequence).collect()
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

// RET-07
#[tokio::test]
async fn a_flipped_byte_is_found_by_the_next_round_and_mended_when_it_is_back() {
    let site = Site::with(30);
    let mut running = Running::start(&site, AT_ONCE);
    let clean = running.round().await;
    assert_eq!((clean.round.segments, clean.round.damaged), (30, 0));
    assert!(running.damage().is_empty());

    flip(&site.path(17), 3_000);
    assert_eq!(running.round().await.round.damaged, 1);
    assert_eq!(running.damage(), [(17, site.span(17))]);
    assert_eq!(running.marked(&site).await, [17]);
    let told = running.config.faults.all();
    assert!(told[0].fact.fault == FaultKind::Damage && told[0].fact.detail.contains("its bytes give"), "{told:?}");
    assert_eq!(running.round().await.round.damaged, 1, "found again, told once");
    running.stop().await;

    // Over a restart, and over the loss of all that can be rebuilt.
    std::fs::remove_dir_all(site.dir.path().join("catalog")).unwrap();
    std::fs::remove_file(site.dir.path().join("scrub.json")).unwrap();
    let mut running = Running::start(&site, AT_ONCE);
    running.round().await;
    assert_eq!(running.damage(), [(17, site.span(17))]);
    assert_eq!(running.marked(&site).await, [17]);

    flip(&site.path(17), 3_000);
    running.round().await;
    assert!(running.damage().is_empty());
    assert!(running.marked(&site).await.is_empty());
    running.stop().await;
}

// RET-07
#[tokio::test]
async fn what_is_cut_short_gone_or_swapped_is_told_and_what_was_deleted_is_not() {
    let mut site = Site::with(12);
    let size = site.closed[2].bytes.0;
    std::fs::File::options().write(true).open(site.path(2)).unwrap().set_len(size - 700).unwrap();
    std::fs::write(site.path(4), b"").unwrap();
    std::fs::remove_file(site.path(6)).unwrap();
    std::fs::copy(site.path(9), site.path(8)).unwrap();
    // One that retention let go, one that the recorder did: their lines came first.
    let deleted = |n: u32| site.closed[n as usize].clone();
    let (by_agent, by_recorder) = (deleted(0), deleted(1));
    site.log
        .append(&RecorderEntry::Deleted {
            segment: by_recorder.segment,
            bytes: by_recorder.bytes,
            span: by_recorder.span().unwrap(),
            why: DeletedWhy::HardFloor,
            at: None,
        })
        .unwrap();
    std::fs::remove_file(site.path(1)).unwrap();
    let mut running = Running::start(&site, AT_ONCE);
    running.ledger.append(deleting(&by_agent)).await.unwrap();
    std::fs::remove_file(site.path(0)).unwrap();
    running.round().await;
    // One before the agent started, one while it ran.
    std::fs::remove_file(site.path(11)).unwrap();
    running.round().await;

    assert_eq!(running.damage().iter().map(|(n, _)| *n).collect::<Vec<_>>(), [2, 4, 6, 8, 11]);
    for (n, span) in running.damage() {
        assert_eq!(span, site.span(n));
    }
    let told: Vec<String> = running.config.faults.all().into_iter().map(|open| open.fact.detail).collect();
    for (words, count) in
        [("bytes are left of it", 1), ("its head is gone", 1), ("its file is gone", 2), ("it holds segment", 1)]
    {
        assert_eq!(told.iter().filter(|detail| detail.contains(words)).count(), count, "{words}: {told:#?}");
    }

    // Damaged footage that its policy removes is no fault for ever.
    running.ledger.append(deleting(&site.closed[2])).await.unwrap();
    std::fs::remove_file(site.path(2)).unwrap();
    running.config.catalog.remove(vec![(site.closed[2].segment, site.span(2).start_ms)]).await.unwrap();
    running.round().await;
    assert_eq!(running.damage().iter().map(|(n, _)| *n).collect::<Vec<_>>(), [4, 6, 8, 11]);
    running.stop().await;
}

fn deleting(closed: &Closed) -> AgentBody {
    let (segment, digest, bytes) = (closed.segment, closed.digest, closed.bytes);
    let gone = GoneSegment { segment, digest, span: closed.span().unwrap(), bytes };
    AgentBody::Deleting { why: farwatch_shared::evidence::DeletedWhy::Ceiling, segments: vec![gone], by: None }
}

// RET-07, EVD-01
#[tokio::test]
async fn a_whole_file_in_anothers_place_is_found_by_the_chain_though_log_and_catalog_are_gone() {
    let site = Site::with(6);
    // The same segment made anew with other bytes in it, whole in itself.
    let mut forged = Site::with(3);
    forged.camera = site.camera;
    forged.closed.clear();
    forged.record();
    let mut other = std::fs::read(forged.path(0)).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    std::fs::write(site.path(0), other).unwrap();
    for log in std::fs::read_dir(site.dir.path().join("logs")).unwrap() {
        std::fs::remove_file(log.unwrap().path()).unwrap();
    }
    let mut running = Running::start(&site, AT_ONCE);
    running.round().await;
    assert_eq!(running.damage().iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0]);
    assert!(running.config.faults.all()[0].fact.detail.contains("the segment after it followed"));
    running.stop().await;
}

// RET-07
#[tokio::test]
async fn a_round_that_was_stopped_goes_on_where_it_was() {
    let site = Site::with(40);
    // About a twentieth of a second for each.
    let slow = Pace { round_ms: 3_600_000, rest_ms: 3_600_000, slowest: 100_000, fastest: 100_000, busy_ms: u64::MAX };
    let mut running = Running::start(&site, slow);
    let before = running.until(|p| p.round.segments >= 10).await;
    running.stop().await;
    let mut running = Running::start(&site, Pace { rest_ms: 3_600_000, ..AT_ONCE });
    let after = running.until(|p| p.round.ended_ms.is_some()).await;
    assert_eq!(after.round.began_ms, before.round.began_ms);
    // The one it stopped at may be read twice.
    assert!((40..=42).contains(&after.round.segments), "{} read of 40", after.round.segments);
    running.stop().await;
}

// RET-07
#[tokio::test]
async fn a_camera_whose_bytes_are_no_pictures_is_told_within_the_day() {
    let site = Site::with(3);
    let mut running = Running::start(&site, AT_ONCE);
    running.tasks.spawn(pictures(running.config.clone(), running.stop.clone()));
    let told = async {
        while running.config.faults.all().is_empty() {
            running.ledger.grew().await;
        }
    };
    // Whoever grows the ledger between the two lines is looked for by the next round at the latest.
    let _ = tokio::time::timeout(PATIENCE, told).await;
    let told = running.config.faults.all();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].fact.detail.starts_with("no picture can be decoded"), "{told:?}");
    let sequence = told[0].segment.unwrap().sequence;
    running.round().await;
    assert_eq!(running.damage(), [(sequence, site.span(sequence))], "the bytes are as recorded, and still no picture");
    assert_eq!(running.marked(&site).await, [sequence]);
    running.stop().await;
}

#[test]
fn a_segment_reads_as_what_the_log_says_of_it() {
    let site = Site::with(1);
    let segment: SegmentId = site.closed[0].segment;
    let contents = site.vault().read(&segment).unwrap();
    assert_eq!(
        (contents.digest(), contents.rest, contents.size()),
        (site.closed[0].digest, ByteSize(0), site.closed[0].bytes)
    );
}
