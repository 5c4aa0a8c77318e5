//! Bits of a parameter set, emulation prevention taken out.

/// Reads bits, most significant first.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    bit: u8,
    zeros: u8,
    /// Whether `00 00 03` hides a `03` (H.264 7.3.1, H.265 7.3.1.1).
    escaped: bool,
}

impl<'a> Bits<'a> {
    /// The payload of a NAL unit.
    pub fn of_nal(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, bit: 0, zeros: 0, escaped: true }
    }

    pub fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, bit: 0, zeros: 0, escaped: false }
    }

    pub fn flag(&mut self) -> Option<bool> {
        if self.bit == 0 && self.escaped && self.zeros >= 2 && self.bytes.get(self.at) == Some(&3) {
            self.at += 1;
            self.zeros = 0;
        }
        let byte = *self.bytes.get(self.at)?;
        let bit = byte & (0x80 >> self.bit) != 0;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.at += 1;
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        Some(bit)
    }

    /// Up to 32 bits.
    pub fn u(&mut self, n: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..n {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub fn skip(&mut self, n: u32) -> Option<()> {
        for _ in 0..n {
            self.flag()?;
        }
        Some(())
    }

    /// Exp-Golomb, unsigned (H.264 9.1).
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.u(zeros)?;
        Some(((1u64 << zeros) - 1 + u64::from(rest)).try_into().unwrap_or(u32::MAX))
    }

    /// Exp-Golomb, signed.
    pub fn se(&mut self) -> Option<i64> {
        let k = i64::from(self.ue()?);
        Some(if k % 2 == 0 { -(k / 2) } else { k / 2 + 1 })
    }
}
