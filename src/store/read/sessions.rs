//! Sessions of a range of days: the sketches of its days, merged.

use stages::Day;
use stages::ports::StoreError;
use stages::sessions::Sessions;

use crate::store::Database;
use crate::store::error::store_error;
use crate::store::write::sessions::read;

impl Database {
    /// Sessions of the days from `from` up to but without `to`, in one statement.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        self.merged("sketch", from, to).await
    }

    /// The same of what is released of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn released_sessions(&self, from: Day, to: Day) -> Result<Sessions, StoreError> {
        self.merged("released", from, to).await
    }

    async fn merged(&self, column: &str, from: Day, to: Day) -> Result<Sessions, StoreError> {
        let d = self.dialect();
        let sql = format!(
            "SELECT {column} FROM sessions_day WHERE day >= {} AND day < {}",
            d.day("$1"),
            d.day("$2")
        );
        let days = [from.to_string().into(), to.to_string().into()];
        let rows = self.query(&sql, days).await?;
        let sketch =
            |row: &sea_orm::QueryResult| read(row.try_get_by_index(0).map_err(store_error)?);
        let days = rows.iter().map(sketch).collect::<Result<Vec<_>, _>>()?;
        let mut all = Sessions::default();
        all.merge(&days);
        Ok(all)
    }
}
