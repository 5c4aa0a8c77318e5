//! A day that is not stated, added up from what was reported so far. Pure.

use std::collections::BTreeMap;

use farwatch_shared::evidence::CauseTotal;
use farwatch_shared::time::Span;
use farwatch_shared::wire::latest::GapCause;

use crate::api::shape::{CoverageDay, CoverageState, GapTotal};
use crate::api::show;
use crate::api::stretches::{both, total, union, within, without};
use crate::api::timeline::gather::Gathered;
use crate::store::coverage::StatementRow;

/// What is known of a stretch of a stream.
#[derive(Debug, Default)]
pub(super) struct Known {
    footage: Vec<Span>,
    damage: Vec<Span>,
    holds: Vec<Span>,
    gaps: Vec<(Span, GapCause)>,
}

impl Known {
    pub(super) fn of(all: &Gathered, holds: Vec<Span>) -> Self {
        Self {
            footage: all.footage(),
            damage: all.damage.clone(),
            holds: union(holds),
            gaps: all.gaps.iter().map(|g| (g.span, g.cause)).collect(),
        }
    }

    /// Footage wins over a gap that overlaps it (two recorders may overlap at a handover), an earlier cause over a later:
    /// recorded, damaged and the gaps never count an instant twice.
    pub(super) fn day(&self, day: String, span: Span) -> CoverageDay {
        let footage = within(&self.footage, span);
        let recorded = without(&footage, &self.damage);
        let damaged_ms = total(&footage) - total(&recorded);
        let mut by_cause: BTreeMap<GapCause, (u32, Vec<Span>)> = BTreeMap::new();
        for (gap, cause) in &self.gaps {
            let (count, spans) = match gap.intersect(&span) {
                Some(cut) => {
                    let entry = by_cause.entry(*cause).or_default();
                    entry.1.push(cut);
                    (&mut entry.0, cut)
                }
                None => continue,
            };
            *count += u32::from(!without(&[spans], &footage).is_empty());
        }
        let mut claimed = footage;
        let mut gaps = Vec::new();
        for (cause, (count, spans)) in by_cause {
            let own = without(&union(spans), &claimed);
            if count > 0 && !own.is_empty() {
                gaps.push(GapTotal { cause: show::gap(cause), count, ms: total(&own) });
            }
            claimed.extend(own);
            claimed = union(claimed);
        }
        let recorded_ms = total(&recorded);
        let expected_ms = recorded_ms + damaged_ms + gaps.iter().map(|g| g.ms).sum::<u64>();
        CoverageDay {
            day,
            start_ms: span.start_ms,
            end_ms: span.end_ms,
            expected_ms,
            recorded_ms,
            held_ms: total(&both(&recorded, &self.holds)),
            damaged_ms,
            gaps,
            state: if expected_ms == 0 { CoverageState::Unknown } else { CoverageState::Running },
            statement_number: None,
            floor_kept: None,
        }
    }
}

/// Two statements of one day: the later replaces the earlier, unless they are of different parts of it, as when the site's
/// zone was changed in between.
pub(super) fn joined(before: StatementRow, later: StatementRow) -> StatementRow {
    if later.start_ms < before.end_ms && before.start_ms < later.end_ms {
        return later;
    }
    let mut gaps: BTreeMap<GapCause, (u32, u64)> = BTreeMap::new();
    for gap in before.gaps.iter().chain(&later.gaps) {
        let sum = gaps.entry(gap.cause).or_default();
        *sum = (sum.0 + gap.count, sum.1 + gap.ms);
    }
    StatementRow {
        start_ms: before.start_ms.min(later.start_ms),
        end_ms: before.end_ms.max(later.end_ms),
        expected_ms: before.expected_ms + later.expected_ms,
        recorded_ms: before.recorded_ms + later.recorded_ms,
        held_ms: before.held_ms + later.held_ms,
        damaged_ms: before.damaged_ms + later.damaged_ms,
        gaps: gaps.into_iter().map(|(cause, (count, ms))| CauseTotal { cause, count, ms }).collect(),
        floor_kept: before.floor_kept && later.floor_kept,
        ..later
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::shape::GapReason;
    use farwatch_shared::time::WallMs;

    fn span(start: i64, end: i64) -> Span {
        Span::new(WallMs(start), WallMs(end)).unwrap()
    }

    // RET-05
    #[test]
    fn a_running_day_counts_no_instant_twice_and_damage_is_not_recorded() {
        let known = Known {
            footage: vec![span(-50, 40), span(60, 100)],
            damage: vec![span(70, 80)],
            holds: vec![span(0, 20), span(75, 90)],
            gaps: vec![
                (span(40, 55), GapCause::Camera),
                (span(50, 60), GapCause::Network),
                (span(90, 95), GapCause::Update),
                (span(-80, -60), GapCause::Power),
            ],
        };
        let day = known.day("2026-11-24".into(), span(0, 100));
        assert_eq!((day.recorded_ms, day.damaged_ms, day.held_ms), (70, 10, 30));
        let gaps: Vec<_> = day.gaps.iter().map(|g| (g.cause, g.count, g.ms)).collect();
        assert_eq!(gaps, [(GapReason::Camera, 1, 15), (GapReason::Network, 1, 5)]);
        assert_eq!(day.expected_ms, day.recorded_ms + day.damaged_ms + 20);
        assert_eq!(day.state, CoverageState::Running);
        assert_eq!(known.day("2026-11-25".into(), span(100, 200)).state, CoverageState::Unknown);
    }

    #[test]
    fn a_later_statement_replaces_an_earlier_and_parts_of_a_day_are_added_up() {
        let said = |number: u64, start: i64, end: i64, recorded_ms: u64| StatementRow {
            number,
            camera: farwatch_shared::id::CameraId::generate(),
            stream: farwatch_shared::id::StreamName::Main,
            day: "2026-11-24".into(),
            start_ms: WallMs(start),
            end_ms: WallMs(end),
            expected_ms: recorded_ms + 5,
            recorded_ms,
            held_ms: 0,
            damaged_ms: 0,
            gaps: vec![CauseTotal { cause: GapCause::Power, count: 1, ms: 5 }],
            floor_kept: true,
        };
        assert_eq!(joined(said(1, 0, 100, 95), said(2, 0, 100, 90)).recorded_ms, 90);
        let both = joined(said(1, 0, 60, 55), said(2, 60, 100, 35));
        assert_eq!((both.number, both.recorded_ms, both.expected_ms, both.gaps[0].ms), (2, 90, 100, 10));
        assert_eq!((both.start_ms.0, both.end_ms.0), (0, 100));
    }
}
