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
pub fn render(cameras: &[CameraRow], holds: &[HoldRow], hubs: &[HubAddress]) -> Result<Rendered, serde_json::Error> {
    let mut cameras: Vec<&CameraRow> = cameras.iter().filter(|c| c.removed_ms.is_none()).collect();
    cameras.sort_by_key(|c| c.camera);
    let mut holds: Vec<&HoldRow> = holds.iter().filter(|h| h.released_ms.is_none()).collect();
    holds.sort_by_key(|h| h.hold);
    let cameras_part = CamerasPart { cameras: cameras.iter().map(|c| camera(c)).collect(), time_zone: None };
    let retention = RetentionPart {
        cameras: cameras
            .iter()
            .map(|c| {
                let (floor_days, ceiling_days) = (c.floor_days, c.ceiling_days);
                (c.camera, RetentionRule { floor_days, ceiling_days, event_days: None, quota: None })
            })
            .collect(),
        min_free: MIN_FREE,
        when_short: WhenShort::default(),
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

fn camera(row: &CameraRow) -> DesiredCamera {
    DesiredCamera {
        camera: row.camera,
        name: row.name.clone(),
        recording: row.recording.clone(),
        audio: row.audio,
        audio_purpose: None,
        source: row.source,
        streams: streams(row)
            .into_iter()
            .map(|(stream, url)| DesiredStream { stream, url, record: true, target: None })
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
    use farwatch_shared::id::{AgentId, CameraId};
    use farwatch_shared::time::WallMs;
    use farwatch_shared::wire::latest::{Recording, SourceChoice};

    fn row(name: &str) -> CameraRow {
        CameraRow {
            camera: CameraId::generate(),
            agent: AgentId::generate(),
            name: name.into(),
            source: SourceChoice::Auto,
            recording: Recording::Continuous,
            audio: false,
            url: "rtsp://10.0.0.9/main".into(),
            sub_url: None,
            credential: None,
            recovery: None,
            ca_pem: None,
            floor_days: 30,
            ceiling_days: None,
            created_ms: WallMs(0),
            removed_ms: None,
        }
    }

    #[test]
    fn the_order_of_rows_does_not_change_the_content() {
        let (a, b) = (row("a"), row("b"));
        let one = render(&[a.clone(), b.clone()], &[], &[]).unwrap();
        let two = render(&[b.clone(), a.clone()], &[], &[]).unwrap();
        assert_eq!(one, two);
        let renamed = CameraRow { name: "c".into(), ..a };
        assert_ne!(render(&[renamed, b], &[], &[]).unwrap().content, one.content);
    }

    #[test]
    fn a_large_part_rides_apart_and_its_digest_is_of_its_exact_bytes() {
        let rows: Vec<CameraRow> = (0..64).map(|n| row(&format!("camera {n}"))).collect();
        let rendered = render(&rows, &[], &[]).unwrap();
        let cameras = &rendered.parts[&PartName::Cameras];
        assert!(cameras.inline.is_none());
        let (digest, bytes) = &rendered.apart[0];
        assert_eq!((*digest, bytes.len() as u64), (cameras.digest, cameras.size.bytes()));
        assert_eq!(Digest::of(bytes), *digest);
    }
}
