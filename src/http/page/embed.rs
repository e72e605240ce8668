//! Parts of pages for frames on other pages: the drawing and its sentence, without navigation.

use std::sync::Arc;

use askama::Template;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use salvo::http::{Request, Response};
use salvo::{Depot, handler};

use super::asset::{ICON, SCRIPT, STYLE};
use super::compose::in_words;
use super::controls::href;
use super::model::Part;
use super::numbers::Numbers;
use super::panels::{self, Cx};
use super::{HTML, query};
use crate::config::settings::Embed;
use crate::http::cached;
use crate::http::problem::{Kind, Problem};
use crate::http::state::State;
use crate::http::stats::ask::{reads, sent};
use crate::stats::Asked;

/// `/embed/{part}`
pub(super) struct GetEmbed(pub(super) Arc<State>);

/// Colours, whatever the reader's system prefers.
const THEMES: [&str; 2] = ["light", "dark"];

#[derive(Template)]
#[template(path = "embed.html")]
struct Framed {
    title: String,
    theme: &'static str,
    style: &'static str,
    icon: &'static str,
    script: &'static str,
    part: Part,
    /// The whole page.
    href: String,
}

#[handler]
impl GetEmbed {
    async fn handle(&self, req: &mut Request, depot: &Depot, res: &mut Response) {
        let name: String = req.param("part").unwrap_or_default();
        let share = &self.0.settings.share;
        let Some(embed) = share.embeds.iter().copied().find(|embed| embed.as_str() == name) else {
            let detail =
                "this part is not shared; share.embeds in pipeline.yaml names those that are";
            return Problem::plain(Kind::NotFound, detail).write(res);
        };
        match framed(embed, req, depot).await {
            Ok(html) => {
                cached::respond(req.headers(), res, HTML, cached::MINUTE, html);
                if let Ok(policy) = HeaderValue::from_str(&policy(&share.embed_origins)) {
                    res.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
                }
            }
            Err(problem) => problem.write(res),
        }
    }
}

/// As for pages, but for the frames that are allowed.
fn policy(origins: &[String]) -> String {
    let ancestors = if origins.is_empty() { "'none'".to_owned() } else { origins.join(" ") };
    super::POLICY.replace("frame-ancestors 'none'", &format!("frame-ancestors {ancestors}"))
}

async fn framed(embed: Embed, req: &Request, depot: &Depot) -> Result<String, Problem> {
    let reads = reads(depot)?;
    let now = reads.clock.hour();
    let (theme, sent): (Vec<_>, Vec<_>) =
        sent(req).into_iter().partition(|(name, _)| *name == "theme");
    let theme = match theme.as_slice() {
        [] => "",
        [(_, theme)] => *THEMES.iter().find(|known| *known == theme).ok_or_else(bad_theme)?,
        _ => return Err(bad_theme()),
    };
    let query = query(sent, now)?;
    let extent = reads.source.extent().await?;
    let asked = Asked::new(query.clone(), &*reads.source, extent, now)?;
    let numbers = Numbers::read(&asked).await?;
    let releases = panels::releases(&asked).await?;
    let path = page_of(embed);
    let cx = Cx { path, linked: &query, asked: &asked, numbers: &numbers, releases: &releases };
    let mut part = match embed {
        Embed::Calls => panels::calls(&cx),
        Embed::Tools => panels::tools(&cx),
        Embed::Times => panels::response_times(&cx),
        Embed::Errors => panels::errors(&cx, None).await?.part,
        Embed::Adoption => panels::adoption(&cx).await?,
        Embed::Map => panels::world_map(&cx).await?,
    };
    part.links.clear();
    part.note = in_words(query.period, &asked.window);
    let framed = Framed {
        title: part.title.clone(),
        theme,
        style: STYLE.name,
        icon: ICON.name,
        script: SCRIPT.name,
        part,
        href: href(path, &query),
    };
    framed.render().map_err(Problem::internal)
}

fn bad_theme() -> Problem {
    Problem::plain(Kind::InvalidRequest, "`theme` must be one of `light` and `dark`")
}

/// The page that has the part.
fn page_of(embed: Embed) -> &'static str {
    match embed {
        Embed::Calls => "/",
        Embed::Tools => "/tools",
        Embed::Times => "/performance",
        Embed::Errors => "/errors",
        Embed::Adoption => "/versions",
        Embed::Map => "/geography",
    }
}
