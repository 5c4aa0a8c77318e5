//! The control port: one line per connection asks for a fault, one line answers.
//!
//! Belongs here: the line's grammar. Does not: what a fault does (`mount`, `play`).
//!
//! ```text
//! hang | resume | kill | down | up | alt | main | nosr | sr          MOUNT
//! drop PERMILLE | jump MILLISECONDS | limit SESSIONS (0: no limit)   MOUNT
//! quirk NAME | straight NAME | straight all                          MOUNT (names: `quirk`)
//! list
//! ```
//! MOUNT is a name or `*`. The answer is `ok`, or `error: …`; `list` answers with JSON.

use serde::Serialize;

use crate::mount::{Condition, Fault, Mounts};
use crate::quirk::Quirk;

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    List,
    Fault { fault: Fault, mount: String },
}

/// Why a line is not understood or cannot be done.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Refused {
    #[error("{0:?} is not understood; say e.g. \"hang cam0\", \"drop 50 cam0\" or \"list\"")]
    Unknown(String),
    #[error("there is no mount {0:?}")]
    NoMount(String),
    #[error("mount {0} has no second resolution")]
    NoAlt(String),
}

#[derive(Serialize)]
struct Listed<'a> {
    mount: &'a str,
    sessions: u32,
    condition: Condition,
}

/// Does what one line asks and says so in another, without its end.
pub fn answer(line: &str, mounts: &Mounts) -> String {
    match parse(line).and_then(|asked| carry_out(asked, mounts)) {
        Ok(text) => text,
        Err(refused) => format!("error: {refused}"),
    }
}

fn parse(line: &str) -> Result<Asked, Refused> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let unknown = || Refused::Unknown(line.trim().chars().take(80).collect());
    let (fault, mount) = match words[..] {
        ["list"] => return Ok(Asked::List),
        ["drop", number, mount] => {
            let permille = number.parse().ok().filter(|&n| n <= 1000).ok_or_else(unknown)?;
            (Fault::Drop { permille }, mount)
        }
        ["jump", number, mount] => (Fault::Jump { ms: number.parse().map_err(|_| unknown())? }, mount),
        ["quirk", name, mount] => (Fault::Odd(Quirk::named(name).ok_or_else(unknown)?), mount),
        ["straight", "all", mount] => (Fault::AllStraight, mount),
        ["straight", name, mount] => (Fault::Straight(Quirk::named(name).ok_or_else(unknown)?), mount),
        ["limit", number, mount] => (Fault::Limit { sessions: number.parse().map_err(|_| unknown())? }, mount),
        [verb, mount] => {
            let fault = match verb {
                "hang" => Fault::Hang,
                "resume" => Fault::Resume,
                "kill" => Fault::Kill,
                "down" => Fault::Down,
                "up" => Fault::Up,
                "alt" => Fault::Alt,
                "main" => Fault::Main,
                "nosr" => Fault::NoReports,
                "sr" => Fault::Reports,
                _ => return Err(unknown()),
            };
            (fault, mount)
        }
        _ => return Err(unknown()),
    };
    Ok(Asked::Fault { fault, mount: mount.to_owned() })
}

fn carry_out(asked: Asked, mounts: &Mounts) -> Result<String, Refused> {
    match asked {
        Asked::List => {
            let list: Vec<Listed> = mounts
                .all()
                .map(|mount| Listed { mount: &mount.name, sessions: mount.sessions(), condition: mount.condition() })
                .collect();
            Ok(serde_json::to_string(&list).unwrap_or_default())
        }
        Asked::Fault { fault, mount } if mount == "*" => {
            for mount in mounts.all().filter(|mount| fault != Fault::Alt || mount.alt.is_some()) {
                mount.change(fault);
            }
            Ok("ok".to_owned())
        }
        Asked::Fault { fault, mount: name } => {
            let mount = mounts.get(&name).ok_or_else(|| Refused::NoMount(name.clone()))?;
            if fault == Fault::Alt && mount.alt.is_none() {
                return Err(Refused::NoAlt(name));
            }
            mount.change(fault);
            Ok("ok".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_grammar_parses() {
        let fault = |line: &str| match parse(line) {
            Ok(Asked::Fault { fault, mount }) if mount == "cam0" => Some(fault),
            _ => None,
        };
        assert_eq!(fault("hang cam0\n"), Some(Fault::Hang));
        assert_eq!(fault("drop 50 cam0"), Some(Fault::Drop { permille: 50 }));
        assert_eq!(fault("jump -90000 cam0"), Some(Fault::Jump { ms: -90_000 }));
        assert_eq!(fault("limit 1 cam0"), Some(Fault::Limit { sessions: 1 }));
        assert_eq!(fault("nosr cam0"), Some(Fault::NoReports));
        assert_eq!(fault("quirk no-sets cam0"), Some(Fault::Odd(Quirk::NoSets)));
        assert_eq!(fault("straight no-sets cam0"), Some(Fault::Straight(Quirk::NoSets)));
        assert_eq!(fault("straight all cam0"), Some(Fault::AllStraight));
        assert_eq!(parse("list"), Ok(Asked::List));
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for line in
            ["", "hang", "drop cam0", "drop 1001 cam0", "jump x cam0", "explode cam0", "quirk x cam0", "hang cam0 cam1"]
        {
            let refused = parse(line).expect_err(line);
            assert!(refused.to_string().contains("say e.g."), "{refused}");
        }
    }
}
