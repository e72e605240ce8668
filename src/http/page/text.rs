//! A page as plain text, for terminals: `curl -H 'accept: text/plain' …`.

use std::fmt::Write as _;

use super::model::{Body, EntryView, HeatRow, Page, Part};

/// Most rows of a chart's table; the rest is a link away.
const ROWS: usize = 40;
const INFALLIBLE: &str = "writing to a string does not fail";

/// Lays a page out in lines.
pub(super) fn render(page: &Page) -> String {
    let mut text = String::new();
    let heading = format!("{} {}", page.heading.0, page.heading.1);
    writeln!(text, "{}\n{}\n", heading.trim(), page.lead).expect(INFALLIBLE);
    for figure in &page.figures {
        let change = figure.change.as_ref().map(|c| format!(" ({} {})", c.arrow, c.amount));
        writeln!(text, "{:<18} {}{}", figure.term, figure.value, change.unwrap_or_default())
            .expect(INFALLIBLE);
    }
    for part in page.sheet.iter().chain(&page.parts) {
        render_part(&mut text, part);
    }
    if let Some(canonical) = &page.shell.canonical {
        writeln!(text, "\nThis page: {canonical}").expect(INFALLIBLE);
    }
    // Numbers and units are kept together on pages; a terminal has no use for that.
    text.replace('\u{a0}', " ")
}

fn render_part(text: &mut String, part: &Part) {
    writeln!(text, "\n{}\n{}", part.title, "-".repeat(part.title.chars().count()))
        .expect(INFALLIBLE);
    part.body.iter().for_each(|body| render_body(text, body));
}

fn render_body(text: &mut String, body: &Body) {
    match body {
        Body::Chart(chart) => {
            writeln!(text, "{}\n", chart.summary).expect(INFALLIBLE);
            let rows = chart.rows.iter().rev().take(ROWS).rev().map(|row| {
                std::iter::once(row.name.clone()).chain(row.cells.iter().cloned()).collect()
            });
            let head = std::iter::once(String::new()).chain(chart.head.iter().cloned()).collect();
            columns(text, head, rows.collect());
        }
        Body::Table(table) => {
            let head = table.columns.iter().map(|(_, head)| (*head).to_owned()).collect();
            let rows = table.rows.iter().map(|row| {
                std::iter::once(row.name.clone())
                    .chain(row.cells.iter().map(|c| c.text()))
                    .collect()
            });
            columns(text, head, rows.collect());
            if !table.note.is_empty() {
                writeln!(text, "{}", table.note).expect(INFALLIBLE);
            }
        }
        Body::Round(round) => {
            let rows = round.parts.iter().map(|(_, name, value)| vec![name.clone(), value.clone()]);
            columns(text, Vec::new(), rows.collect());
            writeln!(text, "{}", round.summary).expect(INFALLIBLE);
        }
        Body::Heat(heat) => {
            let rows = heat.rows.iter().map(|HeatRow { day, cells }| {
                let cells = cells.iter().map(|cell| {
                    cell.as_ref().map_or_else(|| "–".to_owned(), |(_, calls)| calls.clone())
                });
                std::iter::once((*day).to_owned()).chain(cells).collect()
            });
            let head = std::iter::once(String::new()).chain(heat.columns.iter().cloned()).collect();
            columns(text, head, rows.collect());
            writeln!(text, "{}", heat.summary).expect(INFALLIBLE);
        }
        Body::Map(map) => writeln!(text, "{}", map.summary).expect(INFALLIBLE),
        Body::Missing(why) => writeln!(text, "{why}").expect(INFALLIBLE),
        Body::Failed => writeln!(text, "{}", super::model::FAILED).expect(INFALLIBLE),
        Body::Prose(prose) => prose.terms.iter().for_each(|(term, said)| {
            writeln!(text, "{term}\n    {said}").expect(INFALLIBLE);
        }),
        Body::Entries(entries) => {
            entries.entries.iter().for_each(|entry| render_entry(text, entry))
        }
        Body::Trial(_) => {
            writeln!(text, "On the page, or with the command `explain`.").expect(INFALLIBLE);
        }
    }
}

fn render_entry(text: &mut String, entry: &EntryView) {
    writeln!(text, "{}\n    {}", entry.name, entry.text).expect(INFALLIBLE);
    for (term, lines) in &entry.terms {
        for line in lines {
            writeln!(text, "    {term}: {}", line.text()).expect(INFALLIBLE);
        }
    }
    for (name, meaning) in entry.more.iter().flat_map(|(_, items)| items) {
        writeln!(text, "      {name}: {meaning}").expect(INFALLIBLE);
    }
}

/// The first column to the left, the others to the right; columns without text are left out.
pub(super) fn columns(text: &mut String, head: Vec<String>, rows: Vec<Vec<String>>) {
    let lines: Vec<&Vec<String>> =
        std::iter::once(&head).filter(|head| !head.is_empty()).chain(&rows).collect();
    let many = lines.iter().map(|line| line.len()).max().unwrap_or(0);
    let filled =
        |i: usize| i == 0 || rows.iter().any(|row| row.get(i).is_some_and(|c| !c.is_empty()));
    let width = |i: usize| {
        let cells = lines.iter().filter_map(|line| line.get(i));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..many).map(width).collect();
    for line in lines {
        let mut row = String::new();
        for (i, cell) in line.iter().enumerate().filter(|(i, _)| filled(*i)) {
            let wide = widths[i];
            if i == 0 {
                write!(row, "{cell:<wide$}").expect(INFALLIBLE);
            } else {
                write!(row, "  {cell:>wide$}").expect(INFALLIBLE);
            }
        }
        writeln!(text, "{}", row.trim_end()).expect(INFALLIBLE);
    }
}
