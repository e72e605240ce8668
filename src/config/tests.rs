//! The loader as a whole: layers, names, the shipped file, and the text of every message.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use stages::units::{Size, Span};
use stages::{
    Batch, BuildError, Cx, Define, Form, Needs, Registry, Services, Side, Stage, StageError,
};

use super::settings::{Listen, LogLevel};
use super::*;

mod corpus;
mod documented;
mod example;
mod mutations;

/// A stage with every kind of setting, so that messages do not depend on a real one.
struct Probe;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ProbeConfig {
    /// When it acts.
    mode: Option<Mode>,
    /// How much it takes.
    limit: u32,
    /// Around now.
    window: ProbeWindow,
    /// Whom it concerns; none may be empty.
    names: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// At times.
    Sometimes,
    /// At no time.
    Never,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ProbeWindow {
    /// Before.
    back: Option<Span>,
    /// After.
    ahead: Option<Span>,
}

#[async_trait]
impl Stage for Probe {
    async fn run(&self, _: &mut Batch<'_>, _: Cx<'_>) -> Result<(), StageError> {
        Ok(())
    }
}

impl Define for Probe {
    const NAME: &'static str = "probe";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const CODES: &'static [stages::Code] = &[];
    type Config = ProbeConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::AtLeast(Form::Body)
    }

    fn build(config: Self::Config, _: &Services) -> Result<Self, BuildError> {
        let _ = (config.mode.map(|mode| matches!(mode, Mode::Never)), config.limit);
        let _ = (config.window.back, config.window.ahead);
        match config.names.iter().position(String::is_empty) {
            Some(index) => Err(BuildError {
                path: vec!["names".to_owned(), index.to_string()],
                message: "a name must not be empty".to_owned(),
            }),
            None => Ok(Self),
        }
    }
}

fn registry() -> Registry {
    stages::registry().with::<Probe>()
}

const LISTS: &str = "\
ingest: [{stage: parse}, {stage: pii-scan}, {stage: sanitise}, {stage: probe}, {stage: enqueue}]
worker: [{stage: batch-persist}, {stage: aggregate}]
";

fn load_file(file: &Path, env: &[(&str, &str)], flags: Flags) -> Result<Loaded, Diagnostics> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let registry = registry();
    load(LoadArgs { file: Some(file.to_owned()), env, overrides: flags, registry: &registry })
}

fn load_text(text: &str, env: &[(&str, &str)], flags: Flags) -> Result<Loaded, Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.yaml");
    std::fs::write(&file, text).unwrap();
    load_file(&file, env, flags)
}

fn good(text: &str, env: &[(&str, &str)], flags: Flags) -> Loaded {
    load_text(&format!("{text}\n{LISTS}"), env, flags).unwrap_or_else(|error| panic!("{error}"))
}

/// Compares with a committed file, or writes it when UPDATE is set.
fn golden(file: &Path, got: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, got).unwrap();
    }
    let want = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(got, want, "{} differs; run the test with UPDATE=1", file.display());
}

#[test]
fn later_layers_win() {
    let file = "server: {listen: '127.0.0.1:2'}";
    let env = [("ANALYTICS_SERVER__LISTEN", "127.0.0.1:3")];
    let flags = || Flags { listen: Some(([127, 0, 0, 1], 4).into()), ..Flags::default() };
    for (file, env, flags, want) in [
        ("", &[][..], Flags::default(), 3000),
        (file, &[], Flags::default(), 2),
        ("", &env, Flags::default(), 3),
        (file, &env, Flags::default(), 3),
        ("", &[], flags(), 4),
        (file, &[], flags(), 4),
        (file, &env, flags(), 4),
    ] {
        assert_eq!(good(file, env, flags).settings.server.listen.port(), want, "{file} {env:?}");
    }
}

