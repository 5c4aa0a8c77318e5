//! `/metrics` in OpenMetrics, on a listener of its own that only the machine itself reaches unless configured otherwise.
//!
//! Belongs here: the exposition text, what is counted at the moment of asking. Does not: sessions (there are none here, so
//! nothing in it names a person, a camera or a site).

mod kept;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::shape::CameraStateNow;
use super::{Fail, Office, show};
use crate::store;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until stopped. Plain HTTP: it holds counts only.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, office: Office, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(metrics)).with_state(office);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(office): State<Office>) -> Result<impl IntoResponse, Fail> {
    let mut text = Exposition::default();
    of_fleet(&office, &mut text);
    kept::now(&office, &mut text);
    of_rows(&office, &mut text).await?;
    kept::last_day(&office, &mut text).await?;
    of_work(&office, &mut text);
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text.end()))
}

fn of_fleet(office: &Office, text: &mut Exposition) {
    let agents = office.fleet.agents();
    let mut by_presence: BTreeMap<String, u64> =
        ["late", "offline", "online", "revoked", "stopped", "unknown"].map(|p| (p.to_owned(), 0)).into();
    let mut by_drift = BTreeMap::new();
    let mut rejected = 0;
    let mut waiting = 0;
    for agent in &agents {
        *by_presence.entry(word(&show::presence(agent))).or_default() += 1;
        *by_drift.entry(word(&show::drift(agent))).or_default() += 1;
        rejected += agent.rejected;
        waiting += agent.health.as_ref().map_or(0, |h| h.outbox.waiting);
    }
    let mut by_state: BTreeMap<String, u64> = BTreeMap::new();
    let online: BTreeMap<_, _> =
        agents.iter().map(|a| (a.agent, show::presence(a) == super::shape::Presence::Online)).collect();
    for camera in office.fleet.cameras().values() {
        for stream in camera.streams.values() {
            let there = online.get(&stream.agent).copied().unwrap_or(false);
            let state = if there { show::state(stream.status.state) } else { CameraStateNow::Unknown };
            *by_state.entry(word(&state)).or_default() += 1;
        }
    }
    text.gauge("farwatch_agents", "Agents by presence.", "presence", &by_presence);
    text.gauge("farwatch_agents_drift", "Agents by drift of desired and reported state.", "drift", &by_drift);
    text.gauge("farwatch_camera_streams", "Camera streams by state.", "state", &by_state);
    text.one("gauge", "farwatch_outbox_waiting", "Facts waiting in the agents' outboxes, as last said.", waiting);
    text.one("counter", "farwatch_messages_rejected", "Messages that could not be read or were refused.", rejected);
}

async fn of_rows(office: &Office, text: &mut Exposition) -> store::Result<()> {
    let mut c = office.db.read().await?;
    let mut by_state: BTreeMap<String, u64> =
        ["approved", "pulling", "received", "requested"].map(|s| (s.to_owned(), 0)).into();
    let mut missing = 0;
    for pull in store::pulls::open(&mut c).await? {
        *by_state.entry(word(&pull.state)).or_default() += 1;
        missing += pull.bytes_total - pull.bytes_received;
    }
    let size = store::journal::newest_checkpoint(&mut c).await?.map_or(0, |checkpoint| checkpoint.size);
    let pending = store::journal::pending(&mut c, 1000).await?.len() as u64;
    text.gauge("farwatch_pulls_open", "Pulls that are not finished, by state.", "state", &by_state);
    text.one("gauge", "farwatch_pulls_missing_bytes", "Bytes of open pulls still to come.", missing);
    let bytes = store::pulls::bytes_in_all(&mut c).await?;
    text.one("counter", "farwatch_pulls_received_bytes", "Bytes of footage received.", bytes);
    text.one("counter", "farwatch_journal_entries", "Journal entries in their place.", size);
    text.one(
        "gauge",
        "farwatch_journal_pending",
        "Durable journal entries not yet in their place, at most 1000.",
        pending,
    );
    Ok(())
}

fn of_work(office: &Office, text: &mut Exposition) {
    let counters = &office.counters;
    for (name, help, counter) in [
        ("farwatch_ingest_messages", "Messages heard from agents.", &counters.messages),
        ("farwatch_ingest_facts", "Facts committed.", &counters.facts),
        ("farwatch_ingest_duplicates", "Facts that were there already.", &counters.duplicates),
        (
            "farwatch_ingest_lost_facts",
            "Numbers of facts that never came although later ones did.",
            &counters.lost_facts,
        ),
        (
            "farwatch_ingest_quarantined",
            "Facts kept word for word because they could not be read.",
            &counters.quarantined,
        ),
        (
            "farwatch_ingest_disbelieved",
            "Signed documents that were not believed, or that left a hole in their chain.",
            &counters.disbelieved,
        ),
        ("farwatch_ingest_unreadable", "Messages that could not be read.", &counters.unreadable),
        ("farwatch_ingest_refused", "Refusals at the MQTT door.", &counters.refused),
    ] {
        text.one("counter", name, help, counter.load(Ordering::Relaxed));
    }
    let writer = office.db.figures();
    text.one("counter", "farwatch_database_commits", "Commits, each an fsync.", writer.commits);
    text.one("counter", "farwatch_database_writes", "Writes that shared those commits.", writer.writes);
    text.one("gauge", "farwatch_database_queue", "Writes waiting for the writer, at most 1024.", writer.queued);
}

/// The JSON word of a plain enum.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The text being written.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn head(&mut self, kind: &str, name: &str, help: &str) {
        // Writing to a String cannot fail, here and below.
        let _ = write!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
    }

    fn one(&mut self, kind: &str, name: &str, help: &str, value: u64) {
        self.head(kind, name, help);
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = writeln!(self.0, "{name}{total} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, label: &str, values: &BTreeMap<String, u64>) {
        self.head("gauge", name, help);
        for (word, value) in values {
            let _ = writeln!(self.0, "{name}{{{label}=\"{word}\"}} {value}");
        }
    }

    fn end(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_openmetrics() {
        let mut text = Exposition::default();
        text.gauge("farwatch_agents", "Agents by presence.", "presence", &[("online".to_owned(), 2)].into());
        text.one("counter", "farwatch_x", "X.", 3);
        assert_eq!(
            text.end(),
            "# TYPE farwatch_agents gauge\n# HELP farwatch_agents Agents by presence.\nfarwatch_agents{presence=\"online\"} 2\n\
             # TYPE farwatch_x counter\n# HELP farwatch_x X.\nfarwatch_x_total 3\n# EOF\n"
        );
    }
}
