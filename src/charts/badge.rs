//! A badge: a label and a number in a picture that stands alone, with its own colours.

use super::svg::Svg;

/// Height in pixels.
const HEIGHT: f64 = 20.0;
/// Mean width of a character at 11 px, for want of the reader's font; the text is fitted to it.
const CHARACTER: f64 = 6.4;
/// Left and right of a text.
const MARGIN: f64 = 7.0;

/// A label and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Badge<'a> {
    /// To the left.
    pub label: &'a str,
    /// To the right.
    pub message: &'a str,
}

impl Badge<'_> {
    /// The drawing. Unlike charts it has its looks in attributes: no stylesheet comes with it.
    pub fn draw(&self) -> String {
        let text = |text: &str| text.chars().count() as f64 * CHARACTER;
        let (label, message) = (text(self.label), text(self.message));
        let left = label + 2.0 * MARGIN;
        let width = left + message + 2.0 * MARGIN;
        let name = format!("{}: {}", self.label, self.message);
        let mut svg = Svg::default();
        svg.open(
            "svg",
            &[
                ("xmlns", "http://www.w3.org/2000/svg".into()),
                ("width", width.into()),
                ("height", HEIGHT.into()),
                ("role", "img".into()),
                ("aria-label", (&name).into()),
            ],
        );
        svg.text("title", &[], &name);
        for (x, width, fill) in [(0.0, left, "#3c4543"), (left, width - left, "#0b6b70")] {
            let place = [("x", x.into()), ("width", width.into()), ("height", HEIGHT.into())];
            svg.leaf("rect", &[&place[..], &[("fill", fill.into())]].concat());
        }
        svg.open(
            "g",
            &[
                ("fill", "#fff".into()),
                ("font-family", "Verdana,DejaVu Sans,sans-serif".into()),
                ("font-size", 11.0.into()),
            ],
        );
        for (x, width, said) in
            [(MARGIN, label, self.label), (left + MARGIN, message, self.message)]
        {
            svg.text(
                "text",
                &[("x", x.into()), ("y", 14.0.into()), ("textLength", width.into())],
                said,
            );
        }
        svg.close("g");
        svg.close("svg");
        svg.finish()
    }
}
