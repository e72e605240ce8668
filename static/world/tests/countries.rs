//! Draws the countries: projection, simplification, and SVG paths on a grid of whole numbers.
//!
//! A test that writes what the crate includes (`UPDATE=1 cargo test -p world`), and compares it
//! otherwise: the source is half a million points and the geometry crates are large, which whoever only
//! builds the product need not pay for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use geo::{Coord, LineString, Simplify as _};
use world_data::world_data_types::data::country::Country;

/// Width of the map. Its height follows from the projection.
const WIDTH: f64 = 1_000.0;
/// Steps of the fine grid on which borders of neighbours meet, for one of the map's.
const FINE: f64 = 4.0;
/// How far a line may be from the border that it stands for, in steps of the map.
const TOLERANCE: f64 = 1.2;
/// Islands and enclaves below this area are left out, in squared steps of the map.
const LEAST_ISLAND: f64 = 4.0;
/// A country whose largest part is smaller has a dot, in squared steps of the map.
const LEAST_OUTLINE: f64 = 9.0;
/// Latitudes that are shown, in degrees: without Antarctica, of which the rest is too far south.
const LATITUDES: (f64, f64) = (-56.0, 83.7);

/// Places with a code of their own that the source counts to another country or leaves out: code,
/// name, degrees north and east.
const OTHERS: [(&str, &str, f64, f64); 12] = [
    ("BQ", "Caribbean Netherlands", 12.2, -68.3),
    ("CC", "Cocos Islands", -12.2, 96.8),
    ("CX", "Christmas Island", -10.5, 105.6),
    ("GF", "French Guiana", 4.0, -53.0),
    ("GI", "Gibraltar", 36.1, -5.3),
    ("GP", "Guadeloupe", 16.2, -61.5),
    ("MQ", "Martinique", 14.6, -61.0),
    ("RE", "Réunion", -21.1, 55.5),
    ("SJ", "Svalbard and Jan Mayen", 78.0, 17.0),
    ("TK", "Tokelau", -9.2, -171.8),
    ("TW", "Taiwan", 23.7, 121.0),
    ("YT", "Mayotte", -12.8, 45.2),
];
/// Places where nobody lives.
const UNINHABITED: [&str; 7] = ["AQ", "BV", "GS", "HM", "IO", "TF", "UM"];

/// A point of the fine grid.
type Point = (i32, i32);
type Ring = Vec<Point>;

#[test]
fn the_map_is_what_the_source_gives() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/countries.rs");
    let drawn = drawn();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&committed, &drawn).expect("the folder of the crate can be written");
    }
    let kept = std::fs::read_to_string(&committed).expect("the file is committed");
    assert!(kept == drawn, "src/countries.rs differs; run the test with UPDATE=1");
}

/// The source text of the table of countries.
fn drawn() -> String {
    let data = world_data::load();
    let countries: BTreeMap<&str, &Country> = data
        .countries
        .iter()
        .map(|(code, country)| (code.as_str(), country))
        .filter(|(code, _)| !UNINHABITED.contains(code))
        .collect();
    let rings: BTreeMap<&str, Vec<Ring>> =
        countries.iter().map(|(code, country)| (*code, rings(country))).collect();
    let junctions = junctions(rings.values().flatten());
    let mut shapes = BTreeMap::new();
    for (code, country) in &countries {
        let shape = shape(&rings[code], &junctions);
        shapes.insert(*code, (country.common_name.as_str(), shape));
    }
    for (code, name, north, east) in OTHERS {
        let (x, y) = place(east, north);
        shapes.entry(code).or_insert((name, format!("Dot({x:.0}, {y:.0})")));
    }
    let mut code = format!(
        "/// Width of the map.\npub const WIDTH: u32 = {WIDTH:.0};\n\
         /// Height of the map.\npub const HEIGHT: u32 = {:.0};\n\
         /// Every country, by code.\npub static COUNTRIES: [Country; {}] = [\n",
        place(0.0, LATITUDES.0).1,
        shapes.len()
    );
    for (country, (name, shape)) in shapes {
        writeln!(code, "Country {{ code: {country:?}, name: {name:?}, shape: Shape::{shape} }},")
            .expect("writing to a string does not fail");
    }
    code.push_str("];\n");
    code
}

/// Equal Earth, so that areas compare (Šavrič, Patterson and Jenny 2018, equations 1 to 3): from
/// degrees to steps of the map, from its upper left corner.
fn place(east: f64, north: f64) -> (f64, f64) {
    let (x, y) = equal_earth(east, north.clamp(LATITUDES.0, LATITUDES.1));
    let (widest, _) = equal_earth(180.0, 0.0);
    let (_, top) = equal_earth(0.0, LATITUDES.1);
    let scale = WIDTH / (2.0 * widest);
    ((x + widest) * scale, (top - y) * scale)
}

fn equal_earth(east: f64, north: f64) -> (f64, f64) {
    let [a1, a2, a3, a4] = [1.340_264, -0.081_106, 0.000_893, 0.003_796];
    let theta = (3_f64.sqrt() / 2.0 * north.to_radians().sin()).asin();
    let (square, sixth) = (theta.powi(2), theta.powi(6));
    let slope = a1 + 3.0 * a2 * square + sixth * (7.0 * a3 + 9.0 * a4 * square);
    let x = 2.0 * 3_f64.sqrt() * east.to_radians() * theta.cos() / (3.0 * slope);
    (x, theta * (a1 + a2 * square + sixth * (a3 + a4 * square)))
}

