//! Sealed values change their envelope key; their names, and so the records, stay. Each is exchanged for itself under the
//! new key if it is still what was read, so that whoever writes at the same time is not in the way, and an interruption at
//! any moment leaves values that open.

use super::durable::{DurableJournal, patiently};
use super::{JournalError, unwritable};
use crate::database::{DatabaseError, Row, Transaction};
use crate::model::{Digest, RotationId, Timestamp};
use crate::seal::{SealError, Sealed, Sealer};
use std::collections::BTreeMap;

/// What the key is called in the table of keys.
const ENVELOPE: &str = "envelope key";

/// Values that are exchanged in one piece of work.
const PAGE: usize = 100;

/// What became of sealed values.
#[derive(Debug, Default)]
pub struct Resealed {
    /// How many are under the new key now.
    pub changed: u64,
    /// Those that are not, and why.
    pub left: Vec<(RotationId, SealError)>,
}

impl DurableJournal {
    /// The id of the envelope key that this journal is sealed under from now on; `here`, where that was never said.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sealing_key(&self, here: &str) -> Result<String, JournalError> {
        let statement = "INSERT INTO keys (what, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.change(statement, [ENVELOPE, here, ""], 2).await?;
        let mut work = self.reading().await?;
        let row = work.row("SELECT name FROM keys WHERE what = $1", &[ENVELOPE.into()]).await;
        let name = row.and_then(|row| row.map(|row| row.text(0)).transpose()).map_err(self.failed("read"));
        Ok(self.end(work, name).await?.unwrap_or_else(|| here.to_owned()))
    }

    /// Says that another envelope key seals from now on; false where somebody said otherwise meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn turn_key(&self, from: &str, to: &str) -> Result<bool, JournalError> {
        let statement = "UPDATE keys SET name = $3 WHERE what = $1 AND name = $2";
        Ok(self.change(statement, [ENVELOPE, from, to], 3).await? > 0)
    }

    async fn change(&self, statement: &'static str, values: [&str; 3], count: usize) -> Result<u64, JournalError> {
        patiently(|| async {
            let mut work = self.begin().await?;
            let values: Vec<_> = values.iter().take(count).map(|value| (*value).into()).collect();
            let done = work.run(statement, &values).await.map_err(self.failed("write"));
            self.end(work, done).await
        })
        .await
    }

    /// How many values are kept under which envelope key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn values_by_key(&self) -> Result<BTreeMap<String, u64>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = count_in(&mut work).await.map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    /// Puts every value that is under another envelope key under the one that seals now. What the one before wrapped is
    /// wiped from a file.
    ///
    /// # Errors
    /// When the database fails: what was done is done, and the rest is done the next time. A value that does not open is
    /// told and left.
    pub async fn reseal(&self, sealer: &Sealer, key: &str) -> Result<Resealed, JournalError> {
        let mut outcome = Resealed::default();
        let mut last = (String::new(), String::new());
        while let Some(next) = patiently(|| self.reseal_page(sealer, key, &last)).await?.into_total(&mut outcome) {
            last = next;
        }
        let mut last = i64::MIN;
        while let Some(next) = patiently(|| self.reseal_words(sealer, key, last)).await?.into_total(&mut outcome) {
            last = next;
        }
        self.wipe_now().await;
        Ok(outcome)
    }

    async fn reseal_page(
        &self,
        sealer: &Sealer,
        key: &str,
        last: &(String, String),
    ) -> Result<Page<(String, String)>, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.reseal_page_in(&mut work, sealer, key, last).await;
        self.end(work, outcome).await
    }

    async fn reseal_page_in(
        &self,
        on: &mut Transaction<'_>,
        sealer: &Sealer,
        key: &str,
        (rotation, digest): &(String, String),
    ) -> Result<Page<(String, String)>, JournalError> {
        let rows = on
            .rows(
                "SELECT rotation, digest, key, wrapped, ciphertext FROM sealed \
                 WHERE key <> $1 AND (rotation, digest) > ($2, $3) ORDER BY rotation, digest LIMIT 100",
                &[key.into(), rotation.into(), digest.into()],
            )
            .await
            .map_err(self.failed("read"))?;
        let mut page = Page { is_last: rows.len() < PAGE, ..Page::default() };
        for row in &rows {
            let (of, old) = kept(row).map_err(self.failed("read"))?;
            page.last = Some((of.clone(), old.digest.as_str().to_owned()));
            let Some(new) = page.take(sealer, &of, &old) else { continue };
            page.changed += on
                .run(
                    "UPDATE sealed SET key = $1, wrapped = $2 WHERE rotation = $3 AND digest = $4 AND key = $5",
                    &[
                        (&new.key).into(),
                        new.wrapped.as_slice().into(),
                        (&of).into(),
                        old.digest.as_str().into(),
                        (&old.key).into(),
                    ],
                )
                .await
                .map_err(self.failed("write"))?;
        }
        Ok(page)
    }

    async fn reseal_words(&self, sealer: &Sealer, key: &str, last: i64) -> Result<Page<i64>, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.reseal_words_in(&mut work, sealer, key, last).await;
        self.end(work, outcome).await
    }

    async fn reseal_words_in(
        &self,
        on: &mut Transaction<'_>,
        sealer: &Sealer,
        key: &str,
        last: i64,
    ) -> Result<Page<i64>, JournalError> {
        let statement =
            "SELECT id, rotation, sealed FROM inbox WHERE sealed IS NOT NULL AND id > $1 ORDER BY id LIMIT 100";
        let rows = on.rows(statement, &[last.into()]).await.map_err(self.failed("read"))?;
        let mut page = Page { is_last: rows.len() < PAGE, ..Page::default() };
        for row in &rows {
            let read = || Ok((row.number(0)?, row.text(1)?, row.text(2)?));
            let (id, of, text) = read().map_err(self.failed("read"))?;
            page.last = Some(id);
            // A word that is not as it was written is refused by the one who takes it out.
            let Ok(old) = serde_json::from_str::<Sealed>(&text) else { continue };
            if old.key == key {
                continue;
            }
            let Some(new) = page.take(sealer, &of, &old) else { continue };
            let new = serde_json::to_string(&new).map_err(unwritable)?;
            page.changed += on
                .run(
                    "UPDATE inbox SET sealed = $1 WHERE id = $2 AND sealed = $3",
                    &[(&new).into(), id.into(), (&text).into()],
                )
                .await
                .map_err(self.failed("write"))?;
        }
        Ok(page)
    }

    /// Says that nothing is kept under an envelope key ever again: whoever would still do so is refused. Values that are
    /// under it stand in the way, unless they are given up with it.
    ///
    /// # Errors
    /// [`JournalError::KeyInUse`], or when the database fails.
    pub async fn forget_key(&self, key: &str, gives_up: bool, now: Timestamp) -> Result<(), JournalError> {
        patiently(|| self.forget_key_once(key, gives_up, now)).await
    }

    async fn forget_key_once(&self, key: &str, gives_up: bool, now: Timestamp) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = async {
            let failed = self.failed("write");
            // Whoever keeps a value takes this turn too.
            work.take_turn().await.map_err(&failed)?;
            let values = count_in(&mut work).await.map_err(&failed)?.get(key).copied().unwrap_or(0);
            if values > 0 && !gives_up {
                return Err(JournalError::KeyInUse { key: key.to_owned(), values });
            }
            let statement = "INSERT INTO forgotten_keys (key, at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            work.run(statement, &[key.into(), now.into()]).await.map(|_| ()).map_err(&failed)
        };
        let outcome = outcome.await;
        self.end(work, outcome).await
    }

    /// Refuses a value that would be kept under a key that was forgotten.
    pub(super) async fn demand_key(&self, on: &mut Transaction<'_>, sealed: &Sealed) -> Result<(), JournalError> {
        let statement = "SELECT key FROM forgotten_keys WHERE key = $1";
        match on.row(statement, &[(&sealed.key).into()]).await.map_err(self.failed("read"))? {
            Some(_) => Err(JournalError::KeyForgotten { key: sealed.key.clone() }),
            None => Ok(()),
        }
    }
}

