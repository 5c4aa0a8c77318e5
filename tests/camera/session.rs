//! One connection: requests answered, and frames sent while it plays.
//!
//! Belongs here: the order of RTSP, and when to write. Does not: text (`rtsp`), packets (`play`), listeners (`run`).
//! Wakes on: bytes from the receiver, the next frame's time, a change of its mount's condition.

use std::rc::Rc;
use std::time::Duration;

use farwatch_tests::truth::{Line, Moment, SentFrame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::digest::Credentials;
use crate::journal::Journal;
use crate::mount::{Condition, Mount, Mounts, Seat, Stale};
use crate::play::{Play, Tracks, Written};
use crate::quirk::Quirk;
use crate::rtp::Stamp;
use crate::rtsp::{Answer, Malformed, Reader, Request};
use crate::sdp::{self, CONTROLS};
use crate::ticks::{CameraClock, CameraNs};

/// A receiver that takes nothing for this long is hung up on.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long a session goes on that was not torn down, as a quirk.
const STALE_NS: u64 = 8_000_000_000;
/// The timeout of a session, as a quirk.
const SHORT_TIMEOUT_S: u64 = 6;
const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What every session shares.
pub struct Camera {
    pub mounts: Mounts,
    pub credentials: Option<Credentials>,
    pub clock: CameraClock,
    pub journal: Option<Journal>,
}

/// Why a session ended other than by the receiver's or a fault's doing.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("connection lost")]
    Io(#[from] std::io::Error),
    #[error("not RTSP")]
    Malformed(#[from] Malformed),
    #[error("the receiver took nothing for {} s", WRITE_WITHIN.as_secs())]
    Stuck,
}

/// Converses until the receiver goes, a fault cuts, or something breaks.
pub async fn converse<S>(mut stream: S, number: u32, camera: Rc<Camera>) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session::new(number, camera);
    let mut reader = Reader::default();
    let mut held: Option<Request> = None;
    let mut bytes = [0; 4096];
    let mut out = Vec::new();
    loop {
        while let Some(request) = held.take().map_or_else(|| reader.next(), |request| Ok(Some(request)))? {
            session.bind(&request);
            if session.condition().hung {
                held = Some(request);
                break;
            }
            let answer = session.answer(&request);
            out.clear();
            if let Some(early) = session.send_early(&mut out) {
                write(&mut stream, &out).await?;
                session.note_frame(early);
            }
            write(&mut stream, &answer.bytes(&request)).await?;
            if answer.closes {
                session.torn_down = true;
                return Ok(());
            }
            session.play_if_asked();
        }
        if session.is_cut() {
            return Ok(());
        }
        let left = session.until_due();
        tokio::select! {
            biased;
            read = stream.read(&mut bytes) => match read? {
                0 => return Ok(()),
                n => reader.push(&bytes[..n])?,
            },
            () = wait(left), if left.is_some() => {
                out.clear();
                session.render_stale(&mut out);
                let written = if session.is_due() { session.render(&mut out) } else { None };
                if !out.is_empty() {
                    write(&mut stream, &out).await?;
                }
                if let Some(written) = written {
                    session.note_frame(written);
                }
            }
            () = session.changed() => {}
        }
    }
}

async fn wait(left: Option<Duration>) {
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        tokio::time::sleep(left).await;
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), SessionError> {
    let whole = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    match tokio::time::timeout(WRITE_WITHIN, whole).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(SessionError::Stuck),
    }
}

/// The mount a session has named, and how it stood then.
struct Bound {
    mount: Rc<Mount>,
    condition: watch::Receiver<Condition>,
    cuts: u64,
}

struct Session {
    number: u32,
    camera: Rc<Camera>,
    nonce: String,
    bound: Option<Bound>,
    seat: Option<Seat>,
    tracks: Tracks,
    /// Built by PLAY, begun once its answer is out.
    ready: Option<Play>,
    play: Option<Play>,
    /// What an earlier connection left behind goes on in this one.
    stale: Option<Stale>,
    torn_down: bool,
    asked_at: CameraNs,
}

impl Session {
    fn new(number: u32, camera: Rc<Camera>) -> Self {
        let nonce = hex::encode(random::<16>());
        let asked_at = camera.clock.now();
        Self {
            number,
            camera,
            nonce,
            bound: None,
            seat: None,
            tracks: Tracks::default(),
            ready: None,
            play: None,
            stale: None,
            torn_down: false,
            asked_at,
        }
    }

    /// Notes which mount the first request that names one is about.
    fn bind(&mut self, request: &Request) {
        if self.bound.is_some() {
            return;
        }
        if let Some(mount) = self.camera.mounts.get(request.path().0) {
            let cuts = mount.condition().cuts;
            self.stale = mount.inherit(self.camera.clock.now());
            self.bound = Some(Bound { mount: mount.clone(), condition: mount.follow(), cuts });
        }
    }

