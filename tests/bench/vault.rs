//! A vault of years: a catalog filled through the agent's own code, and, where wanted, the files it names.

use farwatch_agent::catalog::{Entry, Index, StreamKey};
use farwatch_agent::config::Home;
use farwatch_agent::store::Db;
use farwatch_agent::vault::Vault;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RunId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, ClockState, Span, WallMs};
use farwatch_tests::raw::now;

const STREAMS: u64 = 32;
const MINUTE_MS: i64 = 60_000;
/// A run a day, so that no directory is larger than a real one.
const RUN: u64 = 1_440;

/// Catalogues `segments` segments of a minute on 32 camera streams that reach until now; with `files` each is there too,
/// of the length it is said to have, without taking room.
///
/// # Errors
/// When catalog or vault cannot be written.
pub fn fill(home: &Home, segments: u64, files: bool) -> anyhow::Result<Vec<StreamKey>> {
    let size = ByteSize::mib(22);
    std::fs::create_dir_all(home.catalog().parent().unwrap_or(home.root()))?;
    let (db, _) = Db::open(&home.catalog(), 8 << 20, &Clock::real())?;
    let (mut index, _) = Index::load(db)?;
    let vault = Vault::new(home.vault());
    let per_stream = segments.div_ceil(STREAMS);
    let begin = now().0 - i64::try_from(per_stream)? * MINUTE_MS;
    let mut streams = Vec::new();
    for stream in 0..STREAMS {
        let camera = CameraId::generate();
        streams.push(StreamKey { camera, stream: StreamName::Main });
        for i in 0..per_stream {
            let start = WallMs(begin + i64::try_from(i)? * MINUTE_MS);
            let segment = SegmentId {
                camera,
                stream: StreamName::Main,
                run: RunId { boot: 7, counter: u32::try_from(stream * 10_000 + i / RUN)? },
                sequence: u32::try_from(i % RUN)?,
            };
            if files {
                let path = vault.path(&segment);
                if i % RUN == 0 {
                    std::fs::create_dir_all(path.parent().unwrap_or(vault.root()))?;
                }
                std::fs::File::create(path)?.set_len(size.bytes())?;
            }
            index.add(Entry {
                segment,
                span: Span { start_ms: start, end_ms: start.plus_ms(MINUTE_MS) },
                bytes: size,
                digest: Digest::of(segment.to_string().as_bytes()),
                skew_s: 0,
                damaged: false,
                has_event: false,
                anchored: 0,
                clock: ClockState::Ntp,
                recovered: false,
            })?;
        }
        println!("{} of {segments} segments", (stream + 1) * per_stream);
    }
    index.close()?;
    Ok(streams)
}