/// The outer rings of a country on the fine grid, without repeated points.
fn rings(country: &Country) -> Vec<Ring> {
    let rings = country.polygons.iter().map(|polygon| {
        let points = polygon.exterior().0.iter().map(|at| {
            let (x, y) = place(f64::from(at.x), f64::from(at.y));
            ((x * FINE).round() as i32, (y * FINE).round() as i32)
        });
        let mut ring: Ring = points.collect();
        ring.dedup();
        if ring.first() == ring.last() {
            ring.pop();
        }
        ring
    });
    rings.filter(|ring| ring.len() > 2).collect()
}

/// Points where more than two lines meet. Between them, neighbours share one line, which is
/// simplified in the same way for both.
fn junctions<'r>(rings: impl Iterator<Item = &'r Ring>) -> BTreeSet<Point> {
    let mut meeting = HashMap::<Point, BTreeSet<Point>>::new();
    for ring in rings {
        for (i, point) in ring.iter().enumerate() {
            let neighbours = meeting.entry(*point).or_default();
            neighbours.insert(ring[(i + 1) % ring.len()]);
            neighbours.insert(ring[(i + ring.len() - 1) % ring.len()]);
        }
    }
    meeting.into_iter().filter(|(_, meeting)| meeting.len() > 2).map(|(point, _)| point).collect()
}

fn shape(rings: &[Ring], junctions: &BTreeSet<Point>) -> String {
    let largest = rings.iter().max_by(|a, b| area(a).total_cmp(&area(b)));
    let Some(largest) = largest else { return "Outline(\"\")".to_owned() };
    if area(largest) < LEAST_OUTLINE {
        let (low, high) = bounds(largest);
        let middle = |a: i32, b: i32| (f64::from(a + b) / 2.0 / FINE).round();
        return format!("Dot({:.0}, {:.0})", middle(low.0, high.0), middle(low.1, high.1));
    }
    let mut path = String::new();
    for ring in rings.iter().filter(|ring| area(ring) >= LEAST_ISLAND) {
        draw(&mut path, &simplified(ring, junctions));
    }
    format!("Outline({path:?})")
}

/// Squared steps of the map.
fn area(ring: &Ring) -> f64 {
    let next = ring.iter().cycle().skip(1);
    let twice: i64 = ring
        .iter()
        .zip(next)
        .map(|(a, b)| i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1))
        .sum();
    twice.abs() as f64 / 2.0 / (FINE * FINE)
}

fn bounds(ring: &Ring) -> (Point, Point) {
    ring.iter().fold(((i32::MAX, i32::MAX), (i32::MIN, i32::MIN)), |(low, high), point| {
        ((low.0.min(point.0), low.1.min(point.1)), (high.0.max(point.0), high.1.max(point.1)))
    })
}

/// A ring with fewer points, on the grid of the map.
fn simplified(ring: &Ring, junctions: &BTreeSet<Point>) -> Vec<Point> {
    let mut ends: Vec<usize> = (0..ring.len()).filter(|i| junctions.contains(&ring[*i])).collect();
    if ends.len() < 2 {
        // An island, or an enclave: from its least point to the one that is farthest from it.
        let least = (0..ring.len()).min_by_key(|i| ring[*i]).unwrap_or(0);
        let far = (0..ring.len()).max_by_key(|i| distance(ring[*i], ring[least])).unwrap_or(0);
        ends = vec![least.min(far), least.max(far)];
    }
    let mut points = Vec::new();
    for (nth, start) in ends.iter().enumerate() {
        let end = ends[(nth + 1) % ends.len()];
        let len = (end + ring.len() - start) % ring.len();
        let arc: Ring = (0..=len).map(|i| ring[(start + i) % ring.len()]).collect();
        points.extend(simple_arc(arc).into_iter().map(|(x, y)| (coarse(x), coarse(y))));
    }
    points.dedup();
    if points.first() == points.last() {
        points.pop();
    }
    points
}

fn distance(a: Point, b: Point) -> i64 {
    i64::from(a.0 - b.0).pow(2) + i64::from(a.1 - b.1).pow(2)
}

fn coarse(fine: i32) -> i32 {
    (f64::from(fine) / FINE).round() as i32
}

/// By Douglas and Peucker, always from the lesser end, so that both neighbours get the same line.
fn simple_arc(mut arc: Ring) -> Ring {
    let turned = arc.first() > arc.last();
    if turned {
        arc.reverse();
    }
    let line: LineString<f64> =
        arc.iter().map(|(x, y)| Coord { x: f64::from(*x), y: f64::from(*y) }).collect();
    let simple = line.simplify(&(TOLERANCE * FINE));
    let mut arc: Ring = simple.0.iter().map(|at| (at.x as i32, at.y as i32)).collect();
    if turned {
        arc.reverse();
    }
    arc
}

/// Appends a closed path in relative coordinates, as short as SVG allows.
fn draw(path: &mut String, points: &[Point]) {
    if points.len() < 3 {
        return;
    }
    write!(path, "M{} {}l", points[0].0, points[0].1).expect("writing to a string does not fail");
    for (nth, pair) in points.windows(2).enumerate() {
        for (i, step) in [pair[1].0 - pair[0].0, pair[1].1 - pair[0].1].into_iter().enumerate() {
            // A minus separates as well as a space.
            if (nth, i) != (0, 0) && step >= 0 {
                path.push(' ');
            }
            write!(path, "{step}").expect("writing to a string does not fail");
        }
    }
    path.push('z');
}
