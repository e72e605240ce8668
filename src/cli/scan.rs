//! `scan`: personal data in events, without storing anything.
//!
//! Lines in, lines out, one at a time: a file may be larger than memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stages::event::RawEvent;
use stages::{Finding, Scanner};

use super::help::exit_codes;
use super::{ConfigFile, Outcome};
use crate::config::Flags;

/// Longest line that is read, in bytes: ten times what a request may hold.
const LONGEST_LINE: usize = 1 << 20;
/// Bytes that are read and written at once.
const CHUNK: usize = 1 << 16;

const MORE: &str = concat!(
    "\
Input and output, one line each:
  {\"id\": 7, \"event\": {\"tool\": \"get_forecast\", \"note\": \"jo@example.org\"}}
  {\"id\":7,\"pii\":true,\"findings\":[{\"pointer\":\"/*\",\"type\":\"EMAIL\",\"detector\":\"email\"}]}

Examples:
  weather-mcp-analytics scan --jsonl events.jsonl
  jq -c '.events[] | {id: 0, event: .}' body.json | weather-mcp-analytics scan --jsonl

",
    exit_codes!("every line was answered", "a line could not be read")
);

/// Look for personal data in events, one a line.
///
/// The scan is the one of `pii-scan` in pipeline.yaml, with its `allow` and `detectors`, but it does
/// not stop at the first finding. A finding names a place, never a value; a key that is input stands
/// as `*`.
///
/// A line that cannot be read is reported by its number on standard error, never by its text; the
/// others are still answered, and the exit code is 1. Nothing is stored, and no database or queue is
/// opened.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Scan {
    /// Read JSON lines (the only form there is).
    #[arg(long, required = true)]
    jsonl: bool,
    /// The lines; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(command: &Scan) -> Outcome {
    let loaded = command.config.load(&stages::registry(), Flags::default())?;
    let scanner = Scanner::of(&loaded.settings.ingest)?;
    let output = BufWriter::with_capacity(CHUNK, io::stdout().lock());
    let report = if command.file.as_os_str() == "-" {
        lines(&scanner, BufReader::with_capacity(CHUNK, io::stdin().lock()), output, io::stderr())?
    } else {
        let name = command.file.display();
        let file = File::open(&command.file).with_context(|| format!("cannot read {name}"))?;
        lines(&scanner, BufReader::with_capacity(CHUNK, file), output, io::stderr())?
    };
    Ok(report.judge()?)
}

/// What a run saw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    lines: u64,
    bad: u64,
}

impl Report {
    fn judge(&self) -> anyhow::Result<()> {
        match self.bad {
            0 => Ok(()),
            bad => bail!("{bad} of {} lines could not be scanned", self.lines),
        }
    }
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    event: Option<&'l RawValue>,
}

#[derive(Serialize)]
struct Answer<'l> {
    id: &'l RawValue,
    pii: bool,
    findings: Vec<Found<'l>>,
}

#[derive(Serialize)]
struct Found<'l> {
    pointer: &'l str,
    r#type: &'static str,
    detector: &'l str,
}

/// Answers every line of `input` on `output`, and says on `complaints` which could not be.
fn lines(
    scanner: &Scanner,
    mut input: impl BufRead,
    mut output: impl Write,
    mut complaints: impl Write,
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut line = Vec::new();
    while read_line(&mut input, &mut line).context("cannot read on")? {
        report.lines += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if let Err(why) = answer(scanner, text, &mut output)? {
            report.bad += 1;
            writeln!(complaints, "line {}: {why}", report.lines)?;
        }
    }
    output.flush().context("cannot write")?;
    Ok(report)
}

/// Reads a line into `line`, of one that is too long no more than shows that it is. False at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = LONGEST_LINE as u64 + 1;
    let read = input.by_ref().take(limit).read_until(b'\n', line)?;
    if line.len() > LONGEST_LINE && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// Writes the answer to one line, or says why there is none.
fn answer(
    scanner: &Scanner,
    line: &[u8],
    output: &mut impl Write,
) -> anyhow::Result<Result<(), String>> {
    let (id, event) = match read(line) {
        Ok(read) => read,
        Err(why) => return Ok(Err(why)),
    };
    let findings = scanner.scan(&event);
    if findings.too_deep && findings.found.is_empty() {
        return Ok(Err("`event` is nested deeper, or holds more, than is examined".to_owned()));
    }
    let found = findings.found.iter().map(Found::from).collect::<Vec<_>>();
    let answer = Answer { id, pii: !found.is_empty(), findings: found };
    serde_json::to_writer(&mut *output, &answer).context("cannot write")?;
    output.write_all(b"\n").context("cannot write")?;
    Ok(Ok(()))
}

