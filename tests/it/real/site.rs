//! A scratch repository that leaks, the operator's file beside it, and the program run there.

use crate::world::{Ran, World};
use serde_json::Value;
use stanch::model::{Secret, StorePath};
use stanch::wiring::mending::fill_local;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

pub(super) struct Site {
    world: World,
}

impl Site {
    pub(super) fn new() -> Self {
        Self { world: World::new() }
    }

    /// Commits a file with the leak in it, then takes the leak out again, which does not help.
    pub(super) fn leak(&self, name: &str, text: &str) {
        self.world.commit(name, text, "Configure the job");
        self.world.commit(name, "# see the secrets manager\n", "Take the key out");
    }

    /// A file that only its owner reads, for the operator's file to name.
    pub(super) fn private(&self, name: &str, text: &str) -> PathBuf {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.world.outside(name);
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }

    /// A site whose local store gives a value out in a file, and that file; the rotator's password lies beside it.
    pub(super) async fn giving_out(rotator: &str, name: &str, path: &str, value: String) -> (Self, PathBuf) {
        let site = Self::new();
        let root = site.private("rotator", rotator).parent().unwrap().to_owned();
        let (file, path) = (root.join(name), StorePath::new(path));
        let exports = BTreeMap::from([(path.clone(), file.clone())]);
        let (secrets, key) = (root.join("secrets"), root.join("envelope.key"));
        fill_local(&secrets, &key, exports, &path, &Secret::new(value.into_bytes())).await.unwrap();
        (site, file)
    }

    pub(super) fn configure(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.world.outside("operator.yaml")
    }

    /// The program, with the operator's file named.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_stanch"));
        command.args(arguments).arg("--config").arg(self.config());
        command
    }

    pub(super) fn stanch(&self, arguments: &[&str]) -> Ran {
        tokio::task::block_in_place(|| self.world.run(self.command(arguments)))
    }

    /// The fingerprints of a kind in the history, as a scan reports them. A password of a server on this machine weighs little.
    #[track_caller]
    pub(super) fn fingerprints(&self, kind: &str) -> Vec<String> {
        let arguments = ["scan", "--history", ".", "--format", "json", "--gate", "low"];
        let report = tokio::task::block_in_place(|| self.world.stanch(&arguments)).expect(1).stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let of_kind = findings.iter().filter(|finding| finding["kind"] == kind);
        of_kind.map(|finding| finding["fingerprint"].as_str().unwrap().to_owned()).collect()
    }

    /// The one leak of a kind that `known` does not name.
    #[track_caller]
    pub(super) fn fingerprint(&self, kind: &str, known: &[String]) -> String {
        let mut found = self.fingerprints(kind);
        found.sort_unstable();
        found.dedup();
        found.retain(|fingerprint| !known.contains(fingerprint));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    pub(super) fn rotate(&self, fingerprint: &str) -> Ran {
        self.stanch(&["rotate", fingerprint, "--repo", ".", "--yes"])
    }

    /// The facts of a case, in order, by their names in the journal.
    #[track_caller]
    pub(super) fn facts(&self, case: &str) -> Vec<String> {
        let lines = self.stanch(&["case", "show", case, "--json"]).expect(0).stdout;
        let name = |fact: &Value| match fact {
            Value::String(name) => name.clone(),
            other => other.as_object().unwrap().keys().next().unwrap().clone(),
        };
        let record = |line: &str| name(&serde_json::from_str::<Value>(line).unwrap()["event"]["fact"]);
        lines.lines().map(record).collect()
    }

    /// The journal is whole, and neither it nor its export holds any of these in clear.
    #[track_caller]
    pub(super) fn audit(&self, secrets: &[&str]) {
        let export = self.world.outside("export.jsonl");
        let export = export.to_str().unwrap();
        self.stanch(&["audit", "export", "--output", export]).expect(0);
        tokio::task::block_in_place(|| self.world.stanch(&["audit", "verify", export])).expect(0);
        for name in ["export.jsonl", "journal.db", "journal.db-wal"] {
            let Ok(bytes) = std::fs::read(self.world.outside(name)) else { continue };
            for secret in secrets {
                let held = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!held, "{name} holds a secret in clear");
            }
        }
        std::fs::remove_file(self.world.outside("export.jsonl")).unwrap();
    }
}

/// Those facts that were recorded, in the order of their last record.
pub(super) fn order(facts: &[String], wanted: &[&str]) -> Vec<String> {
    let mut last = Vec::new();
    for fact in facts.iter().rev().filter(|fact| wanted.contains(&fact.as_str())) {
        if !last.contains(fact) {
            last.insert(0, fact.clone());
        }
    }
    last
}
