//! What every handler may reach, and the two strokes of a deed.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farwatch_shared::id::AgentId;
use farwatch_shared::time::Clock;
use futures::future::BoxFuture;

use super::Fail;
use crate::audit::{self, Entry};
use crate::auth::{Limit, Passwords};
use crate::config::{Config, Doors};
use crate::fleet::{self, AgentNow, Fleet};
use crate::ingest::Counters;
use crate::keys::Keys;
use crate::live::Live;
use crate::store::{Conn, Db, StoreError};
use crate::vault::Vault;

/// What the people's door is built from.
pub struct Parts {
    pub clock: Clock,
    pub db: Db,
    pub keys: Arc<Keys>,
    pub config: Arc<Config>,
    /// Where the doors turned out to be.
    pub doors: Doors,
    pub fleet: Fleet,
    pub vault: Vault,
    pub live: Live,
    /// What ingest has counted, for `/metrics`.
    pub counters: Arc<Counters>,
    /// Everything is stopping: event streams end, so that the door can close.
    pub stop: tokio_util::sync::CancellationToken,
}

/// What every handler may reach. Cheap to clone.
#[derive(Clone)]
pub struct Office(Arc<Inside>);

/// Reached through [`Office`].
pub struct Inside {
    parts: Parts,
    pub passwords: Passwords,
    limit: Mutex<Limit>,
}

impl Deref for Inside {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Deref for Office {
    type Target = Inside;
    fn deref(&self) -> &Inside {
        &self.0
    }
}

impl Office {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inside { parts, passwords: Passwords::default(), limit: Mutex::default() }))
    }

    /// An agent as it is now. One enrolled this moment has its row, and is in the picture only a moment later: then its row
    /// is taken at once.
    ///
    /// # Errors
    /// When there is no such agent.
    pub async fn agent_now(&self, c: &mut Conn, agent: AgentId) -> Result<AgentNow, Fail> {
        if self.fleet.agent(agent).is_none() {
            fleet::refresh_agent(&self.fleet, c, agent, self.clock.wall()).await?;
        }
        self.fleet.agent(agent).ok_or_else(|| Fail::not_found("agent"))
    }

    /// The count of tries. Held for no longer than a line.
    pub fn limit(&self) -> MutexGuard<'_, Limit> {
        // Counting cannot be left half done by a panic elsewhere.
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a deed under audit: the rows and the journal's entry are one transaction, durable when this returns.
    ///
    /// # Errors
    /// What the work said, or that the database failed; then nothing was done.
    pub async fn deed<T, F>(&self, entry: Entry, work: F) -> Result<T, Fail>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Fail>> + Send + 'static,
        T: Send + 'static,
    {
        self.db
            .write(move |c| {
                Box::pin(async move {
                    let done = work(c).await?;
                    audit::append(c, &entry).await?;
                    Ok(done)
                })
            })
            .await
    }
}

impl From<StoreError> for Fail {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Missing { what, .. } => Self::not_found(what),
            e if e.is_duplicate() => Self::conflict("taken", "there is one like that already", "choose another name"),
            e => Self::internal("using its database", &e),
        }
    }
}
