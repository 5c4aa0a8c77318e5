//! The pre-encoded loops: made once by `make-clips`, read whole at start, packed once.
//!
//! Belongs here: files on disk -> packets in memory. Does not: which mount plays what (`mount`), time (`ticks`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use farwatch_tests::truth::LOOP;

use crate::audio::Audio;
use crate::nal::{self, Codec, Kind};
use crate::rtp::Packets;

/// Compiled in, so that the camera works wherever its binary is copied to.
const MAKE_CLIPS: &str = include_str!("make-clips");

/// Why the loops cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    #[error("cannot run make-clips for {dir}; is bash installed?")]
    Run { dir: PathBuf, source: std::io::Error },
    #[error("make-clips {dir} failed; what it said is above")]
    Make { dir: PathBuf },
    #[error("cannot read {file}; remove its directory, it will be made again")]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{file} is not what make-clips writes ({what}); remove its directory, it will be made again")]
    Malformed { file: PathBuf, what: String },
}

/// One frame of a loop, in decode order.
pub struct Frame {
    pub packets: Packets,
    pub key: bool,
    /// The frame's number in the loop in presentation order: what is burnt into the picture.
    pub shown: u64,
}

/// One loop of video.
pub struct Video {
    pub codec: Codec,
    /// [`LOOP`] frames in decode order.
    pub frames: Vec<Frame>,
    /// VPS (H.265), SPS, PPS in this order.
    pub parameter_sets: Vec<Vec<u8>>,
    /// How many frames later than it was taken a frame is sent at most: what reordering costs an encoder.
    pub delay: u64,
}

/// Every loop there is.
pub struct Clips {
    pub cam: Rc<Video>,
    pub alt: Rc<Video>,
    pub small: Rc<Video>,
    pub light: Rc<Video>,
    pub hd: Rc<Video>,
    pub low: Rc<Video>,
    pub longgop: Rc<Video>,
    pub opengop: Rc<Video>,
    pub bframes: Rc<Video>,
    pub h265: Rc<Video>,
    pub aac: Rc<Audio>,
    pub alaw: Rc<Audio>,
}

impl Clips {
    /// Makes the loops under `dir` if they are not there, and reads them.
    pub fn open(dir: &Path) -> Result<Self, ClipError> {
        let dir = &make(dir)?;
        let video = |name: &str, codec| Video::load(dir, name, codec).map(Rc::new);
        let voice = |name: &str| read(&dir.join(name));
        Ok(Self {
            cam: video("cam", Codec::H264)?,
            alt: video("alt", Codec::H264)?,
            small: video("small", Codec::H264)?,
            light: video("light", Codec::H264)?,
            hd: video("hd", Codec::H264)?,
            low: video("low", Codec::H264)?,
            longgop: video("longgop", Codec::H264)?,
            opengop: video("opengop", Codec::H265)?,
            bframes: video("bframes", Codec::H264)?,
            h265: video("h265", Codec::H265)?,
            aac: Rc::new(Audio::aac(&voice("voice.aac")?).map_err(|what| malformed(dir, "voice.aac", what))?),
            alaw: Rc::new(Audio::alaw(&voice("voice.alaw")?)),
        })
    }
}

/// Returns where under `dir` the loops are.
fn make(dir: &Path) -> Result<PathBuf, ClipError> {
    let made = Command::new("bash")
        .args(["-c", MAKE_CLIPS, "make-clips"])
        .arg(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| ClipError::Run { dir: dir.to_owned(), source })?;
    if !made.status.success() {
        return Err(ClipError::Make { dir: dir.to_owned() });
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&made.stdout).trim_end()))
}

fn read(file: &Path) -> Result<Vec<u8>, ClipError> {
    std::fs::read(file).map_err(|source| ClipError::Read { file: file.to_owned(), source })
}

fn malformed(dir: &Path, name: &str, what: impl Into<String>) -> ClipError {
    ClipError::Malformed { file: dir.join(name), what: what.into() }
}

