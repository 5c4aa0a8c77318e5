//! A box that holds a valid certificate and says whatever the test wants.
//!
//! Belongs here: enrolment with keys of its own, MQTT and HTTPS with that certificate, raw. Does not: good manners.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::id::AgentId;
use farwatch_shared::keys::{OpenKey, SignKey, random32};
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::topic::{Topic, Up, down_filter};
use farwatch_shared::wire::latest::{EnrolAnswer, EnrolRequest, EnrolUrl, Presence, PresenceState};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, LastWill, Packet, PubAckReason, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::hub::Hub;
use crate::person::{http, install_provider};

/// An enrolled box without a program.
pub struct RawBox {
    pub id: AgentId,
    pub signing: SignKey,
    pub sealing: OpenKey,
    pub answer: EnrolAnswer,
    pub key_pem: String,
    mqtt: String,
    pub agents_door: String,
}

/// A live MQTT session of a raw box.
pub struct Session {
    pub client: AsyncClient,
    events: EventLoop,
}

impl RawBox {
    /// Enrols with a fresh token of the site.
    ///
    /// # Panics
    /// When the hub refuses.
    pub async fn enrol(hub: &Hub, site: &str) -> Self {
        let url: EnrolUrl = hub.token(site).await.parse().expect("token new prints an enrolment URL");
        let key = rcgen::KeyPair::generate().expect("a P-256 key");
        let csr = rcgen::CertificateParams::default().serialize_request(&key).expect("a CSR");
        let (signing, sealing) = (SignKey::generate().expect("randomness"), OpenKey::generate());
        let request = EnrolRequest {
            token: url.token.clone(),
            csr: STANDARD.encode(csr.der()),
            signing_key: signing.public(),
            sealing_key: sealing.public(),
            proof: STANDARD.encode(signing.sign(csr.der())),
            hostname: "raw".into(),
            version: "0.1.0".into(),
            target: String::new(),
        };
        let answer = http(&hub.ca_pem())
            .post(format!("https://{}/agent/v1/enrol", hub.doors.agents))
            .json(&request)
            .send()
            .await
            .expect("the agents' door answers");
        assert!(answer.status().is_success(), "enrol: {}", answer.text().await.unwrap_or_default());
        let answer: EnrolAnswer = answer.json().await.expect("an enrolment answer");
        Self {
            id: answer.agent,
            signing,
            sealing,
            answer,
            key_pem: key.serialize_pem(),
            mqtt: hub.doors.mqtt.clone(),
            agents_door: hub.doors.agents.clone(),
        }
    }

    /// TLS with this box's certificate, or another's.
    ///
    /// # Panics
    /// When the PEM is not a usable pair.
    #[must_use]
    pub fn tls(ca_pem: &str, certificate_pem: &str, key_pem: &str) -> rustls::ClientConfig {
        install_provider();
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(ca.expect("PEM")).expect("a CA");
        }
        let chain = CertificateDer::pem_slice_iter(certificate_pem.as_bytes()).map(|c| c.expect("PEM")).collect();
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("a key");
        rustls::ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key).expect("a pair")
    }

    /// MQTT options as an honest agent would have them.
    #[must_use]
    pub fn options(&self, client_id: &str) -> MqttOptions {
        let (host, port) = self.mqtt.rsplit_once(':').expect("host:port");
        let mut options = MqttOptions::new(client_id, host, port.parse().expect("a port"));
        let tls = Self::tls(&self.answer.ca, &self.answer.certificate, &self.key_pem);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(tls))));
        options.set_keep_alive(Duration::from_secs(20));
        options.set_max_packet_size(Some(16 << 20));
        options
    }

    /// Connects under its own name.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn connect(&self) -> Session {
        Session::open(self.options(&self.id.to_string())).await.expect("an honest connect is accepted")
    }

    /// An HTTP client with this box's certificate.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn https(&self) -> reqwest::Client {
        let tls = Self::tls(&self.answer.ca, &self.answer.certificate, &self.key_pem);
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(Duration::from_secs(30))
            .build()
            .expect("an HTTP client")
    }

    /// A presence with the given session number.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn presence(&self, session: u64) -> Presence {
        Presence {
            state: PresenceState::Online,
            boot_id: "00000000-0000-4000-8000-000000000000".into(),
            session,
            nonce: hex::encode(random32().expect("randomness")),
            sent_at_ms: now(),
            version: "0.1.0".into(),
            target: String::new(),
            hostname: "raw".into(),
        }
    }

    #[must_use]
    pub fn up(&self, up: Up) -> String {
        Topic::Up(self.id, up).to_string()
    }
}

