//! What one playing session is sent, and when: pure, a clock reading in and bytes out.
//!
//! Belongs here: which frame is due, faults as they show in packets, sender reports. Does not: sockets (`session`).

use std::rc::Rc;

use farwatch_tests::truth::{FrameIndex, LOOP};

use crate::clips::Video;
use crate::mount::{Condition, Mount};
use crate::odd;
use crate::quirk::Quirk;
use crate::rtp::{Stamp, write_foreign, write_sender_report};
use crate::ticks::{CameraNs, FRAME_NS, low_32, taken, video_ticks};

const REPORT_EVERY_NS: u64 = 5_000_000_000;
/// Geovision's.
const OTHER_TYPE: u8 = 50;
const STRAY_CHANNEL: u8 = 9;
/// A receiver this far behind has lost what came between, as with a real camera's bounded send buffer.
const STALLED_NS: u64 = 2_000_000_000;

/// The tracks a session set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tracks {
    pub video: Option<Stamp>,
    pub audio: Option<Stamp>,
}

/// A frame whose packets were just written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub frame: FrameIndex,
    pub codec: &'static str,
    pub key: bool,
    pub rtp_ts: u32,
    pub dropped: u32,
}

/// One playing session.
pub struct Play {
    mount: Rc<Mount>,
    tracks: Tracks,
    showing: Rc<Video>,
    /// The next frame in decode order, counted since 1970.
    next: u64,
    next_sound: u64,
    next_report: CameraNs,
    /// After a hole nothing is sent that refers to what was not.
    awaits_key: bool,
    chance: Chance,
}

impl Play {
    /// Begins at the frame due next, key or not, as most cameras do.
    pub fn begin(mount: Rc<Mount>, tracks: Tracks, condition: &Condition, now: CameraNs) -> Self {
        let showing = mount.video(condition).clone();
        let seed = tracks.video.or(tracks.audio).map_or(1, |stamp| u64::from(stamp.ssrc));
        let mut play = Self {
            mount,
            tracks,
            showing,
            next: 0,
            next_sound: 0,
            next_report: now,
            awaits_key: false,
            chance: Chance(seed | 1),
        };
        play.skip_to(now);
        play
    }

    /// When the next frame is to be sent.
    pub fn due(&self) -> CameraNs {
        CameraNs((self.next + self.showing.delay) * FRAME_NS + self.mount.latency_ns)
    }

    /// The first packets' sequence numbers and timestamps, for `RTP-Info`: video, then audio.
    pub fn first_packets(&self, condition: &Condition) -> [Option<(u16, u32)>; 2] {
        let video = self.tracks.video.map(|stamp| {
            let (frame, _) = self.frame(&self.showing);
            (stamp.sequence, stamp.base.wrapping_add(video_ticks(frame)).wrapping_add(jump(condition, 90_000)))
        });
        let audio = self.tracks.audio.zip(self.mount.audio.as_ref()).map(|(stamp, audio)| {
            let ticks = low_32(self.next_sound * u64::from(audio.samples));
            (stamp.sequence, stamp.base.wrapping_add(ticks).wrapping_add(jump(condition, audio.coding.rate())))
        });
        [video, audio]
    }

    /// Appends what is due to `out` and moves on by one frame. `None` when no frame was written.
    pub fn render(&mut self, condition: &Condition, now: CameraNs, out: &mut Vec<u8>) -> Option<Written> {
        let due = self.due();
        if now.0 > due.0 + STALLED_NS {
            self.skip_to(now);
            self.awaits_key = true;
            return None;
        }
        if condition.hung {
            self.next += 1;
            self.next_sound = self.sounds_until(due);
            self.awaits_key = true;
            return None;
        }
        let written = self.write_frame(condition, out);
        self.write_sounds(condition, due, out);
        if due >= self.next_report && !condition.silent_rtcp {
            self.next_report = CameraNs(due.0 + REPORT_EVERY_NS);
            self.write_reports(condition, out);
        }
        self.next += 1;
        written
    }

    fn skip_to(&mut self, now: CameraNs) {
        let slot = now.0.saturating_sub(self.mount.latency_ns) / FRAME_NS + 1;
        self.next = slot.saturating_sub(self.showing.delay);
        self.next_sound = self.sounds_until(now);
    }

    /// The frame next in decode order, in one of the mount's loops.
    fn frame(&self, video: &Video) -> (FrameIndex, usize) {
        let place = self.next % LOOP;
        let at = usize::try_from(place).unwrap_or(0);
        let shown = video.frames.get(at).map_or(place, |frame| frame.shown);
        (FrameIndex(self.next - place + shown), at)
    }

