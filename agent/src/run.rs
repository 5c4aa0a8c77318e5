//! The composition root: knows everybody, and nobody knows it. Starts in order, stops in reverse, says each step.

mod care;
mod evidence;
mod keys;
mod lock;
mod route;

use std::sync::Arc;

use anyhow::Context as _;
use farwatch_shared::time::Clock;
use farwatch_shared::wire::latest::{HubAddress, RetentionHealth};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::catalog::{Catalog, CatalogConfig, Evidence};
use crate::config::{Home, Settings, make_private};
use crate::enrol::{Door, Identity, TrustedTime, boot_id, hostname, target};
use crate::footage::{Desk, DeskConfig};
use crate::health::{Faults, HealthConfig, Sources, health, say_changes, watch_targets};
use crate::ledger::agent::AgentLedger;
use crate::ledger::gather::gather;
use crate::ledger::security::Security;
use crate::ledger::witness::witness;
use crate::outbox::{Outbox, OutboxConfig};
use crate::reconcile::{Applied, Intake, IntakeParts, Keeper, KeeperConfig, RecorderView, Wanted, report};
use crate::recorder::protocol::Plan;
use crate::retention::{Measured, Now, Remover, Surroundings, SweepConfig, free_space, sweep};
use crate::status::{StatusSources, TRIGGERS, Triggers, serve};
use crate::uplink::{self, Uplink};
use crate::vault::{Vault, Volume};

use keys::{Renewing, SessionNumbers, door_of, keep_identity};
use route::{Routes, nudge, route};

/// Messages of the hub not yet looked at. When full the session ends, and the hub says it again.
const DOWN_DEPTH: usize = 256;
/// Orders not yet looked at; more are dropped and counted, the hub asks again.
const ORDER_DEPTH: usize = 128;
const OUTBOX_BOUND: u64 = 64 << 20;

/// What every part of the agent stands on.
struct Base {
    home: Home,
    settings: Settings,
    clock: Clock,
    trusted: TrustedTime,
    ledger: AgentLedger,
    security: Security,
    faults: Faults,
    vault: Vault,
    catalog: Catalog,
    outbox: Outbox,
    identity: watch::Receiver<Arc<Identity>>,
    door: watch::Receiver<Arc<Door>>,
}

