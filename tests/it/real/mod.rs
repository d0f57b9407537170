//! Rotations on real servers, with the built program: a leaked credential is found by its fingerprint, replaced while a
//! client without retries keeps using it, and refused afterwards.
//!
//! `tests/run` starts the servers and names them in the environment. Tests share the servers, so each uses names of its
//! own.

mod aws;
mod crash;
mod images;
mod in_place;
mod kill;
mod leases;
mod mishaps;
mod postgres;
mod proxy;
mod redis;
mod service;
mod shared;
mod sinks;
mod site;
mod vault;

/// What the script of a real server says about it.
#[track_caller]
fn setting(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: this test needs real servers, so run ./tests/run"))
}

/// What the file holds that the script of a real server names.
#[track_caller]
fn secret_setting(name: &str) -> String {
    std::fs::read_to_string(setting(name)).unwrap().trim().to_owned()
}

/// A word that no other test uses.
fn unique() -> String {
    random(6)
}

/// Random bytes in hexadecimal.
fn random(bytes: usize) -> String {
    let mut drawn = vec![0; bytes];
    getrandom::fill(&mut drawn).unwrap();
    data_encoding::HEXLOWER.encode(&drawn)
}

/// Asks until the answer is yes; the deadline is generous, for a machine that does much else.
#[track_caller]
fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let asking = async {
            while !ask().await {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let done = tokio::time::timeout(std::time::Duration::from_secs(30), asking).await;
        assert!(done.is_ok(), "{what} never came true, {at}");
    }
}
