//! Budgets of values, judged in the worker's transaction against `dimension_values`.
//!
//! A value that is held stays held, and a day that is full stays full, so both are decided on one
//! look without waiting for anybody. Only when there is room do workers that run side by side take
//! turns, a day and dimension at a time, until the end of their transactions.

use std::collections::{BTreeSet, HashMap, HashSet};

use stages::Day;
use stages::budget::{Budgets, DimensionValue, OTHER, OpenDimension};
use stages::ports::StoreError;

use super::WriteTx;
use super::statements::PAIRS;
use crate::store::database::query;
use crate::store::dialect::Dialect;
use crate::store::error::damaged;
use crate::store::lock::ADVISORY;
use crate::store::status::text;

/// A dimension of a day.
type Pair = (Day, OpenDimension);
/// The values that are held.
type Held = HashMap<Pair, HashSet<String>>;

/// See [`stages::ports::StoreTx::admit_values`].
pub(super) async fn admit(
    tx: &WriteTx,
    values: &[DimensionValue],
    budgets: &Budgets,
) -> Result<Vec<bool>, StoreError> {
    let pairs: BTreeSet<Pair> = values.iter().map(pair).collect();
    let mut held = held(tx, &pairs).await?;
    let open = open(values, &held, budgets);
    if !open.is_empty() {
        if tx.dialect == Dialect::Postgres {
            lock(tx, &open).await?;
            held.extend(self::held(tx, &open).await?);
        }
        take_in(values, &mut held, budgets);
    }
    let is_held = |value| held.get(&pair(value)).is_some_and(|held| held.contains(&*value.value));
    Ok(values.iter().map(is_held).collect())
}

fn pair(value: &DimensionValue) -> Pair {
    (value.day, value.dimension)
}

/// Which pairs have new values, and room.
fn open(values: &[DimensionValue], held: &Held, budgets: &Budgets) -> BTreeSet<Pair> {
    let is_open = |value: &&DimensionValue| {
        let held = held.get(&pair(value));
        let room = held.map_or(0, HashSet::len) < budgets.of(value.dimension);
        room && !held.is_some_and(|held| held.contains(&*value.value))
    };
    values.iter().filter(is_open).map(pair).collect()
}

async fn held(tx: &WriteTx, pairs: &BTreeSet<Pair>) -> Result<Held, StoreError> {
    let mut rows = tx.rows(&PAIRS, pairs.len(), 24);
    for (day, dimension) in pairs {
        rows.row(|row| {
            row.day(*day);
            row.text(dimension.as_str());
        });
    }
    let mut held = Held::new();
    for row in query(&tx.tx, &tx.statements.held_values, rows.finish()).await? {
        let day = Day::parse(&text(&row, 0)?).ok_or_else(|| damaged("a day"))?;
        let dimension = OpenDimension::read(&text(&row, 1)?);
        let dimension = dimension.ok_or_else(|| damaged("a dimension"))?;
        let value = text(&row, 2)?;
        if value != OTHER {
            held.entry((day, dimension)).or_default().insert(value);
        }
    }
    Ok(held)
}

/// Keeps other workers from adding to these pairs until the transaction ends. Everybody locks in
/// order, and before the days of cells.
async fn lock(tx: &WriteTx, pairs: &BTreeSet<Pair>) -> Result<(), StoreError> {
    for &(day, dimension) in pairs {
        // Cells lock by the number of the day alone, which is positive, and purposes by -1 and -2.
        let key = -(day.epoch_days() * 4 + 4 + dimension as i64);
        let sql = format!("SELECT 1 FROM pg_advisory_xact_lock({ADVISORY}, $1::int8::int4)");
        query(&tx.tx, &sql, [key.into()]).await?;
    }
    Ok(())
}

/// Takes in what there is room for, the first first. The aggregate stage writes it down, together with
/// the cells; what turns out to be unstorable until then takes no place.
fn take_in(values: &[DimensionValue], held: &mut Held, budgets: &Budgets) {
    for value in values {
        let most = budgets.of(value.dimension);
        let held = held.entry(pair(value)).or_default();
        if held.len() < most && held.insert(value.value.to_string()) && held.len() == most {
            tracing::warn!(
                day = %value.day,
                dimension = value.dimension.as_str(),
                "so many different values came for a day that further ones count as `other`; \
                 batch-persist has the budget in `daily_values`"
            );
        }
    }
}
