//! One fragment: `uuid prft moof mdat`, built without its sample bytes, read back with every size checked.

use super::boxes::{self, Take};
use super::ident::FragmentIdent;

/// Track ids in our files.
pub const VIDEO_TRACK: u32 = 1;
pub const AUDIO_TRACK: u32 = 2;

/// Flags of a sample decoding can begin at, and of one it cannot (ISO/IEC 14496-12, 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;

/// One access unit or audio frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub size: u32,
    /// In the track's timescale.
    pub duration: u32,
    /// Presentation time less decode time.
    pub offset: i32,
    pub sync: bool,
}

/// The samples of one track in a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackPart {
    pub track: u32,
    /// Decode time of the first sample since the file's first frame, in the track's timescale.
    pub decode_time: u64,
    pub samples: Vec<Sample>,
}

impl TrackPart {
    fn bytes(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.size)).sum()
    }
}

/// A fragment without its sample bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    pub ident: FragmentIdent,
    /// Counts from 1 in the file.
    pub sequence: u32,
    /// The camera's NTP time of the first video sample, 32.32 fixed point.
    pub ntp: Option<u64>,
    /// Video first; their sample bytes follow each other in this order in `mdat`.
    pub tracks: Vec<TrackPart>,
}

impl Fragment {
    #[must_use]
    pub fn video(&self) -> Option<&TrackPart> {
        self.tracks.iter().find(|t| t.track == VIDEO_TRACK)
    }

    /// Everything up to the first sample byte, with a checksum over it and the sample bytes.
    #[must_use]
    pub fn head_of(&self, data: &[&[u8]]) -> Vec<u8> {
        let mut head = self.head();
        FragmentIdent::check_in(&mut head, data);
        head
    }

    /// Everything up to the first sample byte, without a checksum.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let samples: usize = self.tracks.iter().map(|t| t.samples.len()).sum();
        let mut out = Vec::with_capacity(192 + 16 * samples);
        self.ident.put(&mut out);
        if let (Some(ntp), Some(video)) = (self.ntp, self.video()) {
            boxes::put(&mut out, b"prft", |out| {
                // Flags 24: the time is that of capture, not of writing (ISO/IEC 14496-12, 8.16.5).
                boxes::put_u32s(out, &[0x0100_0018, VIDEO_TRACK]);
                out.extend_from_slice(&ntp.to_be_bytes());
                out.extend_from_slice(&video.decode_time.to_be_bytes());
            });
        }
        let moof = out.len();
        let mut offsets = Vec::with_capacity(self.tracks.len());
        boxes::put(&mut out, b"moof", |out| {
            boxes::put(out, b"mfhd", |out| boxes::put_u32s(out, &[0, self.sequence]));
            for track in &self.tracks {
                boxes::put(out, b"traf", |out| offsets.push(put_track(out, track)));
            }
        });
        let mut data = (out.len() - moof + 8) as u64;
        for (at, track) in offsets.into_iter().zip(&self.tracks) {
            out[at..at + 4].copy_from_slice(&to_u32(data).to_be_bytes());
            data += track.bytes();
        }
        let bytes: u64 = self.tracks.iter().map(TrackPart::bytes).sum();
        boxes::put_u32s(&mut out, &[to_u32(bytes + 8)]);
        out.extend_from_slice(b"mdat");
        out
    }

    /// Reads a whole fragment; `None` when anything is missing, left over or does not add up.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut all = boxes::walk(bytes);
        let first = all.next()?;
        let ident = (first.kind == *b"uuid").then(|| FragmentIdent::parse(first.body))??;
        FragmentIdent::is_intact(bytes).then_some(())?;
        let mut next = all.next()?;
        let mut ntp = None;
        if next.kind == *b"prft" {
            let mut take = Take(next.body);
            take.skip(8)?;
            ntp = Some(take.u64()?);
            next = all.next()?;
        }
        let (moof, mdat) = (next, all.next()?);
        if moof.kind != *b"moof" || mdat.kind != *b"mdat" || mdat.offset + mdat.size != bytes.len() {
            return None;
        }
        let mut sequence = None;
        let mut tracks: Vec<TrackPart> = Vec::new();
        // Data offsets count from the first byte of `moof`.
        let mut expected = (mdat.offset - moof.offset + (mdat.size - mdat.body.len())) as u64;
        for inner in boxes::walk(moof.body) {
            match &inner.kind {
                b"mfhd" => {
                    let mut take = Take(inner.body);
                    take.skip(4)?;
                    sequence = Some(take.u32()?);
                }
                b"traf" => {
                    let (track, offset) = take_track(inner.body)?;
                    if u64::from(offset) != expected || tracks.iter().any(|t| t.track == track.track) {
                        return None;
                    }
                    expected += track.bytes();
                    tracks.push(track);
                }
                _ => return None,
            }
        }
        let data: u64 = tracks.iter().map(TrackPart::bytes).sum();
        (data == mdat.body.len() as u64).then_some(Self { ident, sequence: sequence?, ntp, tracks })
    }
}

/// Gives the place where the data offset is to be filled in.
fn put_track(out: &mut Vec<u8>, track: &TrackPart) -> usize {
    boxes::put(out, b"tfhd", |out| boxes::put_u32s(out, &[0x0002_0000, track.track]));
    boxes::put(out, b"tfdt", |out| {
        boxes::put_u32s(out, &[0x0100_0000]);
        out.extend_from_slice(&track.decode_time.to_be_bytes());
    });
    let offsets = track.samples.iter().any(|s| s.offset != 0);
    let mut at = 0;
    boxes::put(out, b"trun", |out| {
        let flags = if offsets { 0x0100_0f01 } else { 0x0100_0701 };
        boxes::put_u32s(out, &[flags, u32::try_from(track.samples.len()).unwrap_or(u32::MAX)]);
        at = out.len();
        boxes::put_u32s(out, &[0]);
        for sample in &track.samples {
            boxes::put_u32s(out, &[sample.duration, sample.size, if sample.sync { SYNC } else { NOT_SYNC }]);
            if offsets {
                out.extend_from_slice(&sample.offset.to_be_bytes());
            }
        }
    });
    at
}

fn take_track(traf: &[u8]) -> Option<(TrackPart, u32)> {
    let mut head = Take(boxes::find(traf, b"tfhd")?);
    (head.u32()? == 0x0002_0000).then_some(())?;
    let track = head.u32()?;
    let mut time = Take(boxes::find(traf, b"tfdt")?);
    (time.u32()? == 0x0100_0000).then_some(())?;
    let decode_time = time.u64()?;
    let mut run = Take(boxes::find(traf, b"trun")?);
    let offsets = match run.u32()? {
        0x0100_0f01 => true,
        0x0100_0701 => false,
        _ => return None,
    };
    let count = usize::try_from(run.u32()?).ok()?;
    let data_offset = run.u32()?;
    let each = if offsets { 16 } else { 12 };
    (run.0.len() == count.checked_mul(each)?).then_some(())?;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let (duration, size, flags) = (run.u32()?, run.u32()?, run.u32()?);
        let offset = if offsets { run.u32()?.cast_signed() } else { 0 };
        samples.push(Sample { size, duration, offset, sync: flags & 0x0001_0000 == 0 });
    }
    Some((TrackPart { track, decode_time, samples }, data_offset))
}

fn to_u32(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
