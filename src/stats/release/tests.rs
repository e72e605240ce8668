//! The rule on rollups that are added up from a list of calls: what is refused, and what becomes of
//! every kind of question.

use super::*;
use crate::stats::asked::Asked;
use crate::stats::fake::{Call, Fake};
use crate::stats::period::Period;
use crate::stats::{Grain as Buckets, Query};

/// Rollups of which the US's cells are released, and nothing else.
struct World(Fake);

#[async_trait]
impl Source for World {
    async fn cells(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        self.0.cells(question).await
    }

    async fn errors(&self, range: Range, filter: &Filter) -> Result<Vec<ErrorCell>, StoreError> {
        self.0.errors(range, filter).await
    }

    async fn sightings(&self, range: Range, filter: &Filter) -> Result<Vec<Sighting>, StoreError> {
        self.0.sightings(range, filter).await
    }

    async fn values(
        &self,
        range: Range,
        axis: Axis,
        filter: &Filter,
    ) -> Result<Vec<String>, StoreError> {
        self.0.values(range, axis, filter).await
    }

    async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        self.0.sessions(from, to).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        self.0.extent().await
    }

    async fn calls_by_day(&self, from: Day) -> Result<Vec<(Day, u64)>, StoreError> {
        self.0.calls_by_day(from).await
    }

    fn withholds(&self) -> bool {
        false
    }
}

#[async_trait]
impl Releases for World {
    async fn released(&self, question: &Question) -> Result<Vec<Cell>, StoreError> {
        let mut cells = self.0.cells(question).await?;
        cells.retain(|cell| cell.value == "US");
        Ok(cells)
    }

    async fn released_sessions(&self, _: Day, _: Day) -> Result<Sessions, StoreError> {
        Ok(Sessions::default())
    }
}

fn published() -> Published<World> {
    let call = |country, ms, failed| Call {
        hour: "2026-08-19T14",
        tool: "get_alerts",
        version: "1.0.0",
        country,
        ms: Some(ms),
        failed,
        service: "noaa",
        error_type: if failed { "TimeoutError" } else { "" },
        ..Call::default()
    };
    let calls = vec![
        call("US", 10, false),
        call("US", 20, false),
        call("CA", 30, false),
        call("MX", 50, true),
    ];
    Published(World(Fake::of(calls)))
}

fn now() -> Hour {
    Hour::parse("2026-08-20T15:00:00Z").unwrap()
}

fn range() -> Range {
    Period::Days(7).range(now(), None)
}

/// Value, calls, time and median of each cell.
async fn shown(axis: Axis, filter: Filter) -> Vec<(String, u64, u64, Option<u64>)> {
    let (grain, detail) = (Some(Grain::Day), Detail::Times);
    let question = Question { range: range(), grain, axis, by_tool: true, filter, detail };
    let cells = published().cells(&question).await.unwrap();
    let of = |cell: Cell| {
        let Measures { calls, time_sum, .. } = cell.measures;
        (cell.value, calls, time_sum, cell.measures.quantile(0.5))
    };
    cells.into_iter().map(of).collect()
}

fn filter(country: &str) -> Filter {
    Filter { country: Some(country.to_owned()), ..Filter::NONE }
}

#[tokio::test]
async fn released_cells_are_whole_and_the_rest_is_other() {
    let us = ("US".to_owned(), 2, 30, Some(10));
    let other = |calls, time| ("other".to_owned(), calls, time, None);
    // In the order of value and status: one call of the rest failed.
    let by_country = shown(Axis::Country, Filter::NONE).await;
    let want = [us.clone(), other(1, 50), other(1, 30)];
    assert!(
        by_country.len() == 3 && want.iter().all(|it| by_country.contains(it)),
        "{by_country:?}"
    );
    assert_eq!(shown(Axis::Country, filter("US")).await, [us]);
    assert_eq!(shown(Axis::Tool, filter("US")).await, [(String::new(), 2, 30, Some(10))]);
    for withheld in ["CA", "MX", "ZZ"] {
        assert_eq!(shown(Axis::Tool, filter(withheld)).await, [], "{withheld}");
    }
    let rest = shown(Axis::Country, filter("other")).await;
    assert_eq!(rest.iter().map(|(_, calls, ..)| calls).sum::<u64>(), 2);
    // Nothing of a second dimension.
    assert_eq!(shown(Axis::Version, filter("US")).await, [("other".to_owned(), 2, 30, Some(10))]);
    let both = Filter { version: Some("1.0.0".to_owned()), ..filter("US") };
    assert_eq!(shown(Axis::Tool, both).await, []);
    assert_eq!(shown(Axis::ErrorType, Filter::NONE).await, [other(1, 50)]);
    assert_eq!(published().errors(range(), &Filter::NONE).await.unwrap(), []);
    assert_eq!(published().sightings(range(), &Filter::NONE).await.unwrap(), []);
    let values = published().values(range(), Axis::Country, &Filter::NONE).await.unwrap();
    assert_eq!(values, ["US", "other"]);
}

