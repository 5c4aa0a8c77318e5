//! What the camera must know of H.264 and H.265: where NAL units begin and what kind they are.
//!
//! Belongs here: splitting Annex B, naming kinds. Does not: packets (`rtp`), files (`clips`).

/// Which of the two codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    H264,
    H265,
}

/// What a NAL unit is to the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A VPS, SPS or PPS.
    ParameterSet,
    /// A slice of a picture that can be decoded without any other.
    KeySlice,
    Slice,
    Other,
}

impl Codec {
    /// As the journal and `rtpmap` spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
        }
    }

    /// The kind of a NAL unit. An empty one is [`Kind::Other`].
    pub fn kind(self, nal: &[u8]) -> Kind {
        let Some(&first) = nal.first() else { return Kind::Other };
        match self {
            Self::H264 => match first & 0x1f {
                1 => Kind::Slice,
                5 => Kind::KeySlice,
                7 | 8 => Kind::ParameterSet,
                _ => Kind::Other,
            },
            Self::H265 => match (first >> 1) & 0x3f {
                16..=21 => Kind::KeySlice,
                0..=31 => Kind::Slice,
                32..=34 => Kind::ParameterSet,
                _ => Kind::Other,
            },
        }
    }
}

/// The NAL units of an Annex B byte stream, without start codes and trailing zeros.
pub fn split(stream: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    while at + 3 <= stream.len() {
        // Look at the third byte first: it rules out three positions at once when it is above 1.
        match stream[at + 2] {
            2.. => at += 3,
            1 if stream[at] == 0 && stream[at + 1] == 0 => {
                if let Some(start) = begun {
                    units.push(without_trailing_zeros(&stream[start..at]));
                }
                begun = Some(at + 3);
                at += 3;
            }
            _ => at += 1,
        }
    }
    if let Some(start) = begun {
        units.push(without_trailing_zeros(&stream[start..]));
    }
    units.retain(|unit| !unit.is_empty());
    units
}

fn without_trailing_zeros(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_of_start_code_split_and_trailing_zeros_go() {
        let stream = [0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 0, 0, 3, 1, 0, 0, 0, 1, 0x65, 7];
        assert_eq!(split(&stream), [&[0x67, 9][..], &[0x68, 0, 0, 3, 1], &[0x65, 7]]);
        assert!(split(&[0, 0, 1]).is_empty());
        assert!(split(&[5, 6, 7, 8]).is_empty());
    }

    #[test]
    fn kinds_are_told_apart_in_both_codings() {
        assert_eq!(Codec::H264.kind(&[0x67]), Kind::ParameterSet);
        assert_eq!(Codec::H264.kind(&[0x65]), Kind::KeySlice);
        assert_eq!(Codec::H264.kind(&[0x41]), Kind::Slice);
        assert_eq!(Codec::H265.kind(&[19 << 1, 1]), Kind::KeySlice);
        assert_eq!(Codec::H265.kind(&[1 << 1, 1]), Kind::Slice);
        assert_eq!(Codec::H265.kind(&[33 << 1, 1]), Kind::ParameterSet);
        assert_eq!(Codec::H265.kind(&[]), Kind::Other);
    }
}
