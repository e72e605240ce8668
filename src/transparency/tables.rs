//! Every table: its columns, what each is for, and for how long rows are kept. Tests compare it with
//! the databases that a server makes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stages::units::Span;

use super::Field;
use crate::config::Settings;
use crate::store::lifetimes;

/// A table, or what is kept under a key in Redis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Table {
    /// Where it is: `store`, `queue`, or `spool` (a server's queue for the time that Redis is away).
    pub place: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Its columns; none for what is in Redis.
    pub columns: Vec<Column>,
    /// For how long its rows are kept: a duration such as `90d`, or words.
    pub kept: String,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

/// What has no retention of its own.
const FOR_EVER: &str = "for ever";
const ON_THE_WAY: &str = "until it is stored";

type Columns = &'static [(&'static str, &'static str)];
/// Name, purpose, for how long where no retention says so, columns.
type Said = (&'static str, &'static str, &'static str, &'static [Columns]);

const HOUR: Columns = &[("hour", "the UTC hour that is summed up")];
const DAY: Columns = &[("day", "the UTC date")];
const CELL: Columns = &[
    ("tool", "the tool"),
    ("version", "the version of the client"),
    ("level", "how much the client tells"),
    ("status", "success or error"),
    ("service", "the weather service; empty when not told"),
    ("country", "the country; empty when not told"),
];
const MARGIN: Columns = &[
    ("axis", "by what is summed up beside the tool: version, country, ..."),
    ("tool", "the tool"),
    ("value", "the version, country, ..."),
    ("status", "success or error"),
];
const TOTAL: Columns = &[
    ("axis", "by what is summed up: version, country, ..."),
    ("value", "the version, country, ..."),
    ("status", "success or error"),
];
const MEASURES: Columns = &[
    ("calls", "how many calls"),
    ("batches", "how many batches they came in"),
    ("cache_hits", "calls that the client's cache answered"),
    ("cache_misses", "calls that it did not answer"),
    ("retries", "sum of retries"),
    ("retry_events", "calls that told their retries"),
    ("time_sum", "sum of response times"),
    ("time_count", "calls that told theirs"),
    ("time_min", "the shortest"),
    ("time_max", "the longest"),
    ("times", "how many calls took how long, for percentiles"),
];

const STORE: [Said; 17] = [
    ("events", "One row an event, without an id.", "", &[]),
    (
        "rollup_hour",
        "Sums by hour and everything that calls are told apart by.",
        "",
        &[HOUR, CELL, MEASURES],
    ),
    ("rollup_day", "The same by date.", "", &[DAY, CELL, MEASURES]),
    ("margin_hour", "Sums by hour, tool and one thing more.", "", &[HOUR, MARGIN, MEASURES]),
    ("margin_day", "The same by date.", "", &[DAY, MARGIN, MEASURES]),
    (
        "released_day",
        "The sums of margin_day that are large enough to be published, as they were when that was decided.",
        "",
        &[DAY, MARGIN, MEASURES],
    ),
    ("total_day", "The sums of margin_day over all tools.", "", &[DAY, TOTAL, MEASURES]),
    ("frozen_days", "Dates for which it was decided what is published.", FOR_EVER, &[DAY]),
    (
        "sessions_day",
        "How many sessions a date had, of clients that send one: a sketch of keyed hashes, in which \
         none can be looked up.",
        "",
        &[
            DAY,
            &[
                ("sketch", "the count"),
                ("released", "the same as it is published; empty while it is not"),
            ],
        ],
    ),
    (
        "errors",
        "Failed calls by type and hour.",
        "",
        &[
            HOUR,
            &[
                ("tool", "the tool"),
                ("version", "the version of the client"),
                ("error_type", "the type"),
                ("count", "how many"),
            ],
        ],
    ),
    (
        "entries",
        "One random marker a batch, so that none counts twice, and what its receipt tells.",
        "",
        &[&[
            ("entry_id", "128 random bits"),
            ("received_hour", "the UTC hour in which it came"),
            ("events", "events in the batch"),
            ("persisted", "of these stored"),
            ("duplicate", "recognised as repeats"),
            ("dead_letter", "set aside"),
            ("expired", "whether it came too late to be stored"),
        ]],
    ),
    (
        "batch_keys",
        "Keyed hashes of batches, so that a repeat counts once.",
        "",
        &[&[("key", "the hash"), ("day", "the UTC date of receipt, to delete it by")]],
    ),
    (
        "event_keys",
        "Keyed hashes of event ids, or of session and sequence number, so that a repeat counts once.",
        "",
        &[&[("key", "the hash"), ("day", "the UTC date, to delete it by")]],
    ),
    (
        "dead_letters",
        "Scanned events that the database refused or that came too late, to be tried again.",
        "until an operator decides",
        &[&[
            ("id", "random"),
            ("code", "why it was set aside"),
            ("sqlstate", "the code of the database, if it has one"),
            ("payload", "the fields of the event"),
            ("received_hour", "the UTC hour in which it came"),
            ("first_seen_hour", "the UTC hour in which it was set aside"),
            ("attempts", "how often it was tried"),
        ]],
    ),
    (
        "ledger",
        "Totals since installation: what became of how many events.",
        FOR_EVER,
        &[&[
            ("shard", "whose part of the sum it is, by number"),
            ("persisted", "events stored"),
            ("duplicate", "repeats"),
            ("dead_letter", "events set aside"),
            ("discarded", "events that an operator dropped"),
            ("commits", "how often something changed"),
        ]],
    ),
    (
        "dimension_values",
        "Which versions, countries and error types a date has, so that there are not too many.",
        "",
        &[DAY, &[("dimension", "which of the three"), ("value", "the value")]],
    ),
    (
        "seaql_migrations",
        "Which changes of the schema were made.",
        FOR_EVER,
        &[&[("version", "the name of the change"), ("applied_at", "when the operator made it")]],
    ),
];

