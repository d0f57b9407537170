//! The rows of the crash matrix on real servers: a key without labels into two stores, two database roles that take turns,
//! one database role alone, the passwords of a Redis user, logins that are leases.

use super::aws::{Leak, Place};
use super::proxy::{Deed, Proxy};
use super::site::Site;
use super::vault::Vault;
use super::{in_place, leases, postgres, redis, setting, unique};
use crate::crash::{Path, killed_at, matrix};
use crate::world::Ran;
use std::process::Command;
use tokio::runtime::Handle;

fn rotating(site: &Site, credential: &str) -> Command {
    site.command(&["rotate", "--credential", credential, "--yes", "-v"])
}

/// Kills it there, and has it come to its end; where it was killed.
fn carried(site: &Site, credential: &str, at: &str) -> Path {
    let (_, path) = tokio::task::block_in_place(|| killed_at(rotating(site, credential), at));
    let again = |verb: &str| site.stanch(&["case", verb, "C-0001", "-v"]);
    let mut ran: Ran = if path.is_unopened() {
        tokio::task::block_in_place(|| crate::world::shop::run(rotating(site, credential)))
    } else {
        again("resume")
    };
    for _ in 0..12 {
        ran = match ran.code {
            0 => break,
            20 => again("approve"),
            _ => again("resume"),
        };
    }
    ran.expect(0);
    path
}

/// A row: `trial` makes a world of its own, has the program killed there and carried to its end, and looks at everything.
fn row(name: &str, steps: &[&str], trial: impl AsyncFn(&str) -> Path + Sync) {
    let here = Handle::current();
    tokio::task::block_in_place(|| matrix(name, steps, 2, |at| here.block_on(trial(at))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn a_key_without_labels_into_two_stores() {
    let steps = [
        "ReadUsage",
        "Verify",
        "Preflight",
        "Count",
        "Mint",
        "Prove",
        "Stage(0)",
        "Stage(1)",
        "Promote(0)",
        "Promote(1)",
        "Check(0)",
        "Soak",
        "Recheck(0)",
        "Disable",
        "Revoke",
        "Confirm",
        "Watch",
    ];
    row("A, no labels: AWS IAM; Secrets Manager, Vault", &steps, async |at| {
        let mint = "Action=CreateAccessKey";
        let proxy = Proxy::start(&setting("STANCH_TEST_AWS_URL"), Deed::Count(mint)).await;
        let places = [Place::Aws(format!("ci/{}", unique())), Place::Vault(Vault::path(&unique()))];
        let leak = Leak::of_a_key(&places).provider(proxy.base()).made().await;
        let path = carried(&leak.site, "ci-bot", at);
        leak.replaced().await;
        assert_eq!(proxy.concerned(), 1 + path.lost(), "requests to mint");
        path
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn two_roles_that_take_turns() {
    let steps = [
        "ReadUsage",
        "Verify",
        "Preflight",
        "Mint",
        "Prove",
        "Stage(0)",
        "Promote(0)",
        "Check(0)",
        "Check(1)",
        "Soak",
        "Recheck(0)",
        "Recheck(1)",
        "Disable",
        "Revoke",
        "EndSessions",
        "Confirm",
        "Watch",
    ];
    row("B, two slots: PostgreSQL roles, Vault", &steps, async |at| {
        let leak = postgres::Leaked::into_vault().await;
        let path = carried(&leak.site, "shop-db", at);
        leak.replaced(&leak.old, "b").await;
        path
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn passwords_of_one_user() {
    let steps = [
        "ReadUsage",
        "Verify",
        "Preflight",
        "Mint",
        "Prove",
        "Stage(0)",
        "Promote(0)",
        "Check(0)",
        "Soak",
        "Recheck(0)",
        "Revoke",
        "EndSessions",
        "Confirm",
        "Watch",
    ];
    row("A, value chosen here: Redis, local store", &steps, async |at| {
        let leak = redis::Leaked::made().await;
        let path = carried(&leak.site, "shop-cache", at);
        leak.forgives_ended_connections();
        leak.replaced(&leak.old).await;
        path
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn the_password_of_one_role() {
    let steps = [
        "ReadUsage",
        "Verify",
        "Preflight",
        "Mint",
        "Prove",
        "Stage(0)",
        "Promote(0)",
        "Check(0)",
        "EndSessions",
        "Confirm",
        "Watch",
    ];
    row("C, value chosen here: one PostgreSQL role", &steps, async |at| {
        let leak = in_place::Leaked::made().await;
        let path = carried(&leak.site, "shop-db", at);
        leak.replaced(&leak.old).await;
        path
    });
}

/// A lease bears no label: one whose reply was lost is told by the list, and ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn a_login_that_is_a_lease() {
    let steps = [
        "ReadUsage",
        "Verify",
        "Preflight",
        "Count",
        "Mint",
        "Prove",
        "Stage(0)",
        "Promote(0)",
        "Check(0)",
        "Soak",
        "Recheck(0)",
        "Revoke",
        "Confirm",
        "Watch",
    ];
    row("D, a lease: Vault's logins of PostgreSQL", &steps, async |at| {
        let leak = leases::Leaked::new().await;
        let proxy = leak.counting_logins().await;
        let path = carried(&leak.site, "shop-db", at);
        leak.replaced(&leak.old).await;
        assert_eq!(proxy.concerned(), 1 + path.lost(), "requests for a login");
        path
    });
}
