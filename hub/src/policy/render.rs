//! Rows to the parts of a desired state: the same rows always give the same bytes.

use std::collections::BTreeMap;

use farwatch_shared::digest::Digest;
use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::INLINE_PART;
use farwatch_shared::wire::latest::{
    CamerasPart, DesiredCamera, DesiredHold, DesiredStream, HoldsPart, HubAddress, HubsPart, PartName, PartRef,
    RetentionPart, RetentionRule, WhenShort,
};

use crate::store::cameras::{CameraRow, HoldRow, streams};

/// Free space an agent keeps on the vault's file system, until a policy says otherwise.
pub const MIN_FREE: ByteSize = ByteSize::mib(512);

/// What every camera of an agent has from its site and its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site<'a> {
    /// IANA name: the clock of schedules, and what a day is.
    pub time_zone: &'a str,
    pub when_short: WhenShort,
}

/// A rendered state, before it has a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub parts: BTreeMap<PartName, PartRef>,
    /// Exact bytes of the parts too large to ride inline.
    pub apart: Vec<(Digest, Vec<u8>)>,
    /// Over the ordered part digests.
    pub content: Digest,
}

/// Renders one agent's rows. `cameras` and `holds` in any order; `hubs` as configured.
///
/// # Errors
/// Never for our types; the encoder's type says otherwise.
pub fn render(
    cameras: &[CameraRow],
    holds: &[HoldRow],
    hubs: &[HubAddress],
    site: Site<'_>,
) -> Result<Rendered, serde_json::Error> {
    let mut cameras: Vec<&CameraRow> = cameras.iter().filter(|c| c.removed_ms.is_none()).collect();
    cameras.sort_by_key(|c| c.camera);
    let mut holds: Vec<&HoldRow> = holds.iter().filter(|h| h.released_ms.is_none()).collect();
    holds.sort_by_key(|h| h.hold);
    let cameras_part = CamerasPart {
        cameras: cameras.iter().map(|c| desired(c, site.time_zone)).collect(),
        time_zone: Some(site.time_zone.to_owned()),
    };
    let retention = RetentionPart {
        cameras: cameras.iter().map(|c| (c.camera, rule(c))).collect(),
        min_free: MIN_FREE,
        when_short: site.when_short,
        give_way: Vec::new(),
    };
    let holds_part = HoldsPart { holds: holds.iter().map(|h| hold(h)).collect() };
    let hubs_part = HubsPart { hubs: hubs.to_vec() };
    let bytes = [
        (PartName::Cameras, serde_json::to_string(&cameras_part)?),
        (PartName::Retention, serde_json::to_string(&retention)?),
        (PartName::Holds, serde_json::to_string(&holds_part)?),
        (PartName::Hubs, serde_json::to_string(&hubs_part)?),
    ];
    let mut rendered = Rendered { parts: BTreeMap::new(), apart: Vec::new(), content: Digest::ZERO };
    for (name, text) in bytes {
        let digest = Digest::of(text.as_bytes());
        let size = ByteSize(text.len() as u64);
        let inline = if text.len() < INLINE_PART {
            Some(text)
        } else {
            rendered.apart.push((digest, text.into_bytes()));
            None
        };
        rendered.parts.insert(name, PartRef { digest, size, inline });
    }
    rendered.content = digest_of(&rendered.parts);
    Ok(rendered)
}

/// Over the ordered part digests: same content, same digest.
#[must_use]
pub fn digest_of(parts: &BTreeMap<PartName, PartRef>) -> Digest {
    Digest::of_pieces(parts.values().map(|p| &p.digest))
}

/// How long a camera's footage is kept, as the agent is told.
pub(super) fn rule(row: &CameraRow) -> RetentionRule {
    RetentionRule {
        floor_days: row.floor_days,
        ceiling_days: row.ceiling_days,
        event_days: row.event_days,
        quota: row.quota,
    }
}

/// A camera as the agent is told of it.
pub(super) fn desired(row: &CameraRow, time_zone: &str) -> DesiredCamera {
    DesiredCamera {
        camera: row.camera,
        name: row.name.clone(),
        recording: row.recording.on_the_wire(time_zone),
        audio: row.audio_purpose.is_some(),
        audio_purpose: row.audio_purpose.clone(),
        source: row.source,
        streams: streams(row)
            .into_iter()
            .map(|(stream, url)| DesiredStream { stream, url, record: true, target: row.targets.of(stream) })
            .collect(),
        credential: row.credential.clone(),
        ca_pem: row.ca_pem.clone(),
    }
}

fn hold(row: &HoldRow) -> DesiredHold {
    DesiredHold {
        hold: row.hold,
        camera: row.camera,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        reason: row.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::camera as row;
    use crate::store::recording::Mode;
    use farwatch_shared::wire::latest::{Recording, Schedule, Window};

    const SITE: Site<'_> = Site { time_zone: "Europe/Berlin", when_short: WhenShort::KeepFloor };

    #[test]
    fn the_order_of_rows_does_not_change_the_content() {
        let (a, b) = (row("a"), row("b"));
        let one = render(&[a.clone(), b.clone()], &[], &[], SITE).unwrap();
        let two = render(&[b.clone(), a.clone()], &[], &[], SITE).unwrap();
        assert_eq!(one, two);
        let renamed = CameraRow { name: "c".into(), ..a };
        assert_ne!(render(&[renamed, b], &[], &[], SITE).unwrap().content, one.content);
    }

    #[test]
    fn a_large_part_rides_apart_and_its_digest_is_of_its_exact_bytes() {
        let rows: Vec<CameraRow> = (0..64).map(|n| row(&format!("camera {n}"))).collect();
        let rendered = render(&rows, &[], &[], SITE).unwrap();
        let cameras = &rendered.parts[&PartName::Cameras];
        assert!(cameras.inline.is_none());
        let (digest, bytes) = &rendered.apart[0];
        assert_eq!((*digest, bytes.len() as u64), (cameras.digest, cameras.size.bytes()));
        assert_eq!(Digest::of(bytes), *digest);
    }

    // CAP-02
    #[test]
    fn terms_reach_the_agent_on_the_sites_clock() {
        let windows = vec![Window { days: vec![1, 5], start_minute: 1320, end_minute: 360 }];
        let night = CameraRow {
            recording: Mode::Schedule { windows: windows.clone() },
            audio_purpose: Some("intercom".into()),
            event_days: Some(90),
            quota: Some(ByteSize::mib(900)),
            ..row("a")
        };
        let rendered = render(std::slice::from_ref(&night), &[], &[], SITE).unwrap();
        let part = |name| rendered.parts[&name].inline.clone().unwrap();
        let cameras: CamerasPart = serde_json::from_str(&part(PartName::Cameras)).unwrap();
        assert_eq!(cameras.time_zone.as_deref(), Some("Europe/Berlin"));
        let schedule = Schedule { time_zone: "Europe/Berlin".into(), windows };
        assert_eq!(cameras.cameras[0].recording, Recording::Schedule(schedule));
        assert!(cameras.cameras[0].records_sound());
        let retention: RetentionPart = serde_json::from_str(&part(PartName::Retention)).unwrap();
        assert_eq!(retention.when_short, WhenShort::KeepFloor);
        let rule = retention.cameras[&night.camera];
        assert_eq!((rule.event_days, rule.quota), (Some(90), Some(ByteSize::mib(900))));
    }
}
