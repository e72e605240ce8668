//! What can stand in the way of a start: a clear message for each, that says what, where and what to
//! do. Every fault is a real one.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use test_servers::{Postgres, Redis};

use crate::support::{Config, Event, Pair, Place, Server, Sql, Store, eventually, on_every_pair};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the program without rights that only root has, so that root meets what others meet.
fn unprivileged() -> Vec<&'static str> {
    if is_root() {
        let rights = "-dac_override,-dac_read_search,-net_bind_service";
        vec!["setpriv", "--inh-caps", rights, "--bounding-set", rights]
    } else {
        Vec::new()
    }
}

fn user() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid()
}

fn is_root() -> bool {
    user() == 0
}

/// Runs the program in a folder `small` of its own kind, or not at all where the system forbids that.
fn mounted(prepare: &str) -> Option<[String; 5]> {
    let possible = Command::new("unshare").args(["-Urm", "true"]).status();
    if !possible.is_ok_and(|status| status.success()) {
        println!("not tested: this system forbids mounts of one's own");
        return None;
    }
    let script = format!("{prepare}; cd small && exec \"$@\"");
    Some(["unshare", "-Urm", "sh", "-c", &script].map(str::to_owned))
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (text, port) = (address.to_string(), address.port());
    for (variable, setting, flag) in [
        ("ANALYTICS_SERVER__LISTEN", "server.listen", "--listen"),
        ("ANALYTICS_SERVER__METRICS_LISTEN", "server.metrics_listen", "--metrics-listen"),
    ] {
        Place::new().serve(&[(variable, &text)]).failed(
            &format!("cannot listen on {text} ({setting}): another process has this port"),
            &format!(
                "`ss -ltnp 'sport = :{port}'` shows which: stop it, or choose another address with \
                 {setting} or {flag}"
            ),
        );
    }
}

#[test]
fn a_failure_is_a_json_line_where_json_lines_are_collected() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let environment =
        [("ANALYTICS_SERVER__LISTEN", address.as_str()), ("ANALYTICS_LOG__FORMAT", "json")];
    let ended = Place::new().serve(&environment);
    let line: Value = serde_json::from_str(&ended.stderr).expect("one JSON line");
    assert_eq!(ended.code, Some(1));
    assert_eq!(line["level"], "ERROR");
    assert_eq!(
        line["message"],
        format!("cannot listen on {address} (server.listen): another process has this port")
    );
    assert!(line["help"].as_str().unwrap().starts_with("`ss -ltnp"), "{line}");
}

#[test]
fn a_port_that_needs_a_right() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|first| first.trim() == "0") {
        println!("not tested: on this system everybody may open every port");
        return;
    }
    let environment = [("ANALYTICS_SERVER__LISTEN", "127.0.0.1:1")];
    Place::new().run(&unprivileged(), &["serve"], &environment).failed(
        "cannot listen on 127.0.0.1:1 (server.listen): this user may not open a port that low",
        "choose another address with server.listen or --listen, with a port from 1024 on, behind a \
         proxy; or give the program the right: AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd \
         unit",
    );
}

#[test]
fn an_address_of_another_machine() {
    // Kept free for documentation (RFC 5737).
    Place::new().serve(&[("ANALYTICS_SERVER__LISTEN", "192.0.2.1:3000")]).failed(
        "cannot listen on 192.0.2.1:3000 (server.listen): this machine does not have this address",
        "`ip -brief address` shows those that it has, and 0.0.0.0 means all: choose another address \
         with server.listen or --listen",
    );
}

#[test]
fn a_file_in_the_place_of_the_data_folder() {
    for (variable, setting) in
        [("ANALYTICS_QUEUE__URL", "queue.url"), ("ANALYTICS_STORE__URL", "store.url")]
    {
        let place = Place::new();
        std::fs::write(place.path("file"), "").unwrap();
        place.serve(&[(variable, "sqlite://file/x.db")]).failed(
            &format!(
                "cannot make the folder {} ({setting}): a file stands in its place",
                place.path("file")
            ),
            &format!("move that file away, or name another folder with {setting}"),
        );
    }
}

