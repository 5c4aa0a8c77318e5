//! Starts the parts of the hub in order, says each step, and stops them in reverse.
//!
//! Belongs here: what is wired to what. Does not: any decision of a part. Knows everybody; nobody knows it.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use farwatch_shared::time::{Clock, DAY_MS};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::api::{self, Office, Parts};
use crate::audit::sequencer::Sequencer;
use crate::broker::{Bus, Ears, Embedded, Listen};
use crate::config::{Config, Doors};
use crate::dispatch::{Dispatch, Marks};
use crate::door::{Certificate, Door, Peers};
use crate::enrol::{Gate, Joining, Renewals};
use crate::fleet::{self, Fleet};
use crate::footage::Footage;
use crate::ingest::{Counters, HealthBuffer, Ingest, Refusals};
use crate::intake::{self, Intake};
use crate::keys::Keys;
use crate::live::{Live, feed};
use crate::store::{self, Db};
use crate::vault::Vault;

/// How often certificates are looked at and old rows pruned.
const UPKEEP: Duration = Duration::from_secs(60);
/// Rounds of upkeep between two looks at the large tables.
const SELDOM: u32 = 60;
/// Packed health is kept for so long.
const HEALTH_DAYS: i64 = 90;

/// What all parts share.
struct House {
    config: Arc<Config>,
    clock: Clock,
    keys: Arc<Keys>,
    db: Db,
    fleet: Fleet,
    vault: Vault,
    gate: Gate,
    marks: Marks,
    refusals: Refusals,
    health: HealthBuffer,
    counters: Arc<Counters>,
    dispatch: Arc<Notify>,
    pulls: Arc<Notify>,
}

/// The two stages of stopping: first nobody comes in any more, then what is under way is finished.
struct Stops {
    doors: CancellationToken,
    tasks: CancellationToken,
}

/// Runs the hub until SIGTERM or SIGINT.
///
/// # Errors
/// When a part cannot start: says which, and what to do.
pub async fn run(dir: &Path) -> anyhow::Result<()> {
    log();
    more_descriptors();
    // Several TLS back ends are linked; ours is chosen by name.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stops = Stops { doors: CancellationToken::new(), tasks: CancellationToken::new() };
    let (doors, tasks) = (TaskTracker::new(), TaskTracker::new());

    let _one = only_one(dir)?;
    let house = open(dir).await?;
    start_tasks(&house, &stops, &tasks);
    let broker = start_broker(&house).await?;
    info!(address = %broker.address(), "the agents' MQTT door is open");
    let (server_cert, server_key) = house.keys.server_paths();
    let server = Certificate::load(server_cert.clone(), server_key.clone())?;
    let people_cert = house.config.people_cert.clone().unwrap_or(server_cert);
    let people_key = house.config.people_key.clone().unwrap_or(server_key);
    let people = Certificate::load(people_cert, people_key)?;
    let peers = Peers::Optional { ca_pem: house.keys.ca_pem().to_owned() };
    let agents_door = Door::open(house.config.agents_listen, server.clone(), peers).await?;
    let people_door = Door::open(house.config.people_listen, people.clone(), Peers::None).await?;
    let open = Doors { mqtt: broker.address(), agents: agents_door.address, people: people_door.address };
    let bus: Arc<dyn Bus> = broker.clone();
    start_senders(&house, &bus, &open, &stops, &tasks);
    start_agents_door(&house, agents_door, &open, &stops, &doors);
    start_people_door(&house, people_door, open, &stops, &doors).await?;
    start_upkeep(&house, broker.clone(), vec![server, people], &stops, &tasks);
    // An absent file means that not every door is open.
    open.save(dir)?;
    info!(agents = %open.agents, people = %open.people, "all doors are open");

    tokio::select! {
        _ = terminate.recv() => info!("told to stop"),
        _ = interrupt.recv() => info!("interrupted"),
    }
    let _ = std::fs::remove_file(dir.join("doors.json"));
    broker.stop();
    stops.doors.cancel();
    doors.close();
    if tokio::time::timeout(Duration::from_secs(8), doors.wait()).await.is_err() {
        warn!("some requests did not end in time");
    }
    stops.tasks.cancel();
    tasks.close();
    if tokio::time::timeout(Duration::from_secs(8), tasks.wait()).await.is_err() {
        warn!("some tasks did not end in time");
    }
    house.db.settle().await?;
    info!("stopped");
    Ok(())
}

fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,rmqtt=error,rmqtt_net=error,sqlx=warn"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

