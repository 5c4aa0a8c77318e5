//! One session: connect, subscribe, say that we are there, then carry messages until something breaks.
//!
//! rumqttc's event loop runs in a task of its own and is made anew for each session, so that its memory of unacknowledged
//! packets (and what it does to them) never matters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farwatch_shared::id::AgentId;
use farwatch_shared::time::{BootNs, Clock, WallMs};
use farwatch_shared::topic::{Topic, Up, down_filter};
use farwatch_shared::wire::MAX_PACKET;
use farwatch_shared::wire::latest::{HubAddress, Presence, PresenceState};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PublishProperties, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, ClientError, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use rustls::ClientConfig;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::message::{Down, Message, Priority};
use super::task::Line;

const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Connection, TLS and CONNACK together.
const CONNECT_S: u64 = 15;
/// Subscribed and greeted within this, or the session is given up.
const GREETING: Duration = Duration::from_secs(15);
/// A hub that answers pings but acknowledges nothing for this long is as good as gone.
const UNACKNOWLEDGED_NS: i64 = 30_000_000_000;
/// Unacknowledged messages at a time.
const IN_FLIGHT: u16 = 32;
/// What rumqttc may hold of ours; the rest waits in our own queue.
const HANDED_OVER: usize = 8;
/// Packets read from the line and not yet looked at.
const EVENTS: usize = 64;
/// Live health is worthless after this.
const FLEETING_S: u32 = 60;

/// Which session we are in: its number and the nonce every order of it must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub number: u64,
    pub nonce: String,
    pub since_ms: WallMs,
}

/// Counted over all sessions.
#[derive(Debug, Default)]
pub struct Counters {
    /// Packets on topics that are none of ours.
    pub unreadable: AtomicU64,
    /// Sessions begun.
    pub sessions: AtomicU64,
}

/// What a session needs to begin.
pub(super) struct Start {
    pub agent: AgentId,
    pub address: HubAddress,
    pub tls: Arc<ClientConfig>,
    pub session: Session,
    pub boot_id: String,
    pub hostname: String,
    pub target: String,
    pub clock: Clock,
}

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("stopped")]
    Stopped,
    #[error("the certificate was renewed")]
    Renewed,
    #[error("the connection failed: {0}")]
    Line(Box<ConnectionError>),
    #[error("the hub refused our subscription")]
    NotSubscribed,
    #[error("the hub did not greet us in time")]
    Silent,
    #[error("the hub acknowledged nothing for half a minute")]
    Unacknowledged,
    #[error("our own readers were too slow; the hub will say it again")]
    Overrun,
}

/// What a session uses of the uplink.
pub(super) struct Ports<'a> {
    pub messages: &'a mut mpsc::Receiver<Message>,
    pub held: &'a mut Option<Message>,
    pub down: &'a mpsc::Sender<Down>,
    pub line: &'a watch::Sender<Line>,
    pub renewed: &'a mut watch::Receiver<Arc<ClientConfig>>,
    pub stop: &'a CancellationToken,
    pub counters: &'a Counters,
}

impl Start {
    fn presence(&self, state: PresenceState) -> Presence {
        Presence {
            state,
            boot_id: self.boot_id.clone(),
            session: self.session.number,
            nonce: self.session.nonce.clone(),
            sent_at_ms: self.clock.wall(),
            version: env!("CARGO_PKG_VERSION").into(),
            target: self.target.clone(),
            hostname: self.hostname.clone(),
        }
    }

    fn presence_bytes(&self, state: PresenceState) -> Vec<u8> {
        serde_json::to_vec(&self.presence(state)).unwrap_or_default()
    }

    fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(self.agent.to_string(), self.address.host.clone(), self.address.mqtt_port);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(self.tls.clone())));
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_start(true);
        options.set_connection_timeout(CONNECT_S);
        options.set_max_packet_size(u32::try_from(MAX_PACKET).ok());
        options.set_outgoing_inflight_upper_limit(IN_FLIGHT);
        let topic = Topic::Up(self.agent, Up::Presence).to_string();
        options.set_last_will(LastWill::new(
            topic,
            self.presence_bytes(PresenceState::Lost),
            QoS::AtLeastOnce,
            false,
            None,
        ));
        options
    }
}

/// Runs one session to its end.
pub(super) async fn run(start: &Start, ports: Ports<'_>) -> Ended {
    let (client, event_loop) = AsyncClient::new(start.options(), HANDED_OVER);
    let (events_in, events) = mpsc::channel(EVENTS);
    let mut pump = JoinSet::new();
    pump.spawn(drive(event_loop, events_in));
    let mut live = Live { start, client, events, in_flight: BTreeMap::new(), online: false };
    let ended = live.carry(ports).await;
    if matches!(ended, Ended::Stopped | Ended::Renewed) && live.online {
        live.say_goodbye().await;
    }
    pump.shutdown().await;
    ended
}

/// Polls rumqttc. It is never polled again after an error: that would reconnect behind our back.
async fn drive(mut event_loop: EventLoop, events: mpsc::Sender<Result<Event, ConnectionError>>) {
    loop {
        let event = event_loop.poll().await;
        let failed = event.is_err();
        if events.send(event).await.is_err() || failed {
            return;
        }
    }
}

struct Live<'a> {
    start: &'a Start,
    client: AsyncClient,
    events: mpsc::Receiver<Result<Event, ConnectionError>>,
    /// Packet ids sent and not acknowledged, since when.
    in_flight: BTreeMap<u16, BootNs>,
    online: bool,
}

