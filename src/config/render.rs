//! Problems as text for a person: code, place, source line with a caret, what to do.
//!
//! The form is that of rustc and cargo, and so is the renderer.

use std::collections::BTreeMap;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::codes::Code;
use super::excerpt;
use super::problem::{Diagnostics, Mark, Place, Problem};

/// Problems of one code that are shown. More of the same kind have the same cause more often than
/// not, and would push everything else out of sight.
const SHOWN_OF_A_KIND: usize = 10;

/// The text for a person. With colour, it holds escape sequences.
pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let lines = excerpt::lines(&diagnostics.text);
    let mut out = String::new();
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    for problem in &diagnostics.problems {
        let count = counts.entry(problem.code).or_default();
        *count += 1;
        if *count <= SHOWN_OF_A_KIND {
            out.push_str(&renderer.render(&[group(problem, diagnostics, &lines)]));
            out.push_str("\n\n");
        }
    }
    out.push_str(&renderer.render(&summary(diagnostics, &counts)));
    out.push('\n');
    out
}

fn summary(diagnostics: &Diagnostics, counts: &BTreeMap<Code, usize>) -> Vec<Group<'static>> {
    let count = diagnostics.problems.len();
    let plural = if count == 1 { "" } else { "s" };
    let title = format!("{}: {count} problem{plural}, nothing was started", diagnostics.file);
    let more = |(code, count): (&Code, &usize)| {
        let hidden = count.checked_sub(SHOWN_OF_A_KIND).filter(|hidden| *hidden > 0)?;
        let note =
            format!("{hidden} more of {code} are not shown; `check --format json` lists every one");
        Some(Group::with_title(Level::NOTE.secondary_title(note)))
    };
    let total = Group::with_title(Level::ERROR.primary_title(title));
    [total].into_iter().chain(counts.iter().filter_map(more)).collect()
}

fn group<'a>(problem: &'a Problem, diagnostics: &'a Diagnostics, lines: &[&str]) -> Group<'a> {
    let title = Level::ERROR.primary_title(&problem.message).id(problem.code.as_str());
    let mut group = Group::with_title(title);
    group = match &problem.place {
        Place::File => group.element(Origin::path(&diagnostics.file)),
        place @ (Place::Variable(_) | Place::Flag(_)) => {
            group.element(Origin::path(place.to_string()))
        }
        Place::Mark(mark) => group.element(snippet(*mark, problem, diagnostics, lines)),
    };
    group.elements(problem.help.iter().map(|help| Level::HELP.message(help)))
}

/// The lines from the first to the last place that the problem is about.
fn snippet<'a>(
    mark: Mark,
    problem: &'a Problem,
    diagnostics: &'a Diagnostics,
    lines: &[&str],
) -> Snippet<'a, Annotation<'a>> {
    let marks = || problem.related.iter().map(|related| related.mark).chain([mark]);
    let first = marks().map(|mark| mark.line).min().unwrap_or(mark.line);
    let last = marks().map(|mark| mark.line).max().unwrap_or(mark.line);
    let (mut source, mut shown) = (String::new(), Vec::new());
    for line in first..=last {
        let text = lines.get(line - 1).copied().unwrap_or_default();
        let hidden = diagnostics.hidden.contains(&line);
        let line = if hidden { excerpt::hidden(text) } else { excerpt::shown(text) };
        let start = source.len();
        source.push_str(&line);
        source.push('\n');
        shown.push((start, line));
    }
    let span = |mark: Mark| {
        let (start, line) = &shown[mark.line - first];
        let span = excerpt::bytes(line, mark.column, mark.width);
        start + span.start..start + span.end
    };
    let related = problem.related.iter().map(|related| {
        AnnotationKind::Context.span(span(related.mark)).label(related.message.as_str())
    });
    let annotations: Vec<_> = related.chain([AnnotationKind::Primary.span(span(mark))]).collect();
    Snippet::source(source).path(&diagnostics.file).line_start(first).annotations(annotations)
}
