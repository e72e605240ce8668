//! Locks between the processes of one host, for work that must not run twice at a time.
//!
//! A lock of the operating system on a file beside the database: it ends with the process that
//! holds it, however that ends, so it can never be left behind.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a lock is looked at that another process holds.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A held lock; dropping it gives it back.
#[derive(Debug)]
pub(super) struct FileLock(#[expect(dead_code, reason = "held, never read")] File);

impl FileLock {
    /// Waits until the lock is free.
    pub(super) async fn wait(database: &Path, purpose: &str) -> io::Result<Self> {
        loop {
            if let Some(lock) = Self::attempt(database, purpose)? {
                return Ok(lock);
            }
            // A blocking wait could not be given up when the process is asked to stop.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
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
