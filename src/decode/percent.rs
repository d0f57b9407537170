//! `%41`, and `%u0041` as old scripts wrote it.

use super::hex;
use super::strings::{Escape, Meaning};

pub(super) fn read(text: &[u8]) -> Option<Escape> {
    match text {
        [b'%', b'u' | b'U', a, b, c, d, ..] => {
            let [high, low] = [hex::pair(&[*a, *b])?, hex::pair(&[*c, *d])?];
            let meaning = char::from_u32(u32::from(high) << 8 | u32::from(low))?;
            Some(Escape { length: 6, meaning: Meaning::Character(meaning) })
        }
        [b'%', high, low, ..] => Some(Escape { length: 3, meaning: Meaning::Byte(hex::pair(&[*high, *low])?) }),
        _ => None,
    }
}
