//! The strip of a camera: what is kept, what is missing and why, what is held, what happened.

pub(super) mod gather;
mod strip;

use farwatch_shared::size::ByteSize;
use farwatch_shared::time::Span;

use self::gather::Gathered;
use self::strip::Fine;
use super::prelude::*;
use super::show;
use crate::store::cameras::HoldRow;
use crate::store::happenings::EventRow;
use crate::store::{agents, cameras, happenings, sites, timeline as rows};

/// Longest stretch one answer covers.
const MOST_DAYS: i64 = 40;
/// Longest stretch of a whole site.
const MOST_SITE_DAYS: i64 = 8;
/// Most gaps in one answer.
const MOST_GAPS: usize = 2000;
/// Most events in one answer.
const MOST_EVENTS: usize = 2000;
/// Most clock marks in one answer.
const MOST_MARKS: usize = 500;
/// Most gaps of one camera of a site.
const MOST_CELL_GAPS: usize = 200;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_timeline, timeline).at(__path_site_strip, site_strip)
}

/// The strip: what is kept, what is missing and why, what is held.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/timeline", tag = "timeline",
    params(("id" = String, Path), TimelineQuery),
    responses((status = 200, body = Timeline), (status = "4XX", body = Failure)))]
async fn timeline(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
    Asked(ask): Asked<TimelineQuery>,
) -> Result<Json<Timeline>, Fail> {
    let range = take::stretch(ask.from_ms, ask.to_ms, office.clock.wall(), MOST_DAYS)?;
    let stream = ask.stream.into();
    let mut c = office.db.read().await?;
    let camera = cameras::get(&mut c, id).await?;
    let agent = agents::get(&mut c, camera.agent).await?;
    let site = sites::get(&mut c, agent.site).await?;
    let all = Gathered::read(&mut c, &office, &camera, stream, range).await?;
    let holds = held(cameras::holds(&mut c, id).await?, range).map(show::hold).collect();
    let events = happenings::events(&mut c, id, range).await?;
    let (gaps, gaps_left_out) = longest(all.gaps.into_iter().map(gap).collect(), MOST_GAPS, |g| (g.start_ms, g.end_ms));
    let (events, _) = longest(events.into_iter().map(event).collect(), MOST_EVENTS, |e| (e.start_ms, e.end_ms));
    let marks: Vec<_> =
        all.clock.iter().filter(|row| range.contains(row.at_ms)).map(show::condition::clock_mark).collect();
    let (spans, merged_ms) = strip::drawn(&all.kept, range, Fine::PAGE);
    Ok(Json(Timeline {
        camera: id,
        stream: ask.stream,
        time_zone: site.time_zone,
        from_ms: range.start_ms,
        to_ms: range.end_ms,
        spans,
        gaps,
        holds,
        events,
        clock_marks: marks[marks.len().saturating_sub(MOST_MARKS)..].to_vec(),
        damage: all.damage.into_iter().map(stretch).collect(),
        deleted: all.deleted.into_iter().map(stretch).collect(),
        open_from_ms: all.open.map(|o| o.start_ms),
        open_until_ms: all.open.map(|o| o.end_ms),
        merged_ms,
        gaps_left_out,
    }))
}

/// The strips of all cameras of a site at once, main streams, at most 8 days.
#[utoipa::path(get, path = "/api/v1/sites/{id}/strip", tag = "timeline",
    params(("id" = String, Path), SiteStripQuery),
    responses((status = 200, body = SiteStrip), (status = "4XX", body = Failure)))]
async fn site_strip(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<SiteId>,
    Asked(ask): Asked<SiteStripQuery>,
) -> Result<Json<SiteStrip>, Fail> {
    let range = take::stretch(ask.from_ms, ask.to_ms, office.clock.wall(), MOST_SITE_DAYS)?;
    let mut c = office.db.read().await?;
    let site = sites::get(&mut c, id).await?;
    let mut out = Vec::new();
    for camera in cameras::of_site(&mut c, id).await? {
        let all = Gathered::read(&mut c, &office, &camera, StreamChoice::Main.into(), range).await?;
        let holds = cameras::holds(&mut c, camera.camera).await?;
        let (spans, _) = strip::drawn(&all.kept, range, Fine::CELL);
        out.push(CameraStrip {
            camera: camera.camera,
            spans,
            gaps: longest(all.gaps.into_iter().map(gap).collect(), MOST_CELL_GAPS, |g| (g.start_ms, g.end_ms)).0,
            open_from_ms: all.open.map(|o| o.start_ms),
            open_until_ms: all.open.map(|o| o.end_ms),
            damage: all.damage.into_iter().map(stretch).collect(),
            holds: held(holds, range).filter_map(|h| Span::new(h.start_ms, h.end_ms)).map(stretch).collect(),
        });
    }
    Ok(Json(SiteStrip { time_zone: site.time_zone, from_ms: range.start_ms, to_ms: range.end_ms, cameras: out }))
}

fn held(holds: Vec<HoldRow>, range: Span) -> impl Iterator<Item = HoldRow> {
    holds.into_iter().filter(move |h| h.start_ms < range.end_ms && range.start_ms < h.end_ms)
}

fn stretch(span: Span) -> Stretch {
    Stretch { start_ms: span.start_ms, end_ms: span.end_ms }
}

fn event(row: EventRow) -> EventSpan {
    EventSpan {
        trigger: show::recording::trigger(row.trigger),
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        detail: (!row.detail.is_empty()).then_some(row.detail),
    }
}

fn gap(row: rows::GapRow) -> GapSpan {
    GapSpan {
        start_ms: row.span.start_ms,
        end_ms: row.span.end_ms,
        cause: show::gap(row.cause),
        detail: (!row.detail.is_empty()).then_some(row.detail),
    }
}

/// The `most` longest, in order of time, and how many that leaves out.
fn longest<T>(mut all: Vec<T>, most: usize, bounds: impl Fn(&T) -> (WallMs, WallMs)) -> (Vec<T>, u64) {
    let left_out = all.len().saturating_sub(most);
    if left_out > 0 {
        let length = |one: &T| bounds(one).1.since(bounds(one).0);
        all.sort_by_key(|one| std::cmp::Reverse(length(one)));
        all.truncate(most);
        all.sort_by_key(|one| bounds(one).0);
    }
    (all, left_out as u64)
}

/// Bytes as the shapes have them.
fn size(bytes: u64) -> ByteSize {
    ByteSize(bytes)
}
