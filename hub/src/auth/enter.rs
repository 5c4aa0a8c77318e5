//! Coming in: set-up by the one-time link, signing in, signing out. Each leaves its entry in the journal.
//!
//! Belongs here: the order of checks. Does not: HTTP ([`crate::api`]).

use std::net::IpAddr;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::PersonId;
use farwatch_shared::keys::KeyError;
use farwatch_shared::secret::Secret;
use farwatch_shared::time::WallMs;

use super::limit::Tryer;
use super::password::{self, PasswordError};
use super::{Person, Secrets, expires};
use crate::api::Office;
use crate::audit::{self, Actor, Entry};
use crate::store::people::SessionRow;
use crate::store::{self, Conn, StoreError};

/// A new session, and the secret for its cookie.
pub struct Entered {
    pub person: Person,
    pub secret: Secret,
}

/// Why somebody does not come in.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    #[error("the set-up link is unknown, used or expired")]
    BadLink,
    #[error("name or password is wrong")]
    Wrong,
    #[error("wait {0} s")]
    Wait(u32),
    #[error("somebody has that name already")]
    NameTaken,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the first administrator, by the one-time link.
///
/// # Errors
/// Says why not; the link is spent only when the person was made.
pub async fn set_up(
    office: &Office,
    from: IpAddr,
    token: &Secret,
    name: String,
    password: Secret,
) -> Result<Entered, EnterError> {
    let now = office.clock.wall();
    let tryers = [Tryer::address(from)];
    office.limit().try_now(&tryers, now).map_err(EnterError::Wait)?;
    password::acceptable(&password, &name)?;
    let phc = office.passwords.hash(password).await?;
    let lookup = Secrets::name_lookup(&office.keys.session, &name);
    let link = Secrets::hash(token);
    let id = PersonId::generate();
    let (entered, row) = fresh(id, name, now)?;
    let name = entered.person.name.clone();
    let entry = Entry::done(now, Actor::Person(id), "person.set_up", id);
    office
        .db
        .write(move |c| {
            Box::pin(async move {
                if !store::tokens::spend_setup(c, &link, now).await? {
                    return Err(EnterError::BadLink);
                }
                let made = store::people::insert(c, id, &name, &lookup, &phc, now).await;
                made.map_err(|e| if e.is_duplicate() { EnterError::NameTaken } else { e.into() })?;
                open(c, &row, &entry).await
            })
        })
        .await?;
    office.limit().succeeded(&tryers);
    tracing::info!(person = %id, %from, "the hub has its administrator");
    Ok(entered)
}

/// Opens a session for a name and its password.
///
/// # Errors
/// A wrong name and a wrong password are told alike, in words and in time.
pub async fn sign_in(office: &Office, from: IpAddr, name: &str, password: Secret) -> Result<Entered, EnterError> {
    let now = office.clock.wall();
    let tryers = [Tryer::name(name), Tryer::address(from)];
    office.limit().try_now(&tryers, now).map_err(EnterError::Wait)?;
    let lookup = Secrets::name_lookup(&office.keys.session, name);
    let found = store::people::by_lookup(&mut *office.db.read().await?, &lookup).await?;
    let found = found.filter(|person| person.disabled_ms.is_none());
    let good = office.passwords.matches(password, found.as_ref().map(|p| p.password_hash.clone())).await?;
    let Some(found) = found else {
        tracing::info!(%from, "sign-in with a name nobody has");
        return Err(EnterError::Wrong);
    };
    if !good {
        // The limit on tries bounds these entries; names nobody has go to the log only. Addresses stay out of the journal:
        // they are personal, and it is never rewritten.
        tracing::info!(person = %found.person, %from, "sign-in with a wrong password");
        let refused = Entry::refused(now, Actor::Hub, "session.open", found.person);
        office.db.write(move |c| Box::pin(async move { audit::append(c, &refused).await })).await?;
        return Err(EnterError::Wrong);
    }
    let (entered, row) = fresh(found.person, found.name.unwrap_or_default(), now)?;
    let entry = Entry::done(now, entered.person.actor(), "session.open", found.person);
    office
        .db
        .write(move |c| {
            Box::pin(async move {
                store::people::prune_sessions(c, now).await?;
                open(c, &row, &entry).await
            })
        })
        .await?;
    office.limit().succeeded(&tryers);
    Ok(entered)
}

/// Ends the session a request came with.
///
/// # Errors
/// When the database fails.
pub async fn leave(office: &Office, person: &Person) -> store::Result<()> {
    let hash = person.session;
    let entry = Entry::done(office.clock.wall(), person.actor(), "session.end", person.id);
    office
        .db
        .write(move |c| {
            Box::pin(async move {
                store::people::end_session(c, &hash).await?;
                audit::append(c, &entry).await
            })
        })
        .await
}

fn fresh(id: PersonId, name: String, now: WallMs) -> Result<(Entered, SessionRow), EnterError> {
    let secret = Secrets::fresh()?;
    let hash: Digest = Secrets::hash(&secret);
    let expires_ms = expires(now, now);
    let row = SessionRow { hash, person: id, created_ms: now, seen_ms: now, expires_ms };
    Ok((Entered { person: Person { id, name, session: hash, expires_ms }, secret }, row))
}

async fn open(c: &mut Conn, row: &SessionRow, entry: &Entry) -> Result<(), EnterError> {
    store::people::insert_session(c, row).await?;
    Ok(audit::append(c, entry).await?)
}
