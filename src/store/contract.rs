//! The contract of [`SecretStore`], as one run that every adapter passes.

use super::{SecretStore, StoreError, Which, same_value};
use crate::model::{Happened, Label, Secret, StorePath, Version};
use crate::rotation::{Staged, Staging};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

async fn holds(store: &dyn SecretStore, at: &StorePath, version: &Version, value: &Secret) {
    let (current, read) = store.read(at, &Which::Current).await.expect("the current version can be read");
    assert_eq!(&current, version, "what promote returned is current");
    assert!(same_value(&read, value), "what was promoted is what is read");
    let (exact, read) = store.read(at, &Which::Exactly(version.clone())).await.expect("a version can be read by name");
    assert_eq!(&exact, version);
    assert!(same_value(&read, value));
}

/// Runs the whole contract on a path that has a value; `run` makes its labels and values differ from other runs'.
pub(super) async fn check(store: &dyn SecretStore, at: &StorePath, run: &str) {
    let first = store.ready(at).await.expect("the path is there");
    let (read, old) = store.read(at, &Which::Current).await.expect("it can be read");
    assert_eq!(first, read, "ready names the current version");
    let new = secret(&format!("{run}-new"));
    let label = Label::new(format!("stanch-{run}-1-a"));

    let staged = stages_once(store, at, &new, &label).await;
    assert_eq!(staged.previous, first);
    let (current, value) = store.read(at, &Which::Current).await.expect("it can be read");
    assert!(current == first && same_value(&value, &old), "staging changes nothing that dependents read");

    let second = promotes_once(store, at, &staged, &new).await;
    assert_ne!(second, first);
    late_writers_lose(store, at, &staged, run, &second, &new).await;

    let third = goes_back(store, at, &staged, &second, &old).await;
    let fourth = fences(store, at, &staged, &third, &new, &old, &label).await;
    discards(store, at, &label, &fourth, &old).await;
    knows_what_is_not_there(store, at, run).await;
}

async fn stages_once(store: &dyn SecretStore, at: &StorePath, value: &Secret, label: &Label) -> Staged {
    let staged = store.stage(at, value, label).await.expect("a value can be staged");
    let again = store.stage(at, value, label).await.expect("staging can be repeated");
    assert_eq!(staged, again, "one label is one version");
    assert_eq!(staged.version.is_some(), store.staging() == Staging::Native, "a version waits apart where it can");
    if let Some(waiting) = &staged.version {
        let (_, read) = store.read(at, &Which::Exactly(waiting.clone())).await.expect("the staged version is there");
        assert!(same_value(&read, value));
        let other = store.stage(at, &secret("another value"), label).await;
        assert!(matches!(other, Err(StoreError::Conflict { .. })), "one label never holds two values: {other:?}");
    }
    staged
}

async fn promotes_once(store: &dyn SecretStore, at: &StorePath, staged: &Staged, value: &Secret) -> Version {
    let promoted = store.promote(at, staged, value).await.expect("what was staged can be promoted");
    holds(store, at, &promoted, value).await;
    let again = store.promote(at, staged, value).await.expect("a promotion can be repeated");
    assert_eq!(again, promoted, "a repeated promotion changes nothing");
    holds(store, at, &promoted, value).await;
    promoted
}

async fn late_writers_lose(
    store: &dyn SecretStore,
    at: &StorePath,
    late: &Staged,
    run: &str,
    current: &Version,
    value: &Secret,
) {
    let other = secret(&format!("{run}-late"));
    let label = Label::new(format!("stanch-{run}-2-b"));
    let staged = store.stage(at, &other, &label).await.expect("another value can be staged");
    assert_eq!(&staged.previous, current, "staging names what is current now");
    let stale = Staged { version: staged.version.clone(), previous: late.previous.clone() };
    let refused = store.promote(at, &stale, &other).await.expect_err("who names a version that was left loses");
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused:?}");
    assert_eq!(refused.happened(), Happened::No);
    holds(store, at, current, value).await;
    store.discard(at, &label).await.expect("the loser can be dropped");
    store.discard(at, &label).await.expect("and dropped again");
}

async fn goes_back(
    store: &dyn SecretStore,
    at: &StorePath,
    staged: &Staged,
    second: &Version,
    old: &Secret,
) -> Version {
    let version = (store.staging() == Staging::Native).then(|| staged.previous.clone());
    let back = Staged { version, previous: second.clone() };
    let third = store.promote(at, &back, old).await.expect("the way back is open");
    holds(store, at, &third, old).await;
    let again = store.promote(at, &back, old).await.expect("the way back can be repeated");
    assert_eq!(again, third);
    third
}

