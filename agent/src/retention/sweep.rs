//! Carries the plan out, and says how long the disk lasts.
//!
//! A pass measures, plans, removes as much as recording of the same time calls for, and plans again with what it saw, until
//! nothing more may go. Wakes on new desired state and every ten seconds; never for a clock that only jumped.

use std::collections::BTreeMap;
use std::time::Duration;

use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{FaultKind, RetentionHealth, WhenShort};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::forecast::{Measured, Outlook, by_camera, forecast, rates};
use super::plan::{Lot, Plan, Seen, Situation, allowance, past_ceiling, pick, plan};
use super::remove::Remover;
use super::rules::{Class, Hold, Now, Policy, is_held, promised_days};
use crate::catalog::{Ages, StreamKey};
use crate::health::{About, Faults};
use crate::vault::{Standing, Volume};

const EVERY: Duration = Duration::from_secs(10);
/// Plans of one pass: each knows what the one before saw.
const ROUNDS: usize = 16;
const FORECAST_MS: i64 = 60_000;
/// A breach nearer than this opens a fault.
const AT_RISK_MS: i64 = 14 * farwatch_shared::time::DAY_MS;

/// What the desired state says about keeping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `None` until there is a desired state: then nothing is deleted.
    pub policy: Option<Policy>,
    pub holds: Vec<Hold>,
}

/// The world as the engine sees it.
pub struct Surroundings {
    pub now: Box<dyn Fn() -> Now + Send + Sync>,
    /// Free bytes of the vault's file system; `None` when it cannot be asked.
    pub free: Box<dyn Fn() -> Option<ByteSize> + Send + Sync>,
}

/// What the sweep needs.
pub struct SweepConfig {
    pub remover: Remover,
    pub volume: Volume,
    pub faults: Faults,
    pub surroundings: Surroundings,
    pub wanted: watch::Receiver<Wanted>,
    /// Footage on its way to the hub may not go meanwhile.
    pub busy: watch::Receiver<Vec<Hold>>,
    pub measured: watch::Sender<Option<Measured>>,
    pub forecast: watch::Sender<Option<RetentionHealth>>,
}

/// Free bytes of a directory's file system.
#[must_use]
pub fn free_space(root: &std::path::Path) -> Option<ByteSize> {
    match rustix::fs::statvfs(root) {
        Ok(stat) => Some(ByteSize(stat.f_bavail.saturating_mul(stat.f_frsize))),
        Err(error) => {
            debug!(%error, "the vault's file system cannot be asked; nothing is deleted");
            None
        }
    }
}

