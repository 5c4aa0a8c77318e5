//! The strip of a camera: what is kept, what is missing and why, what is held.

mod strip;

use farwatch_shared::size::ByteSize;
use farwatch_shared::time::Span;

use super::prelude::*;
use super::show;
use crate::store::{agents, cameras, sites, timeline as rows};

/// Longest stretch one answer covers.
const MOST_DAYS: i64 = 40;
/// Most gaps in one answer.
const MOST_GAPS: usize = 2000;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_timeline, timeline)
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
    let mut footage = strip::Strip::new(range);
    let mut after = None;
    loop {
        let page = rows::spans(&mut c, id, stream, range, after.as_ref()).await?;
        after = page.next;
        page.rows.into_iter().for_each(|row| footage.add(row));
        if after.is_none() {
            break;
        }
    }
    let mut gaps = Vec::new();
    let mut after = None;
    loop {
        let page = rows::gaps(&mut c, id, stream, range, after.as_ref()).await?;
        after = page.next;
        gaps.extend(page.rows.into_iter().map(gap));
        if after.is_none() {
            break;
        }
    }
    let now = office.fleet.camera(id);
    let status = now.streams.get(&stream).map(|s| &*s.status);
    let unbroken_since = status.and_then(|s| s.unbroken_since_ms);
    let holes: Vec<Span> = gaps.iter().filter_map(|g| Span::new(g.start_ms, g.end_ms)).collect();
    let oldest = status.and_then(|s| s.oldest_ms).map(|oldest| oldest.max(range.start_ms));
    let told_until = footage.end().max(oldest);
    for span in strip::between_gaps(told_until, unbroken_since, &holes).into_iter().filter(|s| s.overlaps(&range)) {
        footage.add(rows::SpanRow { span, run: String::new(), bytes: 0, activity: Vec::new() });
    }
    let open = strip::open_stretch(footage.end(), unbroken_since, status.and_then(|s| s.last_committed_ms))
        .filter(|open| open.overlaps(&range));
    let (gaps, gaps_left_out) = longest(gaps, MOST_GAPS);
    let holds = cameras::holds(&mut c, id).await?.into_iter();
    let holds = holds.filter(|h| h.start_ms < range.end_ms && range.start_ms < h.end_ms).map(show::hold).collect();
    let (spans, merged_ms) = footage.drawn();
    Ok(Json(Timeline {
        camera: id,
        stream: ask.stream,
        time_zone: site.time_zone,
        from_ms: range.start_ms,
        to_ms: range.end_ms,
        spans,
        gaps,
        holds,
        open_from_ms: open.map(|o| o.start_ms),
        open_until_ms: open.map(|o| o.end_ms),
        merged_ms,
        gaps_left_out,
    }))
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
fn longest(mut gaps: Vec<GapSpan>, most: usize) -> (Vec<GapSpan>, u64) {
    let left_out = gaps.len().saturating_sub(most);
    if left_out > 0 {
        gaps.sort_by_key(|g| std::cmp::Reverse(g.end_ms.since(g.start_ms)));
        gaps.truncate(most);
        gaps.sort_by_key(|g| g.start_ms);
    }
    (gaps, left_out as u64)
}

/// Bytes as the shapes have them.
fn size(bytes: u64) -> ByteSize {
    ByteSize(bytes)
}
