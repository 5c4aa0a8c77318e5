//! Health of time away: packed chunks for the outbox, lowest class. Pure.

use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{FactBody, FactClass, HealthSample, PackedHealth};

use crate::outbox::Draft;

/// Length of a chunk.
const CHUNK_MS: i64 = 300_000;
/// A chunk stays well below a packet, however many cameras there are.
const CHUNK_BYTES: usize = 64 << 10;
/// And below what the hub takes.
const CHUNK_SAMPLES: usize = 60;

/// Gathers samples while the hub is away.
#[derive(Debug, Default)]
pub struct Away {
    samples: Vec<HealthSample>,
    bytes: usize,
}

impl Away {
    /// Adds a sample; gives a chunk when one is full.
    pub fn add(&mut self, sample: HealthSample) -> Option<Draft> {
        let size = serde_json::to_vec(&sample).map_or(0, |b| b.len());
        let first = self.samples.first().map_or(sample.at_ms, |s| s.at_ms);
        let full = sample.at_ms.since(first) >= CHUNK_MS
            || self.bytes + size > CHUNK_BYTES
            || self.samples.len() >= CHUNK_SAMPLES;
        let chunk = if full { self.take() } else { None };
        self.bytes += size;
        self.samples.push(sample);
        chunk
    }

    /// What is gathered, also when it is little: the hub is back.
    pub fn take(&mut self) -> Option<Draft> {
        let samples = std::mem::take(&mut self.samples);
        self.bytes = 0;
        let first: WallMs = samples.first()?.at_ms;
        let origin = format!("health/{}", uuid::Uuid::now_v7());
        Some(Draft { class: FactClass::Health, at_ms: first, origin, body: FactBody::Health(PackedHealth { samples }) })
    }
}
