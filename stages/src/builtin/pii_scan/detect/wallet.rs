//! Addresses of digital currencies. Each form has a checksum, except Ethereum's, which is long
//! enough to be told by its length.

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

use super::super::keys::Facts;
use super::fixed;

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?-u)\b(?:(?P<segwit>(?:bc|tb|ltc)1[02-9ac-hj-np-z]{11,87})|(?P<ethereum>0x[0-9a-fA-F]{40})|",
        r"(?P<base58>[13LMDrTX][1-9A-HJ-NP-Za-km-z]{25,34}))\b",
    ))
});

/// An address of Bitcoin and its relatives (base58check, BIP 173 and 350), or of Ethereum.
pub(super) fn wallet(text: &str, _: Facts) -> bool {
    ADDRESS.captures_iter(text).any(|hit| {
        let valid = |name, check: fn(&str) -> bool| {
            hit.name(name).is_some_and(|address| check(address.as_str()))
        };
        valid("segwit", is_segwit)
            || valid("ethereum", |address| address.bytes().skip(2).any(|b| b != b'0'))
            || valid("base58", is_base58check)
    })
}

/// The polynomial remainder of BIP 173 (1) or BIP 350 (0x2bc830a3).
fn is_segwit(address: &str) -> bool {
    const CHARACTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let Some((prefix, data)) = address.split_once('1') else { return false };
    let Some(data) = data.chars().map(|c| CHARACTERS.find(c)).collect::<Option<Vec<usize>>>()
    else {
        return false;
    };
    let high = prefix.bytes().map(|b| u32::from(b) >> 5);
    let low = prefix.bytes().map(|b| u32::from(b) & 31);
    let values = high.chain([0]).chain(low).chain(data.into_iter().map(|value| value as u32));
    let remainder = values.fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x1ff_ffff) << 5 ^ value;
        let terms = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        terms.fold(shifted, |sum, (_, term)| sum ^ term)
    });
    matches!(remainder, 1 | 0x2bc8_30a3)
}

/// 25 bytes in base 58, of which the last four are the first of the others' double SHA-256.
fn is_base58check(address: &str) -> bool {
    const CHARACTERS: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0_u8; 25];
    for c in address.chars() {
        let Some(mut carry) = CHARACTERS.find(c) else { return false };
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = (carry % 256) as u8;
            carry /= 256;
        }
        if carry != 0 {
            return false;
        }
    }
    let (payload, check) = bytes.split_at(21);
    Sha256::digest(Sha256::digest(payload)).get(..4) == Some(check)
}
