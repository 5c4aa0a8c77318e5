//! What parent and worker say to each other.
//!
//! The parent writes one line of JSON, a [`Task`], then frames where the task takes input; the worker answers with
//! frames until it is done. A frame is a [`Header`] of 32 bytes and its payload. Secrets travel in the task, through the
//! pipe, never as arguments. When either pipe closes the worker ends.

use std::io::{self, Read, Write};

use farwatch_shared::secret::Secret;
use serde::{Deserialize, Serialize};

/// Longest task line, in bytes.
pub const TASK_LIMIT: usize = 64 << 10;
/// Longest payload of one frame, in bytes.
pub const PAYLOAD_LIMIT: usize = 16 << 20;

/// What a worker is started for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Read a camera: answers `Track`, `Clock` and `Unit` frames until stopped.
    Camera(CameraTask),
    /// Make AAC of G.711: takes `Unit` frames, answers `Track` and `Unit` frames.
    Audio(AudioTask),
    /// Decode and encode smaller, as H.264: takes `Unit` frames, answers `Track` and `Unit` frames.
    Preview(PreviewTask),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CameraTask {
    pub url: String,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<Secret>,
    /// PEM of the only authority that may vouch for the camera; none = the system's.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// Whether the camera's audio is read too.
    pub audio: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTask {
    pub law: Law,
    pub rate: u32,
    pub channels: u8,
}

/// The two companding laws of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    A,
    Mu,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewTask {
    pub codec: VideoCodec,
    /// Body of the avcC or hvcC box, in hex.
    pub config: String,
    /// Widest picture wanted; smaller ones are not enlarged.
    pub max_width: u32,
    pub bits_per_second: u32,
    /// The worker gives up when the decoder complains of anything: no picture is guessed from damaged bytes.
    #[serde(default)]
    pub strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    H264,
    H265,
}

/// What a track carries; the payload of a `Track` frame, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "media", rename_all = "snake_case")]
pub enum Track {
    Video {
        codec: VideoCodec,
        /// Parameter sets given outside the stream (SDP), in hex, in their order; may be none.
        parameter_sets: Vec<String>,
        /// Whether the worker encoded it: then it is no camera's original.
        encoded_here: bool,
    },
    Aac {
        rate: u32,
        channels: u8,
        /// AudioSpecificConfig, in hex.
        config: String,
        encoded_here: bool,
    },
    G711 {
        law: Law,
        rate: u32,
        channels: u8,
    },
}

/// Why a worker gave up; the payload of a `Failed` frame, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection, no such host, no such path.
    Unreachable,
    /// The camera did not accept the credential.
    AuthFailed,
    /// The camera's certificate is not vouched for.
    Untrusted,
    /// The URL or what it leads to is not something a worker can read.
    Unsupported,
    /// The stream ended.
    Ended,
    /// Something on this box is missing or broke: a plugin, memory.
    Broken,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A track begins; JSON [`Track`].
    Track = 1,
    /// One access unit or audio frame.
    Unit = 2,
    /// The camera's clock: `ticks` was at the NTP time in the payload (8 bytes, big endian, as in a sender report).
    Clock = 3,
    /// No more input (towards the worker), or all is answered (from it).
    End = 4,
    /// The worker gives up; JSON [`Failure`].
    Failed = 5,
    /// Something was put right in the units before; one byte of `camera::depay::odd::Odd`.
    Odd = 6,
}

/// What precedes every payload, 32 bytes, integers big endian:
/// `'F' kind track 0 len:u32 ticks:i64 boot_ns:i64 lost:u32 0:u32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub track: u8,
    pub len: u32,
    /// Presentation time in the track's clock: 1/90000 s for video, the sample rate for audio. Extended past 32 bits.
    pub ticks: i64,
    /// `CLOCK_BOOTTIME` when it arrived, in nanoseconds; 0 where that means nothing.
    pub boot_ns: i64,
    /// Packets or units that went missing since the unit before, on this track.
    pub lost: u32,
}

