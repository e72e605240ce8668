//! Locks between the processes of one host, for work that must not run twice at a time.
//!
//! A lock of the operating system on a file beside the database: it ends with the process that
//! holds it, however that ends, so it can never be left behind.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub(super) struct FileLock(#[expect(dead_code, reason = "held, never read")] File);

impl FileLock {
    /// Waits until the lock is free.
    pub(super) async fn wait(database: &Path, purpose: &str) -> io::Result<Self> {
        let file = open(database, purpose)?;
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| Self(file)));
        locked.await.map_err(io::Error::other)?
    }

    /// Takes the lock if it is free.
    pub(super) fn attempt(database: &Path, purpose: &str) -> io::Result<Option<Self>> {
        let file = open(database, purpose)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(database: &Path, purpose: &str) -> io::Result<File> {
    let mut path = OsString::from(database);
    path.push(format!(".{purpose}.lock"));
    File::options().create(true).truncate(false).write(true).open(PathBuf::from(path))
}
