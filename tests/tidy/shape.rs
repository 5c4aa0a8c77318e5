//! The shape of files: how they open, how long they are, what they are called, what none may hold.

use std::process::Command;

use crate::code;
use crate::tree::{Offence, Source, Tree};

const LONGEST: usize = 600;
const TOP_LEVEL: &[&str] =
    &["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "agent", "cross.toml", "hub", "packaging", "shared", "tests"];
const ATTICS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"];
const FORBIDDEN_WORDS: &[&str] =
    &["Device", "Node", "Edge", "Client", "Job", "Command", "Ack", "Heartbeat", "Util", "Manager", "Helper"];

// Put together here, so that this file does not offend itself.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[ign", "ore"),
    concat!("test.", "only("),
    concat!("test.", "skip("),
    concat!("it.", "skip("),
];
const PLACES: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/tmp/bash", "_jobs"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("py", "pi.org"),
    concat!("files.", "pythonhosted.org"),
];

pub fn openings(tree: &Tree) -> Vec<Offence> {
    let opens = |source: &&Source| {
        source.text.lines().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("//!"))
    };
    tree.rust().filter(|source| !opens(source)).map(|source| source.offence(1, "does not open with //!")).collect()
}

pub fn lengths(tree: &Tree) -> Vec<Offence> {
    // Data is as long as it is: catalogues of words too, which are read by key and not from top to bottom.
    let data = |source: &Source| {
        source.is_generated()
            || source.path.ends_with(".json")
            || source.path.ends_with(".svg")
            || source.path.starts_with("hub/web/src/text/")
    };
    tree.sources
        .iter()
        .filter(|source| !data(source))
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(source, lines)| {
            source.offence(lines, format!("is longer than {LONGEST} lines; two rooms with two names?"))
        })
        .collect()
}

pub fn names(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in &tree.sources {
        let attic = source.path.split('/').find(|part| ATTICS.contains(&part.split('.').next().unwrap_or_default()));
        if let Some(attic) = attic {
            offences.push(source.offence(1, format!("{attic} is an attic; name the room after what is in it")));
        }
        if source.is_rust() && !source.path.starts_with("tests/") {
            offences.extend(forbidden_types(source));
        }
    }
    offences
}

/// A type's name may not hold a word the design's section 9 rules out.
fn forbidden_types(source: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (index, line) in code::without_comments_and_literals(&source.text).lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if !matches!(word, "struct" | "enum" | "trait" | "type") {
                continue;
            }
            let Some(name) = words.next() else { break };
            let forbidden = camel_words(name).into_iter().find(|part| FORBIDDEN_WORDS.contains(&part.as_str()));
            if let Some(part) = forbidden {
                offences.push(
                    source.offence(index + 1, format!("{name} holds the word {part}, which the design rules out")),
                );
            }
        }
    }
    offences
}

fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

pub fn unfinished(tree: &Tree) -> Vec<Offence> {
    holding(tree, MARKS, "is a mark of unfinished work")
}

pub fn places(tree: &Tree) -> Vec<Offence> {
    holding(tree, PLACES, "is a place the project must not know")
}

fn holding(tree: &Tree, strings: &[&str], why: &str) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.path.ends_with("Cargo.lock")) {
        for (number, line) in source.lines() {
            for string in strings {
                if stands_alone(line, string) {
                    offences.push(source.offence(number, format!("{string} {why}")));
                }
            }
        }
    }
    offences
}

/// Whether the string occurs and is not the tail or the head of a longer word or path.
fn stands_alone(line: &str, string: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(string).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(|c| joins(c) || c == '.' && string.starts_with('/'));
        let after = line[at + string.len()..].chars().next().is_some_and(joins);
        let open_end = !string.ends_with(joins);
        let open_start = !string.starts_with(|c: char| joins(c) || c == '/');
        (open_start || !before) && (open_end || !after)
    })
}

pub fn lifted_bans(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.rust().filter(|source| !source.path.starts_with("tests/tidy/")) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.contains("clippy::disallowed_") {
                // The attribute may be broken over lines by the formatter.
                let attribute = lines[index..lines.len().min(index + 4)].join(" ");
                if !attribute.contains("reason =") {
                    offences.push(source.offence(index + 1, "lifts a ban without a reason"));
                }
            }
        }
    }
    offences
}

/// Judges what is committed, or would be: a build folder that is ignored is nobody's business.
pub fn top_level(tree: &Tree) -> Vec<Offence> {
    let offence = |name: &str, what: &str| Offence { file: name.into(), line: 1, what: what.into() };
    let there: std::collections::BTreeSet<&str> =
        tree.sources.iter().filter_map(|source| source.path.split('/').next()).collect();
    let unknown = there.iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(name));
    let missing = TOP_LEVEL.iter().filter(|name| !there.contains(*name));
    unknown
        .map(|name| offence(name, "does not belong at the top level"))
        .chain(missing.map(|name| offence(name, "is missing from the top level")))
        .collect()
}

pub fn versions(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    let locks = tree.sources.iter().filter(|source| source.path.ends_with("package.json"));
    for source in locks {
        let lock = source.path.replace("package.json", "package-lock.json");
        if tree.get(&lock).is_none() {
            offences.push(source.offence(1, "has no package-lock.json beside it"));
        } else if !is_tracked(tree, &lock) {
            offences.push(source.offence(1, "has a package-lock.json that is not committed"));
        }
    }
    let root = tree.get("Cargo.toml").expect("a workspace");
    if !is_tracked(tree, "Cargo.lock") {
        offences.push(root.offence(1, "has a Cargo.lock that is not committed"));
    }
    for member in ["agent", "hub", "shared", "tests"] {
        let manifest = tree.get(&format!("{member}/Cargo.toml")).expect("a member's manifest");
        let mut in_dependencies = false;
        for (number, line) in manifest.lines() {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies");
            } else if in_dependencies
                && !line.trim().is_empty()
                && !line.starts_with('#')
                && !line.contains("workspace = true")
            {
                offences.push(manifest.offence(number, "pins a version of its own; versions stand in the workspace"));
            }
        }
    }
    offences
}

/// An unpacked archive has no repository to ask; there everything counts as committed.
fn is_tracked(tree: &Tree, path: &str) -> bool {
    let asked = Command::new("git").arg("-C").arg(&tree.root).args(["ls-files", "--error-unmatch", path]).output();
    !tree.root.join(".git").exists() || asked.is_ok_and(|output| output.status.success())
}
