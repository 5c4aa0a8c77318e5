//! Everything known of one stretch of one stream, read from the rows and the fleet's picture.
//!
//! Belongs here: what the strip, the site's strips and the running days of the calendar all begin with: footage without what
//! was deleted, with the clock's trust; gaps; damage; the file that is still open. Does not: drawing, adding up.

use farwatch_shared::id::StreamName;
use farwatch_shared::time::{ClockState, Span, WallMs};
use farwatch_shared::wire::latest::ClockChange;

use super::strip::{self, Kept};
use crate::api::Office;
use crate::api::stretches::{self, split};
use crate::store::cameras::CameraRow;
use crate::store::deletions::GoneRow;
use crate::store::happenings::ClockRow;
use crate::store::timeline::{GapRow, SpanRow};
use crate::store::{Conn, Result, deletions, faults, happenings, timeline as rows};

/// One stretch of one stream.
pub(in crate::api) struct Gathered {
    /// By start; none of it deleted.
    pub kept: Vec<Kept>,
    /// By start.
    pub gaps: Vec<GapRow>,
    pub damage: Vec<Span>,
    pub deleted: Vec<Span>,
    /// Of the box, in the stretch and a few before it.
    pub clock: Vec<ClockRow>,
    /// On the agent's disk and not in a closed, reported file yet.
    pub open: Option<Span>,
}

impl Gathered {
    /// Reads it.
    pub(in crate::api) async fn read(
        c: &mut Conn,
        office: &Office,
        camera: &CameraRow,
        stream: StreamName,
        range: Span,
    ) -> Result<Self> {
        let id = camera.camera;
        let clock = happenings::clock_around(c, camera.agent, range).await?;
        let gone = deletions::gone(c, id, stream, range).await?;
        let agent = office.fleet.agent(camera.agent);
        let trust = Trust::of(&clock, agent.and_then(|a| a.health.as_ref().map(|h| h.clock.state)));
        let mut kept = Vec::new();
        let mut after = None;
        loop {
            let page = rows::spans(c, id, stream, range, after.as_ref()).await?;
            after = page.next;
            page.rows.into_iter().for_each(|row| kept.extend(trust.told(left(row, &gone))));
            if after.is_none() {
                break;
            }
        }
        let mut gaps = Vec::new();
        let mut after = None;
        loop {
            let page = rows::gaps(c, id, stream, range, after.as_ref()).await?;
            after = page.next;
            gaps.extend(page.rows);
            if after.is_none() {
                break;
            }
        }
        let damage = stretches::union(faults::damage(c, id, stream, range).await?);
        let now = office.fleet.camera(id);
        let status = now.streams.get(&stream).map(|s| &*s.status);
        let unbroken = status.and_then(|s| s.unbroken_since_ms);
        let holes: Vec<Span> = gaps.iter().map(|g| g.span).collect();
        let oldest = status.and_then(|s| s.oldest_ms).map(|oldest| oldest.max(range.start_ms));
        let told_until = end(&kept).max(oldest);
        let unreported = strip::between_gaps(told_until, unbroken, &holes).into_iter().filter(|s| s.overlaps(&range));
        kept.extend(trust.told(unreported.map(Kept::unreported).collect()));
        kept.sort_by_key(|k| k.span);
        let open = strip::open_stretch(end(&kept), unbroken, status.and_then(|s| s.last_committed_ms))
            .filter(|open| open.overlaps(&range));
        let deleted = stretches::union(gone.into_iter().map(|g| g.span).collect());
        Ok(Self { kept, gaps, damage, deleted, clock, open })
    }

    /// All time of which footage is there, damaged or not, the open file counted in.
    pub(in crate::api) fn footage(&self) -> Vec<Span> {
        stretches::union(self.kept.iter().map(|k| k.span).chain(self.open).collect())
    }
}

fn end(kept: &[Kept]) -> Option<WallMs> {
    kept.iter().map(|k| k.span.end_ms).max()
}

/// What is left of a stretch after deletions of its run.
fn left(row: SpanRow, gone: &[GoneRow]) -> Vec<Kept> {
    let cuts: Vec<Span> = gone.iter().filter(|g| g.run == row.run).map(|g| g.span).collect();
    let whole = Kept { span: row.span, bytes: row.bytes, activity: row.activity, clock: ClockState::Ntp };
    if !cuts.iter().any(|cut| cut.overlaps(&row.span)) {
        return vec![whole];
    }
    stretches::without(&[row.span], &stretches::union(cuts)).into_iter().map(|span| whole.part(span)).collect()
}

