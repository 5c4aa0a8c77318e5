//! What is odd about a mount: every known way in which real cameras break RTSP, RTP and their formats.
//!
//! Belongs here: the names and the set. Does not: how an oddity is done (`session`, `sdp` for the signalling, `odd` for
//! the packets). Most are in the changelog of retina, which is the best catalogue of bad cameras there is.

use serde::{Serialize, Serializer};

/// One oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Quirk {
    BaseWithoutScheme,
    NoContentType,
    SsrcBlank,
    SsrcShort,
    SessionIdChanges,
    WrongSequence,
    WrongRtptime,
    OddSdp,
    NoSets,
    BadSets,
    AnnexBSets,
    BadSps,
    TrailingSps,
    EarlyData,
    StrayChannel,
    OtherType,
    ShortTimeout,
    StaleSession,
    MarkerOnSei,
    NoMarker,
    SetsEarlier,
    EmptyFragments,
    FragmentOfOne,
    FragmentKind,
    AnnexBInside,
    ReportSsrc,
    ReportZero,
}

/// Every quirk with its name at the control port and what the camera then does.
pub const ALL: [(Quirk, &str, &str); 27] = [
    (Quirk::BaseWithoutScheme, "base-without-scheme", "Content-Base lacks rtsp://"),
    (Quirk::NoContentType, "no-content-type", "the answer to DESCRIBE has no Content-Type"),
    (Quirk::SsrcBlank, "ssrc-blank", "a blank before the SSRC in Transport and RTP-Info, a leading zero dropped"),
    (
        Quirk::SsrcShort,
        "ssrc-short",
        "an SSRC of four digits in Transport, before the channels, and another in the packets",
    ),
    (Quirk::SessionIdChanges, "session-id-changes", "every SETUP gives another session id"),
    (Quirk::WrongSequence, "wrong-sequence", "RTP-Info names a sequence number far from the first packet's"),
    (Quirk::WrongRtptime, "wrong-rtptime", "RTP-Info names no readable rtptime and ends in a semicolon"),
    (Quirk::OddSdp, "odd-sdp", "no origin line, a blank after rtpmap, an empty fmtp, a medium nobody can read"),
    (Quirk::NoSets, "no-sets", "no parameter sets in the SDP"),
    (Quirk::BadSets, "bad-sets", "the SDP's parameter sets are no parameter sets"),
    (Quirk::AnnexBSets, "annex-b-sets", "the SDP's parameter sets have start codes"),
    (Quirk::BadSps, "bad-sps", "the SPS ends too early, in the SDP and in band: cannot be repaired"),
    (Quirk::TrailingSps, "trailing-sps", "a stray byte after the SPS, in the SDP and in band"),
    (Quirk::EarlyData, "early-data", "packets come before the answer to PLAY"),
    (Quirk::StrayChannel, "stray-channel", "packets on a channel nobody set up"),
    (Quirk::OtherType, "other-type", "packets of payload type 50 among the video, with numbers of their own"),
    (Quirk::ShortTimeout, "short-timeout", "the session ends 6 s after the last request"),
    (
        Quirk::StaleSession,
        "stale-session",
        "a session cut off without TEARDOWN keeps its place and goes on for 8 s in the next connection",
    ),
    (Quirk::MarkerOnSei, "marker-on-sei", "an SEI before every picture, in a packet with the marker"),
    (Quirk::NoMarker, "no-marker", "no packet has the marker"),
    (Quirk::SetsEarlier, "sets-earlier", "parameter sets carry an earlier timestamp than their picture"),
    (Quirk::EmptyFragments, "empty-fragments", "fragments without payload among the others"),
    (Quirk::FragmentOfOne, "fragment-of-one", "small units come as a single fragment"),
    (Quirk::FragmentKind, "fragment-kind", "only the first fragment names the unit's kind"),
    (Quirk::AnnexBInside, "annex-b-inside", "a keyframe's units come as one with start codes between them"),
    (Quirk::ReportSsrc, "report-ssrc", "sender reports come from another SSRC"),
    (Quirk::ReportZero, "report-zero", "sender reports have a clock of zero"),
];

impl Quirk {
    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|(_, known, _)| *known == name).map(|(quirk, ..)| quirk)
    }
}

/// Several of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u32);

impl Quirks {
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & (1 << quirk as u8) != 0
    }

    pub fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | 1 << quirk as u8)
    }

    pub fn without(self, quirk: Quirk) -> Self {
        Self(self.0 & !(1 << quirk as u8))
    }
}

impl Serialize for Quirks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ALL.into_iter().filter(|(quirk, ..)| self.has(*quirk)).map(|(_, name, _)| name))
    }
}

/// The list for `--help`.
pub fn help() -> String {
    let mut text = "Quirks, switched on and off at the control port by `quirk NAME MOUNT` and `straight NAME MOUNT` \
        (NAME may be `all` there), or from the start by --quirk NAME@MOUNT. Those of the signalling show in the next \
        session:\n"
        .to_owned();
    for (_, name, what) in ALL {
        text += &format!("  {name:<20} {what}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_has_one_name_and_a_bit_of_its_own() {
        let mut all = Quirks::default();
        for (n, (quirk, name, _)) in ALL.into_iter().enumerate() {
            assert_eq!(quirk as usize, n, "{name} stands where it is numbered");
            assert_eq!(Quirk::named(name), Some(quirk));
            assert!(!all.has(quirk), "{name}");
            all = all.with(quirk);
            assert!(all.has(quirk));
        }
        assert!(!all.without(Quirk::NoSets).has(Quirk::NoSets));
        assert_eq!(serde_json::to_string(&Quirks::default().with(Quirk::NoSets)).expect("JSON"), r#"["no-sets"]"#);
    }
}
