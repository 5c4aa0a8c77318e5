//! Where a file's audio frames lie in time beside its video.
//!
//! The camera's two RTP clocks meet in its sender reports; before the first of them, in when their packets arrive. Per
//! file one audio tick is tied to the first video frame, and every other follows by the audio clock alone.

use farwatch_shared::media::VIDEO_TIMESCALE;
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::fragment::Sample;
use farwatch_shared::time::BootNs;

use super::cut::SoundOut;
use super::line::Line;
use crate::camera::depay::aac::{FRAME_SAMPLES, Frame};

/// Frames that wait for a fragment; more (10 s at 8 kHz) are dropped, oldest first.
const WAITING_LIMIT: usize = 80;

#[derive(Debug)]
pub struct Sound {
    rate: u32,
    line: Line,
    report: Option<(i64, u64)>,
    tie: Option<Tie>,
    waiting: Vec<Frame>,
    /// Decode time that is free in this file.
    next: i64,
}

/// How audio ticks become time in the file.
#[derive(Debug)]
enum Tie {
    /// A file began at this instant of the camera's NTP clock (if known) and of the box's.
    Began { ntp: Option<u64>, boot: Option<BootNs> },
    /// The audio tick at the file's begin.
    Fixed(i64),
}

impl Sound {
    #[must_use]
    pub fn new(config: &AudioConfig) -> Self {
        let rate = config.rate;
        Self { rate, line: Line::new(rate), report: None, tie: None, waiting: Vec::new(), next: 0 }
    }

    pub fn report(&mut self, ticks: i64, ntp: u64) {
        self.report = Some((ticks, ntp));
    }

    /// A frame came; without a file it only teaches the clock.
    pub fn push(&mut self, frame: Frame, at: BootNs, wanted: bool) {
        self.line.observe(frame.ticks, at);
        if wanted {
            if self.waiting.len() == WAITING_LIMIT {
                self.waiting.remove(0);
            }
            self.waiting.push(frame);
        }
    }

    /// A file begins with the video frame at these ticks.
    pub fn new_file(&mut self, video_ticks: i64, video: &Line, report: Option<(i64, u64)>) {
        let ntp = report.and_then(|(at, ntp)| {
            let off = (i128::from(video_ticks - at) << 32) / i128::from(VIDEO_TIMESCALE);
            u64::try_from(i128::from(ntp) + off).ok()
        });
        self.tie = Some(Tie::Began { ntp, boot: video.at(video_ticks) });
        self.next = 0;
    }

    /// The sound for the fragment that is being written.
    pub fn take(&mut self) -> Option<SoundOut> {
        let origin = self.origin()?;
        let frames = std::mem::take(&mut self.waiting);
        let mut times: Vec<i64> = Vec::with_capacity(frames.len());
        for frame in &frames {
            // Decode times must rise: what came too late for the file before is squeezed in, not dropped.
            let least = times.last().map_or(self.next, |last| last + 1);
            times.push((frame.ticks - origin).max(least));
        }
        let (first, last) = (*times.first()?, *times.last()?);
        let ends = times.iter().skip(1).copied().chain([last + FRAME_SAMPLES]);
        let samples = frames
            .iter()
            .zip(times.iter().zip(ends))
            .map(|(frame, (time, end))| Sample {
                size: u32::try_from(frame.data.len()).unwrap_or(u32::MAX),
                duration: u32::try_from(end - time).unwrap_or(0),
                offset: 0,
                sync: true,
            })
            .collect();
        self.next = last + 1;
        let data = frames.into_iter().map(|frame| frame.data).collect();
        Some(SoundOut { decode_time: u64::try_from(first).unwrap_or(0), samples, data })
    }

    /// The audio tick at the file's begin, found once per file.
    fn origin(&mut self) -> Option<i64> {
        let first = self.waiting.first()?.ticks;
        let origin = match self.tie.as_ref()? {
            Tie::Fixed(origin) => return Some(*origin),
            Tie::Began { ntp, boot } => self
                .by_ntp(*ntp)
                .or_else(|| {
                    let off_ns = self.line.at(first)?.0 - (*boot)?.0;
                    Some(first - off_ns / 1_000 * i64::from(self.rate) / 1_000_000)
                })
                .unwrap_or(first),
        };
        self.tie = Some(Tie::Fixed(origin));
        Some(origin)
    }

    fn by_ntp(&self, began: Option<u64>) -> Option<i64> {
        let (ticks, ntp) = self.report?;
        let off = ((i128::from(began?) - i128::from(ntp)) * i128::from(self.rate)) >> 32;
        Some(ticks + i64::try_from(off).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ticks: i64) -> Frame {
        Frame { ticks, data: vec![1], lost: 0 }
    }

    #[test]
    fn sound_lies_beside_its_video_by_ntp_or_else_by_arrival() {
        let config = AudioConfig::parse(&[0x14, 0x08]).unwrap();
        let mut video = Line::new(VIDEO_TIMESCALE);
        video.observe(900, BootNs(1_000_000_000));
        let mut sound = Sound::new(&config);
        sound.new_file(900, &video, Some((900, 5 << 32)));
        sound.report(77_000, 5 << 32);
        sound.push(frame(77_000 + 160), BootNs(9_000_000_000), true);
        sound.push(frame(77_000 + 160 + 1_024), BootNs(9_000_000_000), true);
        let out = sound.take().unwrap();
        assert_eq!((out.decode_time, out.samples.len()), (160, 2));
        assert_eq!(out.samples[0].duration, 1_024);

        let mut sound = Sound::new(&config);
        sound.new_file(900, &video, None);
        sound.push(frame(5_000), BootNs(1_100_000_000), true);
        assert_eq!(sound.take().unwrap().decode_time, 1_600, "100 ms later at 16 kHz");
        sound.push(frame(6_024), BootNs(1_164_000_000), true);
        assert_eq!(sound.take().unwrap().decode_time, 2_624);
    }

    #[test]
    fn sound_from_before_the_first_picture_is_squeezed_not_shifted() {
        let config = AudioConfig::parse(&[0x14, 0x08]).unwrap();
        let mut video = Line::new(VIDEO_TIMESCALE);
        video.observe(0, BootNs(1_000_000_000));
        let mut sound = Sound::new(&config);
        sound.new_file(0, &video, None);
        sound.push(frame(0), BootNs(990_000_000), true);
        sound.push(frame(1_024), BootNs(1_054_000_000), true);
        let out = sound.take().unwrap();
        assert_eq!(out.decode_time, 0);
        assert_eq!(out.samples.iter().map(|s| s.duration).collect::<Vec<_>>(), [864, 1_024]);
    }
}