#[test]
fn folders_and_files_that_this_user_may_not_write() {
    let place = Place::new();
    let closed = place.folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).unwrap();
    let (shown, user) = (place.path("closed"), user());
    let run = |url: &str| place.run(&unprivileged(), &["serve"], &[("ANALYTICS_QUEUE__URL", url)]);
    run("sqlite://closed/queue.db").failed(
        &format!("cannot write to the folder {shown} (queue.url): permission denied"),
        &format!(
            "the server's user (id {user}) needs write access to the folder itself, where SQLite \
             keeps its log: chown or chmod {shown}, or name another with queue.url"
        ),
    );
    run("sqlite://closed/new/queue.db").failed(
        &format!("cannot make the folder {shown}/new (queue.url): permission denied"),
        &format!(
            "make it and give it to the server's user (id {user}), or name another folder with \
             queue.url"
        ),
    );
    let redis = Redis::shared().database();
    let spool =
        [("ANALYTICS_QUEUE__URL", redis.as_str()), ("ANALYTICS_QUEUE__SPOOL", "closed/x.db")];
    place.run(&unprivileged(), &["serve"], &spool).failed(
        &format!("cannot write to the folder {shown} (queue.spool): permission denied"),
        &format!(
            "the server's user (id {user}) needs write access to the folder itself, where SQLite \
             keeps its log: chown or chmod {shown}, or name another with queue.spool; false does \
             without a spool"
        ),
    );
    std::fs::write(place.path("queue.db"), "").unwrap();
    std::fs::set_permissions(place.path("queue.db"), PermissionsExt::from_mode(0o000)).unwrap();
    run("sqlite://queue.db").failed(
        &format!("cannot write {} (queue.url): permission denied", place.path("queue.db")),
        &format!(
            "the server's user (id {user}) needs read and write access to it: chown or chmod it, or \
             name another file with queue.url"
        ),
    );
}

#[test]
fn a_disk_that_is_full_or_read_only() {
    let place = Place::new();
    std::fs::create_dir(place.path("small")).unwrap();
    let full = "mount -t tmpfs -o size=64k tmpfs small && head -c 60000 /dev/zero > small/filler";
    let read_only = "mount -t tmpfs tmpfs small && mount -o remount,ro small";
    let run = |prepare| {
        let wrapper = mounted(prepare)?;
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).chain(["sh"]).collect();
        Some(place.run(&wrapper, &["serve"], &[]))
    };
    let (Some(full), Some(read_only)) = (run(full), run(read_only)) else { return };
    full.failed(
        &format!("cannot write {} (queue.url): the disk is full", place.path("small/data/queue.db")),
        "make room, or name a file on another disk with queue.url; nothing that was acknowledged is \
         lost",
    );
    read_only.failed(
        &format!(
            "cannot make the folder {} (queue.url): the file system is read-only",
            place.path("small/data")
        ),
        "mount it writable, or name a file elsewhere with queue.url",
    );
}

#[test]
fn files_that_are_no_database_of_ours() {
    let place = Place::new();
    std::fs::write(place.path("text"), "not a database, but long enough for one").unwrap();
    std::fs::create_dir(place.path("folder")).unwrap();
    Sql::open(&format!("sqlite://{}?mode=rwc", place.path("foreign.db")))
        .run("CREATE TABLE a (b INTEGER)");
    for (variable, setting, other) in [
        ("ANALYTICS_QUEUE__URL", "queue.url", "queue"),
        ("ANALYTICS_STORE__URL", "store.url", "store"),
    ] {
        place.serve(&[(variable, "sqlite://text")]).failed(
            &format!("{} ({setting}) is not a SQLite database", place.path("text")),
            &format!("move it away, or name another file with {setting}"),
        );
        let folder = place.path("folder");
        place.serve(&[(variable, "sqlite://folder")]).failed(
            &format!("cannot open {folder} ({setting}): it is a folder"),
            &format!("name a file in it, such as sqlite://{folder}/{other}.db"),
        );
    }
    let foreign = place.path("foreign.db");
    place.serve(&[("ANALYTICS_QUEUE__URL", "sqlite://foreign.db")]).failed(
        &format!("{foreign} (queue.url) is a database, but not a queue"),
        "name another file: the queue needs one of its own, apart from store.url",
    );
    place.serve(&[("ANALYTICS_STORE__URL", "sqlite://foreign.db")]).failed(
        &format!("{foreign} (store.url) is a database, but not a store of this program"),
        "name another file: the store needs one of its own, apart from queue.url",
    );
}

#[test]
fn a_queue_of_a_newer_release() {
    let place = Place::made();
    let queue = place.path("data/queue.db");
    Sql::open(&format!("sqlite://{queue}")).run("PRAGMA user_version = 7");
    place.serve(&[]).failed(
        &format!(
            "the queue {queue} (queue.url) has format 7 of a newer release; this one, {VERSION}, \
             knows formats up to 2"
        ),
        "start the newer release, or name another file with queue.url; what waits in this one stays \
         there",
    );
}