#[test]
fn the_environment_reaches_every_kind_of_setting() {
    let read = |name: &str, value: &str| good("", &[(name, value)], Flags::default()).settings;
    let url = read("ANALYTICS_STORE__URL", "sqlite://other.db").store.url;
    assert_eq!(url.expose(), "sqlite://other.db");
    // Text is not read as YAML: a password may hold anything.
    let url = read("ANALYTICS_STORE__URL", "sqlite://a b #c: d").store.url;
    assert_eq!(url.expose(), "sqlite://a b #c: d");
    assert_eq!(read("ANALYTICS_LOG__LEVEL", "debug").log.level, LogLevel::Debug);
    assert_eq!(read("ANALYTICS_SERVER__METRICS_LISTEN", "off").server.metrics_listen, Listen::Off);
    assert_eq!(read("ANALYTICS_SERVER__READ_LIMIT", "7").server.read_limit, 7);
    assert_eq!(read("ANALYTICS_QUEUE__MAX_BYTES", "1MiB").queue.max_bytes, Size::mib(1));
    assert_eq!(read("ANALYTICS_QUEUE__MAX_BYTES", "2048").queue.max_bytes, Size(2048));
    assert_eq!(read("ANALYTICS_RETENTION__RAW", "10d").retention.raw, Span::days(10));
    assert!(read("ANALYTICS_QUEUE__ALLOW_VOLATILE", "true").queue.allow_volatile);
    let origins = read("ANALYTICS_SERVER__CORS_ORIGINS", "['https://a.org', '*']");
    assert_eq!(origins.server.cors_origins, ["https://a.org", "*"]);
    let networks = read("ANALYTICS_SERVER__TRUSTED_PROXIES", "[10.0.0.0/8, \"::1/128\"]");
    assert_eq!(networks.server.trusted_proxies.len(), 2);
    let limit = read("ANALYTICS_STAGE__PROBE__LIMIT", "9").ingest[3].with["limit"].clone();
    assert_eq!(limit, 9);
    let back = read("ANALYTICS_STAGE__PROBE__WINDOW__BACK", "1d").ingest[3].with["window"].clone();
    assert_eq!(back, serde_json::json!({"back": "1d"}));
}

#[test]
fn the_clients_variables_are_left_alone() {
    let env = [
        ("ANALYTICS_ENABLED", "true"),
        ("ANALYTICS_LEVEL", "detailed"),
        ("ANALYTICS_ENDPOINT", "https://example.org/v1/events"),
        ("ANALYTICS_SALT", "0011"),
        ("OTHER__NAME", "x"),
        ("ANALYTICS_STORE_URL", "sqlite://other.db"),
    ];
    let loaded = good("", &env, Flags::default());
    assert_eq!(loaded.settings.store.url.expose(), "sqlite://data/analytics.db");
    let notes: Vec<String> = loaded.notes.iter().map(Note::to_string).collect();
    assert_eq!(
        notes,
        ["note[ignored_variable]: ANALYTICS_STORE_URL is not a setting of the server; did you \
          mean ANALYTICS_STORE__URL?"]
    );
}

#[test]
fn references_are_replaced_before_values_are_read() {
    let text = "store: {url: '${DB:-sqlite://default.db}'}\nlog: {level: '${LEVEL}'}";
    let loaded = good(text, &[("LEVEL", "trace")], Flags::default()).settings;
    assert_eq!(loaded.store.url.expose(), "sqlite://default.db");
    assert_eq!(loaded.log.level, LogLevel::Trace);
}

#[test]
fn settings_without_effect_are_named() {
    let text = "\
server: {listen: '0.0.0.0:80', tls: {listen: '127.0.0.1:443', cert: c, key: k}}
queue: {durability: relaxed, wait_replicas: 1, claim_after: 5s, shards: 2, spool: true}
privacy: {min_cell: 10, country_header: CF-IPCountry}";
    let loaded = good(text, &[], Flags::default());
    let named = |loaded: &Loaded, code| -> String {
        let of_code = loaded.notes.iter().filter(|note| note.code == code);
        of_code.filter_map(|note| note.message.split('`').nth(1)).collect::<Vec<_>>().join(" ")
    };
    let idle =
        "queue.durability queue.wait_replicas queue.shards queue.spool privacy.country_header";
    assert_eq!(named(&loaded, "no_effect"), idle);
    let redis = good("queue: {url: 'redis://queue', shards: 2}", &[], Flags::default());
    assert_eq!(redis.notes, []);
    let text = "server: {trusted_proxies: [10.0.0.0/8]}\nprivacy: {country_header: CF-IPCountry}";
    assert_eq!(good(text, &[], Flags::default()).notes, []);

    assert_eq!(good("", &[], Flags::default()).notes, []);
    let public = good("server: {listen: '0.0.0.0:80'}", &[], Flags::default()).notes;
    assert_eq!(public.iter().map(|note| note.code).collect::<Vec<_>>(), ["public_address"]);
    let text = "server: {tls: {listen: '[::]:443', cert: c, key: k}}";
    let secure = good(text, &[], Flags::default()).notes;
    assert_eq!(secure.iter().map(|note| note.code).collect::<Vec<_>>(), ["public_address"]);
    assert!(secure[0].message.starts_with("`server.tls.listen`"), "{}", secure[0]);
}

