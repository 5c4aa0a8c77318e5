//! Where measured figures go: `results.json` for programs, `RESULTS.md` for people, the second made from the first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use farwatch_shared::time::Clock;
use serde::{Deserialize, Serialize};

/// One figure beside its peers'.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// The same figure of others, measured in the same run.
    pub peers: BTreeMap<String, f64>,
    /// UTC day it was measured.
    pub date: String,
    /// What prints it again.
    pub command: String,
}

impl Figure {
    /// A figure of today.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &str, command: &str) -> Self {
        let date = Clock::real().wall().to_string().chars().take(10).collect();
        Self {
            name: name.into(),
            value: rounded(value),
            unit: unit.into(),
            peers: BTreeMap::new(),
            date,
            command: command.into(),
        }
    }

    #[must_use]
    pub fn beside(mut self, peer: &str, value: f64) -> Self {
        self.peers.insert(peer.into(), rounded(value));
        self
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench")
}

/// Puts figures into both files; one of the same name is replaced.
///
/// # Errors
/// When a file cannot be read or written.
pub fn record(figures: &[Figure]) -> anyhow::Result<()> {
    let json = folder().join("results.json");
    let mut all: BTreeMap<String, Figure> = match std::fs::read_to_string(&json) {
        Ok(text) => {
            let list: Vec<Figure> = serde_json::from_str(&text).with_context(|| json.display().to_string())?;
            list.into_iter().map(|figure| (figure.name.clone(), figure)).collect()
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(e) => return Err(e).with_context(|| json.display().to_string()),
    };
    for figure in figures {
        print(figure);
        all.insert(figure.name.clone(), figure.clone());
    }
    let list: Vec<&Figure> = all.values().collect();
    std::fs::write(&json, serde_json::to_string_pretty(&list)? + "\n")?;
    std::fs::write(folder().join("RESULTS.md"), table(&list))?;
    Ok(())
}

fn print(figure: &Figure) {
    print!("{}: {} {}", figure.name, figure.value, figure.unit);
    for (peer, value) in &figure.peers {
        print!("   {peer}: {value} {} (ratio {:.2})", figure.unit, figure.value / value);
    }
    println!();
}

fn table(figures: &[&Figure]) -> String {
    let mut text = String::from(
        "# Measured figures\n\nWritten by the benches (`tests/run --long bench`), from `results.json`. A ratio below 1 is in \
         our favour.\n\n| figure | ours | peer | ratio | date | command |\n|---|---|---|---|---|---|\n",
    );
    for figure in figures {
        let peers: Vec<String> =
            figure.peers.iter().map(|(name, value)| format!("{name} {value} {}", figure.unit)).collect();
        let ratios: Vec<String> = figure.peers.values().map(|value| format!("{:.2}", figure.value / value)).collect();
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {} | {} | `{}` |",
            figure.name,
            figure.value,
            figure.unit,
            if peers.is_empty() { "none published".into() } else { peers.join(", ") },
            if ratios.is_empty() { "-".into() } else { ratios.join(", ") },
            figure.date,
            figure.command
        );
    }
    text
}
