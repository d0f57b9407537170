//! Held against git itself: what it lists of repositories that it made is what is handed out here.

mod damage;
mod places;

use super::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Objects by their names.
type Listed = BTreeMap<ObjectId, (Kind, Vec<u8>)>;

/// A repository that git made.
struct Sample {
    directory: tempfile::TempDir,
    hash: HashKind,
}

impl Sample {
    fn new(hash: HashKind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let format = if hash == HashKind::Sha1 { "sha1" } else { "sha256" };
        let sample = Self { directory, hash };
        sample.git(&["init", "-q", "--bare", "--object-format", format, "a.git"]);
        sample
    }

    /// With so many commits to files that change a little each time, in one pack.
    fn grown(hash: HashKind, commits: usize) -> Self {
        let sample = Self::new(hash);
        sample.import(0, commits);
        sample.inside(&["-c", "pack.threads=1", "repack", "-adfq", "--depth=30", "--window=20"]);
        sample
    }

    fn common(&self) -> PathBuf {
        self.directory.path().join("a.git")
    }

    fn pack_directory(&self) -> PathBuf {
        self.common().join("objects/pack")
    }

    fn git(&self, arguments: &[&str]) -> Vec<u8> {
        run(self.directory.path(), arguments, b"")
    }

    fn inside(&self, arguments: &[&str]) -> Vec<u8> {
        run(&self.common(), arguments, b"")
    }

    /// Commits on top of what is there.
    fn import(&self, from: usize, commits: usize) {
        let stream = history(from, commits);
        run(&self.common(), &["fast-import", "--quiet", "--force"], stream.as_bytes());
    }

    /// What git says is there.
    fn listed(&self) -> Listed {
        listed(&self.common())
    }

    fn objects(&self) -> Objects {
        Objects::open(&self.common(), self.hash, &[]).unwrap()
    }
}

fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn listed(common: &Path) -> Listed {
    let text = run(common, &["cat-file", "--batch-all-objects", "--batch"], b"");
    let mut rest = text.as_slice();
    let mut all = Listed::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let header = std::str::from_utf8(&rest[..end]).unwrap();
        let [id, kind, size] = header.split(' ').collect::<Vec<_>>()[..] else { panic!("{header}") };
        let size: usize = size.parse().unwrap();
        let bytes = rest[end + 1..][..size].to_vec();
        all.insert(id.parse().unwrap(), (Kind::named(kind.as_bytes()).unwrap(), bytes));
        rest = &rest[end + 1 + size + 1..];
    }
    all
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

/// What is looked for in these histories: `tok-` and eight letters.
fn line(dice: &mut Dice) -> String {
    let mut line: String = (0..10 + dice.below(60)).map(|_| (b'a' + dice.below(26) as u8) as char).collect();
    if dice.below(40) == 0 {
        line.push_str(" tok-");
        line.extend((0..8).map(|_| (b'a' + dice.below(3) as u8) as char));
        line.push_str(if dice.below(2) == 0 { " " } else { "x" });
    }
    line
}

/// A stream for `git fast-import`: six files of which one or two change in each commit, and some tags.
fn history(from: usize, commits: usize) -> String {
    let mut dice = Dice(from as u64 + 1);
    let mut files: Vec<Vec<String>> =
        (0..6).map(|file| (0..40 + 60 * file).map(|_| line(&mut dice)).collect()).collect();
    let mut stream = String::new();
    for commit in from..from + commits {
        let message = format!("change {commit}");
        write!(stream, "commit refs/heads/main-{from}\nmark :{}\n", commit + 1).unwrap();
        writeln!(stream, "committer A <a@example.org> {} +0000", 1_700_000_000 + commit).unwrap();
        write!(stream, "data {}\n{message}\n", message.len()).unwrap();
        for _ in 0..1 + dice.below(2) {
            let number = dice.below(files.len());
            let file = &mut files[number];
            for _ in 0..1 + dice.below(3) {
                let at = dice.below(file.len());
                match dice.below(4) {
                    0 => file.insert(at, line(&mut dice)),
                    1 if file.len() > 20 => drop(file.remove(at)),
                    2 => {
                        let cut = dice.below(file[at].len() + 1);
                        file[at].truncate(cut);
                    }
                    _ => file[at] = line(&mut dice),
                }
            }
            let text = file.join("\n");
            write!(stream, "M 100644 inline dir-{}/file-{number}\ndata {}\n{text}\n", number % 2, text.len()).unwrap();
        }
        stream.push('\n');
        if commit % 50 == 0 {
            write!(stream, "tag t-{commit}\nfrom :{}\ntagger A <a@example.org> 1700000000 +0000\n", commit + 1)
                .unwrap();
            stream.push_str("data 6\ntagged\n");
        }
    }
    stream.push_str("done\n");
    stream
}

