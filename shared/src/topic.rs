//! MQTT topics as a type, and which certificate may publish or read one.
//!
//! Belongs here: `fw/1/<agent>/up/…` and `fw/1/<agent>/dn/…`, parsed and written; the access rule both the broker and
//! the tests use. Does not: sessions, delivery, payloads.

use std::fmt;
use std::str::FromStr;

use crate::id::AgentId;

/// What an agent says to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Up {
    Presence,
    Health,
    Camera,
    Reported,
    Fact,
    Result,
}

/// What the hub says to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Down {
    Desired,
    Order,
    Received,
}

impl Up {
    pub const ALL: [Self; 6] = [Self::Presence, Self::Health, Self::Camera, Self::Reported, Self::Fact, Self::Result];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Health => "health",
            Self::Camera => "camera",
            Self::Reported => "reported",
            Self::Fact => "fact",
            Self::Result => "result",
        }
    }
}

impl Down {
    pub const ALL: [Self; 3] = [Self::Desired, Self::Order, Self::Received];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desired => "desired",
            Self::Order => "order",
            Self::Received => "received",
        }
    }
}

/// One topic of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Up(AgentId, Up),
    Down(AgentId, Down),
}

/// Why a text is not one of our topics.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{topic:?} is not a Farwatch topic (fw/1/<agent>/up|dn/<name>)")]
pub struct TopicError {
    topic: String,
}

impl Topic {
    #[must_use]
    pub fn agent(&self) -> AgentId {
        match self {
            Self::Up(agent, _) | Self::Down(agent, _) => *agent,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(agent, up) => write!(f, "fw/1/{agent}/up/{}", up.as_str()),
            Self::Down(agent, down) => write!(f, "fw/1/{agent}/dn/{}", down.as_str()),
        }
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let refuse = || TopicError { topic: text.chars().take(120).collect() };
        let parts: Vec<&str> = text.split('/').collect();
        let ["fw", "1", agent, direction, name] = parts[..] else { return Err(refuse()) };
        let agent: AgentId = agent.parse().map_err(|_| refuse())?;
        match direction {
            "up" => Up::ALL.into_iter().find(|up| up.as_str() == name).map(|up| Self::Up(agent, up)),
            "dn" => Down::ALL.into_iter().find(|down| down.as_str() == name).map(|down| Self::Down(agent, down)),
            _ => None,
        }
        .ok_or_else(refuse)
    }
}

/// The filter an agent subscribes: everything the hub says to it.
#[must_use]
pub fn down_filter(agent: AgentId) -> String {
    format!("fw/1/{agent}/dn/#")
}

/// Whether this agent may publish there: only its own `up` subtree, only topics we know.
#[must_use]
pub fn may_publish(agent: AgentId, topic: &str) -> Option<Up> {
    match topic.parse() {
        Ok(Topic::Up(owner, up)) if owner == agent => Some(up),
        _ => None,
    }
}

/// Whether this agent may subscribe there: its own `dn` topics, singly or all at once. No other wildcard.
#[must_use]
pub fn may_subscribe(agent: AgentId, filter: &str) -> bool {
    filter == down_filter(agent) || matches!(filter.parse(), Ok(Topic::Down(owner, _)) if owner == agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_reads_back() {
        let agent = AgentId::generate();
        for topic in Up::ALL.map(|u| Topic::Up(agent, u)).into_iter().chain(Down::ALL.map(|d| Topic::Down(agent, d))) {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
    }

    // OPS-01
    #[test]
    fn a_certificate_reaches_its_own_subtree_in_its_own_direction_only() {
        let (me, other) = (AgentId::generate(), AgentId::generate());
        assert_eq!(may_publish(me, &format!("fw/1/{me}/up/health")), Some(Up::Health));
        for bad in [
            format!("fw/1/{other}/up/health"),
            format!("fw/1/{me}/dn/order"),
            format!("fw/1/{me}/up/health/x"),
            format!("fw/1/{me}/up/"),
            format!("fw/1/{me}/up/unknown"),
            format!("/fw/1/{me}/up/health"),
            format!("fw/2/{me}/up/health"),
            format!("fw/1/{}/up/health", me.to_string().to_uppercase()),
            "$SYS/x".into(),
            String::new(),
        ] {
            assert_eq!(may_publish(me, &bad), None, "{bad}");
        }
        assert!(may_subscribe(me, &format!("fw/1/{me}/dn/#")));
        assert!(may_subscribe(me, &format!("fw/1/{me}/dn/order")));
        for bad in [
            "#".into(),
            "+/+/+/+/+".into(),
            format!("fw/1/{other}/dn/#"),
            format!("fw/1/{me}/#"),
            format!("fw/1/{me}/up/#"),
            "fw/1/+/dn/order".to_owned(),
        ] {
            assert!(!may_subscribe(me, &bad), "{bad}");
        }
    }
}
