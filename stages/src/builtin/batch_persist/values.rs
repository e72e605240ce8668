//! Values beyond the budget of their day become `other`, before anything of the event is written: so
//! rows and rollups say the same, and rollups can be made again from rows.

use std::collections::{HashMap, HashSet};

use crate::batch::Batch;
use crate::budget::{Budgets, DimensionValue, OpenDimension};
use crate::hour::Day;
use crate::ports::{StoreError, StoreTx};

/// Asks the store for every value of the events that still go on, and folds what it does not admit.
pub(super) async fn fold(
    batch: &mut Batch<'_>,
    budgets: &Budgets,
    tx: &dyn StoreTx,
) -> Result<(), StoreError> {
    let values = values(batch);
    if values.is_empty() {
        return Ok(());
    }
    let admitted = tx.admit_values(&values, budgets).await?;
    let refused = values.into_iter().zip(admitted).filter(|(_, admitted)| !admitted);
    let refused: HashSet<DimensionValue> = refused.map(|(value, _)| value).collect();
    if refused.is_empty() {
        return Ok(());
    }
    for index in 0..batch.slots().len() {
        if !batch.slots()[index].passes() {
            continue;
        }
        let Some(event) = batch.event_mut(index).and_then(|event| event.scanned_mut()) else {
            continue;
        };
        let day = event.hour().day();
        for dimension in OpenDimension::ALL {
            let value = dimension.value(event).map(Into::into);
            if value
                .is_some_and(|value| refused.contains(&DimensionValue { day, dimension, value }))
            {
                event.fold(dimension);
            }
        }
    }
    Ok(())
}

/// Each value once: by day and dimension, and of these the first by position first.
fn values(batch: &Batch<'_>) -> Vec<DimensionValue> {
    let mut first = HashMap::<(Day, OpenDimension, &str), usize>::new();
    let passing = batch.slots().iter().enumerate().filter(|(_, slot)| slot.passes());
    for (index, event) in passing.filter_map(|(index, slot)| Some((index, slot.event.scanned()?))) {
        let day = event.hour().day();
        for dimension in OpenDimension::ALL {
            if let Some(value) = dimension.value(event) {
                first.entry((day, dimension, value)).or_insert(index);
            }
        }
    }
    let mut values: Vec<_> = first.into_iter().collect();
    values.sort_unstable_by_key(|&((day, dimension, value), index)| (day, dimension, index, value));
    let own = |((day, dimension, value), _): ((Day, OpenDimension, &str), usize)| DimensionValue {
        day,
        dimension,
        value: value.into(),
    };
    values.into_iter().map(own).collect()
}
