//! Measures Farwatch side by side with its peers, in one run, and writes what it measured down.
//!
//! Belongs here: the benches and their results table. Does not: pass or fail, which is for tests.

mod memory;
mod process;
mod recorder;
mod results;

use clap::{Parser, Subcommand};

/// Benchmarks of Farwatch. Run through `tests/run --long bench`, which builds release binaries first.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Recorder against `ffmpeg -c copy -f segment`: CPU time per stream-second, memory per stream.
    Recorder {
        /// How many cameras at once, one run each.
        #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
        cameras: Vec<u16>,
        /// Measured seconds of each run, after all streams have settled.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Private memory of the agent without its recorder, with a full catalog.
    Memory {
        /// Segments catalogued.
        #[arg(long, default_value_t = 1_400_000)]
        segments: u64,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Options::parse().bench {
        Bench::Recorder { cameras, seconds } => recorder::bench(&cameras, seconds).await,
        Bench::Memory { segments } => memory::bench(segments).await,
    }
}
