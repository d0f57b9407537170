//! The byte strings of the SSH protocol (RFC 4251, section 5).

/// Reads fields off the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    /// A string: its length, then that many bytes.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let mut after = *self;
        let length = usize::try_from(after.number()?).ok()?;
        let (string, rest) = after.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// A number without sign, as its bytes without leading zeros; none where it is negative.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        let mut bytes = self.string()?;
        if bytes.first().is_some_and(|first| *first >= 0x80) {
            return None;
        }
        while let Some((0, rest)) = bytes.split_first() {
            bytes = rest;
        }
        Some(bytes)
    }

    pub(super) fn skip(&mut self, lead: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(lead)?;
        Some(())
    }

    /// Nothing may follow what was read.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends a string; one of more than four gigabytes does not occur and would verify nothing.
pub(super) fn put(to: &mut Vec<u8>, string: &[u8]) {
    to.extend(u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(string);
}
