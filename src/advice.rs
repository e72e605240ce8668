//! What a person can do about an error. It travels beside the error instead of in its text, so that a
//! terminal shows it on a line of its own and a JSON log in a member of its own.

use std::error::Error;
use std::fmt;

/// An error, and what to do about it. It reads as the error does.
#[derive(Debug)]
pub struct Advised {
    error: Box<dyn Error + Send + Sync>,
    help: String,
}

impl Advised {
    /// Adds advice, a sentence fragment without a full stop.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>, help: impl Into<String>) -> Self {
        Self { error: error.into(), help: help.into() }
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// The advice that comes with an error or one of its causes.
pub fn help_of(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| cause.downcast_ref::<Advised>()).map(|found| found.help.as_str())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn advice_is_found_below_context_and_never_part_of_the_text() {
        let cause = std::io::Error::other("no");
        let error =
            Err::<(), _>(Advised::new(cause, "ask again")).context("it failed").unwrap_err();
        assert_eq!(format!("{error:#}"), "it failed: no");
        assert_eq!(help_of(&error), Some("ask again"));
        assert_eq!(help_of(&anyhow::anyhow!("no")), None);
    }
}
