//! The journal, read out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::prelude::*;
use crate::store::journal as rows;
use crate::store::people;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_journal, journal)
}

/// The journal, newest first. What was done in the last second may not have its place yet.
#[utoipa::path(get, path = "/api/v1/journal", tag = "journal", params(JournalQuery),
    responses((status = 200, body = Journal), (status = "4XX", body = Failure)))]
async fn journal(
    _: Person,
    State(office): State<Office>,
    Asked(ask): Asked<JournalQuery>,
) -> Result<Json<Journal>, Fail> {
    let mut c = office.db.read().await?;
    let size = rows::newest_checkpoint(&mut c).await?.map_or(0, |checkpoint| checkpoint.size);
    let page = rows::before(&mut c, ask.before, take::limit(ask.limit)).await?;
    let names: BTreeMap<String, String> =
        people::all(&mut c).await?.into_iter().filter_map(|p| Some((p.person.to_string(), p.name?))).collect();
    let hosts = |id: &str| office.fleet.agent(id.parse().ok()?).map(|a| a.hostname);
    let entries = page
        .iter()
        .map(|row| {
            let leaf = Leaf::read(&row.leaf);
            let name = match leaf.actor.kind.as_str() {
                "person" => names.get(&leaf.actor.id).cloned(),
                "agent" => hosts(&leaf.actor.id),
                _ => None,
            };
            leaf.shown(row, name)
        })
        .collect();
    Ok(Json(Journal { entries, size }))
}

/// A leaf as written by [`crate::audit`], read leniently: an entry that cannot be read is still shown, as such.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Leaf {
    action: String,
    actor: LeafActor,
    at_ms: i64,
    detail: BTreeMap<String, DetailValue>,
    object: String,
    outcome: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LeafActor {
    id: String,
    kind: String,
}

impl Leaf {
    fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|_| Self {
            action: "unreadable".to_owned(),
            outcome: "failed".to_owned(),
            ..Self::default()
        })
    }

    fn shown(self, row: &rows::JournalRow, actor_name: Option<String>) -> JournalEntry {
        JournalEntry {
            index: row.position,
            at_ms: WallMs(self.at_ms),
            actor: self.actor.kind,
            actor_id: (!self.actor.id.is_empty()).then_some(self.actor.id),
            actor_name,
            action: self.action,
            object: self.object,
            outcome: self.outcome,
            detail: self.detail,
            leaf_hash: row.leaf_hash.hex(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Entry};

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let written =
            Entry::done(WallMs(5), Actor::Hub, "camera.add", "x").with("name", "\"door\"").with("days", 30_i64);
        let leaf = Leaf::read(&written.leaf("i"));
        assert_eq!((leaf.action.as_str(), leaf.actor.kind.as_str(), leaf.at_ms), ("camera.add", "hub", 5));
        assert_eq!(leaf.detail["name"], DetailValue::Text("\"door\"".to_owned()));
        assert_eq!(leaf.detail["days"], DetailValue::Int(30));
        assert_eq!(Leaf::read(b"\xff").action, "unreadable");
    }
}
