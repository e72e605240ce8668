//! Rollups against raw rows: are they what the rows give, and if not, make them so.
//!
//! `batches` cannot be told from raw rows, which do not say what they came with. So it is not
//! compared, and a rebuilt cell keeps the number it had, or gets 1.
//!
//! Only days of which every raw row is there can be judged: those from the oldest row on. Hourly
//! rows and errors may be kept for less time than raw rows, so days before the oldest of them are
//! left out of those tables.

mod raw;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, QueryResult, Value};
use stages::ports::StoreError;
use stages::rollup::{Axis, Dims, ErrorKey, Margin, Measures, Rollups};
use stages::sessions::Sessions;
use stages::{Day, HashKey, Hour, Level, Status};

use super::Database;
use super::columns::{self, BASE, MARGIN};
use super::database::{execute, query};
use super::dialect::Dialect;
use super::error::{damaged, store_error};
use super::read::measures;
use super::release;
use super::status::{count, text};
use super::write::{LedgerChange, cells, sessions};

/// A cell that is not what the raw rows give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The cell's key, its columns separated by ` / `.
    pub key: String,
    /// Calls as stored, or sessions in `sessions_day`; `None` when the cell is not there.
    pub stored: Option<u64>,
    /// The same as the raw rows give; `None` when they give no such cell. When it equals `stored`,
    /// another measure differs, or the bounds of a number of sessions.
    pub raw: Option<u64>,
}

/// Why rollups cannot be compared or rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Raw rows of the first days are gone.
    #[error("raw rows before {oldest} are gone, so {wanted} cannot be judged: begin at {oldest}")]
    RawGone {
        /// The first day asked for.
        wanted: Day,
        /// The oldest day with raw rows.
        oldest: Day,
    },
    /// There are no raw rows at all.
    #[error("the store has no raw rows to compare with")]
    NoRaw,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The rollups of one day: as stored, or as the raw rows give them.
#[derive(Default)]
struct Counts {
    hours: BTreeMap<(Hour, Dims), Measures>,
    days: BTreeMap<(Day, Dims), Measures>,
    hour_margins: BTreeMap<(Hour, Margin), Measures>,
    day_margins: BTreeMap<(Day, Margin), Measures>,
    errors: BTreeMap<ErrorKey, u64>,
    sessions: Sessions,
}

/// Which tables reach back to a day.
#[derive(Clone, Copy)]
struct Reach {
    hours: bool,
    errors: bool,
}

impl Database {
    /// Compares every rollup of the days from `from` up to but without `to` with the raw rows.
    /// Each day is read at one moment, so a worker that writes meanwhile makes no difference. `key` is
    /// the installation's key of identities, under which sessions are counted.
    ///
    /// # Errors
    /// When the raw rows of a day are gone, or the store cannot be read.
    pub async fn verify(
        &self,
        key: &HashKey,
        from: Day,
        to: Day,
    ) -> Result<Vec<Difference>, RebuildError> {
        let mut differences = Vec::new();
        let mut day = from;
        while day < to {
            let tx = self.begin_read().await?;
            hold_chunks(&tx).await?;
            let reach = reach(&tx, day).await?;
            let expected = raw::expected(&tx, key, day).await?.within(reach);
            let stored = stored(&tx, day).await?.within(reach);
            compare(&mut differences, day, &expected, &stored);
            day = day.plus(1);
        }
        Ok(differences)
    }

    /// Rewrites every rollup of the days from `from` up to but without `to` from the raw rows, one
    /// transaction a day; `key` as in [`Database::verify`].
    ///
    /// # Errors
    /// When the raw rows of a day are gone, or the store failed; days before that one are rebuilt.
    pub async fn rebuild(&self, key: &HashKey, from: Day, to: Day) -> Result<(), RebuildError> {
        let mut day = from;
        while day < to {
            self.rewrite_day(key, day, None).await?;
            day = day.plus(1);
        }
        Ok(())
    }

