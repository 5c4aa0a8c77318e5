//! G.711 sound made into AAC beside a camera session.
//!
//! Belongs here: keeping one audio worker running, handing packets in and frames out without ever holding up the camera.
//! Does not: encoding (the worker), what becomes of the frames (`record`).
//!
//! Queues: 128 packets in, 64 frames out (each over two seconds). A full queue drops the newest and the loss is said with
//! the next. A worker that dies costs sound until the next one runs, never a picture.

use std::time::Duration;

use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::time::BootNs;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;

use super::protocol::{AudioTask, Frame, Kind, Task};
use super::worker::{Launch, Worker, WorkerError};
use crate::camera::depay::aac;

const PACKETS: usize = 128;
const FRAMES: usize = 64;
/// Pause before a worker that died is replaced.
const PAUSE: Duration = Duration::from_secs(2);
/// Sample rates AAC has an index for (ISO/IEC 14496-3, 1.6.3.4).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// What the converted track will be, known before any sound; `None` when no AAC can be made of it.
#[must_use]
pub fn config(task: AudioTask) -> Option<AudioConfig> {
    let index = RATES.iter().position(|r| *r == task.rate).filter(|i| *i < 12)?;
    let channels = (1..=2).contains(&task.channels).then_some(u16::from(task.channels))?;
    // AAC-LC, the rate's index, the channels.
    let bits = (2 << 11) | (u16::try_from(index).ok()? << 7) | (channels << 3);
    AudioConfig::parse(&bits.to_be_bytes()).map(|config| AudioConfig { derived: true, ..config })
}

/// A running conversion. Dropping it ends the worker.
#[derive(Debug)]
pub struct Converter {
    packets: Sender<Frame>,
    frames: Receiver<Frame>,
    rate: u32,
    /// Packets that did not fit since the last that did.
    dropped: u32,
    /// Boot time less media time of the last packet, in nanoseconds.
    offset_ns: i64,
    _tasks: JoinSet<()>,
}

impl Converter {
    /// Starts one; the worker itself may take a moment, and is replaced when it dies.
    #[must_use]
    pub fn start(launch: Launch, task: AudioTask, label: String) -> Self {
        let (packets, packets_in) = mpsc::channel(PACKETS);
        let (frames_out, frames) = mpsc::channel(FRAMES);
        let mut tasks = JoinSet::new();
        tasks.spawn(keep(launch, task, label, packets_in, frames_out));
        Self { packets, frames, rate: task.rate.max(1), dropped: 0, offset_ns: 0, _tasks: tasks }
    }

    /// Hands in one packet of companded samples. Never waits.
    pub fn push(&mut self, ticks: i64, lost: u32, at: BootNs, bytes: Vec<u8>) {
        self.offset_ns = at.0.saturating_sub(self.ns(ticks));
        let lost = lost.saturating_add(self.dropped);
        match self.packets.try_send(Frame { lost, ..Frame::unit(0, ticks, bytes) }) {
            Ok(()) => self.dropped = 0,
            Err(_) => self.dropped = self.dropped.saturating_add(1),
        }
    }

    /// The next AAC frame, and when its last sample arrived. Waits for ever when no sound comes; safe to cancel.
    pub async fn next(&mut self) -> (aac::Frame, BootNs) {
        let Some(frame) = self.frames.recv().await else { return std::future::pending().await };
        let at = BootNs(self.offset_ns.saturating_add(self.ns(frame.ticks + aac::FRAME_SAMPLES)));
        (aac::Frame { ticks: frame.ticks, data: frame.payload, lost: frame.lost }, at)
    }

    fn ns(&self, ticks: i64) -> i64 {
        let ns = i128::from(ticks) * 1_000_000_000 / i128::from(self.rate);
        i64::try_from(ns).unwrap_or(i64::MAX)
    }
}

/// Runs workers one after the other until the converter is dropped.
async fn keep(launch: Launch, task: AudioTask, label: String, mut packets: Receiver<Frame>, frames: Sender<Frame>) {
    loop {
        match convert(&launch, task, &label, &mut packets, &frames).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(camera = %label, %error, "no sound for a moment: its worker failed"),
        }
        tokio::time::sleep(PAUSE).await;
        // What waited is old; the gap it leaves is seen by the times.
        while packets.try_recv().is_ok() {}
    }
}

async fn convert(
    launch: &Launch,
    task: AudioTask,
    label: &str,
    packets: &mut Receiver<Frame>,
    frames: &Sender<Frame>,
) -> Result<(), WorkerError> {
    let Worker { mut input, mut output } = Worker::start(launch, &Task::Audio(task), label).await?;
    let mut lost = 0_u32;
    loop {
        tokio::select! {
            packet = packets.recv() => match packet {
                Some(packet) => input.send(&packet).await?,
                None => return Ok(()),
            },
            frame = output.next() => match frame? {
                Some(mut frame) if frame.kind == Kind::Unit => {
                    frame.lost = frame.lost.saturating_add(lost);
                    lost = match frames.try_send(frame) {
                        Ok(()) => 0,
                        Err(_) => lost.saturating_add(1),
                    };
                }
                Some(_) => {}
                None => return Err(WorkerError::Died),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::protocol::Law;

    #[test]
    fn the_track_is_known_before_any_sound() {
        let task = AudioTask { law: Law::A, rate: 8_000, channels: 1 };
        let made = config(task).unwrap();
        assert_eq!(
            (hex::encode(&made.config), made.rate, made.channels, made.derived),
            ("1588".into(), 8_000, 1, true)
        );
        assert_eq!(config(AudioTask { rate: 8_001, ..task }), None);
        assert_eq!(config(AudioTask { channels: 6, ..task }), None);
    }
}
