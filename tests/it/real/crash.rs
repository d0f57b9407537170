//! The rows of the crash matrix on real servers: a key without labels into two stores, two database roles that take turns,
//! one database role alone, the passwords of a Redis user.

use super::aws::{Leak, Place};
use super::proxy::{Deed, Proxy};
use super::site::Site;
use super::vault::Vault;
use super::{in_place, postgres, redis, setting, unique};
use crate::crash::{Path, killed_at, matrix};
use crate::world::Ran;
use std::process::Command;

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
    let here = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        matrix("A, no labels: AWS IAM; Secrets Manager, Vault", &steps, 2, |at| {
            here.block_on(async {
                let mint = "Action=CreateAccessKey";
                let proxy = Proxy::start(&setting("STANCH_TEST_AWS_URL"), Deed::Count(mint)).await;
                let places = [Place::Aws(format!("ci/{}", unique())), Place::Vault(Vault::path(&unique()))];
                let leak = Leak::of_a_key(&places).provider(proxy.base()).made().await;
                let path = carried(&leak.site, "ci-bot", at);
                leak.replaced().await;
                assert_eq!(proxy.concerned(), 1 + path.lost(), "requests to mint");
                path
            })
        });
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
    let here = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        matrix("B, two slots: PostgreSQL roles, Vault", &steps, 2, |at| {
            here.block_on(async {
                let leak = postgres::Leaked::into_vault().await;
                let path = carried(&leak.site, "shop-db", at);
                leak.replaced(&leak.old, "b").await;
                path
            })
        });
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
    let here = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        matrix("A, value chosen here: Redis, local store", &steps, 2, |at| {
            here.block_on(async {
                let leak = redis::Leaked::made().await;
                let path = carried(&leak.site, "shop-cache", at);
                leak.forgives_ended_connections();
                leak.replaced(&leak.old).await;
                path
            })
        });
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
    let here = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        matrix("C, value chosen here: one PostgreSQL role", &steps, 2, |at| {
            here.block_on(async {
                let leak = in_place::Leaked::made().await;
                let path = carried(&leak.site, "shop-db", at);
                leak.replaced(&leak.old).await;
                path
            })
        });
    });
}
