//! Positions in the notations of grids, maps and navigation, which are not pairs of decimals.

use std::sync::LazyLock;

use regex::Regex;

use super::super::keys::Facts;
use super::{before, byte_at, fixed, is_word};

static GRIDS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        // UTM: zone, band, easting, northing.
        r"(?-u)\b(?:(?:[1-9]|[1-5][0-9]|60) ?[C-HJ-NP-X],? ?[0-9]{6}(?:\.[0-9]+)?m?E?[ ,]+[0-9]{7}(?:\.[0-9]+)?m?N?|",
        // MGRS: zone, band, square, and as many digits east as north.
        r"(?:[1-9]|[1-5][0-9]|60)[C-HJ-NP-X] ?[A-HJ-NP-Z][A-HJ-NP-V] ?(?P<mgrs>[0-9]{2,5} ?[0-9]{2,5})|",
        // Full and short plus codes.
        r"[2-9C][2-9CFGHJMPQRV][2-9CFGHJMPQRVWX]{2,6}\+[2-9CFGHJMPQRVWX]{2,3}|",
        // Grid squares of the weather service of the United States.
        r"gridpoints/[A-Z]{3}/[0-9]{1,3},[0-9]{1,3}|[A-Z]{3}/[0-9]{1,3},[0-9]{1,3})\b",
    ))
});

/// UTM, MGRS, plus codes, and grid squares of weather services.
pub(super) fn grid(text: &str, _: Facts) -> bool {
    GRIDS.captures_iter(text).any(|hit| {
        let even = hit.name("mgrs").is_none_or(|digits| {
            digits.as_str().bytes().filter(u8::is_ascii_digit).count().is_multiple_of(2)
        });
        let plus = hit.get(0).is_none_or(|code| {
            !code.as_str().contains('+') || code.as_str().bytes().any(|b| b.is_ascii_digit())
        });
        even && plus
    })
}

static WORDS: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"///\p{L}{2,20}[.。]\p{L}{2,20}[.。]\p{L}{2,20}"));

/// `///filled.count.soap`.
pub(super) fn three_words(text: &str, _: Facts) -> bool {
    text.contains("///") && WORDS.find_iter(text).any(|hit| before(text, hit.start()) != Some(b':'))
}

static TILE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?-u)(?:^|/)(1[2-9]|2[0-2])/([0-9]{1,7})/([0-9]{1,7})"));
static MAP: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"#(?:map=)?[0-9]{1,2}(?:\.[0-9]+)?/-?[0-9]{1,2}\.[0-9]+/-?[0-9]{1,3}\.[0-9]+")
});

/// A map's tile of a few kilometres or less (zoom 12 and more), or a map's place in a fragment.
pub(super) fn map(text: &str, _: Facts) -> bool {
    MAP.is_match(text)
        || TILE.captures_iter(text).any(|hit| {
            let number = |group| hit.get(group).and_then(|part| part.as_str().parse::<u32>().ok());
            let (Some(zoom), Some(x), Some(y)) = (number(1), number(2), number(3)) else {
                return false;
            };
            let end = hit.get(0).map_or(0, |whole| whole.end());
            let file = matches!(byte_at(text, end), None | Some(b'.' | b'@' | b'?'));
            // Dates have the form of tiles, with smaller numbers.
            file && x.max(y) >= 1 << (zoom - 5) && x.max(y) < 1 << zoom
        })
}

static SIDES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i-u)(?:\b|(?u:[^0-9.]))(?:[0-9]{1,3}(?P<a>\.[0-9]{2,})?(?:[ :-][0-9]{1,2}(?:\.[0-9]+)?){0,2} ?[NS][ ,;/]{0,3}",
        r"[0-9]{1,3}(?P<b>\.[0-9]{2,})?(?:[ :-][0-9]{1,2}(?:\.[0-9]+)?){0,2} ?[EWO]|",
        r"[NS] ?[0-9]{1,3}(?P<c>\.[0-9]{2,})?(?:[ :-][0-9]{1,2}(?:\.[0-9]+)?){0,2}[ ,;/]{0,3}",
        r"[EWO] ?[0-9]{1,3}(?P<d>\.[0-9]{2,})?(?:[ :-][0-9]{1,2}(?:\.[0-9]+)?){0,2}|",
        r"[0-9]{4}(?:[0-9]{2})?[NS] ?/?[0-9]{5}(?:[0-9]{2})?[EW])\b",
    ))
});

/// `59.9139N 10.7522E`, `N 59 54 50 E 10 45 8`, `5954N01045E`: numbers with the sides of the globe,
/// precise to minutes or hundredths.
pub(super) fn sides(text: &str, _: Facts) -> bool {
    SIDES.captures_iter(text).any(|hit| {
        let whole = hit.get(0).map_or("", |whole| whole.as_str());
        let decimals = ["a", "b", "c", "d"].iter().any(|name| hit.name(name).is_some());
        let digits = whole.bytes().filter(u8::is_ascii_digit).count();
        decimals || digits >= 8
    })
}

static COMPACT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?-u)[-+](?:[0-9]{4}(?:\.[0-9]+)?[-+][0-9]{5}(?:\.[0-9]+)?|",
        r"[0-9]{6}(?:\.[0-9]+)?[-+][0-9]{7}(?:\.[0-9]+)?)(?:[-+][0-9.]+)?/",
    ))
});
static COMMAS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?-u)(?:^|(?u:[^0-9,.]))-?[0-9]{1,2},[0-9]{4,}(?:[;/| ] ?| / )-?[0-9]{1,3},[0-9]{4,}(?:$|(?u:[^0-9,.]))",
    )
});
static WELL_KNOWN_BINARY: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i-u)\b(?:0101000000|0101000020[0-9a-f]{8}|0000000001|0020000001[0-9a-f]{8})[0-9a-f]{32}\b",
    )
});

/// ISO 6709 in degrees and minutes, pairs with decimal commas, and well-known binary of a point.
pub(super) fn compact(text: &str, _: Facts) -> bool {
    COMPACT.find_iter(text).any(|hit| !is_word(before(text, hit.start())))
        || COMMAS.is_match(text)
        || WELL_KNOWN_BINARY.is_match(text)
}
