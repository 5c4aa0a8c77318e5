//! RTP packets, framed for RTSP interleaving (`$`, channel, length), and sender reports.
//!
//! Belongs here: building an access unit's packets once, and stamping a copy for one session. Does not: when to send.
//! Formats: RFC 3550, RFC 6184 (H.264), RFC 7798 (H.265), RFC 3640 (AAC), RFC 7826 10.12 (interleaving).

use crate::nal::Codec;

/// Payload type of video in every SDP.
pub const VIDEO_TYPE: u8 = 96;
/// The most payload a packet carries; leaves room for headers within an Ethernet frame.
pub const MOST_PAYLOAD: usize = 1400;
/// `$`, channel, two bytes of length.
const FRAMING: usize = 4;
const HEADER: usize = 12;
const MARKER: u8 = 0x80;

/// One access unit as packets whose channel, sequence number, timestamp and source are still blank.
#[derive(Default)]
pub struct Packets {
    bytes: Vec<u8>,
    /// Where each packet's framing begins.
    starts: Vec<usize>,
}

/// One track of one session: what a packet is stamped with.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub channel: u8,
    pub ssrc: u32,
    /// Sequence number of the next packet.
    pub sequence: u16,
    /// Added to every timestamp.
    pub base: u32,
    /// What sender reports count.
    pub packets: u32,
    pub octets: u32,
}

impl Packets {
    /// Packs the NAL units of one access unit, fragmenting those that do not fit a packet.
    pub fn of_access_unit(codec: Codec, units: &[&[u8]]) -> Self {
        let mut packets = Self::default();
        for (n, unit) in units.iter().enumerate() {
            let last_unit = n + 1 == units.len();
            if unit.len() <= MOST_PAYLOAD {
                packets.push(VIDEO_TYPE, last_unit, &[unit]);
                continue;
            }
            let header = match codec {
                Codec::H264 => 1,
                Codec::H265 => 2,
            };
            let mut chunks = unit[header..].chunks(MOST_PAYLOAD - header).peekable();
            let mut first = true;
            while let Some(chunk) = chunks.next() {
                let last = chunks.peek().is_none();
                let position = if first { 0x80 } else { 0 } | if last { 0x40 } else { 0 };
                first = false;
                match codec {
                    Codec::H264 => {
                        let head = [(unit[0] & 0xe0) | 28, position | (unit[0] & 0x1f)];
                        packets.push(VIDEO_TYPE, last_unit && last, &[&head, chunk]);
                    }
                    Codec::H265 => {
                        let head = [(unit[0] & 0x81) | (49 << 1), unit[1], position | ((unit[0] >> 1) & 0x3f)];
                        packets.push(VIDEO_TYPE, last_unit && last, &[&head, chunk]);
                    }
                }
            }
        }
        // Kept for as long as the camera runs, in their thousands.
        packets.bytes.shrink_to_fit();
        packets
    }

    /// A single packet, as audio needs.
    pub fn of_payload(payload_type: u8, marker: bool, parts: &[&[u8]]) -> Self {
        let mut packets = Self::default();
        packets.push(payload_type, marker, parts);
        packets
    }

    /// Adds one packet.
    pub fn push(&mut self, payload_type: u8, marker: bool, parts: &[&[u8]]) {
        let length = HEADER + parts.iter().map(|part| part.len()).sum::<usize>();
        let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(&[b'$', 0, high, low, 0x80, payload_type | if marker { MARKER } else { 0 }]);
        self.bytes.extend_from_slice(&[0; HEADER - 2]);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.starts.iter().enumerate().map(|(n, start)| {
            let end = self.starts.get(n + 1).copied().unwrap_or(self.bytes.len());
            &self.bytes[start + FRAMING + HEADER..end]
        })
    }

