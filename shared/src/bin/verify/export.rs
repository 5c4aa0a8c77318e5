//! A directory of exported segments: each against its pieces, its neighbours, and the signed documents that came along.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::verify::{Checked, Findings, FoundFile, Report, What, span};
use farwatch_shared::evidence::{ChainHead, Checkpoint};
use farwatch_shared::id::SegmentId;
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::seal::{Document, Signed};
use farwatch_shared::time::{Span, WallMs};
use farwatch_shared::wire::latest::{Manifest, ManifestSegment};

use crate::files::read_segment;

/// What signed documents say of segments.
#[derive(Default)]
struct Vouched {
    manifests: BTreeMap<SegmentId, (ManifestSegment, WallMs)>,
    heads: BTreeMap<SegmentId, (Digest, WallMs)>,
    documents: u64,
}

struct Exported {
    path: PathBuf,
    found: FoundFile,
    pieces: Vec<Digest>,
}

/// Checks all of it.
pub fn verify(dir: &Path, key: VerifyKey) -> Result<Report, String> {
    let (mut findings, mut notes, mut checked) = (Findings::default(), Vec::new(), Checked::default());
    let (mut videos, mut papers) = (Vec::new(), Vec::new());
    collect(dir, &mut videos, &mut papers)?;
    let mut vouched = Vouched::default();
    for path in papers {
        take_paper(&path, &key, &mut vouched, &mut findings, &mut notes);
    }
    let mut segments: BTreeMap<SegmentId, Exported> = BTreeMap::new();
    for path in videos {
        let mut pieces = Vec::new();
        let found = File::open(&path)
            .and_then(|file| read_segment(&file, |_, digest| pieces.push(digest)))
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        checked.segments += 1;
        checked.bytes.0 += found.whole + found.rest;
        match &found.ident {
            Some(ident) => drop(segments.insert(ident.segment(), Exported { found, pieces, path })),
            None => findings.whole(
                What::SegmentEdited,
                span(WallMs(0), WallMs(0)),
                format!("{} is no segment of a box, or its head is damaged", path.display()),
            ),
        }
    }
    let mut before: Option<(SegmentId, Digest)> = None;
    let mut anchored = anchors(&segments, &vouched);
    for (id, exported) in &segments {
        let when = when_of(&exported.found);
        let name = exported.path.display();
        if exported.found.rest > 0 {
            let from = exported.found.end_ms.unwrap_or(when.start_ms);
            findings.segment(
                What::SegmentTruncated,
                id,
                span(from, from),
                format!("{name} does not end with a whole fragment"),
            );
        }
        let whole = exported.found.rest == 0;
        match vouched.manifests.get(id) {
            Some((said, _)) => match against(said, exported) {
                Ok(()) => drop(anchored.insert(*id)),
                Err(detail) => findings.segment(
                    What::SegmentEdited,
                    id,
                    span(said.sent_start_ms, said.sent_end_ms),
                    format!("{name}: {detail}"),
                ),
            },
            None => {
                if let Some((head, _)) = vouched.heads.get(id)
                    && *head != exported.found.digest
                {
                    findings.segment(What::SegmentEdited, id, when, format!("{name} is not what a checkpoint signed"));
                }
            }
        }
        let previous = exported.found.ident.as_ref().map_or(Digest::ZERO, |ident| ident.previous);
        if let Some((last, digest)) = before
            && whole
            && (last.camera, last.stream, last.run) == (id.camera, id.stream, id.run)
            && last.sequence + 1 == id.sequence
            && digest != previous
            && !vouched.manifests.contains_key(&last)
        {
            findings.segment(
                What::ChainBroken,
                id,
                when,
                format!("{name} names another segment before it than {:06}", last.sequence),
            );
        }
        before = Some((*id, exported.found.digest));
    }
    for (id, (said, _)) in vouched.manifests.iter().filter(|(id, _)| !segments.contains_key(id)) {
        findings.segment(
            What::SegmentDeleted,
            id,
            span(said.sent_start_ms, said.sent_end_ms),
            "a signed manifest names it, and it is not here",
        );
    }
    let bare = segments.keys().filter(|id| !anchored.contains(id)).count();
    if bare > 0 {
        notes.push(format!("{bare} segments are consistent in themselves, but no signed document here names them"));
    }
    let until = vouched.manifests.values().map(|(_, at)| *at).chain(vouched.heads.values().map(|(_, at)| *at)).max();
    checked.signed_until_ms = until.filter(|_| bare == 0 && checked.segments > 0);
    checked.checkpoints = vouched.documents;
    let findings = findings.into_all();
    Ok(Report { ok: findings.is_empty(), agent: None, checked, findings, notes })
}

