//! `name=value` within text: query parameters, connection strings, cookies. The name goes through
//! the rule on keys.

use super::super::finding::Entity;
use super::super::keys::{Facts, Keys};
use super::super::shapes;

/// Longest name that is looked at, in bytes.
const NAME: usize = 40;

/// The first `name=value` whose name announces personal data.
pub(in super::super) fn member(text: &str, keys: &Keys) -> Option<Entity> {
    text.match_indices('=').find_map(|(at, _)| {
        let name = name_before(text, at);
        let value = value_after(text, at);
        // A template's slot is no value.
        if name.is_empty() || value.starts_with(['{', '<', '$', '=', '>']) {
            return None;
        }
        let Facts { personal: Some(personal), .. } = keys.facts(name) else { return None };
        let fits = personal.claim.is_some_and(|claim| shapes::text_fits(claim, value));
        // In prose a name is often that of a thing: `layer=a, name=b`.
        let told = personal.entity != Entity::PersonName;
        (told && !fits && !shapes::is_placeholder(value)).then_some(personal.entity)
    })
}

fn name_before(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes().get(..at).unwrap_or_default();
    let part = |b: &&u8| b.is_ascii_alphanumeric() || b"_-.".contains(b);
    let length = bytes.iter().rev().take(NAME).take_while(part).count();
    text.get(at - length..at).unwrap_or_default()
}

fn value_after(text: &str, at: usize) -> &str {
    let rest = text.get(at + 1..).unwrap_or_default();
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    let ends = |c: char| c.is_whitespace() || "&;,\"'#)]}|=".contains(c);
    rest.split(ends).next().unwrap_or_default()
}
