//! Traffic and carrier of every interface but the loopback.

use std::time::Duration;

use farwatch_shared::wire::latest::NetworkHealth;
use sysinfo::Networks;

/// Interfaces told of; a box with more has virtual ones.
const MOST: usize = 16;

/// Rates since the last sample, `elapsed` ago.
pub fn interfaces(networks: &mut Networks, elapsed: Duration) -> Vec<NetworkHealth> {
    networks.refresh(true);
    let per_s = |bytes: u64| {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        bytes.saturating_mul(1000) / ms
    };
    let mut found: Vec<NetworkHealth> = networks
        .iter()
        .filter(|(name, _)| *name != "lo")
        .map(|(name, data)| {
            let interface = name.to_string_lossy().into_owned();
            NetworkHealth {
                up: has_carrier(&interface),
                interface,
                rx_bytes_per_s: per_s(data.received()),
                tx_bytes_per_s: per_s(data.transmitted()),
            }
        })
        .collect();
    found.sort_by(|a, b| a.interface.cmp(&b.interface));
    found.truncate(MOST);
    found
}

/// An interface that is down cannot be asked, which answers the question.
fn has_carrier(interface: &str) -> bool {
    std::fs::read_to_string(format!("/sys/class/net/{interface}/carrier")).is_ok_and(|text| text.trim() == "1")
}
