//! `demo`: an installation full of plausible data.

use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use stages::{Clock, Day, SystemClock};

use super::help::{environment, exit_codes};
use super::{ConfigFile, Outcome, block_on, print};
use crate::config::settings::{Secret, Settings};
use crate::config::{Flags, Loaded};
use crate::demo::{self, Plan, Progress, Summary};

/// Without a terminal, a line is printed each time that so much more is done, in percent.
const LINE_EVERY: u64 = 10;

const MORE: &str = concat!(
    "\
Examples:
  weather-mcp-analytics demo --into demo-data
  weather-mcp-analytics demo --into busy-week --days 7 --events 500000 --seed 4

",
    exit_codes!("filled", "the installation is not empty, or could not be filled"),
    "\n\n",
    environment!()
);

/// Fill an empty installation with plausible data, to look around.
///
/// Simulated clients post events of 90 days: 17 tools, releases that are adopted over time, daily and
/// weekly rhythm, growth, errors, incidents. Everything takes the real way, on a clock that walks from
/// the first day to now: the stages of pipeline.yaml, the queue, the worker, housekeeping. Numbers of a
/// demo therefore agree with each other as those of a real installation do.
///
/// The queue and store that pipeline.yaml names must be empty, so that nobody's data are mixed with made-up
/// ones; --into takes two SQLite files in a folder of their own instead. Stop a server that runs on them.
/// The same seed gives the same events, relative to the hour in which the demo was made.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Demo {
    /// Put queue and store into this folder, which must be new or empty.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// UTC dates with events, today included.
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// About how many events altogether.
    #[arg(long, value_name = "N", default_value_t = 250_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    events: u64,
    /// Another number gives other events.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(command: &Demo) -> Outcome {
    let mut loaded = command.config.load(&stages::registry(), Flags::default())?;
    if let Some(folder) = &command.into {
        redirect(&mut loaded.settings, folder)?;
    }
    let clock = SystemClock::new();
    let plan =
        Plan { seed: command.seed, days: command.days, events: command.events, end: clock.hour() };
    let summary = block_on(async { Ok(fill(&loaded, &plan, &clock).await?) })?;
    let program = std::env::args().next().unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned());
    let serve = serve_command(&program, command)?;
    let page = format!("http://{}/", loaded.settings.server.listen);
    print(&told(&summary, clock.monotonic(), &serve, &page))
}

/// Lets queue and store be files of `folder`.
fn redirect(settings: &mut Settings, folder: &Path) -> anyhow::Result<()> {
    let name = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {name}"))?;
    let mut there = std::fs::read_dir(folder).with_context(|| format!("cannot read {name}"))?;
    if there.next().is_some() {
        bail!("{name} is not empty: name a new folder, or empty this one");
    }
    let [queue, store] = urls(folder)?;
    (settings.queue.url, settings.store.url) = (Secret::new(queue), Secret::new(store));
    Ok(())
}

/// Addresses of queue and store in a folder.
fn urls(folder: &Path) -> anyhow::Result<[String; 2]> {
    let path = folder.to_str().filter(|path| !path.contains(['?', '%', '#', '$']));
    let Some(path) = path else {
        bail!("{} cannot be part of an address: choose a plainer name", folder.display());
    };
    Ok(["queue.db", "analytics.db"].map(|file| format!("sqlite://{path}/{file}")))
}

async fn fill(loaded: &Loaded, plan: &Plan, clock: &SystemClock) -> anyhow::Result<Summary> {
    let mut teller = Teller::new(plan, clock);
    let summary = demo::run(loaded, plan, |progress| teller.tell(progress)).await;
    teller.end();
    summary
}

/// Says how far it is: a bar on a terminal, else now and then a line.
struct Teller<'c> {
    clock: &'c SystemClock,
    expected: u64,
    bar: Option<ProgressBar>,
    said: u64,
}

