//! The rule on keys: which names announce personal data, whatever value stands under them.
//!
//! A key is split into lower-case words (at every non-alphanumeric character, at camelCase humps
//! and before digits), and runs of up to three words are looked up: never a part of a word, so
//! `platform`, `translation` and `latency` mean nothing.

use compact_str::CompactString;

use super::finding::Entity;
use super::fold::fold;
use super::vocabulary::{Claim, Meaning, Place, vocabulary};

/// Most words that stand for one meaning together.
const LONGEST: usize = 3;

/// A personal meaning that a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Personal {
    /// The words of the vocabulary that matched, joined by `_`.
    pub(super) words: &'static str,
    /// What stands under the key.
    pub(super) entity: Entity,
    /// The key only talks about the data, if the value has this form.
    pub(super) claim: Option<Claim>,
}

/// What the words of a key say about the value under it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The key announces personal data.
    pub(super) personal: Option<Personal>,
    /// The value is a version or section number: four numbers are not an address.
    pub(super) version: bool,
    /// The value is the name of a member whose value stands beside it.
    pub(super) names: bool,
    /// The value belongs to a name that stands beside it.
    pub(super) value: bool,
    /// The numbers are times that something took.
    pub(super) duration: bool,
    /// The value is a measurement: two numbers are not a position.
    pub(super) measure: bool,
    /// The value is text that people type.
    pub(super) typed: bool,
    /// The value describes a thing that has a name of its own.
    pub(super) thing: bool,
    /// The value is an abscissa (0) or an ordinate (1).
    pub(super) axis: Option<usize>,
}