/// How far the clock could be trusted, from an instant on; what held before the first is the first.
struct Trust(Vec<(WallMs, ClockState)>);

impl Trust {
    fn of(changes: &[ClockRow], now: Option<ClockState>) -> Self {
        let mut out = Vec::new();
        for row in changes {
            let ClockChange::State { before, now } = row.change else { continue };
            if out.is_empty() {
                out.push((WallMs(i64::MIN), before));
            }
            out.push((row.at_ms, now));
        }
        if out.is_empty() {
            // Nothing is trusted only because nobody said anything.
            out.push((WallMs(i64::MIN), now.unwrap_or(ClockState::Unsynced)));
        }
        Self(out)
    }

    /// The stretches with the trust of their time, cut where it changed.
    fn told(&self, kept: Vec<Kept>) -> Vec<Kept> {
        let mut out = Vec::with_capacity(kept.len());
        for whole in kept {
            let first = self.0.partition_point(|(from, _)| *from <= whole.span.start_ms).saturating_sub(1);
            let last = self.0.partition_point(|(from, _)| *from < whole.span.end_ms).saturating_sub(1);
            if first >= last {
                let clock = self.0.get(first).map_or(ClockState::Unsynced, |(_, state)| *state);
                out.push(Kept { clock, ..whole });
                continue;
            }
            let mut rest = Some(whole.span);
            for at in first..=last {
                let until = self.0.get(at + 1).map_or(WallMs(i64::MAX), |(from, _)| *from);
                let Some(span) = rest else { break };
                let (now, later) = split(span, until);
                let clock = self.0.get(at).map_or(ClockState::Unsynced, |(_, state)| *state);
                out.extend(now.map(|span| Kept { clock, ..whole.part(span) }));
                rest = later;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::BootNs;

    fn span(start: i64, end: i64) -> Span {
        Span::new(WallMs(start), WallMs(end)).unwrap()
    }

    fn row(start: i64, end: i64) -> SpanRow {
        SpanRow { span: span(start, end), run: "r".into(), bytes: 1000, activity: vec![100; 10] }
    }

    // RET-04
    #[test]
    fn what_was_deleted_is_not_shown_and_what_was_left_is() {
        let gone = |run: &str, start, end| GoneRow { run: run.into(), span: span(start, end) };
        let left = |gone: &[GoneRow]| left(row(0, 100), gone);
        assert_eq!(left(&[gone("other", 0, 100)])[0].bytes, 1000, "another recorder's copy is still there");
        assert!(left(&[gone("r", -50, 40), gone("r", 40, 200)]).is_empty());
        let rest = left(&[gone("r", -50, 40)]);
        assert_eq!((rest[0].span, rest[0].bytes, &*rest[0].activity), (span(40, 100), 600, &[100; 6][..]));
    }

    // CAP-05
    #[test]
    fn footage_is_marked_with_the_trust_its_clock_had() {
        let at = |at, before, now| ClockRow {
            at_ms: WallMs(at),
            boot_id: String::new(),
            boot_ns: BootNs(0),
            change: ClockChange::State { before, now },
        };
        let changes = [at(40, ClockState::Unsynced, ClockState::Rtc), at(70, ClockState::Rtc, ClockState::Ntp)];
        let told = Trust::of(&changes, None).told(left(row(0, 100), &[]));
        let seen: Vec<_> = told.iter().map(|k| (k.span.start_ms.0, k.span.end_ms.0, k.clock, k.bytes)).collect();
        let want =
            [(0, 40, ClockState::Unsynced, 400), (40, 70, ClockState::Rtc, 300), (70, 100, ClockState::Ntp, 300)];
        assert_eq!(seen, want);
        assert_eq!(Trust::of(&[], None).told(left(row(0, 9), &[]))[0].clock, ClockState::Unsynced);
        assert_eq!(Trust::of(&[], Some(ClockState::Ntp)).told(left(row(0, 9), &[]))[0].clock, ClockState::Ntp);
    }
}
