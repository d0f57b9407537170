//! What the service manager is told: systemd, or nobody.

use sd_notify::NotifyState;

/// Everything is in its place.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The loop turns. Told from the loop and from nowhere else.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The configuration is read again; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager was not told of a reload"),
    }
}

/// Nothing new is begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell, and nothing is wrong.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
