//! Whether the file of a SQLite database can be used and, if not, why, in words that help to mend it.
//!
//! Shared by queue and store. SQLite says "unable to open database file" to most of an operator's
//! mistakes, so they are told apart here by asking the file system.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use crate::advice::Advised;

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>).
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const NOTADB: u32 = 26;
/// The index of the log cannot grow, which it only fails to on a full disk. An extended code.
const IOERR_SHMSIZE: u32 = 4874;

/// Why a database file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct Fault {
    /// What is wrong.
    pub kind: Kind,
    /// The setting that names the file, such as `queue.url`.
    setting: &'static str,
    path: PathBuf,
}

/// What is wrong with a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The folder is missing and cannot be made.
    Folder(ErrorKind),
    /// The folder lets nobody write.
    FolderClosed(ErrorKind),
    /// The file lets nobody read and write.
    FileClosed(ErrorKind),
    /// A folder has the file's name.
    IsFolder,
    /// The disk is full.
    Full,
    /// It is not a database.
    NotADatabase,
    /// It is a database, but broken.
    Damaged,
    /// Another process keeps it locked.
    Locked,
}

/// Makes the folder, and asks whether it and the file, if there is one, can be written. Answers
/// whether there is a file.
///
/// # Errors
/// What stands in the way.
pub fn prepare(path: &Path, setting: &'static str) -> Result<bool, Fault> {
    let fault = |kind| Fault::new(kind, setting, path);
    let folder = folder(path);
    fs::create_dir_all(&folder).map_err(|error| fault(Kind::Folder(reason(&error))))?;
    let exists = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(fault(Kind::IsFolder)),
        Ok(_) => {
            let opened = File::options().read(true).write(true).open(path);
            opened.map_err(|error| fault(Kind::FileClosed(reason(&error))))?;
            true
        }
        Err(_) => false,
    };
    // SQLite keeps its log beside the database, so that the folder must be writable in any case.
    let trial = folder.join(format!(".write-test-{}", std::process::id()));
    match File::create(&trial) {
        Ok(_) => fs::remove_file(&trial).ok(),
        Err(error) if error.kind() == ErrorKind::StorageFull => return Err(fault(Kind::Full)),
        Err(error) => return Err(fault(Kind::FolderClosed(reason(&error)))),
    };
    Ok(exists)
}

/// Removes what deleted rows left in a file and its log: the file is written anew without free pages,
/// and the log is emptied. Answers what could not be done; `what` names the file in it.
///
/// # Errors
/// When the file cannot be written.
pub async fn scrub(db: &DatabaseConnection, what: &str) -> Result<Option<String>, DbErr> {
    empty_log(db).await?;
    db.execute_unprepared("VACUUM").await?;
    let emptied = empty_log(db).await?;
    Ok((!emptied).then(|| {
        format!("the log of {what} is in use by another process and still holds old pages; run this again")
    }))
}