impl Live<'_> {
    async fn carry(&mut self, ports: Ports<'_>) -> Ended {
        let Ports { messages, held, down, line, renewed, stop, counters } = ports;
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let greeting = tokio::time::sleep(GREETING + Duration::from_secs(CONNECT_S));
        tokio::pin!(greeting);
        loop {
            if self.online
                && let Some(message) = held.take()
            {
                *held = self.hand_over(message);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ended::Stopped,
                Ok(()) = renewed.changed() => return Ended::Renewed,
                event = self.events.recv() => match event {
                    Some(Ok(event)) => {
                        if let Some(ended) = self.heard(event, down, line, counters) {
                            return ended;
                        }
                    }
                    Some(Err(error)) => return Ended::Line(Box::new(error)),
                    None => return Ended::Silent,
                },
                Some(message) = messages.recv(), if self.online && held.is_none() => *held = self.hand_over(message),
                () = &mut greeting, if !self.online => return Ended::Silent,
                _ = tick.tick() => if self.is_unacknowledged() {
                    return Ended::Unacknowledged;
                },
            }
        }
    }

    /// Gives a message to rumqttc, or gives it back when that has no room.
    fn hand_over(&self, message: Message) -> Option<Message> {
        let topic = Topic::Up(self.start.agent, message.topic).to_string();
        let sent = match message.priority {
            Priority::Certain => self.client.try_publish(topic, QoS::AtLeastOnce, false, message.body.clone()),
            Priority::Fleeting => {
                let expiry = PublishProperties { message_expiry_interval: Some(FLEETING_S), ..Default::default() };
                self.client.try_publish_with_properties(topic, QoS::AtMostOnce, false, message.body.clone(), expiry)
            }
        };
        match (sent, message.priority) {
            (Err(ClientError::TryRequest(_) | ClientError::Request(_)), Priority::Certain) => Some(message),
            _ => None,
        }
    }

    /// One thing heard; gives the end when it is one.
    fn heard(
        &mut self,
        event: Event,
        down: &mpsc::Sender<Down>,
        line: &watch::Sender<Line>,
        counters: &Counters,
    ) -> Option<Ended> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                let filter = down_filter(self.start.agent);
                if self.client.try_subscribe(filter, QoS::AtLeastOnce).is_err() {
                    return Some(Ended::NotSubscribed);
                }
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let granted = answer.return_codes.iter().all(|c| matches!(c, SubscribeReasonCode::Success(_)));
                if !granted || answer.return_codes.is_empty() {
                    return Some(Ended::NotSubscribed);
                }
                // Only now: the hub answers presence with what it has for us, and we must be able to hear it.
                let topic = Topic::Up(self.start.agent, Up::Presence).to_string();
                let body = self.start.presence_bytes(PresenceState::Online);
                if self.client.try_publish(topic, QoS::AtLeastOnce, false, body).is_err() {
                    return Some(Ended::NotSubscribed);
                }
                self.online = true;
                counters.sessions.fetch_add(1, Ordering::Relaxed);
                let session = Session { since_ms: self.start.clock.wall(), ..self.start.session.clone() };
                info!(hub = %self.start.address.host, session = session.number, "connected to the hub");
                line.send_replace(Line::Up(session));
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let topic = std::str::from_utf8(&publish.topic).ok().and_then(|t| t.parse::<Topic>().ok());
                let Some(Topic::Down(agent, topic)) = topic else {
                    counters.unreadable.fetch_add(1, Ordering::Relaxed);
                    return None;
                };
                if agent != self.start.agent {
                    counters.unreadable.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
                let message = Down { topic, body: publish.payload, session: self.start.session.clone() };
                if down.try_send(message).is_err() {
                    return Some(Ended::Overrun);
                }
            }
            Event::Incoming(Packet::PubAck(answer)) => {
                self.in_flight.remove(&answer.pkid);
                debug!(reason = ?answer.reason, "acknowledged");
            }
            Event::Incoming(Packet::Disconnect(why)) => warn!(reason = ?why.reason_code, "the hub ends the session"),
            Event::Outgoing(Outgoing::Publish(pkid)) if pkid != 0 => {
                self.in_flight.insert(pkid, self.start.clock.boot());
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
        None
    }

    fn is_unacknowledged(&self) -> bool {
        let now = self.start.clock.boot();
        self.in_flight.values().any(|since| now.since(*since) > UNACKNOWLEDGED_NS)
    }

    /// Says that we stop on purpose, and waits a little for the hub to have heard it.
    async fn say_goodbye(&mut self) {
        let topic = Topic::Up(self.start.agent, Up::Presence).to_string();
        let body = self.start.presence_bytes(PresenceState::Stopping);
        let goodbye = async {
            if self.client.publish(topic, QoS::AtLeastOnce, false, body).await.is_err() {
                return;
            }
            let mut asked = false;
            while let Some(Ok(event)) = self.events.recv().await {
                match event {
                    Event::Outgoing(Outgoing::Publish(pkid)) if pkid != 0 => {
                        self.in_flight.insert(pkid, self.start.clock.boot());
                        asked = true;
                    }
                    Event::Incoming(Packet::PubAck(answer)) => {
                        self.in_flight.remove(&answer.pkid);
                    }
                    _ => {}
                }
                if asked && self.in_flight.is_empty() {
                    break;
                }
            }
            // After a proper DISCONNECT the broker does not send the Will.
            if self.client.disconnect().await.is_ok() {
                while let Some(Ok(event)) = self.events.recv().await {
                    if event == Event::Outgoing(Outgoing::Disconnect) {
                        break;
                    }
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(3), goodbye).await.is_err() {
            warn!("the hub did not hear our goodbye in time");
        }
    }
}
