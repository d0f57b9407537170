//! Packs and indexes that are damaged, by chance or on purpose.

use super::*;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use std::io::Write as _;

fn name(number: u32) -> ObjectId {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    ObjectId::new(&bytes).unwrap()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An entry: its code, the size it claims, what names its base, and its compressed bytes.
fn entry(code: u8, size: u64, base: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![code << 4 | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes.extend_from_slice(base);
    bytes.extend_from_slice(data);
    bytes
}

fn blob(bytes: &[u8]) -> Vec<u8> {
    entry(3, bytes.len() as u64, &[], &deflated(bytes))
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn back(mut distance: u64) -> Vec<u8> {
    let mut bytes = vec![(distance & 0x7f) as u8];
    while distance > 0x7f {
        distance = (distance >> 7) - 1;
        bytes.insert(0, distance as u8 & 0x7f | 0x80);
    }
    bytes
}

/// All of a base of so many bytes, and something more.
fn appended(base: u64, more: &[u8]) -> Vec<u8> {
    let mut delta = varint(base);
    delta.extend(varint(base + more.len() as u64));
    if base > 0 {
        delta.extend([0xf0, base as u8, (base >> 8) as u8, (base >> 16) as u8]);
    }
    delta.push(more.len() as u8);
    delta.extend_from_slice(more);
    delta
}

fn from_name(base: &ObjectId, delta: &[u8]) -> Vec<u8> {
    entry(7, delta.len() as u64, base.as_bytes(), &deflated(delta))
}

fn from_offset(distance: u64, delta: &[u8]) -> Vec<u8> {
    entry(6, delta.len() as u64, &back(distance), &deflated(delta))
}

/// A pack of these entries, and its index.
fn bundled(entries: &[(ObjectId, Vec<u8>)]) -> (Vec<u8>, Vec<u8>) {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend((entries.len() as u32).to_be_bytes());
    let mut rows = Vec::new();
    for (id, bytes) in entries {
        rows.push((*id, pack.len() as u32, crc32fast::hash(bytes)));
        pack.extend_from_slice(bytes);
    }
    rows.sort_by_key(|row| row.0);
    let checksum = [7; 20];
    pack.extend(checksum);
    let mut index = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255u8 {
        let count = rows.iter().filter(|row| row.0.as_bytes()[0] <= first).count() as u32;
        index.extend(count.to_be_bytes());
    }
    rows.iter().for_each(|row| index.extend_from_slice(row.0.as_bytes()));
    rows.iter().for_each(|row| index.extend(row.2.to_be_bytes()));
    rows.iter().for_each(|row| index.extend(row.1.to_be_bytes()));
    index.extend(checksum);
    index.extend([8; 20]);
    (pack, index)
}

/// A pack with one object that is made from one that is not in it.
pub(super) fn thin_pack(base_id: &ObjectId, base: &[u8], id: &ObjectId, more: &[u8]) -> (Vec<u8>, Vec<u8>) {
    bundled(&[(*id, from_name(base_id, &appended(base.len() as u64, more)))])
}

fn held(entries: &[(ObjectId, Vec<u8>)]) -> Objects {
    let (pack, index) = bundled(entries);
    Objects::held(pack, index, HashKind::Sha1).unwrap()
}

/// What of these entries is handed out, and what is said of the others.
fn outcome(entries: &[(ObjectId, Vec<u8>)]) -> (Vec<ObjectId>, Vec<String>) {
    let objects = held(entries);
    let (found, unread) = walked(&objects, &Walk { limit: 1 << 20, ..ALL }, quiet);
    let mut reader = objects.reader(1 << 20);
    for (id, _) in entries {
        let read = reader.read(id);
        assert_eq!(read.is_ok_and(|read| read.is_some()), found.contains_key(id), "{id}");
        drop(reader.header(id));
    }
    (found.into_keys().collect(), unread)
}

#[test]
fn made_packs_are_read() {
    let entries = [(name(1), blob(b"hello")), (name(2), from_name(&name(1), &appended(5, b" there")))];
    let objects = held(&entries);
    let (found, unread) = walked(&objects, &ALL, quiet);
    assert!(unread.is_empty());
    assert_eq!(found[&name(2)], (Kind::Blob, b"hello there".to_vec()));
}

#[test]
fn rings_of_bases_are_named_and_end() {
    let ring = |ids: &[u32]| -> Vec<(ObjectId, Vec<u8>)> {
        let next = ids.iter().cycle().skip(1);
        ids.iter().zip(next).map(|(id, base)| (name(*id), from_name(&name(*base), &appended(5, b"x")))).collect()
    };
    let mut entries = ring(&[1, 2, 3]);
    entries.push((name(4), from_name(&name(2), &appended(6, b"y"))));
    entries.push((name(5), blob(b"well")));
    entries.extend(ring(&[6]));
    let (found, unread) = outcome(&entries);
    assert_eq!(found, [name(5)]);
    assert_eq!(unread.len(), 5, "{unread:?}");
    assert!(unread.iter().any(|words| words.contains("its own base")));
}

#[test]
fn rings_through_two_packs_end() {
    let sample = Sample::new(HashKind::Sha1);
    for (this, other) in [(1, 2), (2, 1)] {
        let (pack, index) = bundled(&[(name(this), from_name(&name(other), &appended(5, b"x")))]);
        std::fs::write(sample.pack_directory().join(format!("pack-{this}.pack")), pack).unwrap();
        std::fs::write(sample.pack_directory().join(format!("pack-{this}.idx")), index).unwrap();
    }
    let (found, unread) = walked(&sample.objects(), &ALL, quiet);
    assert!(found.is_empty());
    assert_eq!(unread.len(), 2, "{unread:?}");
}

#[test]
fn what_is_wrong_with_an_entry_is_named_and_the_rest_goes_on() {
    let good = blob(b"hello");
    let mut torn = blob(&[b'a'; 400]);
    let length = torn.len();
    torn[length - 3] ^= 0x40;
    let absurd = |size| entry(3, size, &[], &deflated(b"hello"));
    let bomb = from_name(&name(0), &[varint(5), varint(1 << 62), vec![0x90, 5]].concat());
    let cases = [
        (torn, "damaged"),
        (entry(3, 4, &[], &deflated(b"hello")), "size"),
        (entry(3, 6, &[], &deflated(b"hello")), "size"),
        (absurd(1 << 62), "more than the limit"),
        (entry(0, 5, &[], &deflated(b"hello")), "header"),
        (entry(5, 5, &[], &deflated(b"hello")), "header"),
        (entry(3, 5, &[], b"hello"), "compressed"),
        (from_name(&name(77), &appended(5, b"x")), "is missing"),
        (from_name(&name(0), &appended(6, b"x")), "instructions"),
        (from_name(&name(0), b"\x05"), "instructions"),
        (from_name(&name(0), &[varint(5), varint(5), vec![0x90]].concat()), "instructions"),
        (bomb, "more than the limit"),
        (from_offset(3, &appended(5, b"x")), "not where it should be"),
        (from_offset(1 << 40, &appended(5, b"x")), "not where it should be"),
        (entry(6, 1 << 50, &back(1), &[]), "not where"),
    ];
    for (bytes, words) in cases {
        let entries = [(name(0), good.clone()), (name(1), bytes), (name(2), from_name(&name(1), &appended(9, b"!")))];
        let (found, unread) = outcome(&entries);
        assert_eq!(found, [name(0)], "{words}");
        let said = |id| unread.iter().find(|said| said.contains(&name(id).to_string())).unwrap();
        assert_eq!(unread.len(), 2);
        assert!(said(1).contains(words) || said(1).contains("takes"), "{words}: {unread:?}");
        assert!(said(2).contains("its base could not be read") || said(2).contains("limit"), "{unread:?}");
    }
}

#[test]
fn a_small_thing_that_grows_large_is_not_made() {
    // Sixteen steps, each of which makes sixteen times as much.
    let mut entries = vec![(name(0), blob(&[b'a'; 16]))];
    let mut size = 16u64;
    for number in 1..=12 {
        let copy = [0xf0, size as u8, (size >> 8) as u8, (size >> 16) as u8];
        let delta = [varint(size), varint(size * 16), copy.repeat(16)].concat();
        entries.push((name(number), from_name(&name(number - 1), &delta)));
        size *= 16;
    }
    let (found, unread) = outcome(&entries);
    assert_eq!((found.len(), unread.len()), (5, 8), "{unread:?}");
}

#[test]
fn a_long_chain_takes_neither_stack_nor_memory() {
    let count = 20_000;
    let mut entries = vec![(name(0), blob(&[b'a'; 3_000]))];
    let copy = [varint(3_000), varint(3_000), vec![0xb0, 0xb8, 0x0b]].concat();
    let mut distance = entries[0].1.len() as u64;
    for number in 1..count {
        let bytes = from_offset(distance, &copy);
        distance = bytes.len() as u64;
        entries.push((name(number), bytes));
    }
    let objects = held(&entries);
    let (found, unread) = walked(&objects, &ALL, quiet);
    assert_eq!((found.len(), unread.len()), (count as usize, 0));
    let mut reader = objects.reader(1 << 20);
    assert!(reader.read(&name(5_000)).unwrap().is_some());
    assert!(objects.reader(1 << 20).read(&name(count - 1)).is_err(), "deeper than git ever goes");
}

#[test]
fn bases_that_take_too_much_are_made_again() {
    // A comb: of each tooth's base more is made after the tooth, and all of them together do not fit.
    let size = 3 << 20;
    let first: Vec<u8> = (0..size).map(|at: u32| (at.wrapping_mul(at) >> 7) as u8).collect();
    let change = |depth: u8| {
        let copy = [0xff, 4, 0, 0, 0, 0xfc, 0xff, 0x2f];
        [varint(size.into()), varint(size.into()), vec![4, depth, 1, 2, 3], copy.to_vec()].concat()
    };
    let mut entries = vec![(name(0), blob(&first))];
    for depth in 1..40u32 {
        entries.push((name(depth), from_name(&name(depth / 2), &change(depth as u8))));
    }
    let objects = held(&entries);
    for jobs in [1, 6] {
        let (found, unread) = walked(&objects, &Walk { jobs, ..ALL }, quiet);
        assert!(unread.is_empty(), "{unread:?}");
        assert_eq!(found.len(), 40);
        for depth in 1..40u32 {
            let bytes = &found[&name(depth)].1;
            assert!(bytes[..4] == [depth as u8, 1, 2, 3] && bytes[4..] == first[4..], "{depth}");
        }
    }
}

#[test]
fn a_whole_that_is_wrong_is_refused_with_a_reason() {
    let (pack, index) = bundled(&[(name(0), blob(b"hello")), (name(1), blob(b"there"))]);
    let refused = |pack: &[u8], index: &[u8]| {
        Objects::held(pack.to_vec(), index.to_vec(), HashKind::Sha1).map(drop).unwrap_err().to_string()
    };
    let changed = |bytes: &[u8], at: usize, to: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = to;
        bytes
    };
    assert!(refused(b"", &index).contains("does not begin"));
    assert!(refused(&pack, b"").contains("cut short"));
    assert!(refused(&changed(&pack, 0, 0), &index).contains("does not begin"));
    assert!(refused(&changed(&pack, 7, 9), &index).contains("version 9"));
    assert!(refused(&changed(&pack, 11, 3), &index).contains("do not belong together"));
    assert!(refused(&pack[..pack.len() - 1], &index).contains("do not belong together"));
    assert!(refused(&pack[..12], &index).contains("cut short"));
    assert!(refused(&pack, &changed(&index, 7, 3)).contains("version 3"));
    assert!(refused(&pack, &changed(&index, 8, 9)).contains("not in order"));
    assert!(refused(&pack, &index[..index.len() - 1]).contains("cut short"));
    for length in 0..index.len() {
        drop(Objects::held(pack.clone(), index[..length].to_vec(), HashKind::Sha1).unwrap_err());
    }
    for length in 0..pack.len() {
        drop(Objects::held(pack[..length].to_vec(), index.clone(), HashKind::Sha1).unwrap_err());
    }
}

#[test]
fn a_blob_that_says_it_is_a_tree_is_named_too() {
    let entries =
        [(name(0), blob(b"hello")), (name(1), from_name(&name(0), &appended(5, b"x"))), (name(2), blob(b"y"))];
    let (mut pack, index) = bundled(&entries);
    pack[12] ^= 0x10;
    let objects = Objects::held(pack, index, HashKind::Sha1).unwrap();
    let (found, unread) = walked(&objects, &Walk { kinds: Kinds::BLOBS, ..ALL }, quiet);
    assert!(found.keys().eq([&name(2)]));
    assert!(unread.len() == 2 && unread[0].contains("checksum"), "{unread:?}");
    // With another copy of it, nothing is missed.
    let sample = Sample::new(HashKind::Sha1);
    for (number, first) in [(1, 0x10), (2, 0)] {
        let (mut pack, index) = bundled(&entries);
        pack[12] ^= first;
        std::fs::write(sample.pack_directory().join(format!("pack-{number}.pack")), pack).unwrap();
        std::fs::write(sample.pack_directory().join(format!("pack-{number}.idx")), index).unwrap();
    }
    let (found, unread) = walked(&sample.objects(), &Walk { kinds: Kinds::BLOBS, ..ALL }, quiet);
    assert!(found.len() == 3 && unread.is_empty(), "{unread:?}");
}

#[test]
fn another_copy_is_read_where_one_is_damaged() {
    let sample = Sample::grown(HashKind::Sha1, 40);
    let expected = sample.listed();
    let other = sample.directory.path().join("b.git");
    sample.git(&["clone", "-q", "--bare", "--no-hardlinks", "a.git", "b.git"]);
    run(&other, &["repack", "-adfq", "--window=3", "--depth=2"], b"");
    let pack = sample.objects().packs()[0].path().to_owned();
    let mut bytes = std::fs::read(&pack).unwrap();
    (1..10).for_each(|part| {
        let at = bytes.len() * part / 10;
        bytes[at] ^= 0x55;
    });
    std::fs::remove_file(&pack).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    let (found, unread) = walked(&sample.objects(), &ALL, quiet);
    assert!(!unread.is_empty());
    assert_eq!(found.len() + unread.len(), expected.len());
    let objects = Objects::open(&sample.common(), HashKind::Sha1, &[other.join("objects")]).unwrap();
    let (found, unread) = walked(&objects, &ALL, quiet);
    assert!(unread.is_empty(), "{unread:?}");
    assert!(found == expected);
}

#[test]
fn single_files_that_are_damaged_are_named() {
    let sample = Sample::new(HashKind::Sha1);
    sample.import(0, 3);
    let objects = sample.objects();
    let ids = objects.loose_ids().unwrap();
    let path = |at: usize| loose::path_of(&sample.common().join("objects"), &ids[at]);
    let damages: [fn(&mut Vec<u8>); 5] = [
        Vec::clear,
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| *bytes = deflated(b"blob 99999999999999999999\0"),
        |bytes| *bytes = deflated(b"blob 18446744073709551615\0hello"),
        |bytes| *bytes = deflated(b"blob 3\0hello"),
    ];
    for (at, damage) in damages.iter().enumerate() {
        let mut bytes = std::fs::read(path(at)).unwrap();
        damage(&mut bytes);
        std::fs::remove_file(path(at)).unwrap();
        std::fs::write(path(at), bytes).unwrap();
    }
    let (found, unread) = walked(&objects, &ALL, quiet);
    assert_eq!(unread.len(), damages.len(), "{unread:?}");
    assert_eq!(found.len() + unread.len(), ids.len());
}

/// A pack with its index that git made, and what is in it.
fn small() -> &'static (Vec<u8>, Vec<u8>, Listed) {
    static SMALL: std::sync::OnceLock<(Vec<u8>, Vec<u8>, Listed)> = std::sync::OnceLock::new();
    SMALL.get_or_init(|| {
        let sample = Sample::grown(HashKind::Sha1, 12);
        let pack = sample.objects().packs()[0].path().to_owned();
        let read = |path| std::fs::read(path).unwrap();
        let objects = sample.objects();
        let mut listed = sample.listed();
        listed.retain(|id, _| objects.packs()[0].contains(id));
        (read(pack.clone()), read(pack.with_extension("idx")), listed)
    })
}

proptest! {
    #[test]
    fn each_object_of_a_damaged_pack_is_right_or_named(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..=255), 1..6),
        blobs in any::<bool>(),
    ) {
        let (pack, index, listed) = small();
        let mut pack = pack.clone();
        for (at, change) in flips {
            let at = 12 + at.index(pack.len() - 32);
            pack[at] ^= change;
        }
        let objects = Objects::held(pack, index.clone(), HashKind::Sha1).unwrap();
        let kinds = if blobs { Kinds::BLOBS } else { Kinds::ALL };
        let (found, unread) = walked(&objects, &Walk { kinds, limit: 1 << 22, ..ALL }, quiet);
        let named = unread.join("\n");
        for (id, object) in listed.iter().filter(|(_, (kind, _))| kinds.has(*kind)) {
            match found.get(id) {
                Some(found) => prop_assert!(found == object),
                None => prop_assert!(named.contains(&id.to_string()), "{} {:?}", id, object.0),
            }
        }
        let mut reader = objects.reader(1 << 22);
        for id in listed.keys() {
            drop((reader.read(id), reader.header(id)));
        }
    }

    #[test]
    fn a_damaged_index_does_no_harm(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (pack, index, listed) = small();
        let mut index = index.clone();
        for (at, byte) in flips {
            let at = at.index(index.len());
            index[at] = byte;
        }
        if let Ok(objects) = Objects::held(pack.clone(), index, HashKind::Sha1) {
            let (found, unread) = walked_again(&objects);
            prop_assert!(found + unread <= 2 * listed.len());
            prop_assert!(found + unread >= listed.len());
        }
    }
}

/// As [`walked`], for an index that may name one object twice.
fn walked_again(objects: &Objects) -> (usize, usize) {
    let counts = Mutex::new((0, 0));
    objects.walk(&Walk { limit: 1 << 22, ..ALL }, &|item| {
        let mut counts = counts.lock().unwrap();
        match item {
            Item::Object(_) => counts.0 += 1,
            _ => counts.1 += 1,
        }
        Flow::Quiet
    });
    counts.into_inner().unwrap()
}
