//! How each number is made, and what it cannot say.

use askama::Template;
use salvo::handler;
use salvo::http::{Request, Response};

use super::model::{Body, Page, Part, Prose};
use super::shell::Shell;
use super::{HTML, TEXT, prefers_text, refuse, send, text};
use crate::http::problem::Problem;
use crate::stats::Query;

/// Term and explanation.
type Said = (&'static str, &'static str);

const COUNTS: [Said; 6] = [
    (
        "Calls",
        "One for every event that was accepted and stored. An event that carries an identity and is sent twice counts once; an event without one always counts, because equal events are normal.",
    ),
    (
        "Succeeded, failed",
        "By the status that the client reports: a call failed when its tool answered with an error.",
    ),
    (
        "Kinds of error",
        "The word that the client gives to an error, such as timeout. They are counted by tool and version, so filters by country, service or level cannot tell them apart.",
    ),
    ("Versions", "As clients name themselves. Shares are of the calls that did."),
    (
        "People and installations",
        "Are not counted, and cannot be: nothing that is collected tells one installation from another for long.",
    ),
    (
        "Sessions",
        "What comes nearest, and what the API gives as active_installs, with the method distinct_sessions and its bounds: runs of clients that report at the level detailed. Who starts a client three times has three, and clients at other levels have none, so that it may be more than there are installations, or fewer. It is counted by whole UTC dates, for all calls together: exactly up to 384, above that in a sketch, within the bounds in 95 of 100 cases. A session in several dates counts once. Hours and filters have no such number; the method is none then.",
    ),
];
const TIMES: [Said; 4] = [
    (
        "Which calls",
        "Those that said how long they took: clients at the levels standard and detailed do. “Calls with a time” says how many that were.",
    ),
    (
        "Mean",
        "Sum of all times by their count, over everything in the period; never a mean of means.",
    ),
    (
        "Median, 95th and 99th percentile",
        "Read from histograms that are added up exactly, with two significant digits: at most 1% off, however many hours and tools are merged. A percentile of a period is not the mean of its days.",
    ),
    (
        "Histogram",
        "Shares between round ends. A time within 1% of an end may stand on its other side.",
    ),
];
const MISSING: [Said; 4] = [
    (
        "A gap is not a zero",
        "Where nothing is known a line breaks and a table says so. A zero is drawn only where it was counted.",
    ),
    (
        "The current bucket",
        "Hours, days, weeks and months that are not over are dashed, open or pale, and called “so far”. A period that begins inside of one shows it in part.",
    ),
    (
        "What clients do not send",
        "Released clients send neither service nor country nor cache today. Where a page rests on one of them and nobody sent it, it says so instead of showing nothing as a number.",
    ),
    (
        "Marks of versions",
        "A version is marked where it was first seen in the numbers that are kept, which may be later than its release.",
    ),
];
const TIME: [Said; 4] = [
    ("UTC everywhere", "Days begin and end at midnight UTC. Weeks begin on Monday."),
    (
        "Hours",
        "Clients round the time of a call down to the hour before they send it. There is nothing finer to find. Single hours are kept for 30 days, days for two years.",
    ),
    (
        "Late events",
        "Are accepted for three days, so numbers of the last three days may still grow.",
    ),
    (
        "Comparison",
        "With as many hours before, or with the same dates a year before. What is not over is compared with the same hours then: a day until 10:00 with a day until 10:00. Where single hours are no longer kept, the whole day counts.",
    ),
];
const PRIVACY: [Said; 3] = [
    (
        "Country",
        "What the client says, never worked out from an address. Addresses are not stored.",
    ),
    (
        "Small numbers",
        "An operator can withhold numbers about countries, versions, services and kinds of error that rest on few calls and few batches, and numbers of few sessions. Batches are not people: one person may send many.",
    ),
    (
        "These pages",
        "Set no cookie and load nothing from elsewhere. Whether new numbers are fetched by themselves, and whether letter keys do something, is remembered in your browser when you choose it.",
    ),
];

/// `/methodology`
#[handler]
pub(super) async fn get_methodology(req: &mut Request, res: &mut Response) {
    let page = page();
    if prefers_text(req.headers()) {
        return send(req.headers(), res, TEXT, text::render(&page));
    }
    match page.render() {
        Ok(html) => send(req.headers(), res, HTML, html),
        Err(error) => refuse(res, &Problem::internal(error)),
    }
}

fn page() -> Page {
    let part = |id, title: &str, terms: &[Said]| Part {
        id,
        title: title.to_owned(),
        note: String::new(),
        links: Vec::new(),
        body: vec![Body::Prose(Prose {
            terms: terms
                .iter()
                .map(|(term, said)| ((*term).to_owned(), (*said).to_owned()))
                .collect(),
        })],
    };
    let title = "How each number is made";
    let mut shell = Shell::new(title.to_owned(), "/methodology", &Query::default(), None);
    shell.still = true;
    shell.description =
        "What every number on these pages means, and what it cannot say.".to_owned();
    Page {
        shell,
        crumb: None,
        heading: (title.to_owned(), "and what it cannot say.".to_owned()),
        lead: "Every number is a sum of hourly and daily totals, and the same that the API answers for \
               the same address."
            .to_owned(),
        controls: None,
        sheet: None,
        figures: Vec::new(),
        parts: vec![
            part("counts", "What is counted", &COUNTS),
            part("times", "Response times", &TIMES),
            part("missing", "What is missing", &MISSING),
            part("time", "Time", &TIME),
            part("privacy", "Privacy", &PRIVACY),
        ],
    }
}
