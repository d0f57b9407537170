//! Says whether the daemon lives, is ready, has started: a listener of its own.
