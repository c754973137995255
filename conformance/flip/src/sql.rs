//! The database of a token's image, opened with SQL by somebody who has no key.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::image::Image;

/// The database, below the token directory.
pub(crate) const DATABASE: &str = "slot-0/store.db";

/// A row: key and value.
pub(crate) type Row = (i64, Vec<u8>);

/// Every table of keys and values with its rows, in the order of the keys.
pub(crate) type Tables = Vec<(String, Vec<Row>)>;

/// A place where databases are opened.
pub(crate) struct Desk {
    directory: PathBuf,
}

impl Desk {
    /// A desk in a directory of its own.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn new(directory: &Path) -> Result<Self, String> {
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// The image with its database changed by `work`. What was in the log is then in the database.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn edit(
        &self,
        image: &Image,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Image, String> {
        let base =
            Image(image.0.iter().filter(|(path, _)| is_database(path)).map(|(p, b)| (p.clone(), b.clone())).collect());
        base.put(&self.directory)?;
        let said = |error: rusqlite::Error| format!("changing the database: {error}");
        let connection = Connection::open(self.directory.join(DATABASE)).map_err(said)?;
        work(&connection).map_err(said)?;
        connection.close().map_err(|(_, error)| said(error))?;
        let mut edited = image.clone();
        edited.0.retain(|path, _| !is_database(path));
        edited.0.extend(Image::of(&self.directory)?.0);
        Ok(edited)
    }

    /// What is in the tables.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn tables(&self, image: &Image) -> Result<Tables, String> {
        let mut tables = Vec::new();
        self.edit(image, |connection| {
            for name in names(connection)? {
                let mut statement = connection.prepare(&format!("SELECT key, value FROM {name} ORDER BY key"))?;
                let rows =
                    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<_>, _>>()?;
                tables.push((name, rows));
            }
            Ok(())
        })?;
        Ok(tables)
    }
}

/// Whether the file is the database, its log or its index.
pub(crate) fn is_database(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("store.db"))
}

/// The tables of keys and values.
fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%key INTEGER%value BLOB%' ORDER BY name";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Puts a row in, or another in its place.
pub(crate) fn put(connection: &Connection, table: &str, (key, value): (i64, &[u8])) -> rusqlite::Result<()> {
    let sql = format!("INSERT OR REPLACE INTO {table} (key, value) VALUES (?1, ?2)");
    connection.execute(&sql, (key, value)).map(drop)
}

/// Takes a row out.
pub(crate) fn delete(connection: &Connection, table: &str, key: i64) -> rusqlite::Result<()> {
    connection.execute(&format!("DELETE FROM {table} WHERE key = ?1"), [key]).map(drop)
}
