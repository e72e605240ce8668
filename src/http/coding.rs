//! Content codings of request bodies, behind hard caps.
//!
//! A body is decoded only after all of it has come, and never further than the cap, so a bomb costs
//! its own small size and the cap. Windows are capped as well: decoders reserve them before what they
//! are for, whatever follows.

use std::cell::Cell;
use std::io::{self, Read};

use brotli_decompressor::reader::DecompressorCustomAlloc;
use brotli_decompressor::{Allocator, StandardAlloc};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// Decoded bytes that are always allowed, whatever the ratio: short repetitive batches are normal.
const FREE: u64 = 64 * 1_024;
/// Most decoded bytes for each coded one beyond [`FREE`]. JSON of real clients stays below 30.
const RATIO: u64 = 100;
/// Most window of a zstd frame: what RFC 9659 allows for a content coding.
const ZSTD_WINDOW: u64 = 8 * 1_024 * 1_024;
/// First bytes of a zstd frame, RFC 8878 section 3.1.1.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The brotli decoder's input buffer, in bytes.
const BROTLI_BUFFER: usize = 4_096;
/// What the brotli decoder may want at once whatever the cap is, in bytes: some hundreds beyond its window,
/// or a map of 64 contexts for each of 256 types (RFC 7932 section 7.3), rounded up.
const BROTLI_SLACK: usize = 32 * 1_024;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Deflate,
    Zstd,
    Brotli,
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodingError {
    /// It becomes larger than allowed, or asks for more memory.
    TooLarge,
    /// It is damaged.
    Damaged,
}

impl Coding {
    /// Reads one coding's name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = [
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("zstd", Self::Zstd),
            ("br", Self::Brotli),
        ];
        known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, c)| c)
    }
}

/// Decodes a body into at most `max` bytes.
pub(super) fn decode(coding: Coding, coded: &[u8], max: u64) -> Result<Vec<u8>, CodingError> {
    let allowed = max.min(FREE.max(RATIO.saturating_mul(coded.len() as u64)));
    let mut sink = Sink { bytes: Vec::new(), allowed };
    match coding {
        Coding::Identity => sink.fill(coded)?,
        Coding::Gzip => sink.fill(MultiGzDecoder::new(coded))?,
        Coding::Deflate => inflate(coded, &mut sink)?,
        Coding::Zstd => unzstd(coded, &mut sink)?,
        Coding::Brotli => unbrotli(coded, &mut sink)?,
    }
    Ok(sink.bytes)
}

/// Collects decoded bytes up to a cap.
struct Sink {
    bytes: Vec<u8>,
    allowed: u64,
}

impl Sink {
    fn fill(&mut self, source: impl Read) -> Result<(), CodingError> {
        let left = self.allowed - self.bytes.len() as u64;
        let result = source.take(left + 1).read_to_end(&mut self.bytes);
        if self.bytes.len() as u64 > self.allowed {
            return Err(CodingError::TooLarge);
        }
        result.map(drop).map_err(|_: io::Error| CodingError::Damaged)
    }
}

/// `deflate` means zlib (RFC 9110 section 8.4.1.2), but some clients send the bare stream.
fn inflate(coded: &[u8], sink: &mut Sink) -> Result<(), CodingError> {
    let zlib = match coded {
        [cmf, flags, ..] => cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flags]) % 31 == 0,
        _ => false,
    };
    let rest = if zlib {
        let mut decoder = ZlibDecoder::new(coded);
        sink.fill(&mut decoder)?;
        decoder.into_inner()
    } else {
        let mut decoder = DeflateDecoder::new(coded);
        sink.fill(&mut decoder)?;
        decoder.into_inner()
    };
    if rest.is_empty() { Ok(()) } else { Err(CodingError::Damaged) }
}

/// Frames may follow each other. One decoder serves all, so that its window is reserved once.
fn unzstd(mut coded: &[u8], sink: &mut Sink) -> Result<(), CodingError> {
    let mut decoder = FrameDecoder::new();
    if coded.is_empty() {
        return Err(CodingError::Damaged);
    }
    while !coded.is_empty() {
        if zstd_window(coded).ok_or(CodingError::Damaged)? > ZSTD_WINDOW {
            return Err(CodingError::TooLarge);
        }
        let frame = StreamingDecoder::new_with_decoder(&mut coded, &mut decoder);
        sink.fill(frame.map_err(|_| CodingError::Damaged)?)?;
        if decoder.get_checksum_from_data().is_some()
            && decoder.get_checksum_from_data() != decoder.get_calculated_checksum()
        {
            return Err(CodingError::Damaged);
        }
    }
    Ok(())
}

/// The window that a zstd frame asks for, RFC 8878 section 3.1.1.1; `None` when this is no frame.
fn zstd_window(frame: &[u8]) -> Option<u64> {
    let header = frame.strip_prefix(&ZSTD_MAGIC)?;
    let (&descriptor, rest) = header.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let byte = *rest.first()?;
        let base = 1_u64 << (10 + (byte >> 3));
        return Some(base + base / 8 * u64::from(byte & 7));
    }
    // The window is the content's size, which stands after the dictionary's id.
    let id_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let size = rest.get(id_bytes..id_bytes + size_bytes)?;
    let value = size.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    Some(if size_bytes == 2 { value + 256 } else { value })
}

fn unbrotli(mut coded: &[u8], sink: &mut Sink) -> Result<(), CodingError> {
    // "Large window" brotli, with windows of up to 1 GiB, is no content coding (RFC 7932 section
    // 9.1 reserves this pattern), but the decoder would follow it.
    if coded.first().is_none_or(|byte| byte & 0x7f == 0x11) {
        return Err(CodingError::Damaged);
    }
    let refused = Cell::new(false);
    // Its window is a power of two, so less than twice what it is for, and some bytes of slack.
    let most = usize::try_from(sink.allowed.saturating_mul(2))
        .unwrap_or(usize::MAX)
        .saturating_add(BROTLI_SLACK);
    let bytes = Capped { most, refused: &refused };
    let buffer = vec![0; BROTLI_BUFFER].into();
    let rest = StandardAlloc::default();
    let result = sink.fill(DecompressorCustomAlloc::<_, Memory, _, _, _>::new(
        &mut coded, buffer, bytes, rest, rest,
    ));
    if refused.get() { Err(CodingError::TooLarge) } else { result }
}

type Memory = <StandardAlloc as Allocator<u8>>::AllocatedMemory;

/// Memory for brotli's window, which the decoder reserves by what a block says that it will become:
/// up to 16 MiB for a few bytes. An empty cell tells the decoder that there is none.
struct Capped<'a> {
    most: usize,
    refused: &'a Cell<bool>,
}

impl Allocator<u8> for Capped<'_> {
    type AllocatedMemory = Memory;

    fn alloc_cell(&mut self, length: usize) -> Memory {
        if length > self.most {
            self.refused.set(true);
            return Memory::default();
        }
        StandardAlloc::default().alloc_cell(length)
    }

    fn free_cell(&mut self, cell: Memory) {
        StandardAlloc::default().free_cell(cell);
    }
}

#[cfg(test)]
#[path = "coding/tests.rs"]
mod tests;
