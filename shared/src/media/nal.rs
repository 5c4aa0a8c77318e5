//! NAL units: walking an access unit, and what kind of picture it holds.
//!
//! The source's own key flag is never trusted: cameras and libraries disagree about what it means.

use super::bits::Bits;

/// The two encodings that are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    H264,
    H265,
}

impl Codec {
    /// NAL unit type; `None` for an empty unit.
    #[must_use]
    pub fn kind(self, nal: &[u8]) -> Option<u8> {
        let first = *nal.first()?;
        Some(match self {
            Self::H264 => first & 0x1f,
            Self::H265 => (first >> 1) & 0x3f,
        })
    }
}

/// What decoding can do at a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Nothing after it refers to anything before it.
    Idr,
    /// Like an IDR; its RASL pictures are to be dropped.
    Bla,
    /// Decoding can begin here, but leading pictures may refer further back.
    Cra,
    /// An ordinary picture marked as a recovery point (SEI).
    RecoveryPoint,
    /// Shown before its keyframe, decodable with it alone.
    Radl,
    /// Shown before its keyframe, not decodable without what came before.
    Rasl,
    Ordinary,
    /// No picture at all: parameter sets or SEI on their own.
    None,
}

impl Picture {
    /// A file can begin here and nothing is missing.
    #[must_use]
    pub fn is_clean(self) -> bool {
        matches!(self, Self::Idr | Self::Bla)
    }

    /// Decoding can begin here.
    #[must_use]
    pub fn is_entry(self) -> bool {
        matches!(self, Self::Idr | Self::Bla | Self::Cra | Self::RecoveryPoint)
    }
}

/// The NAL units of an access unit with 4-byte lengths. Ends at the first that does not fit.
pub fn units(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let nal = rest.get(..len)?;
        data = &rest[len..];
        Some(nal)
    })
}

/// Looks at an access unit.
#[must_use]
pub fn picture(codec: Codec, data: &[u8]) -> Picture {
    let mut recovery = false;
    for nal in units(data) {
        let Some(kind) = codec.kind(nal) else { continue };
        match (codec, kind) {
            (Codec::H264, 5) => return Picture::Idr,
            (Codec::H264, 1..=4) => return if recovery { Picture::RecoveryPoint } else { Picture::Ordinary },
            (Codec::H264, 6) => recovery |= has_recovery_point(&nal[1..]),
            (Codec::H265, 39) => recovery |= nal.get(2..).is_some_and(has_recovery_point),
            (Codec::H265, 16..=18) => return Picture::Bla,
            (Codec::H265, 19 | 20) => return Picture::Idr,
            (Codec::H265, 21) => return Picture::Cra,
            (Codec::H265, 6 | 7) => return Picture::Radl,
            (Codec::H265, 8 | 9) => return Picture::Rasl,
            (Codec::H265, 0..=31) => return if recovery { Picture::RecoveryPoint } else { Picture::Ordinary },
            _ => {}
        }
    }
    Picture::None
}

/// Whether an SEI holds a recovery point (payload type 6 in both codecs) that is exact at once (count 0).
fn has_recovery_point(sei: &[u8]) -> bool {
    // Other messages may be long (user data); a recovery point stands near the beginning.
    let mut bits = Bits::of_nal(&sei[..sei.len().min(512)]);
    let mut message = || -> Option<Option<bool>> {
        let kind = coded(&mut bits)?;
        let size = coded(&mut bits)?;
        if kind != 6 {
            bits.skip(size.checked_mul(8)?)?;
            return Some(None);
        }
        // `recovery_frame_cnt` is ue(v), `recovery_poc_cnt` se(v): both are zero as the single bit 1.
        Some(Some(bits.flag()?))
    };
    while let Some(found) = message() {
        if let Some(exact) = found {
            return exact;
        }
    }
    false
}

/// A number coded as a run of 255 and a last byte.
fn coded(bits: &mut Bits<'_>) -> Option<u32> {
    let mut value = 0u32;
    loop {
        let byte = bits.u(8)?;
        value = value.checked_add(byte)?;
        if byte != 255 {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|n| [&u32::try_from(n.len()).unwrap().to_be_bytes()[..], n].concat()).collect()
    }

    #[test]
    fn pictures_are_told_apart_by_their_units() {
        let h264 = |nals: &[&[u8]]| picture(Codec::H264, &unit(nals));
        assert_eq!(h264(&[&[0x67, 1], &[0x68, 1], &[0x06, 5, 1, 0], &[0x65, 0x88]]), Picture::Idr);
        assert_eq!(h264(&[&[0x41, 0x9a]]), Picture::Ordinary);
        assert_eq!(h264(&[&[0x06, 5, 1, 9, 6, 1, 0xc4, 0x80], &[0x41, 0x9a]]), Picture::RecoveryPoint);
        assert_eq!(h264(&[&[0x06, 6, 1, 0x44, 0x80], &[0x41, 0x9a]]), Picture::Ordinary, "exact only later");
        assert_eq!(h264(&[&[0x67, 1]]), Picture::None);
        let h265 = |kind: u8| picture(Codec::H265, &unit(&[&[kind << 1, 1, 0x80]]));
        assert_eq!([h265(19), h265(16), h265(21)], [Picture::Idr, Picture::Bla, Picture::Cra]);
        assert_eq!(
            [h265(6), h265(8), h265(1), h265(33)],
            [Picture::Radl, Picture::Rasl, Picture::Ordinary, Picture::None]
        );
    }

    #[test]
    fn a_length_that_does_not_fit_ends_the_walk() {
        assert_eq!(units(&[0, 0, 0, 1, 9, 0, 0, 0, 9, 1]).count(), 1);
        assert_eq!(units(&[255; 3]).count(), 0);
    }
}