/// Copies the log into the file and cuts it to nothing, once nobody reads old pages from it.
async fn empty_log(db: &DatabaseConnection) -> Result<bool, DbErr> {
    const ATTEMPTS: u32 = 50;
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 0..ATTEMPTS {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
        if row.map_or(Ok(0_i64), |row| row.try_get_by_index(0))? == 0 {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

impl Fault {
    fn new(kind: Kind, setting: &'static str, path: &Path) -> Self {
        Self { kind, setting, path: absolute(path) }
    }

    /// What a result code of SQLite, primary or extended, says of a file.
    pub fn from_code(code: u32, path: &Path, setting: &'static str) -> Option<Self> {
        let kind = match code & 0xff {
            BUSY | LOCKED => Kind::Locked,
            CORRUPT => Kind::Damaged,
            FULL => Kind::Full,
            _ if code == IOERR_SHMSIZE => Kind::Full,
            NOTADB => Kind::NotADatabase,
            _ => return None,
        };
        Some(Self::new(kind, setting, path))
    }

    fn text(&self) -> String {
        let (path, setting) = (self.path.display(), self.setting);
        let folder = folder(&self.path);
        let folder = folder.display();
        match self.kind {
            Kind::Folder(why) => {
                format!("cannot make the folder {folder} ({setting}): {}", words(why))
            }
            Kind::FolderClosed(why) => {
                format!("cannot write to the folder {folder} ({setting}): {}", words(why))
            }
            Kind::FileClosed(why) => format!("cannot write {path} ({setting}): {}", words(why)),
            Kind::IsFolder => format!("cannot open {path} ({setting}): it is a folder"),
            Kind::Full => format!("cannot write {path} ({setting}): the disk is full"),
            Kind::NotADatabase => format!("{path} ({setting}) is not a SQLite database"),
            Kind::Damaged => format!("the database {path} ({setting}) is damaged"),
            Kind::Locked => format!("the database {path} ({setting}) is locked by another process"),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        let (path, setting) = (self.path.display(), self.setting);
        let folder = folder(&self.path);
        let folder = folder.display();
        match self.kind {
            Kind::Folder(ErrorKind::ReadOnlyFilesystem)
            | Kind::FolderClosed(ErrorKind::ReadOnlyFilesystem)
            | Kind::FileClosed(ErrorKind::ReadOnlyFilesystem) => {
                format!("mount it writable, or name a file elsewhere with {setting}")
            }
            Kind::Folder(ErrorKind::NotADirectory) => {
                format!("move that file away, or name another folder with {setting}")
            }
            Kind::Folder(_) => {
                format!("make it and give it to {}, or name another folder with {setting}", user())
            }
            Kind::FolderClosed(_) => format!(
                "{} needs write access to the folder itself, where SQLite keeps its log: chown or \
                 chmod {folder}, or name another with {setting}",
                user()
            ),
            Kind::FileClosed(_) => format!(
                "{} needs read and write access to it: chown or chmod it, or name another file with \
                 {setting}",
                user()
            ),
            Kind::IsFolder => {
                // A setting that is no URL takes a path.
                match setting.strip_suffix(".url") {
                    Some(section) => {
                        format!("name a file in it, such as sqlite://{path}/{section}.db")
                    }
                    None => format!("name a file in it, such as {path}/spool.db"),
                }
            }
            Kind::Full => format!(
                "make room, or name a file on another disk with {setting}; nothing that was \
                 acknowledged is lost"
            ),
            Kind::NotADatabase => {
                format!("move it away, or name another file with {setting}")
            }
            Kind::Damaged => format!(
                "keep a copy, then restore a backup, or save what can be read: sqlite3 {path} \
                 .recover | sqlite3 {path}.recovered"
            ),
            Kind::Locked => {
                format!("`fuser {path}` shows by which; end it, or wait until it is done")
            }
        }
    }

    /// The fault with its advice.
    pub fn advised(self) -> Advised {
        let help = self.help();
        Advised::new(self, help)
    }
}

/// The kinds that are told apart; a file in the place of a folder has two names.
fn reason(error: &io::Error) -> ErrorKind {
    match error.kind() {
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory,
        kind => kind,
    }
}

fn words(why: ErrorKind) -> String {
    match why {
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::NotADirectory => "a file stands in its place".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        other => other.to_string(),
    }
}

/// Who needs the right: in a container, nobody knows by heart.
fn user() -> String {
    let id = fs::metadata("/proc/self").map(|process| process.uid());
    id.map_or_else(|_| "this user".to_owned(), |id| format!("the server's user (id {id})"))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn folder(path: &Path) -> PathBuf {
    absolute(path).parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_used_is_prepared() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a/b/x.db");
        assert!(!prepare(&path, "queue.url").unwrap());
        fs::write(&path, "").unwrap();
        assert!(prepare(&path, "queue.url").unwrap());
        let files: Vec<_> = fs::read_dir(temporary.path().join("a/b")).unwrap().collect();
        assert_eq!(files.len(), 1, "the trial is gone");
    }

    #[test]
    fn what_cannot_be_used_is_explained() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().display();
        fs::write(temporary.path().join("file"), "").unwrap();
        let fault = prepare(&temporary.path().join("file/x.db"), "queue.url").unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!("cannot make the folder {root}/file (queue.url): a file stands in its place")
        );
        assert_eq!(fault.help(), "move that file away, or name another folder with queue.url");
        let fault = prepare(temporary.path(), "store.url").unwrap_err();
        assert_eq!(fault.to_string(), format!("cannot open {root} (store.url): it is a folder"));
    }

    #[test]
    fn codes_of_sqlite_are_understood_primary_and_extended() {
        let of = |code| Fault::from_code(code, Path::new("/x.db"), "store.url").map(|it| it.kind);
        assert_eq!(of(26), Some(Kind::NotADatabase));
        assert_eq!(of(5), Some(Kind::Locked));
        assert_eq!(of(261), Some(Kind::Locked));
        assert_eq!(of(267), Some(Kind::Damaged));
        assert_eq!((of(13), of(4874)), (Some(Kind::Full), Some(Kind::Full)));
        assert_eq!(of(1), None);
    }
}
