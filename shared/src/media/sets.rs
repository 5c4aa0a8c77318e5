//! Parameter sets: which are active, whether they changed, and the config record that carries them.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::nal::{self, Codec};
use super::sps::{self, Sps};

/// Bound on all sets together: a config record's lengths are 16 bits, and real sets are under 200 bytes.
const SETS_LIMIT: usize = 32 << 10;

/// The parameter sets a stream has shown so far, by kind and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    codec: Codec,
    sets: BTreeMap<(u8, u8), Vec<u8>>,
}

/// What a file's video sample entry is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// `avc1` or `hvc1`.
    pub entry: [u8; 4],
    /// The body of `avcC` or `hvcC`.
    pub record: Vec<u8>,
    pub width: u16,
    pub height: u16,
    /// RFC 6381, e.g. `avc1.640028`.
    pub codec: String,
    /// Frames by which decoding runs ahead of showing, where the stream says.
    pub reorder: Option<u8>,
}

impl VideoConfig {
    /// `avcC` or `hvcC`.
    #[must_use]
    pub fn record_kind(&self) -> &'static [u8; 4] {
        if self.entry == *b"avc1" { b"avcC" } else { b"hvcC" }
    }
}

impl ParameterSets {
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec, sets: BTreeMap::new() }
    }

    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes one NAL unit; true when it is a set that is new or differs from the one it replaces.
    pub fn learn(&mut self, set: &[u8]) -> bool {
        let Some(key) = self.key(set) else { return false };
        match self.sets.get(&key) {
            Some(known) if known == set => false,
            known => {
                let total: usize = self.sets.values().map(Vec::len).sum();
                if total - known.map_or(0, Vec::len) + set.len() > SETS_LIMIT {
                    return false;
                }
                self.sets.insert(key, set.to_vec());
                true
            }
        }
    }

    /// Takes the sets inside an access unit (4-byte lengths); true when any is new or differs.
    pub fn learn_unit(&mut self, data: &[u8]) -> bool {
        // Sets stand before the picture: stop at the first slice, it may be long.
        let mut changed = false;
        for unit in nal::units(data) {
            match (self.codec, self.codec.kind(unit)) {
                (Codec::H264, Some(1..=5)) | (Codec::H265, Some(0..=31)) => break,
                _ => changed |= self.learn(unit),
            }
        }
        changed
    }

    /// Kind and id of a set; `None` for every other unit.
    fn key(&self, nal: &[u8]) -> Option<(u8, u8)> {
        let kind = self.codec.kind(nal)?;
        let id = match (self.codec, kind) {
            (Codec::H264, 7) => u8::try_from(Bits::of_nal(nal.get(4..)?).ue()?).ok().filter(|id| *id <= 31)?,
            (Codec::H264, 8) => u8::try_from(Bits::of_nal(nal.get(1..)?).ue()?).ok()?,
            (Codec::H265, 32) => nal.get(2)? >> 4,
            (Codec::H265, 33) => sps::h265(nal)?.id,
            (Codec::H265, 34) => u8::try_from(Bits::of_nal(nal.get(2..)?).ue()?).ok().filter(|id| *id <= 63)?,
            _ => return None,
        };
        Some((kind, id))
    }

    fn of_kind(&self, kind: u8) -> Vec<&Vec<u8>> {
        self.sets.range((kind, 0)..=(kind, u8::MAX)).map(|(_, set)| set).collect()
    }

    /// The sample entry for the sets as they are now; `None` while one is missing or not understood.
    #[must_use]
    pub fn config(&self) -> Option<VideoConfig> {
        match self.codec {
            Codec::H264 => self.h264_config(),
            Codec::H265 => self.h265_config(),
        }
    }

    fn h264_config(&self) -> Option<VideoConfig> {
        let (all_sps, all_pps) = (self.of_kind(7), self.of_kind(8));
        let first = *all_sps.first()?;
        let read: Sps = sps::h264(first)?;
        let [profile, compatible, level] = *first.get(1..)?.first_chunk()?;
        let mut record = vec![1, profile, compatible, level, 0xff];
        record.push(0xe0 | u8::try_from(all_sps.len()).ok()?);
        put_sets(&mut record, &all_sps);
        record.push(u8::try_from(all_pps.len()).ok().filter(|n| *n > 0)?);
        put_sets(&mut record, &all_pps);
        if matches!(profile, 100 | 110 | 122 | 144) {
            record.extend_from_slice(&[0xfc | read.chroma, 0xf8 | read.luma_depth, 0xf8 | read.chroma_depth, 0]);
        }
        let codec = format!("avc1.{profile:02x}{compatible:02x}{level:02x}");
        Some(VideoConfig {
            entry: *b"avc1",
            record,
            width: read.width,
            height: read.height,
            codec,
            reorder: read.reorder,
        })
    }

    fn h265_config(&self) -> Option<VideoConfig> {
        let arrays = [32, 33, 34].map(|kind| (kind, self.of_kind(kind)));
        let read = sps::h265(arrays[1].1.first()?)?;
        let mut record = vec![1];
        record.extend_from_slice(&read.profile);
        record.extend_from_slice(&[
            0xf0,
            0,
            0xfc,
            0xfc | read.chroma,
            0xf8 | read.luma_depth,
            0xf8 | read.chroma_depth,
        ]);
        record.extend_from_slice(&[0, 0, read.layers << 3 | u8::from(read.nested) << 2 | 3, 3]);
        for (kind, sets) in &arrays {
            record.push(0x80 | kind);
            record.extend_from_slice(&u16::try_from(sets.len()).ok().filter(|n| *n > 0)?.to_be_bytes());
            put_sets(&mut record, sets);
        }
        let codec = h265_codec(&read.profile)?;
        Some(VideoConfig {
            entry: *b"hvc1",
            record,
            width: read.width,
            height: read.height,
            codec,
            reorder: read.reorder,
        })
    }
}

fn put_sets(record: &mut Vec<u8>, sets: &[&Vec<u8>]) {
    for set in sets {
        // Bounded by SETS_LIMIT.
        record.extend_from_slice(&u16::try_from(set.len()).unwrap_or(u16::MAX).to_be_bytes());
        record.extend_from_slice(set);
    }
}

/// ISO/IEC 14496-15, E.3: profile, compatibility in reverse bit order, tier and level, constraints without trailing
/// zeros.
fn h265_codec(profile: &[u8]) -> Option<String> {
    let (first, level) = (profile.first()?, profile.get(11)?);
    let space = ["", "A", "B", "C"][usize::from(first >> 6)];
    let compatible = u32::from_be_bytes(*profile.get(1..)?.first_chunk()?).reverse_bits();
    let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
    let mut text = format!("hvc1.{space}{}.{compatible:X}.{tier}{level}", first & 0x1f);
    let constraints = profile.get(5..11)?;
    let used = constraints.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    for byte in &constraints[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    Some(text)
}
