//! Check digits that an operator's detector may ask for.

use schemars::JsonSchema;
use serde::Deserialize;

use super::detect::{iban, luhn};
use super::keys::Facts;

/// What a match must satisfy beyond its pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Validator {
    /// Nothing.
    #[default]
    None,
    /// The last digit is the Luhn check digit of the others (ISO/IEC 7812-1).
    Luhn,
    /// An account number with its country's length and remainder 1 modulo 97 (ISO 13616).
    Iban,
    /// The last digit is the check digit of the others by the Verhoeff scheme.
    Verhoeff,
    /// The last character is the remainder of the weighted digits modulo 11, X for ten (ISO 7064).
    Mod11,
    /// At least 3.5 bits of Shannon entropy a character: made by a machine, not by a person.
    Entropy,
}

impl Validator {
    /// Whether the text satisfies it. Characters other than digits divide groups.
    pub(super) fn accepts(self, text: &str) -> bool {
        let digits = || -> Vec<u8> {
            text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
        };
        match self {
            Self::None => true,
            Self::Luhn => digits().len() > 1 && luhn(&digits()),
            Self::Iban => iban(text, Facts::default()),
            Self::Verhoeff => digits().len() > 1 && verhoeff(&digits()),
            Self::Mod11 => mod11(text),
            Self::Entropy => entropy(text) >= 3.5,
        }
    }
}

/// The dihedral group of order ten, and the permutation that is applied once more a place
/// (J. Verhoeff, 1969).
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let multiply = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| {
        let digit = (0..place % 8)
            .fold(usize::from(*digit), |d, _| PERMUTATION.get(d).copied().unwrap_or(d));
        multiply(sum, digit)
    });
    sum == 0
}

fn mod11(text: &str) -> bool {
    let values = text.chars().rev().filter_map(|c| match c {
        'x' | 'X' => Some(10),
        _ => c.to_digit(10),
    });
    let sum: u32 = values.clone().zip(1..).map(|(value, weight)| value * weight).sum();
    values.count() > 1 && sum.is_multiple_of(11)
}

/// Bits a character (Shannon, 1948).
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let share = |count: u32| f64::from(count) / text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|c| -share(*c) * share(*c).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_checked() {
        for (validator, text, want) in [
            (Validator::None, "", true),
            (Validator::Luhn, "7992 7398 713", true),
            (Validator::Luhn, "7992 7398 714", false),
            (Validator::Luhn, "0", false),
            (Validator::Iban, "NO93 8601 1117 947", true),
            (Validator::Iban, "NO93 8601 1117 948", false),
            // The example of Verhoeff's own paper, and with two digits changed places.
            (Validator::Verhoeff, "2363", true),
            (Validator::Verhoeff, "2633", false),
            (Validator::Verhoeff, "123451", true),
            // An ISBN-10 and a wrong one.
            (Validator::Mod11, "0-306-40615-2", true),
            (Validator::Mod11, "0-8044-2957-X", true),
            (Validator::Mod11, "0-306-40615-3", false),
            (Validator::Entropy, "zq8Xw1Lr9TbNc4Vk", true),
            (Validator::Entropy, "aaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(validator.accepts(text), want, "{validator:?} {text}");
        }
    }
}
