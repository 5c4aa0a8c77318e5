//! rmqtt in process, with the settings and hooks `findings/broker.md` found necessary.
//!
//! Insecure defaults of the crate that are turned off here: anonymous sessions, access allowed when no hook answers, refusal
//! under load. Traps: the early publish hook runs before the access check, so only Wills are heard there; Wills pass no
//! access check, so their topic is judged at CONNECT.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::id::AgentId;
use farwatch_shared::time::Clock;
use farwatch_shared::topic::{Topic, may_publish, may_subscribe};
use farwatch_shared::wire::MAX_PACKET;
use futures::future::BoxFuture;
use rmqtt::codec::types::{Publish as CodecPublish, QoS};
use rmqtt::codec::v5::{PublishProperties, SubscribeAckReason};
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::net::Builder;
use rmqtt::server::MqttServer;
use rmqtt::session::SessionState;
use rmqtt::types::{AuthResult, ConnectInfo, From, FromType, Id, Publish, PublishAclResult, SubscribeAclResult};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::{Bus, BusError, Capabilities, Ears, Heard, Outgoing, Uplink};

/// This broker among brokers; there is one per process.
const NODE: u64 = 1;
/// Longest an agent's message waits for its commit; then the session is closed and the agent comes back.
const HEAR: Duration = Duration::from_secs(5);
/// Longest from TCP accept to TLS done, and from there to CONNECT.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where and with what to listen. The files are read at start and at each reload.
#[derive(Debug, Clone)]
pub struct Listen {
    pub address: SocketAddr,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The broker in this process.
pub struct Embedded {
    context: ServerContext,
    clock: Clock,
    listen: Listen,
    door: std::sync::Mutex<Door>,
    address: SocketAddr,
}

struct Door {
    number: u16,
    task: JoinHandle<()>,
}

impl Embedded {
    /// Starts listening.
    ///
    /// # Errors
    /// When the address is taken or a key file cannot be used.
    pub async fn start(listen: Listen, ears: Arc<dyn Ears>, clock: Clock) -> Result<Arc<Self>, BusError> {
        let context = ServerContext::new().node_id(NODE).busy_check_enable(false).build().await;
        let hooks = context.extends.hook_mgr().register();
        for kind in [
            Type::ClientAuthenticate,
            Type::ClientSubscribeCheckAcl,
            Type::MessagePublishCheckAcl,
            Type::MessagePublish,
            Type::ClientKeepalive,
        ] {
            hooks.add_priority(kind, 1000, Box::new(Guard { ears: ears.clone() })).await;
        }
        // Handlers are inert until here, so this comes before the first listener.
        hooks.start().await;
        let (door, address) = open(&context, &listen, listen.address, 1)?;
        let listen = Listen { address, ..listen };
        Ok(Arc::new(Self { context, clock, listen, door: std::sync::Mutex::new(door), address }))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the renewed server certificate: a second listener on the same port with the new files, then the old one
    /// stops accepting. Live sessions stay.
    ///
    /// # Errors
    /// When the new files cannot be used; the old listener stays then.
    pub fn reload(&self) -> Result<(), BusError> {
        let number = self.door().number.wrapping_add(1).max(1);
        let (next, _) = open(&self.context, &self.listen, self.address, number)?;
        std::mem::replace(&mut *self.door(), next).task.abort();
        Ok(())
    }

    /// Stops accepting.
    pub fn stop(&self) {
        self.door().task.abort();
    }

    fn door(&self) -> std::sync::MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn open(
    context: &ServerContext,
    listen: &Listen,
    address: SocketAddr,
    number: u16,
) -> Result<(Door, SocketAddr), BusError> {
    let failed = |source: anyhow::Error| BusError::Listen { listen: address, source };
    let text = |path: &PathBuf| Some(path.to_string_lossy().into_owned());
    let listener = Builder::new()
        .name("agents")
        .laddr(address)
        .backlog(4096)
        .nodelay(true)
        .reuseaddr(Some(true))
        .reuseport(Some(true))
        .allow_anonymous(false)
        .tls_cross_certificate(true)
        .tls_client_ca_certs(text(&listen.ca))
        .tls_cert(text(&listen.certificate))
        .tls_key(text(&listen.key))
        .cert_cn_as_username(true)
        .collect_cert_info(true)
        .max_packet_size(u32::try_from(MAX_PACKET).unwrap_or(u32::MAX))
        .max_clientid_len(64)
        .max_topic_levels(8)
        .max_subscriptions(8)
        .max_inflight(NonZeroU16::new(64).unwrap_or(NonZeroU16::MIN))
        .max_mqueue_len(1000)
        .max_connections(100_000)
        .max_handshaking_limit(4000)
        .handshake_timeout(HANDSHAKE)
        .send_timeout(Duration::from_secs(20))
        .allow_zero_keepalive(false)
        .max_keepalive(120)
        .session_expiry_interval(Duration::ZERO)
        .max_session_expiry_interval(Duration::from_secs(3600))
        .message_expiry_interval(Duration::from_secs(86_400))
        .bind()
        .and_then(rmqtt::net::Listener::tls)
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let server = MqttServer::new(context.clone()).listener_by_id(listener, number).build();
    #[expect(clippy::disallowed_methods, reason = "the door owns it and aborts it when it is shut")]
    let task = tokio::spawn(async move {
        if let Err(e) = server.run().await {
            warn!(error = %e, "the broker stopped accepting");
        }
    });
    Ok((Door { number, task }, address))
}

impl Bus for Embedded {
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            if message.body.len() > farwatch_shared::wire::MAX_BODY {
                return Err(BusError::TooLarge(message.body.len()));
            }
            let properties = PublishProperties {
                message_expiry_interval: message.expires_s.try_into().ok(),
                ..PublishProperties::default()
            };
            let publish = CodecPublish {
                dup: false,
                retain: false,
                qos: QoS::AtLeastOnce,
                topic: Topic::Down(message.agent, message.topic).to_string().into(),
                packet_id: None,
                payload: message.body,
                properties: Some(properties),
            };
            let publish = Publish::from(publish).create_time(self.clock.wall().0);
            let from = From::from_system(Id::from(NODE, "hub".into()));
            let expiry = Some(Duration::from_secs(u64::from(message.expires_s)));
            SessionState::forwards(&self.context, from, publish, false, expiry)
                .await
                .map_err(|e| BusError::Refused(e.to_string()))
        })
    }

