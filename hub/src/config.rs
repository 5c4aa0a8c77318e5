//! The hub's settings: `<dir>/hub.toml`, and where its doors turned out to be: `<dir>/doors.json`.
//!
//! Belongs here: names and defaults of settings, the paths inside the hub's directory. Does not: secrets (`keys`), rows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use farwatch_shared::wire::latest::HubAddress;
use serde::{Deserialize, Serialize};

use crate::keys::files;

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} cannot be read; make the hub first with: farwatch-hub --dir {dir} init --name NAME")]
    Missing {
        path: PathBuf,
        dir: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not valid settings; put right what the reason says")]
    Invalid {
        path: PathBuf,
        #[source]
        source: toml::de::Error,
    },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// `hub.toml`. A listen address with port 0 takes any free port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// For people.
    pub name: String,
    /// DNS names and IP addresses agents and people reach the hub by; all are in its certificate.
    pub hosts: Vec<String>,
    #[serde(default = "mqtt_listen")]
    pub mqtt_listen: SocketAddr,
    #[serde(default = "agents_listen")]
    pub agents_listen: SocketAddr,
    #[serde(default = "people_listen")]
    pub people_listen: SocketAddr,
    #[serde(default = "metrics_listen")]
    pub metrics_listen: SocketAddr,
    /// Ports as seen from outside, where a router or balancer changes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mqtt_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_port: Option<u16>,
    /// The customer's own certificate chain and key (PEM) for the people's door; read again when the files change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_cert: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_key: Option<PathBuf>,
}

fn mqtt_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8883))
}
fn agents_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8444))
}
fn people_listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8443))
}
fn metrics_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9464))
}

impl Config {
    #[must_use]
    pub fn new(name: &str, hosts: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            hosts,
            mqtt_listen: mqtt_listen(),
            agents_listen: agents_listen(),
            people_listen: people_listen(),
            metrics_listen: metrics_listen(),
            mqtt_port: None,
            agents_port: None,
            people_port: None,
            people_cert: None,
            people_key: None,
        }
    }

    /// # Errors
    /// When the file is missing or says what is not understood.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join("hub.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Missing {
            path: path.clone(),
            dir: dir.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|source| ConfigError::Invalid { path, source })
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), ConfigError> {
        let path = dir.join("hub.toml");
        // Every field is a plain TOML value.
        let text = toml::to_string(self).unwrap_or_default();
        files::write_durably(&path, text.as_bytes(), 0o644).map_err(|source| ConfigError::Write { path, source })
    }

    /// Where agents reach the hub, given where its doors are.
    #[must_use]
    pub fn addresses(&self, doors: &Doors) -> Vec<HubAddress> {
        self.hosts
            .iter()
            .map(|host| HubAddress {
                host: host.clone(),
                mqtt_port: self.mqtt_port.unwrap_or(doors.mqtt.port()),
                https_port: self.agents_port.unwrap_or(doors.agents.port()),
            })
            .collect()
    }

    /// `host:port` of the people's door, first host.
    #[must_use]
    pub fn people_authority(&self, doors: &Doors) -> String {
        let host = self.hosts.first().map_or("localhost", String::as_str);
        authority(host, self.people_port.unwrap_or(doors.people.port()))
    }
}

/// `host:port`, an IPv6 address in brackets.
#[must_use]
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Where the doors are: `doors.json`, written once all are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    pub mqtt: SocketAddr,
    pub agents: SocketAddr,
    pub people: SocketAddr,
}

impl Doors {
    /// What the running hub wrote last, else what the settings say.
    #[must_use]
    pub fn load(dir: &Path, config: &Config) -> Self {
        let written = std::fs::read(dir.join("doors.json")).ok().and_then(|b| serde_json::from_slice(&b).ok());
        written.unwrap_or(Self { mqtt: config.mqtt_listen, agents: config.agents_listen, people: config.people_listen })
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), ConfigError> {
        let path = dir.join("doors.json");
        let text = serde_json::to_vec(self).unwrap_or_default();
        files::write_durably(&path, &text, 0o644).map_err(|source| ConfigError::Write { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new("HQ", vec!["hub.example".into(), "10.0.0.2".into()]);
        config.save(dir.path()).unwrap();
        assert_eq!(Config::load(dir.path()).unwrap(), config);
        let doors = Doors::load(dir.path(), &config);
        assert_eq!(config.addresses(&doors)[1].mqtt_port, 8883);
        assert_eq!(authority("::1", 1), "[::1]:1");
    }

    #[test]
    fn a_missing_hub_says_how_to_make_one() {
        let dir = tempfile::tempdir().unwrap();
        let text = Config::load(dir.path()).unwrap_err().to_string();
        assert!(text.contains("init --name"), "{text}");
    }
}
