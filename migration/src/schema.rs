//! What the migrations make, taken from the migrations themselves, so that a database can be checked
//! against it.

use std::collections::BTreeSet;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::m0001_initial::{index_name, indexes};
use crate::{
    m0001_initial, m0003_release, m0004_sums, m0005_sessions, m0006_sightings, m0007_totals,
};

/// What a table must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: BTreeSet<String>,
    /// Those of its key, if it has one.
    pub key: BTreeSet<String>,
    /// Its indexes, the one of its key left out.
    pub indexes: BTreeSet<String>,
}

/// Every table once all migrations are applied.
pub fn expected(backend: DbBackend) -> Vec<TableShape> {
    let first = indexes(backend).into_iter();
    let first = first.map(|(table, column)| (table, index_name(table, column)));
    let later = [m0004_sums::index(backend), m0006_sightings::index(backend)].into_iter().flatten();
    let later = later.map(|(table, name)| (table, name.to_owned()));
    let indexes: Vec<(&str, String)> = first.chain(later).collect();
    let shape = |table: &TableCreateStatement| {
        let name = name_of(table);
        let columns = table.get_columns().iter().map(|column| column.get_column_name());
        let key = table.get_indexes().iter().filter(|index| index.is_primary_key());
        let own = indexes.iter().filter(|(of, _)| *of == name);
        TableShape {
            columns: columns.collect(),
            key: key.flat_map(|index| index.get_index_spec().get_column_names()).collect(),
            indexes: own.map(|(_, index)| index.clone()).collect(),
            name,
        }
    };
    let mut tables = m0001_initial::tables(backend);
    tables.extend(m0003_release::tables(backend));
    tables.push(m0005_sessions::table(backend));
    tables.push(m0007_totals::table(backend));
    tables.iter().map(shape).collect()
}

/// The name of a table that is to be made.
pub(crate) fn name_of(table: &TableCreateStatement) -> String {
    match table.get_table_name() {
        Some(TableRef::Table(name, _)) => name.1.to_string(),
        _ => String::new(),
    }
}
