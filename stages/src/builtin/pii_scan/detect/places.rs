//! Places finer than a country in free text: street addresses, postal codes, and names of places
//! where the words around them say so.

use std::sync::LazyLock;

use regex::Regex;

use super::super::context::{self, POSTAL};
use super::super::gazetteer::{is_place, is_region, is_term};
use super::super::keys::Facts;
use super::{before, byte_at, fixed, is_word};

static STREET: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        // A number, a name and a kind of street.
        r"\b[0-9]{1,5}[A-Za-z]? (?:[NSEW]\.? )?(?:[\p{Lu}0-9][\p{L}0-9.'’-]* ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|",
        r"Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Terrace|Ter|Way|Place|Pl|Square|Sq|Highway|Hwy|Parkway|Pkwy|",
        r"Crescent|Cres|Close|Row|Alley|Trail|Circle|Cir|Loop|Mews|Quay|Grove|Gardens)\b|",
        // A kind of street, a name and a number; or a name that ends in its kind, and a number.
        r"\b(?i:rue|avenue|av\.|boulevard|chemin|via|viale|piazza|corso|calle|avenida|paseo|plaza|carrera|rua|",
        r"travessa|ulica|ul\.|ulitsa|jalan|jl\.) (?:d[aeiou]s? |del |della |l[ae]s? |los |den )*",
        r"\p{Lu}[\p{L}.'’-]+(?: [\p{L}.'’-]+){0,3},? (?:n[º°o]\.? ?)?[0-9]{1,5}\b|",
        r"\b\p{Lu}[\p{L}-]*(?:straße|strasse|str\.|gasse|weg|platz|allee|ufer|damm|gata|gatan|vegen|veien|vägen|",
        r"vej|laan|straat|gracht|plein|katu|utca) [0-9]{1,4} ?[a-zA-Z]?\b|",
        r"\b[0-9]{1,4}(?: ?bis| ?ter)?,? (?i:rue|avenue|boulevard|chemin|place|quai|impasse|allée) (?:de |du |des |la |le |l['’])*\p{Lu}|",
        // A number, and a postal code with its town.
        r"\b\p{Lu}[\p{L} .'’-]+ [0-9]{1,4} ?[a-z]?, [0-9]{4,5} \p{Lu}\p{L}+|\b[A-Z]{2} [0-9]{5}(?:-[0-9]{4})?\b|",
        r"\b(?i:p\.? ?o\.? box|postfach|apartado|bo[iî]te postale|apt\.?|suite) #?[0-9]{1,6}\b",
    ))
});

/// A street with a number, a postal code with its town or state, or a post-office box.
pub(super) fn street(text: &str, _: Facts) -> bool {
    STREET.find_iter(text).any(|hit| {
        // `HB 12345` is a bill; a state stands before the code of a town.
        let head = hit.as_str().get(..2).unwrap_or_default();
        let state = hit.as_str().len() < 14 && head.bytes().all(|b| b.is_ascii_uppercase());
        !state || is_region(head)
    })
}

static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"[A-PR-UWYZ][A-HK-Y]?[0-9][0-9A-HJKPSTUW]? [0-9][ABD-HJLNP-UW-Z]{2}|",
        r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z] [0-9][ABCEGHJ-NPRSTV-Z][0-9]",
    ))
});

/// A British or Canadian postal code with its space: their grammars are strict enough to be told in
/// free text. Codes of digits alone are not.
pub(super) fn postcode(text: &str, _: Facts) -> bool {
    POSTCODE
        .find_iter(text)
        .any(|hit| !is_word(before(text, hit.start())) && !is_word(byte_at(text, hit.end())))
}