fn read(line: &[u8]) -> Result<(&RawValue, RawEvent<'_>), String> {
    if line.len() > LONGEST_LINE {
        return Err(format!("longer than {LONGEST_LINE} bytes"));
    }
    // The error's own words may quote the input; its position cannot.
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| match error.is_data() {
        true => "not an object with one `id` and one `event`".to_owned(),
        false => format!("not JSON: see column {}", error.column()),
    })?;
    let id = line.id.ok_or("`id` is missing")?;
    let event = RawEvent::read(line.event.ok_or("`event` is missing")?);
    Ok((id, event.map_err(|reason| reason.message.into_owned())?))
}

impl<'l> From<&'l Finding<'_>> for Found<'l> {
    fn from(finding: &'l Finding<'_>) -> Self {
        let Finding { pointer, entity, detector, .. } = finding;
        Self { pointer: pointer.as_str(), r#type: entity.as_str(), detector }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(config: &str, input: &[u8]) -> (String, String, Report) {
        let scanner = Scanner::from_config(serde_json::from_str(config).unwrap()).unwrap();
        let (mut output, mut complaints) = (Vec::new(), Vec::new());
        let report = lines(&scanner, input, &mut output, &mut complaints).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output), text(complaints), report)
    }

    #[test]
    fn every_line_is_answered_with_all_findings_and_no_value() {
        let input = concat!(
            r#"{"id":"a","event":{"tool":"get_forecast"},"label":1}"#,
            "\n\n",
            r#"{"event":{"parameters":{"mail":"jo@example.org"},"latitude":47.38},"id":[2]}"#,
        );
        let (output, complaints, report) = scan("{}", input.as_bytes());
        let want = concat!(
            r#"{"id":"a","pii":false,"findings":[]}"#,
            "\n",
            r#"{"id":[2],"pii":true,"findings":["#,
            r#"{"pointer":"/parameters/mail","type":"EMAIL","detector":"key"},"#,
            r#"{"pointer":"/latitude","type":"COORDINATES","detector":"key"}]}"#,
            "\n",
        );
        assert_eq!((output.as_str(), complaints.as_str()), (want, ""));
        assert_eq!(report, Report { lines: 3, bad: 0 });
    }

    #[test]
    fn a_detector_of_the_operators_own_is_asked() {
        let config = r#"{"detectors":[{"name":"badge","pattern":"^B-[0-9]{4}$"}]}"#;
        let (output, ..) = scan(config, br#"{"id":1,"event":{"note":"B-1234"}}"#);
        let found = r#"{"pointer":"/*","type":"CUSTOM","detector":"badge"}"#;
        assert_eq!(output, format!("{{\"id\":1,\"pii\":true,\"findings\":[{found}]}}\n"));
    }

    #[test]
    fn bad_lines_are_named_by_number_and_never_quoted() {
        let deep = format!("{{\"id\":1,\"event\":{}secret{}}}", "[".repeat(40), "]".repeat(40));
        let long =
            format!("{{\"id\":1,\"event\":{{\"a\":\"{}\"}}}}", "secret".repeat(LONGEST_LINE));
        let lines = [
            r#"{"id":1,"event":{}}"#,
            "secret",
            r#"{"id":1}"#,
            r#"{"event":{}}"#,
            r#"{"id":1,"event":"secret"}"#,
            r#"{"id":1,"id":2,"event":{}}"#,
            r#"["secret"]"#,
            &deep.replace("secret", "1"),
            &long,
            r#"{"id":10,"event":{}}"#,
        ];
        let mut input = lines.join("\n").into_bytes();
        input.extend(b"\n\xff\xfe{}");
        let (output, complaints, report) = scan("{}", &input);
        let good = |id: u8| format!("{{\"id\":{id},\"pii\":false,\"findings\":[]}}\n");
        assert_eq!(output, good(1) + &good(10));
        let numbers: Vec<_> =
            complaints.lines().map(|line| line.split(':').next().unwrap()).collect();
        let want = ["line 2", "line 3", "line 4", "line 5", "line 6", "line 7", "line 8", "line 9"];
        assert_eq!(numbers[..8], want);
        assert_eq!(numbers[8..], ["line 11"]);
        assert!(!complaints.contains("secret"), "{complaints}");
        assert_eq!(report, Report { lines: 11, bad: 9 });
        assert_eq!(report.judge().unwrap_err().to_string(), "9 of 11 lines could not be scanned");
    }

    #[test]
    fn a_finding_counts_also_where_the_rest_was_not_looked_at() {
        // As deep as a request may be is one level deeper than is examined.
        let deep = format!("{}{}", "[".repeat(32), "]".repeat(32));
        for (email, answered) in [(r#""email":"a@b.example","#, true), ("", false)] {
            let input = format!("{{\"id\":1,\"event\":{{{email}\"a\":{deep}}}}}");
            let (output, complaints, _) = scan("{}", input.as_bytes());
            assert_eq!(output.starts_with(r#"{"id":1,"pii":true"#), answered, "{complaints}");
            assert_eq!(complaints.contains("nested deeper"), !answered, "{complaints}");
        }
    }
}