impl<'c> Teller<'c> {
    fn new(plan: &Plan, clock: &'c SystemClock) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let template = "{msg}  {bar:30}  {human_pos} of {human_len} events  {rate}  {eta} left";
            // The template is a constant; without it the bar is plainer.
            let style = ProgressStyle::with_template(template);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let style =
                style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
                    // Nobody sees a bar that cannot be drawn.
                    write!(out, "{}/s", HumanCount(state.per_sec() as u64)).ok();
                });
            ProgressBar::new(plan.events).with_style(style)
        });
        Self { clock, expected: plan.events, bar, said: 0 }
    }

    fn tell(&mut self, progress: Progress) {
        let Progress { hour, sent } = progress;
        if let Some(bar) = &self.bar {
            bar.set_message(hour.day().to_string());
            bar.set_position(sent.min(self.expected));
            return;
        }
        let percent = (sent * 100 / self.expected.max(1)).min(100);
        if percent >= self.said + LINE_EVERY {
            self.said = percent;
            let line = line(hour.day(), sent, self.expected, self.clock.monotonic());
            // When standard error is gone there is nobody left to tell.
            stderr().lock().write_all(line.as_bytes()).ok();
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(day: Day, sent: u64, expected: u64, elapsed: Duration) -> String {
    let a_second = sent as f64 / elapsed.as_secs_f64().max(0.001);
    let left = expected.saturating_sub(sent) as f64 / a_second.max(1.0);
    format!(
        "{day}  {} of about {} events, {}/s, {} left\n",
        HumanCount(sent),
        HumanCount(expected),
        HumanCount(a_second as u64),
        HumanDuration(Duration::from_secs_f64(left)),
    )
}

/// What was done and what to do now.
fn told(summary: &Summary, took: Duration, command: &str, page: &str) -> String {
    let Summary { requests, sent, accepted: _, refused, totals } = summary;
    let mut out = format!(
        "{} events in {} requests, in {}: {} stored, {} duplicates",
        HumanCount(*sent),
        HumanCount(*requests),
        HumanDuration(took),
        HumanCount(totals.persisted),
        HumanCount(totals.duplicate),
    );
    for (what, count) in [("dead letters", totals.dead_letter), ("discarded", totals.discarded)] {
        if count > 0 {
            out.push_str(&format!(", {} {what}", HumanCount(count)));
        }
    }
    for (code, count) in refused {
        out.push_str(&format!(", {} refused as {code}", HumanCount(*count)));
    }
    out.push_str(&format!("\n\nLook at it with\n\n  {command}\n\nand open {page}\n"));
    out
}

/// The command that serves what was made.
fn serve_command(program: &str, command: &Demo) -> anyhow::Result<String> {
    let mut words = Vec::new();
    if let Some(folder) = &command.into {
        let [queue, store] = urls(folder)?;
        words.push(format!("ANALYTICS_QUEUE__URL={}", quoted(&queue)));
        words.push(format!("ANALYTICS_STORE__URL={}", quoted(&store)));
    }
    words.extend([quoted(program), "serve".to_owned()]);
    if let Some(file) = &command.config.config {
        words.extend(["--config".to_owned(), quoted(&file.to_string_lossy())]);
    }
    Ok(words.join(" "))
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=+@,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        demo: Demo,
    }

    #[test]
    fn the_command_to_look_at_it_can_be_pasted() {
        for (arguments, want) in [
            (&[][..], "./w serve"),
            (&["--config", "my p.yaml"], "./w serve --config 'my p.yaml'"),
            (
                &["--into", "jo's"],
                r"ANALYTICS_QUEUE__URL='sqlite://jo'\''s/queue.db' ANALYTICS_STORE__URL='sqlite://jo'\''s/analytics.db' ./w serve",
            ),
            (
                &["--into", "/d"],
                "ANALYTICS_QUEUE__URL=sqlite:///d/queue.db ANALYTICS_STORE__URL=sqlite:///d/analytics.db ./w serve",
            ),
        ] {
            let words = ["demo"].iter().chain(arguments);
            let demo = Line::try_parse_from(words).map_err(|error| error.to_string()).unwrap().demo;
            assert_eq!(serve_command("./w", &demo).unwrap(), want);
        }
        assert!(urls(Path::new("a?b")).is_err() && urls(Path::new("a$b")).is_err());
    }

    #[test]
    fn progress_tells_rate_and_time_left() {
        let day = Day::parse("2026-08-20").unwrap();
        let line = line(day, 100_000, 400_000, Duration::from_secs(4));
        assert_eq!(
            line,
            "2026-08-20  100,000 of about 400,000 events, 25,000/s, 12 seconds left\n"
        );
    }

    #[test]
    fn the_end_tells_what_became_of_the_events() {
        let mut summary = Summary { requests: 20, sent: 1_234, ..Summary::default() };
        (summary.totals.persisted, summary.totals.duplicate) = (1_200, 30);
        summary.refused.insert("invalid_tool", 4);
        let told = told(&summary, Duration::from_secs(2), "./w serve", "http://127.0.0.1:3000/");
        let want = "1,234 events in 20 requests, in 2 seconds: 1,200 stored, 30 duplicates, \
                    4 refused as invalid_tool\n\nLook at it with\n\n  ./w serve\n\n\
                    and open http://127.0.0.1:3000/\n";
        assert_eq!(told, want);
    }
}
