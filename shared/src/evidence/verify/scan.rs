//! Walks a log entry by entry, also past what was altered in it. Bytes in, steps out.
//!
//! A reader of the house stops at the first entry that does not follow; a verifier has to say where the damage is and
//! whether it ends.

use crate::digest::Digest;
use crate::evidence::log::{ENTRY_LIMIT, FRAME_HEAD, Frame, Position, read_frame};

/// What stands at the place the walk has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An entry, and whether it is what was written there.
    Entry { payload: Vec<u8>, sound: bool },
    /// So many bytes from the place on are needed to go on; fewer at the end of the file mean that it ends here.
    Needs(usize),
    /// Nothing more, or a last entry that was half written.
    End,
}

/// The walk.
#[derive(Debug, Clone)]
pub struct Scan {
    at: Position,
}

impl Scan {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { at: Position::start(name) }
    }

    #[must_use]
    pub fn position(&self) -> Position {
        self.at
    }

    /// Looks at the bytes from the place on; `is_all` says that the file has no more than these.
    pub fn step(&mut self, bytes: &[u8], is_all: bool) -> Step {
        match read_frame(bytes, &self.at) {
            Frame::Whole(entry) => {
                self.at = entry.next;
                Step::Entry { payload: entry.payload, sound: true }
            }
            Frame::Needs(_) if is_all => Step::End,
            Frame::Needs(bytes) => Step::Needs(bytes),
            Frame::End => Step::End,
            Frame::Broken => self.resume(bytes),
            Frame::Torn => match (next_frame(bytes), is_all) {
                (Next::Stands, _) => self.resume(bytes),
                (Next::Needs(bytes), false) => Step::Needs(bytes),
                _ => Step::End,
            },
        }
    }

    /// Takes an altered entry for what it says and goes on with the chain as it stands in the file.
    fn resume(&mut self, bytes: &[u8]) -> Step {
        let (Some(head), Some(length)) = (bytes.first_chunk::<FRAME_HEAD>(), length(bytes)) else { return Step::End };
        let Some(payload) = bytes.get(FRAME_HEAD..FRAME_HEAD + length) else { return Step::End };
        let mut chain = [0; 32];
        chain.copy_from_slice(&head[8..]);
        self.at = Position {
            offset: self.at.offset + (FRAME_HEAD + length) as u64,
            index: self.at.index + 1,
            chain: Digest(chain),
        };
        Step::Entry { payload: payload.to_vec(), sound: false }
    }
}

enum Next {
    Stands,
    Needs(usize),
    Not,
}

fn length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    (1..=ENTRY_LIMIT).contains(&length).then_some(length)
}

/// Whether a whole frame stands behind this one: then this one was altered, not half written.
fn next_frame(bytes: &[u8]) -> Next {
    let Some(first) = length(bytes) else { return Next::Not };
    let Some(rest) = bytes.get(FRAME_HEAD + first..) else { return Next::Needs(2 * FRAME_HEAD + first) };
    let Some(head) = rest.first_chunk::<FRAME_HEAD>() else { return Next::Needs(2 * FRAME_HEAD + first) };
    let Some(second) = length(rest) else { return Next::Not };
    let Some(frame) = rest.get(8..FRAME_HEAD + second) else { return Next::Needs(2 * FRAME_HEAD + first + second) };
    let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if crc32fast::hash(frame) == crc { Next::Stands } else { Next::Not }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::log::frame;

    fn walk(bytes: &[u8]) -> Vec<(String, bool)> {
        let mut scan = Scan::new("a");
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            match scan.step(&bytes[offset..], true) {
                Step::Entry { payload, sound } => found.push((String::from_utf8_lossy(&payload).into_owned(), sound)),
                Step::Needs(_) | Step::End => return found,
            }
            offset = usize::try_from(scan.position().offset).unwrap() - 16;
        }
    }

    // EVD-01
    #[test]
    fn the_altered_entry_is_the_one_that_is_named() {
        let mut at = Position::start("a");
        let mut bytes = Vec::new();
        let mut begins = Vec::new();
        for text in ["one", "two", "three", "four"] {
            begins.push(bytes.len());
            let (frame, next) = frame(&at, text.as_bytes());
            bytes.extend(frame);
            at = next;
        }
        bytes.extend([0; 100]);
        let sound = |found: Vec<(String, bool)>| found.iter().map(|(_, sound)| *sound).collect::<Vec<_>>();
        assert_eq!(sound(walk(&bytes)), [true; 4]);
        let mut changed = bytes.clone();
        changed[begins[1] + FRAME_HEAD] = b'X';
        assert_eq!(walk(&changed)[1], ("Xwo".into(), false));
        assert_eq!(sound(walk(&changed)), [true, false, true, true]);
        let mut removed = bytes[..begins[1]].to_vec();
        removed.extend(&bytes[begins[2]..]);
        assert_eq!(sound(walk(&removed)), [true, false, true]);
        let torn = &bytes[..begins[3] + 10];
        assert_eq!(sound(walk(torn)), [true; 3]);
    }
}
