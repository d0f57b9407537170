//! Repositories in all their forms.

use super::*;

#[test]
fn borrowed_stores_are_followed() {
    let sample = Sample::grown(HashKind::Sha1, 60);
    sample.git(&["clone", "-q", "--shared", "--bare", "a.git", "b.git"]);
    sample.git(&["clone", "-q", "--reference", "b.git", "--bare", "a.git", "c.git"]);
    let common = sample.directory.path().join("b.git");
    run(&common, &["fast-import", "--quiet"], history(700, 5).as_bytes());
    agrees(&common, HashKind::Sha1, &[]);
    agrees(&sample.directory.path().join("c.git"), HashKind::Sha1, &[]);
    // By a path from the store itself, in quotation marks, after a remark.
    std::fs::write(common.join("objects/info/alternates"), "# from here\n\"../../a.git/objects\"\n").unwrap();
    agrees(&common, HashKind::Sha1, &[]);
    // One that names the other back ends somewhere.
    std::fs::create_dir_all(sample.common().join("objects/info")).unwrap();
    std::fs::write(sample.common().join("objects/info/alternates"), "../../b.git/objects\n").unwrap();
    agrees(&common, HashKind::Sha1, &[]);
    // One that is gone is named.
    std::fs::write(common.join("objects/info/alternates"), "../../gone/objects\n").unwrap();
    let troubles = Objects::open(&common, HashKind::Sha1, &[]).unwrap().take_troubles();
    assert!(troubles[0].to_string().contains("gone/objects"), "{troubles:?}");
    // What is named from outside is followed as well.
    std::fs::remove_file(sample.common().join("objects/info/alternates")).unwrap();
    let more = [sample.common().join("objects")];
    let objects = Objects::open(&common, HashKind::Sha1, &more).unwrap();
    assert!(walked(&objects, &ALL, quiet).0.len() > sample.listed().len());
}

#[test]
fn stores_that_name_each_other_without_end_are_not_followed_without_end() {
    let sample = Sample::new(HashKind::Sha1);
    for number in 0..9 {
        let store = sample.directory.path().join(format!("s{number}"));
        std::fs::create_dir_all(store.join("info")).unwrap();
        std::fs::write(store.join("info/alternates"), format!("../s{}\n", number + 1)).unwrap();
    }
    std::fs::create_dir_all(sample.common().join("objects/info")).unwrap();
    std::fs::write(sample.common().join("objects/info/alternates"), "../../s0\n").unwrap();
    let troubles = sample.objects().take_troubles();
    assert!(matches!(troubles.as_slice(), [PackError::Alternates { .. }]), "{troubles:?}");
}

#[test]
fn a_base_in_another_pack_is_found() {
    let sample = Sample::grown(HashKind::Sha1, 40);
    let ids = sample.listed();
    // A thin pack, put there with an index but without what it lacks: git does not, but others might.
    let larger: Vec<_> = ids.iter().filter(|(_, (kind, _))| *kind == Kind::Blob).collect();
    let (base_id, (_, base)) = larger[larger.len() / 2];
    let changed = [base.as_slice(), b"and one line more\n"].concat();
    let id = String::from_utf8(run(&sample.common(), &["hash-object", "-w", "--stdin"], &changed)).unwrap();
    let id: ObjectId = id.trim().parse().unwrap();
    let (pack, index) = super::damage::thin_pack(base_id, base, &id, b"and one line more\n");
    std::fs::remove_file(loose::path_of(&sample.common().join("objects"), &id)).unwrap();
    std::fs::write(sample.pack_directory().join("pack-thin.pack"), pack).unwrap();
    std::fs::write(sample.pack_directory().join("pack-thin.idx"), index).unwrap();
    let objects = sample.objects();
    let (found, unread) = walked(&objects, &ALL, quiet);
    assert!(unread.is_empty(), "{unread:?}");
    assert_eq!(found.get(&id).unwrap().1, changed);
    assert_eq!(*objects.reader(1 << 30).read(&id).unwrap().unwrap().1, changed);
    assert_eq!(objects.reader(1 << 30).header(&id).unwrap().unwrap(), (Kind::Blob, changed.len() as u64));
}

