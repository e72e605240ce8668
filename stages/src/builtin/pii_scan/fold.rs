//! Folding of look-alike characters, so that detectors and the key rule need to know ASCII only.
//!
//! A hand-made part of Unicode's NFKC: full-width forms and the separators that matter to the
//! detectors, and characters without width, which NFKC would leave in place.

use std::borrow::Cow;

/// Folds `text`; borrowed when there is nothing to fold.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || text.chars().all(|c| folded(c) == Some(c)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter_map(folded).collect())
    }
}

/// What a character stands for; `None` when it stands for nothing.
fn folded(c: char) -> Option<char> {
    Some(match c {
        // Soft hyphen, zero-width characters and marks, direction controls, word joiner, BOM.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => {
            return None;
        }
        // Full-width `!` to `~` stand in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{fe6b}' => '@',
        '\u{2024}' | '\u{3002}' | '\u{ff61}' => '.',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        _ => c,
    })
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
            ("59\u{2024}91 \u{2212}10\u{3002}75", "59.91 -10.75"),
            ("59°N Tromsø 緯度", "59°N Tromsø 緯度"),
        ] {
            assert_eq!(fold(text), want);
        }
        assert!(matches!(fold("59°N"), Cow::Borrowed(_)));
    }
}
