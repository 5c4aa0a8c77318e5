//! The bare read loop: RTSP over TCP through retina, packets handed over and dropped.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use futures::StreamExt as _;
use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport};
use url::Url;

/// Reads every URL until killed; one byte is appended to `started` for each that gave its first packet.
pub async fn run(urls: Vec<Url>, started: PathBuf) -> anyhow::Result<()> {
    let started = Arc::new(Mutex::new(std::fs::File::create(&started).with_context(|| started.display().to_string())?));
    let mut readers = tokio::task::JoinSet::new();
    for url in urls {
        let started = Arc::clone(&started);
        readers.spawn(async move { read(url, &started).await });
    }
    while let Some(ended) = readers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn read(url: Url, started: &Mutex<std::fs::File>) -> anyhow::Result<()> {
    let mut session = Session::describe(url, SessionOptions::default()).await?;
    let video = session.streams().iter().position(|stream| stream.media() == "video").context("a video stream")?;
    let transport = Transport::Tcp(TcpTransportOptions::default());
    session.setup(video, SetupOptions::default().transport(transport)).await?;
    let mut playing = session.play(PlayOptions::default()).await?;
    let mut heard = false;
    while let Some(item) = playing.next().await {
        item?;
        if !heard {
            heard = true;
            started.lock().map_err(|_| anyhow::anyhow!("a reader panicked"))?.write_all(b".")?;
        }
    }
    anyhow::bail!("the camera ended the session")
}
