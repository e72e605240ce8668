//! Vectors of zstd and brotli come from their reference command-line tools.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const TEXT: &[u8] = br#"{"events":[]}"#;
/// The cap of the shipped pipeline.yaml.
const MAX: u64 = 102_400;
const ZSTD: &str = "28b52ffd04586900007b226576656e7473223a5b5d7de56a2c84";
const BROTLI: &str = "0b06807b226576656e7473223a5b5d7d03";
/// 50 MiB of zeros.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200d\
    dfb3ffeffffc13f0110870500baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8deffe5ffff07fe0980\
    382c00d0bdff00";

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A zstd frame of run-length blocks: `blocks` times 128 KiB of zeros.
fn zstd_bomb(blocks: usize) -> Vec<u8> {
    let mut frame = [&ZSTD_MAGIC[..], &[0x00, 10 << 3]].concat();
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | 1 << 1 | 131_072 << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

fn samples() -> Vec<(Coding, Vec<u8>)> {
    vec![
        (Coding::Gzip, gzip(TEXT)),
        (Coding::Deflate, zlib(TEXT)),
        (Coding::Deflate, raw_deflate(TEXT)),
        (Coding::Zstd, unhex(ZSTD)),
        (Coding::Brotli, unhex(BROTLI)),
    ]
}

#[test]
fn every_coding_is_decoded() {
    for (coding, coded) in samples() {
        assert_eq!(decode(coding, &coded, MAX).as_deref(), Ok(TEXT), "{coding:?}");
    }
    assert_eq!(decode(Coding::Identity, TEXT, MAX).as_deref(), Ok(TEXT));
}

#[test]
fn names_are_read_without_regard_to_case() {
    for (name, want) in [
        ("gzip", Some(Coding::Gzip)),
        ("X-GZIP", Some(Coding::Gzip)),
        ("Deflate", Some(Coding::Deflate)),
        ("zstd", Some(Coding::Zstd)),
        ("BR", Some(Coding::Brotli)),
        ("identity", Some(Coding::Identity)),
        ("compress", None),
        ("gzip, br", None),
        ("", None),
    ] {
        assert_eq!(Coding::named(name), want, "{name}");
    }
}

#[test]
fn a_stream_that_ends_early_is_damaged() {
    for (coding, coded) in samples() {
        for length in 0..coded.len() {
            let result = decode(coding, &coded[..length], MAX);
            assert_eq!(result, Err(CodingError::Damaged), "{coding:?} {length}");
        }
    }
}

#[test]
fn what_follows_a_stream_is_damage() {
    for (coding, mut coded) in samples() {
        coded.extend_from_slice(b"more");
        // The brotli reader fetches ahead and cannot tell; nothing of the rest is ever used.
        let want =
            if coding == Coding::Brotli { Ok(TEXT.to_vec()) } else { Err(CodingError::Damaged) };
        assert_eq!(decode(coding, &coded, MAX), want, "{coding:?}");
    }
}

#[test]
fn checksums_are_checked() {
    for (coding, mut coded) in [(Coding::Gzip, gzip(TEXT)), (Coding::Deflate, zlib(TEXT))] {
        // The last byte belongs to gzip's length or to zlib's Adler-32.
        *coded.last_mut().unwrap() ^= 1;
        assert_eq!(decode(coding, &coded, MAX), Err(CodingError::Damaged), "{coding:?}");
    }
    let mut coded = unhex(ZSTD);
    coded[12] ^= 1;
    assert_eq!(decode(Coding::Zstd, &coded, MAX), Err(CodingError::Damaged));
}

#[test]
fn members_and_frames_may_follow_each_other() {
    let twice = [TEXT, TEXT].concat();
    for (coding, coded) in [(Coding::Gzip, gzip(TEXT)), (Coding::Zstd, unhex(ZSTD))] {
        assert_eq!(decode(coding, &coded.repeat(2), MAX).as_ref(), Ok(&twice), "{coding:?}");
    }
}

#[test]
fn bombs_are_too_large_in_every_coding() {
    let zeros = vec![0; 50 * 1_024 * 1_024];
    for (coding, bomb) in [
        (Coding::Gzip, gzip(&zeros)),
        (Coding::Deflate, zlib(&zeros)),
        (Coding::Deflate, raw_deflate(&zeros)),
        (Coding::Zstd, zstd_bomb(400)),
        (Coding::Brotli, unhex(BROTLI_BOMB)),
    ] {
        assert_eq!(decode(coding, &bomb, MAX), Err(CodingError::TooLarge), "{coding:?}");
        // With a high cap the ratio stops it, but for gzip: deflate cannot reach 50 MiB at 1 : 100
        // of these sizes either.
        let high = 1 << 30;
        assert_eq!(decode(coding, &bomb, high), Err(CodingError::TooLarge), "{coding:?} ratio");
    }
}

#[test]
fn a_brotli_body_is_taken_up_to_the_cap_whatever_window_its_encoder_chose() {
    let batch: Vec<u8> =
        (0..).flat_map(|n: u64| format!("{:x},", n * n * n).into_bytes()).take(102_400).collect();
    for length in [1, 1_023, 4_097, 65_537, 102_399, 102_400] {
        for (quality, lgwin) in [(0, 16), (5, 22), (5, 24), (11, 24)] {
            let parameters =
                brotli::enc::BrotliEncoderParams { quality, lgwin, ..Default::default() };
            let mut coded = Vec::new();
            brotli::BrotliCompress(&mut &batch[..length], &mut coded, &parameters).unwrap();
            let what = format!("{length} bytes, quality {quality}, window {lgwin}");
            let max = length as u64;
            assert_eq!(
                decode(Coding::Brotli, &coded, max).as_deref(),
                Ok(&batch[..length]),
                "{what}"
            );
            assert_eq!(
                decode(Coding::Brotli, &coded, max - 1),
                Err(CodingError::TooLarge),
                "{what}"
            );
        }
    }
}

#[test]
fn the_cap_is_inclusive() {
    let coded = gzip(TEXT);
    let length = TEXT.len() as u64;
    assert_eq!(decode(Coding::Gzip, &coded, length).as_deref(), Ok(TEXT));
    assert_eq!(decode(Coding::Gzip, &coded, length - 1), Err(CodingError::TooLarge));
}

#[test]
fn short_repetitive_bodies_are_free_of_the_ratio() {
    let spaces = vec![b' '; 65_536];
    let coded = gzip(&spaces);
    assert!(coded.len() < 655, "the sample must exceed the ratio");
    assert_eq!(decode(Coding::Gzip, &coded, MAX), Ok(spaces));
    let more = vec![b' '; 65_537];
    assert_eq!(decode(Coding::Gzip, &gzip(&more), MAX), Err(CodingError::TooLarge));
}

#[test]
fn windows_that_only_take_memory_are_refused() {
    let single = [&ZSTD_MAGIC[..], &[0xe0], &(64_u64 << 20).to_le_bytes()].concat();
    for (name, frame) in [
        ("16 MiB window", [&ZSTD_MAGIC[..], &[0x00, 14 << 3]].concat()),
        ("largest window", [&ZSTD_MAGIC[..], &[0x00, 0xff]].concat()),
        ("64 MiB in one segment", single),
    ] {
        assert_eq!(decode(Coding::Zstd, &frame, MAX), Err(CodingError::TooLarge), "{name}");
    }
    let large_window = [0x11, 0x1e, 0x00, 0x00];
    assert_eq!(decode(Coding::Brotli, &large_window, MAX), Err(CodingError::Damaged));
}

#[test]
fn windows_are_read_as_the_rfc_says() {
    for (rest, want) in [
        (&[0x00, 0x00][..], Some(1_024)),
        (&[0x00, 0x01], Some(1_152)),
        (&[0x00, 13 << 3], Some(8 << 20)),
        (&[0x20, 7], Some(7)),
        (&[0x60, 0x01, 0x01], Some(513)),
        (&[0xa0, 0, 0, 1, 0], Some(65_536)),
        // A dictionary's id stands before the size.
        (&[0x21, 0xff, 9], Some(9)),
        (&[0x20], None),
        (&[], None),
    ] {
        let frame = [&ZSTD_MAGIC[..], rest].concat();
        assert_eq!(zstd_window(&frame), want, "{rest:02x?}");
    }
    assert_eq!(zstd_window(b"{\"ev"), None);
}
