//! The status in words, most important first: is it recording now, how far back, where are the holes.

use std::fmt::Write as _;

use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{CameraState, CameraStatus};

use super::answer::Status;

/// Faults said one by one.
const FAULTS: usize = 10;

/// Lines for a terminal.
#[must_use]
pub fn words(status: &Status) -> String {
    let mut out = String::new();
    // Writing into a String does not fail.
    let _ = write_words(&mut out, status);
    out
}

fn write_words(out: &mut String, status: &Status) -> std::fmt::Result {
    let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "?".into());
    if !status.enrolled {
        writeln!(out, "Not enrolled. Run `farwatch-agent enrol` with the URL from the hub.")?;
    } else {
        writeln!(out, "Enrolled at {} for site {}.", text(&status.hub), text(&status.site))?;
    }
    if status.running {
        let since = status.line_since_ms.map(|at| ago(status.now_ms, at)).unwrap_or_default();
        let line = if status.connected { "Connected" } else { "NOT connected" };
        writeln!(out, "{line} to the hub for {since}. Desired generation {}.", status.generation)?;
    } else {
        writeln!(out, "The agent is NOT running. Start it with `farwatch-agent run` or its service.")?;
    }
    match status.recorder.pid {
        Some(pid) if status.recorder.running => writeln!(out, "Recorder runs (process {pid}).")?,
        _ => writeln!(out, "Recorder does NOT run.")?,
    }
    for camera in &status.cameras {
        write_camera(out, camera, status.now_ms)?;
    }
    for problem in &status.problems {
        writeln!(out, "Problem: {} ({})", problem.refusal, problem.detail)?;
    }
    for fault in status.faults.iter().take(FAULTS) {
        let open_for = ago(status.now_ms, fault.since_ms);
        writeln!(out, "Fault for {open_for}: {} ({})", fault.fact.fault.as_str(), fault.fact.detail)?;
    }
    if let Some(more @ 1..) = status.faults.len().checked_sub(FAULTS) {
        writeln!(out, "... and {more} more faults.")?;
    }
    let disk = &status.disk;
    writeln!(out, "Disk: {} free of {}, {} of footage.", disk.free, disk.total, disk.footage)?;
    if let Some(last) = status.scrub.as_ref().and_then(|s| s.last.or(s.round.ended_ms.map(|_| s.round))) {
        let ended = ago(status.now_ms, last.ended_ms.unwrap_or(last.began_ms));
        writeln!(out, "All footage read again {ended} ago: {} segments, {} damaged.", last.segments, last.damaged)?;
    }
    if status.running {
        write!(out, "Waiting for the hub: {} facts", status.outbox.waiting)?;
        match status.outbox.oldest_ms {
            Some(oldest) => writeln!(out, ", the oldest for {}.", ago(status.now_ms, oldest))?,
            None => writeln!(out, ".")?,
        }
    }
    Ok(())
}

fn write_camera(out: &mut String, camera: &CameraStatus, now: WallMs) -> std::fmt::Result {
    let state = match camera.state {
        CameraState::Recording => "recording",
        CameraState::Stalled => "STALLED: connected, but no picture comes",
        CameraState::Unreachable => "UNREACHABLE",
        CameraState::AuthFailed => "REFUSED: the camera does not take the password",
        CameraState::Unsupported => "UNSUPPORTED: what it sends cannot be recorded",
        CameraState::Watching => "watching, nothing is due to be recorded now",
        CameraState::Disabled => "switched off",
        CameraState::Starting => "starting",
    };
    write!(out, "Camera {} {}: {state}", camera.camera, camera.stream)?;
    if camera.state == CameraState::Recording {
        let fps = camera.fps_milli;
        let kbit = camera.bits_per_s / 1000;
        write!(out, " at {}.{} frames/s, {kbit} kbit/s", fps / 1000, fps % 1000 / 100)?;
    } else if let Some(detail) = &camera.detail {
        write!(out, " ({detail})")?;
    }
    if let Some(oldest) = camera.oldest_ms {
        write!(out, "; back {}", ago(now, oldest))?;
    }
    if let Some(since) = camera.unbroken_since_ms {
        write!(out, ", unbroken for {}", ago(now, since))?;
    }
    match camera.gaps_today {
        0 => writeln!(out, "; no gap today.")?,
        gaps => writeln!(out, "; {gaps} gaps today, {} s together.", camera.gap_ms_today.div_ceil(1000))?,
    }
    if !camera.defects.is_empty() {
        let counted: Vec<String> = camera.defects.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        writeln!(out, "  Defects put right: {}.", counted.join(", "))?;
    }
    Ok(())
}

/// A length of time in its largest two units.
fn ago(now: WallMs, then: WallMs) -> String {
    let s = now.since(then).max(0) / 1000;
    match s {
        0..=119 => format!("{s} s"),
        120..=7_199 => format!("{} min", s / 60),
        7_200..=172_799 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Home;
    use crate::status::from_disk;

    #[test]
    fn a_box_that_is_not_enrolled_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let status = from_disk(&Home::new(dir.path()), WallMs(0));
        let said = words(&status);
        assert!(said.contains("Run `farwatch-agent enrol`") && said.contains("NOT running"), "{said}");
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!((&json["enrolled"], &json["connected"]), (&false.into(), &false.into()));
    }

    #[test]
    fn times_are_said_in_their_units() {
        let at = |s: i64| ago(WallMs(s * 1000), WallMs(0));
        assert_eq!([at(5), at(300), at(7_260), at(200_000)], ["5 s", "5 min", "2 h 1 min", "2 d 7 h"]);
    }
}
