//! What `deploy/` says, tried as far as it can be without containers: every file loads, whatever it
//! names exists, commands and settings are ones that the program knows, and the servers of the full
//! installation run with the commands and rights that they are given there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value;
use test_servers::{Postgres, Redis};

use crate::support::{Backends, Config, Event, Server, Sql};

const PROGRAM: &str = env!("CARGO_BIN_EXE_weather-mcp-analytics");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose(file: &str) -> Value {
    let mut document: Value = serde_yaml::from_str(&read(file)).unwrap();
    document.apply_merge().unwrap();
    document
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_sequence().into_iter().flatten();
    items.map(|item| item.as_str().unwrap_or_else(|| panic!("{item:?}")).to_owned()).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    let names = value.as_mapping().into_iter().flat_map(|entries| entries.keys());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Text with `${NAME}` and `${NAME:-default}` replaced, as Compose does it.
fn interpolated(text: &str, variables: &BTreeMap<&str, &str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (reference, tail) = after.split_once('}').unwrap();
        let (name, default) = reference.split_once(":-").expect("every variable has a default");
        let value = variables.get(name).copied().filter(|value| !value.is_empty());
        out.extend([before, value.unwrap_or(default)]);
        rest = tail;
    }
    out + rest
}

fn environment(service: &Value, variables: &BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    let entries = service["environment"].as_mapping().into_iter().flatten();
    let text = |value: &Value| interpolated(value.as_str().unwrap(), variables);
    entries.map(|(name, value)| (name.as_str().unwrap().to_owned(), text(value))).collect()
}

/// Services that run the program itself.
fn own(document: &Value) -> Vec<(String, Value)> {
    let services = document["services"].as_mapping().unwrap().iter();
    let services = services.map(|(name, it)| (name.as_str().unwrap().to_owned(), it.clone()));
    services.filter(|(_, it)| !it["build"].is_null()).collect()
}

/// Runs the program with an environment of its own.
fn program(arguments: &[String], environment: &BTreeMap<String, String>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder.path()).env_clear().envs(environment);
    command.output().unwrap()
}