    /// Rewrites the rollups of a day from its raw rows, in one transaction, perhaps after a statement
    /// that deletes some of these. Answers how many it deleted.
    pub(super) async fn rewrite_day(
        &self,
        key: &HashKey,
        day: Day,
        deletion: Option<(&str, Vec<Value>)>,
    ) -> Result<u64, RebuildError> {
        let tx = self.write().await?;
        // Rows that come meanwhile are committed after this, with cells of their own.
        cells::lock_days(tx.tx(), &BTreeSet::from([day])).await?;
        hold_chunks(tx.tx()).await?;
        let reach = reach(tx.tx(), day).await?;
        let deleted = match deletion {
            Some((sql, values)) => execute(tx.tx(), sql, values).await?,
            None => 0,
        };
        let mut expected = raw::expected(tx.tx(), key, day).await?.within(reach);
        expected.keep_batches(&stored(tx.tx(), day).await?);
        delete(tx.tx(), day, reach).await?;
        sessions::replace(tx.tx(), day, &expected.sessions).await?;
        cells::merge(tx.tx(), &expected.into_rollups()).await?;
        release::recount(tx.tx(), &self.dialect().day("$1"), day).await?;
        tx.add_to_ledger(LedgerChange::default()).await?;
        tx.finish().await?;
        Ok(deleted)
    }
}

impl Counts {
    /// Only what lies within the reach of the tables.
    fn within(mut self, reach: Reach) -> Self {
        if !reach.hours {
            self.hours.clear();
            self.hour_margins.clear();
        }
        if !reach.errors {
            self.errors.clear();
        }
        self
    }

    /// Takes over the number of batches of each cell that is stored, and 1 for the others.
    fn keep_batches(&mut self, stored: &Self) {
        fn keep<K: Ord>(cells: &mut BTreeMap<K, Measures>, stored: &BTreeMap<K, Measures>) {
            for (key, cell) in cells {
                cell.batches = stored.get(key).map_or(1, |cell| cell.batches.max(1));
            }
        }
        keep(&mut self.hours, &stored.hours);
        keep(&mut self.days, &stored.days);
        keep(&mut self.hour_margins, &stored.hour_margins);
        keep(&mut self.day_margins, &stored.day_margins);
    }

    /// The sessions, if there are any.
    fn sessions_of(&self, day: Day) -> BTreeMap<Day, &Sessions> {
        (!self.sessions.is_empty()).then_some((day, &self.sessions)).into_iter().collect()
    }

    /// The cells. Sessions are written anew and not added to.
    fn into_rollups(self) -> Rollups {
        Rollups {
            hours: self.hours.into_iter().collect(),
            days: self.days.into_iter().collect(),
            hour_margins: self.hour_margins.into_iter().collect(),
            day_margins: self.day_margins.into_iter().collect(),
            errors: self.errors.into_iter().collect(),
            sessions: Vec::new(),
        }
    }
}

/// Keeps chunks of hypertables as they are: rows of one that is compressed meanwhile would be in
/// neither form for whoever has begun to look.
async fn hold_chunks(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    if Dialect::of(db) == Dialect::Sqlite {
        return Ok(());
    }
    let sql = "LOCK TABLE events, rollup_hour, margin_hour, errors IN ACCESS SHARE MODE";
    execute(db, sql, []).await.map(drop)
}

async fn reach(db: &impl ConnectionTrait, day: Day) -> Result<Reach, RebuildError> {
    let Some(oldest) = oldest(db, "timestamp_hour", "events").await? else {
        return Err(RebuildError::NoRaw);
    };
    if day < oldest {
        return Err(RebuildError::RawGone { wanted: day, oldest });
    }
    let reaches = |oldest: Option<Day>| oldest.is_none_or(|oldest| day >= oldest);
    Ok(Reach {
        hours: reaches(self::oldest(db, "hour", "margin_hour").await?),
        errors: reaches(self::oldest(db, "hour", "errors").await?),
    })
}

