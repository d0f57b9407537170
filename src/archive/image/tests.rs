use super::*;
use crate::archive::Item;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        if let Some(target) = name.strip_prefix("link ") {
            let (name, target) = target.split_once(" -> ").unwrap();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, name, target).unwrap();
            continue;
        }
        header.set_mode(0o600);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

fn short(bytes: &[u8]) -> String {
    format!("sha256:{}\u{2026}", sha256(bytes).get(..12).unwrap())
}

fn budget() -> Budget {
    Budget { bytes: 1 << 30, members: 1 << 20, largest_bytes: 1 << 24 }
}

/// What came out: the text of each member, and the words for what was missed.
type Came = BTreeMap<String, String>;

fn collect(budget: &mut Budget, open: impl FnOnce(&mut Budget, &mut Visit<'_>) -> Result<(), ArchiveError>) -> Came {
    let mut came = BTreeMap::new();
    let walked = open(budget, &mut |item| {
        let (name, said) = match item {
            Item::Member { name, bytes, .. } => (name, String::from_utf8_lossy(bytes).into_owned()),
            Item::Missed { name, error } => (name, format!("missed: {error}")),
        };
        came.entry(name.to_owned()).and_modify(|all: &mut String| all.push_str(&said)).or_insert(said);
        ControlFlow::Continue(())
    });
    if let Err(error) = walked {
        came.insert("whole".to_owned(), error.to_string());
    }
    came
}

fn opened(tar: &[u8]) -> Came {
    collect(&mut budget(), |budget, visit| open_tar(Region::of(tar), budget, visit).expect("an image"))
}

/// The parts of an OCI layout: one image of these layers, or several.
fn layout(images: &[(&str, Vec<Vec<u8>>)]) -> Vec<(String, Vec<u8>)> {
    let mut parts = vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
    let mut add = |bytes: Vec<u8>, media: &str| {
        let descriptor = serde_json::json!({"mediaType": media, "digest": format!("sha256:{}", sha256(&bytes)), "size": bytes.len()});
        parts.push((format!("blobs/sha256/{}", sha256(&bytes)), bytes));
        descriptor
    };
    let mut manifests = Vec::new();
    for (tag, layers) in images {
        let config =
            serde_json::json!({"config": {"Env": [format!("TAG={tag}")]}, "history": [{"created_by": "RUN x"}]});
        let config = add(serde_json::to_vec(&config).unwrap(), "application/vnd.oci.image.config.v1+json");
        let layers: Vec<_> =
            layers.iter().map(|layer| add(layer.clone(), "application/vnd.oci.image.layer.v1.tar")).collect();
        let manifest = serde_json::json!({"schemaVersion": 2, "config": config, "layers": layers});
        let mut manifest = add(serde_json::to_vec(&manifest).unwrap(), "application/vnd.oci.image.manifest.v1+json");
        manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": tag});
        manifests.push(manifest);
    }
    let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
    parts.push(("index.json".to_owned(), serde_json::to_vec(&index).unwrap()));
    parts
}

fn packed(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    tar_of(&parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

#[test]
fn every_layer_is_read_and_what_hides_it_is_said() {
    let one = tar_of(&[("etc/app.conf", b"first"), ("etc/kept", b"kept"), ("srv/a/b", b"under")]);
    let two = gzip(&tar_of(&[("./etc/app.conf", b"second"), ("srv/.wh..wh..opq", b"")]));
    let three = tar_of(&[("etc/.wh.app.conf", b"")]);
    let came = opened(&packed(&layout(&[("v1", vec![one.clone(), two.clone(), three])])));
    let layer = |number: usize, bytes: &[u8], fate: &str, name: &str| {
        came.get(&format!("layer {number} of 3 ({}){fate}!{name}", short(bytes))).map(String::as_str)
    };
    assert_eq!(layer(1, &one, ", overwritten in layer 2", "etc/app.conf"), Some("first"), "{came:#?}");
    assert_eq!(layer(1, &one, "", "etc/kept"), Some("kept"));
    assert_eq!(layer(1, &one, ", deleted in layer 2", "srv/a/b"), Some("under"));
    assert_eq!(layer(2, &two, ", deleted in layer 3", "etc/app.conf"), Some("second"));
    assert!(came.iter().any(|(name, text)| name.contains("configuration (") && text.contains("Env[0]: TAG=v1\n")));
    assert!(came.iter().all(|(_, text)| !text.contains("missed")), "{came:#?}");
}

#[test]
fn what_several_images_share_is_read_once_and_strays_are_read() {
    let shared = gzip(&tar_of(&[("base", b"base")]));
    let own = tar_of(&[("app", b"app")]);
    let mut parts = layout(&[("v1", vec![shared.clone()]), ("v2", vec![shared.clone(), own.clone()])]);
    let stray = tar_of(&[("left", b"behind")]);
    parts.push((format!("blobs/sha256/{}", sha256(&stray)), stray.clone()));
    parts.push(("notes.txt".to_owned(), b"a note".to_vec()));
    let came = opened(&packed(&parts));
    assert_eq!(came.values().filter(|text| *text == "base").count(), 1, "{came:#?}");
    assert_eq!(came[&format!("v2!layer 2 of 2 ({})!app", short(&own))], "app");
    assert_eq!(came[&format!("blobs/sha256/{}!left", sha256(&stray))], "behind");
    assert_eq!(came["notes.txt"], "a note");
}

#[test]
fn what_is_damaged_or_absent_is_a_gap_and_is_read_as_far_as_it_goes() {
    let layer = tar_of(&[("etc/app.conf", b"value")]);
    let missing = tar_of(&[("gone", b"gone")]);
    let mut parts = layout(&[("v1", vec![layer.clone(), missing.clone()])]);
    parts.retain(|(name, _)| !name.ends_with(&sha256(&missing)));
    for (name, bytes) in &mut parts {
        if name.ends_with(&sha256(&layer)) {
            let at = bytes.windows(5).position(|window| window == b"value").unwrap();
            bytes[at] = b'V';
        }
    }
    let came = opened(&packed(&parts));
    let label = format!("layer 1 of 2 ({})", short(&layer));
    assert_eq!(came[&format!("{label}!etc/app.conf")], "Value");
    assert!(came[&label].contains("damaged"), "{came:#?}");
    assert!(came[&format!("layer 2 of 2 ({})", short(&missing))].contains("not here"));
}

#[test]
fn docker_save_is_known_old_and_very_old() {
    let (one, two) = (tar_of(&[("a", b"one")]), tar_of(&[("b", b"two")]));
    let config = serde_json::json!({"config": {"Labels": {"key": "label"}},
        "rootfs": {"diff_ids": [format!("sha256:{}", sha256(&one)), format!("sha256:{}", sha256(&two)), format!("sha256:{}", sha256(&one))]}});
    let config = serde_json::to_vec(&config).unwrap();
    let (x, y, z) = ("1".repeat(64), "2".repeat(64), "3".repeat(64));
    let name = format!("{}.json", sha256(&config));
    let saved = serde_json::json!([{"Config": name, "RepoTags": null,
        "Layers": [format!("{x}/layer.tar"), format!("{y}/layer.tar"), format!("{z}/layer.tar")]}]);
    let saved = serde_json::to_vec(&saved).unwrap();
    let (own, parent) = (br#"{"container_config":{"Env":["OLD=1"]}}"#, format!("{{\"parent\":\"{x}\"}}"));
    let (link, links_to) = (format!("link {z}/layer.tar -> ../{x}/layer.tar"), format!("{y}/layer.tar"));
    let mut members: Vec<(&str, &[u8])> = vec![(&name, &config)];
    let (json, layer, second) = (format!("{x}/json"), format!("{x}/layer.tar"), format!("{y}/json"));
    members.extend([
        (json.as_str(), &own[..]),
        (&layer, &one),
        (&second, parent.as_bytes()),
        (&links_to, &two),
        (&link, b""),
    ]);
    let mut with_manifest = members.clone();
    with_manifest.push(("manifest.json", &saved));
    let came = opened(&tar_of(&with_manifest));
    assert_eq!(came[&format!("layer 2 of 3 ({})!b", short(&two))], "two", "{came:#?}");
    assert!(came[&json].contains("container_config.Env[0]: OLD=1"));
    assert!(came.iter().any(|(name, text)| name.starts_with("configuration (") && text.contains("Labels.key: label")));
    assert!(came.values().any(|text| text == "one") && came.values().all(|text| !text.contains("missed")));

    members.push(("repositories", b"{}"));
    let came = opened(&tar_of(&members));
    assert_eq!(came[&format!("layer 1 of 2 ({x}/layer.tar)!a")], "one", "{came:#?}");
    assert_eq!(came[&format!("layer 2 of 2 ({y}/layer.tar)!b")], "two");
}

#[test]
fn a_directory_and_a_file_are_read_where_they_lie() {
    let layer = gzip(&tar_of(&[("etc/app.conf", b"value")]));
    let parts = layout(&[("v1", vec![layer.clone()])]);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in &parts {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let expected = opened(&packed(&parts));
    assert_eq!(collect(&mut budget(), |budget, visit| open_folder(folder.path(), budget, visit)), expected);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&packed(&parts)).unwrap();
    let came =
        collect(&mut budget(), |budget, visit| open_tar(Region::of_file(&file).unwrap(), budget, visit).unwrap());
    assert_eq!(came, expected);
    assert!(expected.contains_key(&format!("layer 1 of 1 ({})!etc/app.conf", short(&layer))));
}

#[test]
fn other_tars_are_no_images() {
    let other = |members: &[(&str, &[u8])]| {
        let tar = tar_of(members);
        open_tar(Region::of(&tar), &mut budget(), &mut |_| panic!("nothing is handed over")).is_none()
    };
    assert!(other(&[("src/main.rs", b"x"), ("manifest.json", b"[]")]));
    assert!(other(&[("manifest.json", br#"{"name":"extension","version":"1"}"#)]));
    assert!(other(&[("index.json", b"{}")]));
    assert!(other(&[]));
    assert!(open_tar(Region::of(b"no tar"), &mut budget(), &mut |_| panic!("nothing")).is_none());
}

#[test]
fn a_large_file_comes_in_pieces_and_a_bomb_does_not_pass() {
    let large = vec![b'a'; 5 << 20];
    let parts = layout(&[("v1", vec![gzip(&tar_of(&[("large", &large)]))])]);
    let mut tight = Budget { bytes: 1 << 30, members: 100, largest_bytes: 2 << 20 };
    let (mut pieces, mut most) = (0, 0);
    let tar = packed(&parts);
    open_tar(Region::of(&tar), &mut tight, &mut |item| {
        if let Item::Member { name, bytes, .. } = item
            && name.contains("large (bytes ")
        {
            (pieces, most) = (pieces + 1, most.max(bytes.len()));
        }
        ControlFlow::Continue(())
    })
    .unwrap()
    .unwrap();
    assert_eq!((pieces, most), (4, 2 << 20));
    let mut small = Budget { bytes: 1 << 20, members: 100, largest_bytes: 1 << 24 };
    let came = collect(&mut small, |budget, visit| open_tar(Region::of(&tar), budget, visit).unwrap());
    assert_eq!(came["whole"], "it expands to more than is allowed");
    let many: Vec<_> = (0..200).map(|number| (format!("{number}"), Vec::new())).collect();
    let parts = layout(&[("v1", vec![packed(&many)])]);
    let came = collect(&mut Budget { members: 100, ..budget() }, |budget, visit| {
        open_tar(Region::of(&packed(&parts)), budget, visit).unwrap()
    });
    assert_eq!(came["whole"], "it holds more members than are allowed");
}

#[test]
fn every_cut_is_said() {
    let layer = gzip(&tar_of(&[("etc/app.conf", b"value")]));
    let mut parts = layout(&[("v1", vec![layer])]);
    let index = parts.pop().unwrap();
    parts.insert(0, index); // so that it is known for an image however short it is
    let tar = packed(&parts);
    let whole = opened(&tar);
    for cut in (0..tar.len() - 1024).step_by(97) {
        let came = collect(&mut budget(), |budget, visit| {
            open_tar(Region::of(&tar[..cut]), budget, visit).unwrap_or(Err(ArchiveError::TooMany))
        });
        let said = came.contains_key("whole") || came.values().any(|text| text.contains("missed"));
        assert!(said || came == whole, "cut at {cut}: {came:?}"); // of the last one only padding was lost
    }
}