impl Base {
    fn volume(&self) -> Volume {
        Volume::new(self.home.vault(), self.home.volume_memory())
    }
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// When a part without which nothing works cannot be started; says which and what to do.
pub async fn run(home: Home, settings: Settings) -> anyhow::Result<()> {
    let clock = Clock::real();
    home.prepare().with_context(|| format!("the directory {} cannot be used", home.root().display()))?;
    let _lock = lock::take(&home)?;
    let identity = Arc::new(Identity::load(&home)?);
    info!(agent = %identity.hub.agent, hub = %identity.hub.hub_name, "starting");
    let (hubs_in, hubs) = watch::channel(identity.hub.hubs.clone());
    let (base, identity_in, door_in) = ground(home, settings, &clock, identity)?;

    let parts = CancellationToken::new();
    let line = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let mut line_tasks = JoinSet::new();
    let (tls_in, tls) = watch::channel(Arc::new(base.identity.borrow().tls(&base.trusted)?));
    let (down_in, down) = mpsc::channel(DOWN_DEPTH);
    let me = base.identity.borrow().hub.agent;
    let numbers = SessionNumbers::new(base.ledger.clone());
    let words = uplink::Settings {
        agent: me,
        clock: clock.clone(),
        tls,
        hubs,
        numbers,
        boot_id: boot_id(),
        hostname: hostname(),
        target: target(),
    };
    let (uplink, keep_line) = uplink::start(words, down_in, line.clone());
    line_tasks.spawn(keep_line);
    info!("uplink started");

    let grew = start_parts(&base, &uplink, down, hubs_in, &mut tasks, &parts)?;
    let renewing = Renewing {
        home: base.home.clone(),
        trusted: base.trusted.clone(),
        identity: identity_in,
        door: door_in,
        tls: tls_in,
    };
    tasks.spawn(keep_identity(renewing, parts.clone()));
    info!("running");
    wait_for_stop(&mut tasks).await;

    info!("stopping");
    parts.cancel();
    while tasks.join_next().await.is_some() {}
    info!("parts stopped");
    line.cancel();
    while line_tasks.join_next().await.is_some() {}
    info!("uplink stopped");
    drop(grew);
    base.outbox.stop().await;
    base.catalog.stop().await;
    info!("stores closed; the recorder goes on");
    Ok(())
}

type Ground = (Base, watch::Sender<Arc<Identity>>, watch::Sender<Arc<Door>>);

/// Opens what lies on the disk.
fn ground(home: Home, settings: Settings, clock: &Clock, identity: Arc<Identity>) -> anyhow::Result<Ground> {
    for dir in [home.recorder_ledgers(), home.vault(), home.recorder(), home.catalog(), home.pulls()] {
        let dir = if dir == home.catalog() { home.root().join("store") } else { dir };
        make_private(&dir).with_context(|| format!("the directory {} cannot be used", dir.display()))?;
    }
    let trusted = TrustedTime::load(clock.clone(), home.trusted_time());
    let ledger = AgentLedger::open(home.agent_ledger(), clock.clone(), trusted.now())
        .context("the agent's own log cannot be used; without it nothing may be done for the hub")?;
    info!("ledger open");
    let vault = Vault::new(home.vault());
    let evidence = Evidence { clock: clock.clone(), trusted: trusted.clone() };
    let catalog = crate::catalog::start(CatalogConfig {
        dir: home.catalog(),
        vault: vault.clone(),
        volume: Volume::new(home.vault(), home.volume_memory()),
        recorder_ledgers: home.recorder_ledgers(),
        evidence,
    })?;
    let outbox = crate::outbox::start(OutboxConfig {
        dir: home.outbox(),
        mark: home.outbox_mark(),
        recorder_ledgers: home.recorder_ledgers(),
        agent_ledger: home.agent_ledger(),
        bound: OUTBOX_BOUND,
        clock: clock.clone(),
    })?;
    let (door_in, door) = watch::channel(Arc::new(door_of(&identity, &trusted)?));
    let (identity_in, identity) = watch::channel(identity);
    let security = Security::new(ledger.clone(), clock.clone());
    let faults = Faults::new(ledger.clone());
    let clock = clock.clone();
    let base =
        Base { home, settings, clock, trusted, ledger, security, faults, vault, catalog, outbox, identity, door };
    Ok((base, identity_in, door_in))
}

/// Starts the parts; gives what keeps the recorder's wake-ups coming.
fn start_parts(
    base: &Base,
    uplink: &Uplink,
    down: mpsc::Receiver<uplink::DownMessage>,
    hubs: watch::Sender<Vec<HubAddress>>,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> anyhow::Result<watch::Receiver<u64>> {
    let (plan_in, plan) = watch::channel(None::<Plan>);
    let (retention_in, retention) = watch::channel(crate::retention::Wanted::default());
    let (applied_in, applied) = watch::channel(Applied::default());
    let (busy_in, busy) = watch::channel(Vec::new());
    let (orders_in, orders) = mpsc::channel(ORDER_DEPTH);
    let (desired_in, desired) = watch::channel(None);
    let (log_grew_in, log_grew) = mpsc::channel(1);
    let (grew_in, grew) = watch::channel(0u64);
    let (to_recorder, triggers) = mpsc::channel(TRIGGERS);

    let wanted = Wanted { plan: plan_in, retention: retention_in, hubs, applied: applied_in };
    let (measured_in, measured) = watch::channel(None);
    let (forecast_in, forecast) = watch::channel(None);
    let intake = Intake::new(intake_parts(base, measured), wanted);
    intake.resume();

    let (keeper, recorder) = Keeper::new(KeeperConfig {
        home: base.home.clone(),
        mode: base.settings.recorder,
        clock: base.clock.clone(),
        plan,
        triggers,
        log_grew: log_grew_in,
    });
    let sources = sources(base, &applied, &recorder);
    let triggers = Triggers { applied: applied.clone(), recorder: recorder.clone(), to_recorder };
    tasks.spawn(keeper.keep(stop.clone()));
    tasks.spawn(nudge(log_grew, grew_in, base.ledger.clone(), base.catalog.clone(), base.outbox.clone(), stop.clone()));
    tasks.spawn(gather(
        base.ledger.clone(),
        base.home.recorder_ledgers(),
        base.clock.clone(),
        grew.clone(),
        stop.clone(),
    ));
    tasks.spawn(witness(evidence::config(base, &applied, &retention, forecast.clone())?, grew.clone(), stop.clone()));
    tasks.spawn(base.security.clone().keep(stop.clone()));
    tasks.spawn(crate::outbox::send(base.outbox.clone(), uplink.clone(), base.clock.clone(), stop.clone()));
    tasks.spawn(route::apply_desired(intake, desired, base.security.clone(), stop.clone()));
    let routes =
        Routes { desired: desired_in, orders: orders_in, outbox: base.outbox.clone(), security: base.security.clone() };
    tasks.spawn(route(down, routes, stop.clone()));
    tasks.spawn(report(uplink.clone(), applied.clone(), recorder.clone(), base.clock.clone(), stop.clone()));
    tasks.spawn(watch_targets(sources.clone(), base.faults.clone(), stop.clone()));
    tasks.spawn(say_changes(uplink.clone(), sources.clone(), stop.clone()));
    let care = care::start_care(base, &recorder, tasks, stop);
    tasks.spawn(health(uplink.clone(), health_config(base, &sources, &care, forecast), stop.clone()));
    let sweeping = SweepConfig {
        remover: Remover { vault: base.vault.clone(), catalog: base.catalog.clone(), ledger: base.ledger.clone() },
        volume: base.volume(),
        faults: base.faults.clone(),
        surroundings: surroundings(base),
        wanted: retention,
        busy,
        measured: measured_in,
        forecast: forecast_in,
    };
    tasks.spawn(sweep(sweeping, stop.clone()));
    let desk = Desk::new(desk_config(base, uplink, &applied, busy_in), stop.clone());
    tasks.spawn(desk.run(orders));
    let answers = StatusSources {
        identity: base.identity.clone(),
        sources,
        line: uplink.line(),
        outbox: base.outbox.clone(),
        faults: base.faults.clone(),
        scrub: care.scrub,
        wear: care.wear,
        vault: base.home.vault(),
    };
    tasks.spawn(serve(base.home.status_socket(), answers, triggers, stop.clone()));
    info!("parts started");
    Ok(grew)
}

/// Retention's clocks are the trusted ones.
fn surroundings(base: &Base) -> Surroundings {
    let (trusted, root) = (base.trusted.clone(), base.vault.root().to_path_buf());
    Surroundings {
        now: Box::new(move || Now { trusted: trusted.now(), clock: trusted.clock_state() }),
        free: Box::new(move || free_space(&root)),
    }
}

fn intake_parts(base: &Base, measured: watch::Receiver<Option<Measured>>) -> IntakeParts {
    IntakeParts {
        home: base.home.clone(),
        settings: base.settings.clone(),
        identity: base.identity.clone(),
        door: base.door.clone(),
        ledger: base.ledger.clone(),
        catalog: base.catalog.clone(),
        trusted: base.trusted.clone(),
        clock: base.clock.clone(),
        measured,
    }
}

fn sources(base: &Base, applied: &watch::Receiver<Applied>, recorder: &watch::Receiver<RecorderView>) -> Sources {
    Sources {
        applied: applied.clone(),
        recorder: recorder.clone(),
        totals: base.catalog.totals(),
        clock: base.clock.clone(),
    }
}

fn health_config(
    base: &Base,
    sources: &Sources,
    care: &care::Care,
    forecast: watch::Receiver<Option<RetentionHealth>>,
) -> HealthConfig {
    HealthConfig {
        sources: sources.clone(),
        vault: base.home.vault(),
        trusted: base.trusted.clone(),
        outbox: base.outbox.clone(),
        wear: care.wear.clone(),
        forecast,
        every: base.settings.health_every(),
    }
}

fn desk_config(
    base: &Base,
    uplink: &Uplink,
    applied: &watch::Receiver<Applied>,
    busy: watch::Sender<Vec<crate::retention::Hold>>,
) -> DeskConfig {
    DeskConfig {
        home: base.home.clone(),
        vault: base.vault.clone(),
        catalog: base.catalog.clone(),
        ledger: base.ledger.clone(),
        security: base.security.clone(),
        identity: base.identity.clone(),
        door: base.door.clone(),
        trusted: base.trusted.clone(),
        clock: base.clock.clone(),
        uplink: uplink.clone(),
        applied: applied.clone(),
        outbox: base.outbox.clone(),
        busy,
        upload_bytes_per_s: base.settings.upload_bytes_per_s,
    }
}

/// Until a person or a service manager says so. A part that ends by itself is a defect and is told as one.
async fn wait_for_stop(tasks: &mut JoinSet<()>) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        error!("signals cannot be heard, so this agent could not be stopped in order");
        return;
    };
    tokio::select! {
        _ = term.recv() => info!("told to stop"),
        _ = int.recv() => info!("interrupted"),
        Some(ended) = tasks.join_next() => match ended {
            Ok(()) => warn!("a part ended by itself; the agent stops so that it is started anew"),
            Err(failure) => error!(%failure, "a part failed; the agent stops so that it is started anew"),
        },
    }
}

/// Settings a person gets wrong are told before anything starts.
///
/// # Errors
/// Names the file or key.
pub fn settings(home: &Home) -> anyhow::Result<Settings> {
    Ok(Settings::load(home)?)
}

/// Rebuilds the catalog while no agent runs.
///
/// # Errors
/// When an agent runs, or the catalog cannot be written.
pub fn reindex(home: &Home) -> anyhow::Result<crate::catalog::Repair> {
    home.prepare().with_context(|| format!("the directory {} cannot be used", home.root().display()))?;
    let _lock = lock::take(home)?;
    make_private(&home.root().join("store"))?;
    let clock = Clock::real();
    let trusted = TrustedTime::load(clock.clone(), home.trusted_time());
    let config = CatalogConfig {
        dir: home.catalog(),
        vault: Vault::new(home.vault()),
        volume: Volume::new(home.vault(), home.volume_memory()),
        recorder_ledgers: home.recorder_ledgers(),
        evidence: Evidence { clock, trusted },
    };
    Ok(crate::catalog::reindex(&config)?)
}
