//! The colours of the stylesheet against each other. Their drawings cannot be checked in a browser:
//! tools that look for contrast do not look into SVG.

/// Colours of the stylesheet: name, light, dark.
fn palette() -> Vec<(&'static str, [u32; 2])> {
    let style = include_str!("../../../static/style.css");
    let tokens = style.lines().filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
        let colours = value
            .strip_suffix(");")?
            .split(", ")
            .map(|colour| u32::from_str_radix(colour.strip_prefix('#').unwrap(), 16).unwrap());
        Some((name, colours.collect::<Vec<_>>().try_into().unwrap()))
    });
    tokens.collect()
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: u32) -> f64 {
    let [_, r, g, b] = colour.to_be_bytes().map(|byte| {
        let part = f64::from(byte) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[test]
fn colours_that_meet_can_be_told_apart() {
    let palette = palette();
    let of = |name: &str| palette.iter().find(|(known, _)| *known == name).expect(name).1;
    let mut pairs = Vec::new();
    for ground in ["paper", "sheet"] {
        pairs.extend(["ink", "soft", "pen", "bad"].map(|text| (text, ground, 4.5)));
        pairs.extend(
            ["pen", "bad", "s1", "s2", "s3", "edge", "q4", "q3"].map(|line| (line, ground, 3.0)),
        );
    }
    pairs.extend(["q0", "q1", "q2"].map(|shade| ("ink", shade, 4.5)));
    pairs.extend(["q3", "q4"].map(|shade| ("over", shade, 4.5)));
    pairs.push(("pen", "wash", 3.0));
    for (one, other, least) in pairs {
        for (scheme, name) in ["light", "dark"].iter().enumerate() {
            let [a, b] = [one, other].map(|name| luminance(of(name)[scheme]));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= least, "{one} on {other}, {name}: {contrast:.2}");
        }
    }
}
