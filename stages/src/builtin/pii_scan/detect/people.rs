//! Names of people in free text: after forms of address, in phrases that introduce somebody, and by
//! common given names.
//!
//! Names cannot be found reliably without a model of the language. What keeps them out of the store
//! is that free text is not stored; this is the second net.

use std::sync::LazyLock;

use regex::Regex;

use super::super::gazetteer::{is_given_name, is_term};
use super::super::keys::Facts;
use super::fixed;

static TITLED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"\b(?:Mr|Mrs|Ms|Mx|Miss|Mister|Dr|Prof|Professor|Sir|Madam|Herr|Frau|Mme|Mlle|Sra?|Srta|Señora?|",
        r"Don|Doña|Dott|Sig|Signora?|Dhr|Mevr|Pan|Pani|Grandma|Grandpa|Granny|Nana|Auntie|Aunt|Uncle|",
        r"Oma|Opa|Abuela|Abuelo|Tante|Onkel|Tía|Tío|Mormor|Farmor)\.? (?P<name>\p{Lu}[\p{Ll}'’-]+)",
    ))
});
static INTRODUCED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"\b(?i:my name is|name['’]s|i am called|they call me|me llamo|mi nombre es|je m['’]appelle|",
        r"ich hei(?:ß|ss)e|mein name ist|meu nome é|mi chiamo|signed by|requested by|created by|",
        r"reported by|written by|booked by|owned by|submitted by|author|attn|on behalf of|contact person|",
        r"i['’]m|it['’]s|this is|(?:saved )?locations? (?:for|of)|alias (?:for|of)|belongs to|",
        r"dear|hello|hi|regards,|cheers,|thanks,|love,|sincerely,|assigned to|shared with|visit(?:ing)?)",
        r":? ['\x22]?(?P<first>\p{Lu}[\p{L}'’.-]+)(?: (?P<last>\p{Lu}[\p{L}'’-]+))?",
    ))
});
static POSSESSIVE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"\b(?P<name>\p{Lu}\p{Ll}+)(?:['’]s|s['’]) (?P<thing>(?i:cabin|house|home|place|flat|apartment|",
        r"cottage|farm|garden|boat|office|phone|iphone|ipad|macbook|laptop|pc|computer|desktop|tablet|wifi|",
        r"room|birthday|wedding|trip|work|school|village|airbnb|studio|car|dog|cat|house|chalet|villa|kids))\b",
    ))
});
static FULL: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?P<first>\p{Lu}\p{Ll}+)(?:-\p{Lu}\p{Ll}+)? (?:\p{Lu}\. |[a-z]{2,3} )?(?P<last>(?:Mc|Mac|O['’]|Al-|El-|De|Van)?\p{Lu}\p{Ll}+)",
    )
});

/// A name of a person.
pub(super) fn person(text: &str, _: Facts) -> bool {
    let part = |hit: &regex::Captures<'_>, name: &str| -> Option<String> {
        hit.name(name).map(|part| part.as_str().to_owned())
    };
    let titled = TITLED
        .captures_iter(text)
        .any(|hit| part(&hit, "name").is_some_and(|name| !is_term(&name)));
    let introduced = || {
        INTRODUCED.captures_iter(text).any(|hit| {
            let whole = hit.get(0).map_or("", |whole| whole.as_str()).to_ascii_lowercase();
            let certain = ["name", "llamo", "nombre", "chiamo", "nome", "call", "hei", "appelle"];
            let Some(first) = part(&hit, "first") else { return false };
            if is_term(first.trim_end_matches('.')) {
                return false;
            }
            certain.iter().any(|word| whole.contains(word))
                || is_given_name(&first)
                || part(&hit, "last").is_some_and(|last| !is_term(&last))
                    && first.chars().any(char::is_lowercase)
        })
    };
    let owned = || {
        POSSESSIVE.captures_iter(text).any(|hit| part(&hit, "name").is_some_and(|n| !is_term(&n)))
    };
    titled || introduced() || owned() || full(text)
}

/// A common given name, and a capitalised word after it that is no term of the field.
fn full(text: &str) -> bool {
    let mut start = 0;
    while let Some(hit) = text.get(start..).and_then(|rest| FULL.captures(rest)) {
        let (Some(first), Some(last)) = (hit.name("first"), hit.name("last")) else { return false };
        if is_given_name(first.as_str())
            && !is_term(last.as_str())
            && !names_a_storm(text, start + first.start())
        {
            return true;
        }
        // The second word may be the given name of the next pair.
        start += first.end();
    }
    false
}

/// Whether the word before is one for a storm, which has a person's name.
fn names_a_storm(text: &str, at: usize) -> bool {
    let word = text.get(..at).unwrap_or_default().trim_end().rsplit(' ').next().unwrap_or_default();
    let storms =
        ["typhoon", "hurricane", "storm", "cyclone", "station", "lake", "port", "mount", "cape"];
    storms.iter().any(|storm| word.eq_ignore_ascii_case(storm))
}
