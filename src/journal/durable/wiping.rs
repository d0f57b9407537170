//! What was erased or replaced is nowhere on the disk: neither in the file, whose pages are overwritten, nor in its log.

use super::DurableJournal;
use std::sync::atomic::Ordering;

impl DurableJournal {
    pub(super) fn note_wiped(&self, is_wiped: bool) {
        self.unwiped.store(!is_wiped, Ordering::Relaxed);
    }

    /// Sees that what was erased is nowhere on the disk; a reader in another process may put that off.
    pub(in crate::journal) async fn wipe(&self) {
        if !self.unwiped.swap(false, Ordering::Relaxed) {
            return;
        }
        match self.database.flush().await {
            Ok(true) => return,
            Ok(false) => tracing::debug!("erased values stay in the journal's log while another process reads"),
            Err(error) => tracing::warn!(%error, "erased values stay in the journal's log until it is written next"),
        }
        self.unwiped.store(true, Ordering::Relaxed);
    }

    /// What was replaced or erased is to be wiped.
    pub(in crate::journal) async fn wipe_now(&self) {
        self.note_wiped(false);
        self.wipe().await;
    }
}
