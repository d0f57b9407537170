//! Compiled Java: the constants of a class.

use super::ArchiveError;
use super::lines::Lines;
use super::outlet::{Outlet, Walk};

/// True for a class; other things begin with the same four bytes, but with no version that Java has.
pub(super) fn looks_like(head: &[u8]) -> bool {
    matches!(head, [0xca, 0xfe, 0xba, 0xbe, _, _, 0, 45..=120, ..])
}

/// Hands over every text among the constants, one a line.
pub(super) fn walk(bytes: &[u8], outlet: &mut Outlet<'_, '_>) -> Walk {
    let mut lines = Lines::new("(constants)".to_owned());
    let read = constants(bytes, &mut lines, outlet)?;
    lines.flush(outlet)?;
    match read {
        Some(()) => Ok(()),
        None => Err(ArchiveError::damaged("its constants are damaged").into()),
    }
}

/// Nothing where they end too early or hold what is no constant.
fn constants(bytes: &[u8], lines: &mut Lines, outlet: &mut Outlet<'_, '_>) -> Result<Option<()>, super::outlet::Halt> {
    if !looks_like(bytes) {
        return Ok(None);
    }
    let Some((count, mut rest)) = bytes.get(8..).and_then(|rest| rest.split_first_chunk::<2>()) else {
        return Ok(None);
    };
    let mut left = u16::from_be_bytes(*count).saturating_sub(1);
    while left > 0 {
        let Some((tag, after)) = rest.split_first() else { return Ok(None) };
        let (length, takes) = match tag {
            1 => {
                let Some((length, after)) = after.split_first_chunk::<2>() else { return Ok(None) };
                let length = usize::from(u16::from_be_bytes(*length));
                let Some(text) = after.get(..length) else { return Ok(None) };
                lines.line(text, outlet)?;
                (2 + length, 1)
            }
            3 | 4 | 9 | 10 | 11 | 12 | 17 | 18 => (4, 1),
            // Long ones take two places.
            5 | 6 => (8, 2),
            7 | 8 | 16 | 19 | 20 => (2, 1),
            15 => (3, 1),
            _ => return Ok(None),
        };
        let Some(after) = after.get(length..) else { return Ok(None) };
        rest = after;
        left = left.saturating_sub(takes);
    }
    Ok(Some(()))
}