/// Every agent is a connection or two: as many descriptors as the system lets us have.
fn more_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() {
        warn!("the limit of open files could not be raised");
    }
}

/// Two hubs on one directory would take each other's connections and write each other's journal. Released with the file.
fn only_one(dir: &Path) -> anyhow::Result<std::fs::File> {
    use rustix::fs::{FlockOperation, flock};
    let path = dir.join("hub.lock");
    let file = std::fs::File::create(&path).with_context(|| {
        format!(
            "cannot use {}; make the hub first with: farwatch-hub --dir {} init --name NAME",
            path.display(),
            dir.display()
        )
    })?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("another hub runs in {}; stop it first", dir.display()))?;
    Ok(file)
}

async fn open(dir: &Path) -> anyhow::Result<House> {
    let config = Arc::new(Config::load(dir)?);
    let clock = Clock::real();
    let keys = Arc::new(Keys::load(&dir.join("keys"))?);
    keys.ensure_server(&config.hosts, clock.wall())?;
    let database = dir.join("hub.db");
    anyhow::ensure!(database.exists(), "{} is missing; restore it from the backup", database.display());
    let db = Db::open(&database, clock.clone()).await.context("the hub's database cannot be opened")?;
    let fleet = Fleet::default();
    fleet::load(&fleet, &db, clock.wall()).await?;
    let vault = Vault::open(dir).context("the hub's vault cannot be opened")?;
    info!(hub = %config.name, agents = fleet.agents().len(), "the hub's rows are read");
    Ok(House {
        gate: Gate::new(db.clone(), clock.clone()),
        config,
        clock,
        keys,
        db,
        fleet,
        vault,
        marks: Marks::default(),
        refusals: Refusals::default(),
        health: HealthBuffer::default(),
        counters: Arc::default(),
        dispatch: Arc::default(),
        pulls: Arc::default(),
    })
}

/// What needs no door.
fn start_tasks(h: &House, stops: &Stops, tasks: &TaskTracker) {
    let sequencer = Sequencer {
        db: h.db.clone(),
        origin: format!("farwatch/{}", h.keys.log.public().id()),
        key: h.keys.log.clone(),
        clock: h.clock.clone(),
    };
    tasks.spawn(sequencer.run(stops.tasks.clone()));
    tasks.spawn(h.refusals.clone().run(h.db.clone(), h.clock.clone(), stops.tasks.clone()));
    tasks.spawn(h.health.clone().run(h.db.clone(), h.clock.clone(), stops.tasks.clone()));
    let (follow, stop) = ((h.fleet.clone(), h.db.clone(), h.clock.clone()), stops.tasks.clone());
    tasks.spawn(fleet::follow(follow.0, follow.1, follow.2, h.dispatch.clone(), stop));
    let (gate, fleet, stop) = (h.gate.clone(), h.fleet.clone(), stops.tasks.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = gate.watch(fleet) => {}
            () = stop.cancelled() => {}
        }
    });
    let footage = Footage {
        db: h.db.clone(),
        vault: h.vault.clone(),
        fleet: h.fleet.clone(),
        clock: h.clock.clone(),
        nudge: h.pulls.clone(),
    };
    tasks.spawn(footage.run(stops.tasks.clone()));
}

async fn start_broker(h: &House) -> anyhow::Result<Arc<Embedded>> {
    let ears: Arc<dyn Ears> = Arc::new(Ingest {
        db: h.db.clone(),
        fleet: h.fleet.clone(),
        clock: h.clock.clone(),
        gate: h.gate.clone(),
        marks: h.marks.clone(),
        refusals: h.refusals.clone(),
        health: h.health.clone(),
        counters: h.counters.clone(),
        dispatch: h.dispatch.clone(),
        pulls: h.pulls.clone(),
    });
    let (certificate, key) = h.keys.server_paths();
    let listen = Listen { address: h.config.mqtt_listen, ca: h.keys.ca_path(), certificate, key };
    Ok(Embedded::start(listen, ears, h.clock.clone()).await?)
}

