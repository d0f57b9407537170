//! What an organisation has at a forge: every page of the list, or an error. A part is never taken for the whole.

use super::{FetchError, Remote};
use crate::config::service::Forge;
use crate::egress::{Allowed, Egress, Limits, Request, Response, endpoint};
use crate::model::Secret;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// No organisation has more pages.
const MOST_PAGES: usize = 2000;

/// What is asked for at once.
const PER_PAGE: usize = 100;

/// How long to wait where a forge does not say it.
const WAIT: Duration = Duration::from_secs(60);

/// A page can be long, and a busy forge slow.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(10), total: Duration::from_secs(60), reply_bytes: 16 << 20 };

/// An organisation (a group, a workspace) at a forge.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// The source in the operator's file.
    pub whose: String,
    /// Which forge.
    pub forge: Forge,
    /// Its name there.
    pub name: String,
    /// The base address of a self-hosted instance.
    pub base: Option<String>,
    /// The user name that goes with the token.
    pub user: Option<String>,
    /// What it is read with.
    pub token: Option<Arc<Secret>>,
    /// Repositories that are left out, by their names in the organisation or by their full names.
    pub exclude: Vec<String>,
}

/// Where a forge is asked, and where its repositories lie.
struct Addresses {
    api: Url,
    web: Url,
    allowed: Allowed,
}

impl Organisation {
    /// All of its repositories, archived ones, forks and empty ones among them, by their full names.
    ///
    /// # Errors
    /// When the list is not whole, for whatever reason; [`FetchError::wait`] says how long the forge wants to be left
    /// alone.
    pub async fn repositories(&self) -> Result<Vec<Remote>, FetchError> {
        let at = self.addresses()?;
        let egress = Egress::new(LIMITS).map_err(|source| self.unasked(source))?;
        let (mut found, mut seen, mut next) = (BTreeMap::new(), HashSet::new(), Some(self.first(&at)?));
        while let Some(url) = next {
            if !seen.insert(url.to_string()) {
                return Err(self.partial(&at, "its pages go round in a circle"));
            }
            if seen.len() > MOST_PAGES {
                return Err(self.partial(&at, format!("it has more than {MOST_PAGES} pages")));
            }
            let reply = egress.send(&at.allowed, self.request(&url)).await.map_err(|source| self.unasked(source))?;
            self.judge(&at, &reply)?;
            let page = self.page(&at, &reply)?;
            for entry in &page.values {
                let remote = self.remote(&at, entry)?;
                found.insert(remote.name().to_owned(), remote);
            }
            next = self.next(&at, &url, &reply, &page)?;
        }
        found.retain(|name, _| !self.is_excluded(name));
        Ok(found.into_values().collect())
    }

    fn addresses(&self) -> Result<Addresses, FetchError> {
        let refused = |why| FetchError::Address { whose: self.whose.clone(), why };
        let parsed = |text: &str| Url::parse(text).map_err(|_| refused("write its base as https://host"));
        let (api, web, path) = match self.forge {
            Forge::Github => ("https://api.github.com", "https://github.com", "api/v3"),
            Forge::Gitlab => ("https://gitlab.com/api/v4", "https://gitlab.com", "api/v4"),
            Forge::Bitbucket => ("https://api.bitbucket.org/2.0", "https://bitbucket.org", "2.0"),
            Forge::Gitea => ("", "", "api/v1"),
        };
        let Some(base) = &self.base else {
            if api.is_empty() {
                return Err(refused("gitea has no common address: write the instance's as 'base'"));
            }
            let (api, web) = (parsed(api)?, parsed(web)?);
            let hosts: Vec<String> = api.host_str().map(str::to_owned).into_iter().collect();
            return Ok(Addresses { api, web, allowed: Allowed::hosts(&hosts) });
        };
        let base = endpoint(base).map_err(|_| refused("write its base as https://host, without user and query"))?;
        let web = parsed(base.as_str().strip_suffix(path).unwrap_or(base.as_str()))?;
        let tenant = web.host_str().is_some_and(|host| host.ends_with(".ghe.com") && !host.starts_with("api."));
        let api = match web.host_str() {
            Some(host) if tenant && self.forge == Forge::Github => format!("https://api.{host}"),
            _ => format!("{}/{path}", web.as_str().trim_end_matches('/')),
        };
        let named = endpoint(&api).map_err(|_| refused("write its base as https://host"))?;
        Ok(Addresses { api: parsed(&api)?, web, allowed: Allowed::default().and(&named) })
    }

