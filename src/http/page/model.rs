//! What a page consists of, before it is laid out: the same parts become HTML or plain text.

use std::fmt;

use askama::Template;

use super::controls::Controls;
use super::shell::Shell;
use super::text::columns;

/// Most rows of a chart's table. A row is an element a column, and a page of thousands of elements is
/// slow on a phone; what is older is put out as lines of text.
const ROWS: usize = 60;
/// How a bucket of days begins.
const MIDNIGHT: &str = "T00:00:00Z";

/// A page with numbers.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    pub(super) shell: Shell,
    /// The page above: text and address.
    pub(super) crumb: Option<(String, String)>,
    /// The result in a sentence: the number, and the rest.
    pub(super) heading: (String, String),
    pub(super) lead: String,
    pub(super) controls: Option<Controls>,
    /// The most important part, on a sheet of its own.
    pub(super) sheet: Option<Part>,
    pub(super) figures: Vec<Figure>,
    pub(super) parts: Vec<Part>,
}

impl Page {
    /// Whether every part could be read.
    pub(super) fn is_whole(&self) -> bool {
        let mut parts = self.sheet.iter().chain(&self.parts);
        parts.all(|part| !part.body.iter().any(|body| matches!(body, Body::Failed)))
    }
}

/// A key figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) term: &'static str,
    pub(super) value: String,
    /// Whether `value` is a number, and not the reason why there is none.
    pub(super) known: bool,
    pub(super) change: Option<Change>,
    pub(super) note: String,
}

/// How a number differs from the one that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// `▲`, `▼` or `=`.
    pub(super) arrow: &'static str,
    /// The same as a word.
    pub(super) word: &'static str,
    /// `8.4%`
    pub(super) amount: String,
    /// Whether that is worse.
    pub(super) worse: bool,
}

/// A part of a page: what it is, and the thing itself.
pub(super) struct Part {
    /// Id; the heading has it with `-h`.
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) note: String,
    /// Text and address.
    pub(super) links: Vec<(String, String)>,
    pub(super) body: Vec<Body>,
}

/// The thing itself.
pub(super) enum Body {
    Chart(ChartView),
    Table(Table),
    Round(Round),
    Heat(HeatView),
    Map(MapView),
    /// Why there is nothing to see.
    Missing(String),
    /// It could not be read.
    Failed,
    /// Ready-made text.
    Prose(Prose),
    Entries(Entries),
    /// Where an event can be tried.
    Trial(TrialForm),
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chart(chart) => chart.fmt(f),
            Self::Table(table) => table.fmt(f),
            Self::Round(round) => round.fmt(f),
            Self::Heat(heat) => heat.fmt(f),
            Self::Map(map) => map.fmt(f),
            Self::Missing(why) => Notice { class: "missing", text: why }.fmt(f),
            Self::Failed => Notice { class: "failed", text: FAILED }.fmt(f),
            Self::Prose(prose) => prose.fmt(f),
            Self::Entries(entries) => entries.fmt(f),
            Self::Trial(form) => form.fmt(f),
        }
    }
}

/// What stands in place of a part that could not be read.
pub(super) const FAILED: &str =
    "This part cannot be read at the moment; the others are not affected. Try again in a minute.";

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    class: &'static str,
    text: &'a str,
}

/// A drawing over time or by range, with its sentence and its table.
#[derive(Template)]
#[template(path = "chart.html")]
pub(super) struct ChartView {
    pub(super) id: &'static str,
    /// The heading of the drawing, when it is not the heading of its part.
    pub(super) title: Option<String>,
    pub(super) svg: String,
    pub(super) legend: Vec<Legend>,
    pub(super) summary: String,
    /// Heads of the columns.
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Row>,
}

impl ChartView {
    /// What the first column of the table holds.
    fn first_head(&self) -> &'static str {
        if self.rows.iter().any(|row| row.range.is_some()) { "UTC" } else { "Time" }
    }

    /// The newest rows.
    fn shown(&self) -> &[Row] {
        &self.rows[self.rows.len().saturating_sub(ROWS)..]
    }

    /// The rows before them as lines, each with the first hour of its bucket.
    fn earlier(&self) -> Option<String> {
        let rows = &self.rows[..self.rows.len().saturating_sub(ROWS)];
        let starts = || rows.iter().map(|row| row.range.as_ref().map_or("", |(from, _)| from));
        let days = starts().all(|start| start.ends_with(MIDNIGHT));
        let start = |start: &str| match days {
            true => start.trim_end_matches(MIDNIGHT).to_owned(),
            false => start.to_owned(),
        };
        let lines = rows.iter().zip(starts()).map(|(row, from)| {
            std::iter::once(start(from)).chain(row.cells.iter().cloned()).collect()
        });
        let mut text = String::new();
        columns(&mut text, Vec::new(), lines.collect());
        Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
    }
}

/// An entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Legend {
    /// Classes of the swatch.
    pub(super) class: String,
    pub(super) name: String,
    /// Whether it stands for more than one line, so that it cannot be switched off.
    pub(super) fixed: bool,
}

