//! Badges: one number as a picture for a README, or as JSON for a service that draws badges.

use std::sync::Arc;

use salvo::http::{Request, Response};
use salvo::{Depot, handler};
use serde::Serialize;
use stages::ports::StoreError;
use stages::rollup::Axis;

use super::compose::in_words;
use super::kept::{Drawn, Question, Shown};
use crate::charts::Badge as Drawing;
use crate::config::settings::Badge;
use crate::http::problem::{Kind, Problem};
use crate::http::state::State;
use crate::stats::asked::{by_tool, by_value, sum};
use crate::stats::tally::{ranked, tally};
use crate::stats::{Asked, Period};
use crate::store::read::Detail;
use crate::words;

/// `/badge/{file}`
pub(super) struct GetBadge(pub(super) Arc<State>);

/// The form that shields.io reads (`https://shields.io/badges/endpoint-badge`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    schema_version: u8,
    label: &'a str,
    message: &'a str,
    color: &'static str,
}

/// What there is no number for.
const NO_DATA: &str = "no data";
const COLOUR: &str = "0b6b70";

#[handler]
impl GetBadge {
    async fn handle(&self, req: &mut Request, depot: &Depot, res: &mut Response) {
        let file: String = req.param("file").unwrap_or_default();
        let named = |suffix| {
            let name = file.strip_suffix(suffix)?;
            self.0.settings.share.badges.iter().copied().find(|badge| badge.as_str() == name)
        };
        let (badge, drawn) = match (named(".svg"), named(".json")) {
            (Some(badge), _) => (badge, true),
            (_, Some(badge)) => (badge, false),
            _ => {
                let detail = "there is no such badge; share.badges in pipeline.yaml names those that \
                              there are";
                return Problem::plain(Kind::NotFound, detail).write(res);
            }
        };
        match shown(badge, drawn, req, depot).await {
            Ok(shown) => {
                let kind = if drawn { "image/svg+xml" } else { "application/json" };
                shown.send(req.headers(), res, kind);
            }
            Err(problem) => problem.write(res),
        }
    }
}

async fn shown(badge: Badge, drawn: bool, req: &Request, depot: &Depot) -> Result<Shown, Problem> {
    let question = Question::of(req, depot).await?;
    let asked = question.asked()?;
    let form = if drawn { "svg" } else { "json" };
    let make = async {
        let (label, message) = words_of(badge, question.query.period, &asked).await?;
        let (label, message) = (label.as_str(), message.as_str());
        if drawn {
            return Ok(Drawn::whole(Drawing { label, message }.draw()));
        }
        let endpoint = Endpoint { schema_version: 1, label, message, color: COLOUR };
        Ok(Drawn::whole(serde_json::to_vec(&endpoint).map_err(Problem::internal)?))
    };
    question.kept(&format!("/badge/{}.{form}", badge.as_str()), &asked, make).await
}

/// Label and message.
async fn words_of(
    badge: Badge,
    period: Period,
    asked: &Asked<'_>,
) -> Result<(String, String), StoreError> {
    let axis = if badge == Badge::Version { Axis::Version } else { Axis::Tool };
    let detail = if badge == Badge::MedianTime { Detail::Times } else { Detail::Calls };
    let cells = asked.cells(axis, detail).await?;
    let total = sum(&cells);
    let (label, message) = match badge {
        Badge::Calls => ("calls", Some(words::axis(total.calls()))),
        Badge::SuccessRate => (
            "succeeded",
            (total.calls() > 0).then(|| words::percent(total.successes, total.calls())),
        ),
        Badge::MedianTime => {
            ("median time", total.measures.quantile(0.5).map(|ms| words::duration(ms as f64)))
        }
        Badge::Tools => ("tools in use", Some(by_tool(&cells).len().to_string())),
        Badge::Version => {
            let versions = tally(by_value(&cells));
            ("most used version", ranked(&versions).first().map(|(name, _)| (*name).to_owned()))
        }
    };
    let message = message.map(|message| message.replace('\u{a0}', " "));
    // `calls in the last 30 days`
    let label = format!("{label} {}", in_words(period, &asked.window));
    Ok((label, message.unwrap_or_else(|| NO_DATA.to_owned())))
}
