//! Puts the samplers together, every half minute with jitter.

use std::time::Duration;

use farwatch_shared::keys::random32;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, Clock};
use farwatch_shared::topic::Up;
use farwatch_shared::wire::latest::{DiskWear, HealthSample, OutboxHealth, RecorderHealth, RetentionHealth};
use sysinfo::{Components, Networks, System};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::away::Away;
use super::cameras::{Sources, camera_states, footage};
use super::{clock, cpu, disk, memory, network, temperature};
use crate::enrol::TrustedTime;
use crate::outbox::Outbox;
use crate::uplink::{Priority, Uplink};

/// What health needs.
#[derive(Clone)]
pub struct HealthConfig {
    pub sources: Sources,
    pub vault: std::path::PathBuf,
    pub trusted: TrustedTime,
    pub outbox: Outbox,
    pub wear: watch::Receiver<Option<DiskWear>>,
    pub forecast: watch::Receiver<Option<RetentionHealth>>,
    pub every: Duration,
}

/// The box's sensors, opened once.
pub struct Samplers {
    system: System,
    components: Components,
    networks: Networks,
    last: BootNs,
}

impl Samplers {
    fn open(clock: &Clock) -> Option<Self> {
        Some(Self {
            system: System::new().ok()?,
            components: Components::new_with_refreshed_list().ok()?,
            networks: Networks::new_with_refreshed_list().ok()?,
            last: clock.boot(),
        })
    }
}

/// One sample of everything.
#[must_use]
pub fn take(samplers: &mut Samplers, config: &HealthConfig) -> HealthSample {
    let clock = &config.sources.clock;
    let boot = clock.boot();
    let elapsed = Duration::from_nanos(u64::try_from(boot.since(samplers.last)).unwrap_or(0));
    samplers.last = boot;
    let (mem_total, mem_used) = memory::of_box(&mut samplers.system);
    let recorder = config.sources.recorder.borrow().clone();
    let outbox = config.outbox.state().borrow().clone();
    HealthSample {
        at_ms: clock.wall(),
        uptime_s: u64::try_from(boot.0 / 1_000_000_000).unwrap_or(0),
        clock: clock::of_box(&config.trusted),
        cpu_permille: cpu::permille(&mut samplers.system),
        mem_total,
        mem_used,
        agent_mem: memory::of_process(std::process::id()).unwrap_or(ByteSize(0)),
        recorder_mem: recorder.pid.and_then(memory::of_process),
        disk: disk::of_vault(&config.vault, footage(&config.sources), config.wear.borrow().clone()),
        temperature_mc: temperature::hottest(&mut samplers.components),
        network: network::interfaces(&mut samplers.networks, elapsed),
        recorder: RecorderHealth {
            running: recorder.is_running(),
            pid: recorder.pid,
            plan: recorder.plan,
            sync_bound_ms: recorder.sync_bound_ms,
        },
        outbox: outbox.map_or(OutboxHealth { waiting: 0, bytes: ByteSize(0), oldest_ms: None, dropped: 0 }, |o| {
            OutboxHealth { waiting: o.waiting, bytes: o.bytes, oldest_ms: o.oldest_ms, dropped: o.dropped }
        }),
        cameras: camera_states(&config.sources),
        retention: config.forecast.borrow().clone(),
    }
}

/// Runs until stopped: live while the hub hears us, into the outbox while it does not.
pub async fn health(uplink: Uplink, config: HealthConfig, stop: CancellationToken) {
    let Some(mut samplers) = Samplers::open(&config.sources.clock) else {
        warn!("this box's sensors cannot be read; no health is told");
        return;
    };
    let mut line = uplink.line();
    let mut away = Away::default();
    // The first sample of a session comes at once, so that a person who just enrolled a box sees it.
    let mut wait = Duration::from_secs(1);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = line.changed() => {
                if changed.is_err() {
                    return;
                }
                if line.borrow_and_update().session().is_none() {
                    continue;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            () = tokio::time::sleep(wait) => {}
        }
        wait = jittered(config.every);
        let sample = take(&mut samplers, &config);
        if crate::outbox::is_up(&line) {
            if let Some(chunk) = away.take() {
                config.outbox.push(chunk);
            }
            if let Err(error) = uplink.say(Up::Health, &sample, Priority::Fleeting) {
                debug!(%error, "a health sample is not told");
            }
        } else if let Some(chunk) = away.add(sample) {
            config.outbox.push(chunk);
        }
    }
}

/// A tenth earlier or later.
fn jittered(every: Duration) -> Duration {
    let random = random32().map_or(100, |bytes| u64::from(u16::from_le_bytes([bytes[0], bytes[1]])) % 201);
    let ms = u64::try_from(every.as_millis()).unwrap_or(30_000);
    Duration::from_millis(ms * (900 + random) / 1000)
}
