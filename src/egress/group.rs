//! A program that asks others for us, and everything that it starts.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// The processes that a program has started in a group of its own, itself among them; they end when this is dropped.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    /// Of a program that was started as the leader of its group.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// The program has ended by itself: what it left behind (a service that it restarted) stays.
    pub fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(group) = self.0 else { return };
        if let Err(error) = kill_process_group(group, Signal::KILL) {
            tracing::debug!(%error, "the processes of a program could not be ended");
        }
    }
}
