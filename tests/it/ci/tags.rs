//! A tag that is pushed may have a message, which nobody else reads.

use super::{Happening, SERVICES, Site};
use crate::world::token;

fn secret() -> String {
    token(7_100)
}

/// A site with a tag on its head, whose message holds a token.
fn tagged() -> (Site, String) {
    let site = Site::new(false);
    site.world.git_as_kim(&["tag", "-a", "-m", &format!("release with {}", secret()), "v1", &site.head]);
    let tag = site.world.git(&["rev-parse", "refs/tags/v1"]).stdout.trim().to_owned();
    site.publish();
    (site, tag)
}

/// What a service says of it. GitHub alone names the tag itself.
fn said(site: &Site, service: &str, tag: &str) -> Vec<(&'static str, String)> {
    let mut said = site.said(service, &Happening::Tag { after: site.head.clone() });
    if service == "github" {
        let path = &said.iter().find(|(name, _)| *name == "GITHUB_EVENT_PATH").unwrap().1;
        let text = std::fs::read_to_string(path).unwrap().replace(&site.head, tag);
        std::fs::write(path, text).unwrap();
    }
    said.retain(|(name, _)| *name != "BRANCH_NAME");
    said
}

#[test]
fn the_message_of_a_tag_is_read() {
    let (site, tag) = tagged();
    let job = site.job(&site.head, None);
    for service in SERVICES {
        let ran = site.ci(&job, &said(&site, service, &tag), &["--format", "lines"]).hides(&secret());
        assert_eq!(ran.code, 1, "{service}: {ran:?}");
        assert!(ran.stdout.contains(&tag[..10]), "{service}: {}", ran.stdout);
    }
    // Whoever names a tag as the end of a range means its message too.
    let ran = site.world.stanch(&["scan", "--range", &format!("{}..v1", site.first)]);
    ran.expect(1).hides(&secret());
}

#[test]
fn a_tag_that_is_not_there_as_it_was_pushed_is_missing() {
    let (site, tag) = tagged();
    for service in SERVICES {
        // A tag without its message stands in its place, as some checkouts leave it; or it is not there at all.
        for stands_in in [true, false] {
            let job = site.world.outside(&format!("job-{service}-{stands_in}"));
            let url = format!("file://{}", site.world.outside("origin.git").display());
            site.world.git(&["clone", "-q", "--no-tags", &url, job.to_str().unwrap()]);
            site.git_in(&job, &["checkout", "-q", "--detach", &site.head]);
            // Without the name nobody knows of a message: only GitHub says that there is one.
            if stands_in && service == "github" {
                site.git_in(&job, &["tag", "v1", &site.head]);
            }
            let said = said(&site, service, &tag);
            site.ci(&job, &said, &[]).expect(3).says("the tag v1, as it was pushed, is not in this clone");
            let ran = site.ci(&job, &said, &["--fetch"]).hides(&secret());
            assert_eq!(ran.code, 1, "{service}: {ran:?}");
        }
    }
}

#[test]
fn the_name_of_a_branch_or_tag_is_masked_where_it_is_a_token() {
    let site = Site::new(false);
    let job = site.job(&site.head, None);
    let said = |service: &str, happening: &Happening, variable: &'static str| {
        let mut said = site.said(service, happening);
        said.retain(|(name, _)| *name != variable);
        said.push((variable, secret()));
        site.ci(&job, &said, &["--fetch", "--format", "json"]).hides(&secret())
    };
    let push = Happening::push(&site.first, &site.head);
    said("gitlab", &push, "CI_COMMIT_BRANCH").expect(0);
    let request = Happening::request(&site.base, &site.head);
    said("buildkite", &request, "BUILDKITE_PULL_REQUEST_BASE_BRANCH").expect(3);
    let tag = Happening::Tag { after: site.head.clone() };
    said("gitlab", &tag, "CI_COMMIT_TAG").expect(3);
}
