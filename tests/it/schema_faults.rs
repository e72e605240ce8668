//! `migrate status` looks at what is really there, not only at the list of migrations.

use crate::support::{Event, Server, Sql, on_every_pair};

on_every_pair![what_is_missing_from_the_schema_is_named,];

fn status(server: &Server) -> (Option<i32>, String) {
    let output = server.command(&["migrate", "status"]);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Takes the key away from a table, as a restore does that went wrong.
fn take_key(sql: &Sql, table: &str, has_key: &str) {
    if sql.is_postgres() {
        sql.run(&format!("ALTER TABLE {table} DROP CONSTRAINT {has_key}"));
    } else {
        sql.run(&format!(
            "CREATE TABLE bare AS SELECT * FROM {table}; DROP TABLE {table}; \
             ALTER TABLE bare RENAME TO {table}"
        ));
    }
}

fn what_is_missing_from_the_schema_is_named() {
    let mut server = Server::start();
    // What is stored says that all tables are there.
    server.post(Event::batch([Event::minimal("get_alerts")]));
    server.drained();
    let applied = "applied  m0001_initial\napplied  m0002_timescale\napplied  m0003_release\n\
                   applied  m0004_sums\napplied  m0005_sessions\napplied  m0006_sightings\n\
                   applied  m0007_totals\n";
    let whole = format!("{applied}every table, column, key and index is there\n");
    assert_eq!(status(&server), (Some(0), whole));
    server.terminate();
    let sql = server.store();
    sql.run("DROP TABLE dimension_values");
    sql.run("ALTER TABLE events DROP COLUMN country");
    sql.run("DROP INDEX entries_received_hour");
    take_key(&sql, "event_keys", "event_keys_pkey");
    let (code, said) = status(&server);
    let missing: Vec<_> = said.lines().filter(|line| line.starts_with("missing")).collect();
    let want = [
        "missing  column events.country",
        "missing  index entries_received_hour",
        "missing  key of event_keys",
        "missing  table dimension_values",
    ];
    assert_eq!((code, missing), (Some(1), want.to_vec()));

    let output = server.command(&["migrate", "down", "--steps", "1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (code, said) = status(&server);
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            "applied  m0001_initial\napplied  m0002_timescale\napplied  m0003_release\n\
             applied  m0004_sums\napplied  m0005_sessions\napplied  m0006_sightings\n\
             pending  m0007_totals\n"
        )
    );
}
