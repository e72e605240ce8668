//! Where calls come from: countries in shades. The ranked table beside it says the same.

use std::collections::BTreeMap;

use world::Shape;

use super::Frame;
use super::svg::{Svg, Value};
use crate::words;

/// Shades, from the palest.
const SHADES: usize = 5;

/// What the map shows of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// So many calls.
    Calls(u64),
    /// Some, but too few to be told.
    Withheld,
}

/// Countries by ISO 3166 code.
#[derive(Debug, Clone)]
pub struct Map<'a> {
    /// What names it.
    pub frame: Frame<'a>,
    /// By code.
    pub countries: &'a BTreeMap<&'a str, Shown>,
}

impl Map<'_> {
    /// The drawing.
    pub fn draw(&self) -> String {
        let shades = shades(self.countries.values().filter_map(|shown| match shown {
            Shown::Calls(calls) => Some(*calls),
            Shown::Withheld => None,
        }));
        let mut svg = Svg::default();
        let view = format!("0 0 {} {}", world::WIDTH, world::HEIGHT);
        self.frame.open_sized(&mut svg, "map", &view);
        hatch(&mut svg);
        // Small countries lie on top of large ones.
        let (large, small): (Vec<&world::Country>, Vec<&world::Country>) =
            world::COUNTRIES.iter().partition(|country| matches!(country.shape, Shape::Outline(_)));
        for country in large.into_iter().chain(small) {
            let shown = self.countries.get(country.code);
            let (class, words) = match shown {
                None => ("none".to_owned(), None),
                Some(Shown::Withheld) => {
                    ("hatch".to_owned(), Some("too few to be told".to_owned()))
                }
                Some(Shown::Calls(calls)) => {
                    let shade = shades.iter().find(|shade| *calls <= shade.most);
                    (
                        format!("q{}", shade.map_or(SHADES - 1, |shade| shade.ink)),
                        Some(words::counted(*calls, "call", "calls")),
                    )
                }
            };
            self.country(&mut svg, country, &class, words.as_deref());
        }
        self.frame.close(svg)
    }

    fn country(&self, svg: &mut Svg, country: &world::Country, class: &str, words: Option<&str>) {
        let (name, attributes): (_, Vec<(&'static str, Value<'_>)>) = match country.shape {
            Shape::Outline(d) => ("path", vec![("class", class.into()), ("d", d.into())]),
            Shape::Dot(x, y) => (
                "circle",
                vec![
                    ("class", class.into()),
                    ("cx", f64::from(x).into()),
                    ("cy", f64::from(y).into()),
                    ("r", 3.0.into()),
                ],
            ),
        };
        match words {
            None => svg.leaf(name, &attributes),
            Some(words) => {
                svg.open(name, &attributes);
                svg.text("title", &[], &format!("{}: {words}", country.name));
                svg.close(name);
            }
        }
    }
}

fn hatch(svg: &mut Svg) {
    svg.open(
        "pattern",
        &[
            ("id", "hatch".into()),
            ("width", 4.0.into()),
            ("height", 4.0.into()),
            ("patternUnits", "userSpaceOnUse".into()),
        ],
    );
    svg.leaf("path", &[("class", "line".into()), ("d", "M-1 1L1-1M0 4L4 0M3 5L5 3".into())]);
    svg.close("pattern");
}

/// Which calls a shade stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shade {
    /// 0..=4, from the palest.
    pub ink: usize,
    /// The least calls of a country in it.
    pub least: u64,
    /// The most.
    pub most: u64,
}

/// Shades for countries with these calls: about as many countries in each, the strongest for the most.
pub fn shades(calls: impl Iterator<Item = u64>) -> Vec<Shade> {
    let parts = parts(calls);
    let ink = |nth: usize| (nth + 1) * SHADES / parts.len() - 1;
    let shades = parts.iter().enumerate();
    shades.map(|(nth, (least, most))| Shade { ink: ink(nth), least: *least, most: *most }).collect()
}

/// The least and the most calls of each part, in order.
fn parts(calls: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut calls: Vec<u64> = calls.filter(|calls| *calls > 0).collect();
    calls.sort_unstable();
    let mut parts = Vec::<(u64, u64)>::new();
    for nth in 0..SHADES {
        let part = &calls[calls.len() * nth / SHADES..calls.len() * (nth + 1) / SHADES];
        // The same number never has two shades.
        let part = part.iter().filter(|calls| parts.last().is_none_or(|(_, most)| *calls > most));
        let part: Vec<u64> = part.copied().collect();
        if let (Some(least), Some(most)) = (part.first(), part.last()) {
            parts.push((*least, *most));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_hold_as_many_countries_each_and_never_split_a_number() {
        for (calls, want) in [
            (vec![], vec![]),
            (vec![7], vec![(7, 7)]),
            (vec![0, 3, 3, 3, 3, 3], vec![(3, 3)]),
            ((1..=10).collect(), vec![(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)]),
            (vec![1, 1, 1, 1, 1, 1, 2, 9], vec![(1, 1), (2, 9)]),
        ] {
            assert_eq!(parts(calls.into_iter()), want);
        }
    }

    #[test]
    fn the_most_calls_are_in_full_ink_however_few_countries_there_are() {
        for (many, want) in [
            (1, vec![4]),
            (2, vec![1, 4]),
            (3, vec![0, 2, 4]),
            (4, vec![0, 1, 2, 4]),
            (9, vec![0, 1, 2, 3, 4]),
        ] {
            let inks: Vec<usize> = shades(1..=many).iter().map(|shade| shade.ink).collect();
            assert_eq!(inks, want, "{many} countries");
        }
    }
}
