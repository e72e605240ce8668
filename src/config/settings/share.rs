//! What other pages may show. In a file of its own because its names are addresses as well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What other pages may show of these numbers: nothing that is not named here.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    /// Where the public reaches the pages, such as `https://stats.example.org`. With it, previews of
    /// links show a picture. Default: none.
    pub url: Option<String>,
    /// Numbers that have a badge, at `/badge/NAME.svg` and `/badge/NAME.json`. Default: none.
    pub badges: Vec<Badge>,
    /// Parts of pages that may be shown in a frame, at `/embed/NAME`. Default: none.
    pub embeds: Vec<Embed>,
    /// Origins whose pages may show them; `*` for all.
    pub embed_origins: Vec<String>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            url: None,
            badges: Vec::new(),
            embeds: Vec::new(),
            embed_origins: vec!["*".to_owned()],
        }
    }
}

/// Numbers that can have a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Badge {
    /// Calls.
    Calls,
    /// Share of the calls that succeeded.
    SuccessRate,
    /// Time that half of the calls stay below.
    MedianTime,
    /// Tools that were called.
    Tools,
    /// The version with most calls.
    Version,
}

impl Badge {
    /// Every badge.
    pub const ALL: [Self; 5] =
        [Self::Calls, Self::SuccessRate, Self::MedianTime, Self::Tools, Self::Version];

    /// The badge as it is written in the file and in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::SuccessRate => "success-rate",
            Self::MedianTime => "median-time",
            Self::Tools => "tools",
            Self::Version => "version",
        }
    }
}

/// Parts of pages that can be shown in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Embed {
    /// Calls over time.
    Calls,
    /// Tools by calls.
    Tools,
    /// Response times over time.
    Times,
    /// Kinds of error.
    Errors,
    /// Versions over time.
    Adoption,
    /// Calls by country.
    Map,
}

impl Embed {
    /// Every part.
    pub const ALL: [Self; 6] =
        [Self::Calls, Self::Tools, Self::Times, Self::Errors, Self::Adoption, Self::Map];

    /// The part as it is written in the file and in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Tools => "tools",
            Self::Times => "times",
            Self::Errors => "errors",
            Self::Adoption => "adoption",
            Self::Map => "map",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses_are_those_in_the_file() {
        for badge in Badge::ALL {
            assert_eq!(serde_json::to_value(badge).unwrap(), badge.as_str());
        }
        for embed in Embed::ALL {
            assert_eq!(serde_json::to_value(embed).unwrap(), embed.as_str());
        }
    }
}
