//! What changes, as it changes: server-sent events.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use futures::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::fleet;
use super::prelude::*;
use crate::auth::still_there;
use crate::live::{Begin, Event};

/// The session is looked at again this often; after its end the stream ends within this time.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// A comment this often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_events, events)
}

/// What changes, as it changes (server-sent events).
///
/// First `fleet` with a `Fleet` as data, unless `Last-Event-ID` names an event that is still kept; then `site`, `agent`,
/// `camera`, `pull` with a `Site`, `AgentSummary`, `CameraSummary`, `Pull`. A `fleet` later on replaces everything. The
/// stream ends when the session ends.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream"),
        (status = "4XX", body = Failure)))]
async fn events(
    person: Person,
    State(office): State<Office>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Sent, std::convert::Infallible>>> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let (begin, events) = office.live.listen(last);
    let (due, snapshot) = match begin {
        Begin::Snapshot { as_of } => (Vec::new(), Some(as_of)),
        Begin::GoOn(missed) => (missed, None),
    };
    let mut look = tokio::time::interval(LOOK_AGAIN);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let listener = Listener { office, person, events, due: due.into(), snapshot, at: 0, look };
    let stream =
        stream::unfold(
            listener,
            |mut listener| async move { listener.next().await.map(|event| (Ok(event), listener)) },
        );
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// One browser's place in the stream. Its queue is the channel's: 1,024 events, after which it takes a new snapshot.
struct Listener {
    office: Office,
    person: Person,
    events: Receiver<Event>,
    /// Missed events still to be sent.
    due: std::collections::VecDeque<Event>,
    /// A snapshot is due, at least as new as this number.
    snapshot: Option<u64>,
    /// Events up to here are in the snapshot.
    at: u64,
    look: tokio::time::Interval,
}

impl Listener {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Some(self.sent(&event));
            }
            if let Some(as_of) = self.snapshot.take() {
                return self.whole(as_of).await;
            }
            tokio::select! {
                biased;
                () = self.office.stop.cancelled() => return None,
                _ = self.look.tick() => {
                    let now = self.office.clock.wall();
                    // A database that cannot answer ends the stream too: the browser comes back and asks again.
                    if !still_there(&self.office.db, self.person.session, now).await.unwrap_or(false) {
                        return None;
                    }
                }
                event = self.events.recv() => match event {
                    Ok(event) if event.number <= self.at => {}
                    Ok(event) if event.name == "fleet" => self.snapshot = Some(event.number),
                    Ok(event) => return Some(self.sent(&event)),
                    Err(RecvError::Lagged(_)) => {
                        let (begin, events) = self.office.live.listen(None);
                        self.events = events;
                        if let Begin::Snapshot { as_of } = begin {
                            self.snapshot = Some(as_of);
                        }
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    }

    fn sent(&self, event: &Event) -> Sent {
        Sent::default().event(event.name).id(self.office.live.id(event.number)).data(&*event.data)
    }

    /// The whole fleet. Events up to `as_of` were rendered before it was read, so they are in it.
    async fn whole(&mut self, as_of: u64) -> Option<Sent> {
        self.at = as_of;
        let fleet = fleet::snapshot(&self.office).await.ok()?;
        let data = serde_json::to_string(&fleet).ok()?;
        Some(Sent::default().event("fleet").id(self.office.live.id(as_of)).data(data))
    }
}