    fn first(&self, at: &Addresses) -> Result<Url, FetchError> {
        let wrong = || FetchError::Address { whose: self.whose.clone(), why: "the organisation has no usable name" };
        let (path, query): (&[&str], &str) = match self.forge {
            Forge::Github => (&["orgs", "", "repos"], "type=all&sort=created&direction=asc&per_page=100"),
            Forge::Gitlab => (
                &["groups", "", "projects"],
                "include_subgroups=true&with_shared=false&simple=true&order_by=id&sort=asc&per_page=100",
            ),
            Forge::Bitbucket => (&["repositories", ""], "sort=created_on&pagelen=100"),
            Forge::Gitea => (&["orgs", "", "repos"], "limit=50&page=1"),
        };
        if matches!(self.name.as_str(), "" | "." | "..") || self.name.contains(char::is_control) {
            return Err(wrong());
        }
        let mut url = at.api.clone();
        // A group of a group is one part of the path: its slashes are written as %2F.
        let parts = path.iter().map(|part| if part.is_empty() { self.name.as_str() } else { part });
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(parts);
        url.set_query(Some(query));
        Ok(url)
    }

    fn request(&self, url: &Url) -> Request {
        let mut request = Request::get(url.as_str());
        let mut header = |name: &str, value: Secret| request.headers.push((name.to_owned(), value));
        header("accept", Secret::new(b"application/json".to_vec()));
        if self.forge == Forge::Github {
            header("x-github-api-version", Secret::new(b"2022-11-28".to_vec()));
        }
        let Some(token) = &self.token else { return request };
        #[expect(clippy::disallowed_methods, reason = "the header is sealed in the same type")]
        let token = token.expose();
        match (self.forge, &self.user) {
            (Forge::Gitlab, _) => header("private-token", Secret::new(token.to_vec())),
            (Forge::Gitea, _) => header("authorization", Secret::new([b"token ", token].concat())),
            (Forge::Bitbucket, Some(user)) => {
                let pair = zeroize::Zeroizing::new([user.as_bytes(), b":", token].concat());
                let coded = zeroize::Zeroizing::new(data_encoding::BASE64.encode(&pair));
                header("authorization", Secret::new([b"Basic ", coded.as_bytes()].concat()));
            }
            _ => header("authorization", Secret::new([b"Bearer ", token].concat())),
        }
        request
    }

    /// Anything but a plain yes ends the list.
    fn judge(&self, at: &Addresses, reply: &Response) -> Result<(), FetchError> {
        let (whose, host, what) = (self.whose.clone(), host(at), format!("the list of {}", self.name));
        match (reply.status, reply.retry_after) {
            (200, _) => Ok(()),
            (429, wait) => Err(FetchError::Later { host, wait: wait.unwrap_or(WAIT) }),
            (403 | 503, Some(wait)) => Err(FetchError::Later { host, wait }),
            (401 | 403, _) => Err(FetchError::Refused { whose, host, what }),
            (404, _) => Err(FetchError::Missing { whose, host, what: self.name.clone() }),
            (301 | 302 | 307 | 308, _) => Err(self.partial(at, "it moved: write its new name or base")),
            (status, _) => Err(self.partial(at, format!("it answered with status {status}"))),
        }
    }

    fn page(&self, at: &Addresses, reply: &Response) -> Result<Page, FetchError> {
        #[expect(clippy::disallowed_methods, reason = "a list of repositories, which is no secret")]
        let body = reply.body.expose();
        let page = match self.forge {
            Forge::Bitbucket => serde_json::from_slice(body),
            _ => serde_json::from_slice(body).map(|values| Page { values, next: None }),
        };
        page.map_err(|_| self.partial(at, "its answer is no list of repositories"))
    }

    /// The next page. Where the forge names none, a full page may still have one behind it: a proxy can have dropped the
    /// header that names it.
    fn next(&self, at: &Addresses, url: &Url, reply: &Response, page: &Page) -> Result<Option<Url>, FetchError> {
        let entries = page.values.len();
        let named = match self.forge {
            Forge::Bitbucket => page.next.clone(),
            Forge::Gitea => return Ok((entries > 0).then(|| following(url))),
            Forge::Github | Forge::Gitlab => reply.link.as_deref().and_then(next_of),
        };
        let Some(named) = named else {
            let counted = matches!(self.forge, Forge::Github | Forge::Gitlab) && entries >= PER_PAGE;
            return Ok(counted.then(|| following(url)));
        };
        let next = url.join(&named).map_err(|_| self.partial(at, "its next page has no usable address"))?;
        if next.origin() != at.api.origin() {
            let other = next.origin().ascii_serialization();
            return Err(self.partial(at, format!("its next page lies at {other}; write that as 'base' if it is meant")));
        }
        Ok(Some(next))
    }

