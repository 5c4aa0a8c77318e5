//! The thread that writes: takes what the cameras handed in, lets the rules decide, does what they say.
//!
//! Belongs here: carrying out [`Action`]s in order, what to do when the disk refuses. Does not: deciding.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId, RunId};
use farwatch_shared::media::ident::SegmentIdent;
use farwatch_shared::time::{BootNs, Clock, WallMs};
use farwatch_shared::wire::latest::GapCause;

use super::activity::Activity;
use super::book::Book;
use super::clocks::{self, Boot, ClockWatch};
use super::counter::RunCounter;
use super::cut::{Action, Cutter, FileStart, Out, Rules};
use super::events::Events;
use super::figures::{Arrived, Board};
use super::file::SegmentFile;
use super::gate::Gate;
use super::hole::HolePiece;
use super::intake::{Handed, Intake, StreamKey};
use super::modes::Way;
use super::preroll::Leave;
use super::sync::Syncer;
use super::{mount, recover};
use crate::camera::Item;
use crate::ledger::entry::{ClosedWhy, Gap, Moment, RecorderEntry, RunLink, StreamEnd};
use crate::recorder::protocol::{FragmentWritten, PlanMode, Up};
use crate::vault::{Vault, VaultError};

/// Frames are taken up in batches this far apart: fewer wake-ups, and little is lost to a crash.
const BATCH: Duration = Duration::from_millis(15);
/// How often time itself is an event.
const TICK: Duration = Duration::from_millis(100);

/// What the writer works with.
pub struct Tools {
    pub vault: Vault,
    pub book: Book,
    pub boot: Boot,
    pub clock: Clock,
    pub clock_watch: ClockWatch,
    pub board: Board,
    pub syncer: Syncer,
    pub settings: SharedSettings,
    /// The directory of the recorders' logs.
    pub ledgers: PathBuf,
    /// The file of the run counter.
    pub counter: PathBuf,
    pub gate: Gate,
}

/// What a plan changes for all streams: how long files are (for streams begun from then on), whose they are.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub rules: Rules,
    pub agent: Option<AgentId>,
}

pub type SharedSettings = Arc<Mutex<Settings>>;

/// All streams being written.
pub struct Hand {
    pub(super) tools: Tools,
    pub(super) intake: Intake,
    pub(super) streams: BTreeMap<StreamKey, Stream>,
    /// When each is recorded, known before it starts.
    pub(super) modes: BTreeMap<StreamKey, PlanMode>,
    /// What happens in front of the cameras.
    pub(super) events: Events,
    /// Streams an earlier recorder died over.
    pub(super) torn: BTreeSet<StreamKey>,
    /// Where streams ended that are not written now.
    ends: BTreeMap<StreamKey, StreamEnd>,
    counter: RunCounter,
    /// When the file system last met an error, as known at the start.
    disk_error: Option<WallMs>,
    last_tick: BootNs,
    pub(super) actions: Vec<Action>,
    /// Written and not yet announced.
    fresh: Vec<FragmentWritten>,
}

pub(super) struct Stream {
    pub(super) cutter: Cutter,
    pub(super) way: Way,
    pub(super) activity: Activity,
    /// When motion was last told of.
    pub(super) motion_told: Option<BootNs>,
    pub(super) arrived: Arrived,
    /// It is said that nothing is expected.
    pub(super) off: bool,
    run: Option<RunId>,
    file: Option<SegmentFile>,
    /// The disk refused the open file.
    failed: Option<String>,
    last: Option<RunLink>,
    /// What its camera is reached through, where that is known.
    interface: Option<String>,
}

impl Hand {
    /// Deals with what earlier recorders left before anything is written. Cameras may already be handing in.
    ///
    /// # Errors
    /// When the vault cannot be listed.
    pub fn prepare(tools: Tools, intake: Intake) -> Result<Self, VaultError> {
        let counter = RunCounter::open(tools.counter.clone(), tools.vault.highest_counter()?);
        let now = clocks::now(&tools.clock);
        let past = recover::recover(&tools.ledgers, &tools.vault, &tools.book, &tools.boot, now)?;
        let disk_error = mount::last_error(tools.vault.root());
        Ok(Self {
            tools,
            intake,
            streams: BTreeMap::new(),
            modes: BTreeMap::new(),
            events: Events::default(),
            torn: past.torn,
            ends: past.ends,
            counter,
            disk_error,
            last_tick: BootNs(0),
            actions: Vec::new(),
            fresh: Vec::new(),
        })
    }

    /// Works until the intake is closed and empty.
    pub fn run(mut self) {
        while self.intake.wait(TICK) {
            std::thread::sleep(BATCH);
            self.work();
        }
        self.work();
        for entry in self.events.all(clocks::now(&self.tools.clock)) {
            self.tools.book.write(entry);
        }
    }

