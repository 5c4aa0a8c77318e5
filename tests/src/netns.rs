//! A site behind a link that can be cut: a network namespace with one veth pair to the host.
//!
//! Belongs here: making and removing the namespace, cutting the link, running programs inside. Does not: what runs there.
//! Needs root; nothing outside the namespace and its own link is touched.

use std::process::Command;

/// One site's network. Removed when dropped.
pub struct Namespace {
    name: String,
    /// The host's end of the link.
    link: String,
    /// The host's address on the link, where the hub listens.
    pub host_ip: String,
}

fn ip(args: &[&str]) {
    let done = Command::new("ip").args(args).output().expect("the package iproute2 is installed");
    assert!(done.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Namespace {
    /// Makes a namespace with a link to the host. `number` (1 to 250) must be this test's own.
    #[must_use]
    pub fn new(number: u8) -> Self {
        let unique = std::process::id() % 10_000;
        let name = format!("fwns{number}x{unique}");
        let (link, inner) = (format!("fwh{number}x{unique}"), format!("fwi{number}x{unique}"));
        let (host_ip, site_ip) = (format!("10.213.{number}.1"), format!("10.213.{number}.2"));
        ip(&["netns", "add", &name]);
        let made = Self { name: name.clone(), link: link.clone(), host_ip: host_ip.clone() };
        ip(&["link", "add", &link, "type", "veth", "peer", "name", &inner]);
        ip(&["link", "set", &inner, "netns", &name]);
        ip(&["addr", "add", &format!("{host_ip}/30"), "dev", &link]);
        ip(&["link", "set", &link, "up"]);
        ip(&["-n", &name, "addr", "add", &format!("{site_ip}/30"), "dev", &inner]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        ip(&["-n", &name, "link", "set", &inner, "up"]);
        made
    }

    /// Wraps a program to run inside.
    #[must_use]
    pub fn inside(&self, command: &tokio::process::Command) -> tokio::process::Command {
        let command = command.as_std();
        let mut wrapped = tokio::process::Command::new("ip");
        wrapped.args(["netns", "exec", &self.name]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            if let Some(value) = value {
                wrapped.env(key, value);
            }
        }
        wrapped
    }

    /// Drops every packet between site and host, silently, as a dead WAN does: no interface goes down, no reset is sent.
    pub fn cut(&self) {
        self.filter("add", "drop");
    }

    /// The link carries again.
    pub fn mend(&self) {
        let done = Command::new("nft").args(["delete", "table", "inet", &self.table()]).output();
        assert!(done.is_ok_and(|d| d.status.success()), "the cut is undone");
    }

    /// A second link of the site, to its cameras: whatever listens on the host's end of it is in the camera network.
    #[must_use]
    pub fn camera_link(&self, number: u8) -> CameraLink {
        let (link, inner) = (self.link.replacen("fwh", "fwc", 1), self.link.replacen("fwh", "fwd", 1));
        let host_ip = format!("10.214.{number}.1");
        ip(&["link", "add", &link, "type", "veth", "peer", "name", &inner]);
        let made = CameraLink { link, host_ip };
        ip(&["link", "set", &inner, "netns", &self.name]);
        ip(&["addr", "add", &format!("{}/30", made.host_ip), "dev", &made.link]);
        ip(&["-n", &self.name, "addr", "add", &format!("10.214.{number}.2/30"), "dev", &inner]);
        ip(&["-n", &self.name, "link", "set", &inner, "up"]);
        made.mend();
        made
    }

    fn table(&self) -> String {
        format!("{}_cut", self.link)
    }

    fn filter(&self, verb: &str, verdict: &str) {
        let table = self.table();
        let rules = format!(
            "{verb} table inet {table}\n\
             {verb} chain inet {table} in {{ type filter hook input priority -10; }}\n\
             {verb} chain inet {table} out {{ type filter hook output priority -10; }}\n\
             {verb} rule inet {table} in iifname \"{link}\" {verdict}\n\
             {verb} rule inet {table} out oifname \"{link}\" {verdict}\n",
            link = self.link
        );
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), rules).expect("written");
        let done = Command::new("nft").arg("-f").arg(file.path()).output().expect("the package nftables is installed");
        assert!(done.status.success(), "nft: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for args in [vec!["link", "del", &self.link], vec!["netns", "del", &self.name]] {
            let _ = Command::new("ip").args(args).output();
        }
        let _ = Command::new("nft").args(["delete", "table", "inet", &self.table()]).output();
    }
}

/// The link between a box and its cameras. Goes with its namespace, or when dropped.
pub struct CameraLink {
    link: String,
    /// Where cameras listen.
    pub host_ip: String,
}

impl CameraLink {
    /// Pulls the cable: the box's interface loses its carrier.
    pub fn cut(&self) {
        ip(&["link", "set", &self.link, "down"]);
    }

    /// Plugs it in again.
    pub fn mend(&self) {
        ip(&["link", "set", &self.link, "up"]);
    }
}

impl Drop for CameraLink {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.link]).output();
    }
}

/// A test camera on the loopback of a namespace.
pub struct InsideCamera {
    child: std::process::Child,
    rtsp: String,
    control: String,
    namespace: String,
}

impl InsideCamera {
    /// Starts it with the credential of [`crate::site`].
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(site: &Namespace, dir: &std::path::Path) -> Self {
        use std::io::BufRead as _;
        let password = dir.join("inside-camera-password");
        std::fs::write(&password, crate::site::CAMERA_PASSWORD).expect("written");
        let mut child = Command::new("ip")
            .args(["netns", "exec", &site.name])
            .arg(crate::bins::bin("farwatch-test-camera"))
            .args(["--until-stdin-closes", "--listen", "127.0.0.1:0", "--user", crate::site::USER, "--password-file"])
            .arg(&password)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the test camera starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        std::io::BufReader::new(stdout).read_line(&mut line).expect("the test camera speaks");
        let doors: serde_json::Value = serde_json::from_str(&line).expect("the test camera is ready");
        let door = |name: &str| doors[name].as_str().expect("an address").to_owned();
        Self { rtsp: door("rtsp"), control: door("control"), child, namespace: site.name.clone() }
    }

    /// `rtsp://host:port/mount`, as seen inside.
    #[must_use]
    pub fn url(&self, mount: &str) -> String {
        format!("rtsp://{}/{mount}", self.rtsp)
    }

    /// Says one line to its control port.
    ///
    /// # Panics
    /// When it is gone.
    pub fn control(&self, line: &str) {
        let (host, port) = self.control.rsplit_once(':').expect("host:port");
        let script = format!(
            "exec 3<>/dev/tcp/{host}/{port}; echo '{line}' >&3; read -r -t 5 answer <&3; test \"$answer\" = ok"
        );
        let done = Command::new("ip").args(["netns", "exec", &self.namespace, "bash", "-c", &script]).status();
        assert!(done.is_ok_and(|s| s.success()), "the camera obeys: {line}");
    }
}

impl Drop for InsideCamera {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
