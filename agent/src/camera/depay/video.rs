//! H.264 and H.265 over RTP: packets in, whole access units of length-prefixed NAL units out.
//!
//! An access unit ends with the marker bit or where the timestamp changes. One that lost a packet is dropped whole and
//! said so in `lost` of the next; nothing is repaired or invented.

use super::nal;
use super::odd::{Odd, Oddities};
use super::{ACCESS_UNIT_LIMIT, DepayError, Packet};

pub use farwatch_shared::media::nal::Codec;

/// The NAL units of one picture, in the order and with the bytes the camera sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Extended RTP timestamp: when the picture is shown, in 1/90000 s.
    pub ticks: i64,
    /// Each NAL unit behind its length in 4 bytes, big endian.
    pub data: Vec<u8>,
    /// Packets that went missing since the unit given out before this one.
    pub lost: u32,
}

#[derive(Debug)]
enum State {
    /// Between access units.
    Idle,
    /// Collecting; `open` is where the length of a fragmented NAL unit waits to be filled in.
    Open { ticks: i64, open: Option<usize>, last_kind: u8 },
    /// The rest of this access unit is useless since part of it is missing.
    Skipping { ticks: i64 },
}

/// Puts access units together. Holds at most one, of at most [`ACCESS_UNIT_LIMIT`] bytes.
#[derive(Debug)]
pub struct Depacketizer {
    codec: Codec,
    state: State,
    data: Vec<u8>,
    /// Size of the last unit: the next is usually about as large.
    last_size: usize,
    lost: u32,
    /// Whether a packet has come: a session may begin in the middle of a picture.
    begun: bool,
    /// Of the open unit.
    odd: Oddities,
    /// Of the units given out, to be fetched.
    noticed: Vec<Odd>,
}

