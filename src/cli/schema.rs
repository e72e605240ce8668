//! `schema`: the JSON Schema of pipeline.yaml.

use clap::Args;

use super::{Outcome, print};
use crate::config::schema;

const MORE: &str = "\
Examples:
  weather-mcp-analytics schema > pipeline.schema.json

  In the first line of pipeline.yaml, for editors that know JSON Schema:
  # yaml-language-server: $schema=./pipeline.schema.json

Exit codes:
  0   done
  2   wrong usage";

/// Print the JSON Schema of pipeline.yaml.
///
/// Editors complete and check the file with it. It is the schema that `serve` and `check` themselves
/// use, with every stage of this release; deploy/pipeline.schema.json is the same text.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(super) struct Schema {}

pub(super) fn run(_: &Schema) -> Outcome {
    print(&schema::text(&stages::registry()))
}
