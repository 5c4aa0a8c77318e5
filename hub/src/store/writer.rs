//! The one writer: takes closures, runs many in one transaction, answers after the commit.
//!
//! Belongs here: grouping, savepoints, the order of replies. Does not: any statement of ours.
//! Wakes on: the next closure. A commit is an fsync; whatever queues up meanwhile shares the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::{Conn, Result, StoreError};
use farwatch_shared::time::Clock;

/// Most closures in one commit.
const GROUP: usize = 512;
/// Longest a group collects work before it commits, in nanoseconds.
const GROUP_NS: i64 = 10_000_000;
/// Closures waiting; above that callers wait in turn.
const QUEUE: usize = 1024;

/// Work on the writer's connection: runs the SQL, and hands back what to do once its fate is known.
pub type BoxWork = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Done> + Send>;

/// What became of one closure inside the open transaction.
pub struct Done {
    /// Whether its statements stay.
    keep: bool,
    /// Called with the fate of the commit; sends the reply.
    reply: Reply,
}

/// The handle to the writer task.
#[derive(Clone)]
pub struct Writes {
    queue: mpsc::Sender<BoxWork>,
    counts: Arc<Counts>,
}

/// Tells who asked what became of the group's commit.
type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;

/// What the writer has done since it started.
#[derive(Default)]
struct Counts {
    commits: AtomicU64,
    writes: AtomicU64,
}

/// How busy the writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterFigures {
    pub commits: u64,
    /// Closures carried out, kept or undone.
    pub writes: u64,
    /// Waiting now, of at most 1,024.
    pub queued: u64,
}

impl Writes {
    pub(super) fn start(conn: Conn, clock: Clock) -> Self {
        let (queue, rx) = mpsc::channel(QUEUE);
        let counts = Arc::<Counts>::default();
        #[expect(clippy::disallowed_methods, reason = "ends with the last handle, after every write handed in before")]
        tokio::spawn(serve(conn, rx, clock, counts.clone()));
        Self { queue, counts }
    }

    pub(super) fn figures(&self) -> WriterFigures {
        WriterFigures {
            commits: self.counts.commits.load(Ordering::Relaxed),
            writes: self.counts.writes.load(Ordering::Relaxed),
            queued: (self.queue.max_capacity() - self.queue.capacity()) as u64,
        }
    }

    pub(super) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel::<Result<T, E>>();
        let boxed: BoxWork = Box::new(move |conn| {
            Box::pin(async move {
                let outcome = work(conn).await;
                let keep = outcome.is_ok();
                let reply = Box::new(move |fate: Result<(), String>| {
                    let answer = match (outcome, fate) {
                        (Ok(_), Err(text)) => Err(E::from(StoreError::Sql(sqlx::Error::Protocol(text)))),
                        (outcome, _) => outcome,
                    };
                    // Nobody listening any more is no concern of the others in the group.
                    let _ = reply.send(answer);
                });
                Done { keep, reply }
            })
        });
        self.queue.send(boxed).await.map_err(|_| E::from(StoreError::Stopped))?;
        answer.await.map_err(|_| E::from(StoreError::Stopped))?
    }
}

async fn serve(mut conn: Conn, mut queue: mpsc::Receiver<BoxWork>, clock: Clock, counts: Arc<Counts>) {
    while let Some(first) = queue.recv().await {
        let mut replies = Vec::new();
        let fate = group(&mut conn, first, &mut queue, &mut replies, &clock).await;
        if let Err(e) = &fate {
            error!(error = %e, writes = replies.len(), "a group of writes was not committed");
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut conn).await;
        }
        counts.commits.fetch_add(u64::from(fate.is_ok()), Ordering::Relaxed);
        counts.writes.fetch_add(replies.len() as u64, Ordering::Relaxed);
        let text = fate.err().map(|e| e.to_string());
        for reply in replies {
            reply(text.clone().map_or(Ok(()), Err));
        }
    }
}

async fn group(
    conn: &mut Conn,
    first: BoxWork,
    queue: &mut mpsc::Receiver<BoxWork>,
    replies: &mut Vec<Reply>,
    clock: &Clock,
) -> Result<()> {
    // IMMEDIATE: the command line may be writing too; waiting for the lock must happen here, not in the middle.
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    let began = clock.boot();
    let mut next = Some(first);
    while let Some(work) = next.take() {
        sqlx::raw_sql("SAVEPOINT one").execute(&mut *conn).await?;
        let done = work(&mut *conn).await;
        replies.push(done.reply);
        if !done.keep {
            sqlx::raw_sql("ROLLBACK TO one").execute(&mut *conn).await?;
        }
        sqlx::raw_sql("RELEASE one").execute(&mut *conn).await?;
        if replies.len() < GROUP && clock.boot().since(began) < GROUP_NS {
            next = queue.try_recv().ok();
        }
    }
    sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{StoreError, sites, testing};
    use farwatch_shared::id::SiteId;
    use farwatch_shared::time::WallMs;

    fn site(n: usize) -> sites::SiteRow {
        sites::SiteRow {
            site: SiteId::generate(),
            name: format!("site {n}"),
            time_zone: "UTC".into(),
            created_ms: WallMs(1),
        }
    }

    #[tokio::test]
    async fn a_write_that_fails_is_undone_alone() {
        let (db, _dir) = testing::db().await;
        let mut all = Vec::new();
        for n in 0..40 {
            let db = db.clone();
            all.push(async move {
                let row = site(n);
                db.write(move |c| {
                    Box::pin(async move {
                        sites::insert(c, &row).await?;
                        if n % 4 == 0 {
                            return Err(StoreError::Missing { what: "thing", id: n.to_string() });
                        }
                        Ok(n)
                    })
                })
                .await
            });
        }
        let results = futures::future::join_all(all).await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 30);
        let rows = sites::all(&mut db.read().await.unwrap()).await.unwrap();
        assert_eq!(rows.len(), 30);
        assert!(rows.iter().all(|r| !r.name.ends_with(" 0") && r.name != "site 4"));
    }

    #[tokio::test]
    async fn two_processes_may_write_to_one_database() {
        let (db, dir) = testing::db().await;
        let other =
            super::super::Db::open(&dir.path().join("hub.db"), farwatch_shared::time::Clock::real()).await.unwrap();
        for n in 0..20 {
            let (a, b) = (site(n), site(100 + n));
            let one = db.write(move |c| Box::pin(async move { sites::insert(c, &a).await }));
            let two = other.write(move |c| Box::pin(async move { sites::insert(c, &b).await }));
            let (one, two) = tokio::join!(one, two);
            one.unwrap();
            two.unwrap();
        }
        assert_eq!(sites::all(&mut db.read().await.unwrap()).await.unwrap().len(), 40);
    }
}
