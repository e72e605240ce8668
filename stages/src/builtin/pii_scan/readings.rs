//! Other readings of a text: what it says when it is decoded, or written without its gaps.
//!
//! A reading exists only when the text has the marks of a disguise, so ordinary texts have none.
//! Each disguise is taken off once, percent signs twice: a text may be wrapped more often, but
//! then nobody sends it by mistake.

use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::{Captures, Regex};

use super::detect::{ESCAPE, SPACE, Text, fixed};

/// Longest text that is decoded, in bytes; what is longer is scanned as it is written.
const LONGEST: usize = 4096;
/// Lengths of words that may be encoded text.
const ENCODED: std::ops::RangeInclusive<usize> = 14..=1024;
/// Characters that make a row of single ones: shorter rows are written by people.
const ROW: usize = 8;

/// Whether a text has the marks of any disguise; told without allocation.
pub(super) fn may_have_readings(text: &Text<'_>) -> bool {
    let marks = text.profile.marks;
    marks & (ESCAPE | SPACE) != 0 || text.profile.bytes >= *ENCODED.start()
}

/// The readings of a text besides the text itself.
pub(super) fn readings(text: &Text<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let (source, marks) = (text.text, text.profile.marks);
    if source.len() > LONGEST {
        return all;
    }
    if marks & ESCAPE != 0
        && let Some(plain) = unescaped(source)
    {
        // What was escaped may be encoded in turn.
        all.extend(encoded_words(&plain));
        all.push(plain);
    }
    if source.len() >= *ENCODED.start() {
        all.extend(encoded_words(source));
    }
    for reading in [joined_row, closed_up, spelled_at, spoken_digits] {
        let source = all.last().map_or(source, String::as_str);
        if let Some(plain) = reading(source) {
            all.push(plain);
        }
    }
    all
}

static ESCAPED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)%([0-9a-f]{2})|\\u\{?([0-9a-f]{4})\}?|\\x([0-9a-f]{2})|&#x([0-9a-f]{2,5});|",
        r"&#([0-9]{2,6});|&(commat|period|colon|sol|nbsp|amp|num|lowbar|comma|plus|hyphen);|",
        r"=(40|2e|3a|2c|20|2f|2d|2b)",
    ))
});

/// Percent signs, backslash escapes, entities of HTML, and quoted-printable.
fn unescaped(text: &str) -> Option<String> {
    let once = ESCAPED.replace_all(text, character);
    let twice = match &once {
        std::borrow::Cow::Borrowed(_) => return None,
        std::borrow::Cow::Owned(once) => ESCAPED.replace_all(once, character),
    };
    (twice != text).then(|| twice.into_owned())
}

fn character(hit: &Captures<'_>) -> String {
    let code = |radix: u32, text: &str| u32::from_str_radix(text, radix).ok();
    let decoded = hit.iter().enumerate().skip(1).find_map(|(group, part)| {
        let part = part?.as_str();
        match group {
            5 => code(10, part),
            6 => Some(u32::from(match part.to_ascii_lowercase().as_str() {
                "commat" => '@',
                "period" => '.',
                "colon" => ':',
                "sol" => '/',
                "amp" => '&',
                "num" => '#',
                "lowbar" => '_',
                "comma" => ',',
                "plus" => '+',
                "hyphen" => '-',
                _ => ' ',
            })),
            _ => code(16, part),
        }
    });
    match decoded.and_then(char::from_u32) {
        // Bytes of longer sequences are of no use to the detectors; neither are controls.
        Some(c) if !c.is_control() => c.to_string(),
        _ => hit.get(0).map_or_else(String::new, |whole| whole.as_str().to_owned()),
    }
}

static AT: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i-u) ?[\[({<] ?(?:at|@) ?[\])}>] ?| at |[_-]at[_-]"));
static DOT: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i-u) ?[\[({<] ?(?:dot|\.) ?[\])}>] ?| dot |[_-]dot[_-]"));

/// `mina at post dot se`, `mina[at]post[dot]se`, `203[.]0[.]113[.]9`.
fn spelled_at(text: &str) -> Option<String> {
    let spelled_dot = text.as_bytes().windows(3).any(|part| part.eq_ignore_ascii_case(b"dot"));
    if !spelled_dot && !text.contains(['[', '(', '{', '<']) {
        return None;
    }
    let dots = DOT.replace_all(text, ".");
    let spelled = matches!(dots, std::borrow::Cow::Owned(_));
    let bracketed = AT.find(text).is_some_and(|hit| hit.as_str().contains(['[', '(', '{', '<']));
    // Prose has `at` everywhere; with a spelled dot it is an address.
    (spelled || bracketed).then(|| AT.replace_all(&dots, "@").into_owned())
}

/// `203 . 0 . 113 . 9`, `mina @ post . se`.
fn closed_up(text: &str) -> Option<String> {
    let gaps = [" . ", " @ ", " : "];
    if !gaps.iter().any(|gap| text.contains(gap)) {
        return None;
    }
    Some(text.replace(" . ", ".").replace(" @ ", "@").replace(" : ", ":"))
}

