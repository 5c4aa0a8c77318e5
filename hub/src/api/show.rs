//! From our rows and the fleet's picture to the shapes people see.
//!
//! Belongs here: pure conversions, the same for answers and for events. Does not: fetching ([`Picture`] takes what was
//! fetched), formatting for people (the page).

pub(super) mod condition;
pub(super) mod recording;

use std::collections::BTreeMap;

use farwatch_shared::id::{AgentId, CameraId, SiteId};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{ClockState, WallMs};
use farwatch_shared::wire::latest as wire;

use super::shape::{
    AgentSummary, CameraPoint, CameraStateNow, CameraSummary, Drift, Fleet, GapReason, HealthPoint, Hold, HubInfo,
    Presence, Pull, PullState, RefusalView, RenditionChoice, Site, SourceWay, StreamNow,
};
use crate::fleet::{self, AgentNow, CameraNow, PresenceNow};
use crate::store::cameras::{CameraRow, HoldRow};
use crate::store::pulls::PullRow;
use crate::store::sites::SiteRow;
use crate::store::{self, Conn};

pub(super) fn seen(at: WallMs) -> Option<WallMs> {
    (at.0 != 0).then_some(at)
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn presence(a: &AgentNow) -> Presence {
    match a.presence {
        _ if a.revoked_ms.is_some() => Presence::Revoked,
        PresenceNow::Never | PresenceNow::Unknown => Presence::Unknown,
        PresenceNow::Online => Presence::Online,
        PresenceNow::Late => Presence::Late,
        PresenceNow::Lost => Presence::Offline,
        PresenceNow::Stopped => Presence::Stopped,
    }
}

pub(super) fn drift(a: &AgentNow) -> Drift {
    match a.drift() {
        fleet::Drift::None => Drift::None,
        fleet::Drift::NothingDesired if a.reported.is_none() => Drift::Unknown,
        fleet::Drift::NothingDesired => Drift::None,
        fleet::Drift::Waiting { .. } => Drift::Pending,
        fleet::Drift::Refused(_) | fleet::Drift::Problems(_) => Drift::Refused,
    }
}

pub(crate) fn agent(a: &AgentNow) -> AgentSummary {
    let health = a.health.as_deref();
    AgentSummary {
        id: a.agent,
        site: a.site,
        name: a.hostname.clone(),
        presence: presence(a),
        last_seen_ms: seen(a.last_seen_ms),
        version: said(&a.version),
        drift: drift(a),
        cpu_permille: health.map(|h| h.cpu_permille),
        mem_used: health.map(|h| h.mem_used),
        mem_total: health.map(|h| h.mem_total),
        disk_free: health.map(|h| h.disk.free),
        disk_total: health.map(|h| h.disk.total),
        temperature_mc: health.and_then(|h| h.temperature_mc),
        health_ms: health.map(|h| h.at_ms),
        revoked_ms: a.revoked_ms,
        faults: a.faults.values().fold(0, |sum, n| sum.saturating_add(*n)),
        clock: health.map(|h| condition::trust(h.clock.state)),
        hours_possible: health.and_then(|h| h.retention.as_ref()).map(|r| r.hours_possible),
        floor_hours: health.and_then(|h| h.retention.as_ref()).map(|r| r.floor_hours),
        breach_at_ms: health.and_then(|h| h.retention.as_ref()).and_then(|r| r.breach_at_ms),
    }
}

pub(super) fn state(state: wire::CameraState) -> CameraStateNow {
    match state {
        wire::CameraState::Recording => CameraStateNow::Recording,
        wire::CameraState::Stalled => CameraStateNow::Stalled,
        wire::CameraState::Unreachable => CameraStateNow::Unreachable,
        wire::CameraState::AuthFailed => CameraStateNow::AuthFailed,
        wire::CameraState::Unsupported => CameraStateNow::Unsupported,
        wire::CameraState::Watching => CameraStateNow::Watching,
        wire::CameraState::Disabled => CameraStateNow::Disabled,
        wire::CameraState::Starting => CameraStateNow::Starting,
    }
}

/// The main stream as the agent last told of it.
fn main_status(now: &CameraNow) -> Option<&wire::CameraStatus> {
    now.streams.get(&farwatch_shared::id::StreamName::Main).map(|s| &*s.status)
}

/// A camera in one line. What an agent said is shown as the present only while the agent is online: nothing is green
/// only because nobody looked.
pub(crate) fn camera(row: &CameraRow, now: &CameraNow, agent: &AgentNow) -> CameraSummary {
    let status = main_status(now);
    let online = presence(agent) == Presence::Online;
    let last = status.map(|s| state(s.state));
    CameraSummary {
        id: row.camera,
        agent: row.agent,
        site: agent.site,
        name: row.name.clone(),
        recording: recording::word(&row.recording),
        state: last.filter(|_| online).unwrap_or(CameraStateNow::Unknown),
        last_state: last.filter(|_| !online),
        since_ms: status.map(|s| s.since_ms),
        detail: status.and_then(|s| s.detail.clone()),
        fps_milli: status.map_or(0, |s| s.fps_milli),
        bitrate_bps: status.map_or(0, |s| s.bits_per_s),
        last_committed_ms: status.and_then(|s| s.last_committed_ms),
        oldest_ms: status.and_then(|s| s.oldest_ms),
        unbroken_since_ms: status.and_then(|s| s.unbroken_since_ms),
        gaps_today: status.map_or(0, |s| s.gaps_today),
        gap_ms_today: status.map_or(0, |s| s.gap_ms_today),
        floor_days: row.floor_days,
        ceiling_days: row.ceiling_days,
    }
}

pub(super) fn stream(status: &wire::CameraStatus) -> StreamNow {
    StreamNow {
        stream: status.stream.into(),
        state: state(status.state),
        since_ms: status.since_ms,
        detail: status.detail.clone(),
        source: status.source.clone(),
        codec: status.codec.clone(),
        width: status.width,
        height: status.height,
        audio: status.audio,
        fps_milli: status.fps_milli,
        bitrate_bps: status.bits_per_s,
        last_committed_ms: status.last_committed_ms,
        oldest_ms: status.oldest_ms,
        unbroken_since_ms: status.unbroken_since_ms,
        footage: status.footage,
        defects: status.defects.clone(),
    }
}

pub(super) fn source(source: wire::SourceChoice) -> SourceWay {
    match source {
        wire::SourceChoice::Auto => SourceWay::Auto,
        wire::SourceChoice::Rtsp => SourceWay::Rtsp,
        wire::SourceChoice::Gst => SourceWay::Gst,
    }
}

pub(super) fn gap(cause: wire::GapCause) -> GapReason {
    match cause {
        wire::GapCause::Camera => GapReason::Camera,
        wire::GapCause::Network => GapReason::Network,
        wire::GapCause::Agent => GapReason::Agent,
        wire::GapCause::Disk => GapReason::Disk,
        wire::GapCause::Power => GapReason::Power,
        wire::GapCause::Clock => GapReason::Clock,
        wire::GapCause::Update => GapReason::Update,
        wire::GapCause::Operator => GapReason::Operator,
        wire::GapCause::Schedule => GapReason::Schedule,
    }
}

pub(super) fn refusal(
    refusal: Refusal,
    detail: &str,
    camera: Option<CameraId>,
    generation: Option<u64>,
) -> RefusalView {
    RefusalView {
        code: refusal.code(),
        message: refusal.to_string(),
        detail: said(detail),
        camera,
        generation,
        missing_bytes: None,
    }
}

/// Everything in an agent's report that was not done.
pub(super) fn refusals(reported: &wire::Reported) -> Vec<RefusalView> {
    let refused = reported.refused.iter().map(|r| refusal(r.refusal, "", None, Some(r.generation)));
    let problems = reported
        .problems
        .iter()
        .map(|p| RefusalView { missing_bytes: p.missing, ..refusal(p.refusal, &p.detail, p.camera, None) });
    refused.chain(problems).collect()
}

pub(super) fn health(sample: &wire::HealthSample) -> HealthPoint {
    HealthPoint {
        at_ms: sample.at_ms,
        uptime_s: sample.uptime_s,
        cpu_permille: sample.cpu_permille,
        mem_used: sample.mem_used,
        mem_total: sample.mem_total,
        disk_free: sample.disk.free,
        disk_total: sample.disk.total,
        footage: sample.disk.footage,
        inodes_free: sample.disk.inodes_free,
        inodes_total: sample.disk.inodes_total,
        temperature_mc: sample.temperature_mc,
        rx_bps: sample.network.iter().map(|n| n.rx_bytes_per_s).fold(0, u64::saturating_add),
        tx_bps: sample.network.iter().map(|n| n.tx_bytes_per_s).fold(0, u64::saturating_add),
        clock: match sample.clock.state {
            ClockState::Unsynced => "unsynced",
            ClockState::Rtc => "rtc",
            ClockState::Ntp => "ntp",
        }
        .to_owned(),
        cameras: sample
            .cameras
            .iter()
            .map(|s| CameraPoint {
                camera: s.camera,
                stream: s.stream.into(),
                state: state(s.state),
                fps_milli: s.fps_milli,
                bitrate_bps: s.bits_per_s,
            })
            .collect(),
    }
}

pub(super) fn hold(row: HoldRow) -> Hold {
    Hold {
        id: row.hold,
        camera: row.camera,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        reason: row.reason,
        person: row.person,
        created_ms: row.placed_ms,
    }
}

pub(super) fn pull_state(state: store::pulls::PullState) -> PullState {
    match state {
        store::pulls::PullState::Requested => PullState::Requested,
        store::pulls::PullState::Approved => PullState::Approved,
        store::pulls::PullState::Pulling => PullState::Pulling,
        store::pulls::PullState::Received => PullState::Received,
        store::pulls::PullState::Sealed => PullState::Sealed,
        store::pulls::PullState::Refused => PullState::Refused,
        store::pulls::PullState::Failed => PullState::Failed,
        store::pulls::PullState::Expired => PullState::Expired,
    }
}

/// A pull with the names around it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn pull(c: &mut Conn, fleet: &fleet::Fleet, row: PullRow) -> store::Result<Pull> {
    let camera = store::cameras::get(c, row.camera).await?;
    let site = match fleet.agent(row.agent) {
        Some(agent) => store::sites::get(c, agent.site).await?,
        None => {
            let agent = store::agents::get(c, row.agent).await?;
            store::sites::get(c, agent.site).await?
        }
    };
    let person = store::people::find(c, row.person).await?;
    let segments = if row.has_manifest { store::pulls::segments(c, row.order).await?.len() } else { 0 };
    Ok(Pull {
        id: row.order,
        camera: row.camera,
        agent: row.agent,
        camera_name: camera.name,
        site_name: site.name,
        time_zone: site.time_zone,
        stream: row.stream.into(),
        rendition: match row.rendition {
            wire::Rendition::Original => RenditionChoice::Original,
            wire::Rendition::Preview => RenditionChoice::Preview,
        },
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        reason: row.reason,
        person: row.person,
        person_name: person.and_then(|p| p.name),
        state: pull_state(row.state),
        refusal: row.refusal.map(|r| refusal(r, &row.detail, Some(row.camera), None)),
        segments: u32::try_from(segments).unwrap_or(u32::MAX),
        bytes_received: farwatch_shared::size::ByteSize(row.bytes_received),
        bytes_total: farwatch_shared::size::ByteSize(row.bytes_total),
        created_ms: row.created_ms,
        expires_ms: row.expires_ms,
        sealed_ms: row.sealed_ms,
    })
}

