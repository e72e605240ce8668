//! Whether the database really has what its migrations make: a table that somebody dropped, or an
//! index that a restore left out, is not seen by looking at the list of migrations.

use std::collections::BTreeSet;

use migration::{TableShape, expected};
use sea_orm::ConnectionTrait;
use stages::ports::StoreError;

use super::Database;
use super::database::query;
use super::status::text;

impl Database {
    /// What is missing, such as `table events`, `column events.tool`, `key of entries` or
    /// `index events_timestamp_hour`. Meant for a database with every migration applied.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn schema_faults(&self) -> Result<Vec<String>, StoreError> {
        let dialect = self.dialect();
        let tx = self.begin_read().await?;
        let columns_of = dialect.either(
            "SELECT name FROM pragma_table_info($1)",
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1",
        );
        // Without its key a table would take the same row twice, and count it twice.
        let key_of = dialect.either(
            "SELECT name FROM pragma_table_info($1) WHERE pk > 0",
            "SELECT attname::text FROM pg_attribute JOIN pg_index \
               ON indrelid = attrelid AND attnum = ANY (indkey) \
             WHERE attrelid = to_regclass($1) AND indisprimary AND indisvalid",
        );
        // One that could not be built to its end is there, but of no use.
        let indexes_of = dialect.either(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = $1",
            "SELECT indexrelid::regclass::text FROM pg_index \
             WHERE indrelid = to_regclass($1) AND indisvalid",
        );
        let mut faults = Vec::new();
        for TableShape { name, columns, key, indexes } in expected(tx.get_database_backend()) {
            let found = names(&tx, columns_of, &name).await?;
            if found.is_empty() {
                faults.push(format!("table {name}"));
                continue;
            }
            faults
                .extend(columns.difference(&found).map(|column| format!("column {name}.{column}")));
            if names(&tx, key_of, &name).await? != key {
                faults.push(format!("key of {name}"));
            }
            let found = names(&tx, indexes_of, &name).await?;
            faults.extend(indexes.difference(&found).map(|index| format!("index {index}")));
        }
        Ok(faults)
    }
}

async fn names(
    db: &impl ConnectionTrait,
    sql: &str,
    table: &str,
) -> Result<BTreeSet<String>, StoreError> {
    query(db, sql, [table.into()]).await?.iter().map(|row| text(row, 0)).collect()
}
