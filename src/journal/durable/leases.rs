//! Who runs a rotation. When a lease runs out is decided by one clock: that of the server, where several machines share
//! the journal; that of this machine, where it is a file. The clock of a worker elsewhere decides nothing, and neither
//! does any clock decide who may write: that is the epoch alone.

use super::super::{FORMAT, JournalError, Lease, Position};
use super::{DurableJournal, patiently};
use crate::database::Transaction;
use crate::model::{RotationId, Timestamp};

impl DurableJournal {
    /// Takes those of these rotations whose lease nobody holds, and leaves out those that somebody is just taking: no
    /// worker waits for another. `ended` is the holder of each that is known to have ended, if one is.
    ///
    /// # Errors
    /// When the database fails: then none was taken.
    pub async fn take_up(
        &self,
        wanted: &[(RotationId, Option<String>)],
        lease: &Lease,
    ) -> Result<Vec<Position>, JournalError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        patiently(|| self.take_up_once(wanted, lease)).await
    }

    async fn take_up_once(
        &self,
        wanted: &[(RotationId, Option<String>)],
        lease: &Lease,
    ) -> Result<Vec<Position>, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.take_up_in(&mut work, wanted, lease).await;
        self.end(work, outcome).await
    }

    async fn take_up_in(
        &self,
        on: &mut Transaction<'_>,
        wanted: &[(RotationId, Option<String>)],
        lease: &Lease,
    ) -> Result<Vec<Position>, JournalError> {
        let failed = self.failed("write");
        self.demand_seen_in(on).await?;
        let now = Timestamp(on.now(lease.now.0).await.map_err(&failed)?);
        let mut taken = Vec::new();
        for (rotation, ended) in wanted {
            let free = on
                .lock_free(
                    "SELECT l.epoch, r.records FROM leases l JOIN rotations r ON r.rotation = l.rotation \
                     WHERE l.rotation = $1 AND r.format <= $5 \
                     AND (l.holder IS NULL OR l.until <= $2 OR l.holder = $3 OR l.holder = $4)",
                    &[
                        rotation.as_str().into(),
                        now.into(),
                        (&lease.holder).into(),
                        ended.as_deref().into(),
                        FORMAT.into(),
                    ],
                )
                .await
                .map_err(&failed)?;
            let Some(row) = free else { continue };
            let epoch = row.count(0).map_err(&failed)?.saturating_add(1);
            let seq = row.count(1).map_err(&failed)?.saturating_add(1);
            self.write_lease(on, rotation, epoch, Some(&lease.holder), now.after(lease.span)).await?;
            taken.push(Position { rotation: rotation.clone(), epoch, seq });
        }
        Ok(taken)
    }

    pub(super) async fn acquire_once(&self, rotation: &RotationId, lease: &Lease) -> Result<Position, JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.acquire_in(&mut work, rotation, lease).await;
        self.end(work, outcome).await
    }

    async fn acquire_in(
        &self,
        on: &mut Transaction<'_>,
        rotation: &RotationId,
        lease: &Lease,
    ) -> Result<Position, JournalError> {
        self.demand_seen_in(on).await?;
        let head = self.lock_head(on, rotation).await?;
        let now = Timestamp(on.now(lease.now.0).await.map_err(self.failed("read"))?);
        if let Some(holder) = head.holder.filter(|holder| lease.is_barred_by(holder, head.until, now)) {
            return Err(JournalError::Held { rotation: rotation.clone(), holder, until: head.until });
        }
        if head.format > FORMAT {
            return Err(JournalError::Newer { rotation: rotation.clone(), found: head.format, known: FORMAT });
        }
        let epoch = head.epoch.saturating_add(1);
        self.write_lease(on, rotation, epoch, Some(&lease.holder), now.after(lease.span)).await?;
        Ok(Position { rotation: rotation.clone(), epoch, seq: head.records.saturating_add(1) })
    }

    /// Prolongs the lease if the epoch is current still and was not given back.
    pub(super) async fn renew_once(&self, at: &Position, lease: &Lease) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = async {
            self.fence(&mut work, at).await?;
            let now = Timestamp(work.now(lease.now.0).await.map_err(self.failed("read"))?);
            self.write_lease(&mut work, &at.rotation, at.epoch, Some(&lease.holder), now.after(lease.span)).await
        };
        let outcome = outcome.await;
        self.end(work, outcome).await
    }

    pub(super) async fn release_once(&self, at: &Position) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = async {
            self.fence(&mut work, at).await?;
            self.write_lease(&mut work, &at.rotation, at.epoch, None, Timestamp(0)).await
        };
        let outcome = outcome.await;
        self.end(work, outcome).await
    }

    async fn fence(&self, on: &mut Transaction<'_>, at: &Position) -> Result<(), JournalError> {
        let head = self.lock_head(on, &at.rotation).await?;
        if head.holder.is_none() || head.epoch != at.epoch {
            return Err(JournalError::Fenced { rotation: at.rotation.clone() });
        }
        Ok(())
    }

    async fn write_lease(
        &self,
        on: &mut Transaction<'_>,
        rotation: &RotationId,
        epoch: u64,
        holder: Option<&str>,
        until: Timestamp,
    ) -> Result<(), JournalError> {
        on.run(
            "UPDATE leases SET epoch = $1, holder = $2, until = $3 WHERE rotation = $4",
            &[epoch.into(), holder.into(), until.into(), rotation.as_str().into()],
        )
        .await
        .map(|_| ())
        .map_err(self.failed("write"))
    }
}
