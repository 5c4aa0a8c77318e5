//! Agents. Belongs here: table `agent`. Does not: their certificates, desired and reported states.

use farwatch_shared::id::{AgentId, SiteId};
use farwatch_shared::keys::{SealKey, VerifyKey};
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{Presence, PresenceState, WhenShort};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, StoreError, parsed, sql, sql_int, unsigned, word, word_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    pub agent: AgentId,
    pub site: SiteId,
    pub hostname: String,
    pub version: String,
    pub target: String,
    pub signing_key: VerifyKey,
    pub sealing_key: SealKey,
    pub enrolled_ms: WallMs,
    /// Highest session ever heard; 0 before the first.
    pub session: u64,
    pub boot_id: String,
    /// Of that session.
    pub nonce: String,
    /// What its last presence said.
    pub presence: Option<PresenceState>,
    pub presence_ms: WallMs,
    /// Any sign of life, as far as written (at most 30 s old while it lives). 0 before the first.
    pub last_seen_ms: WallMs,
    pub revoked_ms: Option<WallMs>,
    pub revoked_reason: String,
    /// Rises with every change of what it should do.
    pub policy_version: u64,
    /// What happens when its disk cannot keep the floors.
    pub when_short: WhenShort,
}

const COLUMNS: &str = "SELECT agent_id, site_id, hostname, version, target, signing_key, sealing_key, enrolled_ms, \
    session, boot_id, nonce, presence, presence_ms, last_seen_ms, revoked_ms, revoked_reason, policy_version, \
    when_short FROM agent";

fn row(r: &AnyRow) -> Result<AgentRow> {
    let key = |column: &'static str| -> Result<String> { Ok(r.try_get(column)?) };
    let corrupt = |what: &'static str| StoreError::Corrupt { table: "agent", what, text: String::new() };
    let presence: String = r.try_get("presence")?;
    Ok(AgentRow {
        agent: parsed(r, "agent", "agent_id")?,
        site: parsed(r, "agent", "site_id")?,
        hostname: r.try_get("hostname")?,
        version: r.try_get("version")?,
        target: r.try_get("target")?,
        signing_key: VerifyKey::try_from(key("signing_key")?).map_err(|_| corrupt("signing key"))?,
        sealing_key: SealKey::try_from(key("sealing_key")?).map_err(|_| corrupt("sealing key"))?,
        enrolled_ms: WallMs(r.try_get("enrolled_ms")?),
        session: unsigned(r, "session")?,
        boot_id: r.try_get("boot_id")?,
        nonce: r.try_get("nonce")?,
        presence: match presence.as_str() {
            "online" => Some(PresenceState::Online),
            "stopping" => Some(PresenceState::Stopping),
            "lost" => Some(PresenceState::Lost),
            _ => None,
        },
        presence_ms: WallMs(r.try_get("presence_ms")?),
        last_seen_ms: WallMs(r.try_get("last_seen_ms")?),
        revoked_ms: r.try_get::<Option<i64>, _>("revoked_ms")?.map(WallMs),
        revoked_reason: r.try_get("revoked_reason")?,
        policy_version: unsigned(r, "policy_version")?,
        when_short: word(r, "agent", "when_short")?,
    })
}

