//! AAC over RTP (RFC 3640, mode AAC-hbr: 13 bits of size, 3 of index): raw frames of 1024 samples out.

use super::{DepayError, Packet};

/// Samples in one AAC-LC frame; the RTP clock of AAC-hbr counts samples.
pub const FRAME_SAMPLES: i64 = 1_024;

/// One raw AAC frame, without ADTS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Extended RTP timestamp in the stream's clock (its sample rate).
    pub ticks: i64,
    pub data: Vec<u8>,
    /// Packets that went missing since the frame before.
    pub lost: u32,
}

/// Takes RTP packets apart into frames, and puts a frame spread over packets together.
#[derive(Debug, Default)]
pub struct Depacketizer {
    partial: Option<Partial>,
    lost: u32,
}

#[derive(Debug)]
struct Partial {
    ticks: i64,
    size: usize,
    data: Vec<u8>,
}

impl Depacketizer {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames a packet completes, in order.
    ///
    /// # Errors
    /// When the sizes in the packet do not fit its length; the packet is dropped, go on pushing.
    pub fn push(&mut self, packet: Packet<'_>) -> Result<Vec<Frame>, DepayError> {
        self.lost += u32::from(packet.lost);
        let too_short = |what| DepayError::Short { len: packet.payload.len(), what };
        let [high, low, rest @ ..] = packet.payload else { return Err(too_short("its AU headers")) };
        let bits = usize::from(u16::from_be_bytes([*high, *low]));
        let headers_len = bits.div_ceil(8);
        if bits == 0 || bits % 16 != 0 || headers_len > rest.len() {
            return Err(too_short("its AU headers"));
        }
        let (headers, mut data) = rest.split_at(headers_len);
        let sizes: Vec<usize> =
            headers.chunks_exact(2).map(|h| usize::from(u16::from_be_bytes([h[0], h[1]]) >> 3)).collect();
        if let [size] = sizes[..]
            && size > data.len()
        {
            return Ok(self.spread(&packet, size, data));
        }
        self.partial = None;
        let mut frames = Vec::with_capacity(sizes.len());
        let mut ticks = packet.ticks;
        for size in sizes {
            if size > data.len() {
                self.lost += 1;
                return if frames.is_empty() { Err(too_short("the frames it names")) } else { Ok(frames) };
            }
            let (frame, tail) = data.split_at(size);
            frames.push(Frame { ticks, data: frame.to_vec(), lost: std::mem::take(&mut self.lost) });
            data = tail;
            ticks += FRAME_SAMPLES;
        }
        Ok(frames)
    }

    /// A frame larger than its packet: every part repeats the full size, the last has the marker.
    fn spread(&mut self, packet: &Packet<'_>, size: usize, data: &[u8]) -> Vec<Frame> {
        let fits = matches!(&self.partial, Some(p) if p.ticks == packet.ticks && p.size == size && packet.lost == 0);
        if !fits {
            self.partial = Some(Partial { ticks: packet.ticks, size, data: Vec::with_capacity(size) });
        }
        let Some(partial) = &mut self.partial else { return Vec::new() };
        partial.data.extend_from_slice(data);
        if partial.data.len() < size {
            return Vec::new();
        }
        let Some(partial) = self.partial.take() else { return Vec::new() };
        if partial.data.len() != size {
            self.lost += 1;
            return Vec::new();
        }
        vec![Frame { ticks: partial.ticks, data: partial.data, lost: std::mem::take(&mut self.lost) }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_one_packet_are_1024_samples_apart() {
        let payload = [0, 32, 0, 2 << 3, 0, 3 << 3, 1, 2, 3, 4, 5];
        let frames = Depacketizer::new().push(Packet { payload: &payload, ticks: 9, mark: true, lost: 0 }).unwrap();
        assert_eq!(frames[0], Frame { ticks: 9, data: vec![1, 2], lost: 0 });
        assert_eq!(frames[1], Frame { ticks: 9 + 1_024, data: vec![3, 4, 5], lost: 0 });
    }

    #[test]
    fn a_frame_spread_over_packets_comes_together() {
        let mut d = Depacketizer::new();
        let part = |d: &mut Depacketizer, bytes: &[u8], mark| {
            let payload = [&[0, 16, 0, 5 << 3][..], bytes].concat();
            d.push(Packet { payload: &payload, ticks: 1, mark, lost: 0 }).unwrap()
        };
        assert!(part(&mut d, &[1, 2, 3], false).is_empty());
        assert_eq!(part(&mut d, &[4, 5], true), vec![Frame { ticks: 1, data: vec![1, 2, 3, 4, 5], lost: 0 }]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let mut d = Depacketizer::new();
        assert!(d.push(Packet { payload: &[0, 32, 0xff, 0xf8, 0, 8, 1], ticks: 0, mark: true, lost: 0 }).is_err());
        assert!(d.push(Packet { payload: &[0], ticks: 0, mark: true, lost: 0 }).is_err());
    }
}
