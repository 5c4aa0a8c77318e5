//! Measures Farwatch side by side with its peers, in one run, and writes what it measured down.
//!
//! Belongs here: the benches and their results table. Does not: pass or fail, which is for tests.

mod disk;
mod floor;
mod measure;
mod memory;
mod ours;
mod peers;
mod process;
mod recorder;
mod results;
mod start;
mod vault;
mod writes;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use url::Url;

/// Benchmarks of Farwatch. Run through `tests/run --long bench`, which builds release binaries first.
///
/// moonfire-nvr is measured beside the recorder where the variable FARWATCH_MOONFIRE names its binary.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Recorder against its peers: CPU time per stream-second, memory per stream.
    Recorder {
        /// How many cameras at once, one run each.
        #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
        cameras: Vec<u16>,
        /// Measured seconds of each run, after all streams have settled.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// Which of the test camera's numbered mounts: cam is 3 Mbit/s.
        #[arg(long, default_value = "cam")]
        mount: String,
        /// Measure the way in through GStreamer too.
        #[arg(long)]
        gst: bool,
        /// Above this many cameras only ours and the bare read loop run.
        #[arg(long, default_value_t = 32)]
        peers_up_to: u16,
    },
    /// Bytes written to the block device for each byte of footage.
    Writes {
        #[arg(long, default_value_t = 16)]
        cameras: u16,
        #[arg(long, default_value = "cam")]
        mount: String,
        #[arg(long, default_value_t = 120)]
        seconds: u64,
    },
    /// Private memory of the agent without its recorder, with a full catalog.
    Memory {
        /// Segments catalogued.
        #[arg(long, default_value_t = 1_400_000)]
        segments: u64,
    },
    /// Start with a full vault: until recording, until the catalog answers, and how fast it answers.
    Start {
        /// Segments in the vault.
        #[arg(long, default_value_t = 1_400_000)]
        segments: u64,
    },
    /// Read RTSP streams and throw them away, until killed: the floor the recorder is measured against.
    #[command(hide = true)]
    Floor {
        /// Gets a byte for each stream that gave its first packet.
        #[arg(long)]
        started: PathBuf,
        #[arg(required = true)]
        urls: Vec<Url>,
    },
}

fn main() -> anyhow::Result<()> {
    let bench = Options::parse().bench;
    // The floor runs as the recorder does: every session on one thread.
    let runtime = match bench {
        Bench::Floor { .. } => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        _ => tokio::runtime::Runtime::new()?,
    };
    runtime.block_on(async {
        match bench {
            Bench::Recorder { cameras, seconds, mount, gst, peers_up_to } => {
                recorder::bench(&recorder::Wanted { counts: cameras, seconds, mount, gst, peers_up_to }).await
            }
            Bench::Writes { cameras, mount, seconds } => writes::bench(cameras, &mount, seconds).await,
            Bench::Memory { segments } => memory::bench(segments).await,
            Bench::Start { segments } => start::bench(segments).await,
            Bench::Floor { started, urls } => floor::run(urls, started).await,
        }
    })
}
