//! The fMP4 vocabulary: what a segment file is made of, how it is built, read and checked.
//!
//! Belongs here: boxes, the head (`ftyp moov uuid`), fragments (`uuid prft moof mdat`), NAL units and parameter sets as
//! far as a recorder must know them. Does not: files, cutting decisions (the agent's `record`), decoding.
//!
//! Every reader takes bytes of any origin: nothing here panics or allocates more than its input on hostile bytes.

pub mod audio;
mod bits;
pub mod boxes;
pub mod fragment;
pub mod ident;
pub mod init;
pub mod nal;
pub mod sets;
mod sps;
#[cfg(test)]
mod tests;

/// Ticks per second of the video track and of RTP video clocks.
pub const VIDEO_TIMESCALE: u32 = 90_000;

/// Nanoseconds of a number of 1/90000 s ticks.
#[must_use]
pub fn ticks90k_to_ns(ticks: i64) -> i64 {
    let ns = i128::from(ticks) * 100_000 / 9;
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}
