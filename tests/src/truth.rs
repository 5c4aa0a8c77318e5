//! What the test camera says it sent: frame numbers, and its journal of every frame.
//!
//! Belongs here: the arithmetic that makes a burnt-in number one frame in all time, the journal's lines, reading them.
//! Does not: reading the number out of a picture (`frames`), starting the camera (`camera`).
//!
//! The camera's loops last 60 s and begin with each UTC minute, so the number burnt into a picture (0 to 1199) is the
//! frame's place in its minute. Whoever also knows the time within 30 s knows which frame it is.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Frames per second of every mount.
pub const RATE: u64 = 20;
/// Frames in a loop.
pub const LOOP: u64 = 60 * RATE;
/// From one frame to the next.
pub const FRAME_MS: u64 = 1000 / RATE;

/// A frame's number since 1970-01-01T00:00:00Z by the camera's clock: milliseconds / 50, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameIndex(pub u64);

impl FrameIndex {
    /// The frame being taken at a wall-clock millisecond.
    #[must_use]
    pub fn at_wall_ms(wall_ms: u64) -> Self {
        Self(wall_ms / FRAME_MS)
    }

    /// When it was taken.
    #[must_use]
    pub fn wall_ms(self) -> u64 {
        self.0 * FRAME_MS
    }

    /// Its place in the loop, which is the number burnt into the picture.
    #[must_use]
    pub fn counter(self) -> u16 {
        u16::try_from(self.0 % LOOP).unwrap_or(u16::MAX)
    }

    /// The frame with this burnt-in number that was taken nearest to a wall-clock time; right when that time is less
    /// than 30 s wrong.
    #[must_use]
    pub fn nearest(counter: u16, wall_ms: u64) -> Self {
        let near = wall_ms / FRAME_MS;
        let behind = (near + LOOP - u64::from(counter)) % LOOP;
        if behind > LOOP / 2 { Self(near + LOOP - behind) } else { Self(near - behind) }
    }
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Line {
    /// A session began to play.
    Play(Moment),
    /// One frame was handed whole to the kernel, or (with `dropped` packets) less than whole.
    Frame(SentFrame),
    /// A session that played ended.
    End(Moment),
    /// The journal could not keep up: this many lines are missing here, and the journal is no truth.
    Missing { lines: u64 },
}

/// When a session began or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub session: u32,
    pub mount: String,
    pub wall_ms: i64,
    pub boot_ns: i64,
}

/// A frame sent to one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFrame {
    pub session: u32,
    pub mount: String,
    pub codec: String,
    pub frame: FrameIndex,
    /// The number burnt into the picture.
    pub counter: u16,
    pub key: bool,
    /// As it was in the packets.
    pub rtp_ts: u32,
    /// RTP packets left out by the `drop` fault.
    pub dropped: u32,
    pub sent_wall_ms: i64,
    pub sent_boot_ns: i64,
}

/// Reads a journal line by line, also while it is being written: a last line without its end is left for later.
pub struct JournalReader {
    lines: BufReader<std::fs::File>,
    text: String,
}

impl JournalReader {
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(file: &Path) -> io::Result<Self> {
        Ok(Self { lines: BufReader::new(std::fs::File::open(file)?), text: String::new() })
    }

    /// The next whole line, or `None` when there is none yet.
    ///
    /// # Errors
    /// When the file cannot be read or the line is not the journal's.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        if self.lines.read_line(&mut self.text)? == 0 || !self.text.ends_with('\n') {
            return Ok(None);
        }
        let line = serde_json::from_str(&self.text).map_err(io::Error::other)?;
        self.text.clear();
        Ok(Some(line))
    }
}

/// Reads a whole journal.
///
/// # Errors
/// When the file cannot be read or a whole line is not the journal's.
pub fn read_journal(file: &Path) -> io::Result<Vec<Line>> {
    let mut reader = JournalReader::open(file)?;
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line()? {
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_number_is_its_place_in_the_utc_minute() {
        assert_eq!(FrameIndex::at_wall_ms(1_700_000_040_000).counter(), 0); // hh:14:00
        assert_eq!(FrameIndex::at_wall_ms(1_700_000_056_660).counter(), 333);
    }

    #[test]
    fn a_burnt_in_number_and_a_rough_time_name_one_frame() {
        let frame = FrameIndex::at_wall_ms(1_700_000_040_000);
        for wrong_ms in [0, 1, 12_345, 29_000] {
            assert_eq!(FrameIndex::nearest(frame.counter(), frame.wall_ms() + wrong_ms), frame);
            assert_eq!(FrameIndex::nearest(frame.counter(), frame.wall_ms() - wrong_ms), frame);
        }
    }

    #[test]
    fn an_unfinished_last_line_is_left_for_later() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "{\"event\":\"missing\",\"lines\":3}\n{\"event\":\"fra").expect("written");
        assert_eq!(read_journal(file.path()).expect("readable"), [Line::Missing { lines: 3 }]);
        let mut reader = JournalReader::open(file.path()).expect("readable");
        assert_eq!(reader.next_line().expect("readable"), Some(Line::Missing { lines: 3 }));
        assert_eq!(reader.next_line().expect("readable"), None);
        let mut more = std::fs::File::options().append(true).open(file.path()).expect("opened");
        std::io::Write::write_all(&mut more, b"me\",\"x\":1").expect("written");
        assert_eq!(reader.next_line().expect("readable"), None, "still no end");
    }
}