    fn remote(&self, at: &Addresses, entry: &Entry) -> Result<Remote, FetchError> {
        let (name, url) = match self.forge {
            Forge::Github | Forge::Gitea => (&entry.full_name, entry.clone_url.as_ref()),
            Forge::Gitlab => (&entry.path_with_namespace, entry.http_url_to_repo.as_ref()),
            Forge::Bitbucket => (&entry.full_name, entry.over_https()),
        };
        let (Some(name), Some(url)) = (name.as_ref().filter(|name| !name.is_empty()), url) else {
            return Err(self.partial(at, "one of them has no name or no address"));
        };
        let mut url = Url::parse(url).map_err(|_| self.partial(at, format!("{name} has no usable address")))?;
        if url.origin() != at.web.origin() {
            let other = url.origin().ascii_serialization();
            let why = format!("{name} lies at {other}; write the forge's own address of itself as 'base'");
            return Err(self.partial(at, why));
        }
        // Bitbucket writes the name of whoever asked into the address.
        if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
            return Err(self.partial(at, format!("{name} has no usable address")));
        }
        let user = match (self.forge, &self.user) {
            (Forge::Bitbucket, None) => Some("x-token-auth".to_owned()),
            // An account's token is shown with the account's mail address to the interface, and with this name to git.
            (Forge::Bitbucket, Some(user)) if user.contains('@') => Some("x-bitbucket-api-token-auth".to_owned()),
            (_, user) => user.clone(),
        };
        Ok(Remote::new(&self.whose, url.as_str(), user, self.token.clone())?.named(name.to_owned()))
    }

    fn is_excluded(&self, full: &str) -> bool {
        let below = full.get(self.name.len()..).and_then(|rest| rest.strip_prefix('/')).unwrap_or(full);
        self.exclude.iter().any(|name| name.eq_ignore_ascii_case(full) || name.eq_ignore_ascii_case(below))
    }

    fn unasked(&self, source: crate::egress::EgressError) -> FetchError {
        FetchError::Egress { whose: self.whose.clone(), source }
    }

    fn partial(&self, at: &Addresses, why: impl Into<String>) -> FetchError {
        FetchError::List { whose: self.whose.clone(), host: host(at), why: why.into() }
    }
}

/// What of a page is read.
#[derive(Deserialize)]
struct Page {
    values: Vec<Entry>,
    next: Option<String>,
}

/// A repository, as the forges write it.
#[derive(Deserialize)]
struct Entry {
    full_name: Option<String>,
    path_with_namespace: Option<String>,
    clone_url: Option<String>,
    http_url_to_repo: Option<String>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    clone: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    name: Option<String>,
    href: Option<String>,
}

impl Entry {
    /// Bitbucket's address for git, of several.
    fn over_https(&self) -> Option<&String> {
        let mut links = self.links.as_ref()?.clone.iter();
        links.find(|link| matches!(link.name.as_deref(), Some("https" | "http")))?.href.as_ref()
    }
}

fn host(at: &Addresses) -> String {
    at.api.host_str().unwrap_or_default().to_owned()
}

/// The same page by number, one further.
fn following(url: &Url) -> Url {
    let page = url.query_pairs().find(|(key, _)| key == "page").and_then(|(_, page)| page.parse::<usize>().ok());
    let others: Vec<(String, String)> =
        url.query_pairs().filter(|(key, _)| key != "page").map(|(key, value)| (key.into(), value.into())).collect();
    let mut next = url.clone();
    let number = page.unwrap_or(1).saturating_add(1).to_string();
    next.query_pairs_mut().clear().extend_pairs(others).append_pair("page", &number);
    next
}

/// The target of the link that is called `next` (RFC 8288).
fn next_of(links: &str) -> Option<String> {
    // Addresses stand in angle brackets, so that commas in them part nothing.
    links.split('<').skip(1).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split([';', ',']).filter_map(|one| one.trim().split_once('=')).any(|(key, value)| {
            let mut relations = value.trim().trim_matches('"').split(' ');
            key.trim().eq_ignore_ascii_case("rel") && relations.any(|one| one.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| target.trim().to_owned())
    })
}

#[cfg(test)]
mod tests;
