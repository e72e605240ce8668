//! `copy`: moving an installation from files to servers.

use std::io::{IsTerminal, Write, stderr};

use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::help::{environment, exit_codes};
use super::{ConfigFile, Outcome, block_on, print};
use crate::config::Flags;
use crate::config::settings::Secret;
use crate::copy::{self, Plan, Summary};
use crate::store::Progress;

/// Without a terminal, a line is printed each time that so much more is done, in percent.
const LINE_EVERY: u64 = 10;

const MORE: &str = concat!(
    "\
Examples:
  Change store.url in pipeline.yaml to the new store, then
    weather-mcp-analytics copy --from sqlite://data/analytics.db
  Change queue.url as well, then
    weather-mcp-analytics copy --from sqlite://data/analytics.db --from-queue sqlite://data/queue.db

",
    exit_codes!(
        "everything is there and was compared",
        "something stood in the way, or broke off; the same command goes on"
    ),
    "\n\n",
    environment!()
);

/// Move an installation from SQLite files to PostgreSQL and Redis.
///
/// Rows, rollups, ledger, identities, receipts and dead letters go into an empty PostgreSQL database.
/// When the queue moves to Redis too, it counts on from what was accepted, and recognises repeats of
/// what the old one accepted. Stop every server first, and let a worker empty the queue: `copy` refuses
/// otherwise, and says what to do. The old files are only read, and stay.
///
/// A copy that broke off, however that came, goes on where it stopped when it is run again. At the end
/// counts, sums and bounds of every column are compared on both sides. Until then nothing starts on
/// the new store.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Copy {
    /// The store to read: the file that store.url named before.
    #[arg(long, value_name = "URL", value_parser = secret)]
    from: Secret,
    /// The store to fill. Default: store.url, which keeps its password off the command line.
    #[arg(long, value_name = "URL", value_parser = secret)]
    to: Option<Secret>,
    /// The queue that belongs to --from. Default: queue.url, if the queue stays where it is.
    #[arg(long, value_name = "URL", value_parser = secret)]
    from_queue: Option<Secret>,
    /// The queue to go on with. Default: queue.url.
    #[arg(long, value_name = "URL", value_parser = secret)]
    to_queue: Option<Secret>,
    /// Remove what an earlier copy that did not end has left in the new store, and begin anew.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    config: ConfigFile,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

pub(super) fn run(command: &Copy) -> Outcome {
    let settings = command.config.load(&stages::registry(), Flags::default())?.settings;
    let or =
        |given: &Option<Secret>, configured: &Secret| given.as_ref().unwrap_or(configured).clone();
    let plan = Plan {
        from: command.from.clone(),
        to: or(&command.to, &settings.store.url),
        from_queue: or(&command.from_queue, &settings.queue.url),
        to_queue: or(&command.to_queue, &settings.queue.url),
        again: command.again,
    };
    let mut teller = Teller::default();
    let moved = block_on(async { Ok(copy::run(&settings, &plan, &mut teller).await?) });
    teller.end();
    print(&told(&moved?))
}

/// What was done and what to do now.
fn told(summary: &Summary) -> String {
    let mut out = String::new();
    for it in &summary.copied {
        out.push_str(&format!("{:>15}  {}\n", HumanCount(it.rows).to_string(), it.table));
    }
    let rows = summary.copied.iter().map(|it| it.rows).sum();
    out.push_str(&format!("{} rows are there, compared column by column.\n", HumanCount(rows)));
    if summary.queue_moved {
        let accepted = HumanCount(summary.accepted);
        out.push_str(&format!("The new queue counts on from {accepted} accepted events.\n"));
    }
    if summary.balance != 0 {
        out.push_str(&format!(
            "The old ledger had a balance of {}, and so has the new one.\n",
            summary.balance
        ));
    }
    let what = if summary.queue_moved { "store.url and queue.url" } else { "store.url" };
    out.push_str(&format!(
        "Let {what} name the new place, and start. The old files are as they were; delete them when \
         you no longer want the way back.\n"
    ));
    out
}

/// Says how far it is: a bar on a terminal, else now and then a line.
#[derive(Default)]
struct Teller {
    bar: Option<ProgressBar>,
    rows: u64,
    done: u64,
    said: u64,
}

impl Progress for Teller {
    fn begin(&mut self, rows: u64) {
        self.rows = rows;
        self.bar = stderr().is_terminal().then(|| {
            let template = "{bar:30}  {human_pos} of {human_len} rows  {eta} left  {msg}";
            // The template is a constant; without it the bar is plainer.
            let style = ProgressStyle::with_template(template);
            ProgressBar::new(rows)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
    }

    fn step(&mut self, table: &'static str, rows: u64) {
        self.done += rows;
        if let Some(bar) = &self.bar {
            bar.set_message(table);
            bar.set_position(self.done);
            return;
        }
        let percent = (self.done * 100 / self.rows.max(1)).min(100);
        if percent >= self.said + LINE_EVERY {
            self.said = percent;
            let (done, all) = (HumanCount(self.done), HumanCount(self.rows));
            say(&format!("{percent} %: {done} of {all} rows, at {table}\n"));
        }
    }

    fn verify(&mut self) {
        match &self.bar {
            Some(bar) => bar.set_message("comparing"),
            None => say("comparing\n"),
        }
    }
}

impl Teller {
    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn say(line: &str) {
    // When standard error is gone there is nobody left to tell.
    stderr().lock().write_all(line.as_bytes()).ok();
}
