//! The journal: an append-only log of every mutation and every view.
//!
//! Belongs here: the final encoding of an entry, the Merkle tree over the entries (RFC 6962), the signed checkpoint, the
//! one sequencer. Does not: reading it out to people (`api`), tables (`store::journal`).
//!
//! A writer calls [`append`] inside its own transaction; when that commits, the entry is durable, although its place is
//! given up to a second later by the [`sequencer`]. Persons appear as pseudonyms only.

pub mod merkle;
pub mod sequencer;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use farwatch_shared::id::{AgentId, PersonId};
use farwatch_shared::time::WallMs;

use crate::store::{self, Conn};

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// By pseudonym; the name lives under a key of its own.
    Person(PersonId),
    Agent(AgentId),
    /// The hub itself.
    Hub,
    /// Whoever may run commands on the hub's machine.
    CommandLine,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    Failed,
}

/// A value in an entry's detail: no floats, no nesting, so that there is one spelling only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// Absolute value below 2^53.
    Int(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}
impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
impl From<WallMs> for Value {
    fn from(at: WallMs) -> Self {
        Self::Int(at.0)
    }
}

/// One deed, or one refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at_ms: WallMs,
    pub actor: Actor,
    /// `<noun>.<verb>`, e.g. `camera.add`, `pull.view`, `agent.revoke`.
    pub action: &'static str,
    /// Id of what it was done to.
    pub object: String,
    pub outcome: Outcome,
    /// Never a secret, never a person's name.
    pub detail: BTreeMap<&'static str, Value>,
}

impl Entry {
    /// A deed that was done.
    #[must_use]
    pub fn done(at: WallMs, actor: Actor, action: &'static str, object: impl ToString) -> Self {
        Self { at_ms: at, actor, action, object: object.to_string(), outcome: Outcome::Done, detail: BTreeMap::new() }
    }

    /// A deed that was refused.
    #[must_use]
    pub fn refused(at: WallMs, actor: Actor, action: &'static str, object: impl ToString) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(at, actor, action, object) }
    }

    /// Adds to the detail. Texts are cut at 300 characters.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::Text(text) => Value::Text(text.chars().take(300).collect()),
            int @ Value::Int(_) => int,
        };
        self.detail.insert(key, value);
        self
    }

    /// The leaf: RFC 8785 canonical JSON (keys in order, no white space, integers only). Final from the first version on;
    /// `v` names the encoding, `id` makes two equal deeds two leaves.
    #[must_use]
    pub fn leaf(&self, entry_id: &str) -> Vec<u8> {
        let (kind, who) = match self.actor {
            Actor::Person(person) => ("person", person.to_string()),
            Actor::Agent(agent) => ("agent", agent.to_string()),
            Actor::Hub => ("hub", String::new()),
            Actor::CommandLine => ("command_line", String::new()),
        };
        let outcome = match self.outcome {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        let mut detail = String::new();
        for (key, value) in &self.detail {
            let comma = if detail.is_empty() { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = match value {
                Value::Text(text) => write!(detail, "{comma}{}:{}", quoted(key), quoted(text)),
                Value::Int(n) => write!(detail, "{comma}{}:{n}", quoted(key)),
            };
        }
        format!(
            "{{\"action\":{},\"actor\":{{\"id\":{},\"kind\":{}}},\"at_ms\":{},\"detail\":{{{detail}}},\"id\":{},\
             \"object\":{},\"outcome\":{},\"v\":1}}",
            quoted(self.action),
            quoted(&who),
            quoted(kind),
            self.at_ms.0,
            quoted(entry_id),
            quoted(&self.object),
            quoted(outcome),
        )
        .into_bytes()
    }
}

/// A JSON string as RFC 8785 writes it, which is what `serde_json` does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes the entry into the pending table. Call it in the transaction of the deed: both are durable, or neither.
///
/// # Errors
/// When the database fails; then the deed must not happen either.
pub async fn append(c: &mut Conn, entry: &Entry) -> store::Result<()> {
    let id = uuid::Uuid::now_v7().to_string();
    let leaf = entry.leaf(&id);
    store::journal::insert_pending(c, &id, leaf).await
}

#[cfg(test)]
mod tests {
    use super::*;

    // EVD-03: the encoding is frozen; these bytes must never change.
    #[test]
    fn a_leaf_has_one_spelling() {
        let person: PersonId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let entry = Entry::done(WallMs(1_795_510_800_000), Actor::Person(person), "camera.add", "x")
            .with("name", "T\u{fc}r \"1\"\n")
            .with("floor_days", 30_i64);
        assert_eq!(
            String::from_utf8(entry.leaf("i")).unwrap(),
            "{\"action\":\"camera.add\",\"actor\":{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"kind\":\"person\"},\
             \"at_ms\":1795510800000,\"detail\":{\"floor_days\":30,\"name\":\"T\u{fc}r \\\"1\\\"\\n\"},\"id\":\"i\",\
             \"object\":\"x\",\"outcome\":\"done\",\"v\":1}"
        );
        let read: serde_json::Value = serde_json::from_slice(&entry.leaf("i")).unwrap();
        assert_eq!(read["detail"]["floor_days"], 30);
    }
}
