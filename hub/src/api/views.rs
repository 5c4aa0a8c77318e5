//! Looking at footage. The journal has the view before its first byte goes out (ACC-03); no reason, no view (ACC-02).

mod range;

use axum::body::Body as Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use farwatch_shared::size::ByteSize;
use futures::stream;

use super::prelude::*;
use super::show;
use crate::audit::Entry;
use crate::store::pulls::{PullRow, PullSegmentRow, ViewRow};
use crate::store::{self, Conn, agents, pulls, sites};
use crate::vault::{self, Vault};
use range::{Part, Wanted};

/// Footage is read and sent in blocks of this size.
const BLOCK: usize = 256 << 10;
/// A view is good for this long.
const LIFE_MS: i64 = 4 * 3_600_000;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_view, add_view).at(__path_clip, clip).at(__path_segment, segment)
}

/// Opens a view. It is in the journal before this is answered; without a reason there is none.
#[utoipa::path(post, path = "/api/v1/pulls/{id}/views", tag = "views", params(("id" = String, Path)),
    request_body = AddView, responses((status = 201, body = View), (status = "4XX", body = Failure)))]
async fn add_view(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(id): Named<OrderId>,
    Body(ask): Body<AddView>,
) -> Result<(StatusCode, Json<View>), Fail> {
    let now = office.clock.wall();
    let row = ViewRow {
        view: ViewId::generate(),
        order: id,
        person: person.id,
        reason: take::reason(&ask.reason)?,
        created_ms: now,
    };
    let entry = Entry::done(now, person.actor(), "pull.view", id)
        .with("view", row.view.to_string())
        .with("reason", row.reason.clone());
    let view = View { view: row.view, expires_ms: now.plus_ms(LIFE_MS) };
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                let pull = pulls::get(c, id).await?;
                if pull.state.is_final() && pull.bytes_received == 0 {
                    return Err(Fail::conflict(
                        "nothing_to_see",
                        "this pull ended before any footage arrived",
                        "ask for the footage again",
                    ));
                }
                Ok(pulls::insert_view(c, &row).await?)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// What a view can play so far.
#[utoipa::path(get, path = "/api/v1/views/{view}/clip", tag = "views", params(("view" = String, Path)),
    responses((status = 200, body = Clip), (status = "4XX", body = Failure)))]
async fn clip(person: Person, State(office): State<Office>, Named(id): Named<ViewId>) -> Result<Json<Clip>, Fail> {
    let mut c = office.db.read().await?;
    let view = open_view(&mut c, &office, &person, id).await?;
    let pull = pulls::get(&mut c, view.order).await?;
    let agent = agents::get(&mut c, pull.agent).await?;
    let site = sites::get(&mut c, agent.site).await?;
    let segments = pulls::segments(&mut c, view.order).await?;
    Ok(Json(as_clip(&pull, &segments, site.time_zone)))
}

/// Bytes of one segment, as far as they have arrived. Takes one `Range`.
///
/// `Content-Range` names the whole size; a range that begins at or after what has arrived is answered 416 with the code
/// `not_there_yet`, and 416 `bad_range` beyond the end.
#[utoipa::path(get, path = "/api/v1/views/{view}/segments/{n}", tag = "views",
    params(("view" = String, Path), ("n" = u32, Path)),
    responses((status = 200, description = "Everything that has arrived.", content_type = "video/mp4"),
        (status = 206, description = "The part asked for, as far as it has arrived.", content_type = "video/mp4"),
        (status = "4XX", body = Failure)))]
async fn segment(
    person: Person,
    State(office): State<Office>,
    Named((id, n)): Named<(ViewId, u32)>,
    headers: HeaderMap,
) -> Result<Response, Fail> {
    let row = {
        let mut c = office.db.read().await?;
        let view = open_view(&mut c, &office, &person, id).await?;
        let all = pulls::segments(&mut c, view.order).await?;
        all.into_iter().find(|row| row.ordinal == u64::from(n)).ok_or_else(|| Fail::not_found("segment"))?
    };
    let wanted = headers.get(header::RANGE).map(|value| Wanted::read(value.as_bytes()));
    match wanted.unwrap_or(Wanted::All).of(vault::ready(&row), row.bytes_total) {
        Ok(part) => Ok(bytes(office.vault.clone(), row, part)),
        Err(refused) => Ok(refused.answer(row.bytes_total)),
    }
}

fn bytes(vault: Vault, row: PullSegmentRow, part: Part) -> Response {
    let total = row.bytes_total;
    let blocks = stream::try_unfold(part.start, move |at| {
        let (vault, short) = (vault.clone(), row.short.clone());
        async move {
            let length = usize::try_from(part.end - at).unwrap_or(BLOCK).min(BLOCK);
            if length == 0 {
                return Ok::<_, std::io::Error>(None);
            }
            let block = vault.read(row.order, &short, at, length).await?;
            // Fewer bytes than the row promises: cutting the answer short is the only honest thing left to do.
            if block.is_empty() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let next = at + block.len() as u64;
            Ok(Some((block, next)))
        }
    });
    let mut response = Response::new(Bytes::from_stream(blocks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if part.asked {
        let text = format!("bytes {}-{}/{total}", part.start, part.end.saturating_sub(1));
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// The view, if it is this person's and not over. Somebody else's is as good as none.
async fn open_view(c: &mut Conn, office: &Office, person: &Person, id: ViewId) -> Result<ViewRow, Fail> {
    let view = match pulls::view(c, id).await {
        Err(store::StoreError::Missing { .. }) => None,
        found => Some(found?),
    };
    let view = view.filter(|view| view.person == person.id).ok_or_else(|| Fail::not_found("view"))?;
    if office.clock.wall().since(view.created_ms) >= LIFE_MS {
        return Err(Fail::new(
            StatusCode::GONE,
            "view_over",
            "a view is good for 4 hours, and this one is older",
            "open it again and say why",
        ));
    }
    Ok(view)
}

fn as_clip(pull: &PullRow, rows: &[PullSegmentRow], time_zone: String) -> Clip {
    let segments: Vec<ClipSegment> = rows.iter().map(as_segment).collect();
    Clip {
        pull: pull.order,
        state: show::pull_state(pull.state),
        codec: codecs(&segments),
        start_ms: segments.iter().map(|s| s.sent_start_ms).min().unwrap_or(pull.start_ms),
        end_ms: segments.iter().map(|s| s.end_ms).max().unwrap_or(pull.end_ms),
        time_zone,
        complete: !segments.is_empty() && segments.iter().all(|s| s.complete),
        derived: segments.iter().any(|s| s.derived),
        segments,
    }
}

fn as_segment(row: &PullSegmentRow) -> ClipSegment {
    let body = &row.body;
    ClipSegment {
        n: u32::try_from(row.ordinal).unwrap_or(u32::MAX),
        short: row.short.clone(),
        start_ms: body.start_ms,
        end_ms: body.sent_end_ms,
        sent_start_ms: body.sent_start_ms,
        bytes_total: ByteSize(row.bytes_total),
        bytes_ready: ByteSize(vault::ready(row)),
        complete: row.bytes_received == row.bytes_total,
        codec: body.codec.clone(),
        audio_codec: body.audio_codec.clone(),
        width: body.width,
        height: body.height,
        derived: body.derived,
    }
}

/// The codecs parameter of the first segment: what the player asks the browser for. Later segments may differ; each
/// carries its own.
fn codecs(segments: &[ClipSegment]) -> String {
    let Some(first) = segments.first() else { return String::new() };
    match &first.audio_codec {
        Some(audio) => format!("{},{audio}", first.codec),
        None => first.codec.clone(),
    }
}
