//! Enrolment tokens: how a box joins.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use super::prelude::*;
use crate::audit::Entry;
use crate::enrol;
use crate::store::{sites, tokens as rows};

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_tokens, tokens).at(__path_add_token, add_token)
}

/// Enrolment tokens, newest first, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, body = Tokens), (status = "4XX", body = Failure)))]
async fn tokens(_: Person, State(office): State<Office>) -> Result<Json<Tokens>, Fail> {
    let now = office.clock.wall();
    let mut c = office.db.read().await?;
    let sites = sites::all(&mut c).await?;
    let name = |id: SiteId| sites.iter().find(|s| s.site == id).map_or_else(String::new, |s| s.name.clone());
    let rows = rows::recent(&mut c).await?.into_iter();
    let tokens = rows
        .map(|row| Token {
            id: row.token,
            site: row.site,
            site_name: name(row.site),
            state: match row.used_ms {
                Some(_) => TokenState::Used,
                None if row.expires_ms <= now => TokenState::Expired,
                None => TokenState::Open,
            },
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            used_ms: row.used_ms,
            agent: row.agent,
        })
        .collect();
    Ok(Json(Tokens { tokens }))
}

/// Makes an enrolment token. Its URL and code are shown this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = AddToken,
    responses((status = 201, body = NewToken), (status = "4XX", body = Failure)))]
async fn add_token(
    Admin(person): Admin,
    State(office): State<Office>,
    Body(ask): Body<AddToken>,
) -> Result<(StatusCode, Json<NewToken>), Fail> {
    let now = office.clock.wall();
    let ttl_ms = i64::from(ask.ttl_s.unwrap_or(3_600)) * 1000;
    let made = enrol::tokens::make(ask.site_id, Some(person.id), ttl_ms, now);
    let made = made.map_err(|e| Fail::internal("making a token", &e))?;
    let url = enrol::tokens::url(&made.secret, &office.keys, &office.config, &office.doors).to_string();
    let qr_svg = qr(&url)?;
    let entry = Entry::done(now, person.actor(), "token.add", made.row.token)
        .with("site", ask.site_id.to_string())
        .with("expires_ms", made.row.expires_ms);
    let answer = NewToken { id: made.row.token, url, qr_svg, expires_ms: made.row.expires_ms };
    let row = made.row;
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                sites::get(c, row.site).await?;
                Ok(rows::insert(c, &row).await?)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Low error correction: it is read from a screen, and larger modules are read from further away.
fn qr(text: &str) -> Result<String, Fail> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|e| Fail::internal("drawing the enrolment code", &e))?;
    Ok(code
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .dark_color(svg::Color("#000000"))
        .light_color(svg::Color("#ffffff"))
        .quiet_zone(true)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_url_with_many_hosts_still_fits_a_code() {
        let url = format!(
            "https://hub.example.org:8444/e#t={}&ca={}&owner={}{}",
            "a".repeat(43),
            "b".repeat(43),
            "c".repeat(43),
            "&h=hub10.example.org:8444".repeat(10)
        );
        let svg = qr(&url).unwrap();
        assert!(svg.starts_with("<?xml") && svg.contains("<svg"), "{}", &svg[..80]);
        assert!(!svg.contains("script"));
    }
}