/// A pipe that does not speak this protocol.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error("the media pipe broke")]
    Io(#[from] io::Error),
    #[error("a media frame begins with {0:?}, not with a header: both ends must be the same build")]
    Header([u8; 4]),
    #[error("a media frame announces {len} bytes, the limit is {PAYLOAD_LIMIT}")]
    TooLarge { len: u32 },
    #[error("what a media frame describes can not be read")]
    Json(#[from] serde_json::Error),
}

pub const HEADER_LEN: usize = 32;

impl Header {
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&[b'F', self.kind as u8, self.track, 0]);
        bytes[4..8].copy_from_slice(&self.len.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.ticks.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.boot_ns.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.lost.to_be_bytes());
        bytes
    }

    /// # Errors
    /// When the bytes are no header, or announce more than [`PAYLOAD_LIMIT`].
    pub fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, ProtocolError> {
        let wrong = || ProtocolError::Header([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let kind = match (bytes[0], bytes[1]) {
            (b'F', 1) => Kind::Track,
            (b'F', 2) => Kind::Unit,
            (b'F', 3) => Kind::Clock,
            (b'F', 4) => Kind::End,
            (b'F', 5) => Kind::Failed,
            (b'F', 6) => Kind::Odd,
            _ => return Err(wrong()),
        };
        let at = |from: usize| -> [u8; 8] { std::array::from_fn(|i| bytes[from + i]) };
        let small = |from: usize| -> u32 { u32::from_be_bytes(std::array::from_fn(|i| bytes[from + i])) };
        let header = Self {
            kind,
            track: bytes[2],
            len: small(4),
            ticks: i64::from_be_bytes(at(8)),
            boot_ns: i64::from_be_bytes(at(16)),
            lost: small(24),
        };
        if header.len as usize > PAYLOAD_LIMIT {
            return Err(ProtocolError::TooLarge { len: header.len });
        }
        Ok(header)
    }
}

/// A header with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub track: u8,
    pub ticks: i64,
    pub boot_ns: i64,
    pub lost: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    #[must_use]
    pub fn unit(track: u8, ticks: i64, payload: Vec<u8>) -> Self {
        Self { kind: Kind::Unit, track, ticks, boot_ns: 0, lost: 0, payload }
    }

    #[must_use]
    pub fn end() -> Self {
        Self { kind: Kind::End, track: 0, ticks: 0, boot_ns: 0, lost: 0, payload: Vec::new() }
    }

    /// # Errors
    /// When the description can not be written as JSON, which does not happen.
    pub fn track(track: u8, described: &Track) -> Result<Self, ProtocolError> {
        Ok(Self { kind: Kind::Track, track, payload: serde_json::to_vec(described)?, ..Self::end() })
    }

    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            kind: self.kind,
            track: self.track,
            len: u32::try_from(self.payload.len()).unwrap_or(u32::MAX),
            ticks: self.ticks,
            boot_ns: self.boot_ns,
            lost: self.lost,
        }
    }

    #[must_use]
    pub fn from_parts(header: Header, payload: Vec<u8>) -> Self {
        let Header { kind, track, len: _, ticks, boot_ns, lost } = header;
        Self { kind, track, ticks, boot_ns, lost, payload }
    }

    /// # Errors
    /// When the pipe is closed.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), ProtocolError> {
        out.write_all(&self.header().to_bytes())?;
        out.write_all(&self.payload)?;
        Ok(())
    }

    /// The next frame, or `None` at the end of the pipe between two frames.
    ///
    /// # Errors
    /// When the pipe breaks inside a frame or speaks something else.
    pub fn read_from(from: &mut impl Read) -> Result<Option<Self>, ProtocolError> {
        let mut head = [0; HEADER_LEN];
        let first = loop {
            match from.read(&mut head) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if first == 0 {
            return Ok(None);
        }
        from.read_exact(&mut head[first..])?;
        let header = Header::parse(&head)?;
        let mut payload = vec![0; header.len as usize];
        from.read_exact(&mut payload)?;
        Ok(Some(Self::from_parts(header, payload)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_as_it_was_written() {
        let frame = Frame { boot_ns: 7, lost: 3, ..Frame::unit(1, -(1 << 40), vec![1, 2, 3]) };
        let mut bytes = Vec::new();
        frame.write_to(&mut bytes).unwrap();
        let mut from = &bytes[..];
        assert_eq!(Frame::read_from(&mut from).unwrap(), Some(frame));
        assert_eq!(Frame::read_from(&mut from).unwrap(), None);
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_its_payload_is_read() {
        let mut head = Frame::end().header().to_bytes();
        head[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let refused = Frame::read_from(&mut &head[..]).unwrap_err();
        assert!(refused.to_string().contains("the limit is 16777216"), "{refused}");
    }

    #[test]
    fn a_torn_frame_is_an_error_not_an_end() {
        let mut bytes = Vec::new();
        Frame::unit(0, 0, vec![1, 2, 3]).write_to(&mut bytes).unwrap();
        assert!(Frame::read_from(&mut &bytes[..bytes.len() - 1]).is_err());
        assert!(Frame::read_from(&mut &bytes[..5]).is_err());
    }

    #[test]
    fn a_task_does_not_print_its_password() {
        let task = Task::Camera(CameraTask {
            url: "rtsp://10.0.0.9/main".into(),
            user: Some("viewer".into()),
            password: Some(Secret::new("hunter2")),
            ca_pem: None,
            audio: false,
        });
        assert!(!format!("{task:?}").contains("hunter2"));
        let line = serde_json::to_string(&task).unwrap();
        assert!(
            matches!(serde_json::from_str(&line).unwrap(), Task::Camera(c) if c.password == Some(Secret::new("hunter2")))
        );
    }
}
