//! The schema: brought up, taken down, and asked about, by one process at a time.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use migration::Migrator;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::MigratorTrait;
use stages::ports::StoreError;

use super::Database;
use super::copy::is_unfinished;
use super::database::query;
use super::dialect::Dialect;
use super::error::store_error;
use super::lock::{Lock, LockError, Purpose};
use super::status::text;
use super::timescale::{Horizons, ShortHorizon};

/// A migration and whether it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name; names sort by age.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
    /// Whether this release has it. One that is applied but not known comes from a newer release.
    pub known: bool,
}

/// The schema cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer release has changed the schema.
    #[error(
        "the store has migration {0}, which this release does not know: run the release that \
         applied it, or take the schema down with that release first"
    )]
    Newer(String),
    /// The directory of the database cannot be made, or its lock file cannot be opened.
    #[error("the directory of the store cannot be written")]
    Directory(#[source] io::Error),
    /// The database failed.
    #[error("the schema of the store could not be changed")]
    Database(#[source] DbErr),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too old a server.
    #[error("the server is PostgreSQL {0}; 13 or later is needed")]
    TooOld(String),
    /// What is in the database is a part of another store.
    #[error("a copy into this store has not ended")]
    Unfinished,
    /// A policy of the database does not go with the configuration.
    #[error(transparent)]
    Horizon(#[from] ShortHorizon),
}

impl Database {
    /// Makes the database if there is none, and applies every migration that it lacks. Waits while
    /// another process migrates.
    ///
    /// # Errors
    /// Also when a newer release has changed the schema without declaring this one compatible.
    pub async fn migrate_up(&self) -> Result<(), MigrateError> {
        let lock = self.migration_lock().await?;
        let migrated = self.up().await;
        lock.release().await;
        migrated
    }

    async fn up(&self) -> Result<(), MigrateError> {
        self.check_version().await?;
        let states = states(self.writer()).await?;
        if let Some(newer) = newest_unknown(&states) {
            return if self.declares_compatible(&states).await? {
                Ok(())
            } else {
                Err(MigrateError::Newer(newer))
            };
        }
        Migrator::up(self.writer(), None).await.map_err(MigrateError::Database)
    }

    /// Brings the schema up to date and makes use of what the database offers beyond it.
    ///
    /// # Errors
    /// Like [`Database::migrate_up`], when a policy of the database goes against `horizons`, and
    /// when a copy into the database has not ended.
    pub async fn bring_up(&self, horizons: &Horizons) -> Result<(), MigrateError> {
        let lock = self.migration_lock().await?;
        let brought = async {
            self.up().await?;
            if is_unfinished(self.writer()).await? {
                return Err(MigrateError::Unfinished);
            }
            self.use_timescale(horizons).await
        };
        let brought = brought.await;
        lock.release().await;
        brought
    }

    /// Takes back the newest `steps` migrations, and with them what their tables held.
    ///
    /// # Errors
    /// Also when a newer release has changed the schema: only that one knows how to take it back.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), MigrateError> {
        let lock = self.migration_lock().await?;
        let migrated = self.down(steps).await;
        lock.release().await;
        migrated
    }

    async fn down(&self, steps: u32) -> Result<(), MigrateError> {
        if let Some(newer) = newest_unknown(&states(self.writer()).await?) {
            return Err(MigrateError::Newer(newer));
        }
        Migrator::down(self.writer(), Some(steps)).await.map_err(MigrateError::Database)
    }

    /// Every migration that the database or this release has, oldest first. Changes nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn migrate_status(&self) -> Result<Vec<MigrationState>, StoreError> {
        let tx = self.begin_read().await?;
        states(&tx).await
    }

    async fn check_version(&self) -> Result<(), MigrateError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let sql = "SELECT current_setting('server_version') \
                   WHERE current_setting('server_version_num')::int < 130000";
        match query(self.writer(), sql, []).await?.first() {
            Some(row) => Err(MigrateError::TooOld(text(row, 0)?)),
            None => Ok(()),
        }
    }

    async fn migration_lock(&self) -> Result<Lock, MigrateError> {
        if let Some(directory) = self.path().and_then(Path::parent) {
            std::fs::create_dir_all(directory).map_err(MigrateError::Directory)?;
        }
        Lock::wait(self, Purpose::Migrate).await.map_err(|error| match error {
            LockError::File(error) => MigrateError::Directory(error),
            LockError::Store(error) => error.into(),
        })
    }

    /// Whether a newer schema says that releases as old as this one can work with it. It says so in
    /// the one row of `schema_compatibility`, whose `since` names a migration: releases that know it
    /// may go on.
    pub(super) async fn declares_compatible(
        &self,
        states: &[MigrationState],
    ) -> Result<bool, StoreError> {
        if !table_exists(self.writer(), "schema_compatibility").await? {
            return Ok(false);
        }
        let rows = query(self.writer(), "SELECT since FROM schema_compatibility", []).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let since: String = row.try_get_by_index(0).map_err(store_error)?;
        Ok(states.iter().any(|state| state.known && state.applied && state.name == since))
    }
}

pub(super) async fn states(db: &impl ConnectionTrait) -> Result<Vec<MigrationState>, StoreError> {
    let known: BTreeSet<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let mut applied = BTreeSet::new();
    if table_exists(db, "seaql_migrations").await? {
        for row in query(db, "SELECT version FROM seaql_migrations", []).await? {
            applied.insert(row.try_get_by_index::<String>(0).map_err(store_error)?);
        }
    }
    let state = |name: &String| MigrationState {
        name: name.clone(),
        applied: applied.contains(name),
        known: known.contains(name),
    };
    Ok(known.union(&applied).map(state).collect())
}

pub(super) async fn table_exists(
    db: &impl ConnectionTrait,
    name: &str,
) -> Result<bool, StoreError> {
    Ok(!query(db, Dialect::of(db).table_exists(), [name.into()]).await?.is_empty())
}

pub(super) fn newest_unknown(states: &[MigrationState]) -> Option<String> {
    states.iter().rev().find(|state| !state.known).map(|state| state.name.clone())
}