#[must_use]
pub fn now() -> WallMs {
    Clock::real().wall()
}

/// A will as MQTT has it.
#[must_use]
pub fn will(topic: &str, body: &[u8]) -> LastWill {
    LastWill::new(topic, body.to_vec(), QoS::AtLeastOnce, false, None)
}

impl Session {
    /// Connects and waits for the answer.
    ///
    /// # Errors
    /// When the broker refuses or hangs up.
    pub async fn open(options: MqttOptions) -> Result<Self, ConnectionError> {
        let (client, mut events) = AsyncClient::new(options, 1000);
        loop {
            let event = tokio::time::timeout(Duration::from_secs(15), events.poll()).await.map_err(|_| {
                ConnectionError::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no CONNACK within 15 s"))
            })??;
            if let Event::Incoming(Packet::ConnAck(ack)) = event {
                return if ack.code == ConnectReturnCode::Success {
                    Ok(Self { client, events })
                } else {
                    Err(ConnectionError::ConnectionRefused(ack.code))
                };
            }
        }
    }

    /// The next packet from the broker.
    ///
    /// # Errors
    /// When the session ended, or nothing came within the time.
    pub async fn next(&mut self, within: Duration) -> Result<Packet, ConnectionError> {
        tokio::time::timeout(within, async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await? {
                    return Ok(packet);
                }
            }
        })
        .await
        .map_err(|_| ConnectionError::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "nothing came")))?
    }

    /// Publishes with QoS 1 and gives the broker's verdict.
    ///
    /// # Errors
    /// When the session ended instead.
    pub async fn publish(&mut self, topic: &str, body: Vec<u8>) -> Result<PubAckReason, ConnectionError> {
        let sent = self.client.publish(topic, QoS::AtLeastOnce, false, body).await;
        assert!(sent.is_ok(), "the event loop lives");
        loop {
            if let Packet::PubAck(ack) = self.next(Duration::from_secs(20)).await? {
                return Ok(ack.reason);
            }
        }
    }

    /// Subscribes and gives the broker's verdict.
    ///
    /// # Errors
    /// When the session ended instead.
    pub async fn subscribe(&mut self, filter: &str) -> Result<SubscribeReasonCode, ConnectionError> {
        let sent = self.client.subscribe(filter, QoS::AtLeastOnce).await;
        assert!(sent.is_ok(), "the event loop lives");
        loop {
            if let Packet::SubAck(ack) = self.next(Duration::from_secs(20)).await? {
                return Ok(ack.return_codes.first().copied().expect("one verdict for one filter"));
            }
        }
    }

    /// Subscribes to everything the hub says to this box, then says it is there.
    ///
    /// # Errors
    /// When the session ended instead.
    pub async fn greet(&mut self, raw: &RawBox, presence: &Presence) -> Result<(), ConnectionError> {
        self.subscribe(&down_filter(raw.id)).await?;
        let body = serde_json::to_vec(presence).expect("a presence is JSON");
        self.publish(&raw.up(Up::Presence), body).await?;
        Ok(())
    }

    /// Waits for a message on a topic.
    ///
    /// # Errors
    /// When the session ended or the time is over.
    pub async fn message(&mut self, topic: &str, within: Duration) -> Result<Vec<u8>, ConnectionError> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if let Packet::Publish(publish) = self.next(left).await?
                && publish.topic == topic.as_bytes()
            {
                return Ok(publish.payload.to_vec());
            }
        }
    }
}