/// A row of a chart's table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// First and first following hour, where a range can be chosen.
    pub(super) range: Option<(String, String)>,
    pub(super) name: String,
    pub(super) cells: Vec<String>,
}

/// A ranked list with bars.
#[derive(Template)]
#[template(path = "table.html")]
pub(super) struct Table {
    /// The heading that names it.
    pub(super) id: &'static str,
    /// Its own heading, when it is not that of its part.
    pub(super) title: Option<String>,
    /// Heads, each with a class that tells on which screens it is shown.
    pub(super) columns: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<TableRow>,
    /// Whether more is worse.
    pub(super) bad: bool,
    pub(super) note: String,
}

impl Table {
    /// The class of a cell in a column.
    fn class(&self, column: &usize, cell: &Cell) -> String {
        // The first column is the name.
        let shown = self.columns.get(column + 1).map_or("", |(class, _)| *class);
        let kind = match cell {
            Cell::Rank(_) => "strong",
            Cell::Poor(_) => "worse",
            _ => "",
        };
        [shown, kind].join(" ").trim().to_owned()
    }
}

/// A row of a ranked list.
pub(super) struct TableRow {
    pub(super) name: String,
    pub(super) href: Option<String>,
    /// The bar, as SVG.
    pub(super) bar: Option<String>,
    pub(super) cells: Vec<Cell>,
}

/// A cell of a ranked list.
pub(super) enum Cell {
    Number(String),
    /// Words.
    Text(String),
    /// The number that the list is ranked by.
    Rank(String),
    /// A number that deserves attention.
    Poor(String),
    Change(Option<Change>),
    /// A small drawing; the numbers around it say the same.
    Drawing(String),
    Unknown,
}

impl Cell {
    /// A number, or the sign that there is none.
    pub(super) fn known(text: Option<String>) -> Self {
        text.map_or(Self::Unknown, Self::Number)
    }

    /// As plain text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(text) | Self::Text(text) | Self::Rank(text) | Self::Poor(text) => {
                text.clone()
            }
            Self::Change(Some(change)) => format!("{} {}", change.arrow, change.amount),
            Self::Change(None) | Self::Unknown => "–".to_owned(),
            Self::Drawing(_) => String::new(),
        }
    }
}

/// A donut with its values.
#[derive(Template)]
#[template(path = "round.html")]
pub(super) struct Round {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) svg: String,
    /// Class of the swatch, name and value, in the order of the drawing.
    pub(super) parts: Vec<(String, String, String)>,
    pub(super) summary: String,
}

/// Calls by hour and day of the week.
#[derive(Template)]
#[template(path = "heat.html")]
pub(super) struct HeatView {
    pub(super) id: &'static str,
    /// First hours of the columns.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<HeatRow>,
    pub(super) summary: String,
}

/// A day of the week.
pub(super) struct HeatRow {
    pub(super) day: &'static str,
    /// Shade and calls; `None` for hours that are not among those shown.
    pub(super) cells: Vec<Option<(u64, String)>>,
}

/// A map with its key.
#[derive(Template)]
#[template(path = "map.html")]
pub(super) struct MapView {
    pub(super) id: &'static str,
    pub(super) svg: String,
    /// Class of the swatch, and what it stands for.
    pub(super) key: Vec<(String, String)>,
    pub(super) summary: String,
}

/// Terms, and what they mean.
#[derive(Template)]
#[template(path = "prose.html")]
pub(super) struct Prose {
    pub(super) terms: Vec<(String, String)>,
}

/// Things with a name, and what is to be said of each.
#[derive(Template)]
#[template(path = "entries.html")]
pub(super) struct Entries {
    /// Whether their order means something.
    pub(super) ordered: bool,
    pub(super) entries: Vec<EntryView>,
}

/// A thing with a name.
#[derive(Default)]
pub(super) struct EntryView {
    pub(super) name: String,
    pub(super) text: String,
    /// Whether the text deserves attention.
    pub(super) bad: bool,
    /// A term, and lines about it.
    pub(super) terms: Vec<(&'static str, Vec<Said>)>,
    /// What is shown when asked for: how it is called, and names with their meaning.
    pub(super) more: Option<(String, Vec<(String, String)>)>,
}

/// A line: words, and what is to be read letter by letter before and after them.
#[derive(Default)]
pub(super) struct Said {
    pub(super) before: Vec<String>,
    pub(super) words: String,
    pub(super) after: Vec<String>,
}

impl Said {
    /// Words alone.
    pub(super) fn words(words: impl Into<String>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }

    /// As plain text.
    pub(super) fn text(&self) -> String {
        let parts = [self.before.join(", "), self.words.clone(), self.after.join(", ")];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// A form that sends an event to be tried.
#[derive(Template)]
#[template(path = "trial.html")]
pub(super) struct TrialForm {
    /// An event to begin with.
    pub(super) sample: String,
}

/// A name that may break at its underscores.
pub(super) fn breakable(name: &str) -> impl Iterator<Item = &str> {
    name.split_inclusive('_')
}
