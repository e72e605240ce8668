//! Folding of characters, so that detectors and the rule on keys need to know ASCII only.
//!
//! Unicode's compatibility forms (NFKC) do most of it. What they leave alone stands here: characters
//! without width, digits of other scripts, signs that only look like a dot or a hyphen, and letters
//! of other scripts among Latin ones. Whole words of another script stay as they are.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Folds `text`; borrowed when there is nothing to fold.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_folded(text) {
        return Cow::Borrowed(text);
    }
    // Primes and the ordinal sign mean minutes, seconds and degrees; their compatibility forms
    // would be letters or pairs of signs.
    let kept = text.chars().filter_map(|c| match c {
        '\u{ba}' => Some('°'),
        '\u{2032}' => Some('\''),
        '\u{2033}' => Some('"'),
        other => folded(other),
    });
    let folded: String = kept.nfkc().filter_map(folded).collect();
    Cow::Owned(latinised(folded))
}

fn is_folded(text: &str) -> bool {
    let plain = |c: char| {
        !matches!(c, '\u{ba}' | '\u{2032}' | '\u{2033}')
            && folded(c) == Some(c)
            && lookalike(c) == c
    };
    text.chars().all(plain) && is_nfkc_quick(text.chars()) == IsNormalized::Yes
}

/// What a character stands for; `None` when it stands for nothing.
fn folded(c: char) -> Option<char> {
    Some(match c {
        // Soft hyphen, joiners, zero-width characters and marks, direction controls, selectors.
        '\u{ad}'
        | '\u{34f}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => return None,
        '\u{b7}' | '\u{2022}' | '\u{2024}' | '\u{2219}' | '\u{22c5}' | '\u{3002}' | '\u{30fb}'
        | '\u{ff61}' => '.',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201f}' => '"',
        '\u{3001}' | '\u{60c}' | '\u{201a}' => ',',
        '\u{66b}' => '.',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        _ => digit(c).unwrap_or(c),
    })
}

/// First digits of the scripts whose digits have no compatibility form (Unicode category Nd).
const ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1b50, 0x1bb0,
];

fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    if !(0x660..0x1bba).contains(&code) {
        return None;
    }
    let value =
        ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

/// Latin letters that Cyrillic and Greek ones are taken for.
fn lookalike(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' => 'd',
        'е' | 'ε' | 'ё' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' => 'g',
        'һ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' => 'i',
        'І' | 'Ι' => 'I',
        'ј' => 'j',
        'Ј' => 'J',
        'к' | 'κ' => 'k',
        'К' | 'Κ' => 'K',
        'ӏ' => 'l',
        'м' => 'm',
        'М' | 'Μ' => 'M',
        'п' | 'η' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'σ' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'т' | 'τ' => 't',
        'Т' | 'Τ' => 'T',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' => 'y',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        other => other,
    }
}

/// Replaces look-alikes in words that also have letters or digits of ASCII.
fn latinised(text: String) -> String {
    if text.chars().all(|c| lookalike(c) == c) {
        return text;
    }
    let mut result = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| c.is_whitespace() || ",;:()[]{}\"".contains(c)) {
        if word.bytes().any(|b| b.is_ascii_alphanumeric() || b == b'@') {
            result.extend(word.chars().map(lookalike));
        } else {
            result.push_str(word);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_become_ascii_and_the_rest_stays() {
        for (text, want) in [
            ("plain", "plain"),
            ("ｍｉｎａ＠ｐｏｓｔ．ｓｅ", "mina@post.se"),
            ("mi\u{200b}na\u{ad}@post\u{2060}.se", "mina@post.se"),
            ("mina﹫post․se", "mina@post.se"),
            ("59\u{2024}91 \u{2212}10\u{3002}75", "59.91 -10.75"),
            ("59·91", "59.91"),
            ("٥٩٫٩١", "59.91"),
            ("५९.९१", "59.91"),
            ("𝟓𝟗.𝟗𝟏 𝐦𝐢𝐧𝐚", "59.91 mina"),
            ("minа@pоst.se", "mina@post.se"),
            ("еmail", "email"),
            ("59º 54′ 50″", "59° 54' 50\""),
            ("59°N Tromsø 緯度", "59°N Tromsø 緯度"),
            ("широта и долгота", "широта и долгота"),
            ("Αθήνα", "Αθήνα"),
        ] {
            assert_eq!(fold(text), want);
        }
        assert!(matches!(fold("59°N Tromsø"), Cow::Borrowed(_)));
    }

    proptest::proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,24}") {
            let once = fold(&text).into_owned();
            proptest::prop_assert_eq!(fold(&once).into_owned(), once);
        }
    }
}