impl Video {
    fn load(dir: &Path, name: &str, codec: Codec) -> Result<Self, ClipError> {
        let (stream, times) = match codec {
            Codec::H264 => (format!("{name}.h264"), format!("{name}.times")),
            Codec::H265 => (format!("{name}.hevc"), format!("{name}.times")),
        };
        let times_text = String::from_utf8_lossy(&read(&dir.join(&times))?).into_owned();
        let entries = parse_times(&times_text).map_err(|what| malformed(dir, &times, what))?;
        Self::build(codec, &read(&dir.join(&stream))?, &entries).map_err(|what| malformed(dir, &stream, what))
    }

    fn build(codec: Codec, stream: &[u8], entries: &[Entry]) -> Result<Self, String> {
        let mut frames = Vec::with_capacity(entries.len());
        let mut parameter_sets: Vec<Vec<u8>> = Vec::new();
        let mut rest = stream;
        for entry in entries {
            let Some((unit, after)) = rest.split_at_checked(entry.size) else {
                return Err(format!("shorter than its {} access units", entries.len()));
            };
            rest = after;
            let units = nal::split(unit);
            let mut key = false;
            for unit in &units {
                match codec.kind(unit) {
                    Kind::KeySlice => key = true,
                    Kind::ParameterSet if !parameter_sets.iter().any(|known| known == unit) => {
                        parameter_sets.push(unit.to_vec());
                    }
                    Kind::ParameterSet | Kind::Slice | Kind::Other => {}
                }
            }
            frames.push(Frame { packets: Packets::of_access_unit(codec, &units), key, shown: entry.shown });
        }
        let wanted = match codec {
            Codec::H264 => 2,
            Codec::H265 => 3,
        };
        if parameter_sets.len() != wanted {
            return Err(format!("{} parameter sets instead of {wanted}", parameter_sets.len()));
        }
        let delay = (0u64..).zip(entries).map(|(sent, entry)| entry.shown.saturating_sub(sent)).max().unwrap_or(0);
        Ok(Self { codec, frames, parameter_sets, delay })
    }
}

/// One access unit in a `.times` file.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    shown: u64,
    size: usize,
}

/// Reads ffmpeg's framecrc: `stream, dts, pts, duration, size, crc, …` with times in frames.
fn parse_times(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(',').map(str::trim);
        let (Some(shown), Some(size)) =
            (fields.nth(2).and_then(|pts| pts.parse().ok()), fields.nth(1).and_then(|size| size.parse().ok()))
        else {
            return Err(format!("line {line:?}"));
        };
        entries.push(Entry { shown, size });
    }
    let mut shown: Vec<u64> = entries.iter().map(|entry| entry.shown).collect();
    shown.sort_unstable();
    if !shown.iter().copied().eq(0..LOOP) {
        return Err(format!("{} frames that are not 0 to {} once each", shown.len(), LOOP - 1));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_loop_with_a_missing_frame_are_refused() {
        let line = |pts: u64| format!("0, {pts}, {pts}, 1, 100, 0x06b7b46d, S=1, 8\n");
        let whole: String = (0..LOOP).map(line).collect();
        assert_eq!(parse_times(&format!("#tb 0: 1/20\n{whole}")).map(|entries| entries.len()), Ok(1200));
        let short: String = (0..LOOP - 1).map(line).collect();
        assert!(parse_times(&short).is_err());
        assert!(parse_times("0, 1\n").is_err());
    }

    #[test]
    fn reordered_frames_are_sent_late_enough_to_have_been_taken() {
        let unit = |first: u8| [0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9, 0, 0, 1, first, 9];
        let stream: Vec<u8> = [unit(0x65), unit(0x41), unit(0x41), unit(0x41)].concat();
        let entries: Vec<Entry> = [0, 3, 1, 2].map(|shown| Entry { shown, size: 15 }).into();
        let video = Video::build(Codec::H264, &stream, &entries).expect("four whole access units");
        assert_eq!(video.delay, 2);
        assert_eq!(video.frames.iter().map(|frame| frame.key).collect::<Vec<_>>(), [true, false, false, false]);
        assert!(Video::build(Codec::H264, &stream[..40], &entries).is_err());
    }
}
