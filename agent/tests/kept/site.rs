//! A box with a run of one camera in its vault: real files, the real log, the real catalog.

use std::path::PathBuf;

use farwatch_agent::catalog::{self, Catalog, CatalogConfig, Evidence};
use farwatch_agent::enrol::TrustedTime;
use farwatch_agent::ledger::agent::AgentLedger;
use farwatch_agent::ledger::entry::{Closed, ClosedWhy, Moment, RecorderEntry};
use farwatch_agent::ledger::log::LogWriter;
use farwatch_agent::vault::{Vault, Volume};
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RecorderId, RunId, StreamName};
use farwatch_shared::media::fragment::{Fragment, Sample, TrackPart, VIDEO_TRACK};
use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
use farwatch_shared::media::init::put_init;
use farwatch_shared::media::nal::Codec;
use farwatch_shared::media::sets::ParameterSets;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, Clock, ClockState, Span, WallMs};

const T0: WallMs = WallMs(1_790_000_000_000);
pub const MINUTE_MS: i64 = 60_000;
/// The boot it is in, by the kernel's name.
pub const BOOT: &str = "0000000a-1111-2222-3333-444444444444";

pub struct Site {
    pub dir: tempfile::TempDir,
    pub camera: CameraId,
    pub log: LogWriter,
    pub closed: Vec<Closed>,
}

impl Site {
    pub fn with(segments: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("logs")).unwrap();
        std::fs::create_dir_all(dir.path().join("vault")).unwrap();
        let id = RecorderId::generate();
        let log = LogWriter::open(&dir.path().join(format!("logs/{id}.log")), |_| {}).unwrap();
        let mut site = Self { dir, camera: CameraId::generate(), log, closed: Vec::new() };
        (0..segments).for_each(|_| site.record());
        site
    }

    pub fn vault(&self) -> Vault {
        Vault::new(self.dir.path().join("vault"))
    }

    pub fn path(&self, sequence: u32) -> PathBuf {
        self.vault().path(&self.closed[sequence as usize].segment)
    }

    pub fn span(&self, sequence: u32) -> Span {
        self.closed[sequence as usize].span().unwrap()
    }

    /// One more minute after the last.
    pub fn record(&mut self) {
        let first = Moment { boot_ns: BootNs(1_000_000_000), wall_ms: T0 };
        let minutes = i64::try_from(self.closed.len()).unwrap();
        self.record_at(first.plus_ns(minutes * MINUTE_MS * 1_000_000), ClockState::Ntp);
    }

    /// A minute: a head and four fragments of bytes that are no pictures.
    pub fn record_at(&mut self, start: Moment, clock: ClockState) {
        let sequence = u32::try_from(self.closed.len()).unwrap();
        let mut sets = ParameterSets::new(Codec::H264);
        for set in ["6742c028da01e0089f97011000000300100000030280f1832a", "68ce3c80"] {
            sets.learn(&hex::decode(set).unwrap());
        }
        let config = sets.config().unwrap();
        let ident = SegmentIdent {
            version: SegmentIdent::VERSION,
            agent: None,
            camera: self.camera,
            stream: StreamName::Main,
            run: RunId { boot: 10, counter: 1 },
            sequence,
            boot_id: BOOT.into(),
            boot_ns: start.boot_ns,
            wall_ms: start.wall_ms,
            clock,
            clock_error_us: None,
            camera_ntp: None,
            previous: self.closed.last().map_or(Digest::ZERO, |c| c.digest),
            codec: config.codec.clone(),
            width: config.width.into(),
            height: config.height.into(),
            audio_codec: None,
            audio_derived: false,
            derived: false,
            needs_previous: false,
            source: None,
        };
        let mut bytes = Vec::new();
        put_init(&mut bytes, &config, None);
        ident.put(&mut bytes);
        let mut pieces = vec![Digest::of(&bytes)];
        for n in 0..4u32 {
            let unit: Vec<u8> =
                [0, 0, 3, 252, 0x65].into_iter().chain((0..1_019).map(|i| (i * 7 % 251) as u8)).collect();
            let samples = vec![Sample { size: 1_024, duration: 15 * 90_000, offset: 0, sync: true }];
            let at = start.plus_ns(i64::from(n) * 15_000_000_000);
            let fragment = Fragment {
                ident: FragmentIdent { boot_ns: at.boot_ns, wall_ms: at.wall_ms, keyframe: true },
                sequence: n + 1,
                ntp: None,
                tracks: vec![TrackPart { track: VIDEO_TRACK, decode_time: u64::from(n) * 15 * 90_000, samples }],
            };
            let piece: Vec<u8> = fragment.head().into_iter().chain(unit).collect();
            pieces.push(Digest::of(&piece));
            bytes.extend(piece);
        }
        let closed = Closed {
            segment: ident.segment(),
            start,
            end: start.plus_ns(MINUTE_MS * 1_000_000),
            bytes: ByteSize(bytes.len() as u64),
            fragments: 4,
            frames: 4,
            digest: Digest::of_pieces(&pieces),
            previous: ident.previous,
            clock: ident.clock,
            codec: ident.codec.clone(),
            width: ident.width,
            height: ident.height,
            audio_codec: None,
            audio_derived: false,
            needs_previous: false,
            media_ticks90k: 60 * 90_000,
            why: ClosedWhy::Length,
            activity: Vec::new(),
        };
        let path = self.vault().path(&closed.segment);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        self.log.append(&RecorderEntry::Closed(closed.clone())).unwrap();
        self.closed.push(closed);
    }

    pub fn ledger(&self) -> AgentLedger {
        AgentLedger::open(self.dir.path().join("agent.log"), Clock::real(), WallMs(0)).unwrap()
    }

    pub fn catalog(&self, clock: Clock, trusted: TrustedTime) -> Catalog {
        catalog::start(CatalogConfig {
            dir: self.dir.path().join("catalog"),
            vault: self.vault(),
            volume: Volume::new(self.vault().root().to_path_buf(), self.dir.path().join("volume")),
            recorder_ledgers: self.dir.path().join("logs"),
            evidence: Evidence { clock, trusted },
        })
        .unwrap()
    }
}
