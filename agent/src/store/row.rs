//! Rows carry their version and checksum: sled's own checks see torn pages, not bytes that changed inside a value.

/// Why a row cannot be used. Its maker derives it again.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RowError {
    #[error("a row of {found} bytes is too short")]
    Short { found: usize },
    #[error("a row's checksum is {found:08x}, computed {computed:08x}")]
    Checksum { found: u32, computed: u32 },
    #[error("a row is of version {found}, expected {expected}")]
    Version { found: u8, expected: u8 },
}

/// `version | payload | crc32 of both, little endian`.
#[must_use]
pub fn frame(version: u8, payload: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(payload.len() + 5);
    row.push(version);
    row.extend_from_slice(payload);
    let crc = crc32fast::hash(&row);
    row.extend_from_slice(&crc.to_le_bytes());
    row
}

/// The payload of a row.
///
/// # Errors
/// When it is not what [`frame`] made.
pub fn unframe(expected: u8, row: &[u8]) -> Result<&[u8], RowError> {
    let Some((body, crc)) = row.split_last_chunk::<4>() else { return Err(RowError::Short { found: row.len() }) };
    let (found, computed) = (u32::from_le_bytes(*crc), crc32fast::hash(body));
    if found != computed {
        return Err(RowError::Checksum { found, computed });
    }
    match body.split_first() {
        Some((version, payload)) if *version == expected => Ok(payload),
        Some((found, _)) => Err(RowError::Version { found: *found, expected }),
        None => Err(RowError::Short { found: row.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_row_is_noticed() {
        let row = frame(1, b"segments");
        assert_eq!(unframe(1, &row), Ok(&b"segments"[..]));
        for i in 0..row.len() {
            let mut changed = row.clone();
            changed[i] ^= 0x40;
            assert!(unframe(1, &changed).is_err(), "byte {i}");
        }
        assert_eq!(unframe(2, &row), Err(RowError::Version { found: 1, expected: 2 }));
        assert!(unframe(1, &row[..3]).is_err());
    }
}