#[track_caller]
fn is_a_command(arguments: &[String]) {
    let with_help = [arguments, &["--help".to_owned()]].concat();
    let output = program(&with_help, &BTreeMap::new());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[track_caller]
fn is_a_configuration(environment: &BTreeMap<String, String>) {
    let output = program(&["check".to_owned()], environment);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{environment:?}: {said}");
}

#[test]
fn compose_files_name_only_what_there_is() {
    for file in ["deploy/compose.yaml", "deploy/compose.dev.yaml"] {
        let document = compose(file);
        let services = document["services"].as_mapping().unwrap();
        let (volumes, networks) = (keys(&document["volumes"]), keys(&document["networks"]));
        let mut used = BTreeSet::new();
        for (name, service) in services {
            let name = name.as_str().unwrap();
            for volume in strings(&service["volumes"]) {
                let source = volume.split(':').next().unwrap();
                match source.strip_prefix("./") {
                    Some(path) => assert!(root().join("deploy").join(path).exists(), "{volume}"),
                    None => assert!(volumes.contains(source), "{file}: {name}: {volume}"),
                }
                used.insert(source.to_owned());
            }
            for network in strings(&service["networks"]) {
                assert!(networks.contains(&network), "{file}: {name}: {network}");
            }
            let profiles = strings(&service["profiles"]);
            for other in keys(&service["depends_on"]) {
                let other = &document["services"][other.as_str()];
                assert_eq!(strings(&other["profiles"]), profiles, "{file}: {name}");
                assert!(!other["healthcheck"].is_null(), "{file}: {name} waits for its health");
            }
            // Whoever publishes a port says to whom.
            for port in strings(&service["ports"]) {
                assert!(port.contains("127.0.0.1:"), "{file}: {name}: {port}");
            }
        }
        assert!(volumes.iter().all(|volume| used.contains(volume)), "{file}: {volumes:?}");
    }
}

#[test]
fn containers_of_the_program_have_commands_and_settings_that_it_knows() {
    let document = compose("deploy/compose.yaml");
    let own = own(&document);
    let profile = |name: &str| {
        let of = own.iter().filter(|(_, it)| strings(&it["profiles"]) == [name]);
        of.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        (profile("minimal"), profile("full")),
        (vec!["analytics"], vec!["server", "worker"])
    );
    let secret = BTreeMap::from([("DB_PASSWORD", "0a1b"), ("TRUSTED_PROXIES", "[172.16.0.0/12]")]);
    for (name, service) in &own {
        is_a_command(&strings(&service["command"]));
        for variables in [&BTreeMap::new(), &secret] {
            let environment = environment(service, variables);
            is_a_configuration(&environment);
            assert_eq!(environment["ANALYTICS_PRIVACY__MIN_CELL"], "10", "{name}");
        }
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
    }
}

#[test]
fn every_variable_of_the_compose_file_is_in_the_example_and_the_other_way_round() {
    let text = read("deploy/compose.yaml");
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let used: BTreeSet<_> =
        code.split("${").skip(1).map(|it| it.split([':', '}']).next().unwrap()).collect();
    let example = read("deploy/env.example");
    let lines = example.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let told: BTreeSet<_> = lines.map(|line| line.split('=').next().unwrap()).collect();
    let image = BTreeSet::from(["IMAGE"]);
    assert_eq!(&used - &image, told);
}

/// The words of an instruction of the Dockerfile in its JSON form.
fn words(dockerfile: &str, instruction: &str) -> Vec<String> {
    let joined = dockerfile.replace("\\\n", " ");
    let line = joined.lines().rev().find(|line| line.starts_with(instruction));
    let (_, list) = line.and_then(|line| line.split_once('[')).unwrap();
    serde_json::from_str(&format!("[{list}")).unwrap()
}

#[test]
fn the_image_is_built_from_what_there_is_and_starts_what_there_is() {
    let dockerfile = read("deploy/Dockerfile");
    let channel = read("rust-toolchain.toml");
    let (_, channel) = channel.split_once("channel = \"").unwrap();
    let (release, _) = channel.split_once('"').unwrap();
    let release = release.rsplit_once('.').unwrap().0;
    assert!(dockerfile.contains(&format!("FROM rust:{release}-")), "the release is {release}");
    assert!(read("Cargo.toml").contains("[profile.dist]"));

    // What is copied by name, and what the build is allowed to see.
    let copied = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    let copied = copied.filter(|line| !line.starts_with("--from"));
    let seen = read("deploy/Dockerfile.dockerignore");
    let seen: Vec<_> = seen.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for name in &seen {
        assert!(root().join(name).exists(), "{name}");
    }
    for line in copied {
        let (sources, _) = line.rsplit_once(' ').unwrap();
        for source in sources.split(' ').filter(|source| *source != ".") {
            assert!(root().join(source).exists(), "{source}");
            assert!(seen.iter().any(|seen| source.starts_with(seen)), "{source} is ignored");
        }
    }
    // Every member of the workspace needs a stand-in, or the first build fails.
    let members = read("Cargo.toml");
    let (_, members) = members.split_once("members = ").unwrap();
    let members: Vec<String> = serde_json::from_str(members.lines().next().unwrap()).unwrap();
    for member in members {
        let copied = dockerfile.contains(&format!("COPY {member}/ {member}/"));
        assert!(copied || dockerfile.contains(&format!("{member}/src/lib.rs")), "{member}");
    }

    let entry = words(&dockerfile, "ENTRYPOINT");
    assert_eq!(entry, ["/app/weather-mcp-analytics"]);
    is_a_command(&words(&dockerfile, "CMD"));
    let health = words(&dockerfile, "HEALTHCHECK");
    assert_eq!(health[..1], entry);
    is_a_command(&health[1..]);
    let joined = dockerfile.replace("\\\n", " ");
    let settings = joined.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    let settings = settings.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    is_a_configuration(&settings.map(|(name, value)| (name.into(), value.into())).collect());
    assert!(dockerfile.contains("\nUSER 65532:65532\n"));
}

#[test]
fn the_unit_starts_what_there_is_and_is_confined() {
    let path = "deploy/weather-mcp-analytics.service";
    let unit = read(path);
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let words: Vec<String> = start.split(' ').skip(1).map(str::to_owned).collect();
    is_a_command(&words);
    // Tenths of a point of exposure; systemd's own network daemon has 2.9 points.
    let judge = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
        .arg(root().join(path))
        .output();
    match judge {
        Ok(judged) => {
            let said = String::from_utf8_lossy(&judged.stdout);
            assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
        }
        Err(error) => println!("not judged: systemd-analyze cannot be run ({error})"),
    }
}

/// A Redis started with the command of the compose file.
fn redis(service: &Value) -> Redis {
    let command: Vec<_> = strings(&service["command"])
        .iter()
        .map(|word| interpolated(word, &BTreeMap::new()))
        .collect();
    assert_eq!(command[0], "redis-server");
    let words: Vec<_> = command[1..].iter().map(String::as_str).collect();
    Redis::start(&words)
}

#[test]
fn the_full_installation_runs_on_redis_and_postgres_as_they_are_set_up_here() {
    let document = compose("deploy/compose.yaml");
    let redis = redis(&document["services"]["redis"]);
    // Roles belong to a whole server, so it must not be one that other tests share.
    let postgres = Postgres::start(&["password_encryption = 'scram-sha-256'"]);
    let script = root().join("deploy/postgres/init.sql");
    let complaint = postgres.script(&script, &[]).unwrap_err();
    assert!(complaint.contains("the variable ANALYTICS_DB_PASSWORD must hold"), "{complaint}");
    for password in ["first", "0a1b2c"] {
        postgres.script(&script, &[("ANALYTICS_DB_PASSWORD", password)]).unwrap();
    }
    postgres.demand_passwords();

    let variables = BTreeMap::from([("DB_PASSWORD", "0a1b2c")]);
    let place = |url: &String| {
        let url = url.replace("@database:5432", &format!("@127.0.0.1:{}", postgres.port()));
        url.replace("redis:6379", &format!("127.0.0.1:{}", redis.port()))
    };
    let settings = environment(&document["services"]["server"], &variables);
    let backends = Backends {
        queue: place(&settings["ANALYTICS_QUEUE__URL"]),
        store: place(&settings["ANALYTICS_STORE__URL"]),
    };
    let server =
        Server::with_backends(Config { role: "server", ..Config::default() }, |_| backends.clone());
    let _worker = server.beside("worker");
    let events = (0..40).map(|n| Event::detailed("get_alerts", "00112233445566ff", n));
    assert_eq!(server.post(Event::batch(events)).status, 200);
    assert_eq!(server.drained()["persisted"], 40);
    for command in [["rollups", "verify"], ["migrate", "status"]] {
        let output = server.command(&command);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let sql = Sql::open(&backends.store);
    sql.assert_rollups_equal_raw_rows();
    if postgres.has_timescale() {
        let hypertables = "SELECT count(*) FROM timescaledb_information.hypertables";
        assert_eq!(sql.int(hypertables), 4);
        for (command, hypertables_left) in [("down", 0), ("up", 4)] {
            assert!(server.command(&["migrate", command]).status.success());
            assert_eq!(sql.int(hypertables), hypertables_left);
        }
    } else {
        println!("without TimescaleDB, which the PostgreSQL of this machine does not have");
    }

    // The role can do its work and nothing else.
    for forbidden in [
        "CREATE ROLE other",
        "CREATE DATABASE other",
        "CREATE SCHEMA other",
        "DROP DATABASE analytics",
        "ALTER ROLE analytics SUPERUSER",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
    ] {
        assert!(sql.fails(forbidden), "{forbidden}");
    }
    let flags = "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls \
                 FROM pg_roles WHERE rolname = 'analytics'";
    assert_eq!(postgres.sql("postgres", flags).trim(), "f");
    // Readers read.
    let read = "SET ROLE analytics_reader; SELECT count(*) FROM events";
    assert_eq!(postgres.sql("analytics", read).trim(), "40");
    let write = "has_table_privilege('analytics_reader', 'events', 'insert, update, delete')";
    assert_eq!(postgres.sql("analytics", &format!("SELECT {write}")).trim(), "f");
    assert!(!postgres.log().contains("0a1b2c"), "the password is not in the server's log");
}
