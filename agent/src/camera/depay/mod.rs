//! RTP payloads into access units, byte for byte.
//!
//! Belongs here: putting NAL units (H.264 RFC 6184, H.265 RFC 7798) and AAC frames (RFC 3640) back together, and
//! saying what packet loss did to them. Does not: sockets, RTSP, clocks, reordering, or what a NAL unit means beyond
//! where an access unit begins and ends.
//!
//! Both camera sources use this one piece of code on the packets their RTSP client hands over, so that a sample is the
//! same bytes whichever way it came: retina's own depacketiser takes the in-band parameter sets out of the stream,
//! GStreamer's inserts and drops some; ours does neither.

pub mod aac;
mod nal;
pub mod odd;
pub mod video;

/// One RTP packet, in order, header and padding already taken off.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    pub payload: &'a [u8],
    /// RTP timestamp extended past its 32 bits, in the stream's clock.
    pub ticks: i64,
    /// The RTP marker bit.
    pub mark: bool,
    /// Packets missing directly before this one.
    pub lost: u16,
}

/// What a packet carried that its payload format does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DepayError {
    #[error("rtp payload of {len} bytes is too short for {what}")]
    Short { len: usize, what: &'static str },
    #[error(
        "rtp payload type {kind} is not one of the non-interleaved mode; set the camera to packetization-mode 0 or 1"
    )]
    Interleaved { kind: u8 },
    #[error("a fragment of a NAL unit arrived without its beginning")]
    Headless,
    #[error("a NAL unit began while the one before had not ended")]
    Unfinished,
    #[error("an access unit grew past {limit} bytes")]
    TooLarge { limit: usize },
}

/// Bound on one access unit, in bytes: a hostile stream without markers must not eat the recorder's memory.
pub const ACCESS_UNIT_LIMIT: usize = 16 << 20;