    fn condition(&self) -> Condition {
        self.bound.as_ref().map_or_else(Condition::default, |bound| bound.mount.condition())
    }

    fn is_cut(&self) -> bool {
        let silent_ns = self.camera.clock.now().0.saturating_sub(self.asked_at.0);
        let timed_out = self.condition().quirks.has(Quirk::ShortTimeout) && silent_ns > SHORT_TIMEOUT_S * 1_000_000_000;
        timed_out || self.bound.as_ref().is_some_and(|bound| bound.mount.condition().cuts != bound.cuts)
    }

    /// How long until the next frame, if this plays.
    fn until_due(&self) -> Option<Duration> {
        let own = self.play.as_ref().map(Play::due);
        let due = own.into_iter().chain(self.stale.as_ref().map(|stale| stale.play.due())).min()?;
        Some(Duration::from_nanos(due.0.saturating_sub(self.camera.clock.now().0)))
    }

    async fn changed(&mut self) {
        match &mut self.bound {
            // The sender lives in the mount, which `bound` keeps.
            Some(bound) => drop(bound.condition.changed().await),
            None => std::future::pending().await,
        }
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let method = request.method.as_str();
        self.asked_at = self.camera.clock.now();
        if method == "OPTIONS" {
            return Answer::ok().header("Public", METHODS);
        }
        if let Some(credentials) = &self.camera.credentials {
            let admitted =
                request.header("authorization").is_some_and(|answer| credentials.admit(answer, method, &self.nonce));
            if !admitted {
                return Answer::of("401 Unauthorized").header("WWW-Authenticate", credentials.challenge(&self.nonce));
            }
        }
        let Some(mount) = self.bound.as_ref().map(|bound| bound.mount.clone()) else {
            return Answer::of("404 Not Found");
        };
        let id = self.id();
        let condition = mount.condition();
        let quirks = condition.quirks;
        if !quirks.has(Quirk::SessionIdChanges)
            && request.header("session").is_some_and(|named| named.split(';').next() != Some(id.as_str()))
        {
            return Answer::of("454 Session Not Found");
        }
        match method {
            "DESCRIBE" | "SETUP" if condition.down => Answer::of("404 Not Found"),
            "DESCRIBE" => {
                let base = request.base();
                let bare = base.split_once("://").map_or(base.as_str(), |(_, bare)| bare).to_owned();
                let mut answer = Answer::ok();
                if !quirks.has(Quirk::NoContentType) {
                    answer = answer.header("Content-Type", "application/sdp");
                }
                answer
                    .header("Content-Base", if quirks.has(Quirk::BaseWithoutScheme) { bare } else { base })
                    .body(sdp::describe(mount.video(&condition), mount.audio.as_deref(), quirks))
            }
            "SETUP" => self.set_up(&mount, request),
            "PLAY" => self.play(&mount, &condition, request),
            "TEARDOWN" => Answer::ok().closing(),
            "GET_PARAMETER" | "SET_PARAMETER" => Answer::ok().header("Session", id),
            _ => Answer::of("405 Method Not Allowed").header("Allow", METHODS),
        }
    }

    fn id(&self) -> String {
        format!("{:08X}", self.number)
    }

    fn set_up(&mut self, mount: &Rc<Mount>, request: &Request) -> Answer {
        let Some(channel) = request.interleaved() else {
            return Answer::of("461 Unsupported Transport");
        };
        let quirks = mount.condition().quirks;
        let [ssrc, base] = random_words();
        let ssrc = if quirks.has(Quirk::SsrcBlank) { ssrc >> 4 | 0x0100_0000 } else { ssrc };
        let [sequence, _] = random_words();
        let sequence = u16::try_from(sequence >> 16).unwrap_or_default();
        let stamp = Stamp { channel, ssrc, sequence, base, packets: 0, octets: 0 };
        let track = match request.path().1 {
            control if control == CONTROLS[0] => &mut self.tracks.video,
            control if control == CONTROLS[1] && mount.audio.is_some() => &mut self.tracks.audio,
            _ => return Answer::of("404 Not Found"),
        };
        if self.seat.is_none() {
            self.seat = mount.sit(self.camera.clock.now());
        }
        if self.seat.is_none() {
            return Answer::of("453 Not Enough Bandwidth");
        }
        *track = Some(stamp);
        let next = channel + 1;
        let transport = if quirks.has(Quirk::SsrcShort) {
            format!("RTP/AVP/TCP;ssrc=A046;unicast;interleaved={channel}-{next}")
        } else if quirks.has(Quirk::SsrcBlank) {
            format!("RTP/AVP/TCP;unicast;interleaved={channel}-{next};ssrc= {ssrc:X}")
        } else {
            format!("RTP/AVP/TCP;unicast;interleaved={channel}-{next};ssrc={ssrc:08X}")
        };
        let other = if quirks.has(Quirk::SessionIdChanges) { channel.to_string() } else { String::new() };
        let timeout = if quirks.has(Quirk::ShortTimeout) { SHORT_TIMEOUT_S } else { 60 };
        let session = format!("{}{other};timeout={timeout}", self.id());
        Answer::ok().header("Transport", transport).header("Session", session)
    }

