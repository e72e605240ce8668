//! PostgreSQL from the distribution's packages.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Guard, SmallDisk};

/// A PostgreSQL server on the loopback address. Everyone may log in as `postgres`.
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    _guard: Guard,
}

impl Postgres {
    /// The server that all tests of this process share, started when it is first needed. A test
    /// that stops its server starts one of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts a server with additional `settings`, each as `name=value`.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(settings: &[&str]) -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir().unwrap().keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        let data = folder.join("data");
        run(as_owner(&programs.join("initdb")).arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]));
        let socket = folder.display().to_string();
        let mut lines = vec![
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("unix_socket_directories = '{socket}'"),
            "max_connections = 300".to_owned(),
        ];
        if has_timescale(&programs) {
            lines.push("shared_preload_libraries = 'timescaledb'".to_owned());
            lines.push("timescaledb.telemetry_level = off".to_owned());
        }
        lines.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let file = data.join("postgresql.auto.conf");
        fs::write(&file, lines.join("\n")).unwrap();
        let pg_ctl = programs.join("pg_ctl").display().to_string();
        let stop = "as() { if [ \"$(id -u)\" = 0 ]; then runuser -u postgres -- \"$@\"; \
                    else \"$@\"; fi; }; as \"$1\" -D \"$2/data\" -m immediate stop; rm -rf \"$2\"";
        let guard = Guard::new(stop, &[&pg_ctl, &socket]);
        let mut server =
            Self { programs, folder, port: 0, databases: AtomicU32::new(0), _guard: guard };
        // Between finding a free port and listening on it, somebody else may take it.
        let started = (0..5).any(|_| {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            server.control(&["-w", "start"])
        });
        assert!(started, "PostgreSQL does not start:\n{}", server.log());
        server
    }

    /// Starts a server that also speaks TLS, with a certificate and its key (PEM).
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("postgres-tls-").tempdir().unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&path));
            }
            path.display().to_string()
        };
        let (certificate, key) = (file("cert.pem", certificate), file("key.pem", key));
        // Both are read at the start.
        Self::start(&[
            "ssl = on",
            &format!("ssl_cert_file = '{certificate}'"),
            &format!("ssl_key_file = '{key}'"),
        ])
    }

    /// Runs a script with psql, as superuser. Answers what psql prints; an error is what it complains
    /// about.
    pub fn script(&self, path: &Path, variables: &[(&str, &str)]) -> Result<String, String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(path).arg(self.url("postgres"));
        let psql = psql.envs(variables.iter().copied()).stdin(Stdio::null());
        let output = psql.output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    /// Makes a database. Answers its URL.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Makes a database of which the tables lie on a disk of their own. Answers the disk, which must
    /// stay as long as the server runs, and the database's URL; nothing where this user may not mount
    /// disks.
    pub fn database_on_small_disk(&self, mib: u32) -> Option<(SmallDisk, String)> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let (folder, owner) = (self.folder.join(format!("disk{number}")), "postgres");
        let disk = SmallDisk::mount(&folder, mib, owner)?;
        let place = folder.display();
        self.sql("postgres", &format!("CREATE TABLESPACE disk{number} LOCATION '{place}'"));
        let name = format!("test_on_disk_{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name} TABLESPACE disk{number}"));
        Some((disk, self.url(&name)))
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on the loopback address.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL. Answers what `psql` prints, without headings.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        run(psql.arg(self.url(database)))
    }

    /// Stops at once, as a crash does: what was not committed is lost, connections break.
    pub fn crash(&self) {
        assert!(self.control(&["-m", "immediate", "stop"]), "PostgreSQL does not stop");
    }

    /// Starts again after a stop.
    pub fn start_again(&self) {
        assert!(self.control(&["-w", "start"]), "PostgreSQL does not start:\n{}", self.log());
    }

    /// From now on everyone but `postgres` needs a password.
    pub fn demand_passwords(&self) {
        let lines =
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(self.folder.join("data/pg_hba.conf"), lines).unwrap();
        assert!(self.control(&["reload"]), "PostgreSQL does not read its settings again");
    }

    /// The number of the process that started all others of the server.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn process(&self) -> u32 {
        let lines = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        lines.lines().next().unwrap().trim().parse().unwrap()
    }

    /// The folder that holds everything of the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether TimescaleDB is installed for this server; then it is loaded, but in no database.
    pub fn has_timescale(&self) -> bool {
        has_timescale(&self.programs)
    }

    fn control(&self, arguments: &[&str]) -> bool {
        let mut command = as_owner(&self.programs.join("pg_ctl"));
        command.arg("-D").arg(self.folder.join("data")).arg("-l").arg(self.folder.join("log"));
        command.args(["-o", &format!("-p {}", self.port)]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// A program as the user that owns the server: it refuses to run as root.
fn as_owner(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| run(Command::new("id").arg("-u")).trim() == "0")
}

/// The folder of the newest server that is installed.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).filter(|folder| folder.join("initdb").exists());
    // Debian and its relatives keep servers of several releases apart, outside of PATH.
    let releases = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<PathBuf> = releases.map(|release| release.path().join("bin")).collect();
    packaged.sort();
    packaged
        .into_iter()
        .rev()
        .chain(in_path)
        .find(|folder| folder.join("initdb").exists())
        .expect("PostgreSQL is not installed; tests/run.sh installs what the tests need")
}

fn has_timescale(programs: &Path) -> bool {
    let folder = run(Command::new(programs.join("pg_config")).arg("--pkglibdir"));
    Path::new(folder.trim()).join("timescaledb.so").exists()
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("{}: {error}", command.get_program().to_string_lossy());
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_what_was_committed_over_a_crash_and_leaves_nothing_behind() {
        let server = Postgres::start(&["log_connections = on"]);
        let folder = server.folder().to_owned();
        let url = server.database();
        let database = url.rsplit('/').next().unwrap();
        server.sql(database, "CREATE TABLE kept AS SELECT 7 AS seven");
        server.crash();
        server.start_again();
        assert_eq!(server.sql(database, "SELECT seven FROM kept").trim(), "7");
        let port = server.port();
        drop(server);
        assert!(!folder.exists());
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "nobody listens any more");
    }
}
