//! Payment cards and bank accounts. Both have check digits, so that little is mistaken for them.

use super::super::keys::Facts;
use super::{before, byte_at, is_digit, is_word};

/// 13 to 19 digits, alone or in groups, with an issuer's prefix and a valid Luhn digit (ISO/IEC
/// 7812-1).
pub(super) fn card(text: &str, _: Facts) -> bool {
    (0..text.len()).any(|start| {
        let joined = before(text, start);
        let fraction = joined == Some(b'.') && start >= 2 && is_digit(byte_at(text, start - 2));
        is_digit(byte_at(text, start)) && !is_word(joined) && !fraction && is_card(text, start)
    })
}

fn is_card(text: &str, start: usize) -> bool {
    let mut digits = [0; 19];
    let mut count = 0;
    let mut at = start;
    while let Some(byte) = byte_at(text, at) {
        match byte {
            b'0'..=b'9' if count < digits.len() => {
                digits[count] = byte - b'0';
                count += 1;
                let next = byte_at(text, at + 1);
                let fraction = next == Some(b'.') && is_digit(byte_at(text, at + 2));
                let ends = !is_word(next) && !fraction;
                let number = digits.get(..count).unwrap_or_default();
                if ends && issued(number) && luhn(number) {
                    return true;
                }
            }
            // Groups are divided by single characters.
            b' ' | b'-' | b'.' if is_digit(byte_at(text, at - 1)) => {}
            _ => return false,
        }
        at += 1;
    }
    false
}

/// Whether an issuer gives out numbers with this prefix and length.
fn issued(number: &[u8]) -> bool {
    let prefix = number.iter().take(4).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    match number.len() {
        13 => prefix / 1000 == 4,
        14 => matches!(prefix, 3000..=3059 | 3600..=3699 | 3800..=3999),
        15 => matches!(prefix / 100, 34 | 37),
        16 => matches!(
            prefix,
            4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6440..=6599 | 3528..=3589 | 6200..=6299
        ),
        17..=19 => matches!(prefix, 4000..=4999 | 6011 | 6440..=6599 | 3528..=3589 | 6200..=6299),
        _ => false,
    }
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B).
pub(in super::super) fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Lengths of account numbers by country (SWIFT IBAN registry).
#[rustfmt::skip]
const COUNTRIES: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16),
    (b"BG", 22), (b"BH", 22), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28),
    (b"CZ", 24), (b"DE", 22), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24),
    (b"FI", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18),
    (b"GR", 27), (b"GT", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23),
    (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32),
    (b"LI", 21), (b"LT", 20), (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24),
    (b"ME", 22), (b"MK", 19), (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NL", 18), (b"NO", 15),
    (b"PK", 24), (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22),
    (b"SA", 24), (b"SC", 31), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"ST", 25),
    (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24),
    (b"XK", 20),
];

/// An international bank account number: the country's length and a valid remainder (ISO 13616).
pub(in super::super) fn iban(text: &str, _: Facts) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(4).enumerate().any(|(start, head)| {
        head[..2].iter().all(u8::is_ascii_alphabetic)
            && head[2..].iter().all(u8::is_ascii_digit)
            && !is_word(before(text, start))
            && is_iban(text, start, [head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()])
    })
}

fn is_iban(text: &str, start: usize, country: [u8; 2]) -> bool {
    let Some((_, length)) = COUNTRIES.iter().find(|(code, _)| **code == country) else {
        return false;
    };
    let mut number = [0; 32];
    let mut count = 0;
    let mut at = start;
    while count < *length {
        match byte_at(text, at) {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                number[count] = byte;
                count += 1;
            }
            Some(b' ' | b'-') => {}
            _ => return false,
        }
        at += 1;
    }
    let number = number.get(..count).unwrap_or_default();
    // The country and the check digits count last.
    let remainder = number.iter().skip(4).chain(number.iter().take(4)).fold(0, |sum, byte| {
        match char::from(*byte).to_digit(36).unwrap_or_default() {
            digit @ 0..=9 => (sum * 10 + digit) % 97,
            letter => (sum * 100 + letter) % 97,
        }
    });
    remainder == 1 && !is_word(byte_at(text, at))
}