    /// Takes up everything that waits, then lets time pass.
    pub fn work(&mut self) {
        while let Some((key, handed)) = self.intake.take() {
            self.handle(key, handed);
        }
        announce(&self.tools, &mut self.fresh);
        let now = clocks::now(&self.tools.clock);
        if now.boot_ns.since(self.last_tick) < TICK.as_nanos() as i64 {
            return;
        }
        self.last_tick = now.boot_ns;
        let keys: Vec<StreamKey> = self.streams.keys().copied().collect();
        self.pass_time(now);
        self.look_for_a_common_silence(now);
        for key in keys {
            let mut actions = std::mem::take(&mut self.actions);
            if let Some(stream) = self.streams.get_mut(&key) {
                stream.cutter.tick(now, &mut actions);
            }
            self.actions = actions;
            self.act(key);
            self.note_state(key, now);
        }
    }

    fn handle(&mut self, key: StreamKey, handed: Handed) {
        let now = clocks::now(&self.tools.clock);
        match handed {
            Handed::Mode(mode) => {
                self.modes.insert(key, mode.clone());
                self.adopt(key, &mode, now);
            }
            Handed::Start(wanted_since) => self.start(key, wanted_since, now),
            Handed::Trigger(what) => self.happened(key.0, &what, now),
            Handed::Stop(why) => self.stop(key, why, now),
            other => self.pass(key, other, now),
        }
    }

    fn start(&mut self, key: StreamKey, wanted_since: Moment, now: Moment) {
        let end = self.ends.remove(&key);
        let mut hole = recover::hole(end.as_ref(), &self.tools.boot, wanted_since);
        hole.explain_by_disk(self.disk_error);
        if let Some(end) = &end {
            self.missed_opening(end, key, now, &mut hole);
        }
        let stream = Stream {
            cutter: Cutter::new(self.tools.settings().rules, hole, now),
            way: Way::Straight,
            activity: Activity::default(),
            motion_told: None,
            arrived: Arrived::default(),
            off: end.as_ref().is_some_and(|end| end.switched_off),
            run: None,
            file: None,
            failed: None,
            last: end.and_then(|end| end.last),
            interface: None,
        };
        self.streams.insert(key, stream);
        self.tools.board.note(key, |_| {});
        self.act(key);
        if let Some(mode) = self.modes.get(&key).cloned() {
            self.adopt(key, &mode, now);
        }
    }

    /// Hands something to the cutter and does what it says.
    pub(super) fn feed(&mut self, key: StreamKey, handed: Handed, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let (cutter, out) = (&mut stream.cutter, &mut self.actions);
        match handed {
            Handed::Begin(opening) => cutter.begin(*opening, now, out),
            Handed::Link { interface } => stream.interface = interface,
            Handed::NoCarrier => cutter.network_down("the network link was down", now, out),
            Handed::Video(Item::Video { unit, at }, picture) => cutter.video(unit, picture, at, now, out),
            Handed::Other(Item::Audio { frame, at }) => cutter.audio(frame, at),
            Handed::Other(Item::Report { track, ticks, ntp }) => cutter.report(track, ticks, ntp),
            Handed::Other(Item::Defect(name)) => out.push(Action::Defect(name)),
            Handed::End { cause, detail } => cutter.end(cause, &detail, now, out),
            Handed::Dropped { frames } => cutter.dropped(frames, now, out),
            // The hand's own, never handed on.
            Handed::Mode(_) | Handed::Start(_) | Handed::Trigger(_) | Handed::Stop(_) => {}
            Handed::Video(..) | Handed::Other(_) => {}
        }
        self.act(key);
    }

    fn stop(&mut self, key: StreamKey, why: ClosedWhy, now: Moment) {
        // What is held was never wanted.
        while let Some(handed) = self.intake.unhold(key, Leave::All) {
            self.feed(key, handed, now);
        }
        let Some(stream) = self.streams.get_mut(&key) else { return };
        stream.cutter.stop(why, now, &mut self.actions);
        self.act(key);
        if let Some(mut stream) = self.streams.remove(&key) {
            self.tools.board.forget(key);
            self.remember(key, &mut stream, why, now);
        }
    }

    /// Says how a stream is, as far as what arrives shows it.
    fn note_state(&mut self, key: StreamKey, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let (due, arrived) = (stream.cutter.is_due(now), std::mem::take(&mut stream.arrived));
        let format = stream.cutter.format();
        self.tools.board.note(key, |f| f.arrived(due, &arrived, format));
    }

