//! The recorder from start to stop: puts its parts together. `farwatch-agent record` is this.
//!
//! Starts in order: lock, confinement, log, writer, cameras by the kept plan, socket. Stops in reverse, so that every
//! frame that arrived is written, and says in its log that it did.

use std::fs::{self, File};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::Clock;
use farwatch_shared::wire::latest::{ClockChange, ClockFact};
use rustix::fs::FlockOperation;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::confine::{self, Confined};
use super::guard::{Guard, Rule};
use super::kept::Kept;
use super::protocol::{Current, Down, Plan, Up};
use super::socket::{self, Wakeups};
use super::status::Said;
use super::supervise::{Supervisor, wishes};
use crate::config::{Home, make_private};
use crate::ledger::entry::{ClosedWhy, RecorderEntry};
use crate::ledger::log::LogWriter;
use crate::media::worker::Launch;
use crate::record::book::Book;
use crate::record::clocks::{self, Boot, ClockWatch};
use crate::record::cut::Rules;
use crate::record::events::Happened;
use crate::record::figures::Board;
use crate::record::gate::Gate;
use crate::record::hand::{self, Settings, Tools};
use crate::record::intake::{Handed, Intake, budget_for};
use crate::record::owed;
use crate::record::session::{Standings, Surroundings};
use crate::record::sync::{self, Syncer};
use crate::record::turn::{self, Turner};
use crate::vault::{Vault, Volume};

/// How often the streams' states are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long packets gather before they are read. Everything the recorder is told waits so long too.
const GATHER: Duration = Duration::from_millis(20);
/// A recorder without cameras says at least this often that it lives.
const LIFE_NS: i64 = 10_000_000_000;
/// Whoever wants more says so again.
const LONGEST_PULSE_MS: u64 = 3_600_000;
/// Plans that wait while one is brought into force.
const DOWNS: usize = 4;

/// Records until told to stop (SIGTERM, SIGINT, or `stop` over the socket).
///
/// Call before any thread is started: it confines the process.
///
/// # Errors
/// When another recorder runs, or its directories cannot be used. Cameras that fail are no error.
pub fn run(home: &Home, clock: Clock) -> anyhow::Result<()> {
    home.prepare().context("the agent's directory cannot be prepared")?;
    for dir in [home.vault(), home.recorder_ledgers(), home.recorder()] {
        make_private(&dir).with_context(|| format!("{} cannot be prepared", dir.display()))?;
    }
    // Fails for a process group leader, which is detached enough.
    let _ = rustix::process::setsid();
    let _lock = lock(home)?;
    match confine::confine(home) {
        Ok(Confined::Fully) => {}
        Ok(how) => tracing::warn!(?how, "this kernel cannot confine the recorder fully"),
        Err(error) => tracing::warn!(error, "the recorder runs without confinement"),
    }
    // What comes from the cameras gathers a moment in the kernel and is read in one go: a camera's packets come hundreds of
    // times a second, and being woken for each costs more than reading them.
    let gather = || std::thread::sleep(GATHER);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(gather).build()?;
    runtime.block_on(record(home, clock))
}

/// Held as long as the process lives; the kernel lets go of it whatever happens.
fn lock(home: &Home) -> anyhow::Result<File> {
    let path = home.recorder().join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).context("the recorder's lock")?;
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("a recorder runs already in {}; stop it first", home.root().display());
    }
    Ok(file)
}

