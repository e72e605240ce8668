//! Parts of pages for frames on other pages: the drawing and its sentence, without navigation.

use std::sync::Arc;

use askama::Template;
use salvo::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use salvo::http::{Request, Response};
use salvo::{Depot, handler};

use super::HTML;
use super::asset::{ICON, SCRIPT, STYLE};
use super::compose::in_words;
use super::controls::href;
use super::kept::{Drawn, Question, Shown};
use super::model::Part;
use super::numbers::Numbers;
use super::panels::{self, Cx};
use crate::config::settings::Embed;
use crate::http::problem::{Kind, Problem};
use crate::http::state::State;
use crate::http::stats::ask::sent;
use crate::stats::{Asked, Query};

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
            Ok(frame) => {
                frame.send(req.headers(), res, HTML);
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

async fn framed(embed: Embed, req: &Request, depot: &Depot) -> Result<Shown, Problem> {
    let (theme, sent): (Vec<_>, Vec<_>) =
        sent(req).into_iter().partition(|(name, _)| *name == "theme");
    let theme = match theme.as_slice() {
        [] => "",
        [(_, theme)] => *THEMES.iter().find(|known| *known == theme).ok_or_else(bad_theme)?,
        _ => return Err(bad_theme()),
    };
    let question = Question::from(sent, depot).await?;
    let asked = question.asked()?;
    let name = format!("/embed/{} {theme}", embed.as_str());
    let make = async {
        let html = framed_part(embed, theme, &question.query, &asked).await?;
        Ok(Drawn::whole(html))
    };
    question.kept(&name, &asked, make).await
}

async fn framed_part(
    embed: Embed,
    theme: &'static str,
    query: &Query,
    asked: &Asked<'_>,
) -> Result<String, Problem> {
    let numbers = Numbers::read(asked).await?;
    let releases = panels::releases(asked).await?;
    let path = page_of(embed);
    let cx = Cx { path, linked: query, asked, numbers: &numbers, releases: &releases };
    let mut part = match embed {
        Embed::Calls => panels::calls(&cx),
        Embed::Tools => panels::tools(&cx, None),
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
        href: href(path, query),
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