/// `A K I A 3 R …`, `4.5.3.9.1.4 …`: single characters with the same gap between them.
fn joined_row(text: &str) -> Option<String> {
    if !has_row(text) {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or(' ');
    let mut result = String::with_capacity(text.len());
    let (mut index, mut found) = (0, false);
    while index < chars.len() {
        let gap = at(index + 1);
        let begins = at(index).is_alphanumeric()
            && matches!(gap, ' ' | '.' | '-' | '_' | ',' | '/')
            && (index == 0 || !at(index - 1).is_alphanumeric());
        let mut end = index;
        if begins {
            while at(end + 1) == gap
                && is_row_character(at(end + 2), gap)
                && !(at(end + 3).is_alphanumeric() && end + 3 < chars.len())
            {
                end += 2;
            }
        }
        if (end - index) / 2 + 1 >= ROW {
            result.extend(chars.get(index..=end).into_iter().flatten().step_by(2));
            (index, found) = (end + 1, true);
        } else {
            result.push(at(index));
            index += 1;
        }
    }
    found.then_some(result)
}

/// Whether single letters or digits alternate with other signs for long enough.
fn has_row(text: &str) -> bool {
    let mut alternating = 0;
    let mut before = None;
    text.bytes().any(|byte| {
        let inner = byte.is_ascii_alphanumeric() || byte == b'@' || byte >= 0x80;
        alternating = if before == Some(!inner) { alternating + 1 } else { 0 };
        before = Some(inner);
        alternating >= 2 * (ROW - 1)
    })
}

/// Whether a character may stand in a row: signs of addresses and tokens only between spaces.
fn is_row_character(c: char, gap: char) -> bool {
    c.is_alphanumeric() || c == '@' || gap == ' ' && "._-+=/:".contains(c)
}

/// Fewest digits that are spoken in a row.
const SPOKEN: usize = 7;

/// `four one five five five …` as digits.
fn spoken_digits(text: &str) -> Option<String> {
    let value = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        const WORDS: [&str; 11] =
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh"];
        let place = WORDS.iter().position(|known| word.eq_ignore_ascii_case(known))?;
        char::from_digit(u32::try_from(place % 10).ok()?, 10)
    };
    if text.bytes().filter(|b| matches!(b, b' ' | b'-')).count() + 1 < SPOKEN {
        return None;
    }
    if text.split([' ', '-']).filter(|word| value(word).is_some()).count() < SPOKEN {
        return None;
    }
    let mut result = String::with_capacity(text.len());
    let mut digits = false;
    for word in text.split([' ', '-']) {
        match value(word) {
            Some(digit) => result.extend((!digits).then_some(' ').into_iter().chain([digit])),
            None => {
                result.push(' ');
                result.push_str(word);
            }
        }
        digits = value(word).is_some();
    }
    Some(result)
}

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

/// What the words of a text say when they are base64 or hexadecimal of text.
fn encoded_words(text: &str) -> Vec<String> {
    let ends = |b: &u8| !(b.is_ascii_alphanumeric() || b"+/=_-".contains(b));
    let words = text.as_bytes().split(ends).filter(|word| ENCODED.contains(&word.len()));
    words.filter_map(decoded).collect()
}

fn decoded(word: &[u8]) -> Option<String> {
    if word.iter().all(u8::is_ascii_hexdigit) && word.len().is_multiple_of(2) {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let byte = |pair: &[u8]| Some((digit(pair.first()?)? << 4 | digit(pair.get(1)?)?) as u8);
        if let Some(text) =
            word.chunks(2).map(byte).collect::<Option<Vec<u8>>>().and_then(printable)
        {
            return Some(text);
        }
    }
    let word = word.trim_ascii_start();
    let trimmed = word.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    let word = word.get(..trimmed)?;
    let engine = if word.iter().any(|b| matches!(b, b'-' | b'_')) { BASE64_URL } else { BASE64 };
    // The first three bytes tell nearly everything that is no text.
    let head = engine.decode(word.get(..4)?).ok()?;
    if head.iter().any(u8::is_ascii_control) {
        return None;
    }
    engine.decode(word).ok().and_then(printable)
}

fn printable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    text.chars().all(|c| !c.is_control() || c.is_whitespace()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        readings(&Text::new(text))
    }

    #[test]
    fn disguises_are_taken_off() {
        for (text, want) in [
            ("mina%40post.se", "mina@post.se"),
            ("mina%2540post.se", "mina@post.se"),
            ("%2Fhome%2Fmina", "/home/mina"),
            (r"mina\u0040post.se", "mina@post.se"),
            ("mina&#64;post&#x2e;se", "mina@post.se"),
            ("mina&commat;post&period;se", "mina@post.se"),
            ("mina=40post.se", "mina@post.se"),
            ("mina at post dot se", "mina@post.se"),
            ("mina [at] post [dot] se", "mina@post.se"),
            ("mina_AT_post_DOT_se", "mina@post.se"),
            ("mina(at)post.se", "mina@post.se"),
            ("203[.]0[.]113[.]9", "203.0.113.9"),
            ("203 . 0 . 113 . 9", "203.0.113.9"),
            ("m i n a @ p o s t", "mina@post"),
            ("no: 4-1-1-1-2-2-2-2-9", "no: 411122229"),
            ("call two two one two three four five", " call 2212345"),
            ("bWluYUBwb3N0LnNl", "mina@post.se"),
            ("see bWluYS5iZXJnQHBvc3Quc2U= there", "mina.berg@post.se"),
            ("6d696e6140706f73742e7365", "mina@post.se"),
        ] {
            assert!(of(text).iter().any(|r| r == want), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn ordinary_texts_have_no_other_reading() {
        for text in [
            "ValidationError: latitude out of range",
            "failed at example.com",
            "at Object.<anonymous> (dist/index.js:10:15)",
            "precipitation_new_layer",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "3a8e1b1c-9a67-4f0e-8d0f-2f9d2d7d6c11",
            "100% of 3 retries",
            "1.2.3.4",
            "a, b, c, d",
            "one or two or three",
        ] {
            assert_eq!(of(text), Vec::<String>::new(), "{text}");
        }
    }
}
