//! The barest RTSP receiver: enough to see what the camera puts on the wire, packet by packet.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use farwatch_shared::time::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

const PATIENCE: Duration = Duration::from_secs(3);
const NTP_BEFORE_UNIX_S: u64 = 2_208_988_800;

/// One interleaved packet: RTP, or RTCP on an odd channel.
pub struct Packet {
    pub channel: u8,
    pub sequence: u16,
    pub ticks: u32,
    pub payload: Vec<u8>,
    whole: Vec<u8>,
}

/// A sender report's mapping.
pub struct Report {
    pub channel: u8,
    pub wall_ms: u64,
    pub ticks: u32,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

impl Packet {
    fn new(channel: u8, whole: Vec<u8>) -> Self {
        Self {
            channel,
            sequence: u16::from_be_bytes([whole[2], whole[3]]),
            ticks: u32_at(&whole, 4),
            payload: whole.get(12..).unwrap_or_default().to_vec(),
            whole,
        }
    }

    pub fn is_video(&self) -> bool {
        self.channel == 0
    }

    pub fn report(&self) -> Option<Report> {
        if self.channel.is_multiple_of(2) || self.whole[1] != 200 {
            return None;
        }
        let seconds = u64::from(u32_at(&self.whole, 8)) - NTP_BEFORE_UNIX_S;
        let fraction_ms = (u64::from(u32_at(&self.whole, 12)) * 1000 + (1 << 31)) >> 32;
        Some(Report { channel: self.channel, wall_ms: seconds * 1000 + fraction_ms, ticks: u32_at(&self.whole, 16) })
    }
}

/// Packets missing between the first and the last of the video.
pub fn missing_sequences(packets: &[Packet]) -> u32 {
    let video: Vec<u16> = packets.iter().filter(|packet| packet.is_video()).map(|packet| packet.sequence).collect();
    video.windows(2).map(|pair| u32::from(pair[1].wrapping_sub(pair[0]).wrapping_sub(1))).sum()
}

/// The SPS an SDP names.
pub fn sps_of(sdp: &str) -> Vec<u8> {
    let sets = sdp.split("sprop-parameter-sets=").nth(1).expect("parameter sets in the SDP");
    let sps = sets.split([',', '\r']).next().expect("an SPS");
    base64::engine::general_purpose::STANDARD.decode(sps).expect("base64")
}

pub struct Receiver {
    stream: TcpStream,
    address: SocketAddr,
    session: Option<String>,
    waiting: Vec<u8>,
    packets: VecDeque<Packet>,
    answers: VecDeque<String>,
    closed: bool,
    clock: Clock,
}

impl Receiver {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a read timeout");
        Self {
            stream,
            address,
            session: None,
            waiting: Vec::new(),
            packets: VecDeque::new(),
            answers: VecDeque::new(),
            closed: false,
            clock: Clock::real(),
        }
    }

    /// A receiver to which a mount plays video, and sound if there is any.
    pub fn play(address: SocketAddr, mount: &str) -> Self {
        let mut receiver = Self::connect(address);
        assert_eq!(receiver.set_up(mount, 0), "200");
        if matches!(mount, "aac" | "alaw" | "h265aac") {
            assert_eq!(receiver.set_up(mount, 1), "200");
        }
        assert_eq!(receiver.status("PLAY", mount, ""), "200");
        receiver
    }

    pub fn set_up(&mut self, mount: &str, track: u8) -> String {
        let (first, second) = (track * 2, track * 2 + 1);
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={first}-{second}\r\n");
        let Some(answer) = self.request("SETUP", &format!("{mount}/trackID={track}"), &transport) else {
            return "nothing".into();
        };
        if let Some(session) = answer.split("Session: ").nth(1).and_then(|rest| rest.split([';', '\r']).next()) {
            self.session = Some(session.to_owned());
        }
        answer[9..12].to_owned()
    }

    pub fn describe(&mut self, mount: &str) -> String {
        self.request("DESCRIBE", mount, "").expect("a description")
    }

    pub fn status(&mut self, method: &str, path: &str, headers: &str) -> String {
        self.request(method, path, headers).map_or_else(|| "nothing".into(), |answer| answer[9..12].to_owned())
    }

    /// The whole answer, or `None` after some patience.
    pub fn request(&mut self, method: &str, path: &str, headers: &str) -> Option<String> {
        let session = self.session.as_ref().map_or_else(String::new, |id| format!("Session: {id}\r\n"));
        let text = format!("{method} rtsp://{}/{path} RTSP/1.0\r\nCSeq: 1\r\n{session}{headers}\r\n", self.address);
        self.stream.write_all(text.as_bytes()).expect("a connection to write to");
        let begun = self.clock.boot();
        while self.answers.is_empty() && !self.closed && self.passed(begun) < PATIENCE {
            self.read();
        }
        self.answers.pop_front()
    }

    /// Everything that arrives in this time.
    pub fn packets_for(&mut self, time: Duration) -> Vec<Packet> {
        let begun = self.clock.boot();
        while !self.closed && self.passed(begun) < time {
            self.read();
        }
        self.packets.drain(..).collect()
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn passed(&self, since: farwatch_shared::time::BootNs) -> Duration {
        Duration::from_nanos(u64::try_from(self.clock.boot().since(since)).unwrap_or(0))
    }

    fn read(&mut self) {
        let mut bytes = [0; 65_536];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.closed = true,
            Ok(n) => self.waiting.extend_from_slice(&bytes[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.closed = true,
        }
        while self.take_one() {}
    }

    fn take_one(&mut self) -> bool {
        if let [b'$', channel, high, low, ..] = self.waiting[..] {
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            if self.waiting.len() < end {
                return false;
            }
            self.packets.push_back(Packet::new(channel, self.waiting[4..end].to_vec()));
            self.waiting.drain(..end);
            return true;
        }
        let Some(head) = self.waiting.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let text = String::from_utf8_lossy(&self.waiting[..head]).into_owned();
        let length = text.split("Content-Length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let end = head + 4 + length.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        if self.waiting.len() < end {
            return false;
        }
        self.answers.push_back(String::from_utf8_lossy(&self.waiting[..end]).into_owned());
        self.waiting.drain(..end);
        true
    }
}

/// The status line of OPTIONS over TLS, trusting one CA.
pub fn options_over_tls(address: SocketAddr, ca_pem: &[u8]) -> io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem).map_err(io::Error::other)?).map_err(io::Error::other)?;
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(address.ip());
    let connection = rustls::ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = rustls::StreamOwned::new(connection, stream);
    stream.write_all(format!("OPTIONS rtsps://{address}/cam0 RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes())?;
    let mut bytes = [0; 1024];
    let read = stream.read(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
