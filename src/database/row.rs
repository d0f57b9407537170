//! What statements are given, and what they give back: text, whole numbers and bytes, and nothing else.

use super::DatabaseError;
use crate::model::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A value of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Number(Option<i64>),
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

/// A count as a database keeps it.
impl From<u64> for Value<'_> {
    fn from(count: u64) -> Self {
        Self::Number(Some(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        at.0.into()
    }
}

impl From<bool> for Value<'_> {
    fn from(is: bool) -> Self {
        Self::Number(Some(is.into()))
    }
}

/// A row, by the numbers of its columns.
pub(crate) enum Row {
    File(SqliteRow),
    Server(PgRow),
}

impl Row {
    /// A text.
    pub(crate) fn text(&self, column: usize) -> Result<String, DatabaseError> {
        match self {
            Self::File(row) => row.try_get(column),
            Self::Server(row) => row.try_get(column),
        }
        .map_err(DatabaseError::Row)
    }

    /// A text, where there is one.
    pub(crate) fn some_text(&self, column: usize) -> Result<Option<String>, DatabaseError> {
        match self {
            Self::File(row) => row.try_get(column),
            Self::Server(row) => row.try_get(column),
        }
        .map_err(DatabaseError::Row)
    }

    /// A whole number.
    pub(crate) fn number(&self, column: usize) -> Result<i64, DatabaseError> {
        match self {
            Self::File(row) => row.try_get(column),
            // A literal of a statement is a smaller number there than what a table holds.
            Self::Server(row) => row.try_get(column).or_else(|_| row.try_get::<i32, _>(column).map(i64::from)),
        }
        .map_err(DatabaseError::Row)
    }

    /// A whole number, where there is one.
    pub(crate) fn some_number(&self, column: usize) -> Result<Option<i64>, DatabaseError> {
        match self {
            Self::File(row) => row.try_get(column),
            Self::Server(row) => row.try_get(column),
        }
        .map_err(DatabaseError::Row)
    }

    /// A count.
    pub(crate) fn count(&self, column: usize) -> Result<u64, DatabaseError> {
        let number = self.number(column)?;
        u64::try_from(number).map_err(|error| DatabaseError::Row(sqlx::Error::Decode(Box::new(error))))
    }

    /// Yes or no, kept as 1 or 0.
    pub(crate) fn is(&self, column: usize) -> Result<bool, DatabaseError> {
        Ok(self.number(column)? != 0)
    }

    /// A time.
    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, DatabaseError> {
        self.count(column).map(Timestamp)
    }

    /// Bytes.
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, DatabaseError> {
        match self {
            Self::File(row) => row.try_get(column),
            Self::Server(row) => row.try_get(column),
        }
        .map_err(DatabaseError::Row)
    }
}
