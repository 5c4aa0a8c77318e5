//! Reads the number burnt into every picture of a recording, by decoding it, and finds what is lost or doubled.
//!
//! Belongs here: pictures -> numbers -> verdict. Does not: which frame in time a number is (`truth`).
//!
//! The strip is the top eighteenth of the picture, 16 blocks wide (`tests/camera/make-clips`): white, black, 12 bits
//! with the highest first, their parity, the opposite of it. It is read at any resolution.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::truth::LOOP;

const BLOCKS: usize = 16;
/// ffmpeg averages every third of a block; the middle one is read, away from the edges.
const PER_BLOCK: usize = 3;
const ROW: usize = BLOCKS * PER_BLOCK;

/// Why a recording could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("cannot run ffmpeg; install the package ffmpeg")]
    Run(#[source] std::io::Error),
    #[error("ffmpeg cannot read {file}: {said}")]
    Unreadable { file: PathBuf, said: String },
}

/// One decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedFrame {
    /// The number burnt in; `None` when the strip is damaged.
    pub counter: Option<u16>,
}

/// A decoded recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// In presentation order.
    pub frames: Vec<DecodedFrame>,
    /// What the decoder complained about, a line each. Empty for a sound recording.
    pub complaints: Vec<String>,
}

/// Decodes every picture of one file.
///
/// # Errors
/// When ffmpeg is missing or finds no picture in it.
pub fn decode(file: &Path) -> Result<Decoded, DecodeError> {
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-vf"])
        .arg(format!("crop=iw:ih/36:0:ih/72,format=gray,scale={ROW}:1:flags=area"))
        .arg("-")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(DecodeError::Run)?;
    // Both pipes must be drained at once, or a chatty decoder and this reader wait for each other.
    let stderr = child.stderr.take();
    let listening = std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            // What cannot be read of it is only missing from a message.
            let _ = stderr.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let mut rows = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut rows).map_err(DecodeError::Run)?;
    }
    let status = child.wait().map_err(DecodeError::Run)?;
    let said = listening.join().unwrap_or_default();
    if rows.is_empty() || !status.success() {
        return Err(DecodeError::Unreadable { file: file.to_owned(), said: said.trim().to_owned() });
    }
    let frames = rows.chunks_exact(ROW).map(|row| DecodedFrame { counter: read_row(row) }).collect();
    Ok(Decoded { frames, complaints: said.lines().map(str::to_owned).collect() })
}

/// Decodes files as one recording, in this order.
///
/// # Errors
/// As [`decode`], at the first file that fails.
pub fn decode_all<P: AsRef<Path>>(files: &[P]) -> Result<Decoded, DecodeError> {
    let mut all = Decoded::default();
    for file in files {
        let Decoded { frames, complaints } = decode(file.as_ref())?;
        all.frames.extend(frames);
        all.complaints.extend(complaints);
    }
    Ok(all)
}

/// The number in one row of block averages, if marks and parity are right.
fn read_row(row: &[u8]) -> Option<u16> {
    let mut bits = row.iter().skip(PER_BLOCK / 2).step_by(PER_BLOCK).map(|&grey| grey > 128);
    let (white, black) = (bits.next()?, bits.next()?);
    let number = bits.by_ref().take(12).fold(0u16, |number, bit| number << 1 | u16::from(bit));
    let (parity, opposite) = (bits.next()?, bits.next()?);
    let right = white && !black && parity != opposite && parity == (number.count_ones() % 2 == 1);
    (right && u64::from(number) < LOOP).then_some(number)
}

/// What is wrong with a recording, by its numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    pub frames: usize,
    /// Pictures whose number cannot be read.
    pub unreadable: usize,
    pub first: Option<u16>,
    pub last: Option<u16>,
    /// Numbers that should lie between two neighbours and do not.
    pub lost: Vec<u16>,
    /// Numbers that come again, or come after a later one.
    pub doubled: Vec<u16>,
    /// How many things the decoder complained about.
    pub complaints: usize,
}

impl Counted {
    /// Whether every picture is there exactly once, and readable.
    #[must_use]
    pub fn is_unbroken(&self) -> bool {
        self.frames > 0 && self.unreadable == 0 && self.lost.is_empty() && self.doubled.is_empty()
    }
}

/// Follows the numbers round the loop. A hole longer than half a loop (30 s) cannot be told from a step back, and
/// counts as doubled; either way the recording is not unbroken.
#[must_use]
pub fn count(decoded: &Decoded) -> Counted {
    let mut counted =
        Counted { frames: decoded.frames.len(), complaints: decoded.complaints.len(), ..Counted::default() };
    for frame in &decoded.frames {
        let Some(counter) = frame.counter else {
            counted.unreadable += 1;
            continue;
        };
        counted.first.get_or_insert(counter);
        if let Some(before) = counted.last {
            let step = (u64::from(counter) + LOOP - u64::from(before)) % LOOP;
            if step == 0 || step > LOOP / 2 {
                counted.doubled.push(counter);
                // The furthest point reached stays the one to go on from.
                continue;
            }
            let between = (1..step).map(|n| (u64::from(before) + n) % LOOP);
            counted.lost.extend(between.filter_map(|n| u16::try_from(n).ok()));
        }
        counted.last = Some(counter);
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(counters: &[u16]) -> Decoded {
        let frames = counters.iter().map(|&n| DecodedFrame { counter: Some(n) }).collect();
        Decoded { frames, complaints: Vec::new() }
    }

    fn row(number: u16, parity: bool) -> Vec<u8> {
        let bits = [true, false].into_iter().chain((0..12).rev().map(|bit| number >> bit & 1 == 1));
        bits.chain([parity, !parity]).flat_map(|bit| [128, if bit { 235 } else { 16 }, 128]).collect()
    }

    #[test]
    fn a_number_is_read_only_when_marks_and_parity_are_right() {
        // 333 has five bits set, 1200 has four.
        assert_eq!(read_row(&row(333, true)), Some(333));
        assert_eq!(read_row(&row(333, false)), None);
        assert_eq!(read_row(&row(1200, false)), None);
        assert_eq!(read_row(&[128; ROW]), None);
        assert_eq!(read_row(&[]), None);
    }

    #[test]
    fn an_unbroken_recording_goes_round_the_loop() {
        let counted = count(&decoded(&[1198, 1199, 0, 1]));
        assert!(counted.is_unbroken());
        assert_eq!((counted.first, counted.last), (Some(1198), Some(1)));
    }

    #[test]
    fn lost_and_doubled_frames_are_named() {
        let counted = count(&decoded(&[1197, 1198, 1, 2, 2, 3, 1, 4]));
        assert_eq!(counted.lost, [1199, 0]);
        assert_eq!(counted.doubled, [2, 1]);
        assert!(!counted.is_unbroken());
    }

    #[test]
    fn an_unreadable_picture_or_none_at_all_is_not_unbroken() {
        let mut blind = decoded(&[4, 5]);
        blind.frames.push(DecodedFrame { counter: None });
        assert!(!count(&blind).is_unbroken());
        assert!(!count(&Decoded::default()).is_unbroken());
    }
}
