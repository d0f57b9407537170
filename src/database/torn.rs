//! A write-ahead log whose last write was cut. `SQLite` drops such a write when it opens the file, which is right, as
//! nobody was told that it is durable; here it is seen, so that it can be said.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24;
/// The two forms of a log: checksums are over little or big numbers.
const LITTLE: u32 = 0x377f_0682;
const BIG: u32 = 0x377f_0683;
/// Pages are no larger.
const LARGEST_PAGE: u32 = 65_536;

/// Bytes of the log that belong to a write which never ended; none where every write is whole.
///
/// # Errors
/// When the log is there and cannot be read.
pub(super) fn cut_bytes(log: &Path) -> io::Result<u64> {
    let file = match File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(0);
    }
    // Somebody may be writing to it now: what comes after this moment is not looked at.
    let mut log = BufReader::new(file.take(length));
    let mut header = [0_u8; HEADER_BYTES];
    if !filled(&mut log, &mut header)? {
        return Ok(length);
    }
    let Some((mut sum, page)) = begun(&header) else { return Ok(length) };
    let salts = header.get(16..24).unwrap_or_default().to_vec();
    let (mut at, mut whole) = (HEADER_BYTES as u64, HEADER_BYTES as u64);
    let mut bytes = vec![0; FRAME_BYTES + page];
    while filled(&mut log, &mut bytes)? {
        // What is left of an earlier round of the log has other salts.
        if bytes.get(8..16) != Some(salts.as_slice()) {
            return Ok(at - whole);
        }
        let (frame, content) = bytes.split_at(FRAME_BYTES);
        sum.add(frame.get(..8).unwrap_or_default());
        sum.add(content);
        if frame.get(16..) != Some(&sum.bytes()[..]) {
            return Ok(length - whole);
        }
        at += bytes.len() as u64;
        // The last frame of a write says how large the file is after it.
        if number(frame, 4) > 0 {
            whole = at;
        }
    }
    Ok(length - whole)
}

/// The checksum after the header, and the size of a page; none where the header is not whole.
fn begun(header: &[u8; HEADER_BYTES]) -> Option<(Sum, usize)> {
    let is_big = match number(header, 0) {
        BIG => true,
        LITTLE => false,
        _ => return None,
    };
    let mut sum = Sum { is_big, first: 0, second: 0 };
    sum.add(header.get(..24)?);
    let page = Some(number(header, 8)).filter(|page| page.is_power_of_two() && (512..=LARGEST_PAGE).contains(page))?;
    (header.get(24..)? == sum.bytes()).then_some((sum, usize::try_from(page).ok()?))
}

/// The running checksum of a log.
struct Sum {
    is_big: bool,
    first: u32,
    second: u32,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let of = |at| if self.is_big { number(pair, at) } else { number(pair, at).swap_bytes() };
            self.first = self.first.wrapping_add(of(0)).wrapping_add(self.second);
            self.second = self.second.wrapping_add(of(4)).wrapping_add(self.first);
        }
    }

    fn bytes(&self) -> [u8; 8] {
        (u64::from(self.first) << 32 | u64::from(self.second)).to_be_bytes()
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_be_bytes(four.unwrap_or_default())
}

/// Fills the buffer, or says that there was less.
fn filled(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        outcome => outcome.map(|()| true),
    }
}