async fn oldest(
    db: &impl ConnectionTrait,
    column: &str,
    table: &str,
) -> Result<Option<Day>, StoreError> {
    let oldest = Dialect::of(db).hour_text(&format!("min({column})"));
    let rows = query(db, &format!("SELECT {oldest} FROM {table}"), []).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text: Option<String> = row.try_get_by_index(0).map_err(store_error)?;
    text.map(|text| hour(&text).map(Hour::day)).transpose()
}

async fn stored(db: &impl ConnectionTrait, day: Day) -> Result<Counts, StoreError> {
    let mut stored = Counts::default();
    let d = Dialect::of(db);
    let hours = [day.start().to_string().into(), day.plus(1).start().to_string().into()];
    let (in_day, is_day) = (in_day(d), format!("WHERE day = {}", d.day("$1")));
    let at = d.hour_text("hour");
    let base = columns::list(columns::measures().chain(BASE));
    let margins = columns::list(columns::measures().chain(MARGIN));

    let sql = format!("SELECT {base}, {at} FROM rollup_hour {in_day}");
    for row in query(db, &sql, hours.clone()).await? {
        stored.hours.insert((hour(&text(&row, 17)?)?, dims(&row)?), measures(&row, 0)?);
    }
    let sql = format!("SELECT {base} FROM rollup_day {is_day}");
    for row in query(db, &sql, [day.to_string().into()]).await? {
        stored.days.insert((day, dims(&row)?), measures(&row, 0)?);
    }
    let sql = format!("SELECT {margins}, {at} FROM margin_hour {in_day}");
    for row in query(db, &sql, hours.clone()).await? {
        stored.hour_margins.insert((hour(&text(&row, 15)?)?, margin(&row)?), measures(&row, 0)?);
    }
    let sql = format!("SELECT {margins} FROM margin_day {is_day}");
    for row in query(db, &sql, [day.to_string().into()]).await? {
        stored.day_margins.insert((day, margin(&row)?), measures(&row, 0)?);
    }
    let sql = format!("SELECT {at}, tool, version, error_type, count FROM errors {in_day}");
    for row in query(db, &sql, hours).await? {
        let key = ErrorKey {
            hour: hour(&text(&row, 0)?)?,
            tool: text(&row, 1)?.into(),
            version: text(&row, 2)?.into(),
            error_type: text(&row, 3)?.into(),
        };
        stored.errors.insert(key, count(&row, 4)?);
    }
    let sql = format!("SELECT sketch FROM sessions_day {is_day}");
    for row in query(db, &sql, [day.to_string().into()]).await? {
        stored.sessions = sessions::read(row.try_get_by_index(0).map_err(store_error)?)?;
    }
    Ok(stored)
}

/// The hours from the first value up to but without the second.
fn in_day(dialect: Dialect) -> String {
    format!("WHERE hour >= {} AND hour < {}", dialect.hour("$1"), dialect.hour("$2"))
}

/// Reads the dimensions that stand after the measures.
fn dims(row: &QueryResult) -> Result<Dims, StoreError> {
    Ok(Dims {
        tool: text(row, 11)?.into(),
        version: text(row, 12)?.into(),
        level: Level::read(&text(row, 13)?).ok_or_else(|| damaged("a level"))?,
        status: status(&text(row, 14)?)?,
        service: text(row, 15)?.into(),
        country: text(row, 16)?.into(),
    })
}

/// Reads the marginal dimensions that stand after the measures.
fn margin(row: &QueryResult) -> Result<Margin, StoreError> {
    let axis = text(row, 11)?;
    let axis = Axis::ALL.into_iter().find(|known| known.as_str() == axis);
    Ok(Margin {
        axis: axis.ok_or_else(|| damaged("an axis"))?,
        tool: text(row, 12)?.into(),
        value: text(row, 13)?.into(),
        status: status(&text(row, 14)?)?,
    })
}

fn status(text: &str) -> Result<Status, StoreError> {
    Status::read(text).ok_or_else(|| damaged("a status"))
}

fn hour(text: &str) -> Result<Hour, StoreError> {
    Hour::parse(text).ok_or_else(|| damaged("an hour"))
}

