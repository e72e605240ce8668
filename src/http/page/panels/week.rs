//! The hours of the week in which calls are made.

use stages::ports::StoreError;
use stages::rollup::Axis;

use super::super::model::{Body, HeatView, Part};
use super::Cx;
use crate::charts::{BLOCK_HOURS, Heat, WEEKDAYS};
use crate::stats::period::MAX_HOURS;
use crate::stats::{self, Period, Query};
use crate::store::read::{Detail, Grain, Question, Range};
use crate::words;

/// Calls by hour and day of the week, as far back as hours are told apart.
pub(in super::super) async fn week(cx: &Cx<'_>) -> Result<Part, StoreError> {
    let asked = cx.asked;
    let window = &asked.window;
    let kept = window.now.plus(1 - i64::from(MAX_HOURS));
    let range = Range { from: window.range.from.max(kept), to: window.range.to };
    let by_hours = Query {
        period: Period::Between(range),
        group: Some(stats::Grain::Hour),
        compare: None,
        ..asked.query.clone()
    };
    let part = |note: String, body| Part {
        id: "week",
        title: "Hours of the week".to_owned(),
        note,
        links: cx.api_of(&by_hours, "timeseries", "&measure=calls"),
        body: vec![body],
    };
    if range.from >= range.to {
        let why = "Single hours are kept for 30 days; this period lies further back.";
        return Ok(part(String::new(), Body::Missing(why.to_owned())));
    }
    let filter = asked.query.filter.clone();
    let (grain, axis, detail) = (Some(Grain::Hour), Axis::Tool, Detail::Calls);
    let cells = asked.source.cells(&Question { range, grain, axis, filter, detail }).await?;
    let mut heat = Heat::default();
    cells.iter().for_each(|cell| heat.add(cell.bucket, cell.measures.calls));
    let ((day, hour), most) = heat.most();
    let note = format!(
        "Sums from {} on, in UTC, for two hours each. The stronger the ink, the more calls.",
        words::long_date(range.from)
    );
    if most == 0 {
        return Ok(part(note, Body::Missing("No calls in these hours.".to_owned())));
    }
    let rows = WEEKDAYS.into_iter().enumerate().map(|(day, name)| {
        (name, heat.row(day).map(|(calls, shade)| (shade, words::axis(calls))).collect())
    });
    let view = HeatView {
        id: "week",
        columns: (0..24).step_by(BLOCK_HOURS).map(|hour| format!("{hour:02}")).collect(),
        rows: rows.collect(),
        summary: format!(
            "The busiest two hours begin on {} at {hour:02}:00: {} in all.",
            WEEKDAYS[day],
            words::counted(most, "call", "calls")
        ),
    };
    Ok(part(note, Body::Heat(view)))
}