#[test]
fn files_that_are_damaged() {
    for (name, setting) in [("queue.db", "queue.url"), ("analytics.db", "store.url")] {
        let place = Place::made();
        let path = place.path(&format!("data/{name}"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100..4096].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        place.serve(&[]).failed(
            &format!("the database {path} ({setting}) is damaged"),
            &format!(
                "keep a copy, then restore a backup, or save what can be read: sqlite3 {path} \
                 .recover | sqlite3 {path}.recovered"
            ),
        );
    }
}

#[test]
fn a_file_that_another_process_keeps_locked() {
    let place = Place::made();
    let path = place.path("data/queue.db");
    let sql = Sql::open(&format!("sqlite://{path}"));
    sql.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    place.serve(&[]).failed(
        &format!("the database {path} (queue.url) is locked by another process"),
        &format!("`fuser {path}` shows by which; end it, or wait until it is done"),
    );
}

#[test]
fn a_command_without_a_store_says_how_to_get_one() {
    for arguments in [["migrate", "status"], ["rollups", "verify"], ["dead-letters", "list"]] {
        Place::new().run(&[], &arguments, &[]).failed(
            "there is no store yet at the place that store.url names",
            "`serve` makes it when it starts, `migrate up` makes it now; `check` shows which \
             configuration is read",
        );
    }
}

#[test]
fn a_command_with_another_queue_makes_none() {
    let place = Place::made();
    let elsewhere = place.path("elsewhere/queue.db");
    let url = format!("sqlite://{elsewhere}");
    for arguments in
        [&["dead-letters", "replay", "--all"][..], &["purge", "--where", "tool=get_alerts"]]
    {
        place.run(&[], arguments, &[("ANALYTICS_QUEUE__URL", &url)]).failed(
            "there is no queue at the place that queue.url names",
            "`serve` makes it when it starts; `check` shows which configuration is read",
        );
        assert!(!std::path::Path::new(&elsewhere).exists(), "{arguments:?}");
    }
}

#[test]
fn rollups_are_verified_while_somebody_writes_to_the_queue() {
    let mut server = Server::start();
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    server.drained();
    server.terminate();
    let queue = Sql::open(&format!("sqlite://{}", server.folder().join("queue.db").display()));
    queue.run("BEGIN IMMEDIATE");
    let output = server.command(&["rollups", "verify"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"rollups and raw rows agree\n", "{said}");
}

#[test]
fn a_server_alone_accepts_beside_a_store_that_cannot_be_used() {
    let server = Server::with(Config { role: "server", ..Config::default() });
    let store = server.folder().join("analytics.db");
    std::fs::write(&store, "not a database, but long enough for one").unwrap();
    let server = server.restart();
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    eventually("the store is complained of", || {
        server.log().contains("is not a SQLite database; events wait in the queue")
    });
}

fn a_store_of_a_newer_release() {
    let mut server = Server::start();
    // What is stored says that all tables are there.
    assert_eq!(server.post(Event::batch([Event::minimal("get_alerts")])).status, 200);
    server.drained();
    let sql = server.store();
    let known = sql.texts("SELECT max(version) FROM seaql_migrations").remove(0);
    sql.run("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m2999_future', 0)");
    server.terminate();
    let place = match Pair::current().store {
        Store::Sqlite => server.folder().join("analytics.db").display().to_string(),
        Store::Postgres => "on PostgreSQL".to_owned(),
    };
    let message = format!(
        "the store {place} (store.url) has migration m2999_future of a newer release; this one, \
         {VERSION}, knows migrations up to {known}"
    );
    let help = "start the newer release, or take the schema back with it first: `migrate down`";
    let refused = server.command(&["rollups", "verify"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        (refused.status.code(), told),
        (Some(1), format!("error: {message}\nhelp: {help}\n"))
    );
    for role in ["all", "worker"] {
        let listen = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
        let refused = server.command(&[["serve", "--role", role].as_slice(), &listen].concat());
        let told = String::from_utf8(refused.stderr).unwrap();
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(
            (refused.status.code(), &last["message"]),
            (Some(1), &Value::from(message.as_str()))
        );
        assert_eq!(last["help"], help);
    }
}

on_every_pair!(a_store_of_a_newer_release);

#[test]
fn a_database_server_that_does_not_let_it_in() {
    let database = Postgres::shared().database();
    let (server, _) = database.rsplit_once('/').unwrap();
    for (url, reason) in [
        (format!("{server}/nowhere"), "it has no such database"),
        (
            "postgres://user:hunter2@127.0.0.1:1/x".to_owned(),
            "nothing answers at its host and port",
        ),
    ] {
        Place::new().run(&[], &["rollups", "verify"], &[("ANALYTICS_STORE__URL", &url)]).failed(
            &format!("the store on PostgreSQL (store.url) cannot be reached: {reason}"),
            "start the server, or mend user, password, host, port and database in store.url",
        );
    }
}