#[test]
fn partial_and_shallow_clones_hand_out_what_they_have() {
    let sample = Sample::grown(HashKind::Sha1, 60);
    sample.inside(&["symbolic-ref", "HEAD", "refs/heads/main-0"]);
    sample.inside(&["config", "uploadpack.allowFilter", "true"]);
    let from = format!("file://{}", sample.common().display());
    sample.git(&["clone", "-q", "--bare", "--filter=blob:none", &from, "partial.git"]);
    sample.git(&["clone", "-q", "--bare", "--depth=5", &from, "shallow.git"]);
    sample.git(&["clone", "-q", "--filter=blob:limit=4k", &from, "work"]);
    for clone in ["partial.git", "shallow.git", "work/.git"] {
        agrees(&sample.directory.path().join(clone), HashKind::Sha1, &[]);
    }
}

#[test]
fn what_was_fetched_as_a_thin_pack_is_read() {
    let sample = Sample::grown(HashKind::Sha1, 60);
    sample.inside(&["symbolic-ref", "HEAD", "refs/heads/main-0"]);
    let from = format!("file://{}", sample.common().display());
    sample.git(&["clone", "-q", "--bare", "--depth=10", &from, "b.git"]);
    let common = sample.directory.path().join("b.git");
    run(&common, &["-c", "fetch.unpackLimit=1", "fetch", "-q", "--unshallow", &from], b"");
    assert!(Objects::open(&common, HashKind::Sha1, &[]).unwrap().packs().len() > 1);
    agrees(&common, HashKind::Sha1, &[]);
}

#[test]
fn what_git_never_finished_and_what_is_alone_is_told_apart() {
    let sample = Sample::grown(HashKind::Sha1, 20);
    let directory = sample.pack_directory();
    for name in ["tmp_pack_a1b2c3", "tmp_idx_a1b2c3", ".tmp-1-pack-00.pack", "pack-00.keep", "pack-00.rev"] {
        std::fs::write(directory.join(name), "unfinished").unwrap();
    }
    assert!(sample.objects().take_troubles().is_empty());
    let pack = sample.objects().packs()[0].path().to_owned();
    std::fs::rename(&pack, directory.join("pack-11.pack")).unwrap();
    let troubles: Vec<String> = sample.objects().take_troubles().iter().map(ToString::to_string).collect();
    assert!(troubles.iter().any(|trouble| trouble.contains("has no index")), "{troubles:?}");
    assert!(troubles.iter().any(|trouble| trouble.contains("has no pack")), "{troubles:?}");
    assert_eq!(troubles.len(), 2);
    assert!(Objects::open(Path::new("/nowhere"), HashKind::Sha1, &[]).is_err());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let sample = Sample::grown(HashKind::Sha1, 20);
    let objects = sample.common().join("objects");
    let single = loose::path_of(&objects, &ObjectId::new(&[0xab; 20]).unwrap());
    std::fs::create_dir_all(single.parent().unwrap()).unwrap();
    std::fs::create_dir_all(objects.join("info")).unwrap();
    let pack = objects.join("pack/pack-00.pack");
    for pipe in [&single, &objects.join("info/alternates"), &pack, &pack.with_extension("idx")] {
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let mut opened = sample.objects();
    assert_eq!(opened.take_troubles().len(), 2, "the list and the pack");
    let (found, unread) = walked(&opened, &ALL, quiet);
    assert!(unread.len() == 1 && !found.is_empty(), "{unread:?}");
}

#[test]
fn walks_hand_out_the_same_while_git_repacks() {
    let sample = Sample::grown(HashKind::Sha1, 40);
    let expected = sample.listed();
    let objects = sample.objects();
    sample.inside(&["repack", "-adfq", "--depth=1"]);
    assert!(walked(&objects, &ALL, quiet).0 == expected, "what is mapped stays");
    std::thread::scope(|scope| {
        let repacking = scope.spawn(|| {
            (1..9).for_each(|depth| {
                sample.inside(&["repack", "-adfq", &format!("--depth={depth}")]);
            })
        });
        while !repacking.is_finished() {
            let mut objects = sample.objects();
            let missed = !objects.take_troubles().is_empty();
            let (found, unread) = walked(&objects, &ALL, quiet);
            assert!(missed || !unread.is_empty() || found == expected, "what is missing is said");
        }
    });
}