/// A promotion whose outcome is not known may arrive after the way back: it must find another version.
async fn fences(
    store: &dyn SecretStore,
    at: &StorePath,
    late: &Staged,
    third: &Version,
    new: &Secret,
    old: &Secret,
    label: &Label,
) -> Version {
    let fenced = store.fence(at, late, old, label).await.expect("what is current can be fenced");
    assert_ne!(fenced, late.previous, "a late write names another version");
    assert!(store.staging() == Staging::Native || &fenced == third, "nothing is written without need");
    let again = store.fence(at, late, old, label).await.expect("a fence can be repeated");
    assert_eq!(again, fenced, "and is one");
    holds(store, at, &fenced, old).await;
    store.promote(at, late, new).await.expect_err("the late write loses");
    holds(store, at, &fenced, old).await;
    let foreign = store.fence(at, late, new, label).await.expect_err("only what is current is fenced");
    assert!(matches!(foreign, StoreError::Conflict { .. }), "{foreign:?}");
    fenced
}

async fn discards(store: &dyn SecretStore, at: &StorePath, label: &Label, current: &Version, value: &Secret) {
    store.discard(at, label).await.expect("what a mint left can be dropped");
    store.discard(at, label).await.expect("dropping can be repeated");
    holds(store, at, current, value).await;
    assert_eq!(&store.ready(at).await.expect("the path is ready for the next run"), current);
}

async fn knows_what_is_not_there(store: &dyn SecretStore, at: &StorePath, run: &str) {
    let nowhere = StorePath::new(format!("{at}-nowhere-{run}"));
    assert!(matches!(store.ready(&nowhere).await, Err(StoreError::Missing { .. })));
    assert!(matches!(store.read(&nowhere, &Which::Current).await, Err(StoreError::Missing { .. })));
    let label = Label::new(format!("stanch-{run}-9-z"));
    store.discard(&nowhere, &label).await.expect("nothing there is success");
    let never = Which::Exactly(Version::new("99999"));
    assert!(matches!(store.read(at, &never).await, Err(StoreError::Missing { .. } | StoreError::Refused { .. })));
}

/// What the servers under `tests/real` have told of themselves.
pub(super) mod real {
    use super::Secret;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// True in a run that has started the servers; a setting that is missing then fails the test.
    pub(crate) fn wanted() -> bool {
        std::env::var_os("STANCH_TEST_REAL").is_some()
    }

    /// A setting that a server's script exports.
    pub(crate) fn setting(name: &str) -> String {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set: start the servers of tests/real and load the settings that they write")
        })
    }

    /// The secret in the file that a setting names.
    pub(crate) fn secret(name: &str) -> Secret {
        let file = setting(name);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name} names {file}: {error}"));
        Secret::new(text.trim().as_bytes().to_vec())
    }

    /// A word that no other run uses.
    pub(crate) fn unique() -> String {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the machine gives random bytes");
        data_encoding::HEXLOWER.encode(&bytes)
    }

    /// A way to a server on which the reply to the first request that holds `mark` is lost, after the server has done
    /// what it was asked. Returns its address.
    pub(crate) async fn losing(url: &str, mark: &'static str) -> String {
        let target = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let lost = Arc::new(AtomicBool::new(false));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, lost) = (target.clone(), Arc::clone(&lost));
                tokio::spawn(async move { relay(client, &target, mark, &lost).await });
            }
        });
        address
    }

    async fn relay(client: TcpStream, target: &str, mark: &str, lost: &AtomicBool) -> std::io::Result<()> {
        let server = TcpStream::connect(target).await?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let (mut asked, mut answered) = ([0; 65536], [0; 65536]);
        let mut seen = Vec::new();
        loop {
            tokio::select! {
                read = from_client.read(&mut asked) => match read? {
                    0 => return Ok(()),
                    length => {
                        seen.extend_from_slice(&asked[..length]);
                        to_server.write_all(&asked[..length]).await?;
                    }
                },
                read = from_server.read(&mut answered) => match read? {
                    0 => return Ok(()),
                    length => {
                        let marked = seen.windows(mark.len()).any(|window| window == mark.as_bytes());
                        if marked && !lost.swap(true, Ordering::SeqCst) {
                            return Ok(());
                        }
                        seen.clear();
                        to_client.write_all(&answered[..length]).await?;
                    }
                },
            }
        }
    }
}
