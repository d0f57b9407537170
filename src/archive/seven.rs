//! 7z, solid ones too.

mod header;

use super::outlet::{Halt, Outlet, Walk};
use super::region::Region;
use super::{ArchiveError, DECODER_MEMORY_KIB};
use sevenz_rust2::{Archive, BlockDecoder, EncoderMethod, Error, Password};
use std::io;

/// How one begins.
pub(super) const MAGIC: &[u8; 6] = b"7z\xbc\xaf\x27\x1c";

/// True for the beginning of one, with the checksum of what it says of itself.
pub(super) fn begins(bytes: &[u8]) -> bool {
    let said = bytes.get(8..12).and_then(|said| said.try_into().ok()).map(u32::from_le_bytes);
    bytes.starts_with(MAGIC) && said.is_some() && said == bytes.get(12..32).map(crc32fast::hash)
}

/// Hands over every member.
pub(super) fn walk(mut region: Region<'_>, outlet: &mut Outlet<'_, '_>) -> Walk {
    header::check(&region)?;
    let password = Password::empty();
    let archive = Archive::read(&mut region, &password).map_err(refused)?;
    for block in 0..archive.blocks.len() {
        let decoder = BlockDecoder::new(1, block, &archive, &password, &mut region);
        let names: Vec<String> = decoder.entries().iter().map(|entry| Outlet::shown(entry.name.as_bytes())).collect();
        if let Err(halt) = walk_block(&archive, block, decoder, outlet) {
            match halt {
                Halt::Failed(error) if !error.is_of_budget() => {
                    let name = names.first().map_or("unnamed", String::as_str);
                    let name = match names.len() {
                        0 | 1 => name.to_owned(),
                        several => format!("{name} and {} more", several - 1),
                    };
                    outlet.missed(&name, error)?;
                }
                halt => return Err(halt),
            }
        }
    }
    Ok(())
}

/// The members of one block share one stream.
fn walk_block(
    archive: &Archive,
    block: usize,
    decoder: BlockDecoder<'_, Region<'_>>,
    outlet: &mut Outlet<'_, '_>,
) -> Walk {
    affordable(archive, block)?;
    let mut halted = Ok(());
    let walked = decoder.for_each_entries(&mut |entry, content| {
        let name = Outlet::shown(entry.name.as_bytes());
        let step = if entry.is_directory || entry.size == 0 {
            outlet.count()
        } else {
            outlet.stream(&name, content).and_then(|broken| match broken {
                Some(error) => Err(error.into()),
                None => outlet.drain(content),
            })
        };
        let goes_on = step.is_ok();
        halted = step;
        Ok(goes_on)
    });
    halted?;
    walked.map_err(refused)?;
    Ok(())
}

/// What a block's decoders need is said in their properties; one of them is not held to it by the reader.
fn affordable(archive: &Archive, block: usize) -> Result<(), ArchiveError> {
    let Some(block) = archive.blocks.get(block) else { return Ok(()) };
    let needed = block.coders.iter().map(|coder| memory_kib(coder.encoder_method_id(), coder.properties()));
    if needed.max().unwrap_or(0) > DECODER_MEMORY_KIB {
        return Err(ArchiveError::unsupported("more memory is needed than is allowed"));
    }
    Ok(())
}

/// What a coder sets aside, by its properties.
fn memory_kib(method: &[u8], properties: &[u8]) -> u32 {
    match (method, properties) {
        (EncoderMethod::ID_LZMA | EncoderMethod::ID_PPMD, [_, a, b, c, d, ..]) => {
            u32::from_le_bytes([*a, *b, *c, *d]) >> 10
        }
        // Two bits and an exponent: the 30th is 128 MiB.
        (EncoderMethod::ID_LZMA2, [bits, ..]) if *bits > 30 => u32::MAX,
        _ => 0,
    }
}

fn refused(error: Error) -> ArchiveError {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => ArchiveError::Encrypted,
        // Its name for what encrypts.
        Error::UnsupportedCompressionMethod(method) if method.starts_with("AES") => ArchiveError::Encrypted,
        Error::UnsupportedCompressionMethod(method) => ArchiveError::unsupported(&format!("compression {method}")),
        Error::MaxMemLimited { .. } => ArchiveError::unsupported("more memory is needed than is allowed"),
        Error::Unsupported(_) | Error::ExternalUnsupported | Error::UnsupportedVersion { .. } => {
            ArchiveError::unsupported("this form of 7z")
        }
        Error::Io(source, _) => ArchiveError::from_io(source),
        other => ArchiveError::from_io(io::Error::new(io::ErrorKind::InvalidData, other)),
    }
}
