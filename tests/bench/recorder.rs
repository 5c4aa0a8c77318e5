//! The recorder beside its peers on the same streams in the same run: CPU time per stream-second, memory per stream.
//!
//! Each run waits until every stream has written footage, then measures a window. Ours hashes, ledgers and syncs meanwhile.

use std::path::PathBuf;

use farwatch_tests::camera::{CameraSetup, TestCamera};

use crate::measure::Measured;
use crate::ours::ours;
use crate::peers;
use crate::results::{Figure, record};

const COMMAND: &str = "tests/run --long bench";

/// What to measure.
pub struct Wanted {
    /// How many cameras at once, one run each.
    pub counts: Vec<u16>,
    pub seconds: u64,
    /// `cam` (3 Mbit/s) or another of the test camera's numbered mounts.
    pub mount: String,
    pub gst: bool,
    /// Above this many cameras only ours and the floor are run: a process a camera would not be fed.
    pub peers_up_to: u16,
}

/// Measures every number of cameras and records the figures.
pub async fn bench(wanted: &Wanted) -> anyhow::Result<()> {
    let most = wanted.counts.iter().copied().max().unwrap_or(1);
    let eye = TestCamera::start(CameraSetup { mounts: most, ..CameraSetup::default() })?;
    let moonfire = std::env::var_os("FARWATCH_MOONFIRE").map(PathBuf::from);
    for &cameras in &wanted.counts {
        let mounts: Vec<String> = (0..cameras).map(|i| format!("{}{i}", wanted.mount)).collect();
        let floor = peers::floor(&eye, &mounts, wanted.seconds).await?;
        let mut beside: Vec<(&str, Measured)> = Vec::new();
        if cameras <= wanted.peers_up_to {
            beside.push(("ffmpeg", peers::ffmpeg(&eye, &mounts, wanted.seconds).await?));
            if let Some(program) = &moonfire {
                beside.push(("moonfire-nvr", peers::moonfire(program, &eye, &mounts, wanted.seconds).await?));
            }
        }
        beside.push(("bare read loop", floor));
        let rtsp = ours(&eye, &mounts, wanted.seconds, "rtsp").await?;
        let mut figures = figures(cameras, &wanted.mount, "rtsp", &rtsp, &beside);
        if wanted.gst {
            let gst = ours(&eye, &mounts, wanted.seconds, "gst").await?;
            figures.extend(self::figures(cameras, &wanted.mount, "gst", &gst, &beside));
        }
        record(&figures)?;
    }
    Ok(())
}

fn figures(cameras: u16, mount: &str, source: &str, ours: &Measured, beside: &[(&str, Measured)]) -> Vec<Figure> {
    let figure = |what: &str, unit: &str, value: &dyn Fn(&Measured) -> f64| {
        let name = format!("recorder {what}, {cameras} x {mount}, {source}");
        let figure = Figure::new(name, value(ours), unit, COMMAND);
        beside.iter().fold(figure, |figure, (peer, measured)| figure.beside(peer, value(measured)))
    };
    let mut figures = vec![
        figure("CPU", "ms per stream-second", &|m| m.cpu_ms),
        figure("memory", "MB resident per stream", &|m| m.resident_mb),
        figure("memory private", "MB private per stream", &|m| m.private_mb),
    ];
    figures.extend(ours.stall_peak_mb.map(|peak| {
        let name = format!("recorder memory, {cameras} x {mount}, {source}, disk frozen 5 s");
        Figure::new(name, peak, "MB resident per stream", COMMAND)
    }));
    figures
}
