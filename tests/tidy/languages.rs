//! The page speaks English and Chinese: both must have every key, and no key may be empty.

use std::collections::BTreeMap;

use crate::tree::{Offence, Source, Tree};

/// The two catalogues lie side by side as `en.json` and `zh.json`, nested objects of strings.
pub fn parity(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for english in tree
        .sources
        .iter()
        .filter(|source| source.path.starts_with("hub/web/src/") && source.path.ends_with("/en.json"))
    {
        let path = english.path.replace("/en.json", "/zh.json");
        let Some(chinese) = tree.get(&path) else {
            offences.push(english.offence(1, format!("has no {path} beside it")));
            continue;
        };
        let (ours, theirs) = (keys(english), keys(chinese));
        offences.extend(missing(english, &ours, chinese, &theirs));
        offences.extend(missing(chinese, &theirs, english, &ours));
    }
    offences
}

fn missing(
    from: &Source,
    have: &BTreeMap<String, String>,
    other: &Source,
    wanted: &BTreeMap<String, String>,
) -> Vec<Offence> {
    let absent = wanted.keys().filter(|key| !have.contains_key(*key));
    let empty = have.iter().filter(|(_, text)| text.trim().is_empty()).map(|(key, _)| key);
    absent
        .map(|key| from.offence(1, format!("lacks {key}, which {} has", other.path)))
        .chain(empty.map(|key| from.offence(1, format!("{key} is empty"))))
        .collect()
}

fn keys(source: &Source) -> BTreeMap<String, String> {
    let value = serde_json::from_str(&source.text).unwrap_or_else(|e| panic!("{}: {e}", source.path));
    let mut keys = BTreeMap::new();
    collect("", &value, &mut keys);
    keys
}

fn collect(prefix: &str, value: &serde_json::Value, keys: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                collect(&path, field, keys);
            }
        }
        other => {
            keys.insert(prefix.to_owned(), other.as_str().map_or_else(|| other.to_string(), ToOwned::to_owned));
        }
    }
}
