//! The parameters that may be stored: listed keys whose values have the listed form.
//!
//! Everything else under `parameters` is scanned like any member and then left out. The list is
//! what clients send about a call without saying where or for whom it was made.

use std::borrow::Cow;

use compact_str::CompactString;
use serde_json::{Map, Value, json};

use crate::event::RawJson;

use super::tokens::{Token, Tokens};

/// Forms that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forms(u8);

const FLAG: Forms = Forms(1);
const NUMBER: Forms = Forms(2);
const WORD: Forms = Forms(4);
/// A list of words.
const WORDS: Forms = Forms(8);

/// Most words in a list.
const MOST_WORDS: usize = 16;
/// Most characters of a word.
const LONGEST_WORD: usize = 32;
/// Most digits in a word.
const MOST_DIGITS: usize = 6;

impl Forms {
    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn allows(self, form: Self) -> bool {
        self.0 & form.0 != 0
    }

    /// The forms as JSON Schema.
    fn schema(self) -> Value {
        let word = || {
            json!({
                "type": "string",
                "pattern": format!("^[a-z][a-z_-]*([0-9][a-z_-]*){{0,{MOST_DIGITS}}}$"),
                "maxLength": LONGEST_WORD,
                "description": "a lower-case word with few digits, such as metric",
            })
        };
        let mut forms = Vec::new();
        if self.allows(FLAG) {
            forms.push(json!({ "type": "boolean" }));
        }
        if self.allows(NUMBER) {
            forms.push(json!({
                "type": "number",
                "minimum": -9_999_999.99,
                "maximum": 9_999_999.99,
                "multipleOf": 0.01,
                "description": "a number of at most 7 digits, and 2 behind the point",
            }));
        }
        if self.allows(WORD) {
            forms.push(word());
        }
        if self.allows(WORDS) {
            forms.push(json!({ "type": "array", "items": word(), "maxItems": MOST_WORDS }));
        }
        if forms.len() > 1 { json!({ "anyOf": forms }) } else { forms.pop().unwrap_or_default() }
    }
}

/// Keys that the product knows.
const LISTED: &[(&str, Forms)] = &[
    ("days", NUMBER),
    ("granularity", WORD),
    ("source", WORD),
    ("forecast_type", WORD),
    ("forecast_days", NUMBER),
    ("include", WORD.or(WORDS)),
    ("include_normals", FLAG),
    ("include_fire_weather", FLAG),
    ("include_severe_weather", FLAG),
    ("active_only", FLAG),
    ("animated", FLAG),
    ("limit", NUMBER),
    ("radius", NUMBER),
    ("units", WORD),
    ("hourly", FLAG.or(WORD).or(WORDS)),
    ("daily", FLAG.or(WORD).or(WORDS)),
];

/// Forms of the values of keys that the operator added.
const ADDED: Forms = NUMBER.or(FLAG).or(WORD);

/// The listed keys, and those that the operator added.
pub(super) struct Allowed {
    added: Vec<String>,
}

impl Allowed {
    pub(super) fn with(added: Vec<String>) -> Self {
        Self { added }
    }

    /// The listed key as the product or the operator writes it, and the forms of its values.
    pub(super) fn find(&self, key: &str) -> Option<(&str, Forms)> {
        let listed = LISTED.iter().find(|(listed, _)| *listed == key);
        listed.map(|(listed, forms)| (*listed, *forms)).or_else(|| {
            let added = self.added.iter().find(|added| *added == key)?;
            Some((added.as_str(), ADDED))
        })
    }

    /// What may be stored of `parameters`, as JSON Schema.
    pub(super) fn schema(&self) -> Value {
        let added = self.added.iter().map(|key| (key.as_str(), ADDED));
        let mut keys = Map::new();
        for (key, forms) in LISTED.iter().copied().chain(added) {
            keys.entry(key).or_insert_with(|| forms.schema());
        }
        json!({ "type": "object", "properties": keys, "additionalProperties": false })
    }

    /// Splits `parameters` into what may be stored (key and compact JSON text of the value, in the
    /// order sent, the last of repeated keys) and the keys that are left out: listed ones by name,
    /// all others together as `None`.
    pub(super) fn split<'s>(&'s self, parameters: RawJson<'_>) -> Split<'s> {
        let mut split = Split::default();
        for (key, value) in Members::of(parameters.text()) {
            let listed = self.find(&key);
            let name = listed.map(|(name, _)| name);
            match listed.and_then(|(name, forms)| Some((name, compact(value, forms)?))) {
                Some((name, value)) => {
                    split.kept.retain(|(kept, _)| kept != name);
                    split.kept.push((name.into(), value));
                }
                None if !split.dropped.contains(&name) => split.dropped.push(name),
                None => {}
            }
        }
        split
    }
}

/// What becomes of an event's parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split<'s> {
    /// Stored.
    pub(super) kept: Vec<(CompactString, CompactString)>,
    /// Left out; `None` for all keys that are not listed.
    pub(super) dropped: Vec<Option<&'s str>>,
}