    fn kick(&self, agent: AgentId) -> BoxFuture<'_, Result<bool, BusError>> {
        Box::pin(async move {
            let refused = |e: anyhow::Error| BusError::Refused(e.to_string());
            let entry = self.context.extends.shared().await.entry(Id::from(NODE, agent.to_string().into()));
            if !entry.exist() {
                return Ok(false);
            }
            let mut entry = entry.try_lock().await.map_err(refused)?;
            entry.kick(true, true, true).await.map_err(refused)?;
            Ok(true)
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kick: true, hears_before_ack: true }
    }
}

/// The hooks: who comes in, who reads and writes what.
struct Guard {
    ears: Arc<dyn Ears>,
}

/// The agent a session belongs to: the certificate's CN, which CONNECT was checked to name as its own.
fn agent_of(id: &Id) -> Option<AgentId> {
    id.username_ref().parse().ok()
}

impl Guard {
    async fn admit(&self, info: &ConnectInfo) -> bool {
        let Some(cert) = info.cert() else { return false };
        let (Some(cn), Some(serial)) = (cert.common_name.as_deref(), cert.serial.as_deref()) else { return false };
        let Ok(agent) = cn.parse::<AgentId>() else { return false };
        if &**info.client_id() != cn {
            self.ears.refused(agent, "connect", "the name in CONNECT is not the certificate's");
            return false;
        }
        if let Some(will) = info.last_will() {
            let topic = Publish::try_from(will).map(|p| p.topic.to_string()).unwrap_or_default();
            if may_publish(agent, &topic) != Some(farwatch_shared::topic::Up::Presence) {
                self.ears.refused(agent, "connect", "the Will's topic is not this agent's presence");
                return false;
            }
        }
        self.ears.admit(agent, serial).await
    }

    /// `None`: not allowed.
    async fn publish(&self, id: &Id, publish: &Publish) -> Option<Heard> {
        let agent = agent_of(id)?;
        let Some(up) = may_publish(agent, &publish.topic) else {
            self.ears.refused(agent, "publish", &publish.topic);
            return None;
        };
        if publish.retain {
            self.ears.refused(agent, "publish", "nothing is retained here");
            return None;
        }
        let message = Uplink { agent, up, body: publish.payload.clone() };
        Some(tokio::time::timeout(HEAR, self.ears.hear(message)).await.unwrap_or_else(|_| {
            warn!(%agent, ?up, "not committed within 5 s; the session is closed and the agent comes back");
            Heard::Close
        }))
    }

    async fn will(&self, from: &From, publish: &Publish) {
        let Some(agent) = agent_of(&from.id) else { return };
        if let Some(up) = may_publish(agent, &publish.topic) {
            self.ears.will(Uplink { agent, up, body: publish.payload.clone() }).await;
        }
    }

    async fn answer(&self, parameter: &Parameter<'_>, so_far: Option<HookResult>) -> ReturnType {
        match parameter {
            Parameter::ClientAuthenticate(info) => {
                let allowed = self.admit(info).await;
                debug!(name = %info.client_id(), allowed, "an agent connects");
                let result = if allowed { AuthResult::Allow(false, None) } else { AuthResult::NotAuthorized };
                (false, Some(HookResult::AuthResult(result)))
            }
            Parameter::ClientSubscribeCheckAcl(session, subscribe) => {
                let agent = agent_of(&session.id);
                let allowed = subscribe.opts.shared_group().is_none()
                    && agent.is_some_and(|agent| may_subscribe(agent, &subscribe.topic_filter));
                let result = if allowed {
                    SubscribeAclResult::new_success(subscribe.opts.qos(), None)
                } else {
                    if let Some(agent) = agent {
                        self.ears.refused(agent, "subscribe", &subscribe.topic_filter);
                    }
                    SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized)
                };
                (false, Some(HookResult::SubscribeAclResult(result)))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let result = match self.publish(&session.id, publish).await {
                    Some(Heard::Taken) => PublishAclResult::allow(),
                    Some(Heard::Close) => PublishAclResult::rejected(true, Some("not committed in time".into())),
                    None => PublishAclResult::rejected(false, Some("not yours".into())),
                };
                (false, Some(HookResult::PublishAclResult(result)))
            }
            Parameter::MessagePublish(_, from, publish) => {
                if matches!(from.typ(), FromType::LastWill) {
                    self.will(from, publish).await;
                }
                (true, so_far)
            }
            Parameter::ClientKeepalive(session, _) => {
                if let Some(agent) = agent_of(&session.id) {
                    self.ears.alive(agent);
                }
                (true, so_far)
            }
            _ => (true, so_far),
        }
    }
}

impl Handler for Guard {
    fn hook<'life0, 'life1, 'async_trait>(
        &'life0 self,
        parameter: &'life1 Parameter<'_>,
        so_far: Option<HookResult>,
    ) -> Pin<Box<dyn Future<Output = ReturnType> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.answer(parameter, so_far))
    }
}