    /// Keeps where a stream ended, for when it is wanted again.
    fn remember(&mut self, (camera, stream): StreamKey, ended: &mut Stream, why: ClosedWhy, now: Moment) {
        let end = ended.cutter.ledgered().unwrap_or(now);
        let switched_off = why == ClosedWhy::Plan || ended.off;
        if switched_off && !ended.off {
            self.tools.book.write(RecorderEntry::SwitchedOff { camera, stream, at: end });
        }
        let boot_id = self.tools.boot.id.clone();
        let idle = !switched_off && !ended.cutter.is_due(now);
        let known = StreamEnd { camera, stream, boot_id, end, switched_off, clean_stop: false, idle, last: ended.last };
        self.ends.insert((camera, stream), known);
    }

    /// Every camera of an interface silent at once is the network, not the cameras.
    fn look_for_a_common_silence(&mut self, now: Moment) {
        let mut silent: BTreeMap<Option<&str>, (BTreeSet<CameraId>, bool)> = BTreeMap::new();
        for ((camera, _), stream) in &mut self.streams {
            let missing = matches!(stream.cutter.missing(), Some(GapCause::Camera | GapCause::Network));
            // A camera of which nothing is due bears witness by its session.
            let quiet = (missing || !stream.cutter.is_due(now)) && !stream.cutter.in_session();
            let (cameras, all) = silent.entry(stream.interface.as_deref()).or_insert_with(|| (BTreeSet::new(), true));
            cameras.insert(*camera);
            *all &= quiet;
        }
        silent.retain(|_, (cameras, all)| *all && cameras.len() > 1);
        let down: BTreeSet<Option<String>> = silent.into_keys().map(|name| name.map(str::to_owned)).collect();
        if down.is_empty() {
            return;
        }
        let keys: Vec<StreamKey> =
            self.streams.iter().filter(|(_, s)| down.contains(&s.interface)).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(stream) = self.streams.get_mut(&key) {
                stream.cutter.network_down("every camera is silent", now, &mut self.actions);
            }
            self.act(key);
        }
    }

    pub(super) fn act(&mut self, key: StreamKey) {
        let actions = std::mem::take(&mut self.actions);
        if actions.is_empty() {
            self.actions = actions;
            return;
        }
        let Some(stream) = self.streams.get_mut(&key) else { return };
        for action in actions {
            match action {
                Action::Open(start) => stream.open(key, start, &self.tools, &mut self.counter),
                Action::Write(out) => stream.write(key, out, &self.tools, &mut self.fresh),
                Action::Close { end, why } => {
                    // A file is not heard of after its end.
                    announce(&self.tools, &mut self.fresh);
                    stream.close(key, end, why, &self.tools);
                }
                Action::Gap(piece) => self.tools.ledger_gap(key, piece),
                Action::Defect(name) => {
                    self.tools.board.note(key, |f| *f.defects.entry(name.into()).or_default() += 1);
                }
                Action::Unusable(why) => self.tools.board.note(key, |f| f.unusable = Some(why)),
            }
        }
        if let Some(detail) = stream.failed.take() {
            let committed = stream.file.take().and_then(|file| {
                let end = (!file.is_empty()).then(|| file.committed());
                stream.ledger(key, file, None, ClosedWhy::Gap, &self.tools);
                end
            });
            stream.run = None;
            stream.cutter.abandon(committed, &detail, &mut self.actions);
            self.actions.retain(|action| !matches!(action, Action::Defect(_)));
            self.tools.board.note(key, |f| *f.defects.entry("write_failed".into()).or_default() += 1);
        }
        let missing = stream.cutter.missing();
        self.tools.board.note(key, |f| {
            if missing.is_some() && f.missing.is_none() {
                f.broke();
            }
            f.missing = missing;
        });
    }
}

/// All that was written in one turn in one go: a wake-up costs more than what it says.
fn announce(tools: &Tools, fresh: &mut Vec<FragmentWritten>) {
    tools.book.wakeups().say_all(fresh.drain(..).map(Up::Fragment));
}