/// Whoever speaks to agents.
fn start_senders(h: &House, bus: &Arc<dyn Bus>, open: &Doors, stops: &Stops, tasks: &TaskTracker) {
    let dispatch = Dispatch {
        db: h.db.clone(),
        bus: bus.clone(),
        fleet: h.fleet.clone(),
        keys: h.keys.clone(),
        clock: h.clock.clone(),
        hubs: h.config.addresses(open),
        nudge: h.dispatch.clone(),
    };
    tasks.spawn(dispatch.run(stops.tasks.clone()));
    tasks.spawn(h.marks.clone().run(bus.clone(), stops.tasks.clone()));
    let (mut cuts, bus, stop) = (h.gate.cuts(), bus.clone(), stops.tasks.clone());
    tasks.spawn(async move {
        loop {
            let cut = tokio::select! {
                () = stop.cancelled() => return,
                cut = cuts.recv() => cut,
            };
            let Ok(agent) = cut else { continue };
            match bus.kick(agent).await {
                Ok(was_there) => info!(%agent, was_there, "cut off"),
                Err(e) => error!(%agent, error = %e, "a revoked agent's session could not be ended"),
            }
        }
    });
}

fn start_agents_door(h: &House, door: Door, open: &Doors, stops: &Stops, doors: &TaskTracker) {
    let hubs = h.config.addresses(open);
    let intake = Intake {
        db: h.db.clone(),
        vault: h.vault.clone(),
        gate: h.gate.clone(),
        fleet: h.fleet.clone(),
        clock: h.clock.clone(),
        joining: Joining {
            db: h.db.clone(),
            keys: h.keys.clone(),
            clock: h.clock.clone(),
            fleet: h.fleet.clone(),
            hub_name: h.config.name.clone(),
            hubs: hubs.clone(),
        },
        renewals: Renewals::new(h.db.clone(), h.keys.clone(), h.clock.clone(), hubs),
        refusals: h.refusals.clone(),
        pulls: h.pulls.clone(),
    };
    doors.spawn(door.serve(intake::router(intake), stops.doors.clone()));
}

async fn start_people_door(
    h: &House,
    door: Door,
    open: Doors,
    stops: &Stops,
    doors: &TaskTracker,
) -> anyhow::Result<()> {
    let epoch = farwatch_shared::keys::random32()?;
    let live = Live::new(u32::from_be_bytes([epoch[0], epoch[1], epoch[2], epoch[3]]));
    doors.spawn(feed(live.clone(), h.fleet.clone(), h.db.clone(), stops.doors.clone()));
    let office = Office::new(Parts {
        clock: h.clock.clone(),
        db: h.db.clone(),
        keys: h.keys.clone(),
        config: h.config.clone(),
        doors: open,
        fleet: h.fleet.clone(),
        vault: h.vault.clone(),
        live,
        counters: h.counters.clone(),
        stop: stops.doors.clone(),
    });
    let metrics = TcpListener::bind(h.config.metrics_listen)
        .await
        .with_context(|| format!("cannot listen on {} for metrics", h.config.metrics_listen))?;
    let (counts, stop) = (office.clone(), stops.doors.clone());
    doors.spawn(async move {
        if let Err(e) = api::metrics::serve(metrics, counts, stop).await {
            warn!(error = %e, "metrics are no longer served");
        }
    });
    doors.spawn(door.serve(api::router(office), stops.doors.clone()));
    Ok(())
}

/// Certificates that are renewed or replaced, rows that have served their time.
fn start_upkeep(
    h: &House,
    broker: Arc<Embedded>,
    certificates: Vec<Arc<Certificate>>,
    stops: &Stops,
    tasks: &TaskTracker,
) {
    let (keys, config, clock, db) = (h.keys.clone(), h.config.clone(), h.clock.clone(), h.db.clone());
    let stop = stops.tasks.clone();
    tasks.spawn(async move {
        let mut tick = tokio::time::interval(UPKEEP);
        let mut round = 0u32;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = clock.wall();
            let seldom = round.is_multiple_of(SELDOM);
            round += 1;
            match keys.ensure_server(&config.hosts, now) {
                Ok(false) => {}
                Ok(true) => {
                    info!("the server's certificate was renewed");
                    if let Err(e) = broker.reload() {
                        error!(error = %e, "the MQTT door keeps its old certificate until the hub is restarted");
                    }
                }
                Err(e) => error!(error = %e, "the server's certificate could not be renewed"),
            }
            for certificate in &certificates {
                certificate.refresh();
            }
            let pruned = db
                .write(move |c| {
                    Box::pin(async move {
                        store::changes::prune(c, now).await?;
                        store::people::prune_sessions(c, now).await?;
                        if seldom {
                            store::checkpoints::prune(c, now).await?;
                            store::health::prune(c, now.plus_ms(-HEALTH_DAYS * DAY_MS)).await?;
                        }
                        Ok::<_, store::StoreError>(())
                    })
                })
                .await;
            if let Err(e) = pruned {
                warn!(error = %e, "old rows could not be removed");
            }
        }
    });
}