/// Only the columns known at enrolment are written.
///
/// # Errors
/// When the database fails.
pub async fn insert(c: &mut Conn, a: &AgentRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO agent (agent_id, site_id, hostname, version, target, signing_key, sealing_key, enrolled_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(a.agent.to_string())
    .bind(a.site.to_string())
    .bind(&a.hostname)
    .bind(&a.version)
    .bind(&a.target)
    .bind(String::from(a.signing_key.clone()))
    .bind(String::from(a.sealing_key.clone()))
    .bind(a.enrolled_ms.0)
    .execute(c)
    .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn all(c: &mut Conn) -> Result<Vec<AgentRow>> {
    sqlx::query(sql(&[COLUMNS, " ORDER BY agent_id"])).fetch_all(c).await?.iter().map(row).collect()
}

/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn get(c: &mut Conn, agent: AgentId) -> Result<AgentRow> {
    find(c, agent).await?.ok_or_else(|| StoreError::Missing { what: "agent", id: agent.to_string() })
}

/// # Errors
/// When the database fails.
pub async fn find(c: &mut Conn, agent: AgentId) -> Result<Option<AgentRow>> {
    let found = sqlx::query(sql(&[COLUMNS, " WHERE agent_id = $1"])).bind(agent.to_string()).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// Agents whose desired state has to be rendered anew.
///
/// # Errors
/// When the database fails.
pub async fn to_render(c: &mut Conn) -> Result<Vec<AgentRow>> {
    sqlx::query(sql(&[
        COLUMNS,
        " WHERE revoked_ms IS NULL AND policy_version > \
          COALESCE((SELECT rendered_from FROM desired WHERE desired.agent_id = agent.agent_id), 0) LIMIT 500",
    ]))
    .fetch_all(c)
    .await?
    .iter()
    .map(row)
    .collect()
}

/// Marks that what the agent should do has changed.
///
/// # Errors
/// When the database fails.
pub async fn policy_changed(c: &mut Conn, agent: AgentId) -> Result<()> {
    sqlx::query("UPDATE agent SET policy_version = policy_version + 1 WHERE agent_id = $1")
        .bind(agent.to_string())
        .execute(c)
        .await?;
    Ok(())
}

/// Sets what happens when its disk cannot keep the floors.
///
/// # Errors
/// When the database fails.
pub async fn set_when_short(c: &mut Conn, agent: AgentId, when: WhenShort) -> Result<()> {
    sqlx::query("UPDATE agent SET when_short = $2 WHERE agent_id = $1")
        .bind(agent.to_string())
        .bind(word_of(&when)?)
        .execute(&mut *c)
        .await?;
    policy_changed(c, agent).await
}

/// Takes a session's presence, unless a higher session was heard. True when it was taken.
///
/// # Errors
/// When the database fails.
pub async fn take_presence(c: &mut Conn, agent: AgentId, p: &Presence, now: WallMs) -> Result<bool> {
    let state = match p.state {
        PresenceState::Online => "online",
        PresenceState::Stopping => "stopping",
        PresenceState::Lost => "lost",
    };
    let done = sqlx::query(
        "UPDATE agent SET session = $2, boot_id = $3, nonce = $4, presence = $5, presence_ms = $6, \
         last_seen_ms = CASE WHEN $5 = 'lost' THEN last_seen_ms ELSE $6 END, version = $7, hostname = $8, \
         target = CASE WHEN $9 = '' THEN target ELSE $9 END \
         WHERE agent_id = $1 AND session <= $2",
    )
    .bind(agent.to_string())
    .bind(sql_int(p.session))
    .bind(clip(&p.boot_id, 64))
    .bind(clip(&p.nonce, 128))
    .bind(state)
    .bind(now.0)
    .bind(clip(&p.version, 64))
    .bind(clip(&p.hostname, 255))
    .bind(clip(&p.target, 64))
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn clip(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

/// Takes a Will, which speaks only for the session it was made in. True when it was taken.
///
/// # Errors
/// When the database fails.
pub async fn take_will(c: &mut Conn, agent: AgentId, session: u64, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE agent SET presence = 'lost', presence_ms = $3 \
         WHERE agent_id = $1 AND session = $2 AND presence = 'online'",
    )
    .bind(agent.to_string())
    .bind(sql_int(session))
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A sign of life after a Will: the Will was wrong, or late.
///
/// # Errors
/// When the database fails.
pub async fn alive(c: &mut Conn, agent: AgentId) -> Result<()> {
    sqlx::query("UPDATE agent SET presence = 'online' WHERE agent_id = $1 AND presence = 'lost'")
        .bind(agent.to_string())
        .execute(c)
        .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn seen(c: &mut Conn, agent: AgentId, at: WallMs) -> Result<()> {
    sqlx::query("UPDATE agent SET last_seen_ms = $2 WHERE agent_id = $1 AND last_seen_ms < $2")
        .bind(agent.to_string())
        .bind(at.0)
        .execute(c)
        .await?;
    Ok(())
}

/// Revokes the agent and every certificate of it. True when it was not revoked before.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such agent.
pub async fn revoke(c: &mut Conn, agent: AgentId, reason: &str, now: WallMs) -> Result<bool> {
    get(c, agent).await?;
    let done =
        sqlx::query("UPDATE agent SET revoked_ms = $2, revoked_reason = $3 WHERE agent_id = $1 AND revoked_ms IS NULL")
            .bind(agent.to_string())
            .bind(now.0)
            .bind(clip(reason, 1000))
            .execute(&mut *c)
            .await?;
    sqlx::query("UPDATE certificate SET revoked_ms = $2 WHERE agent_id = $1 AND revoked_ms IS NULL")
        .bind(agent.to_string())
        .bind(now.0)
        .execute(c)
        .await?;
    Ok(done.rows_affected() == 1)
}
