//! From an appsink to frames on the way out: RTP packets put together, or whole access units passed on.

use std::sync::{Arc, Mutex, PoisonError};

use farwatch_shared::time::Clock;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::out::Out;
use super::rtp::{self, SenderReport, Stream};
use crate::camera::depay::{DepayError, aac, video};
use crate::media::protocol::{Frame, Kind, VideoCodec};

/// Reports kept until the sender they are of is known.
const EARLY: usize = 4;

/// One track made of RTP packets.
pub(super) struct PacketTrack {
    track: u8,
    stream: Stream,
    depay: Depay,
    /// Reports that came before the first packet, of any sender; at most [`EARLY`].
    early: Vec<SenderReport>,
}

pub(super) enum Depay {
    Video(video::Depacketizer),
    Aac(aac::Depacketizer),
    /// Every packet is a unit of its own: G.711.
    Whole {
        lost: u32,
    },
}

impl PacketTrack {
    pub(super) fn new(track: u8, depay: Depay) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { track, stream: Stream::default(), depay, early: Vec::new() }))
    }

    /// Takes one RTP packet; hands out what it completes.
    fn take(&mut self, bytes: &[u8], boot_ns: i64, out: &Out) {
        let Some(packet) = rtp::parse(bytes).and_then(|rtp| self.stream.follow(&rtp)) else { return };
        for report in std::mem::take(&mut self.early) {
            self.clock(report, out);
        }
        let track = self.track;
        let give = |ticks, payload, lost| {
            out.offer(Frame { kind: Kind::Unit, track, ticks, boot_ns, lost, payload });
        };
        let taken: Result<(), DepayError> = match &mut self.depay {
            Depay::Video(depay) => {
                let taken = depay.push(packet).map(|units| units.for_each(|u| give(u.ticks, u.data, u.lost)));
                for odd in depay.noticed() {
                    let payload = vec![odd as u8];
                    out.offer(Frame { kind: Kind::Odd, track, ticks: 0, boot_ns: 0, lost: 0, payload });
                }
                taken
            }
            Depay::Aac(depay) => {
                depay.push(packet).map(|frames| frames.into_iter().for_each(|f| give(f.ticks, f.data, f.lost)))
            }
            Depay::Whole { lost } => {
                *lost += u32::from(packet.lost);
                if !packet.payload.is_empty() {
                    give(packet.ticks, packet.payload.to_vec(), std::mem::take(lost));
                }
                Ok(())
            }
        };
        if let Err(e) = taken {
            // The loss itself travels with the next unit; this is for whoever looks why.
            eprintln!("track {track}: {e}");
        }
    }

    /// The camera said what its clock showed. Reports of other senders are passed over; one that comes before the first
    /// packet waits for it.
    pub(super) fn clock(&mut self, report: SenderReport, out: &Out) {
        match self.stream.ssrc() {
            None if self.early.len() < EARLY => self.early.push(report),
            None => {}
            Some(ssrc) if ssrc == report.ssrc => {
                if let Some(ticks) = self.stream.ticks_of(report.timestamp) {
                    let payload = report.ntp.to_be_bytes().to_vec();
                    out.offer(Frame { kind: Kind::Clock, track: self.track, ticks, boot_ns: 0, lost: 0, payload });
                }
            }
            Some(_) => {}
        }
    }
}

/// An appsink that feeds RTP packets to `track`.
pub(super) fn packet_sink(sink: &gst_app::AppSink, track: Arc<Mutex<PacketTrack>>, out: Out) {
    let clock = Clock::real();
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let boot_ns = clock.boot().0;
                let mut track = track.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(list) = sample.buffer_list() {
                    for buffer in list.iter() {
                        let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                        track.take(&map, boot_ns, &out);
                    }
                } else if let Some(buffer) = sample.buffer() {
                    let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                    track.take(&map, boot_ns, &out);
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
}

/// Where units of an encoder or a parser go, and whether going there may wait.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// A camera does not wait.
    Live,
    /// A conversion does.
    Patient,
}

/// An appsink that passes on access units, length-prefixed as its caps say, timed by their presentation time in `rate`,
/// counted from `zero`.
pub(super) fn unit_sink(sink: &gst_app::AppSink, track: u8, rate: u32, pace: Pace, zero: i64, out: Out) {
    let clock = Clock::real();
    let mut lost = 0;
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let Some(buffer) = sample.buffer() else { return Ok(gst::FlowSuccess::Ok) };
                let Some(pts) = buffer.pts() else {
                    lost += 1;
                    return Ok(gst::FlowSuccess::Ok);
                };
                let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                let boot_ns = clock.boot().0;
                let ticks = ticks(pts, rate) - zero;
                let frame =
                    Frame { boot_ns, lost: std::mem::take(&mut lost), ..Frame::unit(track, ticks, map.to_vec()) };
                match pace {
                    Pace::Live => out.offer(frame),
                    Pace::Patient => out.send(frame),
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
}

/// Nanoseconds as ticks of `rate`, to the nearest: gives back exactly what [`nanoseconds`] was given.
pub(super) fn ticks(at: gst::ClockTime, rate: u32) -> i64 {
    let scaled = (u128::from(at.nseconds()) * u128::from(rate) + 500_000_000) / 1_000_000_000;
    i64::try_from(scaled).unwrap_or(i64::MAX)
}

/// Ticks as nanoseconds, never negative.
pub(super) fn nanoseconds(ticks: i64, rate: u32) -> gst::ClockTime {
    let scaled = u128::from(ticks.max(0).unsigned_abs()) * 1_000_000_000 / u128::from(rate.max(1));
    gst::ClockTime::from_nseconds(u64::try_from(scaled).unwrap_or(u64::MAX - 1))
}

/// The depacketiser of a codec.
pub(super) fn video(codec: VideoCodec) -> Depay {
    Depay::Video(video::Depacketizer::new(match codec {
        VideoCodec::H264 => video::Codec::H264,
        VideoCodec::H265 => video::Codec::H265,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_survive_the_way_through_nanoseconds() {
        for rate in [90_000, 8_000, 44_100] {
            for t in [0, 1, 2, 3, 4_500, 123_457, 90_000 * 86_400 * 40 + 7] {
                assert_eq!(ticks(nanoseconds(t, rate), rate), t);
            }
        }
    }
}
