//! What is worth saying of a configuration that is right: settings without effect, and settings that
//! may surprise.

use std::fmt;

use serde_json::Value;

use super::settings::{Listen, Settings};

/// Something worth saying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Stable `snake_case` code.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

impl Note {
    /// Whether it may be a mistake; otherwise it is only good to know.
    pub fn is_warning(&self) -> bool {
        !matches!(self.code, "built_in_pipeline" | "former_variable")
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "note[{}]: {}", self.code, self.message)
    }
}

/// `said` is what was set by the file, the environment and flags.
pub(super) fn notes(settings: &Settings, said: &Value) -> Vec<Note> {
    let mut notes = Vec::new();
    without_effect(settings, said, &mut notes);
    if settings.privacy.country_header.is_some() && settings.server.trusted_proxies.is_empty() {
        let message = "`privacy.country_header` has an effect with `server.trusted_proxies` only: \
                       nobody else's word is taken for it";
        notes.push(Note { code: "no_effect", message: message.to_owned() });
    }
    let server = &settings.server;
    let tls = server.tls.as_ref().map_or(Listen::Off, |tls| Listen::On(tls.listen));
    for (name, listen) in [
        ("server.listen", Listen::On(server.listen)),
        ("server.metrics_listen", server.metrics_listen),
        ("server.tls.listen", tls),
    ] {
        let Listen::On(address) = listen else { continue };
        if !address.ip().is_loopback() && settings.privacy.min_cell == 1 {
            notes.push(Note {
                code: "public_address",
                message: format!(
                    "`{name}` is reachable from other machines and `privacy.min_cell` is 1: \
                     everything that is counted is shown, however few it concerns"
                ),
            });
        }
    }
    notes
}

/// Settings of a queue in Redis that were made for one in a file.
fn without_effect(settings: &Settings, said: &Value, notes: &mut Vec<Note>) {
    if !settings.queue.url.expose().starts_with("sqlite:") {
        return;
    }
    for key in ["durability", "wait_replicas", "shards", "spool"] {
        if said.get("queue").and_then(|said| said.get(key)).is_some_and(|said| !said.is_null()) {
            notes.push(Note {
                code: "no_effect",
                message: format!("`queue.{key}` has an effect with a queue in Redis only"),
            });
        }
    }
}
