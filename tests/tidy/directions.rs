//! The arrows of the design, section 1: which room may name which library, and who may import whom.

use crate::code::{self, Named};
use crate::tree::{Offence, Source, Tree};

/// (first word of a path, the only folders of the house that may write it)
const ROOMS: &[(&str, &[&str])] = &[
    ("retina", &["agent/src/camera/", "tests/bench/"]),
    ("gstreamer", &["agent/src/media/"]),
    ("gstreamer_app", &["agent/src/media/"]),
    ("gstreamer_video", &["agent/src/media/"]),
    ("sled", &["agent/src/store/"]),
    ("rumqttc", &["agent/src/uplink/"]),
    ("sqlx", &["hub/src/store/"]),
    ("rmqtt", &["hub/src/broker/"]),
    ("axum", &["hub/src/api/", "hub/src/intake/", "hub/src/live/"]),
];

/// What `shared` never touches. The offline verifier below `shared/src/bin` is a program and reads files.
const IMPURE: &[&[&str]] = &[
    &["tokio"],
    &["futures"],
    &["reqwest"],
    &["hyper"],
    &["sqlx"],
    &["gstreamer"],
    &["std", "fs"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "net", "TcpListener"],
    &["std", "net", "TcpStream"],
    &["std", "net", "UdpSocket"],
    &["std", "os", "unix", "net"],
    &["farwatch_agent"],
    &["farwatch_hub"],
];

fn in_the_house(source: &Source) -> bool {
    ["agent/", "hub/", "shared/"].iter().any(|top| source.path.starts_with(top))
}

/// The tests speak to our doors from outside with any library they like, so only the house is asked.
pub fn foreign_libraries(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.rust().filter(|source| in_the_house(source)) {
        for named in code::paths(&source.text) {
            for (library, rooms) in ROOMS {
                if named.words[0] == *library && !rooms.iter().any(|room| source.path.starts_with(room)) {
                    offences.push(
                        source.offence(named.line, format!("names {library}, which only {} may", rooms.join(", "))),
                    );
                }
            }
        }
    }
    offences
}

pub fn shared_is_pure(tree: &Tree) -> Vec<Offence> {
    let pure = |source: &&Source| source.path.starts_with("shared/src/") && !source.path.starts_with("shared/src/bin/");
    let mut offences = Vec::new();
    for source in tree.rust().filter(pure) {
        for named in code::paths(&source.text) {
            if IMPURE.iter().any(|prefix| named.starts_with(prefix)) {
                offences.push(
                    source.offence(named.line, format!("shared is pure and may not name {}", named.words.join("::"))),
                );
            }
        }
    }
    offences
}

/// `run` knows everybody and nobody knows `run`; agent and hub meet only in `shared`.
pub fn run_and_programs(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.rust().filter(|source| in_the_house(source)) {
        let (top, inside) = source.path.split_once("/src/").unwrap_or((&source.path, ""));
        let composes =
            inside == "main.rs" || inside == "run.rs" || inside.starts_with("run/") || inside.starts_with("main/");
        for named in code::paths(&source.text) {
            if !composes && names_run(&named, inside) {
                offences.push(source.offence(named.line, "imports run; only main may"));
            }
            let other = match top {
                "agent" => "farwatch_hub",
                "hub" => "farwatch_agent",
                _ => continue,
            };
            if named.words[0] == other {
                offences.push(source.offence(named.line, format!("names {other}; the two meet only in shared")));
            }
        }
    }
    offences
}

fn names_run(named: &Named, inside: &str) -> bool {
    // `super` is the crate root only for files of the first level.
    let below_root = !inside.trim_end_matches("/mod.rs").contains('/');
    named.starts_with(&["crate", "run"])
        || named.starts_with(&["farwatch_agent", "run"])
        || named.starts_with(&["farwatch_hub", "run"])
        || (below_root && named.starts_with(&["super", "run"]))
}
