//! What the packets of a camera become, and what missing ones do.

use super::*;

fn packet(payload: &[u8], ticks: i64, mark: bool) -> Packet<'_> {
    Packet { payload, ticks, mark, lost: 0 }
}

fn push(d: &mut Depacketizer, payload: &[u8], ticks: i64, mark: bool) -> Vec<Unit> {
    d.push(packet(payload, ticks, mark)).expect("a good packet").collect()
}

fn lose(d: &mut Depacketizer, payload: &[u8], ticks: i64, mark: bool, lost: u16) -> Vec<Unit> {
    d.push(Packet { payload, ticks, mark, lost }).expect("a good packet").collect()
}

#[test]
fn parameter_sets_and_sei_stay_where_the_camera_put_them() {
    let mut d = Depacketizer::new(Codec::H264);
    assert!(push(&mut d, &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 2], 10, false).is_empty());
    assert!(push(&mut d, &[0x06, 5], 10, false).is_empty());
    assert!(push(&mut d, &[0x7c, 0x85, 0x88, 1], 10, false).is_empty());
    assert!(push(&mut d, &[0x7c, 0x05, 2], 10, false).is_empty());
    let units = push(&mut d, &[0x7c, 0x45, 3], 10, true);
    let data = [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 2, 0, 0, 0, 2, 0x06, 5, 0, 0, 0, 5, 0x65, 0x88, 1, 2, 3];
    assert_eq!(units, vec![Unit { ticks: 10, data: data.to_vec(), lost: 0 }]);
}

#[test]
fn h265_fragments_get_their_two_byte_header_back() {
    let mut d = Depacketizer::new(Codec::H265);
    assert!(push(&mut d, &[48 << 1, 1, 0, 3, 64, 1, 9, 0, 3, 66, 1, 8], 7, false).is_empty());
    // Type 49 with the layer bit of the header kept; FU type 19 (IDR_W_RADL).
    assert!(push(&mut d, &[49 << 1, 1, 0x80 | 19, 0xaf, 1], 7, false).is_empty());
    let units = push(&mut d, &[49 << 1, 1, 0x40 | 19, 2], 7, true);
    let data = [0, 0, 0, 3, 64, 1, 9, 0, 0, 0, 3, 66, 1, 8, 0, 0, 0, 5, 38, 1, 0xaf, 1, 2];
    assert_eq!(units, vec![Unit { ticks: 7, data: data.to_vec(), lost: 0 }]);
}

#[test]
fn a_new_timestamp_ends_a_unit_whose_marker_never_came() {
    let mut d = Depacketizer::new(Codec::H264);
    assert!(push(&mut d, &[0x41, 0x9a], 0, false).is_empty());
    let units = push(&mut d, &[0x41, 0x9b], 4_500, true);
    assert_eq!(units.iter().map(|u| u.ticks).collect::<Vec<_>>(), vec![0, 4_500]);
}

#[test]
fn a_marker_after_parameter_sets_does_not_end_the_picture() {
    let mut d = Depacketizer::new(Codec::H264);
    assert!(push(&mut d, &[0x67, 1], 0, true).is_empty());
    assert!(push(&mut d, &[0x68, 1], 1, true).is_empty());
    let units = push(&mut d, &[0x65, 0x88], 2, true);
    assert_eq!(units.len(), 1);
    assert_eq!(units[0].ticks, 2);
    assert_eq!(units[0].data.len(), 18);
}

#[test]
fn a_unit_that_lost_a_packet_is_dropped_and_the_next_says_so() {
    let mut d = Depacketizer::new(Codec::H264);
    assert!(push(&mut d, &[0x7c, 0x85, 0x88], 0, false).is_empty());
    assert!(lose(&mut d, &[0x7c, 0x45, 9], 0, true, 2).is_empty());
    let units = push(&mut d, &[0x41, 0x9a], 4_500, true);
    assert_eq!(units, vec![Unit { ticks: 4_500, data: vec![0, 0, 0, 2, 0x41, 0x9a], lost: 2 }]);
}

#[test]
fn a_session_that_begins_in_the_middle_of_a_picture_begins_with_the_next() {
    let mut d = Depacketizer::new(Codec::H264);
    assert!(push(&mut d, &[0x41, 0x1a], 0, true).is_empty());
    let units = push(&mut d, &[0x41, 0x9a], 4_500, true);
    assert_eq!(units, vec![Unit { ticks: 4_500, data: vec![0, 0, 0, 2, 0x41, 0x9a], lost: 0 }]);
}

