//! How streams are packed, and how that is undone.

use std::io::{self, Read};

/// What can be undone of one filter; an error says that the rest could not.
pub(super) struct Undone {
    pub(super) bytes: Vec<u8>,
    pub(super) error: Option<io::Error>,
}

fn whole(bytes: Vec<u8>) -> Undone {
    Undone { bytes, error: None }
}

fn too_much() -> io::Error {
    io::Error::from(io::ErrorKind::FileTooLarge)
}

/// Undoes one filter. None: it packs pictures, or is not known.
pub(super) fn undo(filter: &[u8], bytes: &[u8], limit: u64) -> Option<Undone> {
    match filter {
        b"FlateDecode" | b"Fl" => Some(inflate(bytes, limit)),
        b"ASCIIHexDecode" | b"AHx" => {
            let end = memchr::memchr(b'>', bytes).unwrap_or(bytes.len());
            Some(whole(from_hexadecimal(bytes.get(..end).unwrap_or_default())))
        }
        b"ASCII85Decode" | b"A85" => Some(whole(from_base85(bytes))),
        b"LZWDecode" | b"LZW" => Some(from_lzw(bytes, limit)),
        b"RunLengthDecode" | b"RL" => Some(from_runs(bytes, limit)),
        _ => None,
    }
}

fn inflate(bytes: &[u8], limit: u64) -> Undone {
    if bytes.trim_ascii().is_empty() {
        return whole(Vec::new());
    }
    let mut inflated = Vec::new();
    let read = flate2::bufread::ZlibDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut inflated);
    let mut error = read.err();
    if inflated.is_empty() && error.is_some() {
        // Some writers get the header wrong.
        let raw = bytes.get(2..).unwrap_or_default();
        error =
            flate2::bufread::DeflateDecoder::new(raw).take(limit.saturating_add(1)).read_to_end(&mut inflated).err();
    }
    if inflated.len() as u64 > limit {
        error = Some(too_much());
    }
    Undone { bytes: inflated, error }
}

pub(super) fn from_hexadecimal(digits: &[u8]) -> Vec<u8> {
    let mut nibbles =
        digits.iter().filter_map(|digit| char::from(*digit).to_digit(16)).map(|digit| digit.to_le_bytes()[0]);
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    while let Some(high) = nibbles.next() {
        bytes.push(high << 4 | nibbles.next().unwrap_or(0));
    }
    bytes
}

fn from_base85(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut group, mut digits) = (0_u32, 0_usize);
    let text = text.trim_ascii_start();
    for byte in text.strip_prefix(b"<~").unwrap_or(text) {
        match byte {
            b'~' => break,
            b'z' if digits == 0 => bytes.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                digits += 1;
                if digits == 5 {
                    bytes.extend(group.to_be_bytes());
                    (group, digits) = (0, 0);
                }
            }
            _ => {}
        }
    }
    if digits > 1 {
        for _ in digits..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        bytes.extend(group.to_be_bytes().iter().take(digits - 1));
    }
    bytes
}

fn from_runs(bytes: &[u8], limit: u64) -> Undone {
    let mut undone = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first() {
        rest = match *length {
            128 => break,
            literal @ 0..=127 => {
                let (literal, after) = after.split_at(after.len().min(usize::from(literal) + 1));
                undone.extend_from_slice(literal);
                after
            }
            times => {
                let Some((byte, after)) = after.split_first() else { break };
                undone.extend(std::iter::repeat_n(*byte, 257 - usize::from(times)));
                after
            }
        };
        if undone.len() as u64 > limit {
            return Undone { bytes: undone, error: Some(too_much()) };
        }
    }
    whole(undone)
}

/// Codes of nine to twelve bits, the highest first, widened one code early.
fn from_lzw(bytes: &[u8], limit: u64) -> Undone {
    const CLEAR: usize = 256;
    const END: usize = 257;
    let mut undone: Vec<u8> = Vec::new();
    // Where in what is undone each entry stands, and how long it is.
    let mut entries: Vec<(usize, usize)> = Vec::new();
    let mut before: Option<(usize, usize)> = None;
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        let width = match entries.len() + 258 + 1 {
            ..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        if held < width {
            continue;
        }
        held -= width;
        let code = (bits >> held & ((1 << width) - 1)) as usize;
        if code == CLEAR {
            entries.clear();
            before = None;
            continue;
        }
        if code == END {
            return whole(undone);
        }
        let start = undone.len();
        let entry = if code < CLEAR { None } else { entries.get(code - 258).copied() };
        match (code, entry, before) {
            (..CLEAR, _, _) => undone.push(code.to_le_bytes()[0]),
            (_, Some((from, length)), _) => undone.extend_from_within(from..from + length),
            // The one that is just being made: what was before, and its first byte once more.
            (_, None, Some((from, length))) if code - 258 == entries.len() => {
                undone.extend_from_within(from..from + length);
                undone.extend_from_within(from..from + 1);
            }
            _ => return Undone { bytes: undone, error: Some(io::Error::from(io::ErrorKind::InvalidData)) },
        }
        if let Some((from, length)) = before
            && entries.len() < 4096 - 258
        {
            entries.push((from, length + 1));
        }
        before = Some((start, undone.len() - start));
        if undone.len() as u64 > limit {
            return Undone { bytes: undone, error: Some(too_much()) };
        }
    }
    whole(undone)
}

/// Undoes the prediction of PNG, row by row; what is no whole row at the end is left out.
pub(super) fn unpredict(bytes: &[u8], columns: usize, colors: usize, bits: usize) -> Vec<u8> {
    let pixel = (colors.saturating_mul(bits) / 8).max(1);
    let row = columns.saturating_mul(colors).saturating_mul(bits).div_ceil(8);
    if row == 0 || row > bytes.len() {
        return bytes.to_vec();
    }
    let mut undone: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut above = vec![0; row];
    for line in bytes.chunks_exact(row + 1) {
        let Some((kind, line)) = line.split_first() else { continue };
        let mut current: Vec<u8> = Vec::with_capacity(row);
        for (at, byte) in line.iter().enumerate() {
            let left = at.checked_sub(pixel).and_then(|at| current.get(at)).copied().unwrap_or(0);
            let up = above.get(at).copied().unwrap_or(0);
            let corner = at.checked_sub(pixel).and_then(|at| above.get(at)).copied().unwrap_or(0);
            let predicted = match kind {
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            current.push(byte.wrapping_add(predicted));
        }
        undone.extend_from_slice(&current);
        above = current;
    }
    undone
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |value: u8| (guess - i16::from(value)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