async fn delete(db: &impl ConnectionTrait, day: Day, reach: Reach) -> Result<(), StoreError> {
    let d = Dialect::of(db);
    for table in ["rollup_day", "margin_day", "total_day", "dimension_values"] {
        let sql = format!("DELETE FROM {table} WHERE day = {}", d.day("$1"));
        execute(db, &sql, [day.to_string().into()]).await?;
    }
    let hourly = [("rollup_hour", reach.hours), ("margin_hour", reach.hours)];
    for (table, _) in hourly.into_iter().chain([("errors", reach.errors)]).filter(|&(_, r)| r) {
        let sql = format!("DELETE FROM {table} {}", in_day(d));
        let hours = [day.start().to_string().into(), day.plus(1).start().to_string().into()];
        execute(db, &sql, hours).await?;
    }
    Ok(())
}

fn compare(differences: &mut Vec<Difference>, day: Day, expected: &Counts, stored: &Counts) {
    let base = |dims: &Dims| {
        let Dims { tool, version, level, status, service, country } = dims;
        let (level, status) = (level.as_str(), status.as_str());
        format!("{tool} / {version} / {level} / {status} / {service} / {country}")
    };
    let margin = |margin: &Margin| {
        let Margin { axis, tool, value, status } = margin;
        format!("{} / {tool} / {value} / {}", axis.as_str(), status.as_str())
    };
    let mut cells = Cells { differences };
    let counted = |cell: &Measures| cell.calls;
    let same = |a: &Measures, b: &Measures| *a == Measures { batches: a.batches, ..b.clone() };
    let key = |(at, dims): &(Hour, Dims)| format!("{at} / {}", base(dims));
    cells.compare("rollup_hour", &expected.hours, &stored.hours, key, counted, same);
    let key = |(at, dims): &(Day, Dims)| format!("{at} / {}", base(dims));
    cells.compare("rollup_day", &expected.days, &stored.days, key, counted, same);
    let key = |(at, cell): &(Hour, Margin)| format!("{at} / {}", margin(cell));
    cells.compare("margin_hour", &expected.hour_margins, &stored.hour_margins, key, counted, same);
    let key = |(at, cell): &(Day, Margin)| format!("{at} / {}", margin(cell));
    cells.compare("margin_day", &expected.day_margins, &stored.day_margins, key, counted, same);
    let key = |key: &ErrorKey| {
        let ErrorKey { hour, tool, version, error_type } = key;
        format!("{hour} / {tool} / {version} / {error_type}")
    };
    cells.compare("errors", &expected.errors, &stored.errors, key, |n| *n, |a, b| a == b);
    let [expected, stored] = [expected, stored].map(|counts| counts.sessions_of(day));
    let number = |sessions: &&Sessions| sessions.count().estimate;
    // Not the sessions themselves: under another key, as beside a queue that was made anew, the same
    // ones have other hashes.
    let same = |a: &&Sessions, b: &&Sessions| a.count() == b.count();
    cells.compare("sessions_day", &expected, &stored, Day::to_string, number, same);
}

struct Cells<'a> {
    differences: &'a mut Vec<Difference>,
}

impl Cells<'_> {
    fn compare<K: Ord, V>(
        &mut self,
        table: &'static str,
        expected: &BTreeMap<K, V>,
        stored: &BTreeMap<K, V>,
        show: impl Fn(&K) -> String,
        calls: impl Fn(&V) -> u64,
        same: impl Fn(&V, &V) -> bool,
    ) {
        let surplus = stored.keys().filter(|key| !expected.contains_key(key));
        for key in expected.keys().chain(surplus) {
            let (raw, stored) = (expected.get(key), stored.get(key));
            if !matches!((raw, stored), (Some(a), Some(b)) if same(a, b)) {
                let key = show(key);
                let (stored, raw) = (stored.map(&calls), raw.map(&calls));
                self.differences.push(Difference { table, key, stored, raw });
            }
        }
    }
}