#[test]
fn a_unit_whose_beginning_was_lost_is_dropped_too() {
    let mut d = Depacketizer::new(Codec::H264);
    assert_eq!(push(&mut d, &[0x41, 0x9a], 0, true).len(), 1);
    // The second slice of the next picture: first_mb_in_slice is not zero.
    assert!(lose(&mut d, &[0x41, 0x1a], 4_500, true, 1).is_empty());
    // A picture that begins with its first slice is whole although packets went missing before it.
    let units = lose(&mut d, &[0x41, 0x9a], 9_000, true, 3);
    assert_eq!(units.len(), 1);
    assert_eq!(units[0].lost, 4);
}

#[test]
fn a_fragment_without_its_beginning_is_refused_and_the_stream_goes_on() {
    let mut d = Depacketizer::new(Codec::H264);
    assert_eq!(push(&mut d, &[0x41, 0x9a], 0, true).len(), 1);
    assert_eq!(d.push(packet(&[0x7c, 0x05, 1], 1, false)), Err(DepayError::Headless));
    assert!(push(&mut d, &[0x7c, 0x45, 1], 1, true).is_empty());
    let units = push(&mut d, &[0x65, 0x88], 4_500, true);
    assert_eq!(units[0].lost, 1);
}

#[test]
fn an_annex_b_stream_hidden_in_one_unit_comes_apart() {
    let mut d = Depacketizer::new(Codec::H264);
    let units = push(&mut d, &[0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0x88], 0, true);
    let data = [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 2, 0, 0, 0, 2, 0x65, 0x88];
    assert_eq!(units, vec![Unit { ticks: 0, data: data.to_vec(), lost: 0 }]);
}

#[test]
fn no_payload_makes_it_panic() {
    use proptest::prelude::*;
    let packets =
        prop::collection::vec((prop::collection::vec(any::<u8>(), 0..24), 0i64..3, any::<bool>(), 0u16..2), 0..40);
    proptest!(|(packets in packets, hevc in any::<bool>())| {
        let mut d = Depacketizer::new(if hevc { Codec::H265 } else { Codec::H264 });
        for (payload, ticks, mark, lost) in &packets {
            if let Ok(units) = d.push(Packet { payload, ticks: *ticks, mark: *mark, lost: *lost }) {
                for unit in units {
                    let mut rest = &unit.data[..];
                    while !rest.is_empty() {
                        let len = u32::from_be_bytes(rest[..4].try_into().expect("a length")) as usize;
                        rest = &rest[4 + len..];
                    }
                }
            }
        }
    });
}

/// What is noticed of one H.264 picture sent as these packets: payload, timestamp, marker.
fn noticed(packets: &[(&[u8], i64, bool)]) -> Vec<&'static str> {
    let mut d = Depacketizer::new(Codec::H264);
    let units: Vec<Unit> =
        packets.iter().flat_map(|(payload, ticks, mark)| push(&mut d, payload, *ticks, *mark)).collect();
    assert_eq!(units.len(), 1, "one whole picture");
    assert_eq!(units[0].lost, 0);
    d.noticed().into_iter().map(Odd::name).collect()
}

// PEERS 9
#[test]
fn what_is_put_right_is_named_once_per_picture() {
    assert!(noticed(&[(&[0x67, 1], 0, false), (&[0x65, 0x88], 0, true)]).is_empty());
    let sei = &[0x06, 5, 1, 0, 0x80];
    assert_eq!(noticed(&[(sei, 0, true), (sei, 0, true), (&[0x65, 0x88], 0, true)]), ["marker_within_unit"]);
    assert_eq!(noticed(&[(&[0x67, 1], 0, false), (&[0x65, 0x88], 5, true)]), ["timestamp_within_unit"]);
    assert_eq!(noticed(&[(&[0x41, 0x9a], 0, false), (&[0x7c, 0x81, 0x9a], 9, false)]), ["marker_missing"]);
    assert_eq!(noticed(&[(&[0x7c, 0xc5, 0x88], 0, true)]), ["fragment_of_one"]);
    let fragments: [(&[u8], i64, bool); 3] =
        [(&[0x7c, 0x85, 0x88], 0, false), (&[0x7c, 0x05], 0, false), (&[0x7c, 0x45, 1], 0, true)];
    assert_eq!(noticed(&fragments), ["empty_fragment"]);
    assert_eq!(noticed(&[(&[0x7c, 0x85, 0x88], 0, false), (&[0x7c, 0x40, 1], 0, true)]), ["fragment_kind_changes"]);
    assert_eq!(noticed(&[(&[0x67, 1, 0, 0, 1, 0x65, 0x88], 0, true)]), ["annex_b_inside"]);
}