/// What became of some values, and where the next begin.
#[derive(Debug)]
struct Page<Place> {
    changed: u64,
    left: Vec<(RotationId, SealError)>,
    last: Option<Place>,
    is_last: bool,
}

impl<Place> Default for Page<Place> {
    fn default() -> Self {
        Self { changed: 0, left: Vec::new(), last: None, is_last: false }
    }
}

impl<Place> Page<Place> {
    fn take(&mut self, sealer: &Sealer, rotation: &str, old: &Sealed) -> Option<Sealed> {
        match sealer.reseal(old) {
            Ok(new) => new,
            Err(error) => {
                self.left.push((RotationId::new(rotation), error));
                None
            }
        }
    }

    fn into_total(self, total: &mut Resealed) -> Option<Place> {
        total.changed += self.changed;
        total.left.extend(self.left);
        self.last.filter(|_| !self.is_last)
    }
}

fn kept(row: &Row) -> Result<(String, Sealed), DatabaseError> {
    let sealed = Sealed {
        digest: Digest::new(row.text(1)?),
        key: row.text(2)?,
        wrapped: row.bytes(3)?,
        ciphertext: row.bytes(4)?,
    };
    Ok((row.text(0)?, sealed))
}

async fn count_in(on: &mut Transaction<'_>) -> Result<BTreeMap<String, u64>, DatabaseError> {
    let mut counts = BTreeMap::new();
    for row in on.rows("SELECT key, count(*) FROM sealed GROUP BY key", &[]).await? {
        counts.insert(row.text(0)?, row.count(1)?);
    }
    for row in on.rows("SELECT sealed FROM inbox WHERE sealed IS NOT NULL", &[]).await? {
        if let Ok(sealed) = serde_json::from_str::<Sealed>(&row.text(0)?) {
            *counts.entry(sealed.key).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests;