/// The vocabulary, ready for lookups.
pub(super) struct Keys(Vec<(&'static str, Meaning)>);

impl Keys {
    pub(super) fn new() -> Self {
        let mut words: Vec<_> = vocabulary().collect();
        words.sort_unstable_by_key(|(word, _)| *word);
        Self(words)
    }

    /// What a key says. The longest run of words wins, of equally long ones the first.
    pub(super) fn facts(&self, key: &str) -> Facts {
        let words = split(key);
        let mut facts = Facts::default();
        let mut claim = None;
        let mut longest = 0;
        let mut start = 0;
        while start < words.len() {
            for (count, end) in ends(&words, start).enumerate() {
                let (whole, last) = (start == 0 && end == words.len(), end == words.len());
                for (words, meaning) in self.look_up(words.get(start..end).unwrap_or_default()) {
                    match *meaning {
                        Meaning::Personal(entity, place) => {
                            let fits = match place {
                                Place::Anywhere => true,
                                Place::Last => last,
                                Place::Whole => whole,
                            };
                            if fits && count + 1 > longest {
                                longest = count + 1;
                                facts.personal = Some(Personal { words, entity, claim: None });
                            }
                        }
                        Meaning::Harmless if count + 1 > longest => {
                            longest = count + 1;
                            facts.personal = None;
                        }
                        Meaning::Harmless => {}
                        Meaning::Claims(form) => claim = Some(form),
                        Meaning::Typed => facts.typed = true,
                        Meaning::Version => facts.version = true,
                        Meaning::Names => facts.names |= whole,
                        Meaning::Value => facts.value |= whole,
                        Meaning::Duration => facts.duration = true,
                        Meaning::Measure => facts.measure = true,
                        Meaning::Thing => facts.thing = true,
                        Meaning::Axis(axis) if whole => facts.axis = Some(axis),
                        Meaning::Axis(_) => {}
                    }
                }
            }
            start = ends(&words, start).next().map_or(words.len(), |end| end + 1);
        }
        if let Some(personal) = &mut facts.personal {
            personal.claim = claim;
        }
        facts
    }

    /// All meanings of a run of words.
    fn look_up(&self, words: &str) -> &[(&'static str, Meaning)] {
        let start = self.0.partition_point(|(known, _)| *known < words);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|(known, _)| *known == words).count();
        rest.get(..count).unwrap_or_default()
    }
}

/// Where runs of one, two, three words that begin at `start` end.
fn ends(words: &str, start: usize) -> impl Iterator<Item = usize> {
    let breaks = words.bytes().enumerate().skip(start).filter(|(_, b)| *b == b'_').map(|(i, _)| i);
    breaks.chain(std::iter::once(words.len())).take(LONGEST)
}

/// The words of a key in lower case, joined by `_`.
fn split(key: &str) -> CompactString {
    #[derive(PartialEq)]
    enum Kind {
        Other,
        Lower,
        Upper,
        Digit,
    }
    let mut words = CompactString::default();
    let mut before = Kind::Other;
    let folded = fold(key);
    let mut chars = folded.chars().peekable();
    while let Some(c) = chars.next() {
        let kind = match c {
            _ if c.is_numeric() => Kind::Digit,
            _ if c.is_uppercase() => Kind::Upper,
            _ if c.is_alphabetic() => Kind::Lower,
            _ => Kind::Other,
        };
        let hump = kind == Kind::Upper
            && (before == Kind::Lower
                || before == Kind::Upper && chars.peek().is_some_and(|next| next.is_lowercase()));
        let number = kind == Kind::Digit && matches!(before, Kind::Lower | Kind::Upper);
        let after_number = before == Kind::Digit && matches!(kind, Kind::Lower | Kind::Upper);
        let gap = kind != Kind::Other && before == Kind::Other;
        if (hump || number || after_number || gap) && !words.is_empty() {
            words.push('_');
        }
        if kind != Kind::Other {
            words.extend(c.to_lowercase());
        }
        before = kind;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(key: &str) -> Option<Entity> {
        Keys::new().facts(key).personal.map(|personal| personal.entity)
    }

    #[test]
    fn keys_are_split_into_words() {
        for (key, want) in [
            ("homeAddress2", "home_address_2"),
            ("IPAddress", "ip_address"),
            ("__X-Forwarded-For__", "x_forwarded_for"),
            ("ＬＡＴ", "lat"),
            ("pho\u{200b}ne", "phone"),
            ("latE7", "lat_e_7"),
            ("緯度", "緯度"),
            ("", ""),
            ("--", ""),
        ] {
            assert_eq!(split(key), want, "{key}");
        }
    }

    #[test]
    fn personal_keys_are_found_in_any_spelling() {
        for (key, want) in [
            ("Latitude", Entity::Coordinates),
            ("lng", Entity::Coordinates),
            ("coordinates", Entity::Coordinates),
            ("longitudeE7", Entity::Coordinates),
            ("location", Entity::Location),
            ("cityName", Entity::Location),
            ("street", Entity::Address),
            ("homeAddress", Entity::Address),
            ("zip", Entity::PostalCode),
            ("zipcode", Entity::PostalCode),
            ("postalCode", Entity::PostalCode),
            ("user", Entity::UserId),
            ("userId", Entity::UserId),
            ("user_name", Entity::UserId),
            ("E-Mail", Entity::Email),
            ("workPhone", Entity::Phone),
            ("ipAddress", Entity::Ip),
            ("X-Forwarded-For", Entity::Ip),
            ("mac_address", Entity::Mac),
            ("name", Entity::PersonName),
            ("first_name", Entity::PersonName),
            ("socialSecurity", Entity::NationalId),
            ("X-API-Key", Entity::Secret),
            ("REFRESH_TOKEN", Entity::Secret),
            ("dateOfBirth", Entity::BirthDate),
            ("machineName", Entity::Hostname),
            ("android_id", Entity::DeviceId),
        ] {
            assert_eq!(entity(key), Some(want), "{key}");
        }
    }

    #[test]
    fn keys_that_only_contain_such_letters_mean_nothing() {
        for key in [
            "platform",
            "translation",
            "zipped",
            "gzip",
            "filename",
            "latency",
            "latest",
            "ship",
            "description",
            "capacity",
            "velocity",
            "layer_name",
            "field_names",
            "max_tokens",
            "tokenizer",
            "token_type",
            "request_id",
            "trace_id",
            "user_agent",
            "prolonged",
            "hipaa",
            "telemetry",
            "emailer",
            "named",
            "state",
            "idempotency_key",
            "birth_rate",
        ] {
            assert_eq!(entity(key), None, "{key}");
        }
    }

    #[test]
    fn words_that_talk_about_data_are_noted() {
        let claim = |key| Keys::new().facts(key).personal.and_then(|personal| personal.claim);
        assert_eq!(claim("user_hash"), Some(Claim::Digest));
        assert_eq!(claim("location_count"), Some(Claim::Number));
        assert_eq!(claim("ip_version"), Some(Claim::Word));
        assert_eq!(claim("location"), None);
    }
}