/// The queue in a file, and the spool.
const FILE: [Said; 5] = [
    (
        "waiting",
        "Scanned events, batch by batch.",
        ON_THE_WAY,
        &[&[
            ("seq", "their order"),
            ("entry_id", "128 random bits"),
            ("events", "events in the batch"),
            ("door_duplicates", "repeats that were recognised before"),
            ("bytes", "its size"),
            ("received_hour", "the UTC hour in which it came"),
            ("payload", "the fields of the events, and keyed hashes to recognise repeats by"),
        ]],
    ),
    (
        "counters",
        "Totals.",
        FOR_EVER,
        &[&[
            ("one", "always 1"),
            ("accepted", "events accepted since installation"),
            ("door_duplicates", "repeats among them"),
            ("queued_entries", "batches in the queue"),
            ("queued_events", "events in the queue"),
            ("queued_bytes", "their size"),
            ("newest", "the number of the newest batch"),
        ]],
    ),
    (
        "meta",
        "The installation's random key for hashes, and the like.",
        FOR_EVER,
        &[&[("name", "what it is"), ("value", "the value")]],
    ),
    (
        "workers",
        "Which worker processes are alive.",
        "while they are",
        &[&[("id", "random"), ("beat", "its last sign of life"), ("lag", "how far behind it is")]],
    ),
    (
        "refusals",
        "How much was refused.",
        FOR_EVER,
        &[&[("kind", "events or requests"), ("code", "for which reason"), ("count", "how many")]],
    ),
];

/// The queue in Redis, and what servers share there.
const REDIS: [Said; 11] = [
    ("analytics:{queue<n>}:stream", "Scanned events, batch by batch.", ON_THE_WAY, &[]),
    ("analytics:{queue<n>}:ids", "Random ids of those batches.", ON_THE_WAY, &[]),
    ("analytics:{queue<n>}:counters", "Totals.", FOR_EVER, &[]),
    (
        "analytics:{queue<n>}:appender:<id>",
        "The number of the last batch that a server process put in; its id is random.",
        "30d",
        &[],
    ),
    (
        "analytics:{queue}:meta",
        "The installation's random key for hashes, and the like.",
        FOR_EVER,
        &[],
    ),
    ("analytics:{queue}:workers", "Which worker processes are alive.", "while they are", &[]),
    ("analytics:{queue}:refusals", "How much was refused, by reason.", FOR_EVER, &[]),
    ("analytics:{clients}:key", "The random key of the hashes of addresses.", "24h", &[]),
    (
        "analytics:{limits}:<client>:<limit>",
        "When a client may ask as often as others again. It is a hash of its address under that key.",
        "for minutes",
        &[],
    ),
    (
        "analytics:{seen}:<generation>",
        "Keyed hashes of events that came lately, so that repeats are recognised at the door.",
        "for at most twice the window of the stage dedup",
        &[],
    ),
    (
        "analytics:answers:<hash>",
        "Answers that were given to readers, to be given again.",
        "for minutes",
        &[],
    ),
];

/// Every table, with retention as it is set.
pub(super) fn all(settings: &Settings, fields: &[Field]) -> Vec<Table> {
    let lives: BTreeMap<_, _> = lifetimes(&settings.retention).collect();
    let store = STORE.iter().map(|said| {
        let mut table = table("store", said, lives.get(said.0));
        if table.name == "events" {
            let column = |field: &Field| Column { name: field.name, purpose: field.purpose };
            table.columns = fields.iter().map(column).collect();
        }
        table
    });
    let in_redis = settings.queue.url.expose().starts_with("redis");
    let on_the_way: Vec<_> = if in_redis {
        let redis = REDIS.iter().map(|said| table("queue", said, None));
        redis.chain(FILE.iter().map(|said| table("spool", said, None))).collect()
    } else {
        FILE.iter().map(|said| table("queue", said, None)).collect()
    };
    store.chain(on_the_way).collect()
}

fn table(place: &'static str, said: &Said, life: Option<&Span>) -> Table {
    let (name, purpose, kept, columns) = *said;
    let columns = columns.iter().copied().flatten();
    Table {
        place,
        name,
        purpose,
        columns: columns.map(|&(name, purpose)| Column { name, purpose }).collect(),
        kept: life.map_or_else(|| kept.to_owned(), Span::to_string),
    }
}
