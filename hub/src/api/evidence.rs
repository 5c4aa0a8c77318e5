//! What agents signed of their own footage: deletion certificates and checkpoints.

use axum::http::header;
use farwatch_shared::evidence::DeletedWhy;

use super::prelude::*;
use crate::store::checkpoints::CheckpointRow;
use crate::store::deletions::DeletionRow;
use crate::store::{agents, checkpoints, deletions, quarantine};

/// Daily checkpoints in one answer.
const DAYS: u32 = 31;
/// Documents whose refusal is an auditor's business.
const DOCUMENTS: [&str; 3] = ["coverage", "checkpoint", "deletion"];

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_certificates, certificates)
        .at(__path_certificate, certificate)
        .at(__path_agent_checkpoints, agent_checkpoints)
}

/// Deletion certificates, newest first.
#[utoipa::path(get, path = "/api/v1/certificates", tag = "evidence", params(CertificatesQuery),
    responses((status = 200, body = Certificates), (status = "4XX", body = Failure)))]
async fn certificates(
    _: Person,
    State(office): State<Office>,
    Asked(ask): Asked<CertificatesQuery>,
) -> Result<Json<Certificates>, Fail> {
    let mut c = office.db.read().await?;
    let before = ask.before_ms.map(WallMs);
    let rows = deletions::list(&mut c, ask.agent, ask.camera, before, take::limit(ask.limit)).await?;
    Ok(Json(Certificates { certificates: rows.into_iter().map(shown).collect() }))
}

/// One deletion certificate, word for word: what the offline verifier reads.
#[utoipa::path(get, path = "/api/v1/agents/{id}/certificates/{number}", tag = "evidence",
    params(("id" = String, Path), ("number" = u64, Path)),
    responses((status = 200, body = Envelope), (status = "4XX", body = Failure)))]
async fn certificate(
    _: Person,
    State(office): State<Office>,
    Named((id, number)): Named<(AgentId, u64)>,
) -> Result<Response, Fail> {
    let found = deletions::envelope(&mut *office.db.read().await?, id, number).await?;
    let envelope = found.ok_or_else(|| Fail::not_found("certificate"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], envelope).into_response())
}

/// How far an agent's chains are known to have come, and which of its documents were not believed.
#[utoipa::path(get, path = "/api/v1/agents/{id}/checkpoints", tag = "evidence", params(("id" = String, Path)),
    responses((status = 200, body = Checkpoints), (status = "4XX", body = Failure)))]
async fn agent_checkpoints(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<AgentId>,
) -> Result<Json<Checkpoints>, Fail> {
    let mut c = office.db.read().await?;
    agents::get(&mut c, id).await?;
    let newest = checkpoints::newest(&mut c, id).await?.map(checkpoint).transpose()?;
    let days = checkpoints::days(&mut c, id, DAYS).await?.into_iter().map(checkpoint).collect::<Result<_, _>>()?;
    let refused = quarantine::refusals(&mut c, id).await?;
    let refused = refused.into_iter().filter(|r| DOCUMENTS.contains(&&*r.what)).map(|r| RefusedDocument {
        what: r.what,
        code: r.refusal,
        detail: r.detail,
        first_ms: r.first_ms,
        last_ms: r.last_ms,
        count: r.count,
    });
    Ok(Json(Checkpoints { newest, days, refused: refused.collect() }))
}

fn checkpoint(row: CheckpointRow) -> Result<CheckpointView, Fail> {
    let envelope = serde_json::from_str(&row.envelope).map_err(|e| Fail::internal("reading a checkpoint", &e))?;
    Ok(CheckpointView { number: row.number, issued_ms: row.issued_ms, digest: row.digest, envelope })
}

fn shown(row: DeletionRow) -> CertificateOfDeletion {
    CertificateOfDeletion {
        agent: row.agent,
        number: row.number,
        camera: row.camera,
        stream: row.stream.into(),
        why: match row.why {
            DeletedWhy::Ceiling => DeletedReason::Ceiling,
            DeletedWhy::Space => DeletedReason::Space,
            DeletedWhy::Quota => DeletedReason::Quota,
            DeletedWhy::Breach => DeletedReason::Breach,
        },
        issued_ms: row.issued_ms,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        segments: row.segments,
        bytes: row.bytes,
        digest: row.digest,
    }
}
