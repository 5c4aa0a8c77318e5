//! Sessions: 256 random bits in a cookie, their hash in a row, an end in any case.
//!
//! Belongs here: making and hashing secrets, when a session ends, finding the person of a request. Does not: cookies
//! ([`super::cookie`]), rows ([`crate::store::people`]).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use farwatch_shared::digest::Digest;
use farwatch_shared::keys::{KeyError, random32};
use farwatch_shared::secret::Secret;
use farwatch_shared::time::WallMs;

use super::Person;
use crate::store::people::SessionRow;
use crate::store::{self, Db};

/// Without a request for this long a session ends.
pub const IDLE_MS: i64 = 12 * 3_600_000;
/// And after this long in any case.
pub const LIFE_MS: i64 = 7 * 24 * 3_600_000;
/// A use is written down at most this often: a page that asks often must not make the database write often.
const NOTE_EVERY_MS: i64 = 60_000;

/// Secrets that are shown once and kept as hashes.
pub struct Secrets;

impl Secrets {
    /// 256 random bits, 43 characters of base64url.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn fresh() -> Result<Secret, KeyError> {
        Ok(Secret::new(URL_SAFE_NO_PAD.encode(random32()?)))
    }

    /// What is stored in its place. A secret of 256 random bits needs no slow hash. Rows are found by it, so no secret is
    /// ever compared byte by byte.
    #[must_use]
    pub fn hash(secret: &Secret) -> Digest {
        Digest::of(secret.expose().as_bytes())
    }

    /// What a name is found by: keyed, so that the table alone does not tell who works here.
    #[must_use]
    pub fn name_lookup(session_key: &[u8; 32], name: &str) -> Digest {
        Digest::of_parts(&[session_key, name.trim().to_lowercase().as_bytes()])
    }
}

/// When a session made at `created` and used at `seen` ends unless it is used again.
#[must_use]
pub fn expires(created: WallMs, seen: WallMs) -> WallMs {
    created.plus_ms(LIFE_MS).min(seen.plus_ms(IDLE_MS))
}

/// The person whose session this is, if it lives. Counts as a use.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, secret: &Secret, now: WallMs) -> store::Result<Option<Person>> {
    let hash = Secrets::hash(secret);
    let Some((row, mut person)) = read(db, hash, now).await? else { return Ok(None) };
    if now.since(row.seen_ms) >= NOTE_EVERY_MS {
        let until = expires(row.created_ms, now);
        person.expires_ms = until;
        db.write(move |c| Box::pin(async move { store::people::touch_session(c, &hash, now, until).await })).await?;
    }
    Ok(Some(person))
}

/// Whether a session still lives. Does not count as a use: a page left open must not keep itself alive.
///
/// # Errors
/// When the database fails.
pub async fn still_there(db: &Db, session: Digest, now: WallMs) -> store::Result<bool> {
    Ok(read(db, session, now).await?.is_some())
}

async fn read(db: &Db, hash: Digest, now: WallMs) -> store::Result<Option<(SessionRow, Person)>> {
    let mut c = db.read().await?;
    let Some(row) = store::people::session(&mut c, &hash, now).await? else { return Ok(None) };
    let Some(person) = store::people::find(&mut c, row.person).await? else { return Ok(None) };
    if person.disabled_ms.is_some() {
        return Ok(None);
    }
    let who =
        Person { id: row.person, name: person.name.unwrap_or_default(), session: hash, expires_ms: row.expires_ms };
    Ok(Some((row, who)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_in_any_case() {
        let made = WallMs(1_000);
        assert_eq!(expires(made, made), made.plus_ms(IDLE_MS));
        assert_eq!(expires(made, made.plus_ms(LIFE_MS - 1)), made.plus_ms(LIFE_MS));
    }

    #[test]
    fn a_secret_is_long_and_new() {
        let (a, b) = (Secrets::fresh().unwrap(), Secrets::fresh().unwrap());
        assert_eq!(a.expose().len(), 43);
        assert_ne!(a, b);
        let (one, other) = ([1; 32], [2; 32]);
        assert_eq!(Secrets::name_lookup(&one, " Ada"), Secrets::name_lookup(&one, "ada"));
        assert_ne!(Secrets::name_lookup(&one, "ada"), Secrets::name_lookup(&other, "ada"));
    }
}
