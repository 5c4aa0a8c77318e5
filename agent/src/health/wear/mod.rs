//! How worn the disk under the vault is, by what the disk says of itself (RET-07).
//!
//! Belongs here: finding the disk (`block`), what sysfs tells of it, what `smartctl` tells where it is installed and may
//! be asked (`smart`, pure), judging it. Does not: replacing it.

mod block;
mod smart;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use farwatch_shared::wire::latest::{DiskWear, FaultKind};
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::faults::{About, Faults};
pub use block::written;

/// A disk ages slowly.
const EVERY: Duration = Duration::from_secs(3_600);
/// A disk that does not answer for so long is asked again the next time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most of an answer that is read.
const ANSWER: usize = 1 << 20;
/// Per cent of its rated life at which somebody should order a new disk.
const WORN_PERCENT: u32 = 90;

/// Asks the disk every hour and says what it answers, until stopped.
pub async fn watch_wear(
    vault: PathBuf,
    faults: Faults,
    said: watch::Sender<Option<DiskWear>>,
    stop: CancellationToken,
) {
    loop {
        if let Some(wear) = look(&vault).await {
            faults.say(FaultKind::DiskWear, About::this_box(), judge(&wear)).await;
            said.send_replace(Some(wear));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What the disk says now; `None` when the vault lies on none (memory, the network).
async fn look(vault: &std::path::Path) -> Option<DiskWear> {
    let disk = block::disk_of(vault)?;
    let mut wear = block::registers(&disk);
    if let Some(answer) = ask_smartctl(&disk).await {
        smart::add(&answer, &mut wear);
    }
    Some(wear)
}

/// `smartctl` where it is installed and may open the disk; it needs rights the agent does not ask for.
async fn ask_smartctl(disk: &str) -> Option<serde_json::Value> {
    let asked = Command::new("smartctl")
        // A sleeping disk is not woken for this.
        .args(["--json=c", "--nocheck=standby", "--health", "--attributes", "--log=devstat"])
        .arg(format!("/dev/{disk}"))
        .env_clear()
        .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C.UTF-8")])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let child = match asked {
        Ok(child) => child,
        Err(error) => {
            debug!(%error, "smartctl is not there; only what sysfs knows is told of the disk");
            return None;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.ok()?.ok()?;
    // Its exit code says what is wrong with the disk, not whether it answered.
    serde_json::from_slice(answer.stdout.get(..answer.stdout.len().min(ANSWER))?).ok()
}

/// Broken (and what to do), or why not.
fn judge(wear: &DiskWear) -> Result<String, String> {
    let disk = &wear.disk;
    if wear.failing == Some(true) {
        return Ok(format!("disk {disk} says that it is failing; replace it now and keep what matters elsewhere"));
    }
    match (wear.used_percent, wear.media_errors) {
        (_, Some(errors @ 1..)) => {
            Ok(format!("disk {disk} counts {errors} places it can no longer read or write; replace it soon"))
        }
        (Some(used @ WORN_PERCENT..), _) => {
            Ok(format!("disk {disk} has used {used} % of its rated life; order its successor"))
        }
        _ => Err(format!("disk {disk} says that it is well")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wear(used_percent: Option<u32>, media_errors: Option<u64>, failing: Option<bool>) -> DiskWear {
        DiskWear { disk: "sda".into(), used_percent, media_errors, power_on_hours: None, failing, written: None }
    }

    // RET-07
    #[test]
    fn a_disk_at_its_end_is_a_fault_and_one_that_says_nothing_is_not() {
        for broken in [wear(Some(90), None, None), wear(Some(3), Some(8), Some(false)), wear(None, None, Some(true))] {
            let said = judge(&broken).unwrap();
            assert!(said.contains("sda") && (said.contains("replace") || said.contains("successor")), "{said}");
        }
        for well in [wear(Some(89), Some(0), Some(false)), wear(None, None, None)] {
            judge(&well).unwrap_err();
        }
    }
}
