//! The tables, version by version: those of a file, and those of a server.

use super::DatabaseError;
use sqlx::sqlite::SqliteConnection;

/// Marks the file as ours: "stch" in the header's application id.
pub(super) const OWNER: i64 = 0x7374_6368;

/// One script per version. A script that was released is never changed.
const SCRIPTS: [&str; 6] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
];

/// The newest version of a file.
pub(super) const VERSION: i64 = SCRIPTS.len() as i64;

/// The same for servers, which came later and count for themselves.
pub(super) const OF_SERVERS: [&str; 2] = [include_str!("schema/server/1.sql"), include_str!("schema/server/2.sql")];

/// The newest version of a server.
pub(super) const VERSION_OF_SERVERS: i64 = OF_SERVERS.len() as i64;

/// Brings the file to the newest version, in one transaction. Of several processes, the first one does it.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    for script in SCRIPTS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        sqlx::raw_sql(*script).execute(&mut *connection).await?;
    }
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

/// Refuses tables that a newer version has changed.
pub(super) fn known(place: &str, found: i64) -> Result<i64, DatabaseError> {
    if found > VERSION_OF_SERVERS {
        return Err(DatabaseError::Newer { place: place.to_owned(), found, known: VERSION_OF_SERVERS });
    }
    Ok(found)
}
