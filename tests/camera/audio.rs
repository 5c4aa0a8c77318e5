//! Loops of sound: AAC-LC at 16 kHz and G.711 A-law at 8 kHz, both mono, with a beep at every full second.
//!
//! Belongs here: cutting the loops into packets. Does not: files (`clips`), when to send (`play`).

use crate::rtp::Packets;

/// A loop of sound as packets, each of the same number of samples.
pub struct Audio {
    pub coding: Coding,
    pub packets: Vec<Packets>,
    /// Samples per packet.
    pub samples: u32,
}

/// How the sound is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Aac,
    Alaw,
}

impl Coding {
    /// Samples per second, which is also the RTP clock.
    pub fn rate(self) -> u32 {
        match self {
            Self::Aac => 16_000,
            Self::Alaw => 8_000,
        }
    }
}

const AAC_TYPE: u8 = 97;
const ALAW_TYPE: u8 = 8;
const AAC_SAMPLES: u32 = 1024;
/// 20 ms, as cameras send it.
const ALAW_SAMPLES: u32 = 160;
const ADTS_HEADER: usize = 7;

impl Audio {
    /// From an ADTS stream. Its first frame is only the encoder's run-up and is left out, which puts the beep back
    /// on the second.
    pub fn aac(adts: &[u8]) -> Result<Self, String> {
        let mut packets = Vec::new();
        let mut rest = adts;
        while !rest.is_empty() {
            let (head, length) =
                adts_frame(rest).ok_or_else(|| format!("broken ADTS after {} frames", packets.len()))?;
            let access_unit = &rest[head..length];
            let bits = u16::try_from(access_unit.len() << 3).map_err(|_| "ADTS frame too large".to_owned())?;
            let [high, low] = bits.to_be_bytes();
            // One 16-bit AU header: 13 bits of size, 3 of index.
            packets.push(Packets::of_payload(AAC_TYPE, true, &[&[0, 16, high, low], access_unit]));
            rest = &rest[length..];
        }
        if packets.len() < 2 {
            return Err("no sound".to_owned());
        }
        packets.remove(0);
        // The encoder adds a last, partly empty frame; the loop ends at a whole minute.
        packets.truncate(packets.len() / 1875 * 1875);
        Ok(Self { coding: Coding::Aac, packets, samples: AAC_SAMPLES })
    }

    /// From bare samples.
    pub fn alaw(samples: &[u8]) -> Self {
        let packets = samples
            .chunks_exact(ALAW_SAMPLES as usize)
            .map(|chunk| Packets::of_payload(ALAW_TYPE, false, &[chunk]))
            .collect();
        Self { coding: Coding::Alaw, packets, samples: ALAW_SAMPLES }
    }

    /// The packet that is number `index` since 1970.
    pub fn packet(&self, index: u64) -> Option<&Packets> {
        let place = index.checked_rem(self.packets.len() as u64)?;
        self.packets.get(usize::try_from(place).ok()?)
    }
}

/// Header length and whole length of the ADTS frame `bytes` begins with.
fn adts_frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let &[0xff, second, _, b3, b4, b5, _, ..] = bytes else { return None };
    if second & 0xf6 != 0xf0 {
        return None;
    }
    // Without protection_absent a CRC of two bytes follows the header.
    let head = ADTS_HEADER + if second & 1 == 0 { 2 } else { 0 };
    let length = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
    (length > head && length <= bytes.len()).then_some((head, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adts(payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len() + ADTS_HEADER).expect("a short payload");
        let mut frame = vec![0xff, 0xf1, 0x60, 0x40, length >> 3, (length & 7) << 5 | 0x1f, 0xfc];
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn the_run_up_frame_and_the_tail_beyond_whole_minutes_are_left_out() {
        let stream: Vec<u8> = (0..1877).flat_map(|_| adts(&[1, 2, 3])).collect();
        assert_eq!(Audio::aac(&stream).map(|audio| audio.packets.len()), Ok(1875));
    }

    #[test]
    fn a_broken_adts_stream_is_an_error_not_a_panic() {
        let mut stream = adts(&[1, 2, 3]);
        stream.extend_from_slice(&[0xff, 0xf1, 0x60]);
        assert!(Audio::aac(&stream).is_err());
        assert!(Audio::aac(&[]).is_err());
    }

    #[test]
    fn packets_go_round_the_loop() {
        let audio = Audio::alaw(&[0xd5; 320]);
        assert_eq!(audio.packets.len(), 2);
        assert!(audio.packet(1_000_001).is_some());
        assert!(Audio::alaw(&[]).packet(3).is_none());
    }
}
