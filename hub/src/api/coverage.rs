//! The coverage calendar: what the agents signed of each day, and of days not signed yet what was reported so far.

mod days;

use std::collections::BTreeMap;

use axum::http::header;
use farwatch_shared::id::StreamName;
use farwatch_shared::time::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::days::Known;
use super::prelude::*;
use super::show;
use super::timeline::gather::Gathered;
use crate::policy::days::{day_of, span_of, zone};
use crate::store::cameras::CameraRow;
use crate::store::coverage::StatementRow;
use crate::store::{Conn, agents, cameras, coverage, sites};

/// Most days in one answer.
const MOST_DAYS: usize = 400;
/// Most days of a whole site.
const MOST_SITE_DAYS: usize = 62;
/// Days before the last, unless said otherwise.
const USUAL_DAYS: i64 = 30;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_camera_coverage, camera_coverage)
        .at(__path_coverage_statement, coverage_statement)
        .at(__path_site_coverage, site_coverage)
}

/// The calendar of a camera stream: how much of each day was recorded, and why not all of it.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/coverage", tag = "evidence",
    params(("id" = String, Path), CoverageQuery),
    responses((status = 200, body = Coverage), (status = "4XX", body = Failure)))]
async fn camera_coverage(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
    Asked(ask): Asked<CoverageQuery>,
) -> Result<Json<Coverage>, Fail> {
    let mut c = office.db.read().await?;
    let camera = cameras::get(&mut c, id).await?;
    let agent = agents::get(&mut c, camera.agent).await?;
    let site = sites::get(&mut c, agent.site).await?;
    let calendar = Calendar::asked(&ask, &site.time_zone, office.clock.wall(), MOST_DAYS)?;
    let days = calendar.fill(&mut c, &office, &camera, ask.stream.into()).await?;
    Ok(Json(Coverage { camera: id, stream: ask.stream, time_zone: site.time_zone, days }))
}

/// The signed statement of one day, word for word: what the offline verifier reads.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/coverage/{day}", tag = "evidence",
    params(("id" = String, Path), ("day" = String, Path, example = "2026-11-24"), StreamQuery),
    responses((status = 200, body = Envelope), (status = "4XX", body = Failure)))]
async fn coverage_statement(
    _: Person,
    State(office): State<Office>,
    Named((id, day)): Named<(CameraId, String)>,
    Asked(ask): Asked<StreamQuery>,
) -> Result<Response, Fail> {
    let mut c = office.db.read().await?;
    let found = coverage::envelope(&mut c, id, ask.stream.into(), &day).await?;
    let envelope = found.ok_or_else(|| Fail::not_found("statement"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], envelope).into_response())
}

/// The calendars of all cameras of a site at once, at most 62 days.
#[utoipa::path(get, path = "/api/v1/sites/{id}/coverage", tag = "evidence",
    params(("id" = String, Path), CoverageQuery),
    responses((status = 200, body = SiteCoverage), (status = "4XX", body = Failure)))]
async fn site_coverage(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<SiteId>,
    Asked(ask): Asked<CoverageQuery>,
) -> Result<Json<SiteCoverage>, Fail> {
    let mut c = office.db.read().await?;
    let site = sites::get(&mut c, id).await?;
    let calendar = Calendar::asked(&ask, &site.time_zone, office.clock.wall(), MOST_SITE_DAYS)?;
    let mut out = Vec::new();
    for camera in cameras::of_site(&mut c, id).await? {
        let days = calendar.fill(&mut c, &office, &camera, ask.stream.into()).await?;
        out.push(CameraCoverage { camera: camera.camera, name: camera.name, days });
    }
    Ok(Json(SiteCoverage { stream: ask.stream, time_zone: site.time_zone, cameras: out }))
}

/// The days that were asked for, in the site's zone.
struct Calendar {
    days: Vec<(Date, Span)>,
    now: WallMs,
}

impl Calendar {
    fn asked(ask: &CoverageQuery, time_zone: &str, now: WallMs, most: usize) -> Result<Self, Fail> {
        let bad = |text: String| Fail::bad("bad_range", text, "give days like 2026-11-24, the first before the last");
        let zone: TimeZone = zone(time_zone);
        let read = |text: &str| text.parse::<Date>().map_err(|_| bad(format!("{text:?} is not a day")));
        let today = day_of(now, &zone).ok_or_else(|| bad("the hub's clock is out of range".into()))?;
        let to = ask.to_day.as_deref().map(read).transpose()?.unwrap_or(today);
        let usual = || to.saturating_sub(jiff::Span::new().days(USUAL_DAYS));
        let from = ask.from_day.as_deref().map(read).transpose()?.unwrap_or_else(usual);
        let mut days = Vec::new();
        let mut day = from;
        while day <= to {
            if days.len() == most {
                return Err(bad(format!("from {from} to {to} are more than {most} days")));
            }
            let span = span_of(day, &zone).ok_or_else(|| bad(format!("{day} is out of range")))?;
            days.push((day, span));
            day = day.tomorrow().map_err(|_| bad(format!("{day} is out of range")))?;
        }
        if days.is_empty() {
            return Err(bad(format!("{from} is after {to}")));
        }
        Ok(Self { days, now })
    }

    /// Every day: stated, running or unknown.
    async fn fill(
        &self,
        c: &mut Conn,
        office: &Office,
        camera: &CameraRow,
        stream: StreamName,
    ) -> Result<Vec<CoverageDay>, Fail> {
        let (Some(first), Some(last)) = (self.days.first(), self.days.last()) else { return Ok(Vec::new()) };
        let (from, to) = (first.0.to_string(), last.0.to_string());
        let mut stated: BTreeMap<String, StatementRow> = BTreeMap::new();
        for row in coverage::between(c, camera.camera, stream, &from, &to).await? {
            let said = match stated.remove(&row.day) {
                Some(before) => days::joined(before, row),
                None => row,
            };
            stated.insert(said.day.clone(), said);
        }
        let is_stated = |day: &Date| stated.contains_key(&day.to_string());
        let open: Vec<Span> = self
            .days
            .iter()
            .filter(|(day, span)| !is_stated(day) && span.start_ms <= self.now)
            .map(|(_, s)| *s)
            .collect();
        let known = match (open.first(), open.last()) {
            (Some(first), Some(last)) => {
                let range = Span { start_ms: first.start_ms, end_ms: last.end_ms };
                let all = Gathered::read(c, office, camera, stream, range).await?;
                let holds = cameras::holds(c, camera.camera).await?;
                Known::of(&all, holds.iter().filter_map(|h| Span::new(h.start_ms, h.end_ms)).collect())
            }
            _ => Known::default(),
        };
        let day = |(day, span): &(Date, Span)| {
            let name = day.to_string();
            match stated.remove(&name) {
                Some(row) => shown(row),
                None => known.day(name, *span),
            }
        };
        Ok(self.days.iter().map(day).collect())
    }
}

fn shown(row: StatementRow) -> CoverageDay {
    let gaps = row.gaps.into_iter().map(|g| GapTotal { cause: show::gap(g.cause), count: g.count, ms: g.ms });
    CoverageDay {
        day: row.day,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        expected_ms: row.expected_ms,
        recorded_ms: row.recorded_ms,
        held_ms: row.held_ms,
        damaged_ms: row.damaged_ms,
        gaps: gaps.collect(),
        state: CoverageState::Stated,
        statement_number: Some(row.number),
        floor_kept: Some(row.floor_kept),
    }
}