#[test]
fn a_flag_that_needs_a_certificate_says_so() {
    let flags = Flags { tls_listen: Some(([127, 0, 0, 1], 443).into()), ..Flags::default() };
    let error = load_text(LISTS, &[], flags).err().unwrap();
    let said: Vec<(&Place, &str)> =
        error.problems.iter().map(|p| (&p.place, p.message.as_str())).collect();
    let flag = Place::Flag("--tls-listen");
    assert_eq!(said, [(&flag, "`server.tls` lacks the keys `cert` and `key`")]);
}

#[test]
fn a_missing_file_is_an_error_only_when_it_was_named() {
    let error = load_file(Path::new("no/such.yaml"), &[], Flags::default()).err().unwrap();
    assert_eq!(error.problems[0].code, Code::UnreadableFile);
    assert_eq!(error.file, "no/such.yaml");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let error = load_text("servr: 5\n", &[], Flags::default()).err().unwrap();
    let coloured = error.render(true);
    assert!(coloured.contains("\x1b["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), error.to_string());
}

#[test]
fn the_shipped_file_loads_and_says_the_defaults() {
    let registry = stages::registry();
    let file = Some(PathBuf::from("pipeline.yaml"));
    let loaded = load(LoadArgs { file, env: [], overrides: Flags::default(), registry: &registry })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.notes, []);
    let shipped = serde_json::to_value(&loaded.settings).unwrap();
    let mut defaults = serde_json::to_value(Settings::default()).unwrap();
    for list in ["ingest", "worker"] {
        defaults[list] = shipped[list].clone();
    }
    assert_eq!(shipped, defaults);
    // Serialising hides these two.
    let (settings, defaults) = (&loaded.settings, Settings::default());
    assert_eq!(settings.store.url, defaults.store.url);
    assert_eq!(settings.queue.url, defaults.queue.url);
    let pipelines = check_pipelines(&loaded, &registry, &null::services());
    let (ingest, worker) = pipelines.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        ingest.labels().collect::<Vec<_>>().join(" "),
        "rate-limit parse rate-limit-events schema-validate pii-scan sanitise dedup enqueue"
    );
    assert_eq!(worker.labels().collect::<Vec<_>>().join(" "), "batch-persist aggregate");
}

#[test]
fn the_shipped_file_names_every_setting() {
    let schema = schema::settings_schema();
    let shape = shape::Shape::new(&schema);
    for (section, inner) in shape.keys() {
        assert!(SHIPPED.contains(&format!("\n{section}:")), "{section}");
        for (key, _) in inner.keys() {
            let named = [format!("\n  {key}:"), format!("\n  # {key}:")];
            assert!(named.iter().any(|name| SHIPPED.contains(name)), "{section}.{key}");
        }
    }
}

#[test]
fn the_schema_and_the_reference_are_current() {
    let registry = stages::registry();
    golden(Path::new(schema::FILE), &schema::text(&registry));
    golden(Path::new(reference::FILE), &reference::markdown(&registry));
}

#[test]
fn the_usual_order_of_other_pipelines_loads() {
    let order = "\
ingest: [{stage: parse}, {stage: schema-validate}, {stage: pii-scan}, {stage: sanitise}, \
{stage: dedup}, {stage: rate-limit, with: {requests_per_minute: 60}}, {stage: enqueue}]";
    load_text(order, &[], Flags::default()).unwrap_or_else(|error| panic!("{error}"));
}
