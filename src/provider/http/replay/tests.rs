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
        for (index, document) in typed.kinds().iter().enumerate() {
            let id = KindId::new(of(document, "id").as_str().unwrap());
            let kind = catalogue.find(&id).unwrap();
            for act in Act::ALL {
                let spoken = Spoken { typed: &typed, index, document, kind, act };
                let means: Vec<String> = spoken.replies().map(|(_, reply)| meaning_of(reply)).collect();
                let shown = |words: &[&str]| words.iter().any(|word| means.iter().any(|one| one == word));
                let enough = shown(&["unknown"]) && shown(&["live", "restricted", "done"]);
                if !spoken.ways().is_empty() && !enough {
                    unsampled.push(format!("{id} {act}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {samples} samples:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(unsampled, Vec::<String>::new(), "calls without a sample of a success and of a reply in no table");
    assert_eq!(kinds, catalogue.kinds().len());
    assert!(samples > 1_500, "{samples}");
}
