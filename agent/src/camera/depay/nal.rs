//! The little a depacketiser must know of a NAL unit: its kind, whether an access unit may begin or end with it.

use super::video::Codec;

/// NAL unit type; `None` for an empty unit.
pub(super) fn kind(codec: Codec, nal: &[u8]) -> Option<u8> {
    let first = *nal.first()?;
    Some(match codec {
        Codec::H264 => first & 0x1f,
        Codec::H265 => (first >> 1) & 0x3f,
    })
}

/// Parameter sets and SEI before a picture can not be the last unit of its access unit (H.264 7.4.1.2.3,
/// H.265 7.4.2.4.4); cameras that set the marker after them go on with the same picture.
pub(super) fn may_end_unit(codec: Codec, kind: u8) -> bool {
    match codec {
        Codec::H264 => !matches!(kind, 6..=9),
        Codec::H265 => !matches!(kind, 32..=35 | 39 | 41..=44 | 48..=55),
    }
}

/// Whether `nal` can be the first of an access unit, judged after packets went missing before it.
pub(super) fn may_begin_unit(codec: Codec, nal: &[u8]) -> bool {
    let Some(kind) = kind(codec, nal) else { return false };
    match codec {
        // first_mb_in_slice is ue(v): the single bit 1 says zero.
        Codec::H264 => match kind {
            1..=5 => nal.get(1).is_some_and(|b| b & 0x80 != 0),
            6..=9 => true,
            _ => false,
        },
        // first_slice_segment_in_pic_flag is the first bit after the two header bytes.
        Codec::H265 => match kind {
            0..=31 => nal.get(2).is_some_and(|b| b & 0x80 != 0),
            32..=35 | 39 => true,
            _ => false,
        },
    }
}

/// Units in which some cameras hide a whole Annex B stream ("SPS, start code, PPS, start code, IDR" as one unit).
/// A start code can not occur inside a real NAL unit, and these are small, so looking costs nothing.
pub(super) fn may_hide_annex_b(codec: Codec, kind: u8) -> bool {
    match codec {
        Codec::H264 => matches!(kind, 6..=9),
        Codec::H265 => matches!(kind, 32..=35 | 39),
    }
}

/// Splits at Annex B start codes; without one gives the bytes back whole and untouched.
pub(super) fn split_annex_b(bytes: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut begin = 0;
    let mut at = 0;
    while at + 3 <= bytes.len() {
        if bytes[at + 2] > 1 {
            at += 3;
        } else if bytes[at..at + 3] == [0, 0, 1] {
            let mut end = at;
            while end > begin && bytes[end - 1] == 0 {
                end -= 1;
            }
            if end > begin {
                units.push(&bytes[begin..end]);
            }
            at += 3;
            begin = at;
        } else {
            at += 1;
        }
    }
    if begin < bytes.len() {
        units.push(&bytes[begin..]);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_start_codes_stays_as_it_is() {
        let nal = [0x67, 0, 0, 3, 1, 0, 0];
        assert_eq!(split_annex_b(&nal), vec![&nal[..]]);
    }

    #[test]
    fn a_hidden_annex_b_stream_comes_apart() {
        let bytes = [0x67, 9, 9, 0, 0, 0, 1, 0x68, 8, 0, 0, 1, 0x65, 0x88, 7];
        let units = split_annex_b(&bytes);
        assert_eq!(units, vec![&[0x67, 9, 9][..], &[0x68, 8][..], &[0x65, 0x88, 7][..]]);
    }
}