/// Whether a value has one of the forms.
pub(super) fn is_plain(token: Token<'_>, forms: Forms) -> bool {
    match token {
        Token::Bool(_) => forms.allows(FLAG),
        Token::Number(number) => forms.allows(NUMBER) && is_small(number),
        Token::Quoted(text) => forms.allows(WORD) && is_word(text),
        _ => false,
    }
}

/// The forms of a list's elements, when a list is allowed.
pub(super) fn elements(forms: Forms) -> Option<Forms> {
    forms.allows(WORDS).then_some(WORD)
}

/// The text of a value without white space, when it has one of the forms.
fn compact(value: &str, forms: Forms) -> Option<CompactString> {
    let mut tokens = Tokens::of(value);
    let first = tokens.next()?;
    if first != Token::Open(false) {
        return is_plain(first, forms).then(|| value.into());
    }
    let element = elements(forms)?;
    let mut list = CompactString::from("[");
    for (index, token) in tokens.enumerate() {
        match token {
            Token::Close => {
                list.push(']');
                return Some(list);
            }
            Token::Quoted(word) if index < MOST_WORDS && is_plain(token, element) => {
                list.push_str(if index == 0 { "" } else { "," });
                list.push_str(word);
            }
            _ => return None,
        }
    }
    None
}

/// At most seven digits before the point and two after it, so that no position, telephone number or
/// card fits.
fn is_small(number: &str) -> bool {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    whole.len() <= 7 && digits(whole) && fraction.len() <= 2 && digits(fraction)
}

/// A quoted lower-case identifier with few digits, so that no key or telephone number fits.
fn is_word(quoted: &str) -> bool {
    let bytes = quoted.as_bytes();
    let inner = bytes.get(1..bytes.len().saturating_sub(1)).unwrap_or_default();
    inner.len() <= LONGEST_WORD
        && inner.first().is_some_and(u8::is_ascii_lowercase)
        && inner.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(b))
        && inner.iter().filter(|b| b.is_ascii_digit()).count() <= MOST_DIGITS
}

/// The members of one object, values as text.
struct Members<'e> {
    text: &'e str,
    tokens: Tokens<'e>,
}

impl<'e> Members<'e> {
    /// No members when the text is no object.
    fn of(text: &'e str) -> Self {
        let mut tokens = Tokens::of(text);
        let object = tokens.next() == Some(Token::Open(true));
        Self { text, tokens: if object { tokens } else { Tokens::of("") } }
    }
}

impl<'e> Iterator for Members<'e> {
    type Item = (Cow<'e, str>, &'e str);

    fn next(&mut self) -> Option<Self::Item> {
        let Some(Token::Quoted(key)) = self.tokens.next() else { return None };
        let start = self.tokens.position();
        let mut depth = 0_usize;
        loop {
            match self.tokens.next()? {
                Token::Open(_) => depth += 1,
                Token::Close => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        let value = self.text.get(start..self.tokens.position()).unwrap_or_default();
        Some((super::walk::unquote(key), value.trim_start_matches([':', ' ', '\t', '\n', '\r'])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_keys_with_listed_forms_are_kept() {
        let allowed = Allowed::with(vec!["layer".to_owned()]);
        let text = r#"{ "days" : 7, "include":[ "alerts" , "uv_index"], "units":"metric",
            "source":"Oslo Sentrum", "station":"x", "radius":59.9139, "hourly":true, "days":3,
            "layer":"radar", "animated":{"days":1}, "limit":[1], "other":[{"days":2}] }"#;
        let split = allowed.split(RawJson::from_valid(text));
        let kept: Vec<_> = split.kept.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            kept,
            [
                ("include", r#"["alerts","uv_index"]"#),
                ("units", r#""metric""#),
                ("hourly", "true"),
                ("days", "3"),
                ("layer", r#""radar""#),
            ]
        );
        let dropped = [Some("source"), None, Some("radius"), Some("animated"), Some("limit")];
        assert_eq!(split.dropped, dropped);
    }

    #[test]
    fn forms_leave_no_room_for_personal_data() {
        for (text, forms, want) in [
            ("7", NUMBER, true),
            ("25.5", NUMBER, true),
            ("-3", NUMBER, true),
            ("59.9139", NUMBER, false),
            ("4670123456", NUMBER, false),
            ("1e9", NUMBER, false),
            ("\"ecmwf_ifs025\"", WORD, true),
            ("\"Oslo\"", WORD, false),
            ("\"mina@post.se\"", WORD, false),
            ("\"mi\\u006ea\"", WORD, false),
            ("\"t4670123456\"", WORD, false),
            ("true", WORD, false),
            ("null", FLAG, false),
        ] {
            assert_eq!(compact(text, forms).is_some(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["[\"days\",7]", "7", "\"days\"", "{}"] {
            let allowed = Allowed::with(Vec::new());
            assert_eq!(allowed.split(RawJson::from_valid(text)), Split::default(), "{text}");
        }
    }
}
