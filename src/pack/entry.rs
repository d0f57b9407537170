//! The header of an entry in a pack.

use super::{Fault, HashKind, Kind, ObjectId};

/// How an entry holds its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Whole.
    Whole(Kind),
    /// As what differs from the entry at this offset.
    At(u64),
    /// As what differs from the object of this name.
    From(ObjectId),
}

/// No header takes more bytes.
pub(crate) const LONGEST_HEADER: usize = 64;

/// An entry of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) form: Form,
    /// Bytes that it unpacks to.
    pub(crate) size: u64,
    /// Where its compressed bytes begin in the pack.
    pub(crate) data: usize,
}

impl Entry {
    /// Reads the header at `offset` of a pack that ends, without its own checksum, where `pack` does.
    pub(crate) fn read(pack: &[u8], offset: u64, hash: HashKind) -> Result<Self, Fault> {
        let at = usize::try_from(offset).map_err(|_| Fault::Offset)?;
        let entry = Self::of(pack.get(at..).unwrap_or_default(), offset, hash)?;
        Ok(Self { data: at + entry.data, ..entry })
    }

    /// Reads the header with which `entry` begins, whose own offset in its pack is this. Where its compressed bytes begin
    /// counts from here.
    pub(crate) fn of(entry: &[u8], offset: u64, hash: HashKind) -> Result<Self, Fault> {
        let mut byte = *entry.first().ok_or(Fault::Offset)?;
        let mut at = 1;
        let code = byte >> 4 & 7;
        let (mut size, mut shift) = (u64::from(byte & 0x0f), 4u32);
        while byte & 0x80 != 0 {
            byte = *entry.get(at).ok_or(Fault::Header)?;
            at += 1;
            let bits = u64::from(byte & 0x7f);
            if shift >= 64 || (bits << shift) >> shift != bits {
                return Err(Fault::Header);
            }
            size |= bits << shift;
            shift += 7;
        }
        let form = match code {
            1 => Form::Whole(Kind::Commit),
            2 => Form::Whole(Kind::Tree),
            3 => Form::Whole(Kind::Blob),
            4 => Form::Whole(Kind::Tag),
            6 => Form::At(base_offset(entry, &mut at, offset)?),
            7 => {
                let name = entry.get(at..).and_then(|rest| rest.get(..hash.width())).ok_or(Fault::Header)?;
                at += hash.width();
                Form::From(ObjectId::new(name).ok_or(Fault::Header)?)
            }
            _ => return Err(Fault::Header),
        };
        Ok(Self { form, size, data: at })
    }
}

/// How far back the base lies: seven bits a byte, the highest first, and one more for each byte that follows.
fn base_offset(entry: &[u8], at: &mut usize, offset: u64) -> Result<u64, Fault> {
    let mut next = || {
        let byte = entry.get(*at).copied().ok_or(Fault::Header);
        *at += 1;
        byte
    };
    let mut byte = next()?;
    let mut back = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = next()?;
        back += 1;
        if back >= 1 << 57 {
            return Err(Fault::Header);
        }
        back = back << 7 | u64::from(byte & 0x7f);
    }
    if back == 0 {
        return Err(Fault::NoBase);
    }
    offset.checked_sub(back).ok_or(Fault::NoBase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_git_writes_them() {
        let read = |bytes: &[u8], offset| Entry::read(bytes, offset, HashKind::Sha1);
        assert_eq!(read(&[0x35], 0), Ok(Entry { form: Form::Whole(Kind::Blob), size: 5, data: 1 }));
        assert_eq!(read(&[0xb5, 0x81, 0x01], 0).unwrap().size, 5 | 1 << 4 | 1 << 11);
        assert_eq!(read(&[0; 3], 9), Err(Fault::Offset));
        assert_eq!(read(&[0xb5], 0), Err(Fault::Header));
        assert_eq!(read(&[0x05], 0), Err(Fault::Header));
        assert_eq!(read(&[0x55], 0), Err(Fault::Header));
        let mut pack = vec![0; 300];
        pack.extend_from_slice(&[0x61, 0x80, 0x02]);
        assert_eq!(read(&pack, 300).unwrap().form, Form::At(300 - 130));
        pack.splice(300.., [0x61, 0x84, 0x02]);
        assert_eq!(read(&pack, 300), Err(Fault::NoBase), "before the pack begins");
        pack.splice(300.., [0x61, 0x00]);
        assert_eq!(read(&pack, 300), Err(Fault::NoBase), "its own base");
        pack.splice(300.., std::iter::once(0x61).chain([0xff; 20]));
        assert_eq!(read(&pack, 300), Err(Fault::Header));
        let endless: Vec<u8> = std::iter::once(0xb5).chain([0xff; 20]).collect();
        assert_eq!(read(&endless, 0), Err(Fault::Header));
        let from: Vec<u8> = std::iter::once(0x71).chain([7; 20]).collect();
        assert_eq!(read(&from, 0).unwrap().form, Form::From(ObjectId::new(&[7; 20]).unwrap()));
        assert_eq!(read(&from[..20], 0), Err(Fault::Header));
    }
}
