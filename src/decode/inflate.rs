//! What is compressed inside of an encoding.

use super::look;
use super::sink::Budget;
use crate::model::Encoding;
use std::io::Read;

/// Bytes of a start that are expanded to see whether it expands to text.
const TASTE: usize = 512;

/// The largest thing that is expanded in one go.
const LARGEST: u64 = 64 << 20;

/// What these bytes expand to, if they are compressed. Damage at the end costs no more than the end.
pub(super) fn expanded(packed: &[u8], budget: &mut Budget) -> Option<(Encoding, Vec<u8>)> {
    let (encoding, mut reader): (Encoding, Box<dyn Read + '_>) = match packed {
        [0x1f, 0x8b, 8, ..] => (Encoding::Gzip, Box::new(flate2::read::MultiGzDecoder::new(packed))),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => (Encoding::Zlib, Box::new(flate2::read::ZlibDecoder::new(packed))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed).ok()?;
            (Encoding::Zstd, Box::new(decoder))
        }
        _ if may_be_raw(packed) && is_raw(packed, &mut flate2::Decompress::new(false)) => {
            (Encoding::Zlib, Box::new(flate2::read::DeflateDecoder::new(packed)))
        }
        _ => return None,
    };
    let most = budget.bytes.min(LARGEST);
    let mut bytes = Vec::new();
    let complete = reader.by_ref().take(most).read_to_end(&mut bytes).is_ok();
    let mut more = [0];
    if complete && bytes.len() as u64 >= most && reader.read(&mut more).is_ok_and(|read| read > 0) {
        budget.exceeded = true;
    }
    (!bytes.is_empty()).then_some((encoding, bytes))
}

/// True for a first byte that such a stream may have: it says that what follows is in a code.
pub(super) const fn may_begin_raw(first: u8) -> bool {
    matches!(first >> 1 & 3, 1 | 2)
}

/// True for a start that a deflated stream without a header may have: it describes a code that is complete, or its first
/// signs are text. Nearly nothing else passes.
pub(super) fn may_be_raw(start: &[u8]) -> bool {
    let Some(eleven) = start.get(..11).filter(|start| start.first().is_some_and(|first| may_begin_raw(*first))) else {
        return false;
    };
    let bits = eleven.iter().rev().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    match (bits >> 1) & 3 {
        1 => (0..4).all(|sign| {
            // Codes are written from their highest bit on.
            let code = ((bits >> (3 + 8 * sign)) as u8).reverse_bits();
            code.checked_sub(0x30).is_some_and(|literal| literal < 0x90 && look::is_plain(literal))
        }),
        2 => {
            let (literals, distances, lengths) = ((bits >> 3) & 31, (bits >> 8) & 31, (bits >> 13) & 15);
            let used = (0..lengths + 4).map(|at| (bits >> (17 + 3 * at)) & 7).filter(|length| *length > 0);
            literals < 30 && distances < 30 && used.map(|length| 128_u32 >> length).sum::<u32>() == 128
        }
        _ => false,
    }
}

/// True where a start expands to text. A stream that ends early gives what came before.
pub(super) fn is_raw(packed: &[u8], decompress: &mut flate2::Decompress) -> bool {
    decompress.reset(false);
    let mut taste = [0; TASTE];
    // Cut in the middle of the stream is what a start is: that is no error. What is broken within it is none.
    let started = decompress.decompress(packed, &mut taste, flate2::FlushDecompress::None).is_ok();
    let taste =
        usize::try_from(decompress.total_out()).ok().and_then(|written| taste.get(..written)).unwrap_or_default();
    started && taste.len() >= super::stretches::LEAST && look::is_text(taste)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_form_is_expanded_and_a_bomb_is_cut() {
        let text = b"a text of some length, which is compressed and found again 0123456789".repeat(3);
        let level = flate2::Compression::default();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
        gzip.write_all(&text).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
        zlib.write_all(&text).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), level);
        raw.write_all(&text).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(text.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
        let all = [
            (Encoding::Gzip, gzip.finish().unwrap()),
            (Encoding::Zlib, zlib.finish().unwrap()),
            (Encoding::Zlib, raw.finish().unwrap()),
            (Encoding::Zstd, zstd),
        ];
        for (encoding, packed) in all {
            assert_eq!(expanded(&packed, &mut Budget::of(0)), Some((encoding, text.clone())));
        }
        assert_eq!(expanded(&[0x1f, 0x8b, 8, 0], &mut Budget::of(0)), None);
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), level);
        bomb.write_all(&vec![0; 4 << 20]).unwrap();
        let mut budget = Budget { bytes: 1 << 20, ..Budget::of(0) };
        let (_, bytes) = expanded(&bomb.finish().unwrap(), &mut budget).unwrap();
        assert!(bytes.len() <= 1 << 20 && budget.exceeded);
    }
}
