//! Images that umoci makes and skopeo copies, in every form that skopeo writes, and in a registry that wants a login.

use super::{secret_setting, setting, unique};
use crate::world::{Ran, World, token};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// Where the tokens are, and what the report must say of each.
const PLACES: [(u64, &str); 8] = [
    (801, ", deleted in layer 2!etc/gone.conf:1:5"),
    (802, ", overwritten in layer 2!etc/changed.conf:1:5"),
    (803, "!etc/kept.conf:1:5"),
    (804, "!srv/under/deep.conf:1:5"),
    (805, "!opt/backup.tar.gz!"),
    (806, "!configuration ("),
    (807, "!configuration ("),
    (808, "!configuration ("),
];

/// An OCI layout with one image of three layers, made by umoci.
struct Image {
    world: World,
    layout: PathBuf,
}

impl Image {
    fn made() -> Self {
        let world = World::bare();
        let layout = world.top().join("layout");
        let image = format!("{}:v1", layout.display());
        let (bundle, root) = (world.outside("bundle"), world.outside("bundle/rootfs"));
        world.run_ok("umoci", &["init", "--layout", layout.to_str().unwrap()]);
        world.run_ok("umoci", &["new", "--image", &image]);
        let unpack = || {
            drop(std::fs::remove_dir_all(&bundle));
            world.run_ok("umoci", &["unpack", "--rootless", "--image", &image, bundle.to_str().unwrap()]);
        };
        let repack = || drop(world.run_ok("umoci", &["repack", "--image", &image, bundle.to_str().unwrap()]));
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let key = |seed: u64| format!("KEY={}\n", token(seed));
        unpack();
        write("etc/gone.conf", &key(801));
        write("etc/changed.conf", &key(802));
        write("srv/under/deep.conf", &key(804));
        repack();
        unpack();
        std::fs::remove_file(root.join("etc/gone.conf")).unwrap();
        write("etc/changed.conf", "nothing any more\n");
        std::fs::remove_dir_all(root.join("srv/under")).unwrap();
        repack();
        unpack();
        write("etc/kept.conf", &key(803));
        write("stage/inner.conf", &key(805));
        let (stage, archive) = (root.join("stage"), root.join("opt/backup.tar.gz"));
        std::fs::create_dir_all(archive.parent().unwrap()).unwrap();
        world.run_ok("tar", &["-C", stage.to_str().unwrap(), "-czf", archive.to_str().unwrap(), "inner.conf"]);
        std::fs::remove_dir_all(stage).unwrap();
        repack();
        let (env, label) =
            (format!("--config.env=DEPLOY={}", token(806)), format!("--config.label=key={}", token(807)));
        let by = format!("--history.created_by=|1 NPM={} /bin/sh -c npm ci", token(808));
        world.run_ok("umoci", &["config", "--image", &image, &env, &label, &by]);
        Self { world, layout }
    }

    fn copy(&self, to: &str, more: &[&str]) {
        let from = format!("oci:{}:v1", self.layout.display());
        let policy = ["--insecure-policy", "copy", "--quiet"];
        self.world.run_ok("skopeo", &[&policy[..], more, &[&from, to]].concat());
    }

    fn at(&self, name: &str) -> String {
        self.world.top().join(name).to_str().unwrap().to_owned()
    }

    /// Puts the image into the registry and returns its name there.
    fn pushed(&self) -> String {
        let name = format!("{}/shop/app-{}:v1", setting("STANCH_TEST_REGISTRY"), unique());
        self.push(&format!("oci:{}:v1", self.layout.display()), &name, &[]);
        name
    }

    fn push(&self, from: &str, name: &str, more: &[&str]) {
        let login = format!(
            "{}:{}",
            setting("STANCH_TEST_REGISTRY_USER"),
            secret_setting("STANCH_TEST_REGISTRY_PASSWORD_FILE")
        );
        let policy = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--dest-creds", &login];
        self.world.run_ok("skopeo", &[&policy[..], more, &[from, &format!("docker://{name}")]].concat());
    }

    /// What `docker login` writes.
    fn log_in(&self, password: &str) {
        let pair = format!("{}:{password}", setting("STANCH_TEST_REGISTRY_USER"));
        let auth = data_encoding::BASE64.encode(pair.as_bytes());
        let file = serde_json::json!({ "auths": { setting("STANCH_TEST_REGISTRY"): { "auth": auth } } });
        std::fs::create_dir_all(self.world.outside(".docker")).unwrap();
        std::fs::write(self.world.outside(".docker/config.json"), file.to_string()).unwrap();
    }

    fn scan(&self, what: &[&str]) -> Ran {
        self.world.stanch(&[&["scan", "--format", "lines"], what].concat())
    }
}

