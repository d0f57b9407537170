//! References kept in tables: a stack of files, each with sorted blocks of references and a log of their changes, whose
//! names share their beginnings. The format is documented by git (`reftable`).

use flate2::{Decompress, FlushDecompress, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, Read as _, Result};
use std::path::Path;

/// What a table begins with.
const MAGIC: &[u8] = b"REFT";

/// Bytes of a table that are read: more than any has.
const LARGEST: u64 = 1 << 30;

/// What the tables of one directory say.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Where references lead.
    pub(super) tips: BTreeMap<String, String>,
    /// References that stand for others.
    pub(super) standing_for: BTreeMap<String, String>,
    /// Where they led, and what tags among them stand for.
    pub(super) remembered: BTreeSet<String>,
    /// All names.
    pub(super) names: BTreeSet<String>,
    /// Who changed what, and why.
    pub(super) remarks: BTreeSet<String>,
}

/// Reads the tables of a directory, whose objects have names of so many bytes.
pub(super) fn read(directory: &Path, digits: usize) -> Result<Tables> {
    let mut tables = Tables::default();
    let list = text_of(&directory.join("tables.list"))?;
    for name in String::from_utf8_lossy(&list).lines().filter(|name| !name.is_empty()) {
        if name.contains('/') {
            return Err(damaged());
        }
        let bytes = text_of(&directory.join(name))?;
        Table { tables: &mut tables, width: digits }.read(&bytes).ok_or_else(damaged)?;
    }
    Ok(tables)
}

fn text_of(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    super::refs::plain(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn damaged() -> Error {
    Error::other("a table of references is damaged")
}

struct Table<'a> {
    tables: &'a mut Tables,
    width: usize,
}

impl Table<'_> {
    /// None when it is not of the form.
    fn read(&mut self, file: &[u8]) -> Option<()> {
        let head = match (file.strip_prefix(MAGIC)?, file.get(4)?) {
            (_, 1) => 24,
            (_, 2) => 28,
            _ => return None,
        };
        let foot = file.len().checked_sub(head + 44)?;
        if file.get(foot..foot + head) != file.get(..head) {
            return None;
        }
        let (body, sums) = (file.get(foot..file.len() - 4)?, file.get(file.len() - 4..)?);
        if crc32fast::hash(body).to_be_bytes() != sums {
            return None;
        }
        let mut at = head;
        while at < foot {
            // The first block counts from the start of the file.
            let start = if at == head { 0 } else { at };
            let kind = *file.get(at)?;
            if kind == 0 {
                at += 1; // between blocks
                continue;
            }
            let length = usize::try_from(number(file.get(at + 1..at + 4)?)).ok()?;
            if kind == b'g' {
                let (text, used) = inflate(file.get(at + 4..foot)?, length.checked_sub(4 + at - start)?)?;
                self.block(&text, 0, kind)?;
                at += 4 + used;
                continue;
            }
            let end = start.checked_add(length).filter(|end| *end <= foot && *end > at)?;
            self.block(file.get(at + 4..end)?, 0, kind)?;
            // Zeros fill a block up to its size, unless the log of changes follows.
            at = end;
        }
        Some(())
    }

    /// The records of a block, without what leads to some of them at once.
    fn block(&mut self, block: &[u8], mut at: usize, kind: u8) -> Option<()> {
        let starts = usize::try_from(number(block.get(block.len().checked_sub(2)?..)?)).ok()?;
        let end = block.len().checked_sub(2 + 3 * starts)?;
        let records = block.get(..end)?;
        if !matches!(kind, b'r' | b'g') {
            return matches!(kind, b'o' | b'i').then_some(());
        }
        let mut key = Vec::new();
        while at < records.len() {
            let shared = varint(records, &mut at)?;
            let more = varint(records, &mut at)?;
            let (form, length) = (more & 7, usize::try_from(more >> 3).ok()?);
            key.truncate(usize::try_from(shared).ok()?);
            key.extend_from_slice(take(records, &mut at, length)?);
            if kind == b'r' {
                self.reference(&key, form, records, &mut at)?;
            } else {
                self.change(&key, form, records, &mut at)?;
            }
        }
        Some(())
    }

    fn reference(&mut self, key: &[u8], form: u64, records: &[u8], at: &mut usize) -> Option<()> {
        let name = String::from_utf8_lossy(key).into_owned();
        varint(records, at)?;
        self.tables.names.insert(name.clone());
        let before = self.tables.tips.remove(&name);
        self.tables.standing_for.remove(&name);
        self.tables.remembered.extend(before);
        match form {
            0 => {}
            1 | 2 => {
                let id = hex(take(records, at, self.width)?);
                self.tables.tips.insert(name, id);
                if form == 2 {
                    self.tables.remembered.insert(hex(take(records, at, self.width)?));
                }
            }
            3 => {
                let length = usize::try_from(varint(records, at)?).ok()?;
                let other = String::from_utf8_lossy(take(records, at, length)?).into_owned();
                self.tables.names.insert(other.clone());
                self.tables.standing_for.insert(name, other);
            }
            _ => return None,
        }
        Some(())
    }

    fn change(&mut self, key: &[u8], form: u64, records: &[u8], at: &mut usize) -> Option<()> {
        let name = key.get(..key.len().checked_sub(9)?)?;
        self.tables.names.insert(String::from_utf8_lossy(name).into_owned());
        if form == 0 {
            return Some(());
        }
        let ids = take(records, at, 2 * self.width)?;
        self.tables.remembered.extend(ids.chunks(self.width).filter(|id| id.iter().any(|&byte| byte != 0)).map(hex));
        let mut words = Vec::new();
        for part in 0..3 {
            if part == 2 {
                varint(records, at)?; // when
                take(records, at, 2)?;
            }
            let length = usize::try_from(varint(records, at)?).ok()?;
            words.push(String::from_utf8_lossy(take(records, at, length)?).trim_end().to_owned());
        }
        self.tables.remarks.insert(words.join("\n"));
        Some(())
    }
}

