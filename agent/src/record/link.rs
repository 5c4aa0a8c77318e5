//! The interface a camera is reached through, and whether it has a carrier.
//!
//! Belongs here: finding the interface in the kernel's routing table, asking for its carrier. Does not: what a lost
//! carrier means for footage (`cut`), all cameras of an interface being silent (`hand`).
//!
//! A route outlives its carrier, but not an interface that is switched off: whoever holds a session keeps its link.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use url::{Host, Url};

/// Where the kernel tells of routes and interfaces.
const ROUTES: &str = "/proc/net/route";
const INTERFACES: &str = "/sys/class/net";
/// A route that is in use.
const UP: u32 = 1;

/// The way to one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    interfaces: PathBuf,
    /// `None` when it cannot be told: a name instead of an address, IPv6, no route.
    interface: Option<String>,
    /// The camera is on this box.
    local: bool,
}

impl Link {
    /// The link towards the camera at a URL.
    #[must_use]
    pub fn towards(url: &str) -> Self {
        let host = Url::parse(url).ok().and_then(|url| Some(url.host()?.to_owned()));
        let (address, local) = match host {
            // `rtsp` is no scheme the URL standard parses addresses for.
            Some(Host::Domain(name)) => (name.parse().ok(), name == "localhost"),
            Some(Host::Ipv4(address)) => (Some(IpAddr::V4(address)), false),
            Some(Host::Ipv6(address)) => (Some(IpAddr::V6(address)), false),
            None => (None, true),
        };
        let local = local || address.is_some_and(|address: IpAddr| address.is_loopback());
        let interface = match address {
            Some(IpAddr::V4(address)) if !local => {
                interface_to(address, &std::fs::read_to_string(ROUTES).unwrap_or_default())
            }
            _ => None,
        };
        Self { interfaces: INTERFACES.into(), interface, local }
    }

    /// The interface, where it is known.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// Whether packets can leave the box towards the camera. Unknown counts as yes; where the interface is unknown, one
    /// with a carrier is enough.
    #[must_use]
    pub fn has_carrier(&self) -> bool {
        match &self.interface {
            _ if self.local => true,
            Some(interface) => carrier(&self.interfaces.join(interface)),
            None => any_carrier(&self.interfaces),
        }
    }
}

/// Reading fails while the interface is switched off, and when it is gone.
fn carrier(interface: &Path) -> bool {
    std::fs::read_to_string(interface.join("carrier")).is_ok_and(|text| text.trim() == "1")
}

/// Whether any interface but the loopback has a carrier.
fn any_carrier(interfaces: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(interfaces) else { return true };
    let mut others = entries.flatten().filter(|entry| entry.file_name() != "lo").peekable();
    others.peek().is_none() || others.any(|entry| carrier(&entry.path()))
}

/// The interface of the most specific route, the one of least cost among equals.
fn interface_to(host: Ipv4Addr, routes: &str) -> Option<String> {
    let host = u32::from(host);
    let matching = routes.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [interface, to, _, flags, _, _, cost, mask, ..] = words[..] else { return None };
        // Addresses are printed as the machine's own integers over bytes in network order.
        let address = |text: &str| Some(u32::from_be_bytes(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()));
        let (to, mask) = (address(to)?, address(mask)?);
        let in_use = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & UP != 0);
        let cost: u32 = cost.parse().ok()?;
        (in_use && host & mask == to).then(|| (mask, std::cmp::Reverse(cost), interface.to_owned()))
    });
    matching.max().map(|(_, _, interface)| interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        wan0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        lan0\t0002D50A\t00000000\t0001\t0\t0\t200\t00FFFFFF\t0\t0\t0\n\
        lan1\t0002D50A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        old0\t0902D50A\t00000000\t0000\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_most_specific_route_of_least_cost_that_is_in_use_leads_to_the_camera() {
        assert_eq!(interface_to(Ipv4Addr::new(10, 213, 2, 9), TABLE).as_deref(), Some("lan1"));
        assert_eq!(interface_to(Ipv4Addr::new(192, 0, 2, 1), TABLE).as_deref(), Some("wan0"));
        assert_eq!(interface_to(Ipv4Addr::new(192, 0, 2, 1), ""), None);
    }

    #[test]
    fn a_link_without_a_carrier_or_switched_off_or_gone_carries_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut link = Link { interfaces: dir.path().into(), interface: Some("lan0".into()), local: false };
        let set = |interface: &str, carrier: &str| {
            std::fs::create_dir_all(dir.path().join(interface)).unwrap();
            std::fs::write(dir.path().join(interface).join("carrier"), carrier).unwrap();
        };
        assert!(!link.has_carrier(), "gone");
        set("lan0", "0\n");
        set("wan0", "1\n");
        assert!(!link.has_carrier(), "the other interface's carrier does not help");
        set("lan0", "1\n");
        assert!(link.has_carrier());
        link.interface = None;
        set("lan0", "0\n");
        assert!(link.has_carrier(), "unknown, and one interface has a carrier");
        set("wan0", "0\n");
        set("lo", "1\n");
        assert!(!link.has_carrier());
    }

    #[test]
    fn a_camera_on_this_box_needs_no_carrier() {
        for url in ["rtsp://127.0.0.1:554/main", "rtsp://localhost/main", "v4l2:///dev/video0"] {
            assert!(Link::towards(url).local, "{url}");
        }
        assert!(!Link::towards("rtsp://192.0.2.9/main").local);
    }
}