impl Stream {
    fn open(&mut self, key: StreamKey, start: FileStart, tools: &Tools, counter: &mut RunCounter) {
        if let Some(why) = tools.gate.why_shut() {
            self.failed = Some(why);
            return;
        }
        let at = start.start;
        let previous = match (start.continues, self.run, self.last) {
            (true, Some(run), Some(last)) if last.run == run => Some(last),
            _ => None,
        };
        let (run, sequence) = match previous {
            Some(last) => (last.run, last.last_sequence + 1),
            None => (RunId { boot: tools.boot.short, counter: counter.take() }, 0),
        };
        let ident = SegmentIdent {
            version: SegmentIdent::VERSION,
            agent: tools.settings().agent,
            camera: key.0,
            stream: key.1,
            run,
            sequence,
            boot_id: tools.boot.id.clone(),
            boot_ns: at.boot_ns,
            wall_ms: at.wall_ms,
            clock: tools.clock_watch.state(),
            clock_error_us: None,
            camera_ntp: start.ntp.map(|ntp| ntp.to_string()),
            previous: previous.map_or(Digest::ZERO, |last| last.digest),
            codec: start.config.codec.clone(),
            width: start.config.width.into(),
            height: start.config.height.into(),
            audio_codec: start.audio.as_ref().map(|a| a.codec.clone()),
            audio_derived: start.audio.as_ref().is_some_and(|a| a.derived),
            needs_previous: start.needs_previous,
            derived: false,
            source: Some(start.source.into()),
        };
        let path = tools.vault.path(&ident.segment());
        self.run = Some(run);
        match SegmentFile::create(path, ident, at, &start.config, start.audio.as_ref()) {
            Ok(file) => {
                if previous.is_none() {
                    let (camera, stream) = key;
                    tools.book.write(RecorderEntry::RunOpened { camera, stream, run, at, after: self.last });
                }
                tools.syncer.opened(file.path(), file.handle());
                tools.board.note(key, |f| f.opened(&start));
                self.file = Some(file);
            }
            Err(error) => self.fail("made", &error, key),
        }
    }

    fn write(&mut self, key: StreamKey, out: Out, tools: &Tools, fresh: &mut Vec<FragmentWritten>) {
        let (Some(file), None) = (&mut self.file, &self.failed) else { return };
        if let Some(why) = tools.gate.why_shut() {
            self.failed = Some(why);
            return;
        }
        let end = out.end.boot_ns;
        match file.write(out) {
            Ok(pieces) => {
                tools.syncer.written(file.handle());
                tools.board.note(key, |f| f.written(&pieces, end));
                fresh.extend(pieces);
            }
            Err(error) => self.fail("written", &error, key),
        }
    }

    fn fail(&mut self, doing: &str, error: &io::Error, key: StreamKey) {
        tracing::error!(camera = %key.0, stream = %key.1, %error, "a segment cannot be {doing}");
        self.failed = Some(format!("a segment could not be {doing}: {error}"));
    }

    fn close(&mut self, key: StreamKey, end: Moment, why: ClosedWhy, tools: &Tools) {
        let Some(file) = self.file.take() else {
            self.failed = None;
            return;
        };
        match self.failed.take() {
            None => self.ledger(key, file, Some(end), why, tools),
            // The rules had already moved on: what could not be written is a hole up to where the file would have ended.
            Some(detail) => {
                let start = file.committed();
                self.run = None;
                self.ledger(key, file, None, ClosedWhy::Gap, tools);
                let piece = HolePiece { start, end, cause: GapCause::Disk, detail: Some(detail), across_boots: false };
                tools.ledger_gap(key, piece);
            }
        }
    }

    fn ledger(&mut self, key: StreamKey, file: SegmentFile, end: Option<Moment>, why: ClosedWhy, tools: &Tools) {
        tools.syncer.closed(file.handle());
        let end = end.unwrap_or(file.committed());
        let Some(closed) = file.close(end, why) else { return };
        tracing::debug!(segment = %closed.segment, ?why, bytes = closed.bytes.bytes(), "segment closed");
        self.last =
            Some(RunLink { run: closed.segment.run, last_sequence: closed.segment.sequence, digest: closed.digest });
        debug_assert_eq!((closed.segment.camera, closed.segment.stream), key);
        tools.book.write(RecorderEntry::Closed(closed));
    }
}

impl Tools {
    fn settings(&self) -> Settings {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger_gap(&self, (camera, stream): StreamKey, piece: HolePiece) {
        let HolePiece { start, end, cause, detail, across_boots } = piece;
        tracing::info!(%camera, %stream, ?cause, detail, from = %start.wall_ms, to = %end.wall_ms, "gap");
        self.book.write(RecorderEntry::Gap(Gap { camera, stream, start, end, cause, detail, across_boots }));
    }
}

/// Starts the writer's thread. It ends once the intake is closed and empty.
///
/// # Errors
/// When the system has no thread to give.
pub fn start(tools: Tools, intake: Intake) -> io::Result<JoinHandle<Result<(), VaultError>>> {
    let work = move || {
        // What an earlier recorder left is looked for on the right disk only.
        tools.gate.wait();
        Hand::prepare(tools, intake)?.run();
        Ok(())
    };
    std::thread::Builder::new().name("write".into()).spawn(work)
}

#[cfg(test)]
#[path = "hand_tests.rs"]
mod tests;
