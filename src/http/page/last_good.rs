//! Pages as they were when they could last be read, for the time that the store is away: old numbers
//! that say how old they are are better than none.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;

/// Most pages that are kept: a few MB.
const PAGES: NonZeroUsize = NonZeroUsize::new(64).expect("it is not zero");
/// Longest address of a kept page: the rest is not worth the memory.
const LONGEST: usize = 300;
/// Where a page says what is the matter with it.
const NOTICE: &str = "<div id=\"notice\" class=\"notice\" role=\"status\"></div>";
const MINUTE: i64 = 60_000;

/// Pages by address.
pub(super) struct LastGood(Mutex<LruCache<String, Kept>>);

struct Kept {
    html: Bytes,
    /// Unix milliseconds.
    at: i64,
}

impl Default for LastGood {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(PAGES)))
    }
}

impl LastGood {
    /// Keeps a page.
    pub(super) fn keep(&self, address: String, html: Bytes, now: i64) {
        if address.len() <= LONGEST {
            // A page is kept whole or not at all, so nothing is half done when another thread fails.
            let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            pages.put(address, Kept { html, at: now });
        }
    }

    /// The page as it last was, with the news of it.
    pub(super) fn get(&self, address: &str, now: i64) -> Option<String> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = pages.get(address)?;
        let minutes = (now - kept.at).max(0) / MINUTE;
        let age = match minutes {
            0 => "less than a minute".to_owned(),
            1 => "a minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        let news = format!(
            "{}The numbers cannot be read at the moment. What you see is {age} old.</div>",
            NOTICE.trim_end_matches("</div>")
        );
        let html = std::str::from_utf8(&kept.html).ok()?;
        Some(html.replacen(NOTICE, &news, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_page_says_how_old_it_is() {
        let pages = LastGood::default();
        let html = format!("<p>7</p>{NOTICE}");
        pages.keep("/a".to_owned(), html.into(), 1_000);
        for (now, age) in
            [(2_000, "less than a minute"), (70_000, "a minute"), (7_000_000, "116 minutes")]
        {
            let shown = pages.get("/a", now).unwrap();
            assert!(
                shown.contains("<p>7</p>") && shown.contains(&format!("is {age} old.</div>")),
                "{shown}"
            );
        }
        assert_eq!(pages.get("/b", 0), None);
    }
}
