//! Dates that are over, added up over all tools, so that whoever does not ask by tool reads few rows.
//!
//! Separate from the rollups, which the worker counts in the transaction of each event: a total is
//! only another form of what they hold, made later and at leisure, and costs the worker nothing.
//! It never has to be right: a reader takes it when it has as many calls as its date has
//! ([`is_whole`]), and the rollups themselves otherwise, as after a late event. So a date that was
//! not added up yet, or by a release that knew nothing of totals, is read more slowly, and no
//! answer differs.

use stages::ports::StoreError;
use stages::rollup::{Axis, Measures};
use stages::{Day, Status};

use super::Database;
use super::database::execute;
use super::error::damaged;
use super::read::{Detail, Filter, Grain, Question, Range, cells_within, held};
use super::status::text;
use super::write::cells;

/// The axes of which there are totals: those that every call is counted on.
pub(super) const AXES: [Axis; 4] = [Axis::Version, Axis::Level, Axis::Service, Axis::Country];

/// Calls of all tools with a value on an axis.
pub(super) struct Total {
    pub(super) axis: Axis,
    pub(super) value: String,
    pub(super) status: Status,
}

/// Whether the totals of `day` on `axis` hold all of its calls, as a condition: both expressions.
pub(super) fn is_whole(day: &str, axis: &str) -> String {
    format!(
        "(SELECT sum(t.calls) FROM total_day AS t WHERE t.day = {day} AND t.axis = {axis}) = \
         (SELECT sum(m.calls) FROM margin_day AS m WHERE m.day = {day} AND m.axis = 'tool')"
    )
}

impl Database {
    /// Adds up every date that is over and whose totals are not whole. Answers how many there were.
    ///
    /// # Errors
    /// When the store failed; dates before that are added up.
    pub async fn add_up_days(&self) -> Result<usize, StoreError> {
        let mut days = 0;
        for axis in AXES {
            for day in self.not_added_up(axis).await? {
                self.add_up(day, axis).await?;
                days += usize::from(axis == AXES[0]);
            }
        }
        Ok(days)
    }

    /// Dates with cells that are over and whose totals are not whole.
    async fn not_added_up(&self, axis: Axis) -> Result<Vec<Day>, StoreError> {
        let d = self.dialect();
        let sql = format!(
            "WITH RECURSIVE {} SELECT {} FROM held0 WHERE at IS NOT NULL \
             AND NOT coalesce({}, false) ORDER BY 1",
            held(d, 0, Grain::Day, ("$1", "$2")),
            d.day_text("at"),
            is_whole("held0.at", "$3"),
        );
        let first = Day::from_epoch_days(0).to_string();
        let today = self.clock().hour().day().to_string();
        let rows = self.query(&sql, [first.into(), today.into(), axis.as_str().into()]).await?;
        let day = |text: String| Day::parse(&text).ok_or_else(|| damaged("a day"));
        rows.iter().map(|row| day(text(row, 0)?)).collect()
    }

    /// Reads under the lock of the date: a purge between reading and writing would else be undone.
    async fn add_up(&self, day: Day, axis: Axis) -> Result<(), StoreError> {
        let tx = self.write().await?;
        cells::lock_days(tx.tx(), &[day].into()).await?;
        let range = Range { from: day.start(), to: day.plus(1).start() };
        let (filter, detail) = (Filter::NONE, Detail::Times);
        let question = Question { range, grain: None, axis, by_tool: false, filter, detail };
        let totals: Vec<((Day, Total), Measures)> =
            cells_within(tx.tx(), self.dialect(), &question)
                .await?
                .into_iter()
                .map(|cell| {
                    ((day, Total { axis, value: cell.value, status: cell.status }), cell.measures)
                })
                .collect();
        let at = self.dialect().day("$1");
        let sql = format!("DELETE FROM total_day WHERE day = {at} AND axis = $2");
        execute(tx.tx(), &sql, [day.to_string().into(), axis.as_str().into()]).await?;
        cells::put_totals(tx.tx(), &totals).await?;
        tx.finish().await
    }
}
