//! Enrolment tokens and the set-up link: single use, short-lived, kept as hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{PersonId, SiteId, TokenId};
use farwatch_shared::keys::{KeyError, random32};
use farwatch_shared::secret::Secret;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::EnrolUrl;

use crate::config::{Config, Doors, authority};
use crate::keys::Keys;
use crate::store::tokens::TokenRow;

/// Longest a token may live: a week.
pub const MAX_TTL_MS: i64 = 7 * 86_400_000;
/// The set-up link lives this long.
pub const SETUP_TTL_MS: i64 = 86_400_000;

/// A token: its row, and the secret nobody sees again.
pub struct NewToken {
    pub row: TokenRow,
    pub secret: Secret,
}

/// 256 random bits as text.
///
/// # Errors
/// When the system has no randomness.
pub fn new_secret() -> Result<Secret, KeyError> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(random32()?)))
}

/// What is kept of a secret. It holds 256 random bits, so a plain hash is enough.
#[must_use]
pub fn hash_of(secret: &Secret) -> Digest {
    Digest::of(secret.expose().as_bytes())
}

/// Makes a token for a site. `ttl_ms` is cut to between one minute and [`MAX_TTL_MS`].
///
/// # Errors
/// When the system has no randomness.
pub fn make(site: SiteId, person: Option<PersonId>, ttl_ms: i64, now: WallMs) -> Result<NewToken, KeyError> {
    let secret = new_secret()?;
    let row = TokenRow {
        token: TokenId::generate(),
        site,
        hash: hash_of(&secret),
        created_ms: now,
        expires_ms: now.plus_ms(ttl_ms.clamp(60_000, MAX_TTL_MS)),
        person,
        used_ms: None,
        agent: None,
    };
    Ok(NewToken { row, secret })
}

/// The URL a person gives to the box, by code or by hand.
#[must_use]
pub fn url(secret: &Secret, keys: &Keys, config: &Config, doors: &Doors) -> EnrolUrl {
    EnrolUrl {
        hosts: config.addresses(doors).iter().map(|a| authority(&a.host, a.https_port)).collect(),
        token: secret.clone(),
        ca: keys.ca_pin(),
        owner: keys.owner_pin(),
    }
}