async fn record(home: &Home, clock: Clock) -> anyhow::Result<()> {
    let id = turn::next_id(&home.recorder_ledgers());
    let boot = Boot::current().context("the boot id cannot be read")?;
    let kept = Kept::new(home.recorder());
    let plan = kept.load().unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the kept plan cannot be used");
        None
    });
    let mut plan = plan.unwrap_or_default();

    let wakeups = Wakeups::new(id);
    let log = LogWriter::open(&turn::log_path(&home.recorder_ledgers(), id), |_| {})?;
    let book = Book::new(id, log, wakeups.clone());
    let started = clocks::now(&clock);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    book.write(RecorderEntry::Started { recorder: id, version, boot_id: boot.id.clone(), at: started });

    let intake = Intake::new(budget_for(memory(), plan.buffer));
    let clock_watch = ClockWatch::new(&boot);
    clock_watch.look(&clock);
    let (board, syncer, standings) = (Board::default(), Syncer::default(), Standings::default());
    let settings = Arc::new(Mutex::new(settings(&plan)));
    let vault = Vault::new(home.vault());
    let gate = Gate::default();
    let tools = Tools {
        vault: vault.clone(),
        book: book.clone(),
        boot: boot.clone(),
        clock: clock.clone(),
        clock_watch: clock_watch.clone(),
        board: board.clone(),
        syncer: syncer.clone(),
        settings: settings.clone(),
        ledgers: home.recorder_ledgers(),
        counter: home.recorder().join("counter"),
        gate: gate.clone(),
    };
    let rule = Arc::new(Mutex::new(Rule::of(&plan)));
    let mut guard = Guard {
        vault,
        book: book.clone(),
        clock: clock.clone(),
        wakeups: wakeups.clone(),
        rule: rule.clone(),
        heard_at: clock.boot(),
        gate: gate.clone(),
        volume: Volume::new(home.vault(), home.volume_memory()),
    };
    // Before the first byte: an unmounted disk is noticed here.
    let _ = guard.look_at_disk(plan.disk.lines);
    let writing = hand::start(tools, intake.clone())?;
    let turner = Turner::new(home.recorder_ledgers(), boot.clone(), turn::LIMIT);
    let (turning, ticking) = (book.clone(), clock.clone());
    let (ledgers, this_boot) = (home.recorder_ledgers(), boot.clone());
    let each = move |changes: &[ClockFact]| {
        guard.look();
        turner.look(&turning, &ticking);
        for fact in changes {
            if let ClockChange::Reanchored { by_ms, .. } = fact.change {
                owed::tell(&ledgers, &this_boot, &turning, by_ms);
            }
        }
    };
    let syncing = sync::start(syncer.clone(), book.clone(), clock.clone(), clock_watch, each)?;

    let launch = Launch::this_program();
    let around = Surroundings { intake: intake.clone(), standings: standings.clone(), clock: clock.clone(), launch };
    let mut supervisor = Supervisor::new(around);
    supervisor.apply(&plan, started);
    wakeups.say(&Up::Planned { plan: plan.number });

    let socket_name = format!("{id}.sock");
    remove_old_sockets(home);
    let listener = socket::bind(&home.recorder().join(&socket_name)).context("the recorder's socket")?;
    let (downs, mut orders) = mpsc::channel(DOWNS);
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(socket::serve(listener, wakeups.clone(), downs));
    kept.announce(&Current {
        recorder: id,
        pid: std::process::id(),
        socket: socket_name.clone(),
        boot_id: boot.id.clone(),
    })?;
    tracing::info!(recorder = %id, plan = plan.number, streams = wishes(&plan).len(), "recorder started");

    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Whoever started the recorder may go; it stays.
    let _hangup = signal(SignalKind::hangup())?;
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut said = Said::default();
    let mut sign_of_life = clock.boot();
    loop {
        tokio::select! {
            biased;
            _ = term.recv() => break,
            _ = int.recv() => break,
            order = orders.recv() => match order {
                Some(Down::Plan(new)) if new.number > plan.number => {
                    tracing::info!(plan = new.number, "new plan");
                    if let Err(error) = kept.save(&new) {
                        tracing::error!(error = &error as &dyn std::error::Error, "the plan cannot be kept");
                    }
                    plan = new;
                    *settings.lock().unwrap_or_else(PoisonError::into_inner) = self::settings(&plan);
                    *rule.lock().unwrap_or_else(PoisonError::into_inner) = Rule::of(&plan);
                    intake.set_budget(budget_for(memory(), plan.buffer));
                    supervisor.apply(&plan, clocks::now(&clock));
                    let wanted = wishes(&plan);
                    wakeups.keep_streams(|camera, stream| wanted.contains_key(&(camera, stream)));
                    wakeups.say(&Up::Planned { plan: plan.number });
                }
                Some(Down::Plan(old)) => {
                    tracing::debug!(plan = old.number, "not a newer plan");
                    wakeups.say(&Up::Planned { plan: plan.number });
                }
                Some(Down::Trigger { camera, trigger, detail, pulse_ms }) => {
                    let now = clocks::now(&clock);
                    let end = now.plus_ns(i64::try_from(pulse_ms.min(LONGEST_PULSE_MS)).unwrap_or(0) * 1_000_000);
                    match wishes(&plan).into_keys().find(|(planned, _)| *planned == camera) {
                        Some(key) => intake.push(key, Handed::Trigger(Happened { trigger, start: now, end, detail })),
                        None => tracing::warn!(%camera, "a trigger for a camera that is not read"),
                    }
                }
                Some(Down::Stop) | None => break,
            },
            _ = look.tick() => {
                for status in said.due(&standings.all(), |key| board.of(key), clocks::now(&clock)) {
                    wakeups.say(&Up::Camera(status));
                }
                if clock.boot().since(sign_of_life) >= LIFE_NS {
                    sign_of_life = clock.boot();
                    wakeups.say(&Up::Sync { bound_ms: syncer.bound_ms() });
                }
                if writing.is_finished() {
                    break;
                }
            }
        }
    }

    tracing::info!("recorder stops");
    supervisor.stop_all(ClosedWhy::Stop);
    intake.close();
    gate.end();
    let written = writing.join();
    syncer.stop();
    let synced = syncing.join();
    book.write_synced(&RecorderEntry::CleanStop { boot_id: boot.id, at: clocks::now(&clock) })?;
    // Best effort: names are never used again.
    let _ = fs::remove_file(home.recorder().join(socket_name));
    match (written, synced) {
        (Ok(Ok(())), Ok(())) => Ok(()),
        (Ok(Err(error)), _) => Err(error).context("the vault cannot be used"),
        _ => bail!("a thread of the recorder ended badly; its log says where"),
    }
}

fn settings(plan: &Plan) -> Settings {
    let rules = Rules { segment_s: plan.segment_seconds.max(1), fragment_ms: plan.fragment_ms.max(20) };
    Settings { rules, agent: plan.agent }
}

/// Installed memory; a little when it cannot be told.
fn memory() -> ByteSize {
    let info = rustix::system::sysinfo();
    let unit = u64::from(info.mem_unit).max(1);
    let total = info.totalram.saturating_mul(unit);
    if total == 0 { ByteSize::mib(512) } else { ByteSize(total) }
}

/// Sockets of recorders that died: this process holds the lock, so none is in use.
fn remove_old_sockets(home: &Home) {
    let Ok(entries) = fs::read_dir(home.recorder()) else { return };
    for entry in entries.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "sock") {
            let _ = fs::remove_file(entry.path());
        }
    }
}
