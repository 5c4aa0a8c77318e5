//! The wiring: clips, mounts, doors, and the order they open and close in.
//!
//! Belongs here: listeners and the tasks they start. Does not: anything a session or a fault decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use farwatch_shared::time::Clock;
use farwatch_tests::camera::Doors;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};
use tokio_rustls::TlsAcceptor;

use crate::clips::Clips;
use crate::control;
use crate::digest::Credentials;
use crate::journal::Journal;
use crate::mount::{Fault, Mounts};
use crate::quirk::Quirk;
use crate::session::{Camera, converse};
use crate::ticks::CameraClock;
use crate::tls;

/// A control line longer than this is nonsense.
const MOST_CONTROL: u64 = 1024;
const CONTROL_WITHIN: Duration = Duration::from_secs(5);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How to run a camera.
pub struct Settings {
    pub listen: SocketAddr,
    pub control: SocketAddr,
    pub tls: Option<TlsSettings>,
    pub clips: PathBuf,
    pub mounts: u16,
    pub light: u16,
    pub quirks: Vec<(Quirk, String)>,
    pub credentials: Option<Credentials>,
    pub journal: Option<PathBuf>,
    pub until_stdin_closes: bool,
}

/// How to serve RTSPS.
pub struct TlsSettings {
    pub listen: SocketAddr,
    pub hosts: Vec<String>,
    pub ca_file: PathBuf,
}

/// Runs until SIGTERM, SIGINT or, if asked, the end of stdin.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    let clips = Clips::open(&settings.clips).context("the test camera has nothing to show")?;
    let mounts = Mounts::new(&clips, settings.mounts, settings.light);
    for (quirk, name) in settings.quirks {
        let mount = mounts.get(&name).with_context(|| format!("there is no mount {name:?} to have a quirk"))?;
        mount.change(Fault::Odd(quirk));
    }
    let (journal, writing) = match &settings.journal {
        Some(file) => {
            let (journal, writing) =
                Journal::begin(file).with_context(|| format!("cannot begin the journal {}", file.display()))?;
            (Some(journal), Some(writing))
        }
        None => (None, None),
    };
    let clock = CameraClock::set(Clock::real());
    let camera = Rc::new(Camera { mounts, credentials: settings.credentials, clock, journal });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let doors = Plan {
        listen: settings.listen,
        control: settings.control,
        tls: settings.tls,
        until_stdin_closes: settings.until_stdin_closes,
    };
    // The tasks own the last handles on the journal: they must be gone before it can be finished.
    LocalSet::new().block_on(&runtime, serve(doors, camera))?;
    drop(runtime);
    match writing {
        Some(writing) => writing.finish().context("the journal is not whole"),
        None => Ok(()),
    }
}

struct Plan {
    listen: SocketAddr,
    control: SocketAddr,
    tls: Option<TlsSettings>,
    until_stdin_closes: bool,
}

async fn serve(plan: Plan, camera: Rc<Camera>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let rtsp = open(plan.listen).await?;
    let control = open(plan.control).await?;
    let secure = match plan.tls {
        Some(tls) => {
            let acceptor = tls::acceptor(&tls.hosts, &tls.ca_file)?;
            Some((open(tls.listen).await?, acceptor, tls.ca_file))
        }
        None => None,
    };
    let doors = Doors {
        rtsp: rtsp.local_addr()?,
        control: control.local_addr()?,
        rtsps: secure.as_ref().map(|(listener, _, _)| listener.local_addr()).transpose()?,
        ca: secure.as_ref().map(|(_, _, file)| file.clone()),
    };
    say(&doors)?;

    let mut stdin_closes = std::pin::pin!(stdin_closes(plan.until_stdin_closes));
    let mut tasks = JoinSet::new();
    let mut number = 0u32;
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = &mut stdin_closes => break,
            Some(_) = tasks.join_next() => {}
            stream = accept(&control) => {
                let camera = camera.clone();
                tasks.spawn_local(async move {
                    // Whoever asked and left without reading the answer is no concern of ours.
                    let _ = tokio::time::timeout(CONTROL_WITHIN, answer_control(stream, camera)).await;
                });
            }
            stream = accept(&rtsp) => {
                number += 1;
                tasks.spawn_local(plain(stream, number, camera.clone()));
            }
            (stream, acceptor) = accept_secure(secure.as_ref()) => {
                number += 1;
                tasks.spawn_local(encrypted(stream, acceptor, number, camera.clone()));
            }
        }
    }
    tasks.shutdown().await;
    Ok(())
}

async fn open(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is it taken?"))
}

/// One line of JSON on stdout: the sign that every door is open.
fn say(doors: &Doors) -> anyhow::Result<()> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(doors)?)?;
    stdout.flush()?;
    Ok(())
}

/// Ready at the end of stdin, or never if nobody asked for that.
async fn stdin_closes(asked: bool) {
    if asked {
        let (closed, told) = oneshot::channel();
        // A thread of its own: the runtime would wait at exit for one of its own that still reads.
        std::thread::spawn(move || {
            let end = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            // Nobody listens any more when the camera is ending anyway.
            let _ = closed.send(end);
        });
        let _ = told.await;
    } else {
        std::future::pending().await
    }
}

/// The next connection; one that fails before it is ours (or no free descriptor) is waited out.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn accept_secure(secure: Option<&(TcpListener, TlsAcceptor, PathBuf)>) -> (TcpStream, TlsAcceptor) {
    match secure {
        Some((listener, acceptor, _)) => (accept(listener).await, acceptor.clone()),
        None => std::future::pending().await,
    }
}

async fn plain(stream: TcpStream, number: u32, camera: Rc<Camera>) {
    let ended = match stream.set_nodelay(true) {
        Ok(()) => converse(stream, number, camera).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = ended {
        tracing::debug!(session = number, %error, "session ended");
    }
}

async fn encrypted(stream: TcpStream, acceptor: TlsAcceptor, number: u32, camera: Rc<Camera>) {
    // Refused handshakes are the receiver's to report.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            if let Err(error) = converse(stream, number, camera).await {
                tracing::debug!(session = number, %error, "session ended");
            }
        }
        Ok(Err(error)) => tracing::debug!(session = number, %error, "no handshake"),
        Err(_) => tracing::debug!(session = number, "no handshake in time"),
    }
}

async fn answer_control(mut stream: TcpStream, camera: Rc<Camera>) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    BufReader::new(read.take(MOST_CONTROL)).read_line(&mut line).await?;
    let answer = control::answer(&line, &camera.mounts);
    tracing::info!(asked = line.trim(), %answer, "control");
    write.write_all(format!("{answer}\n").as_bytes()).await
}
