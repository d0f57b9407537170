//! The samples of every built-in kind.

use super::*;
use crate::rules::{builtin, builtin_files};

#[tokio::test]
async fn every_call_of_every_kind_is_sent_and_read_as_its_file_says() {
    let (catalogue, replay) = (builtin(), Replay::start().await.unwrap());
    let (mut samples, mut kinds, mut wrong, mut unsampled) = (0, 0, Vec::new(), Vec::new());
    for (path, text) in builtin_files() {
        let typed = Typed::read(&path, &text).unwrap();
        let replayed = replay.file(&typed, &catalogue).await;
        samples += replayed.samples;
        kinds += replayed.kinds;
        wrong.extend(replayed.wrong.iter().map(ToString::to_string));
        let lacks = |problem: &&Problem| {
            let said = &problem.message;
            ["`unknown`", "`live`", "`done`", "has no sample"].iter().any(|word| said.contains(word))
        };
        unsampled.extend(replayed.unshown.iter().filter(lacks).map(ToString::to_string));
    }
    assert!(wrong.is_empty(), "{} of {samples} samples:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(unsampled, Vec::<String>::new(), "calls without a sample of a success and of a reply in no table");
    assert_eq!(kinds, catalogue.kinds().len());
    assert!(samples > 1_500, "{samples}");
}