const ALL: Walk<'static> = Walk { jobs: 3, kinds: Kinds::ALL, limit: 1 << 30, known: &|_| Known::New };

/// What a walk handed out, each object once, and what it said could not be read.
fn walked(objects: &Objects, walk: &Walk<'_>, flow: impl Fn(&Object<'_>) -> Flow + Sync) -> (Listed, Vec<String>) {
    let found = Mutex::new((Listed::new(), Vec::new()));
    objects.walk(walk, &|item| match item {
        Item::Object(object) => {
            let flow = flow(&object);
            let again = found.lock().unwrap().0.insert(object.id, (object.kind, object.bytes.to_vec()));
            assert!(again.is_none(), "{} was handed out twice", object.id);
            flow
        }
        Item::TooLarge { id, size, .. } => {
            found.lock().unwrap().1.push(format!("{id} takes {size}"));
            Flow::Loud
        }
        Item::Unread(error) => {
            found.lock().unwrap().1.push(error.to_string());
            Flow::Loud
        }
    });
    let (listed, mut unread) = found.into_inner().unwrap();
    unread.sort_unstable();
    (listed, unread)
}

fn quiet(_: &Object<'_>) -> Flow {
    Flow::Quiet
}

/// Holds a walk, and reading one by one, against what git lists.
fn agrees(common: &Path, hash: HashKind, more: &[PathBuf]) {
    let mut objects = Objects::open(common, hash, more).unwrap();
    assert!(objects.take_troubles().is_empty());
    let expected = listed(common);
    for jobs in [1, 4] {
        let (found, unread) = walked(&objects, &Walk { jobs, ..ALL }, quiet);
        assert!(unread.is_empty(), "{unread:?}");
        assert!(found.keys().eq(expected.keys()), "{} are handed out of {}", found.len(), expected.len());
        assert!(found == expected);
    }
    let (blobs, _) = walked(&objects, &Walk { kinds: Kinds::BLOBS, ..ALL }, quiet);
    assert!(blobs.iter().eq(expected.iter().filter(|(_, (kind, _))| *kind == Kind::Blob)));
    let mut reader = objects.reader(1 << 30);
    for (id, (kind, bytes)) in &expected {
        assert!(objects.contains(id));
        assert_eq!(reader.header(id).unwrap(), Some((*kind, bytes.len() as u64)));
        let (read_kind, read) = reader.read(id).unwrap().unwrap();
        assert!(read_kind == *kind && *read == *bytes, "{id}");
    }
    let absent = ObjectId::new(&vec![9; hash.width()]).unwrap();
    assert!(!objects.contains(&absent));
    assert!(reader.read(&absent).unwrap().is_none() && reader.header(&absent).unwrap().is_none());
}

/// Where `tok-` and eight letters stand, apart from other letters, in one of these stretches.
fn hits(bytes: &[u8], within: &[std::ops::Range<usize>]) -> Vec<usize> {
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_lowercase);
    memchr::memmem::find_iter(bytes, b"tok-")
        .filter(|at| (at + 4..at + 12).all(|letter_at| letter(Some(letter_at))))
        .filter(|at| !letter(Some(at + 12)) && !letter(at.checked_sub(1)))
        .filter(|at| within.iter().any(|range| range.start <= at + 13 && at.saturating_sub(1) <= range.end))
        .collect()
}

/// To look only where something is new finds what looking everywhere finds.
fn fresh_is_enough(objects: &Objects) {
    let (fresh_bytes, all_bytes) = (Mutex::new(0), Mutex::new(0));
    let (found, _) = walked(objects, &ALL, |object| {
        let everywhere = hits(object.bytes, std::slice::from_ref(&(0..object.bytes.len())));
        let fresh = object.fresh.map_or_else(|| everywhere.clone(), |fresh| hits(object.bytes, fresh));
        assert_eq!(fresh, everywhere, "{}", object.id);
        let bytes = object.fresh.map_or(object.bytes.len(), |fresh| fresh.iter().map(ExactSizeIterator::len).sum());
        *fresh_bytes.lock().unwrap() += bytes;
        *all_bytes.lock().unwrap() += object.bytes.len();
        if everywhere.is_empty() { Flow::Quiet } else { Flow::Loud }
    });
    let (fresh, all) = (fresh_bytes.into_inner().unwrap(), all_bytes.into_inner().unwrap());
    assert!(found.is_empty() || fresh < all, "{fresh} of {all}");
}

