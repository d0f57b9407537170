//! What of a call's content is read: where each forge writes which repository it is about, and objects by name. The rest
//! is passed over, however long it is.

use super::{LONGEST_NAME, Named};
use crate::fetch::mirror::is_object;
use serde::Deserialize;

/// As many objects are remembered of one call.
const MOST_OBJECTS: usize = 32;

/// The content of a call of any forge.
#[derive(Deserialize)]
pub(super) struct Content {
    /// GitHub, Gitea and Bitbucket; GitLab writes another sort of thing under this name.
    #[serde(default)]
    repository: Option<Repository>,
    /// GitLab.
    #[serde(default)]
    project: Option<Project>,
    /// GitLab, of the project itself.
    #[serde(default)]
    path_with_namespace: Option<String>,
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    after: Option<String>,
    /// GitHub and Gitea.
    #[serde(default)]
    pull_request: Option<PullRequest>,
    /// GitLab, of a merge request.
    #[serde(default)]
    object_attributes: Option<Attributes>,
    /// Bitbucket.
    #[serde(default)]
    push: Option<Push>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: Option<String>,
    clone_url: Option<String>,
    ssh_url: Option<String>,
    html_url: Option<String>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
}

#[derive(Deserialize)]
struct PullRequest {
    head: Option<Head>,
}

#[derive(Deserialize)]
struct Head {
    sha: Option<String>,
}

#[derive(Deserialize)]
struct Attributes {
    last_commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Push {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    old: Option<Side>,
    new: Option<Side>,
}

#[derive(Deserialize)]
struct Side {
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    hash: Option<String>,
}

impl Content {
    /// The repository and the objects that it names; none where it names no repository.
    pub(super) fn named(self) -> Option<Named> {
        let (mut name, mut urls) = (self.path_with_namespace, Vec::new());
        if let Some(project) = self.project {
            name = project.path_with_namespace.or(name);
            urls.extend([project.git_http_url, project.git_ssh_url, project.web_url]);
        }
        if let Some(repository) = self.repository {
            name = name.or(repository.full_name);
            let page = repository.links.and_then(|links| links.html?.href);
            urls.extend([repository.clone_url, repository.ssh_url, repository.html_url, page]);
        }
        let name = name.filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME)?;
        let urls = urls.into_iter().flatten().filter(|url| url.len() <= LONGEST_NAME).collect();
        let request = self.pull_request.and_then(|request| request.head?.sha);
        let merge = self.object_attributes.and_then(|attributes| attributes.last_commit?.id);
        let changes = self.push.into_iter().flat_map(|push| push.changes).flat_map(|change| [change.old, change.new]);
        let changes = changes.map(|side| side.and_then(|side| side.target?.hash));
        let objects = [self.before, self.after, request, merge].into_iter().chain(changes).flatten();
        let objects = objects.filter(|object| is_object(object)).take(MOST_OBJECTS).collect();
        Some(Named { name, urls, objects })
    }
}
