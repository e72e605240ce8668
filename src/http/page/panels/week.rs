//! The hours of the week in which calls are made.

use stages::ports::StoreError;
use stages::rollup::Axis;

use super::super::model::{Body, HeatRow, HeatView, Part};
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
    let (grain, axis, by_tool, detail) = (Some(Grain::Hour), Axis::Tool, false, Detail::Calls);
    let question = Question { range, grain, axis, by_tool, filter, detail };
    let cells = asked.source.cells(&question).await?;
    // Nothing is known from before the oldest number.
    let known = asked.extent.oldest.map_or(range.from, |oldest| oldest.max(range.from));
    let mut heat = Heat::over(known, range.to);
    cells.iter().for_each(|cell| heat.add(cell.bucket, cell.measures.calls));
    let ((day, hour), most) = heat.most();
    let mut note = format!(
        "Sums from {} on, in UTC, for two hours each. The stronger the ink, the more calls.",
        words::long_date(known)
    );
    if !heat.is_whole() {
        note.push_str(" A dash stands for hours that are not among them.");
    }
    if most == 0 {
        return Ok(part(note, Body::Missing("No calls in these hours.".to_owned())));
    }
    // Days of which no hour is covered would be a row of dashes.
    let days =
        WEEKDAYS.into_iter().enumerate().filter(|(day, _)| heat.row(*day).any(|c| c.is_some()));
    let rows = days.map(|(day, name)| {
        let cells =
            heat.row(day).map(|cell| cell.map(|(calls, shade)| (shade, words::axis(calls))));
        HeatRow { day: name, cells: cells.collect() }
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
