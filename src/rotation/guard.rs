//! Guards by name. The proofs take one away at a time, and must see the harm that it keeps off; in the program a guard is
//! its condition and nothing else.

/// A condition that keeps harm off. In the proofs, true also where the guard is taken away.
#[cfg(not(test))]
macro_rules! guard {
    ($name:ident: $condition:expr) => {
        $condition
    };
}

#[cfg(test)]
macro_rules! guard {
    ($name:ident: $condition:expr) => {
        $crate::rotation::tests::guards::is_gone($crate::rotation::tests::guards::Guard::$name) || $condition
    };
}