/// Everything at one moment: the rows that change seldom, and the fleet's picture.
pub(crate) struct Picture {
    sites: Vec<SiteRow>,
    cameras: Vec<CameraRow>,
    agents: BTreeMap<AgentId, AgentNow>,
    streams: BTreeMap<CameraId, CameraNow>,
}

impl Picture {
    /// # Errors
    /// When the database fails.
    pub(crate) async fn take(c: &mut Conn, fleet: &fleet::Fleet) -> store::Result<Self> {
        Ok(Self {
            sites: store::sites::all(c).await?,
            cameras: store::cameras::all(c).await?,
            agents: fleet.agents().into_iter().map(|a| (a.agent, a)).collect(),
            streams: fleet.cameras(),
        })
    }

    /// The sites with what stands at each, by name.
    pub(crate) fn sites(&self) -> Vec<Site> {
        let mut sites: BTreeMap<SiteId, Site> = self.sites.iter().map(|row| (row.site, empty(row))).collect();
        for a in self.agents.values() {
            if let Some(site) = sites.get_mut(&a.site) {
                site.agents.push(agent(a));
            }
        }
        let nothing = CameraNow::default();
        for row in &self.cameras {
            let Some(a) = self.agents.get(&row.agent) else { continue };
            if let Some(site) = sites.get_mut(&a.site) {
                site.cameras.push(camera(row, self.streams.get(&row.camera).unwrap_or(&nothing), a));
            }
        }
        let mut sites: Vec<Site> = sites.into_values().collect();
        sites.sort_by(|a, b| a.name.cmp(&b.name));
        for site in &mut sites {
            site.agents.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
            site.cameras.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        }
        sites
    }

    pub(crate) fn fleet(&self, hub: HubInfo) -> Fleet {
        Fleet { hub, sites: self.sites() }
    }
}

fn empty(row: &SiteRow) -> Site {
    Site {
        id: row.site,
        name: row.name.clone(),
        time_zone: row.time_zone.clone(),
        agents: Vec::new(),
        cameras: Vec::new(),
    }
}
