//! The accounts of one simulated stream: frames by number, pieces by boot time, each file read once and then removed.

use std::collections::BTreeMap;

use farwatch_agent::ledger::entry::{Closed, ClosedWhy, Gap, Moment, RecorderEntry};
use farwatch_agent::vault::Vault;
use farwatch_shared::wire::latest::GapCause;

use crate::lens::{FRAME_NS, Kind, MARK};

/// How far a frame's time may be from where the box places it: a frame (two where pictures change places and timestamps
/// jump), and the jitter of its first packets.
fn edge_ns(kind: Kind) -> i64 {
    FRAME_NS * (1 + kind.reorder.min(1)) + 15_000_000
}

/// One stream's accounts.
#[derive(Default)]
pub struct Account {
    /// A bit per frame.
    recorded: Vec<u64>,
    count: u64,
    /// Every piece: begin, end, and what it is.
    story: Vec<(i64, i64, String)>,
    /// Ends of files whose recorder died: what was written of a reordered group is not what is shown first.
    torn: Vec<i64>,
    /// Holes in order, joined.
    gaps: Vec<(i64, i64)>,
    /// Length by cause.
    pub missing_ns: BTreeMap<GapCause, i64>,
    recorded_ns: i64,
    first: Option<Moment>,
    end: Option<Moment>,
    pub segments: u64,
    pub bytes: u64,
    pub pieces: u64,
}

/// What a stream comes to.
pub struct Verdict {
    pub taken: i64,
    pub recorded: u64,
    /// In a hole.
    pub missed: i64,
}

impl Account {
    /// Takes up an entry of the recorder's log.
    ///
    /// # Panics
    /// When the ledger leaves something out, says it twice, or says what is not so.
    pub fn enter(&mut self, entry: &RecorderEntry, vault: &Vault) {
        match entry {
            RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => self.file(closed, vault),
            RecorderEntry::Gap(gap) => self.gap(gap),
            _ => {}
        }
    }

    fn join(&mut self, start: Moment, end: Moment, what: &str) -> i64 {
        if let Some(before) = self.end {
            let off = start.boot_ns.since(before.boot_ns);
            assert!(off == 0, "{what} begins {off} ns after the piece before it ended");
        }
        self.first.get_or_insert(start);
        self.end = Some(end);
        self.pieces += 1;
        self.story.push((start.boot_ns.0, end.boot_ns.0, what.to_owned()));
        let len = end.boot_ns.since(start.boot_ns);
        assert!(len >= 0, "{what} ends before it begins");
        len
    }

    fn gap(&mut self, gap: &Gap) {
        let len = self.join(gap.start, gap.end, &format!("the gap {:?} ({:?})", gap.cause, gap.detail));
        *self.missing_ns.entry(gap.cause).or_default() += len;
        let (start, end) = (gap.start.boot_ns.0, gap.end.boot_ns.0);
        match self.gaps.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => self.gaps.push((start, end)),
        }
    }

    fn file(&mut self, closed: &Closed, vault: &Vault) {
        self.recorded_ns +=
            self.join(closed.start, closed.end, &format!("segment {} ({:?})", closed.segment.short(), closed.why));
        self.segments += 1;
        if closed.why == ClosedWhy::Crash {
            self.torn.push(closed.end.boot_ns.0);
        }
        self.bytes += closed.bytes.bytes();
        let contents = vault.read(&closed.segment).expect("a closed segment can be read");
        assert_eq!(contents.digest(), closed.digest, "{}", closed.segment);
        let path = vault.path(&closed.segment);
        let bytes = std::fs::read(&path).expect("a closed segment can be read");
        let mut found = 0;
        for at in marks(&bytes) {
            let digits = bytes.get(at..at + 16).and_then(|digits| std::str::from_utf8(digits).ok());
            let number = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok()).expect("a frame's number");
            let (word, bit) = (number / 64, 1 << (number % 64));
            if self.recorded.len() <= word {
                self.recorded.resize(word + 1024, 0);
            }
            assert!(self.recorded[word] & bit == 0, "frame {number} is recorded twice, again in {}", closed.segment);
            self.recorded[word] |= bit;
            found += 1;
        }
        assert_eq!(found, closed.frames, "{}", closed.segment);
        self.count += u64::from(found);
        std::fs::remove_file(path).expect("a segment can be removed");
    }

    fn has(&self, frame: i64) -> bool {
        let frame = usize::try_from(frame).unwrap_or(usize::MAX);
        self.recorded.get(frame / 64).is_some_and(|word| word & (1 << (frame % 64)) != 0)
    }

    /// Holds every frame that was taken from `first` to `last` against pieces and holes.
    ///
    /// # Panics
    /// When a frame is in neither or in both, or the pieces do not make up the expected time.
    pub fn settle(&self, kind: Kind, frames: std::ops::Range<i64>, taken_ns: impl Fn(i64) -> i64) -> Verdict {
        let (name, edge) = (format!("{kind:?}"), edge_ns(kind));
        let (first, end) = self.first.zip(self.end).expect("something was recorded");
        let missing: i64 = self.missing_ns.values().sum();
        assert_eq!(self.recorded_ns + missing, end.boot_ns.since(first.boot_ns), "{name}: pieces make up the time");
        let (mut unsaid, mut contradicted, mut missed) = (Vec::new(), Vec::new(), 0);
        let taken = frames.end - frames.start;
        let group = kind.reorder * FRAME_NS + edge;
        let torn = |at: i64| kind.reorder > 0 && self.torn.iter().any(|end| (at - end).abs() <= group);
        let mut gaps = self.gaps.iter().copied().peekable();
        for frame in frames {
            let at = taken_ns(frame);
            while gaps.peek().is_some_and(|(_, end)| end + edge <= at) {
                gaps.next();
            }
            let near = gaps.peek().copied();
            if self.has(frame) {
                if near.is_some_and(|(start, end)| start + edge < at && at + edge < end) && !torn(at) {
                    contradicted.push(frame);
                }
            } else {
                missed += 1;
                let outside = at < first.boot_ns.0 || at + edge >= end.boot_ns.0;
                if !outside && !torn(at) && near.is_none_or(|(start, _)| at < start - edge) {
                    unsaid.push(frame);
                }
            }
        }
        let tell = |frames: &[i64]| -> Vec<String> {
            let told = frames.iter().take(20).map(|frame| {
                let at = taken_ns(*frame);
                let near = self.story.iter().position(|(_, end, _)| *end > at).unwrap_or(0);
                let story = self.story.iter().skip(near.saturating_sub(1)).take(3);
                let story: Vec<_> = story.map(|(from, to, what)| format!("{from}..{to} {what}")).collect();
                format!("{frame} at {at}: {}", story.join("; "))
            });
            told.collect()
        };
        assert!(unsaid.is_empty(), "{name}: {} neither recorded nor in a gap: {:#?}", unsaid.len(), tell(&unsaid));
        assert!(
            contradicted.is_empty(),
            "{name}: {} recorded, in a gap: {:?}",
            contradicted.len(),
            tell(&contradicted)
        );
        Verdict { taken, recorded: self.count, missed }
    }

    /// The first ledgered moment and the last.
    pub fn ends(&self) -> Option<(Moment, Moment)> {
        self.first.zip(self.end)
    }
}

/// Where frames' numbers stand.
fn marks(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(|(at, _)| at + MARK.len())
}
