//! Shapes and names of countries for the map, from public-domain data of Natural Earth.
//!
//! A crate of its own because its table is drawn by its test, from half a million points of another
//! crate: those who only build the product need neither them nor the time.

/// A country, as ISO 3166-1 and common usage name it. Boundaries and names are those of the source
/// and imply no opinion on any territory.
#[derive(Debug, Clone, Copy)]
pub struct Country {
    /// Two letters of ISO 3166-1, or `XK`.
    pub code: &'static str,
    /// In English, as people say it.
    pub name: &'static str,
    /// Where it is on the map.
    pub shape: Shape,
}

/// A country on the map.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Data of an SVG path.
    Outline(&'static str),
    /// The middle of a country that is too small for an outline.
    Dot(i32, i32),
}

include!("countries.rs");

/// The name of a country.
pub fn name(code: &str) -> Option<&'static str> {
    let found = COUNTRIES.binary_search_by(|country| country.code.cmp(code));
    found.ok().map(|i| COUNTRIES[i].name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_found_by_code() {
        assert!(COUNTRIES.is_sorted_by(|a, b| a.code < b.code));
        for (code, want) in [("US", Some("United States")), ("TW", Some("Taiwan")), ("ZZ", None)] {
            assert_eq!(name(code), want);
        }
        // ISO 3166-1 has 249 codes; uninhabited ones are not drawn.
        assert!(COUNTRIES.len() > 240, "{}", COUNTRIES.len());
    }

    #[test]
    fn large_countries_have_an_outline_and_small_ones_a_dot() {
        let shape = |code| COUNTRIES.iter().find(|country| country.code == code).unwrap().shape;
        for code in ["US", "DE", "NZ", "CZ", "JP"] {
            assert!(matches!(shape(code), Shape::Outline(d) if d.starts_with('M')), "{code}");
        }
        for code in ["SG", "MT", "HK", "MU", "TW"] {
            assert!(matches!(shape(code), Shape::Dot(..)), "{code}");
        }
    }

    #[test]
    fn the_map_is_small() {
        let outlines = COUNTRIES.iter().map(|country| match country.shape {
            Shape::Outline(d) => d.len(),
            Shape::Dot(..) => 0,
        });
        let bytes: usize = outlines.sum();
        assert!((20_000..52_000).contains(&bytes), "{bytes} bytes of paths");
    }
}
