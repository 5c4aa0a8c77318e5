//! AAC as far as a file needs it: the config the camera gives, the descriptor that carries it, the codec string.

use super::bits::Bits;

/// Sampling rates by index (ISO/IEC 14496-3, table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// One AAC track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// Samples per second; also the track's timescale.
    pub rate: u32,
    pub channels: u16,
    /// RFC 6381, e.g. `mp4a.40.2`.
    pub codec: String,
    /// The `AudioSpecificConfig`.
    pub config: Vec<u8>,
    /// Made on the box from another encoding.
    pub derived: bool,
}

impl AudioConfig {
    /// Reads an `AudioSpecificConfig`, as in an SDP's `config=`.
    #[must_use]
    pub fn parse(config: &[u8]) -> Option<Self> {
        if config.len() > 64 {
            return None;
        }
        let mut bits = Bits::plain(config);
        let mut object = bits.u(5)?;
        if object == 31 {
            object = 32 + bits.u(6)?;
        }
        let rate = match bits.u(4)? {
            15 => bits.u(24)?,
            index => *RATES.get(usize::try_from(index).ok()?)?,
        };
        let channels = match bits.u(4)? {
            n @ 1..=6 => u16::try_from(n).ok()?,
            7 => 8,
            _ => return None,
        };
        (rate > 0).then(|| Self {
            rate,
            channels,
            codec: format!("mp4a.40.{object}"),
            config: config.to_vec(),
            derived: false,
        })
    }
}

/// The body of `esds` (ISO/IEC 14496-1, 7.2.6): one AAC stream, no bit rates promised.
pub(super) fn put_esds(out: &mut Vec<u8>, config: &[u8]) {
    let len = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    out.extend_from_slice(&[0, 0, 0, 0]);
    out.extend_from_slice(&[3, len(23 + config.len()), 0, 2, 0]);
    out.extend_from_slice(&[4, len(15 + config.len()), 0x40, 0x15, 0, 0, 0]);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&[5, len(config.len())]);
    out.extend_from_slice(config);
    out.extend_from_slice(&[6, 1, 2]);
}

/// Reads what [`put_esds`] writes.
pub(super) fn take_esds(body: &[u8]) -> Option<AudioConfig> {
    let [5, len, config @ ..] = body.get(24..)? else { return None };
    AudioConfig::parse(config.get(..usize::from(*len))?)
}
