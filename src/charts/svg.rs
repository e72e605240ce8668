//! Writes SVG, element by element.
//!
//! Text and attribute values are escaped here and nowhere else, and a number that is none becomes 0,
//! so that no drawing can be broken by what it shows. Looks are classes: the security policy of the
//! pages forbids styles in attributes, and themes need them in the stylesheet anyway.

use std::fmt::{self, Write as _};

/// A value of an attribute.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    /// A number without a unit.
    Number(f64),
    /// Per cent of the drawing.
    Percent(f64),
    /// Text.
    Text(&'v str),
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

/// Per cent of the drawing.
pub(super) fn percent<'v>(of: f64) -> Value<'v> {
    Value::Percent(of)
}

/// Attributes in order.
pub(super) type Attributes<'a, 'v> = &'a [(&'static str, Value<'v>)];

/// A drawing under construction.
#[derive(Debug, Default)]
pub(super) struct Svg(String);

impl Svg {
    /// An element without content.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_, '_>) {
        self.start(name, attributes);
        self.0.push_str("/>");
    }

    /// An element with text.
    pub(super) fn text(&mut self, name: &'static str, attributes: Attributes<'_, '_>, text: &str) {
        self.open(name, attributes);
        escape(&mut self.0, text);
        self.close(name);
    }

    /// Opens an element.
    pub(super) fn open(&mut self, name: &'static str, attributes: Attributes<'_, '_>) {
        self.start(name, attributes);
        self.0.push('>');
    }

    /// Closes the element that was opened last.
    pub(super) fn close(&mut self, name: &'static str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// A path; none for an empty one.
    pub(super) fn path(&mut self, class: &str, path: &Path) {
        if !path.0.is_empty() {
            self.leaf("path", &[("class", class.into()), ("d", (&path.0).into())]);
        }
    }

    /// Opens the box of 100 by 100 in which shapes stretch with the page, while text and strokes
    /// outside of it keep their size.
    pub(super) fn open_stretched(&mut self) {
        self.open(
            "svg",
            &[
                ("viewBox", "0 0 100 100".into()),
                ("preserveAspectRatio", "none".into()),
                ("width", percent(100.0)),
                ("height", percent(100.0)),
            ],
        );
    }

    /// The text of the drawing.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn start(&mut self, name: &'static str, attributes: Attributes<'_, '_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            write!(self.0, " {name}=\"").expect(INFALLIBLE);
            match value {
                Value::Number(number) => write!(self.0, "{}", Short(*number)).expect(INFALLIBLE),
                Value::Percent(of) => write!(self.0, "{}%", Short(*of)).expect(INFALLIBLE),
                Value::Text(text) => escape(&mut self.0, text),
            }
            self.0.push('"');
        }
    }
}

const INFALLIBLE: &str = "writing to a string does not fail";

/// The data of a path in the stretched box.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Path(String);

impl Path {
    /// Begins a new part.
    pub(super) fn move_to(&mut self, (x, y): (f64, f64)) {
        write!(self.0, "M{} {}", Short(x), Short(y)).expect(INFALLIBLE);
    }

    /// A straight line.
    pub(super) fn line_to(&mut self, (x, y): (f64, f64)) {
        write!(self.0, "L{} {}", Short(x), Short(y)).expect(INFALLIBLE);
    }

    /// Back to where the part began.
    pub(super) fn close(&mut self) {
        self.0.push('Z');
    }

    /// A line through points. One point alone is a dot: a line of no length with a round end.
    pub(super) fn through(&mut self, points: &[(f64, f64)]) {
        let Some((first, rest)) = points.split_first() else { return };
        self.move_to(*first);
        rest.iter().for_each(|point| self.line_to(*point));
        if rest.is_empty() {
            self.line_to(*first);
        }
    }

    /// The ground between two lines, of which the second is followed backwards.
    pub(super) fn between(&mut self, over: &[(f64, f64)], under: &[(f64, f64)]) {
        let mut points = over.iter().chain(under.iter().rev());
        let Some(first) = points.next() else { return };
        self.move_to(*first);
        points.for_each(|point| self.line_to(*point));
        self.close();
    }
}

/// A number to a hundredth, without trailing zeros; 0 for what is not a number.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0 * 100.0).round();
        // Adding zero turns -0 into 0.
        let short = if hundredths.is_finite() { hundredths / 100.0 + 0.0 } else { 0.0 };
        write!(f, "{short}")
    }
}

/// Appends text, escaped for elements and attributes, without what XML 1.0 (2.2) does not allow.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}