/// Every token is found where it is, none is shown, and nothing is missing.
#[track_caller]
fn finds_all(ran: Ran) {
    let ran = ran.expect(1);
    for (seed, place) in PLACES {
        assert!(ran.stdout.contains(place), "no {place} in:\n{}", ran.stdout);
        crate::world::hides(&ran.stdout, &token(seed));
        crate::world::hides(&ran.stderr, &token(seed));
    }
    assert_eq!(ran.stdout.lines().count(), PLACES.len(), "{}", ran.stdout);
}

#[test]
#[ignore = "needs umoci and skopeo, which tests/run installs"]
fn every_form_that_skopeo_writes_is_read() {
    let image = Image::made();
    finds_all(image.scan(&["layout"]));
    for (before, name, more) in [
        ("docker-archive:", "docker.tar", &[][..]),
        ("oci-archive:", "oci.tar", &[]),
        ("dir:", "plain", &[]),
        ("oci:", "zstd", &["--dest-compress-format", "zstd", "--dest-compress"]),
        ("dir:", "unpacked", &["--dest-decompress"]),
    ] {
        let tag = if before == "docker-archive:" { ":shop/app:v1" } else { "" };
        image.copy(&format!("{before}{}{tag}", image.at(name)), more);
        finds_all(image.scan(&[name]));
        finds_all(image.scan(&["--image", &format!("{before}{}", image.at(name))]));
    }
    let zstd = std::fs::read_dir(image.world.top().join("zstd/blobs/sha256")).unwrap();
    let is_zstd = |path: PathBuf| std::fs::read(path).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(zstd.filter(|entry| is_zstd(entry.as_ref().unwrap().path())).count(), 3);
}

#[test]
#[ignore = "needs umoci and skopeo, which tests/run installs"]
fn a_file_too_large_to_be_read_at_once_is_read_where_it_lies() {
    let image = Image::made();
    image.copy(&format!("oci-archive:{}", image.at("oci.tar")), &[]);
    finds_all(image.scan(&["oci.tar", "--max-size", "1kB"]));
}

#[test]
#[ignore = "needs a registry, which tests/run starts"]
fn an_image_in_a_registry_is_read_by_whoever_may() {
    let image = Image::made();
    let name = image.pushed();
    let nobody = image.scan(&["--image", &name]).expect(3);
    nobody.says("we are not logged in there").says("docker login").says("nothing was scanned");
    image.log_in("wrong");
    image.scan(&["--image", &name]).expect(3).says("although we are logged in there").hides("wrong");
    let password = secret_setting("STANCH_TEST_REGISTRY_PASSWORD_FILE");
    image.log_in(&password);
    finds_all(image.scan(&["--image", &name]).hides(&password));
    finds_all(image.scan(&["--image", &format!("docker://{name}"), "-vvv"]).hides(&password));
    let missing = name.replace(":v1", ":v2");
    image.scan(&["--image", &missing]).expect(3).says("knows no manifest v2").says("nothing was scanned");
    image.scan(&["--image", &name, "--offline"]).expect(3).says("--offline");
    image.scan(&["--image", &name, "--image-size", "10B"]).expect(3).says("--image-size");
    image.scan(&["--image", "Not/An/Image"]).expect(2).says("names no image");
    let report: serde_json::Value =
        serde_json::from_str(&image.world.stanch(&["scan", "--image", &name, "--json"]).expect(1).stdout).unwrap();
    let place = &report["findings"][0]["place"];
    assert_eq!(place["of"]["in"], "image", "{place}");
    assert_eq!(place["of"]["reference"], name.as_str());
    // Nothing is left of what was fetched.
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap();
    assert!(!left.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".stanch-image")));
}

#[test]
#[ignore = "needs a registry, which tests/run starts"]
fn a_login_from_a_helper_is_asked_for() {
    let image = Image::made();
    let name = image.pushed();
    let (helper, bin) = (image.world.outside("bin/docker-credential-shelf"), image.world.outside("bin"));
    std::fs::create_dir_all(&bin).unwrap();
    let (registry, user) = (setting("STANCH_TEST_REGISTRY"), setting("STANCH_TEST_REGISTRY_USER"));
    let password = setting("STANCH_TEST_REGISTRY_PASSWORD_FILE");
    let script = format!(
        "#!/bin/sh\nread -r for\n[ \"$1 $for\" = 'get {registry}' ] || {{ echo credentials not found in native keychain; exit 1; }}\n\
         printf '{{\"ServerURL\":\"%s\",\"Username\":\"{user}\",\"Secret\":\"%s\"}}' \"$for\" \"$(cat {password})\"\n"
    );
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(image.world.outside(".docker")).unwrap();
    std::fs::write(image.world.outside(".docker/config.json"), r#"{"credsStore":"shelf"}"#).unwrap();
    let mut command = image.world.command(env!("CARGO_BIN_EXE_stanch"));
    command.args(["scan", "--format", "lines", "--image", &name]);
    let path =
        std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    finds_all(image.world.run({
        command.env("PATH", path.unwrap());
        command
    }));
    image.scan(&["--image", &name]).expect(3).says("docker-credential-shelf").says("did not answer");
}

/// Makes an index of two images out of the layout's one, and a third one that is not like them.
fn with_platforms(image: &Image) {
    let blobs = image.layout.join("blobs/sha256");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(image.layout.join("index.json")).unwrap()).unwrap();
    let one = &index["manifests"][0];
    let hex = one["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(blobs.join(hex)).unwrap()).unwrap();
    manifest["annotations"] = serde_json::json!({ "note": format!("key {}", token(809)) });
    let put = |value: &serde_json::Value| {
        let bytes = serde_json::to_vec(value).unwrap();
        let hex = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
        std::fs::write(blobs.join(&hex), &bytes).unwrap();
        (format!("sha256:{hex}"), bytes.len())
    };
    let media = "application/vnd.oci.image.manifest.v1+json";
    let (digest, size) = put(&manifest);
    let platform = |architecture: &str| serde_json::json!({ "os": "linux", "architecture": architecture });
    let list = serde_json::json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        { "mediaType": media, "digest": one["digest"], "size": one["size"], "platform": platform("amd64") },
        { "mediaType": media, "digest": digest, "size": size, "platform": platform("arm64") },
    ]});
    let (digest, size) = put(&list);
    let top = serde_json::json!({ "schemaVersion": 2, "manifests": [{ "mediaType": list["mediaType"], "digest": digest,
        "size": size, "annotations": { "org.opencontainers.image.ref.name": "all" } }]});
    std::fs::write(image.layout.join("index.json"), top.to_string()).unwrap();
}

