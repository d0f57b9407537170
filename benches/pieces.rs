//! How fast the pieces of a scan around the engine are, each alone: `cargo bench --no-default-features --bench pieces [NAME]`.

#[path = "texts/mod.rs"]
#[allow(clippy::indexing_slicing, reason = "tables of its own")]
mod texts;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use stanch::archive::{self, Budget, Format, Input, Item};
use stanch::decode;
use stanch::source::git::pack::{Flow, HashKind, Item as Packed, Kinds, Known, Objects, Walk};
use std::error::Error;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use texts::{Sort, text};

const SIZE: usize = 1 << 20;

fn main() {
    divan::main();
}

/// One step of decoding, without a scan of what comes out.
#[divan::bench(args = [Sort::Source, Sort::Minified, Sort::Base64, Sort::Encoded])]
fn decoding(bencher: Bencher<'_, '_>, sort: Sort) {
    let text = text(sort, SIZE);
    bencher.counter(BytesCount::of_slice(&text)).bench(|| {
        let mut bytes = 0;
        let mut budget = decode::Budget::of(text.len());
        decode::pieces(black_box(&text), None, &mut budget, &mut |piece, _| bytes += piece.bytes().len());
        bytes
    });
}

/// What is not compressed: the cost of looking whether it is.
#[divan::bench]
fn sniffing(bencher: Bencher<'_, '_>) {
    let text = text(Sort::Source, 64 << 10);
    bencher.bench(|| archive::sniff(black_box(&text), "src/lib.rs"));
}

/// Archives of eight megabytes of sources in 512 files, counted by what comes out.
#[divan::bench(args = ["zip", "tar.gz", "tar.zst", "tar.bz2"])]
fn opening(bencher: Bencher<'_, '_>, name: &str) {
    let Ok(packed) = packed(name) else { return };
    let Some(format) = archive::sniff(&packed, name) else { return };
    bencher.counter(BytesCount::new(8_usize << 20)).bench(|| opened(format, name, &packed));
}

/// How many bytes come out of an archive, and out of what is in it.
fn opened(format: Format, name: &str, packed: &[u8]) -> u64 {
    let mut budget = Budget { bytes: 1 << 30, members: 10_000, largest_bytes: 1 << 30 };
    let mut bytes = 0;
    let _read_to_its_end = archive::open(format, name, Input::Bytes(black_box(packed)), &mut budget, &mut |item| {
        if let Item::Member { name, bytes: member, .. } = item {
            let inner = archive::sniff(member, name).map_or(0, |format| opened(format, name, member));
            bytes += inner.max(u64::try_from(member.len()).unwrap_or(0));
        }
        ControlFlow::Continue(())
    });
    bytes
}

fn packed(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let files: Vec<(String, Vec<u8>)> =
        (0..512).map(|number| (format!("src/part{number}.rs"), text(Sort::Source, 16 << 10))).collect();
    if name == "zip" {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in &files {
            zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default())?;
            zip.write_all(bytes)?;
        }
        return Ok(zip.finish()?.into_inner());
    }
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    let tar = tar.into_inner()?;
    let mut out = Vec::new();
    match name {
        "tar.gz" => {
            let mut writer = flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
            writer.write_all(&tar)?;
            writer.finish()?;
        }
        "tar.bz2" => {
            let mut writer = bzip2::write::BzEncoder::new(&mut out, bzip2::Compression::default());
            writer.write_all(&tar)?;
            writer.finish()?;
        }
        _ => ruzstd::encoding::compress(tar.as_slice(), &mut out, ruzstd::encoding::CompressionLevel::Fastest),
    }
    Ok(out)
}

/// A pack of 200 revisions of 40 files, counted by what comes out: every blob whole, and what of it is new.
#[divan::bench(args = [1, 2], sample_count = 20)]
fn walking(bencher: Bencher<'_, '_>, jobs: usize) {
    let Ok(repository) = repository() else { return };
    let Ok(objects) = Objects::open(repository.path(), HashKind::Sha1, &[]) else { return };
    let walk = Walk { jobs, kinds: Kinds::BLOBS, limit: 1 << 30, known: &|_| Known::New };
    let walked = || {
        let bytes = AtomicU64::new(0);
        objects.walk(&walk, &|item| {
            if let Packed::Object(object) = item {
                bytes.fetch_add(u64::try_from(object.bytes.len()).unwrap_or(0), Ordering::Relaxed);
            }
            Flow::Quiet
        });
        bytes.into_inner()
    };
    bencher.counter(BytesCount::new(walked())).bench(walked);
}

/// A bare repository with one pack, made by git.
fn repository() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    git(folder.path(), &["init", "-q", "--bare", "."], &[])?;
    let mut stream = Vec::new();
    let mut files: Vec<Vec<u8>> = (0..40).map(|number| text(Sort::Source, (4 + number) << 10)).collect();
    for revision in 0..200_usize {
        write!(
            stream,
            "commit refs/heads/main\ncommitter r <r@localhost> {} +0000\ndata 1\nr\n",
            1_700_000_000 + revision
        )?;
        for (number, bytes) in files.iter_mut().enumerate().skip(revision % 5).step_by(5) {
            let at = (revision * 1_237) % bytes.len();
            bytes.splice(at..at, format!("changed in revision {revision} of file {number}\n").into_bytes());
            write!(stream, "M 100644 inline src/part{number}.rs\ndata {}\n", bytes.len())?;
            stream.extend_from_slice(bytes);
            stream.push(b'\n');
        }
    }
    git(folder.path(), &["fast-import", "--quiet"], &stream)?;
    git(folder.path(), &["repack", "-q", "-a", "-d", "-f"], &[])?;
    Ok(folder)
}

fn git(within: &Path, words: &[&str], input: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut child = Command::new("git").args(words).current_dir(within).stdin(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input)?;
    }
    if child.wait()?.success() { Ok(()) } else { Err("git failed".into()) }
}
