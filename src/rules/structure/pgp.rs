//! Secret keys of OpenPGP (RFC 4880, RFC 9580), as far as is needed to see whether a passphrase protects one.

use super::bits;

/// The packet of a secret key.
const SECRET_KEY: usize = 5;

/// Whether a passphrase protects the first key; none where the bytes begin with no secret key.
pub(super) fn read(mut bytes: &[u8]) -> Option<Protection> {
    let head = bits::number(&mut bytes, 1)?;
    if head & 0x80 == 0 {
        return None;
    }
    let (tag, body) = if head & 0x40 == 0 {
        let width = [1, 2, 4].get(head & 3).copied()?;
        let length = bits::number(&mut bytes, width)?;
        (head >> 2 & 15, bits::cut(&mut bytes, length)?)
    } else {
        let length = match bits::number(&mut bytes, 1)? {
            short @ 0..192 => short,
            two @ 192..224 => (two - 192) * 256 + bits::number(&mut bytes, 1)? + 192,
            255 => bits::number(&mut bytes, 4)?,
            _ => return None,
        };
        (head & 63, bits::cut(&mut bytes, length)?)
    };
    (tag == SECRET_KEY).then(|| protection(body).unwrap_or(Protection::Unknown))
}

/// Whether a passphrase is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// It is.
    Passphrase,
    /// It is not.
    None,
    /// The key is of a sort that is not read here.
    Unknown,
}

/// Behind the public half stands how the secret one is kept; zero is in the clear.
fn protection(mut body: &[u8]) -> Option<Protection> {
    let version = bits::number(&mut body, 1)?;
    let _made = bits::number(&mut body, 4)?;
    let algorithm = bits::number(&mut body, 1)?;
    if version != 4 {
        return None;
    }
    let numbers = match algorithm {
        1..=3 => 2,
        16 => 3,
        17 => 4,
        // A curve by its name, and a point.
        18 | 19 | 22 => {
            let length = bits::number(&mut body, 1)?;
            bits::cut(&mut body, length)?;
            1
        }
        _ => return None,
    };
    for _ in 0..numbers {
        let length = bits::number(&mut body, 2)?;
        bits::cut(&mut body, length.div_ceil(8))?;
    }
    if algorithm == 18 {
        let length = bits::number(&mut body, 1)?;
        bits::cut(&mut body, length)?;
    }
    Some(if bits::number(&mut body, 1)? == 0 { Protection::None } else { Protection::Passphrase })
}
