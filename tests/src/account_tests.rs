//! An account that errs would excuse a recorder: each kind of error must be found.

use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::GapCause;

use super::*;

fn moment(ms: i64) -> Moment {
    Moment { boot_ns: BootNs(ms * 1_000_000), wall_ms: WallMs(ms) }
}

/// Ten seconds sent; recorded but for the frames from `from_ms` to `to_ms`, which a gap names.
fn account(from_ms: i64, to_ms: i64) -> Account {
    let mut account = Account::new(CameraId::generate(), StreamName::Main, "cam0");
    for number in 0..200 {
        let frame = FrameIndex(number);
        let sent_boot_ns = taken_ns(frame) + i64::try_from(number % 3).unwrap() * 1_000_000;
        account.note_sent(&SentFrame {
            session: 1,
            mount: "cam0".into(),
            codec: "h264".into(),
            frame,
            counter: frame.counter(),
            key: number % 40 == 0,
            rtp_ts: 0,
            dropped: 0,
            sent_wall_ms: 0,
            sent_boot_ns,
        });
        let at = i64::try_from(frame.wall_ms()).unwrap();
        if !(from_ms..to_ms).contains(&at) {
            account.recorded.insert(frame);
        }
    }
    account.gaps.push(gap(from_ms, to_ms));
    account
}

fn gap(from_ms: i64, to_ms: i64) -> Gap {
    Gap {
        camera: CameraId::generate(),
        stream: StreamName::Main,
        start: moment(from_ms),
        end: moment(to_ms),
        cause: GapCause::Camera,
        detail: None,
        across_boots: false,
    }
}

#[test]
fn a_gap_that_names_what_is_missing_settles() {
    let account = account(2_000, 4_000);
    let verdict = account.settle();
    assert_eq!((verdict.sent, verdict.recorded, verdict.missing_ms), (200, 160, 2_000));
}

#[test]
fn a_missing_frame_outside_every_gap_is_found() {
    let mut account = account(2_000, 4_000);
    account.recorded.remove(&FrameIndex(150));
    assert_eq!(account.disputed(), (vec![FrameIndex(150)], vec![]));
}

#[test]
fn a_gap_over_a_recorded_frame_is_found() {
    let mut account = account(2_000, 4_000);
    account.recorded.insert(FrameIndex(60));
    assert_eq!(account.disputed(), (vec![], vec![FrameIndex(60)]));
}

#[test]
fn pieces_that_overlap_or_leave_something_out_are_found_and_switching_off_is_no_fault() {
    let mut account = account(2_000, 4_000);
    account.gaps.push(gap(4_000, 5_000));
    assert!(account.seams().is_empty());
    account.gaps.push(gap(4_900, 6_000));
    account.gaps.push(gap(6_500, 7_000));
    assert_eq!(account.seams().len(), 2, "{:?}", account.seams());
    account.switched_off.push(moment(6_000));
    assert_eq!(account.seams().len(), 1, "{:?}", account.seams());
    assert_eq!(account.verdict().expected_ms, 4_500);
}

#[test]
fn pieces_of_one_cause_that_meet_are_told_as_one() {
    let mut account = account(2_000, 4_000);
    account.gaps.push(gap(4_000, 5_000));
    account.gaps.push(Gap { cause: GapCause::Network, ..gap(5_000, 6_000) });
    let told: Vec<_> = account.told().into_iter().map(|gap| (gap.start_ms, gap.end_ms, gap.cause)).collect();
    assert_eq!(told, [(2_000, 5_000, "camera".into()), (5_000, 6_000, "network".into())]);
}