/// Runs until stopped.
pub async fn sweep(config: SweepConfig, stop: CancellationToken) {
    let mut wanted = config.wanted.clone();
    let mut sweep = Sweep::new(config);
    loop {
        sweep.pass().await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    pub segments: usize,
    pub bytes: ByteSize,
}

/// The engine: what it remembers between passes.
pub struct Sweep {
    config: SweepConfig,
    seen: BTreeMap<Lot, Seen>,
    /// What `seen` was seen under.
    under: (Option<Policy>, Vec<Hold>),
    clearing: bool,
    last: Option<(WallMs, u64)>,
    forecast_at: Option<WallMs>,
}

impl Sweep {
    #[must_use]
    pub fn new(config: SweepConfig) -> Self {
        let (seen, under) = (BTreeMap::new(), (None, Vec::new()));
        Self { config, seen, under, clearing: false, last: None, forecast_at: None }
    }

    /// One pass.
    pub async fn pass(&mut self) -> Passed {
        let standing = self.config.volume.look();
        let about = About::this_box();
        if standing != Standing::Right {
            self.config.faults.open(FaultKind::WrongMount, about, standing.words()).await;
            return Passed::default();
        }
        self.config.faults.mended(FaultKind::WrongMount, about, standing.words()).await;
        let Wanted { policy, mut holds } = self.config.wanted.borrow().clone();
        holds.extend(self.config.busy.borrow().iter().copied());
        self.config.remover.tell_of_recorders(&policy.clone().unwrap_or_default()).await;
        let now = (self.config.surroundings.now)();
        let Ok(ages) = self.config.remover.catalog.ages().await else { return Passed::default() };
        let Some(free) = (self.config.surroundings.free)() else { return Passed::default() };
        self.look_ahead(&ages, policy.as_ref(), &holds, free, now).await;
        let Some(policy) = policy else { return Passed::default() };
        if self.under.0.as_ref() != Some(&policy) || self.under.1 != holds {
            self.seen.clear();
            self.under = (Some(policy.clone()), holds.clone());
        }
        let may = self.pace(&ages, &policy, free, &now);
        let passed = self.work(ages, &policy, &holds, now, may).await;
        self.say_disk(&policy).await;
        passed
    }

    /// How much may go now.
    fn pace(&mut self, ages: &Ages, policy: &Policy, free: ByteSize, now: &Now) -> ByteSize {
        let added: u64 = ages.values().flat_map(BTreeMap::values).map(|figures| figures.added).sum();
        let (since, before) = self.last.replace((now.trusted, added)).unwrap_or((now.trusted, added));
        let elapsed_ms = now.trusted.since(since).max(0).unsigned_abs();
        let per_day: u64 = rates(ages, now.trusted).values().map(|rate| rate.bytes_per_day).sum();
        let usual = u128::from(per_day) * u128::from(elapsed_ms) / 86_400_000;
        let ingested = added.saturating_sub(before).max(u64::try_from(usual).unwrap_or(0));
        let is_pressing = free < policy.lines.hard_floor;
        allowance(ByteSize(ingested), past_ceiling(ages, policy, now), elapsed_ms, is_pressing)
    }

    /// Plans and removes until nothing more may go.
    async fn work(&mut self, mut ages: Ages, policy: &Policy, holds: &[Hold], now: Now, may: ByteSize) -> Passed {
        let mut passed = Passed::default();
        for _ in 0..ROUNDS {
            let Some(free) = (self.config.surroundings.free)() else { return passed };
            let situation = Situation {
                now,
                policy,
                ages: &ages,
                seen: &self.seen,
                free,
                clearing: self.clearing,
                allowance: ByteSize(may.0.saturating_sub(passed.bytes.0)),
            };
            let made = plan(&situation);
            self.clearing = made.clearing;
            if made.takes.is_empty() || !self.carry_out(&made, policy, holds, &now, &mut passed).await {
                return passed;
            }
            match self.config.remover.catalog.ages().await {
                Ok(fresh) => ages = fresh,
                Err(_) => return passed,
            }
        }
        passed
    }

    /// Says whether another plan makes sense: everything that would go went, or was seen and is known now.
    async fn carry_out(
        &mut self,
        made: &Plan,
        policy: &Policy,
        holds: &[Hold],
        now: &Now,
        passed: &mut Passed,
    ) -> bool {
        let remover = self.config.remover.clone();
        for take in &made.takes {
            let Lot { stream, day, .. } = take.lot;
            let Ok(entries) = remover.catalog.of_day(stream, day).await else { return false };
            let picked = pick(take, &entries, policy, holds, now);
            if !picked.gone.is_empty() {
                let removed = remover.remove(stream, take.why, &picked.gone, policy).await;
                passed.segments += removed.segments;
                passed.bytes.0 += removed.bytes.0;
                if removed.failed {
                    return false;
                }
            }
            self.seen.insert(take.lot, picked.seen);
        }
        true
    }

    /// Measures and forecasts, once a minute.
    async fn look_ahead(&mut self, ages: &Ages, policy: Option<&Policy>, holds: &[Hold], free: ByteSize, now: Now) {
        if self.forecast_at.is_some_and(|at| now.trusted.since(at) < FORECAST_MS) && self.under.0.as_ref() == policy {
            return;
        }
        self.forecast_at = Some(now.trusted);
        let policy = policy.cloned().unwrap_or_default();
        let streams = rates(ages, now.trusted);
        let footage: u64 = ages.values().flat_map(BTreeMap::values).map(|figures| figures.bytes().0).sum();
        let measured = Measured {
            rates: by_camera(&streams),
            capacity: ByteSize(free.0.saturating_add(footage)),
            held: self.held(ages, &policy, holds, &now).await,
        };
        let outlook =
            Outlook { now: now.trusted, policy: &policy, ages, rates: &streams, measured: &measured, seen: &self.seen };
        let ahead = forecast(&outlook);
        if let Some(ahead) = &ahead {
            self.say_risk(ahead, now.trusted).await;
        }
        self.config.measured.send_replace(Some(measured));
        self.config.forecast.send_replace(ahead);
    }

    /// Held bytes older than was promised.
    async fn held(&self, ages: &Ages, policy: &Policy, holds: &[Hold], now: &Now) -> ByteSize {
        let mut bytes = 0u64;
        let mut done: Vec<Hold> = Vec::new();
        for hold in holds {
            for stream in ages.keys().filter(|stream| stream.camera == hold.camera) {
                let key = StreamKey { camera: stream.camera, stream: stream.stream };
                let entries = self.config.remover.catalog.overlapping(key, hold.span).await.unwrap_or_default();
                let rule = policy.rule(key.camera);
                let counts = |e: &&crate::catalog::Entry| {
                    now.is_past(e.aged_from(), promised_days(&rule, Class::of(e.has_event)))
                        && !is_held(&done, key.camera, &e.span)
                };
                bytes += entries.iter().filter(counts).map(|e| e.bytes.0).sum::<u64>();
            }
            done.push(*hold);
        }
        ByteSize(bytes)
    }

    async fn say_risk(&self, ahead: &RetentionHealth, now: WallMs) {
        let near = ahead.breach_at_ms.filter(|at| at.since(now) <= AT_RISK_MS);
        let (faults, about) = (&self.config.faults, About::this_box());
        if let Some(at) = near {
            let detail = format!(
                "at {} a day this disk holds {} days and {} hours, {} days are promised: footage under its floor would \
                 have to go from {at} on; {} are missing. Give this box a larger disk, a lower bit rate or a shorter floor",
                ahead.bytes_per_day,
                ahead.hours_possible / 24,
                ahead.hours_possible % 24,
                ahead.floor_hours / 24,
                ahead.missing,
            );
            faults.open(FaultKind::RetentionAtRisk, about, detail).await;
        } else if ahead.breach_at_ms.is_none() {
            let detail = "at the measured rate the promise is kept";
            faults.mended(FaultKind::RetentionAtRisk, about, detail).await;
        }
    }

    async fn say_disk(&self, policy: &Policy) {
        let Some(free) = (self.config.surroundings.free)() else { return };
        let (faults, about, lines) = (&self.config.faults, About::this_box(), policy.lines);
        if free < lines.hard_floor {
            let then = match policy.when_short {
                WhenShort::KeepRecording => "footage gives way in the declared order",
                WhenShort::KeepFloor => "the floor stands, and recording stops when the disk is full",
            };
            let detail = format!("{free} are free, {} should be; {then}", lines.min_free);
            faults.open(FaultKind::Disk, about, detail).await;
        } else if free >= lines.min_free {
            faults.mended(FaultKind::Disk, about, format!("{free} are free")).await;
        }
    }
}
