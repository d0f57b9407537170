//! The header of an entry.

pub(super) const BLOCK: usize = 512;

/// True when a block's checksum is right, which no other thing's is by chance, or it says so itself and is damaged: the
/// mark ends with a zero, which no text has.
pub(in crate::archive) fn looks_like(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else { return false };
    if matches!(block.get(257..265), Some([b'u', b's', b't', b'a', b'r', 0, ..] | b"ustar  \0")) {
        return true;
    }
    // Cheap, as it is asked of every file: the checksum is a number in octal.
    matches!(block.get(148..154), Some(digits) if digits.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' ')))
        && Header(block).checks()
}

/// One block that says what follows it.
pub(super) struct Header<'a>(pub(super) &'a [u8; BLOCK]);

impl<'a> Header<'a> {
    fn field(&self, from: usize, length: usize) -> &'a [u8] {
        self.0.get(from..from.saturating_add(length)).unwrap_or_default()
    }

    /// A text that ends at its first zero.
    fn text(&self, from: usize, length: usize) -> &'a [u8] {
        let field = self.field(from, length);
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    pub(super) fn checks(&self) -> bool {
        let Some(said) = octal(self.field(148, 8)).filter(|said| *said > 0) else { return false };
        let (mut unsigned, mut signed) = (0_u64, 0_i64);
        for (at, byte) in self.0.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { *byte };
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        said == unsigned || i64::try_from(said).is_ok_and(|said| said == signed)
    }

    pub(super) fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    /// What follows in the archive. Links and devices have none, whatever they say.
    pub(super) fn size(&self) -> Option<u64> {
        number(self.field(124, 12))
    }

    pub(super) fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = if self.field(257, 6) == b"ustar\0" { self.text(345, 155) } else { &[] };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// Where a link leads.
    pub(super) fn target(&self) -> Vec<u8> {
        self.text(157, 100).to_vec()
    }

    /// True where the map of a sparse file goes on in the next block.
    pub(super) fn goes_on(&self) -> bool {
        self.0.get(482).is_some_and(|more| *more != 0)
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let field = field.trim_ascii_start();
    let end = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    let digits = field.get(..end)?;
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// In octal, or, where the first bit is set, in binary.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            // The next bit is the sign, and no size is below nothing.
            let start = u64::from(first & 0x7f);
            rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)))
        }
        _ => octal(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_the_letters_at_their_place_is_none() {
        let lead = "a line of text\n".repeat(18);
        let text = format!("{lead:.257}ustar  and more, {lead}{lead}");
        assert!(!looks_like(text.as_bytes()));
        let mut damaged = text.into_bytes();
        damaged[262] = 0;
        assert!(looks_like(&damaged));
        damaged[262..265].copy_from_slice(b"  \0");
        assert!(looks_like(&damaged));
    }
}