impl Depacketizer {
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            state: State::Idle,
            data: Vec::new(),
            last_size: 0,
            lost: 0,
            begun: false,
            odd: Oddities::default(),
            noticed: Vec::new(),
        }
    }

    /// What was put right in the units given out since the last call, each once per unit.
    pub fn noticed(&mut self) -> Vec<Odd> {
        std::mem::take(&mut self.noticed)
    }

    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a packet. Gives the units it completes, at most two: one by its new timestamp, one by its marker.
    ///
    /// # Errors
    /// When the payload breaks its format. The access unit it belongs to is dropped and counted as loss; go on pushing.
    pub fn push(&mut self, packet: Packet<'_>) -> Result<Units, DepayError> {
        let mut done = Units::default();
        self.lost += u32::from(packet.lost);
        if packet.lost > 0 || !std::mem::replace(&mut self.begun, true) {
            self.after_loss(&packet);
        }
        match self.state {
            State::Open { ticks, open, last_kind } if ticks != packet.ticks => {
                if open.is_some() {
                    // Its end never came, and no sequence number says why.
                    self.lost += 1;
                    self.drop_unit(State::Idle);
                } else if nal::may_end_unit(self.codec, last_kind) || self.data.is_empty() {
                    self.odd.note(Odd::MarkerMissing);
                    done.first = self.finish(ticks);
                } else {
                    self.odd.note(Odd::TimestampWithinUnit);
                    self.state = State::Open { ticks: packet.ticks, open, last_kind };
                }
            }
            State::Skipping { ticks } if ticks != packet.ticks => self.state = State::Idle,
            _ => {}
        }
        if matches!(self.state, State::Skipping { .. }) {
            if packet.mark {
                self.state = State::Idle;
            }
            return Ok(done);
        }
        if let Err(error) = self.take(&packet) {
            self.lost += 1;
            self.drop_unit(if packet.mark { State::Idle } else { State::Skipping { ticks: packet.ticks } });
            return match done.first {
                // The unit before is whole and must not fall with this one; the loss shows in the next.
                Some(_) => Ok(done),
                None => Err(error),
            };
        }
        if packet.mark
            && let State::Open { ticks, open: None, last_kind } = self.state
        {
            if nal::may_end_unit(self.codec, last_kind) {
                let unit = self.finish(ticks);
                if done.first.is_none() { done.first = unit } else { done.second = unit }
            } else {
                self.odd.note(Odd::MarkerWithinUnit);
            }
        }
        Ok(done)
    }

    /// Packets went missing before `packet`, or nothing came before: the open unit is torn, and a new one may lack its beginning.
    fn after_loss(&mut self, packet: &Packet<'_>) {
        let same = match self.state {
            State::Open { ticks, .. } | State::Skipping { ticks } => ticks == packet.ticks,
            State::Idle => false,
        };
        let whole = !same && begins_unit(self.codec, packet.payload);
        self.drop_unit(if whole { State::Idle } else { State::Skipping { ticks: packet.ticks } });
    }

    fn drop_unit(&mut self, state: State) {
        self.data.clear();
        self.odd = Oddities::default();
        self.state = state;
    }

    fn finish(&mut self, ticks: i64) -> Option<Unit> {
        self.state = State::Idle;
        if self.data.is_empty() {
            self.odd = Oddities::default();
            return None;
        }
        self.last_size = self.data.len();
        if !self.odd.is_empty() {
            self.noticed.extend(std::mem::take(&mut self.odd).all());
        }
        let data = std::mem::take(&mut self.data);
        Some(Unit { ticks, data, lost: std::mem::take(&mut self.lost) })
    }

    fn take(&mut self, packet: &Packet<'_>) -> Result<(), DepayError> {
        if self.data.len() + packet.payload.len() > ACCESS_UNIT_LIMIT {
            return Err(DepayError::TooLarge { limit: ACCESS_UNIT_LIMIT });
        }
        if matches!(self.state, State::Idle) {
            self.data.reserve(self.last_size + self.last_size / 4 + packet.payload.len());
            self.state = State::Open { ticks: packet.ticks, open: None, last_kind: 0 };
        }
        match self.codec {
            Codec::H264 => self.take_h264(packet.payload),
            Codec::H265 => self.take_h265(packet.payload),
        }
    }

    fn take_h264(&mut self, payload: &[u8]) -> Result<(), DepayError> {
        let short = |what| DepayError::Short { len: payload.len(), what };
        let first = *payload.first().ok_or(short("a NAL unit"))?;
        match first & 0x1f {
            24 => self.aggregate(&payload[1..], "an aggregate of NAL units"),
            28 => {
                let [_, fu, rest @ ..] = payload else { return Err(short("a fragment")) };
                let header = [(first & 0xe0) | (fu & 0x1f)];
                self.fragment(&header, *fu, rest)
            }
            kind @ (0 | 25..=27 | 29..=31) => Err(DepayError::Interleaved { kind }),
            _ => self.whole(payload),
        }
    }

    fn take_h265(&mut self, payload: &[u8]) -> Result<(), DepayError> {
        let short = |what| DepayError::Short { len: payload.len(), what };
        let [first, second, rest @ ..] = payload else { return Err(short("a NAL unit")) };
        match (first >> 1) & 0x3f {
            48 => self.aggregate(rest, "an aggregate of NAL units"),
            49 => {
                let [fu, rest @ ..] = rest else { return Err(short("a fragment")) };
                let header = [(first & 0x81) | ((fu & 0x3f) << 1), *second];
                self.fragment(&header, *fu, rest)
            }
            kind @ 50.. => Err(DepayError::Interleaved { kind }),
            _ => self.whole(payload),
        }
    }

    fn aggregate(&mut self, mut rest: &[u8], what: &'static str) -> Result<(), DepayError> {
        while !rest.is_empty() {
            let [high, low, tail @ ..] = rest else { return Err(DepayError::Short { len: rest.len(), what }) };
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            if len == 0 || len > tail.len() {
                return Err(DepayError::Short { len: tail.len(), what });
            }
            self.whole(&tail[..len])?;
            rest = &tail[len..];
        }
        Ok(())
    }

    fn whole(&mut self, nal: &[u8]) -> Result<(), DepayError> {
        let State::Open { ticks, open: None, .. } = self.state else { return Err(DepayError::Unfinished) };
        let Some(kind) = nal::kind(self.codec, nal) else { return Ok(()) };
        let at = self.data.len();
        self.data.extend_from_slice(&[0; 4]);
        self.data.extend_from_slice(nal);
        self.state = State::Open { ticks, open: None, last_kind: kind };
        self.close_nal(at);
        Ok(())
    }

    /// `fu` has the start bit at 0x80 and the end bit at 0x40 in both formats.
    fn fragment(&mut self, header: &[u8], fu: u8, rest: &[u8]) -> Result<(), DepayError> {
        if rest.is_empty() {
            self.odd.note(Odd::EmptyFragment);
        }
        if fu & 0xc0 == 0xc0 {
            self.odd.note(Odd::FragmentOfOne);
        }
        let State::Open { ticks, open, last_kind } = self.state else { return Err(DepayError::Headless) };
        let at = match (fu & 0x80 != 0, open) {
            (true, Some(_)) => return Err(DepayError::Unfinished),
            (false, None) => return Err(DepayError::Headless),
            (false, Some(at)) => at,
            (true, None) => {
                let at = self.data.len();
                self.data.extend_from_slice(&[0; 4]);
                self.data.extend_from_slice(header);
                at
            }
        };
        // Some cameras name the kind right in the first fragment only.
        let kind = nal::kind(self.codec, &self.data[at + 4..]);
        if kind != nal::kind(self.codec, header) {
            self.odd.note(Odd::FragmentKindChanges);
        }
        self.data.extend_from_slice(rest);
        if fu & 0x40 == 0 {
            self.state = State::Open { ticks, open: Some(at), last_kind };
        } else {
            let last_kind = kind.unwrap_or(last_kind);
            self.state = State::Open { ticks, open: None, last_kind };
            self.close_nal(at);
        }
        Ok(())
    }

    /// Fills in the length at `at`; takes a hidden Annex B stream apart.
    fn close_nal(&mut self, at: usize) {
        let nal = &self.data[at + 4..];
        if let Some(kind) = nal::kind(self.codec, nal)
            && nal::may_hide_annex_b(self.codec, kind)
        {
            let units = nal::split_annex_b(nal);
            if units.len() > 1 {
                self.odd.note(Odd::AnnexBInside);
                let mut apart = Vec::with_capacity(nal.len() + 8);
                let mut end_kind = kind;
                for unit in units {
                    apart.extend_from_slice(&prefix(unit.len()));
                    apart.extend_from_slice(unit);
                    end_kind = nal::kind(self.codec, unit).unwrap_or(end_kind);
                }
                self.data.truncate(at);
                self.data.extend_from_slice(&apart);
                if let State::Open { last_kind, .. } = &mut self.state {
                    *last_kind = end_kind;
                }
                return;
            }
        }
        let len = prefix(self.data.len() - at - 4);
        self.data[at..at + 4].copy_from_slice(&len);
    }
}