#[test]
fn one_pack_is_handed_out_whole() {
    for hash in [HashKind::Sha1, HashKind::Sha256] {
        let sample = Sample::grown(hash, 300);
        agrees(&sample.common(), hash, &[]);
        fresh_is_enough(&sample.objects());
        assert_eq!(sample.objects().packs().len(), 1);
    }
}

#[test]
fn bases_that_are_named_are_found() {
    let sample = Sample::new(HashKind::Sha1);
    sample.import(0, 200);
    sample.inside(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=250", "--window=50"]);
    agrees(&sample.common(), HashKind::Sha1, &[]);
    fresh_is_enough(&sample.objects());
}

#[test]
fn several_packs_and_single_files_hand_each_object_out_once() {
    let sample = Sample::grown(HashKind::Sha1, 100);
    sample.import(1_000, 120);
    sample.inside(&["repack", "-dq"]);
    // A pack that holds much of what the others do.
    let names = sample.inside(&["rev-list", "--objects", "main-0", "main-1000~40"]);
    let names: String =
        String::from_utf8(names).unwrap().lines().map(|line| format!("{}\n", line.get(..40).unwrap())).collect();
    run(&sample.common(), &["pack-objects", "-q", "objects/pack/pack"], names.as_bytes());
    sample.import(5_000, 8);
    assert!(sample.objects().packs().len() >= 3);
    assert!(!sample.objects().loose_ids().unwrap().is_empty());
    agrees(&sample.common(), HashKind::Sha1, &[]);
    fresh_is_enough(&sample.objects());
}

#[test]
fn the_first_version_of_the_index_is_read() {
    let sample = Sample::new(HashKind::Sha1);
    sample.import(0, 60);
    sample.inside(&["-c", "pack.indexVersion=1", "repack", "-adfq"]);
    agrees(&sample.common(), HashKind::Sha1, &[]);
    // A large offset for each: the table that packs of more than 2 GB have.
    let pack = sample.objects().packs()[0].path().to_owned();
    std::fs::remove_file(pack.with_extension("idx")).unwrap();
    sample.inside(&["index-pack", "--index-version=2,0x10", pack.to_str().unwrap()]);
    agrees(&sample.common(), HashKind::Sha1, &[]);
}

#[test]
fn what_is_known_is_not_handed_out_but_made() {
    let sample = Sample::grown(HashKind::Sha1, 200);
    let expected = sample.listed();
    let new = |id: &ObjectId| id.as_bytes()[0] % 16 == 3;
    for known in [Known::Quiet, Known::Loud] {
        let judge = |id: &ObjectId| if new(id) { Known::New } else { known };
        let fresh = Mutex::new(0);
        let (found, unread) = walked(&sample.objects(), &Walk { known: &judge, ..ALL }, |object| {
            *fresh.lock().unwrap() += usize::from(object.fresh.is_some());
            Flow::Loud
        });
        assert!(unread.is_empty());
        assert!(found.iter().eq(expected.iter().filter(|(id, _)| new(id))));
        assert_eq!(fresh.into_inner().unwrap() > 0, known == Known::Quiet);
    }
    let (found, _) = walked(&sample.objects(), &Walk { known: &|_| Known::Quiet, ..ALL }, quiet);
    assert!(found.is_empty());
}

#[test]
fn a_walk_ends_when_it_is_told_to() {
    let sample = Sample::grown(HashKind::Sha1, 100);
    let count = Mutex::new(0);
    sample.objects().walk(&Walk { jobs: 4, ..ALL }, &|_| {
        *count.lock().unwrap() += 1;
        Flow::Stop
    });
    assert!((1..=4).contains(&*count.lock().unwrap()));
}

#[test]
fn what_is_over_the_limit_is_named_and_what_is_made_from_it_is_not() {
    let sample = Sample::grown(HashKind::Sha1, 100);
    let expected = sample.listed();
    let limit = 8_000;
    let (found, unread) = walked(&sample.objects(), &Walk { limit, ..ALL }, quiet);
    assert!(found.iter().eq(expected.iter().filter(|(_, (_, bytes))| bytes.len() as u64 <= limit)));
    assert_eq!(unread.len(), expected.len() - found.len());
    assert!(!unread.is_empty() && !found.is_empty());
    let mut reader = sample.objects();
    reader.take_troubles().clear();
    let over = expected.iter().find(|(_, (_, bytes))| bytes.len() as u64 > limit).unwrap();
    assert!(reader.reader(limit).read(over.0).unwrap_err().to_string().contains("more than the limit allows"));
}
