//! Drawings against pictures that somebody looked at, and against anything that numbers can be.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roxmltree::Document;

use super::map::Shown;
use super::time::tests::time;
use super::*;
use crate::stats::Grain;
use crate::stats::answers::histogram::ENDS;

const FRAME: Frame<'_> = Frame { id: "a" };
const FIRST: &str = "2026-08-14T00:00:00Z";

/// Compares with a picture in tests/fixtures/charts; `UPDATE=1` draws it anew, to be looked at.
fn assert_drawn(name: &str, drawn: &str) {
    let path = format!("tests/fixtures/charts/{name}.svg");
    // One element a line, so that a change can be read.
    let drawn = format!("{}\n", drawn.replace("><", ">\n<"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(drawn, want, "{path} is another picture; UPDATE=1 draws it anew");
    Document::parse(&drawn).unwrap();
}

fn series(name: &str, values: &[Option<f64>]) -> Series {
    Series { name: name.to_owned(), values: values.to_vec() }
}

fn known(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

#[test]
fn one_line_has_a_ground_marks_and_a_line_before_it() {
    let time = time(FIRST, Grain::Day, 7);
    let calls = [Some(10.0), Some(20.0), None, Some(15.0), Some(15.0), Some(12.0), Some(5.0)];
    let before = known(&[8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0]);
    let releases = [Release { at: 1, version: "1.2.0".to_owned() }];
    let lines = Lines {
        frame: FRAME,
        time: &time,
        unit: Unit::Count,
        series: &[series("Calls", &calls)],
        before: Some(&before),
        releases: &releases,
    };
    assert_drawn("line", &lines.draw());
}

#[test]
fn four_lines_differ_by_class() {
    let time = time(FIRST, Grain::Hour, 3);
    let all = [0.1, 0.4, 0.7, 0.9].map(|share| series("x", &known(&[share, share, 1.0 - share])));
    let lines = Lines {
        frame: FRAME,
        time: &time,
        unit: Unit::Share,
        series: &all,
        before: None,
        releases: &[],
    };
    assert_drawn("lines", &lines.draw());
}

#[test]
fn a_band_lies_between_percentiles() {
    let time = time(FIRST, Grain::Day, 4);
    let values = [
        Some([100.0, 900.0, 3_000.0]),
        Some([120.0, 800.0, 2_500.0]),
        None,
        Some([90.0, 700.0, 2_000.0]),
    ];
    assert_drawn(
        "band",
        &Band { frame: FRAME, time: &time, values: &values, releases: &[] }.draw(),
    );
}

#[test]
fn a_stack_fills_the_whole_and_breaks_where_nothing_is() {
    let time = time(FIRST, Grain::Day, 5);
    let stacked = [
        series("new", &known(&[0.0, 5.0, 0.0, 10.0, 10.0])),
        series("old", &[Some(10.0), Some(5.0), None, Some(10.0), Some(0.0)]),
    ];
    let stack = Stack { frame: FRAME, time: &time, series: &stacked, releases: &[] };
    assert_drawn("stack", &stack.draw());
}

#[test]
fn small_drawings() {
    let mut shares = [0.0; ENDS.len()];
    (shares[3], shares[4], shares[5], shares[9]) = (0.2, 0.5, 0.299, 0.001);
    assert_drawn("histogram", &Histogram { frame: FRAME, shares: &shares, median: Some(4) }.draw());
    assert_drawn("donut", &Donut { frame: FRAME, parts: &[50, 25, 0, 25], label: "100" }.draw());
    assert_drawn("sparkline", &sparkline(&[Some(1.0), Some(4.0), None, Some(2.0)]));
    for (part, most, width) in [(1, 3, "33.33%"), (1, 100_000, "0.5%"), (0, 0, "0.5%")] {
        assert!(bar(part, most).contains(&format!("width=\"{width}\"")));
    }
}

#[test]
fn a_map_shades_what_is_known() {
    let countries = BTreeMap::from([
        ("US", Shown::Calls(4_180)),
        ("DE", Shown::Calls(12)),
        ("SG", Shown::Calls(12)),
        ("FR", Shown::Withheld),
        ("ZZ", Shown::Calls(1)),
    ]);
    let drawn = Map { frame: FRAME, countries: &countries }.draw();
    let document = Document::parse(&drawn).unwrap();
    let titled = document.descendants().filter(|node| node.has_tag_name("title"));
    let mut titles: Vec<_> = titled
        .map(|title| {
            (
                title.parent().unwrap().attribute("class").unwrap(),
                title.text().unwrap().replace('\u{a0}', " "),
            )
        })
        .collect();
    titles.sort();
    let want = [
        ("hatch", "France: too few to be told"),
        ("q2", "Germany: 12 calls"),
        ("q2", "Singapore: 12 calls"),
        ("q4", "United States: 4,180 calls"),
    ];
    assert_eq!(titles, want.map(|(class, title)| (class, title.to_owned())));
    let none =
        document.descendants().filter(|node| node.attribute("class") == Some("none")).count();
    assert_eq!(none + titles.len(), world::COUNTRIES.len());
}

#[test]
fn many_points_are_thinned_without_losing_a_peak() {
    let mut values: Vec<Option<f64>> = (0..5_000).map(|i| Some(f64::from(i % 7))).collect();
    values[3_333] = Some(1e6);
    values[1_000..1_100].fill(None);
    let kept = thinned(&values).unwrap();
    let count = kept.iter().filter(|kept| **kept).count();
    assert!(kept[0] && kept[4_999] && kept[3_333] && count <= MOST_POINTS * 3 / 2 + 2, "{count}");
    assert!(kept[1_000..1_100].iter().any(|kept| *kept), "the gap is still one");
    assert_eq!(thinned(&values[..MOST_POINTS]), None);
}

/// Anything that a number can be.
fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        6 => (0.0..1e6).prop_map(Some),
        1 => any::<f64>().prop_map(Some),
    ]
}

fn label() -> impl Strategy<Value = String> {
    proptest::string::string_regex("(?s).{0,12}").unwrap()
}

/// Valid XML whose numbers are numbers, and whose paths go from left to right.
fn assert_sound(drawn: &str) -> Result<(), TestCaseError> {
    prop_assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    let document = Document::parse(drawn);
    prop_assert!(document.is_ok(), "{:?}\n{drawn}", document.err());
    let document = document.unwrap();
    for node in document.descendants().filter(|node| node.is_element()) {
        prop_assert!(node.attributes().all(|a| a.name() != "style" && !a.name().starts_with("on")));
        let class = node.attribute("class").unwrap_or_default();
        if let (Some(d), true) =
            (node.attribute("d"), class.starts_with("line") || class == "before")
        {
            for part in d.split('M').skip(1) {
                let xs: Vec<f64> = part
                    .split('L')
                    .map(|at| at.split(' ').next().unwrap().parse().unwrap())
                    .collect();
                prop_assert!(xs.is_sorted() && xs.iter().all(|x| (0.0..=100.0).contains(x)), "{d}");
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_the_numbers_the_drawing_is_sound(
        all in proptest::collection::vec(proptest::collection::vec(value(), 0..60), 1..5),
        before in proptest::collection::vec(value(), 0..60),
        names in proptest::collection::vec(label(), 1..6),
        grain in prop_oneof![Just(Grain::Hour), Just(Grain::Day), Just(Grain::Month)],
        length in 0_usize..60,
    ) {
        let time = time(FIRST, grain, length);
        let all: Vec<Series> = all.iter().map(|values| series(&names[0], values)).collect();
        let releases: Vec<Release> = names.iter().enumerate()
            .map(|(at, version)| Release { at: at * 7, version: version.clone() }).collect();
        for unit in [Unit::Count, Unit::Share, Unit::Millis] {
            let lines = Lines {
                frame: Frame { id: &names[0] }, time: &time, unit, series: &all, before: Some(&before),
                releases: &releases,
            };
            assert_sound(&lines.draw())?;
        }
        let frame = Frame { id: &names[0] };
        assert_sound(&Stack { frame, time: &time, series: &all, releases: &releases }.draw())?;
        let band: Vec<_> = all[0].values.iter().map(|v| v.map(|v| [v / 2.0, v, v * 3.0])).collect();
        assert_sound(&Band { frame, time: &time, values: &band, releases: &releases }.draw())?;
        assert_sound(&sparkline(&all[0].values))?;
    }

    #[test]
    fn a_donut_goes_round_once(parts in proptest::collection::vec(any::<u32>(), 0..8), label in label()) {
        let parts: Vec<u64> = parts.into_iter().map(u64::from).collect();
        let drawn = Donut { frame: FRAME, parts: &parts, label: &label }.draw();
        assert_sound(&drawn)?;
        let document = Document::parse(&drawn).unwrap();
        let dashes = document.descendants().filter_map(|node| node.attribute("stroke-dasharray"));
        let round: f64 = dashes.map(|d| d.split(' ').next().unwrap().parse::<f64>().unwrap()).sum();
        let shown = parts.iter().any(|part| *part > 0);
        prop_assert!((round - if shown { 100.0 } else { 0.0 }).abs() < 0.05, "{round}");
    }
}
