//! An agent's directory: lists the vault, reads the logs, holds one against the other. The box may go on recording.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use farwatch_shared::evidence::Checkpoint;
use farwatch_shared::evidence::verify::{Report, Verifier};
use farwatch_shared::id::{CameraId, RecorderId, RunId, SegmentId, StreamName};
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::seal::Signed;

use crate::files::{Log, Vault};

/// Whether a directory is an agent's.
pub fn is_home(dir: &Path) -> bool {
    dir.join("ledger/agent.log").exists() || dir.join("ledger/recorder").is_dir()
}

/// Checks all of it.
pub fn verify(dir: &Path, key: VerifyKey, given: &[(PathBuf, Signed<Checkpoint>)]) -> Result<Report, String> {
    let mut verifier = Verifier::new(key);
    for (path, signed) in given {
        verifier.given(signed).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let mut vault = Vault(dir.join("vault"));
    // Listed before the logs are read: whatever is closed by then is in them.
    let listed = list(&vault.0);
    let own = dir.join("ledger/agent.log");
    read(&own, |payload, sound, after| verifier.agent_entry(payload, sound, after))
        .unwrap_or_else(|why| verifier.unreadable_log("agent", &why));
    for id in names::<RecorderId>(&dir.join("ledger/recorder"), ".log") {
        let path = dir.join(format!("ledger/recorder/{id}.log"));
        let done =
            read(&path, |payload, sound, after| verifier.recorder_entry(id, (payload, sound), after, &mut vault));
        match done {
            Ok(()) => verifier.recorder_end(id),
            Err(why) => verifier.unreadable_log(&format!("recorder/{id}"), &why),
        }
    }
    for (camera, stream, run, sequences) in listed {
        for (first, last) in sequences {
            for sequence in first..=last {
                verifier.file(&SegmentId { camera, stream, run, sequence }, &mut vault);
            }
        }
    }
    // What retention let go meanwhile is in the agent's log by now.
    let mut skip = verifier.own_entries();
    let _ = read(&own, |payload, _, _| {
        if skip > 0 {
            skip -= 1;
        } else {
            verifier.deleted_meanwhile(payload);
        }
    });
    Ok(verifier.finish())
}

fn read(
    path: &Path,
    mut take: impl FnMut(&[u8], bool, &farwatch_shared::evidence::log::Position),
) -> Result<(), String> {
    let mut log = Log::open(path).map_err(|error| error.to_string())?;
    while let Some((payload, sound, after)) = log.next().map_err(|error| error.to_string())? {
        take(&payload, sound, &after);
    }
    Ok(())
}

/// The files of one run, as ranges of sequences.
type Listed = (CameraId, StreamName, RunId, Vec<(u32, u32)>);

fn list(vault: &Path) -> Vec<Listed> {
    let mut listed = Vec::new();
    for camera in names::<CameraId>(vault, "") {
        let of_camera = vault.join(camera.to_string());
        for stream in names::<StreamName>(&of_camera, "") {
            let of_stream = of_camera.join(stream.as_str());
            for run in names::<RunId>(&of_stream, "") {
                let mut ranges: Vec<(u32, u32)> = Vec::new();
                for sequence in names::<u32>(&of_stream.join(run.to_string()), ".mp4") {
                    match ranges.last_mut() {
                        Some((_, last)) if last.checked_add(1) == Some(sequence) => *last = sequence,
                        _ => ranges.push((sequence, sequence)),
                    }
                }
                listed.push((camera, stream, run, ranges));
            }
        }
    }
    listed
}

/// The names in a directory that are of a kind, in order; a directory that is not there is empty.
fn names<T: FromStr + Ord>(dir: &Path, suffix: &str) -> Vec<T> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<T> =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(suffix)?.parse().ok()).collect();
    found.sort_unstable();
    found
}