    fn play(&mut self, mount: &Rc<Mount>, condition: &Condition, request: &Request) -> Answer {
        if self.seat.is_none() || self.play.is_some() {
            return Answer::of("455 Method Not Valid in This State");
        }
        let play = Play::begin(mount.clone(), self.tracks, condition, self.camera.clock.now());
        let base = request.base();
        let tracks: Vec<String> = CONTROLS
            .iter()
            .zip(play.first_packets(condition))
            .filter_map(|(control, first)| {
                let quirks = condition.quirks;
                first.map(|(sequence, ticks)| {
                    let far = if quirks.has(Quirk::WrongSequence) { 30_000 } else { 0 };
                    let sequence = sequence.wrapping_sub(far);
                    let time = if quirks.has(Quirk::WrongRtptime) { "now;".to_owned() } else { ticks.to_string() };
                    let ssrc = if quirks.has(Quirk::SsrcBlank) { ";ssrc= 12AB" } else { "" };
                    format!("url={base}{control};seq={sequence};rtptime={time}{ssrc}")
                })
            })
            .collect();
        self.ready = Some(play);
        Answer::ok().header("Session", self.id()).header("Range", "npt=now-").header("RTP-Info", tracks.join(","))
    }

    fn play_if_asked(&mut self) {
        if let Some(play) = self.ready.take() {
            self.play = Some(play);
            self.note(|session| Line::Play(session.moment()));
        }
    }

    /// Sends the first frame before PLAY is answered, as a quirk.
    fn send_early(&mut self, out: &mut Vec<u8>) -> Option<Written> {
        let condition = self.condition();
        if !condition.quirks.has(Quirk::EarlyData) {
            return None;
        }
        let ready = self.ready.as_mut()?;
        let due = ready.due();
        ready.render(&condition, due, out)
    }

    fn is_due(&self) -> bool {
        self.play.as_ref().is_some_and(|play| play.due() <= self.camera.clock.now())
    }

    /// What the session before sends into this connection.
    fn render_stale(&mut self, out: &mut Vec<u8>) {
        let (condition, now) = (self.condition(), self.camera.clock.now());
        if self.stale.as_ref().is_some_and(|stale| stale.until < now || !condition.quirks.has(Quirk::StaleSession)) {
            self.stale = None;
        }
        if let Some(stale) = self.stale.as_mut().filter(|stale| stale.play.due() <= now) {
            stale.play.render(&condition, now, out);
        }
    }

    fn render(&mut self, out: &mut Vec<u8>) -> Option<Written> {
        let condition = self.condition();
        let now = self.camera.clock.now();
        self.play.as_mut()?.render(&condition, now, out)
    }

    fn note_frame(&self, written: Written) {
        self.note(|session| {
            let Moment { session: number, mount, wall_ms, boot_ns } = session.moment();
            Line::Frame(SentFrame {
                session: number,
                mount,
                codec: written.codec.to_owned(),
                frame: written.frame,
                counter: written.frame.counter(),
                key: written.key,
                rtp_ts: written.rtp_ts,
                dropped: written.dropped,
                sent_wall_ms: wall_ms,
                sent_boot_ns: boot_ns,
            })
        });
    }

    fn note(&self, line: impl FnOnce(&Self) -> Line) {
        if let Some(journal) = &self.camera.journal {
            journal.note(line(self));
        }
    }

    fn moment(&self) -> Moment {
        let clock = self.camera.clock.machine();
        Moment {
            session: self.number,
            mount: self.bound.as_ref().map(|bound| bound.mount.name.clone()).unwrap_or_default(),
            wall_ms: clock.wall().0,
            boot_ns: clock.boot().0,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let (Some(stale), Some(bound)) = (self.stale.take(), &self.bound) {
            bound.mount.leave(stale);
        }
        let Some(play) = self.play.take() else { return };
        self.note(|session| Line::End(session.moment()));
        let now = self.camera.clock.now();
        if let Some(bound) = &self.bound
            && !self.torn_down
            && self.condition().quirks.has(Quirk::StaleSession)
        {
            let seat = self.seat.take();
            bound.mount.leave(Stale { play, until: CameraNs(now.0 + STALE_NS), _seat: seat });
        }
    }
}

/// Bytes nobody can guess; without a source of chance, zeros, which still serve a test.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        bytes.fill(0);
    }
    bytes
}

fn random_words() -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = random();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}