    /// The NAL units of the access unit these were made of by [`Self::of_access_unit`].
    pub fn units(&self, codec: Codec) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        for payload in self.payloads() {
            let (head, fu, rest) = match (codec, payload) {
                (Codec::H264, [first, fu, rest @ ..]) if first & 0x1f == 28 => {
                    (vec![(first & 0xe0) | (fu & 0x1f)], *fu, rest)
                }
                (Codec::H265, [first, second, fu, rest @ ..]) if (first >> 1) & 0x3f == 49 => {
                    (vec![(first & 0x81) | (fu & 0x3f) << 1, *second], *fu, rest)
                }
                _ => {
                    units.push(payload.to_vec());
                    continue;
                }
            };
            if fu & 0x80 != 0 {
                units.push(head);
            }
            if let Some(unit) = units.last_mut() {
                unit.extend_from_slice(rest);
            }
        }
        units
    }

    /// Marker and payload of every packet.
    #[cfg(test)]
    pub fn seen(&self) -> Vec<(bool, Vec<u8>)> {
        let markers = self.starts.iter().map(|start| self.bytes[start + FRAMING + 1] & MARKER != 0);
        markers.zip(self.payloads().map(<[u8]>::to_vec)).collect()
    }

    /// Appends the packets to `out`, stamped; those for which `keep` says no use up their sequence number and are
    /// left out. Returns how many were left out.
    pub fn write(&self, stamp: &mut Stamp, ticks: u32, out: &mut Vec<u8>, mut keep: impl FnMut() -> bool) -> u32 {
        let mut dropped = 0;
        for (n, &start) in self.starts.iter().enumerate() {
            let end = self.starts.get(n + 1).copied().unwrap_or(self.bytes.len());
            let sequence = stamp.sequence;
            stamp.sequence = sequence.wrapping_add(1);
            stamp.packets = stamp.packets.wrapping_add(1);
            stamp.octets = stamp.octets.wrapping_add(u32::try_from(end - start - FRAMING - HEADER).unwrap_or(0));
            if !keep() {
                dropped += 1;
                continue;
            }
            let at = out.len();
            out.extend_from_slice(&self.bytes[start..end]);
            let packet = &mut out[at..];
            packet[1] = stamp.channel;
            packet[6..8].copy_from_slice(&sequence.to_be_bytes());
            packet[8..12].copy_from_slice(&stamp.base.wrapping_add(ticks).to_be_bytes());
            packet[12..16].copy_from_slice(&stamp.ssrc.to_be_bytes());
        }
        dropped
    }
}

/// Appends a packet that belongs to no track: of another type, channel or source, with a number of its own.
pub fn write_foreign(channel: u8, payload_type: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'$', channel, 0, 16, 0x80, payload_type, 0xab, 0xcd, 0, 0, 0, 1, 9, 9, 9, 9, 1, 2, 3, 4]);
}

/// Appends a sender report, with a CNAME as RFC 3550 demands, on the track's RTCP channel.
pub fn write_sender_report(stamp: &Stamp, ntp: u64, ticks: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'$', stamp.channel.wrapping_add(1), 0, 28 + 20, 0x80, 200, 0, 6]);
    out.extend_from_slice(&stamp.ssrc.to_be_bytes());
    out.extend_from_slice(&ntp.to_be_bytes());
    for word in [stamp.base.wrapping_add(ticks), stamp.packets, stamp.octets] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(&[0x81, 202, 0, 4]);
    out.extend_from_slice(&stamp.ssrc.to_be_bytes());
    out.extend_from_slice(b"\x01\x08farwatch\0\0");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { channel: 4, ssrc: 0x0102_0304, sequence: u16::MAX, base: 1_000, packets: 0, octets: 0 }
    }

    #[test]
    fn a_large_unit_is_fragmented_and_only_its_end_carries_the_marker() {
        let unit: Vec<u8> =
            std::iter::once(0x65).chain((0..3000).map(|n| u8::try_from(n % 251).unwrap_or(0))).collect();
        let packets = Packets::of_access_unit(Codec::H264, &[&[0x67, 1], &unit]);
        assert_eq!(packets.starts.len(), 4);
        let (mut out, mut stamp) = (Vec::new(), stamp());
        assert_eq!(packets.write(&mut stamp, 50, &mut out, || true), 0);
        let mut rest = &out[..];
        let (mut markers, mut sequences, mut rebuilt) = (Vec::new(), Vec::new(), vec![0x65]);
        while let [b'$', 4, high, low, tail @ ..] = rest {
            let (packet, next) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            markers.push(packet[1] & MARKER != 0);
            sequences.push(u16::from_be_bytes([packet[2], packet[3]]));
            assert_eq!(packet[4..8], 1_050u32.to_be_bytes());
            if packet[12] & 0x1f == 28 {
                rebuilt.extend_from_slice(&packet[14..]);
            }
            rest = next;
        }
        assert!(rest.is_empty());
        assert_eq!(markers, [false, false, false, true]);
        assert_eq!(sequences, [u16::MAX, 0, 1, 2]);
        assert_eq!(rebuilt, unit);
    }

    #[test]
    fn a_dropped_packet_leaves_a_hole_in_the_sequence() {
        let packets = Packets::of_access_unit(Codec::H265, &[&[0x42, 1, 0], &[0x26, 1, 0]]);
        let (mut out, mut stamp, mut first) = (Vec::new(), stamp(), true);
        assert_eq!(packets.write(&mut stamp, 0, &mut out, || !std::mem::take(&mut first)), 1);
        assert_eq!(out[6..8], 0u16.to_be_bytes());
        assert_eq!(stamp.sequence, 1);
    }

    #[test]
    fn a_sender_report_is_as_long_as_its_framing_says() {
        let mut out = Vec::new();
        write_sender_report(&stamp(), 0, 0, &mut out);
        assert_eq!(usize::from(u16::from_be_bytes([out[2], out[3]])), out.len() - FRAMING);
        assert_eq!(out[1], 5);
    }
}