    fn write_frame(&mut self, condition: &Condition, out: &mut Vec<u8>) -> Option<Written> {
        let wanted = self.mount.video(condition);
        let (index, at) = self.frame(wanted);
        if !Rc::ptr_eq(wanted, &self.showing) && wanted.frames.get(at)?.key {
            self.showing = wanted.clone();
        }
        let showing = self.showing.clone();
        let frame = showing.frames.get(at)?;
        if self.awaits_key && !frame.key {
            return None;
        }
        self.awaits_key = false;
        let stamp = self.tracks.video.as_mut()?;
        let ticks = video_ticks(index).wrapping_add(jump(condition, 90_000));
        let mut keep = || self.chance.spares(condition.drop_permille);
        let mut dropped = 0;
        if condition.quirks.has(Quirk::OtherType) {
            write_foreign(stamp.channel, OTHER_TYPE, out);
        }
        if odd::is_odd(condition.quirks) {
            for part in odd::pack(showing.codec, &frame.packets.units(showing.codec), condition.quirks) {
                dropped += part.packets.write(stamp, ticks.wrapping_sub(part.earlier), out, &mut keep);
            }
        } else {
            dropped = frame.packets.write(stamp, ticks, out, &mut keep);
        }
        if condition.quirks.has(Quirk::StrayChannel) && frame.key {
            write_foreign(STRAY_CHANNEL, 96, out);
        }
        let rtp_ts = stamp.base.wrapping_add(ticks);
        Some(Written { frame: index, codec: showing.codec.as_str(), key: frame.key, rtp_ts, dropped })
    }

    /// How many packets of sound are complete at an instant, since 1970.
    fn sounds_until(&self, at: CameraNs) -> u64 {
        self.mount.audio.as_ref().map_or(0, |audio| at.samples(audio.coding.rate()) / u64::from(audio.samples))
    }

    fn write_sounds(&mut self, condition: &Condition, until: CameraNs, out: &mut Vec<u8>) {
        let end = self.sounds_until(until);
        if let (Some(stamp), Some(audio)) = (&mut self.tracks.audio, &self.mount.audio) {
            for sound in self.next_sound..end {
                let Some(packet) = audio.packet(sound) else { break };
                let ticks = low_32(sound * u64::from(audio.samples)).wrapping_add(jump(condition, audio.coding.rate()));
                packet.write(stamp, ticks, out, || self.chance.spares(condition.drop_permille));
            }
        }
        self.next_sound = end.max(self.next_sound);
    }

    fn write_reports(&self, condition: &Condition, out: &mut Vec<u8>) {
        let (frame, _) = self.frame(&self.showing);
        let at = taken(frame);
        let ntp = if condition.quirks.has(Quirk::ReportZero) { 0 } else { at.ntp() };
        if let Some(stamp) = self.tracks.video {
            let ssrc = if condition.quirks.has(Quirk::ReportSsrc) { !stamp.ssrc } else { stamp.ssrc };
            let ticks = video_ticks(frame).wrapping_add(jump(condition, 90_000));
            write_sender_report(&Stamp { ssrc, ..stamp }, ntp, ticks, out);
        }
        if let (Some(stamp), Some(audio)) = (&self.tracks.audio, &self.mount.audio) {
            let rate = audio.coding.rate();
            write_sender_report(stamp, ntp, low_32(at.samples(rate)).wrapping_add(jump(condition, rate)), out);
        }
    }
}

/// The jump fault in ticks of a track's clock, wrapping as timestamps do.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // modulo 2^32 is meant
fn jump(condition: &Condition, rate: u32) -> u32 {
    condition.jump_ms.wrapping_mul(i64::from(rate)).wrapping_div(1000) as u32
}

/// Repeatable chance (xorshift64), so that a run with faults can be run again.
struct Chance(u64);

