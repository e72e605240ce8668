//! `schema`: the JSON Schema of pipeline.yaml.

use clap::Args;

use super::{Outcome, print};
use crate::config::schema;

const EXAMPLES: &str = "\
Example:
  weather-mcp-analytics schema > pipeline.schema.json

and in the first line of pipeline.yaml, for editors that know JSON Schema:
  # yaml-language-server: $schema=./pipeline.schema.json";

/// Print the JSON Schema of pipeline.yaml.
///
/// Editors complete and check the file with it. It is the schema that `serve` and `check` themselves
/// use, with every stage of this release; deploy/pipeline.schema.json is the same text.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Schema {}

pub(super) fn run(_: &Schema) -> Outcome {
    print(&schema::text(&stages::registry()))
}
