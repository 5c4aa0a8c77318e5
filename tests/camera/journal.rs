//! Writes down every frame sent: the truth recordings are held against.
//!
//! Belongs here: getting lines to a file without ever making a session wait. Does not: what a line says
//! (`farwatch_tests::truth`).
//!
//! Depth: 16,384 lines, which is 25 s of 32 cameras. When full, lines are counted and one `missing` line takes their
//! place. Lines reach the kernel within 100 ms, so a killed camera loses at most that much truth.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use farwatch_tests::truth::Line;

const DEPTH: usize = 16_384;
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Takes lines; cheap, never blocks.
#[derive(Clone)]
pub struct Journal {
    lines: SyncSender<Line>,
    missing: Arc<AtomicU64>,
}

/// Waits for the last line to be written.
pub struct Writing(JoinHandle<std::io::Result<()>>);

impl Journal {
    /// Begins a journal, replacing an older file.
    pub fn begin(file: &Path) -> std::io::Result<(Self, Writing)> {
        let out = BufWriter::with_capacity(64 * 1024, File::create(file)?);
        let (lines, waiting) = sync_channel(DEPTH);
        let missing = Arc::new(AtomicU64::new(0));
        let counted = missing.clone();
        let thread =
            std::thread::Builder::new().name("journal".into()).spawn(move || write(&waiting, &counted, out))?;
        Ok((Self { lines, missing }, Writing(thread)))
    }

    pub fn note(&self, line: Line) {
        if self.lines.try_send(line).is_err() {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writing {
    /// Ends when every [`Journal`] is dropped.
    pub fn finish(self) -> std::io::Result<()> {
        self.0.join().unwrap_or_else(|_| Err(std::io::Error::other("the journal's thread panicked")))
    }
}

fn write(waiting: &Receiver<Line>, missing: &AtomicU64, mut out: impl Write) -> std::io::Result<()> {
    let put = |out: &mut dyn Write, line: &Line| -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, line)?;
        out.write_all(b"\n")
    };
    loop {
        let lines = missing.swap(0, Ordering::Relaxed);
        if lines > 0 {
            put(&mut out, &Line::Missing { lines })?;
        }
        match waiting.recv_timeout(FLUSH_EVERY) {
            Ok(line) => put(&mut out, &line)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return out.flush(),
        }
        // Whatever has gathered goes out in one write; a steady trickle must not put the flush off.
        for line in waiting.try_iter().take(1024) {
            put(&mut out, &line)?;
        }
        out.flush()?;
        std::thread::sleep(FLUSH_EVERY);
    }
}
