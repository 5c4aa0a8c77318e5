//! Sequence parameter sets: the picture size, and what a config record repeats of them.

use super::bits::Bits;

/// What a file needs of an SPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sps {
    pub id: u8,
    pub width: u16,
    pub height: u16,
    pub chroma: u8,
    /// Less 8.
    pub luma_depth: u8,
    pub chroma_depth: u8,
    /// Frames that may precede a picture in decoding and follow it when shown; absent when the set does not say.
    pub reorder: Option<u8>,
    /// H.265: `general_profile…level`, 12 bytes as they stand; empty for H.264.
    pub profile: Vec<u8>,
    /// H.265: temporal layers, and whether they nest.
    pub layers: u8,
    pub nested: bool,
}

/// Reads an H.264 SPS (7.3.2.1.1), NAL header included.
pub(super) fn h264(nal: &[u8]) -> Option<Sps> {
    let profile = *nal.get(1)?;
    let mut bits = Bits::of_nal(nal.get(4..)?);
    let id = byte(bits.ue()?, 31)?;
    let (mut chroma, mut luma_depth, mut chroma_depth) = (1, 0, 0);
    let mut planes_apart = false;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma = byte(bits.ue()?, 3)?;
        if chroma == 3 {
            planes_apart = bits.flag()?;
        }
        luma_depth = byte(bits.ue()?, 6)?;
        chroma_depth = byte(bits.ue()?, 6)?;
        bits.flag()?;
        if bits.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            for _ in 0..byte(bits.ue()?, 255)? {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.flag()?;
    let width = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_height = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.flag()?;
    }
    bits.flag()?;
    let height = map_height.checked_mul(if frames_only { 1 } else { 2 })?;
    let (unit_x, unit_y) = match if planes_apart { 0 } else { chroma } {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (width, height) = crop(&mut bits, width, height, unit_x, unit_y * if frames_only { 1 } else { 2 })?;
    // A set cut short after its size still tells its size.
    let reorder = h264_reorder(&mut bits).flatten();
    Some(Sps {
        id,
        width,
        height,
        chroma,
        luma_depth,
        chroma_depth,
        reorder,
        profile: Vec::new(),
        layers: 1,
        nested: true,
    })
}

/// `max_num_reorder_frames` of the VUI (E.1.1), where it is said.
fn h264_reorder(bits: &mut Bits<'_>) -> Option<Option<u8>> {
    if !bits.flag()? {
        return Some(None);
    }
    if bits.flag()? && bits.u(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.flag()?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    if bits.flag()? {
        bits.skip(65)?;
    }
    let nal_hrd = bits.flag()?;
    if nal_hrd {
        skip_hrd(bits)?;
    }
    let vcl_hrd = bits.flag()?;
    if vcl_hrd {
        skip_hrd(bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.flag()?;
    }
    bits.flag()?;
    if !bits.flag()? {
        return Some(None);
    }
    bits.flag()?;
    for _ in 0..4 {
        bits.ue()?;
    }
    Some(byte(bits.ue()?, 16))
}

fn skip_hrd(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.ue()?;
    bits.skip(8)?;
    for _ in 0..=byte(count, 31)? {
        bits.ue()?;
        bits.ue()?;
        bits.flag()?;
    }
    bits.skip(20)
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()? + 256).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// Reads an H.265 SPS (7.3.2.2.1), NAL header included.
pub(super) fn h265(nal: &[u8]) -> Option<Sps> {
    let mut bits = Bits::of_nal(nal.get(2..)?);
    bits.skip(4)?;
    let sub_layers = byte(bits.u(3)?, 6)?;
    let nested = bits.flag()?;
    let mut profile = Vec::with_capacity(12);
    for _ in 0..12 {
        profile.push(byte(bits.u(8)?, 255)?);
    }
    skip_sub_layer_profiles(&mut bits, u32::from(sub_layers))?;
    let id = byte(bits.ue()?, 15)?;
    let chroma = byte(bits.ue()?, 3)?;
    let planes_apart = chroma == 3 && bits.flag()?;
    let (width, height) = (bits.ue()?, bits.ue()?);
    let (unit_x, unit_y) = match if planes_apart { 0 } else { chroma } {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (width, height) = crop(&mut bits, width, height, unit_x, unit_y)?;
    let luma_depth = byte(bits.ue()?, 8)?;
    let chroma_depth = byte(bits.ue()?, 8)?;
    bits.ue()?;
    let each = bits.flag()?;
    let mut reorder = 0;
    for _ in 0..if each { sub_layers + 1 } else { 1 } {
        bits.ue()?;
        reorder = byte(bits.ue()?, 16)?;
        bits.ue()?;
    }
    Some(Sps {
        id,
        width,
        height,
        chroma,
        luma_depth,
        chroma_depth,
        reorder: Some(reorder),
        profile,
        layers: sub_layers + 1,
        nested,
    })
}

fn skip_sub_layer_profiles(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// The cropping (H.264) or conformance (H.265) window: the same four numbers in both.
fn crop(bits: &mut Bits<'_>, width: u32, height: u32, unit_x: u32, unit_y: u32) -> Option<(u16, u16)> {
    let (mut left, mut right, mut top, mut bottom) = (0, 0, 0, 0);
    if bits.flag()? {
        (left, right, top, bottom) = (bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?);
    }
    let width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
    let height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
    let size = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    (size.0 > 0 && size.1 > 0).then_some(size)
}

fn byte(value: u32, limit: u8) -> Option<u8> {
    u8::try_from(value).ok().filter(|v| *v <= limit)
}