#[test]
#[ignore = "needs a registry, which tests/run starts"]
fn all_platforms_are_read_unless_one_is_asked_for() {
    let image = Image::made();
    with_platforms(&image);
    let name = format!("{}/shop/all-{}:v1", setting("STANCH_TEST_REGISTRY"), unique());
    image.push(&format!("oci:{}:all", image.layout.display()), &name, &["--all"]);
    image.log_in(&secret_setting("STANCH_TEST_REGISTRY_PASSWORD_FILE"));
    let all = image.scan(&["--image", &name]).expect(1);
    let all = all.says("linux/arm64!manifest (").says(", deleted in layer 2!etc/gone.conf");
    assert_eq!(all.stdout.lines().count(), PLACES.len() + 1, "{}", all.stdout);
    let one = image.scan(&["--image", &name, "--platform", "linux/amd64"]).expect(1);
    let found = one.stdout.lines().filter(|line| line.contains(" stanch.demo-token "));
    assert_eq!(found.count(), PLACES.len(), "{}", one.stdout);
    let text = image.world.stanch(&["scan", "--image", &name, "--platform", "linux/amd64", "--json"]).expect(1).stdout;
    assert!(text.contains("linux/arm64"), "what was left is not named: {text}");
    let none = image.scan(&["--image", &name, "--platform", "linux/riscv64"]).expect(2);
    none.says("nothing for linux/riscv64").says("linux/amd64, linux/arm64");
}

/// The file in which the registry keeps the largest blob of the image.
fn largest_blob(image: &Image) -> PathBuf {
    let blobs = image.layout.join("blobs/sha256");
    let entries = std::fs::read_dir(blobs).unwrap().flatten();
    let largest = entries.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap();
    let hex = largest.file_name().into_string().unwrap();
    let data = setting("STANCH_TEST_REGISTRY_DATA");
    Path::new(&data).join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(&hex).join("data")
}

#[test]
#[ignore = "needs a registry, which tests/run starts"]
fn what_the_registry_damaged_is_a_gap_and_the_rest_is_read() {
    let image = Image::made();
    // A layer that no other test has, so that its blob is its own.
    let (bundle, tag) = (image.world.outside("again"), format!("{}:v1", image.layout.display()));
    image.world.run_ok("umoci", &["unpack", "--rootless", "--image", &tag, bundle.to_str().unwrap()]);
    std::fs::write(bundle.join("rootfs/noise"), super::random(40_000)).unwrap();
    image.world.run_ok("umoci", &["repack", "--image", &tag, bundle.to_str().unwrap()]);
    let name = image.pushed();
    image.log_in(&secret_setting("STANCH_TEST_REGISTRY_PASSWORD_FILE"));
    let blob = largest_blob(&image);
    let whole = std::fs::read(&blob).unwrap();
    let mut bent = whole.clone();
    let middle = bent.len() / 2;
    bent[middle] ^= 0x40;
    std::fs::write(&blob, &bent).unwrap();
    let ran = image.scan(&["--image", &name]).expect(1).says("incomplete:");
    ran.says("its content is not what its digest says").says("!etc/kept.conf");
    std::fs::write(&blob, &whole[..middle]).unwrap();
    image.scan(&["--image", &name]).expect(1).says("incomplete:").says("!etc/kept.conf");
    std::fs::remove_file(&blob).unwrap();
    image.scan(&["--image", &name]).expect(1).says("incomplete:").says("knows no blob sha256:").says("!etc/kept.conf");
}