impl Chance {
    fn spares(&mut self, drop_permille: u16) -> bool {
        if drop_permille == 0 {
            return true;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % 1000 >= u64::from(drop_permille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clips::Frame;
    use crate::mount::Fault;
    use crate::nal::Codec;
    use crate::rtp::Packets;

    /// A loop whose every fourth frame is a key, in groups sent in this order of presentation.
    fn video(order: [u64; 4], delay: u64) -> Rc<Video> {
        let frames = (0..LOOP).map(|sent| Frame {
            packets: Packets::of_access_unit(Codec::H264, &[&[0x65, 1, 2, 3]]),
            key: sent.is_multiple_of(4),
            shown: sent / 4 * 4 + usize::try_from(sent % 4).map_or(0, |n| order[n]),
        });
        Rc::new(Video { codec: Codec::H264, frames: frames.collect(), parameter_sets: Vec::new(), delay })
    }

    fn begin(mount: Mount, now: CameraNs) -> Play {
        let stamp = Stamp { channel: 0, ssrc: 1, sequence: 7, base: 1_000, packets: 0, octets: 0 };
        let tracks = Tracks { video: Some(stamp), audio: None };
        Play::begin(Rc::new(mount), tracks, &Condition::default(), now)
    }

    /// What is written over so many frames, each at its time.
    fn play(play: &mut Play, condition: &Condition, frames: usize) -> Vec<Option<Written>> {
        (0..frames).map(|_| play.render(condition, play.due(), &mut Vec::new())).collect()
    }

    const NOON: CameraNs = CameraNs(1_700_000_000_010_000_000);

    #[test]
    fn a_session_begins_with_the_frame_due_next_and_misses_none() {
        let mut session = begin(Mount::new("m".into(), &video([0, 1, 2, 3], 0)), NOON);
        assert!(session.due() > NOON);
        let frames: Vec<u64> =
            play(&mut session, &Condition::default(), 3000).iter().flatten().map(|w| w.frame.0).collect();
        assert!(frames.iter().copied().eq(34_000_000_001..34_000_003_001));
    }

    #[test]
    fn reordered_frames_all_come_once_and_never_before_they_are_taken() {
        let mut session = begin(Mount::new("m".into(), &video([0, 3, 1, 2], 2)), NOON);
        let mut frames = Vec::new();
        for _ in 0..2400 {
            let due = session.due();
            let written = session.render(&Condition::default(), due, &mut Vec::new()).expect("a frame");
            assert!(taken(written.frame) <= due);
            assert_eq!(written.rtp_ts, video_ticks(written.frame).wrapping_add(1_000));
            frames.push(written.frame.0);
        }
        // The first and last groups may have been joined and left in the middle.
        frames.sort_unstable();
        frames.dedup();
        assert_eq!(frames.len(), 2400);
        assert!(frames[4..2396].windows(2).all(|pair| pair[1] == pair[0] + 1));
    }

    #[test]
    fn after_a_hang_nothing_comes_before_a_keyframe() {
        let mut session = begin(Mount::new("m".into(), &video([0, 1, 2, 3], 0)), NOON);
        let hung = Condition::default().after(Fault::Hang);
        assert!(play(&mut session, &hung, 9).iter().all(Option::is_none));
        let resumed = play(&mut session, &hung.after(Fault::Resume), 8);
        let first = resumed.iter().position(Option::is_some).expect("it plays again");
        assert!(first < 4 && resumed[first].is_some_and(|written| written.key));
        assert!(resumed[first..].iter().all(Option::is_some));
    }

    #[test]
    fn a_receiver_that_stalled_goes_on_in_the_present_at_a_keyframe() {
        let mut session = begin(Mount::new("m".into(), &video([0, 1, 2, 3], 0)), NOON);
        play(&mut session, &Condition::default(), 5);
        let later = CameraNs(session.due().0 + 10_000_000_000);
        assert_eq!(session.render(&Condition::default(), later, &mut Vec::new()), None);
        assert!(session.due() > later);
        assert!(
            play(&mut session, &Condition::default(), 4).iter().flatten().next().is_some_and(|written| written.key)
        );
    }

    #[test]
    fn the_second_resolution_waits_for_its_keyframe() {
        let (main, alt) = (video([0, 1, 2, 3], 0), video([0, 1, 2, 3], 0));
        let mut mount = Mount::new("m".into(), &main);
        mount.alt = Some(alt.clone());
        let mut session = begin(mount, NOON);
        let asked = Condition::default().after(Fault::Alt);
        for _ in 0..4 {
            let written = session.render(&asked, session.due(), &mut Vec::new()).expect("a frame");
            if written.key {
                assert!(Rc::ptr_eq(&session.showing, &alt));
                return;
            }
            assert!(Rc::ptr_eq(&session.showing, &main));
        }
        panic!("no keyframe in a group");
    }

    #[test]
    fn about_as_many_packets_are_dropped_as_asked() {
        let mut session = begin(Mount::new("m".into(), &video([0, 1, 2, 3], 0)), NOON);
        let lossy = Condition::default().after(Fault::Drop { permille: 100 });
        let dropped: u32 = play(&mut session, &lossy, 2000).iter().flatten().map(|written| written.dropped).sum();
        assert!((120..280).contains(&dropped), "{dropped} of 2000");
    }
}
