//! Reading planned pieces of a segment, each checked against its digest.

use std::io::SeekFrom;

use farwatch_shared::digest::Digest;
use farwatch_shared::media::fragment::Fragment;
use farwatch_shared::media::ident::SegmentIdent;
use farwatch_shared::media::init::Init;
use farwatch_shared::wire::latest::{ManifestSegment, Piece};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{Original, PreviewError};

/// Reads planned pieces, each checked against its digest.
pub(super) struct Reader<'a> {
    file: File,
    planned: &'a ManifestSegment,
    next: u32,
}

impl<'a> Reader<'a> {
    pub(super) async fn open(original: &'a Original) -> Result<Self, PreviewError> {
        let planned = &original.planned;
        let file = File::open(&original.path)
            .await
            .map_err(|source| PreviewError::Read { segment: planned.segment, source })?;
        Ok(Self { file, planned, next: planned.first_piece.max(1) })
    }

    pub(super) async fn head(&mut self) -> Result<(Init, SegmentIdent), PreviewError> {
        let Some(piece) = self.planned.pieces.first().copied() else { return Err(self.damaged(0)) };
        let head = self.piece(piece).await?;
        match (Init::parse(&head), SegmentIdent::find(&head)) {
            (Some(init), Some(ident)) => Ok((init, ident)),
            _ => Err(self.damaged(0)),
        }
    }

    /// The next planned fragment and its sample bytes, video first.
    pub(super) async fn fragment(&mut self) -> Result<Option<(Fragment, Vec<u8>)>, PreviewError> {
        if self.next > self.planned.last_piece {
            return Ok(None);
        }
        let at = usize::try_from(self.next).unwrap_or(usize::MAX);
        let Some(piece) = self.planned.pieces.get(at).copied() else { return Ok(None) };
        self.next += 1;
        let mut bytes = self.piece(piece).await?;
        let fragment = Fragment::parse(&bytes).ok_or_else(|| self.damaged(piece.offset))?;
        let samples: usize = fragment.tracks.iter().flat_map(|t| &t.samples).map(|s| s.size as usize).sum();
        let data = bytes.split_off(bytes.len().saturating_sub(samples));
        Ok(Some((fragment, data)))
    }

    async fn piece(&mut self, piece: Piece) -> Result<Vec<u8>, PreviewError> {
        let mut bytes = vec![0; piece.length as usize];
        let read = async {
            self.file.seek(SeekFrom::Start(piece.offset)).await?;
            self.file.read_exact(&mut bytes).await
        };
        read.await.map_err(|source| PreviewError::Read { segment: self.planned.segment, source })?;
        if Digest::of(&bytes) == piece.digest { Ok(bytes) } else { Err(self.damaged(piece.offset)) }
    }

    fn damaged(&self, offset: u64) -> PreviewError {
        PreviewError::Damaged { segment: self.planned.segment, offset }
    }
}