static CODE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)^(?: code)?(?: is| in| for| at| near)?[ :#=]{0,3}(?:[A-Z]{1,2}-)?(?:[0-9]{5}(?:-[0-9]{3,4})?|",
        r"[0-9]{6}|[0-9]{3}[ -][0-9]{2,4}|[0-9]{4}(?: ?[A-Z]{2})?|[0-9]{2}-[0-9]{3}|",
        r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]|[A-Z][0-9]{2} ?[A-Z0-9]{4})",
        r"(?:$|[ .,;)'\x22!?])",
    ))
});
static SENTENCE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i-u)^(?: in| for| at| near)? [0-9]{5}(?:$|[.,;)'\x22!?]| (?:today|tomorrow|tonight|this|next|now|please))",
    )
});

/// A postal code after a word that announces one: `PLZ 80331`, `weather in 90210`.
pub(super) fn announced_code(text: &str, _: Facts) -> bool {
    context::announcements(text).filter(|one| one.class == POSTAL).any(|one| {
        let rest = text.get(one.end..).unwrap_or_default();
        let word = text.get(one.start..one.end).unwrap_or_default();
        let weather = ["weather", "forecast"].iter().any(|known| word.eq_ignore_ascii_case(known));
        if weather { SENTENCE.is_match(rest) } else { CODE.is_match(rest) }
    })
}

static REGION: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\b(?P<town>\p{Lu}[\p{L}.'’-]+(?: \p{Lu}[\p{L}.'’-]+){0,3}), ?(?P<region>\p{Lu}[\p{L}.]+(?: \p{Lu}\p{L}+)?)",
    )
});
static SITUATED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?:\b(?i:(?:stations?|gauges?|buoys?|airports?|data|results?|fires?|rivers?|alerts?|weather|forecasts?|lightning|",
        r"storms?|conditions|coverage|cit(?:y|ies)|towns?|villages?|places?|cameras?|match|matches)",
        r"(?: found| available| issued)? (?:near|in|at|for|around|of|within)|(?:city|town|village|place|suburb|county|municipality)",
        r"|geocod\w{0,5}(?: failed| error)?(?: for| of)?:?|liv(?:e|es|ing) in|located in|based in|mov(?:ed|ing) to|born in|",
        r"travel(?:l?ing)? to|flying to|staying (?:in|at)|at home in|(?:unknown|ambiguous|invalid|unrecogni[sz]ed) ",
        r"(?:place|city|town|location))|(?:Location|Place|City|Town)(?:\s?[Nn]ot\s?[Ff]ound)?(?:Error)?:)",
        r":? ['\x22“‘«]?(?P<place>\p{Lu}[\p{L}.'’-]+(?: (?:\p{Lu}|d[aeo]s? |d[ue]l? |l[ae]s? |am |an |sur |upon |on )[\p{L}.'’-]+)*)",
    ))
});
static WORD: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"\p{Lu}[\p{L}'’.-]+(?: \p{Lu}[\p{L}'’.-]+)?"));

/// A town with its state or country; a capitalised name where the words before it ask for a place;
/// in text that people type, also a well-known town alone.
pub(super) fn place(text: &str, facts: Facts) -> bool {
    let part = |hit: &regex::Captures<'_>, name: &str| -> Option<String> {
        hit.name(name).map(|part| part.as_str().to_owned())
    };
    let named = |name: &str| name.split([' ', '-']).any(|word| !is_term(word));
    REGION.captures_iter(text).any(|hit| {
        part(&hit, "region").is_some_and(|region| is_region(region.trim_end_matches('.')))
            && part(&hit, "town").is_some_and(|town| named(&town))
    }) || SITUATED.captures_iter(text).any(|hit| {
        part(&hit, "place").is_some_and(|place| {
            let first = place.split(' ').next().unwrap_or_default();
            let shouted = first.chars().filter(|c| c.is_uppercase()).count() > 1;
            !is_term(first.trim_end_matches('.')) && !shouted
        })
    }) || facts.typed
        && WORD
            .find_iter(text)
            .any(|hit| is_place(hit.as_str()) || hit.as_str().split(' ').any(is_place))
}
