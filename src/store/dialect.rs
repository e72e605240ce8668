//! Where the databases differ: the few fragments of SQL that are not the same for all of them.
//!
//! Everything else is written once. `$1` names a value for both. Hours and dates are text in SQLite
//! and `timestamptz` and `date` in PostgreSQL; they enter and leave a statement as text, or by way
//! of [`Rows`](super::rows::Rows).

use sea_orm::{ConnectionTrait, DbBackend};

use super::rows::{Column, Kind};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The dialect that a connection speaks.
    pub(super) fn of(db: &impl ConnectionTrait) -> Self {
        match db.get_database_backend() {
            DbBackend::Postgres => Self::Postgres,
            _ => Self::Sqlite,
        }
    }

    /// One of two fragments.
    pub(super) const fn either<T: Copy>(self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }

    /// An hour, given as text, as it compares with a column of hours.
    pub(super) fn hour(self, text: &str) -> String {
        self.cast(text, "timestamptz")
    }

    /// A date, given as text, as it compares with a column of dates.
    pub(super) fn day(self, text: &str) -> String {
        self.cast(text, "date")
    }

    fn cast(self, text: &str, to: &str) -> String {
        match self {
            Self::Sqlite => text.to_owned(),
            Self::Postgres => format!("{text}::{to}"),
        }
    }

    /// A stored hour as text. The time zone of a session is UTC; the driver sees to that.
    pub(super) fn hour_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
        }
    }

    /// A stored date as text.
    pub(super) fn day_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("to_char({column}, 'YYYY-MM-DD')"),
        }
    }

    /// The date of a stored hour, as text.
    pub(super) fn day_of_hour(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("substr({column}, 1, 10)"),
            Self::Postgres => self.day_text(column),
        }
    }

    /// Stored bytes as hex digits.
    pub(super) fn hex(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("lower(hex({column}))"),
            Self::Postgres => format!("encode({column}, 'hex')"),
        }
    }

    /// Bytes, none of them.
    pub(super) const fn no_bytes(self) -> &'static str {
        self.either("x''", "''::bytea")
    }

    /// Sixteen random bytes.
    pub(super) const fn random_id(self) -> &'static str {
        self.either("randomblob(16)", "uuid_send(gen_random_uuid())")
    }

    /// The smaller of two values, or the one that is there.
    pub(super) fn least(self, a: &str, b: &str) -> String {
        match self {
            Self::Sqlite => format!("min(coalesce({a}, {b}), coalesce({b}, {a}))"),
            Self::Postgres => format!("least({a}, {b})"),
        }
    }

    /// The larger of two values, or the one that is there.
    pub(super) fn greatest(self, a: &str, b: &str) -> String {
        match self {
            Self::Sqlite => format!("max(coalesce({a}, {b}), coalesce({b}, {a}))"),
            Self::Postgres => format!("greatest({a}, {b})"),
        }
    }

    /// How many values of a statement rows with these columns are.
    pub(super) const fn values(self, columns: &[Column]) -> usize {
        self.either(1, columns.len())
    }

    /// Rows that stand in the values from number `first` on, as something to select from.
    ///
    /// SQLite reads them with `jsonb_each` (3.51, which is built in), which hands out each row in
    /// binary form; `json_each` would print it as text that every column parses again, at twice the
    /// time. PostgreSQL gets numbers for hours and dates, as it would read their text more slowly, and
    /// takes its arrays apart in the list of columns: in FROM it would first store them all as rows,
    /// and an event would take it 8.8 us instead of 4.6.
    pub(super) fn rows(self, columns: &[Column], first: usize) -> String {
        let Self::Postgres = self else { return self.numbered_rows(columns, first) };
        let element = |(i, (name, kind)): (usize, &Column)| {
            let element = format!("unnest(${}::{}[])", first + i, kind.postgres());
            format!("{} AS {name}", kind.arrived(&element))
        };
        let list: Vec<_> = columns.iter().enumerate().map(element).collect();
        format!("(SELECT {})", list.join(", "))
    }

    /// The same rows, which beside their columns have `n`, their number from 0 on.
    pub(super) fn numbered_rows(self, columns: &[Column], first: usize) -> String {
        match self {
            Self::Sqlite => {
                let column = |(i, (name, kind)): (usize, &Column)| match kind {
                    Kind::Bytes => format!("unhex(value->>{i}) AS {name}"),
                    _ => format!("value->>{i} AS {name}"),
                };
                let list: Vec<_> = columns.iter().enumerate().map(column).collect();
                format!("(SELECT key AS n, {} FROM jsonb_each(${first}))", list.join(", "))
            }
            Self::Postgres => {
                let array = |(i, (_, kind)): (usize, &Column)| {
                    format!("${}::{}[]", first + i, kind.postgres())
                };
                let column = |(name, kind): &Column| format!("{} AS {name}", kind.arrived(name));
                let arrays: Vec<_> = columns.iter().enumerate().map(array).collect();
                let list: Vec<_> = columns.iter().map(column).collect();
                let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                format!(
                    "(SELECT n - 1 AS n, {} FROM unnest({}) WITH ORDINALITY AS u({}, n))",
                    list.join(", "),
                    arrays.join(", "),
                    names.join(", ")
                )
            }
        }
    }

    /// Deletes at most `limit` rows of which `column` is less than the value `bound`. `key` names a
    /// row of the table; PostgreSQL has a name of its own for every row, which finds it at once.
    pub(super) fn delete_some(
        self,
        table: &str,
        column: &str,
        key: &str,
        bound: &str,
        limit: u64,
    ) -> String {
        match self {
            Self::Sqlite => format!(
                "DELETE FROM {table} WHERE ({key}) IN \
                 (SELECT {key} FROM {table} WHERE {column} < {bound} LIMIT {limit})"
            ),
            Self::Postgres => format!(
                "DELETE FROM {table} WHERE ctid = ANY (ARRAY \
                 (SELECT ctid FROM {table} WHERE {column} < {bound} LIMIT {limit}))"
            ),
        }
    }

    /// Whether there is the table named by the first value: one row, or none.
    pub(super) const fn table_exists(self) -> &'static str {
        self.either(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
            "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1",
        )
    }
}