fn prefix(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// Whether the payload's first NAL unit can be the first of an access unit.
fn begins_unit(codec: Codec, payload: &[u8]) -> bool {
    let Some(kind) = nal::kind(codec, payload) else { return false };
    match (codec, kind) {
        (Codec::H264, 24) => payload.get(3..).is_some_and(|nal| nal::may_begin_unit(codec, nal)),
        (Codec::H265, 48) => payload.get(4..).is_some_and(|nal| nal::may_begin_unit(codec, nal)),
        (Codec::H264, 28) => payload
            .get(..3)
            .is_some_and(|p| p[1] & 0x80 != 0 && nal::may_begin_unit(codec, &[(p[0] & 0xe0) | (p[1] & 0x1f), p[2]])),
        (Codec::H265, 49) => payload.get(..4).is_some_and(|p| {
            p[2] & 0x80 != 0 && nal::may_begin_unit(codec, &[(p[0] & 0x81) | ((p[2] & 0x3f) << 1), p[1], p[3]])
        }),
        _ => nal::may_begin_unit(codec, payload),
    }
}

/// The units one packet completed, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Units {
    first: Option<Unit>,
    second: Option<Unit>,
}

impl Iterator for Units {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        self.first.take().or_else(|| self.second.take())
    }
}

#[cfg(test)]
#[path = "video_tests.rs"]
mod tests;
