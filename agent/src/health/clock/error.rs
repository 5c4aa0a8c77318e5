//! By how much the clock may be wrong, as the time service that sets it reckons: its offset, half the way to its server,
//! and what that server says of itself. The kernel's own figure needs a call that no safe library of ours makes.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A service that does not answer for so long is not asked further.
const PATIENCE: Duration = Duration::from_secs(5);

/// In microseconds; `None` when no service is there, or none is synchronised.
pub async fn ask() -> Option<i64> {
    if let Some(answer) = run("chronyc", &["-n", "-c", "tracking"]).await
        && let Some(error) = of_chrony(&answer)
    {
        return Some(error);
    }
    of_timesyncd(&run("timedatectl", &["timesync-status", "--no-pager"]).await?)
}

async fn run(program: &str, args: &[&str]) -> Option<String> {
    let child = Command::new(program)
        .args(args)
        .env_clear()
        .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C.UTF-8")])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let answer = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.ok()?.ok()?;
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// `chronyc -c tracking`: one line, commas; the 5th is the offset now, the 11th and 12th root delay and root dispersion, in
/// seconds; the last is the leap status.
fn of_chrony(answer: &str) -> Option<i64> {
    let fields: Vec<&str> = answer.lines().next()?.split(',').collect();
    if fields.last().is_none_or(|leap| leap.trim() == "Not synchronised") {
        return None;
    }
    let seconds = |at: usize| fields.get(at)?.trim().parse::<f64>().ok().filter(|s| s.is_finite());
    micros(seconds(4)?.abs() + seconds(10)?.abs() / 2.0 + seconds(11)?.abs())
}

/// `timedatectl timesync-status`: lines of names and values.
fn of_timesyncd(answer: &str) -> Option<i64> {
    let value = |name: &str| {
        let line = answer.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
        // A limit may stand behind the value in brackets.
        span(line.split('(').next().unwrap_or_default())
    };
    micros(value("Offset")?.abs() + value("Delay").unwrap_or(0.0) / 2.0 + value("Root distance")?)
}

/// `-1min 2.5s` in seconds.
fn span(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut seconds = 0.0;
    let mut any = false;
    for part in text.split_whitespace() {
        let unit_at = part.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, unit) = part.split_at(unit_at);
        let scale = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        any = true;
    }
    any.then_some(sign * seconds)
}

fn micros(seconds: f64) -> Option<i64> {
    let us = (seconds * 1e6).round();
    (us.is_finite() && (0.0..1e15).contains(&us)).then_some(us as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    // CAP-05
    #[test]
    fn the_error_is_offset_and_half_the_way_and_what_the_server_says_of_itself() {
        let chrony = "C0000201,192.0.2.1,2,1795521600.123,-0.000150,0.000012,0.000030,-4.5,0.001,0.02,0.010000,0.000500,64.2,Normal\n";
        assert_eq!(of_chrony(chrony), Some(5_650));
        assert_eq!(of_chrony(&chrony.replace("Normal", "Not synchronised")), None);
        assert_eq!(of_chrony("506 Cannot talk to daemon\n"), None);
        let timesyncd = "       Server: 192.0.2.1 (time.example)\nPoll interval: 34min 8s (min: 32s; max 34min 8s)\n         Leap: normal\n\
                         Root distance: 17.195ms (max: 5s)\n       Offset: -1.041ms\n        Delay: 26.500ms\n       Jitter: 1.2ms\n";
        assert_eq!(of_timesyncd(timesyncd), Some(31_486));
        assert_eq!(of_timesyncd("       Server: n/a\n"), None);
    }

    #[test]
    fn spans_are_read_with_their_units() {
        assert_eq!(span(" +1min 2.5s "), Some(62.5));
        assert_eq!(span("-26us"), Some(-0.000_026));
        assert_eq!([span("n/a"), span(""), span("12")], [None, None, None]);
    }
}
