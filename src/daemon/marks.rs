//! Signed checkpoints of the journal, published where the operator's file says: after each case that closes, and every
//! so often. What could not be published is published with the next one.

use super::chain_of;
use super::house::House;
use crate::clock::Clock as _;
use crate::journal::{EvidenceFolder, Marked};
use crate::seal::Signer;
use crate::wiring::mending::Mending;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How often it is looked whether the operator's file names a folder now, and the wait after a failure.
const PAUSE: Duration = Duration::from_secs(30);

/// Publishes checkpoints until it is dropped.
pub(super) async fn keep(house: Arc<House>) {
    let mut desk = None;
    loop {
        let config = house.config();
        let Some(wanted) = config.operator.checkpoints.as_ref().map(|checkpoints| &checkpoints.value) else {
            house.metrics.unmarked();
            (desk, *house.unmarked.lock().unwrap_or_else(PoisonError::into_inner)) = (None, None);
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        house.metrics.mark_due(house.clock.now());
        let outcome = publish(&config, wanted.to.clone(), &mut desk).await.map_err(|error| chain_of(error.as_ref()));
        let pause = if outcome.is_ok() { wanted.every() } else { wanted.every().min(PAUSE) };
        note(&house, outcome);
        // Run out or told: both are the time for the next one.
        let _told = timeout(pause, house.closed.notified()).await.is_ok();
    }
}

/// Where checkpoints go, and who signs them.
struct Desk {
    to: PathBuf,
    folder: EvidenceFolder,
    signer: Signer,
}

async fn publish(
    config: &Mending,
    to: PathBuf,
    desk: &mut Option<Desk>,
) -> Result<Option<Marked>, Box<dyn Error + Send + Sync>> {
    let signer = config.signer()?;
    let mut at = match desk.take().filter(|desk| desk.to == to && desk.signer.key() == signer.key()) {
        Some(desk) => desk,
        None => Desk { folder: EvidenceFolder::open(&to)?, to, signer },
    };
    // What failed half-way is read anew the next time.
    let marked = config.mark(&at.signer, Some(&mut at.folder)).await?;
    *desk = Some(at);
    Ok(marked)
}

fn note(house: &House, outcome: Result<Option<Marked>, String>) {
    let mut unmarked = house.unmarked.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(marked) => {
            if let Some(Marked { checkpoint, path: Some(path) }) = marked {
                tracing::debug!(records = checkpoint.size, path = %path.display(), "a checkpoint was published");
            }
            *unmarked = None;
            house.metrics.marked(house.clock.now());
        }
        Err(why) => {
            tracing::error!(why, "no checkpoint could be published");
            *unmarked = Some(format!("no checkpoint could be published: {why}"));
        }
    }
}
