//! RTP headers: where the payload is, how far time went, what is missing. Pure.

use crate::camera::depay::Packet;

/// The fixed part of an RTP header and the payload behind it (RFC 3550, 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rtp<'a> {
    pub(super) mark: bool,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) payload: &'a [u8],
}

/// `None` when the bytes are no RTP packet of version 2.
pub(super) fn parse(bytes: &[u8]) -> Option<Rtp<'_>> {
    let (head, mut rest) = bytes.split_first_chunk::<12>()?;
    if head[0] >> 6 != 2 {
        return None;
    }
    rest = rest.get(usize::from(head[0] & 0x0f) * 4..)?;
    if head[0] & 0x10 != 0 {
        let (extension, behind) = rest.split_first_chunk::<4>()?;
        rest = behind.get(usize::from(u16::from_be_bytes([extension[2], extension[3]])) * 4..)?;
    }
    if head[0] & 0x20 != 0 {
        let padding = usize::from(*rest.last()?);
        rest = rest.get(..rest.len().checked_sub(padding)?)?;
    }
    Some(Rtp {
        mark: head[1] & 0x80 != 0,
        sequence: u16::from_be_bytes([head[2], head[3]]),
        timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        payload: rest,
    })
}

/// Where a stream stands: carries timestamps past 32 bits and counts what sequence numbers show to be missing.
#[derive(Debug, Default)]
pub(super) struct Stream {
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    sequence: u16,
    ticks: i64,
}

impl Stream {
    /// The packet with its extended time; `None` for one that is older than the last (sent twice, or far too late).
    pub(super) fn follow<'a>(&mut self, rtp: &Rtp<'a>) -> Option<Packet<'a>> {
        let (ticks, lost) = match self.last {
            Some(last) if last.ssrc == rtp.ssrc => {
                let step = rtp.sequence.wrapping_sub(last.sequence);
                if step == 0 || step > u16::MAX / 2 {
                    return None;
                }
                (extend(last.ticks, rtp.timestamp), step - 1)
            }
            // A new source: nothing says what came between, so it counts as a loss.
            Some(last) => (extend(last.ticks, rtp.timestamp), 1),
            None => (i64::from(rtp.timestamp), 0),
        };
        self.last = Some(Last { ssrc: rtp.ssrc, sequence: rtp.sequence, ticks });
        Some(Packet { payload: rtp.payload, ticks, mark: rtp.mark, lost })
    }

    /// The sender of the last packet.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.last.map(|last| last.ssrc)
    }

    /// Extended time of a 32-bit timestamp near where the stream stands, as in a sender report.
    pub(super) fn ticks_of(&self, timestamp: u32) -> Option<i64> {
        self.last.map(|last| extend(last.ticks, timestamp))
    }
}

/// The 64-bit time nearest to `near` whose low 32 bits are `timestamp`.
fn extend(near: i64, timestamp: u32) -> i64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the low 32 bits are what is meant
    let low = near as u32;
    near + i64::from(timestamp.wrapping_sub(low).cast_signed())
}

/// What a sender said about its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SenderReport {
    pub(super) ssrc: u32,
    /// 64-bit NTP time.
    pub(super) ntp: u64,
    /// The 32-bit RTP timestamp at that time.
    pub(super) timestamp: u32,
}

/// The sender report an RTCP packet begins with (RFC 3550, 6.4.1); `None` when it begins with something else.
pub(super) fn sender_report(bytes: &[u8]) -> Option<SenderReport> {
    let report: &[u8; 20] = bytes.first_chunk()?;
    if report[0] >> 6 != 2 || report[1] != 200 {
        return None;
    }
    let word = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| report[at + i]));
    let ntp = u64::from(word(8)) << 32 | u64::from(word(12));
    Some(SenderReport { ssrc: word(4), ntp, timestamp: word(16) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(flags: u8, sequence: u16, timestamp: u32, tail: &[u8]) -> Vec<u8> {
        let mut b = vec![flags, 0x80 | 96];
        b.extend(sequence.to_be_bytes());
        b.extend(timestamp.to_be_bytes());
        b.extend([0, 0, 0, 7]);
        b.extend(tail);
        b
    }

    #[test]
    fn extension_csrc_and_padding_are_not_payload() {
        let b = bytes(0x80 | 0x20 | 0x10 | 1, 5, 9, &[1, 1, 1, 1, 0xbe, 0xde, 0, 1, 2, 2, 2, 2, 42, 43, 0, 2]);
        let rtp = parse(&b).unwrap();
        assert_eq!((rtp.payload, rtp.mark, rtp.sequence, rtp.timestamp, rtp.ssrc), (&[42, 43][..], true, 5, 9, 7));
        assert_eq!(parse(&bytes(0xa0, 5, 9, &[9])), None);
        assert_eq!(parse(&bytes(0x40, 5, 9, &[])), None);
    }

    #[test]
    fn time_goes_on_past_32_bits_and_back_by_a_b_frame() {
        let mut stream = Stream::default();
        let mut at = |sequence, timestamp| {
            let b = bytes(0x80, sequence, timestamp, &[1]);
            stream.follow(&parse(&b).unwrap()).map(|p| (p.ticks, p.lost))
        };
        assert_eq!(at(65_535, u32::MAX - 99), Some((i64::from(u32::MAX) - 99, 0)));
        assert_eq!(at(0, 900), Some(((1 << 32) + 900, 0)));
        assert_eq!(at(1, u32::MAX - 8), Some((i64::from(u32::MAX) - 8, 0)));
        assert_eq!(at(4, 1_800), Some(((1 << 32) + 1_800, 2)));
        assert_eq!(at(3, 1_700), None);
    }

    #[test]
    fn a_sender_report_gives_both_clocks() {
        let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 7];
        report.extend(0x1122_3344_5566_7788_u64.to_be_bytes());
        report.extend(77_u32.to_be_bytes());
        let said = SenderReport { ssrc: 7, ntp: 0x1122_3344_5566_7788, timestamp: 77 };
        assert_eq!(sender_report(&report), Some(said));
        report[1] = 201;
        assert_eq!(sender_report(&report), None);
    }
}