/// Segments that a checkpoint reaches through the chain: the head itself, and back from it as far as the files go.
fn anchors(segments: &BTreeMap<SegmentId, Exported>, vouched: &Vouched) -> std::collections::BTreeSet<SegmentId> {
    let mut anchored = std::collections::BTreeSet::new();
    for (head, (digest, _)) in &vouched.heads {
        let (mut id, mut expected) = (*head, *digest);
        while let Some(exported) = segments.get(&id).filter(|exported| exported.found.digest == expected) {
            anchored.insert(id);
            let Some(ident) = &exported.found.ident else { break };
            let Some(sequence) = id.sequence.checked_sub(1) else { break };
            (id.sequence, expected) = (sequence, ident.previous);
        }
    }
    anchored
}

/// The pieces that travelled, in order, each with the digest taken when it was recorded.
fn against(said: &ManifestSegment, exported: &Exported) -> Result<(), String> {
    if !said.is_consistent() {
        return Err("the manifest's pieces do not give the digest taken when it was recorded".into());
    }
    let sent: Vec<Digest> = said.sent_pieces().map(|piece| piece.digest).collect();
    if sent == exported.pieces || exported.pieces.iter().eq(said.pieces.iter().map(|piece| &piece.digest)) {
        return Ok(());
    }
    let same = sent.iter().zip(&exported.pieces).take_while(|(said, is)| said == is).count();
    Err(format!("piece {same} of {} is not what was recorded", sent.len()))
}

fn when_of(found: &FoundFile) -> Span {
    let start = found.ident.as_ref().map_or(WallMs(0), |ident| ident.wall_ms);
    span(start, found.end_ms.unwrap_or(start))
}

fn collect(dir: &Path, videos: &mut Vec<PathBuf>, papers: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(dir).map_err(|error| format!("{} cannot be listed: {error}", dir.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, videos, papers)?;
            continue;
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("mp4") => videos.push(path),
            Some("json") => papers.push(path),
            _ => {}
        }
    }
    Ok(())
}

fn take_paper(path: &Path, key: &VerifyKey, vouched: &mut Vouched, findings: &mut Findings, notes: &mut Vec<String>) {
    let Ok(text) = fs::read_to_string(path) else { return };
    let Ok(kind) = serde_json::from_str::<serde_json::Value>(&text) else { return };
    let name = path.display();
    let nowhen = span(WallMs(0), WallMs(0));
    match kind.get("payloadType").and_then(|kind| kind.as_str()) {
        Some(kind) if kind == Manifest::TYPE => {
            let Ok(signed) = serde_json::from_str::<Signed<Manifest>>(&text) else { return };
            match signed.verify(key) {
                Ok(manifest) => {
                    vouched.documents += 1;
                    let at = manifest.issued_at_ms;
                    vouched.manifests.extend(manifest.into_inner().segments.into_iter().map(|s| (s.segment, (s, at))));
                }
                Err(error) => findings.whole(What::CheckpointForged, nowhen, format!("{name}: {error}")),
            }
        }
        Some(kind) if kind == Checkpoint::TYPE => {
            let Ok(signed) = serde_json::from_str::<Signed<Checkpoint>>(&text) else { return };
            match signed.verify(key) {
                Ok(checkpoint) => {
                    vouched.documents += 1;
                    let at = checkpoint.issued_at_ms;
                    vouched.heads.extend(checkpoint.heads.iter().map(|head| (segment_of(head), (head.head, at))));
                }
                Err(error) => findings.whole(What::CheckpointForged, nowhen, format!("{name}: {error}")),
            }
        }
        Some(kind) => notes.push(format!("{name} is a {kind}, which proves nothing about single segments")),
        None => {}
    }
}

fn segment_of(head: &ChainHead) -> SegmentId {
    SegmentId { camera: head.camera, stream: head.stream, run: head.run, sequence: head.last_sequence }
}