#[tokio::test]
async fn hours_and_levels_have_no_released_cells() {
    for (grain, level) in
        [(Some(Grain::Hour), None), (Some(Grain::Day), Some(stages::Level::Standard))]
    {
        let ask = |filter| Question {
            range: range(),
            grain,
            axis: Axis::Country,
            by_tool: true,
            filter: Filter { level, ..filter },
            detail: Detail::Calls,
        };
        let cells = published().cells(&ask(Filter::NONE)).await.unwrap();
        assert!(cells.iter().all(|cell| cell.value == "other"), "{cells:?}");
        assert_eq!(cells.iter().map(|cell| cell.measures.calls).sum::<u64>(), 4);
        assert_eq!(published().cells(&ask(filter("US"))).await.unwrap(), []);
    }
}

#[test]
fn small_groups_cannot_be_asked_for() {
    let day = Hour::parse("2026-08-19T00:00:00Z").unwrap();
    let days = Period::Between(Range { from: day, to: day.plus(24) });
    let hours = Period::Between(Range { from: day.plus(2), to: day.plus(24) });
    let level = Filter { level: Some(stages::Level::Standard), ..Filter::NONE };
    let two = Filter { version: Some("1.0.0".to_owned()), ..filter("US") };
    let leveled = Filter { level: level.level, ..filter("US") };
    for (period, group, filter, axis, refused) in [
        (Period::Days(2), None, filter("US"), Axis::Tool, None),
        (Period::Days(2), None, filter("US"), Axis::Country, None),
        (Period::Days(2), Some(Buckets::Week), Filter::NONE, Axis::Version, None),
        (days, None, Filter::NONE, Axis::ErrorType, None),
        (Period::Hours(24), Some(Buckets::Hour), level.clone(), Axis::Tool, None),
        (Period::Hours(24), None, Filter::NONE, Axis::Level, None),
        (Period::Days(2), None, filter("US"), Axis::Version, Some(ONE_DIMENSION)),
        (Period::Days(2), None, two, Axis::Tool, Some(ONE_DIMENSION)),
        (Period::Days(2), None, leveled, Axis::Tool, Some(WITHOUT_LEVEL)),
        (Period::Days(2), None, filter("US"), Axis::Level, Some(WITHOUT_LEVEL)),
        (Period::Days(2), None, level, Axis::Service, Some(WITHOUT_LEVEL)),
        (Period::Days(2), Some(Buckets::Hour), filter("US"), Axis::Tool, Some(WHOLE_DAYS)),
        (Period::Hours(24), None, Filter::NONE, Axis::Country, Some(WHOLE_DAYS)),
        (hours, None, Filter::NONE, Axis::ErrorType, Some(WHOLE_DAYS)),
    ] {
        let what = format!("{period} {group:?} {filter:?} {axis:?}");
        let query = Query { period, group, filter, compare: None };
        let source = published();
        let asked = Asked::new(query.clone(), &source, Extent::default(), now());
        let asked = asked.and_then(|asked| asked.told_apart_by(axis));
        assert_eq!(asked.as_ref().err(), refused.map(BadQuery::Together).as_ref(), "{what}");
        if let Ok(asked) = asked {
            let hourly = asked.window.grain == Buckets::Hour;
            assert!(!hourly || !concerns(&query.filter, axis), "{what}: by the hour");
        }
        // Whoever withholds nothing answers everything.
        let source = source.0;
        let asked = Asked::new(query, &source, Extent::default(), now());
        assert!(asked.and_then(|asked| asked.told_apart_by(axis)).is_ok(), "{what}");
    }
}
