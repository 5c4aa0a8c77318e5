//! Packs an access unit the way a bad camera does.
//!
//! Belongs here: what each quirk of the stream makes of the NAL units of one picture. Does not: which quirks are on
//! (`mount`), signalling (`session`, `sdp`).

use crate::nal::{Codec, Kind};
use crate::quirk::{Quirk, Quirks};
use crate::rtp::{MOST_PAYLOAD, Packets, VIDEO_TYPE};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// How much earlier sets are stamped than their picture, in ticks.
const EARLIER: u32 = 450;

/// Packets of one timestamp.
pub struct Part {
    pub packets: Packets,
    /// Ticks before the picture's own.
    pub earlier: u32,
}

const OF_THE_STREAM: [Quirk; 9] = [
    Quirk::BadSps,
    Quirk::TrailingSps,
    Quirk::MarkerOnSei,
    Quirk::NoMarker,
    Quirk::SetsEarlier,
    Quirk::EmptyFragments,
    Quirk::FragmentOfOne,
    Quirk::FragmentKind,
    Quirk::AnnexBInside,
];

/// Whether packets are other than a good camera's.
pub fn is_odd(quirks: Quirks) -> bool {
    OF_THE_STREAM.into_iter().any(|quirk| quirks.has(quirk))
}

/// A parameter set as such a camera has it.
pub fn set(codec: Codec, set: &[u8], quirks: Quirks) -> Vec<u8> {
    let is_sps = match codec {
        Codec::H264 => set.first().is_some_and(|b| b & 0x1f == 7),
        Codec::H265 => set.first().is_some_and(|b| (b >> 1) & 0x3f == 33),
    };
    let mut set = set.to_vec();
    if is_sps && quirks.has(Quirk::BadSps) {
        // Its id can still be read, and nothing after it.
        set.truncate(5);
    }
    if is_sps && quirks.has(Quirk::TrailingSps) {
        set.push(0x9c);
    }
    set
}

/// The packets of one access unit.
pub fn pack(codec: Codec, units: &[Vec<u8>], quirks: Quirks) -> Vec<Part> {
    let mut units: Vec<Vec<u8>> = units.iter().map(|unit| set(codec, unit, quirks)).collect();
    if quirks.has(Quirk::AnnexBInside) && units.len() > 1 {
        units = vec![units.join(&START_CODE[..])];
    }
    if quirks.has(Quirk::MarkerOnSei) {
        let picture = units.iter().position(|unit| matches!(codec.kind(unit), Kind::Slice | Kind::KeySlice));
        units.insert(picture.unwrap_or(0), sei(codec));
    }
    let mut parts = vec![Part { packets: Packets::default(), earlier: 0 }];
    if quirks.has(Quirk::SetsEarlier) {
        parts.insert(0, Part { packets: Packets::default(), earlier: EARLIER });
    }
    let last = units.len().saturating_sub(1);
    for (n, unit) in units.iter().enumerate() {
        let is_picture = matches!(codec.kind(unit), Kind::Slice | Kind::KeySlice) || n == last;
        let at = if is_picture { parts.len() - 1 } else { 0 };
        let marker =
            if n == last { !quirks.has(Quirk::NoMarker) } else { !is_picture && quirks.has(Quirk::MarkerOnSei) };
        put(codec, unit, marker, quirks, &mut parts[at].packets);
    }
    parts
}

fn put(codec: Codec, unit: &[u8], marker: bool, quirks: Quirks, packets: &mut Packets) {
    let whole = unit.len() <= MOST_PAYLOAD;
    if whole && !quirks.has(Quirk::FragmentOfOne) {
        packets.push(VIDEO_TYPE, marker, &[unit]);
        return;
    }
    let header = match codec {
        Codec::H264 => 1,
        Codec::H265 => 2,
    };
    let mut chunks: Vec<&[u8]> = unit[header..].chunks(MOST_PAYLOAD - header).collect();
    if quirks.has(Quirk::EmptyFragments) && chunks.len() > 1 {
        chunks.insert(1, &[]);
    }
    let last = chunks.len() - 1;
    for (n, chunk) in chunks.into_iter().enumerate() {
        let position = if n == 0 { 0x80 } else { 0 } | if n == last { 0x40 } else { 0 };
        let named = n == 0 || !quirks.has(Quirk::FragmentKind);
        match codec {
            Codec::H264 => {
                let kind = if named { unit[0] & 0x1f } else { 0 };
                let head = [(unit[0] & 0xe0) | 28, position | kind];
                packets.push(VIDEO_TYPE, marker && n == last, &[&head, chunk]);
            }
            Codec::H265 => {
                let kind = if named { (unit[0] >> 1) & 0x3f } else { 0 };
                let head = [(unit[0] & 0x81) | (49 << 1), unit[1], position | kind];
                packets.push(VIDEO_TYPE, marker && n == last, &[&head, chunk]);
            }
        }
    }
}

/// User data of no meaning.
fn sei(codec: Codec) -> Vec<u8> {
    let head: &[u8] = match codec {
        Codec::H264 => &[6],
        Codec::H265 => &[39 << 1, 1],
    };
    [head, &[5, 17], &[0xfa; 16], b"w", &[0x80]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much earlier a part is, and marker and payload of its packets.
    type Seen = (u32, Vec<(bool, Vec<u8>)>);

    fn parts(units: &[Vec<u8>], quirk: Quirk) -> Vec<Seen> {
        let parts = pack(Codec::H264, units, Quirks::default().with(quirk));
        parts.into_iter().map(|part| (part.earlier, part.packets.seen())).collect()
    }

    #[test]
    fn units_survive_packing_and_each_quirk_shows() {
        let picture: Vec<u8> =
            std::iter::once(0x65).chain((0..3_000).map(|n| u8::try_from(n % 250 + 3).unwrap_or(3))).collect();
        let units = vec![vec![0x67, 1, 2, 3, 4, 5, 6], vec![0x68, 9], picture];
        let straight = pack(Codec::H264, &units, Quirks::default());
        assert_eq!(straight[0].packets.units(Codec::H264), units);
        let sei = &parts(&units, Quirk::MarkerOnSei)[0].1;
        assert!(sei[2].0 && sei[2].1[0] == 6 && !sei[3].0, "the marker stands on the SEI");
        assert!(parts(&units, Quirk::NoMarker)[0].1.iter().all(|(marker, _)| !marker));
        let earlier = parts(&units, Quirk::SetsEarlier);
        assert_eq!((earlier[0].0, earlier[0].1.len(), earlier[1].0), (EARLIER, 2, 0));
        assert_eq!(parts(&units, Quirk::EmptyFragments)[0].1[3].1.len(), 2);
        assert_eq!(parts(&units, Quirk::FragmentOfOne)[0].1[0].1[..2], [0x7c, 0xc7]);
        assert_eq!(parts(&units, Quirk::FragmentKind)[0].1[3].1[..2], [0x7c, 0]);
        assert_eq!(parts(&units, Quirk::AnnexBInside)[0].1[0].1[2..13], [1, 2, 3, 4, 5, 6, 0, 0, 0, 1, 0x68]);
        assert_eq!(set(Codec::H264, &units[0], Quirks::default().with(Quirk::BadSps)).len(), 5);
    }
}
