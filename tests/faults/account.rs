//! Settles accounts: frames sent by the camera against frames in the vault and gaps in the ledger.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use farwatch_tests::camera::TestCamera;
use farwatch_tests::frames;
use farwatch_tests::site::Site;
use farwatch_tests::truth::{FRAME_MS, FrameIndex, Line};

/// What one camera stream's vault, ledger and lens say of the same time.
pub struct Account {
    /// Frames the camera handed to the kernel whole.
    pub sent: BTreeSet<FrameIndex>,
    /// Frames that decode from the vault.
    pub recorded: BTreeSet<FrameIndex>,
    /// Gaps in the hub's timeline, `[start_ms, end_ms)`.
    pub gaps: Vec<(i64, i64)>,
    /// Files that did not decode cleanly, and why.
    pub unreadable: Vec<String>,
    /// Frames found in two files.
    pub doubled: Vec<FrameIndex>,
}

/// Every segment file of a camera stream, in order of its path.
#[must_use]
pub fn segments(vault: &Path, camera: &str, stream: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![vault.join(camera).join(stream)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "mp4") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// When a file was last written: the time of its last frame to within a second or two, and independent of what the
/// recorder itself says of it. A burnt-in number needs no better than 30 s.
fn last_written_ms(file: &Path) -> u64 {
    let modified = file.metadata().and_then(|m| m.modified()).expect("a modification time");
    u64::try_from(modified.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis()).unwrap_or(0)
}

impl Account {
    /// Reads all three books.
    pub async fn of(site: &Site, eye: &TestCamera, mount: &str) -> Self {
        let mut account = Self {
            sent: BTreeSet::new(),
            recorded: BTreeSet::new(),
            gaps: Vec::new(),
            unreadable: Vec::new(),
            doubled: Vec::new(),
        };
        for line in eye.journal().expect("the camera's journal") {
            match line {
                Line::Frame(frame) if frame.mount == mount && frame.dropped == 0 => {
                    account.sent.insert(frame.frame);
                }
                Line::Missing { lines } => panic!("the camera's journal lost {lines} lines and is no truth"),
                _ => {}
            }
        }
        for file in segments(&site.agent.dir.join("vault"), &site.camera, "main") {
            account.read(&file);
        }
        let gaps = site.person.recent_gaps(&site.camera).await;
        account.gaps = gaps.into_iter().map(|gap| (gap.start_ms, gap.end_ms)).collect();
        account
    }

    fn read(&mut self, file: &Path) {
        let written_ms = last_written_ms(file);
        let decoded = match frames::decode(file) {
            Ok(decoded) => decoded,
            Err(e) => {
                self.unreadable.push(format!("{}: {e}", file.display()));
                return;
            }
        };
        for complaint in &decoded.complaints {
            self.unreadable.push(format!("{}: {complaint}", file.display()));
        }
        for (i, frame) in decoded.frames.iter().enumerate() {
            let Some(counter) = frame.counter else {
                self.unreadable.push(format!("{}: picture {i} has no readable number", file.display()));
                continue;
            };
            let near = written_ms - (decoded.frames.len() - i) as u64 * FRAME_MS;
            let index = FrameIndex::nearest(counter, near);
            if !self.recorded.insert(index) {
                self.doubled.push(index);
            }
        }
    }

    /// Frames sent between the first and the last recorded one that are neither recorded nor in a gap, and recorded frames
    /// that lie in a gap; one frame of tolerance at each edge.
    #[must_use]
    pub fn disputed(&self) -> (Vec<FrameIndex>, Vec<FrameIndex>) {
        let (Some(first), Some(last)) = (self.recorded.first(), self.recorded.last()) else {
            return (self.sent.iter().copied().collect(), Vec::new());
        };
        let frame = i64::try_from(FRAME_MS).unwrap_or(50);
        let at = |index: &FrameIndex| i64::try_from(index.wall_ms()).unwrap_or(i64::MAX);
        let unsaid = self
            .sent
            .range(*first..=*last)
            .filter(|index| !self.recorded.contains(index))
            .filter(|index| !self.gaps.iter().any(|(start, end)| start - frame <= at(index) && at(index) < end + frame))
            .copied()
            .collect();
        let contradicted = self
            .recorded
            .iter()
            .filter(|index| {
                self.gaps.iter().any(|(start, end)| start + frame < at(index) && at(index) + frame < end - frame)
            })
            .copied()
            .collect();
        (unsaid, contradicted)
    }

    /// # Panics
    /// When a frame is unaccounted for, a file unreadable, or a frame doubled.
    pub fn settle(&self) {
        let (unsaid, contradicted) = self.disputed();
        println!(
            "{} frames sent, {} recorded, {} gaps of {} ms together",
            self.sent.len(),
            self.recorded.len(),
            self.gaps.len(),
            self.gaps.iter().map(|(start, end)| end - start).sum::<i64>()
        );
        assert!(self.unreadable.is_empty(), "unreadable: {:#?}", self.unreadable);
        assert!(self.doubled.is_empty(), "doubled: {:?}", self.doubled);
        assert!(unsaid.is_empty(), "sent, not recorded, in no gap: {unsaid:?}; gaps {:?}", self.gaps);
        assert!(contradicted.is_empty(), "recorded, and yet in a gap: {contradicted:?}; gaps {:?}", self.gaps);
    }
}