fn take<'t>(text: &'t [u8], at: &mut usize, length: usize) -> Option<&'t [u8]> {
    let end = at.checked_add(length)?;
    let part = text.get(*at..end)?;
    *at = end;
    Some(part)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// Seven bits to a byte, the first ones first, each continued number one more than it says.
fn varint(text: &[u8], at: &mut usize) -> Option<u64> {
    let mut sum = 0_u64;
    loop {
        let byte = *take(text, at, 1)?.first()?;
        sum = sum.checked_shl(7)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(sum);
        }
        sum = sum.checked_add(1).filter(|sum| *sum < 1 << 56)?;
    }
}

/// What was compressed, of so many bytes, and how many it took.
fn inflate(text: &[u8], length: usize) -> Option<(Vec<u8>, usize)> {
    let mut zlib = Decompress::new(true);
    let mut out = vec![0; length.checked_add(1)?];
    let status = zlib.decompress(text, &mut out, FlushDecompress::Finish).ok()?;
    let (used, made) = (usize::try_from(zlib.total_in()).ok()?, usize::try_from(zlib.total_out()).ok()?);
    out.truncate(length);
    (status == Status::StreamEnd && made == length).then_some((out, used))
}

fn hex(id: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// Tables as another program writes them: a head that stands for a branch, the branch, another one, and its end.
    const WRITTEN: [&str; 4] = [
        "52454654010010000000000000000002000000000000000372000038002348454144010f726566732f68656164732f6d61696e00001c00\
         01524546540100100000000000000000020000000000000003000000000000000000000000000000000000000000000000000000000000\
         00000000000000000000f778a7fd",
        "524546540100100000000000000000040000000000000005720000470079726566732f68656164732f6d61696e00111111111111111111\
         111111111111111111111100001c0001524546540100100000000000000000040000000000000005000000000000000000000000000000\
         000000000000000000000000000000000000000000000000007fa82010",
        "5245465401001000000000000000000600000000000000077200004c008019726566732f68656164732f6d61696e2d74776f0022222222\
         2222222222222222222222222222222200001c000152454654010010000000000000000006000000000000000700000000000000000000\
         000000000000000000000000000000000000000000000000000000000000b1375f74",
        "5245465401001000000000000000000c000000000000000d72000038008018726566732f68656164732f6d61696e2d74776f0000001c00\
         015245465401001000000000000000000c000000000000000d000000000000000000000000000000000000000000000000000000000000\
         00000000000000000000f337d102",
    ];

    fn bytes(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap()
    }

    fn tables(files: &[Vec<u8>]) -> Result<Tables> {
        let home = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..files.len()).map(|number| format!("{number}.ref")).collect();
        for (name, file) in names.iter().zip(files) {
            std::fs::write(home.path().join(name), file).unwrap();
        }
        std::fs::write(home.path().join("tables.list"), names.join("\n")).unwrap();
        read(home.path(), 20)
    }

    #[test]
    fn what_another_program_wrote_is_read() {
        let files = WRITTEN.map(bytes);
        let found = tables(&files[..3]).unwrap();
        let tips: Vec<_> = found.tips.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        assert_eq!(tips, [("refs/heads/main", one.as_str()), ("refs/heads/main-two", two.as_str())]);
        let found = tables(&files).unwrap();
        assert_eq!(found.tips.len(), 1);
        assert_eq!(found.names.len(), 3, "also of what is gone: {:?}", found.names);
        assert_eq!(found.remembered.into_iter().collect::<Vec<_>>(), [two]);
    }

    #[test]
    fn damage_is_told_and_never_followed() {
        let whole = bytes(WRITTEN[1]);
        for length in 0..whole.len() {
            assert!(tables(&[whole[..length].to_vec()]).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] ^= bit;
                let _any = tables(&[damaged]).is_ok(); // it ends
            }
        }
    }

    #[test]
    fn logs_are_read_with_their_words() {
        let mut key = b"refs/heads/gone\0".to_vec();
        key.extend_from_slice(&(u64::MAX - 7).to_be_bytes());
        let length = key.len() << 3 | 1;
        let mut log = vec![0];
        log.extend_from_slice(&[(((length >> 7) - 1) | 0x80) as u8, (length & 0x7f) as u8]);
        log.extend_from_slice(&key);
        log.extend_from_slice(&[0; 20]);
        log.extend_from_slice(&[0x33; 20]);
        for word in ["Kim", "kim@example.invalid"] {
            log.push(word.len() as u8);
            log.extend_from_slice(word.as_bytes());
        }
        log.extend_from_slice(&[5, 0, 60]);
        log.push(7);
        log.extend_from_slice(b"the why");
        log.extend_from_slice(&[0, 0, 4, 0, 1]); // where records start
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&log).unwrap();
        let mut file = bytes(WRITTEN[1])[..24].to_vec();
        let head = file.clone();
        file.push(b'g');
        file.extend_from_slice(&(log.len() as u32 + 28).to_be_bytes()[1..]);
        file.extend_from_slice(&packed.finish().unwrap());
        let mut foot = head;
        foot.extend_from_slice(&[0; 40]);
        let sum = crc32fast::hash(&foot).to_be_bytes();
        file.extend_from_slice(&foot);
        file.extend_from_slice(&sum);
        let found = tables(&[file]).unwrap();
        assert!(found.names.contains("refs/heads/gone") && found.remembered.contains(&"3".repeat(40)));
        assert_eq!(found.remarks.into_iter().collect::<Vec<_>>(), ["Kim\nkim@example.invalid\nthe why"]);
    }

    /// One as git itself writes it: two branches in a block that is not filled up, and the log of their changes.
    const WITH_LOG: &str = "52454654010010000000000000000001000000000000000372000073002348454144000c726566732f68656164732f6d0061726566732f68 \
         656164732f62023f88252aebebc22c9b265ce858c150bebc407b3e0b096d013f88252aebebc22c9b265ce858c150bebc407b3e00001c0000 \
         3000026700011a78da63c8f470757461f80f017f19b000fb0e55add7af0fe9cc568b7911713060df1e876a3bc66ce66c878ad695e71e0215 \
         8825e7e7e66696286864e665966426e6685a299467547231346816a5a615eb67a426a614eb27c1ecf843961dbc69f9450a890a45a989c5f9 \
         795cdc81b9b47132030b03433c031300a77a5e1a524546540100100000000000000000010000000000000003000000000000000000000000 \
         0000000000000000000000000000000000000073000000000000000074cf2f99";

    #[test]
    fn the_log_behind_a_short_block_is_read() {
        let found = tables(&[bytes(WITH_LOG)]).unwrap();
        let names: Vec<_> = found.tips.keys().map(String::as_str).collect();
        assert_eq!(names, ["refs/heads/b", "refs/heads/m"]);
        assert!(found.remarks.contains("k\nk@x\nfor a reason"), "{:?}", found.remarks);
    }
}
