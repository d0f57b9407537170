//! The same on servers that nobody here wrote: AWS IAM, Secrets Manager and Vault behind doors that let one call go wrong,
//! PostgreSQL and Redis behind ones that cut a connection before or after anything that the program says.

use super::aws::{Leak, Leaked, Place};
use super::proxy::{Cut, Cutter};
use super::site::Site;
use super::vault::Vault;
use super::{postgres, redis, setting, unique};
use crate::crash::say;
use crate::mishaps::{End, Wrong, end_of, named, run_to, sweep};
use crate::world::mishap::{Mishap, Mishaps};
use crate::world::shop::{dice, seed};
use tokio::runtime::Handle;

/// How many mishaps each call on a real server meets in one run of the tests; `STANCH_TEST_MISHAPS=11` tries all.
const EACH: usize = 3;

/// For each call some mishaps, drawn.
fn drawn(calls: usize) -> Vec<Wrong> {
    let each = std::env::var("STANCH_TEST_MISHAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(EACH);
    let mut draw = dice(seed());
    let mut some = || {
        let mut all = Mishap::QUICK.to_vec();
        while all.len() > each.max(1) {
            all.remove(usize::try_from(draw(all.len() as u64)).unwrap());
        }
        all
    };
    (1..=calls).flat_map(|nth| some().into_iter().map(move |mishap| vec![(nth, mishap)])).collect()
}

/// Goes on when the trouble is over; the exit code.
pub(super) fn carried_on(site: &Site, credential: &str) -> i32 {
    for _ in 0..12 {
        let none = site.stanch(&["case", "list"]).expect(0).stdout.contains("no case");
        let ran = if none {
            site.stanch(&["rotate", "--credential", credential, "--yes", "-v"])
        } else {
            site.stanch(&["case", "resume", "C-0001", "-v"])
        };
        match ran.code {
            0 | 21 => return ran.code,
            20 => drop(site.stanch(&["case", "approve", "C-0001", "-v"])),
            22 => {}
            code => panic!("exit code {code}\n{}{}", ran.stdout, ran.stderr),
        }
    }
    panic!("the case does not come to an end");
}

/// The three servers of a key, each behind a door.
struct Doors([Mishaps; 3]);

impl Doors {
    fn new() -> Self {
        let (aws, vault) = (setting("STANCH_TEST_AWS_URL"), setting("STANCH_TEST_VAULT_URL"));
        Self([&aws, &aws, &vault].map(|server| Mishaps::before(server)))
    }

    async fn leak(&self) -> Leaked {
        let places = [Place::Aws(format!("ci/{}", unique())), Place::Vault(Vault::path(&unique()))];
        let [provider, secrets, vault] = &self.0;
        let leak = Leak::of_a_key(&places).provider(&provider.base()).secrets(&secrets.base());
        leak.vault(&vault.base(), None).made().await
    }

    fn rotate(&self, leak: &Leaked) -> crate::world::Ran {
        let command = leak.site.command(&["rotate", "--credential", "ci-bot", "--yes", "-v"]);
        run_to(&self.0.each_ref(), command)
    }
}

async fn key(door: usize, wrong: &Wrong) -> End {
    let doors = Doors::new();
    let leak = doors.leak().await;
    wrong.iter().for_each(|(nth, mishap)| doors.0[door].order(*nth, *mishap));
    let what = named(wrong);
    let ran = tokio::task::block_in_place(|| doors.rotate(&leak)).hides(&leak.old.secret);
    let end = end_of(&ran, &what);
    let code = if matches!(end, End::Rotated | End::Back) {
        ran.code
    } else {
        doors.0.iter().for_each(Mishaps::behave);
        carried_on(&leak.site, "ci-bot")
    };
    if code == 0 {
        leak.replaced().await;
    } else {
        leak.as_before().await;
    }
    end
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn every_call_of_a_key_and_its_stores_goes_wrong() {
    say(&format!("calls of a key and its stores: seed {}\n", seed()));
    let doors = Doors::new();
    let leak = doors.leak().await;
    tokio::task::block_in_place(|| doors.rotate(&leak)).expect(0);
    let calls = doors.0.each_ref().map(|door| door.seen().len());
    let here = Handle::current();
    for (door, name) in ["AWS IAM", "AWS Secrets Manager", "Vault"].into_iter().enumerate() {
        assert!(calls[door] > 3, "{name}: {} calls", calls[door]);
        let row = format!("each of {} calls of {name}", calls[door]);
        tokio::task::block_in_place(|| {
            sweep(&row, 2, &drawn(calls[door]), |wrong| here.block_on(key(door, wrong)));
        });
    }
}

/// Cuts that are drawn, among so many things that the program says.
pub(super) fn cuts(said: usize, many: usize) -> Vec<Cut> {
    let mut draw = dice(seed());
    let mut nth = move || 1 + usize::try_from(draw(said as u64)).unwrap();
    (0..many).map(|number| if number % 2 == 0 { Cut::Reply(nth()) } else { Cut::Request(nth()) }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn a_connection_to_postgres_is_cut_anywhere() {
    let server = || format!("{}:{}", setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    let one = async |cut: Option<Cut>| {
        let cutter = Cutter::at(server(), cut).await;
        let leak = postgres::Leaked::into_vault().await;
        leak.configure(cutter.port());
        let ran = leak.site.stanch(&["rotate", "--credential", "shop-db", "--yes", "-v"]).hides(&leak.old.secret);
        let end = end_of(&ran, &format!("{cut:?}"));
        let code = if matches!(end, End::Rotated | End::Back) { ran.code } else { carried_on(&leak.site, "shop-db") };
        match code {
            0 => drop(leak.replaced(&leak.old, "b").await),
            _ => leak.as_before().await,
        }
        cutter.said()
    };
    let said = one(None).await;
    say(&format!("cuts: seed {}, {said} things are said\n", seed()));
    assert!(said > 40, "{said}");
    for cut in cuts(said, 24) {
        one(Some(cut)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real servers: ./tests/run"]
async fn a_connection_to_redis_is_cut_anywhere() {
    let server = || format!("{}:{}", setting("STANCH_TEST_REDIS_HOST"), setting("STANCH_TEST_REDIS_PORT"));
    let one = async |cut: Option<Cut>| {
        let cutter = Cutter::at(server(), cut).await;
        let leak = redis::Leaked::made().await;
        leak.turn_to_port(&cutter.port().to_string());
        let ran = leak.site.stanch(&["rotate", "--credential", "shop-cache", "--yes", "-v"]).hides(&leak.old.secret);
        let end = end_of(&ran, &format!("{cut:?}"));
        let code =
            if matches!(end, End::Rotated | End::Back) { ran.code } else { carried_on(&leak.site, "shop-cache") };
        leak.forgives_ended_connections();
        match code {
            0 => drop(leak.replaced(&leak.old).await),
            _ => leak.as_before().await,
        }
        cutter.said()
    };
    let said = one(None).await;
    say(&format!("cuts: seed {}, {said} things are said\n", seed()));
    assert!(said > 30, "{said}");
    for cut in cuts(said, 24) {
        one(Some(cut)).await;
    }
}
