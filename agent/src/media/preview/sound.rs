//! The original's sound on its way into the copy, as it is.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use farwatch_shared::media::VIDEO_TIMESCALE;
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::fragment::{AUDIO_TRACK, Fragment, Sample, TrackPart};

/// The original's sound on its way from its pieces to the copy's; at most that of one segment waits.
pub(super) struct Sound {
    pub(super) config: Option<AudioConfig>,
    waiting: Mutex<VecDeque<AudioFrame>>,
}

struct AudioFrame {
    /// In the audio track's timescale, since the original's first picture.
    at: i64,
    duration: u32,
    data: Vec<u8>,
}

impl Sound {
    pub(super) fn new(config: Option<AudioConfig>) -> Self {
        Self { config, waiting: Mutex::new(VecDeque::new()) }
    }

    /// Takes a fragment's audio frames, which follow its video samples.
    pub(super) fn put(&self, fragment: &Fragment, data: &[u8]) {
        let mut offset = 0;
        for track in &fragment.tracks {
            let mut at = i64::try_from(track.decode_time).unwrap_or(i64::MAX);
            for sample in &track.samples {
                let bytes = data.get(offset..offset + sample.size as usize).unwrap_or_default();
                offset += sample.size as usize;
                if track.track == AUDIO_TRACK {
                    let frame = AudioFrame { at, duration: sample.duration, data: bytes.to_vec() };
                    self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(frame);
                }
                at += i64::from(sample.duration);
            }
        }
    }

    /// The frames that begin in `from..to` (ticks of the original's video), as a track that counts from `zero`.
    pub(super) fn take(&self, zero: i64, to: i64) -> Option<(TrackPart, Vec<u8>)> {
        let rate = i128::from(self.config.as_ref()?.rate);
        let scaled =
            |ticks: i64| i64::try_from(i128::from(ticks) * rate / i128::from(VIDEO_TIMESCALE)).unwrap_or(i64::MAX);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut part = TrackPart { track: AUDIO_TRACK, decode_time: 0, samples: Vec::new() };
        let mut data = Vec::new();
        while let Some(frame) = waiting.pop_front_if(|f| f.at < scaled(to)) {
            let at = frame.at - scaled(zero);
            if at < 0 {
                continue;
            }
            if part.samples.is_empty() {
                part.decode_time = at.unsigned_abs();
            }
            let size = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
            part.samples.push(Sample { size, duration: frame.duration, offset: 0, sync: true });
            data.extend_from_slice(&frame.data);
        }
        (!part.samples.is_empty()).then_some((part, data))
    }
}
