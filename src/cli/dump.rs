//! No picture of this process's memory is written, whatever brings it down.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks the system for no core files, of this process and of those that it starts. One byte and not none: that is what
/// also stops the programs that systems hand memory to instead of writing files.
pub(super) fn forbid() {
    let limit = Rlimit { current: Some(1), maximum: Some(1) };
    if getrlimit(Resource::Core) != limit
        && let Err(error) = setrlimit(Resource::Core, limit)
    {
        tracing::warn!(%error, "a crash could leave this process's memory in a file");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_leaves_nothing_behind() {
        forbid();
        forbid();
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(1), maximum: Some(1) });
    }
}
