//! Talking with one registry: tokens, redirects, and asking again.
//!
//! A login goes to the registry that it is for and to the issuer of tokens that this registry names, and there only where
//! that one belongs to the same domain. Where a registry says that a blob lies elsewhere, nothing goes along.

use super::login::Login;
use super::{Reference, RegistryError};
use crate::egress::{Allowed, Egress, EgressError, Limits, Opened, Request, endpoint};
use crate::model::Secret;
use serde::Deserialize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::{Host, Url};
use zeroize::Zeroizing;

/// A blob of some gigabytes takes its time; that nothing comes for a while is another matter.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(10), total: Duration::from_secs(2 * 60 * 60), reply_bytes: 1 << 20 };

/// How often one thing is asked for.
const ATTEMPTS: u32 = 4;

/// The wait before something is asked for again, the first time.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest wait for a registry that asks for one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often one is sent on.
const MOST_HOPS: usize = 5;

/// One registry, and what we are known by there.
#[derive(Debug)]
pub(super) struct Session {
    egress: Egress,
    reference: Reference,
    base: Url,
    login: Option<Login>,
    /// The value of the header `Authorization`.
    authorization: Mutex<Option<Arc<Secret>>>,
}

/// How a registry wants to be asked.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

#[derive(Deserialize)]
struct Issued {
    token: Option<String>,
    access_token: Option<String>,
}

impl Session {
    /// Finds out how the registry is spoken to.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(super) async fn open(reference: &Reference, login: Option<Login>) -> Result<Self, RegistryError> {
        let egress = Egress::new(LIMITS).map_err(RegistryError::Egress)?;
        let address = |scheme: &str| {
            let why = "the registry is no host[:port]";
            let wrong = |_| RegistryError::Reference { text: reference.to_string(), why };
            Url::parse(&format!("{scheme}://{}/v2/", reference.authority())).map_err(wrong)
        };
        let session = |base| Self {
            egress: egress.clone(),
            reference: reference.clone(),
            base,
            login: None,
            authorization: Mutex::default(),
        };
        let mut found = session(address("https")?);
        if reference.is_loopback() {
            // What listens on this machine mostly does so without TLS; one that does not says so.
            let plain = session(address("http")?);
            let answer = plain.egress.open(&plain.allowed(&plain.base), Request::get(plain.base.as_str())).await;
            if answer.is_ok_and(|answer| matches!(answer.status, 200 | 401 | 403 | 404 | 429 | 503)) {
                found = plain;
            }
        }
        Ok(Self { login, ..found })
    }

    /// Asks for something in the repository, until there is an answer that means anything.
    ///
    /// # Errors
    /// When it is refused, not there, or cannot be had.
    pub(super) async fn ask(&self, what: &str, below: &str, accept: &'static str) -> Result<Opened, RegistryError> {
        let mut url = self.base.clone();
        let path = format!("/v2/{}/{below}", self.reference.path());
        url.set_path(&path);
        let (mut renewed, mut attempt) = (false, 0);
        loop {
            attempt += 1;
            let last = attempt >= ATTEMPTS;
            let opened = match self.follow(&url, accept).await {
                Ok(opened) => opened,
                Err(RegistryError::Egress(EgressError::Connect { .. } | EgressError::Lost { .. })) if !last => {
                    tokio::time::sleep(PAUSE * (1 << attempt)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let host = self.reference.registry().to_owned();
            let what = what.to_owned();
            match opened.status {
                200 => return Ok(opened),
                401 if !renewed => {
                    renewed = true;
                    attempt -= 1;
                    self.renew(&opened.challenges).await?;
                }
                401 | 403 => return Err(RegistryError::Refused { host, what, known: self.login.is_some() }),
                404 => return Err(RegistryError::Missing { host, what }),
                429 | 500..=599 if !last => {
                    let pause = opened.retry_after.unwrap_or(PAUSE * (1 << attempt));
                    if pause > LONGEST_PAUSE {
                        return Err(RegistryError::Later { host, wait: pause });
                    }
                    tokio::time::sleep(pause).await;
                }
                429 => return Err(RegistryError::Later { host, wait: opened.retry_after.unwrap_or(LONGEST_PAUSE) }),
                status => {
                    return Err(RegistryError::Answer { host, what, why: format!("it answered with status {status}") });
                }
            }
        }
    }

    /// Asks once, and goes where it is sent. What we are known by goes to the registry's own origin alone.
    async fn follow(&self, url: &Url, accept: &'static str) -> Result<Opened, RegistryError> {
        let mut url = url.clone();
        for _ in 0..MOST_HOPS {
            let mut request = Request::get(url.as_str());
            request.headers.push(("accept".to_owned(), Secret::new(accept.as_bytes().to_vec())));
            if url.origin() == self.base.origin()
                && let Some(authorization) = self.authorization.lock().ok().and_then(|held| held.clone())
            {
                request.headers.push(("authorization".to_owned(), authorization.duplicate()));
            }
            let opened = self.egress.open(&self.allowed(&url), request).await.map_err(RegistryError::Egress)?;
            let Some(location) = opened.location.as_deref().filter(|_| matches!(opened.status, 301..=303 | 307 | 308))
            else {
                return Ok(opened);
            };
            url = url.join(location).map_err(|_| self.astray("it sends us on without an address"))?;
        }
        Err(self.astray("it sends us on and on"))
    }

    /// Where a request may go: to the registry, because a person named it, and to hosts of its domain; to any other by
    /// https, at a public address.
    fn allowed(&self, url: &Url) -> Allowed {
        let named = endpoint(&url.origin().ascii_serialization()).ok();
        match named.filter(|_| url.origin() == self.base.origin() || (url.scheme() == "https" && self.is_kin(url))) {
            Some(named) => Allowed::default().and(&named),
            None => Allowed::hosts(&url.host_str().map(str::to_owned).into_iter().collect::<Vec<_>>()),
        }
    }

    /// Whether a host belongs to the registry: the same one, or a name in the same domain.
    fn is_kin(&self, url: &Url) -> bool {
        match (url.host(), self.base.host()) {
            (Some(Host::Domain(one)), Some(Host::Domain(other))) => {
                one == other || domain(one).is_some_and(|one| Some(one) == domain(other))
            }
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }

    /// Gets what the registry wants to be shown.
    async fn renew(&self, challenges: &[String]) -> Result<(), RegistryError> {
        let read: Vec<Challenge> = challenges.iter().filter_map(|text| Challenge::read(text)).collect();
        let bearer = read.iter().find(|challenge| **challenge != Challenge::Basic);
        let value = match (bearer, &self.login) {
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                self.token(realm, service.as_deref(), scope.as_deref()).await?
            }
            (_, Some(Login::Pair(pair))) if read.contains(&Challenge::Basic) => basic(pair),
            _ => return Ok(()), // the next answer says that it is refused
        };
        if let Ok(mut held) = self.authorization.lock() {
            *held = Some(Arc::new(value));
        }
        Ok(())
    }

    async fn token(&self, realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Secret, RegistryError> {
        let mut url = Url::parse(realm).map_err(|_| self.astray("the issuer of its tokens has no usable address"))?;
        let is_plain_here = url.origin() == self.base.origin() || (self.base.scheme() == "http" && self.is_kin(&url));
        let allowed = match endpoint(&url.origin().ascii_serialization()) {
            Ok(named) if is_plain_here => Allowed::default().and(&named),
            _ => self.allowed(&url),
        };
        let scope = scope.map_or_else(|| format!("repository:{}:pull", self.reference.path()), str::to_owned);
        // Only an issuer of the registry's own domain is told who we are.
        let login = self.login.as_ref().filter(|_| self.is_kin(&url));
        let mut request = match login {
            Some(Login::Identity(token)) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("client_id", "stanch")
                    .append_pair("scope", &scope);
                form.extend_pairs(service.map(|service| ("service", service)));
                #[expect(clippy::disallowed_methods, reason = "the form is sealed in the same type")]
                let token = Zeroizing::new(String::from_utf8_lossy(token.expose()).into_owned());
                form.append_pair("refresh_token", &token);
                let mut request = Request::get(url.as_str());
                request.method = "POST";
                request.headers.push(header("content-type", "application/x-www-form-urlencoded"));
                request.body = Some(Secret::new(form.finish().into_bytes()));
                request
            }
            _ => {
                url.query_pairs_mut()
                    .extend_pairs(service.map(|service| ("service", service)))
                    .append_pair("scope", &scope);
                Request::get(url.as_str())
            }
        };
        if let Some(Login::Pair(pair)) = login {
            request.headers.push(("authorization".to_owned(), basic(pair)));
        }
        let reply = self.egress.send(&allowed, request).await.map_err(RegistryError::Egress)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        match reply.status {
            200 => {}
            401 | 403 => {
                let what = format!("a token for {}", self.reference.path());
                return Err(RegistryError::Refused { host, what, known: login.is_some() });
            }
            429 => return Err(RegistryError::Later { host, wait: reply.retry_after.unwrap_or(LONGEST_PAUSE) }),
            status => {
                let why = format!("it answered with status {status}");
                return Err(RegistryError::Answer { host, what: "a token".to_owned(), why });
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the token in it is sealed in the same type")]
        let issued: Option<Issued> = serde_json::from_slice(reply.body.expose()).ok();
        let token = issued.and_then(|issued| issued.token.or(issued.access_token)).map(Zeroizing::new);
        let token = token.ok_or_else(|| self.astray("the issuer of its tokens gave none"))?;
        Ok(Secret::new([b"Bearer ", token.as_bytes()].concat()))
    }

    fn astray(&self, why: &str) -> RegistryError {
        let (host, what) = (self.reference.registry().to_owned(), self.reference.path().to_owned());
        RegistryError::Answer { host, what, why: why.to_owned() }
    }
}

fn header(name: &str, value: &str) -> (String, Secret) {
    (name.to_owned(), Secret::new(value.as_bytes().to_vec()))
}

fn basic(pair: &Secret) -> Secret {
    #[expect(clippy::disallowed_methods, reason = "the header is sealed in the same type")]
    let pair = pair.expose();
    Secret::new([b"Basic ", pair].concat())
}

/// The last two parts of a name, or three where the last two are short, as in `example.co.uk`.
fn domain(host: &str) -> Option<String> {
    let parts: Vec<&str> = host.trim_end_matches('.').rsplit('.').collect();
    let wanted = match parts.as_slice() {
        [top, second, _, ..] if top.len() == 2 && second.len() <= 3 => 3,
        [_, _, ..] => 2,
        _ => return None,
    };
    Some(parts.get(..wanted)?.join("."))
}

impl Challenge {
    /// `Bearer realm="…",service="…",scope="…"`.
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        let mut rest = rest.trim();
        while let Some((key, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            match key.trim().to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                "scope" => scope = Some(value.to_owned()),
                _ => {}
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_commas_in_it() {
        let text =
            r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a:pull,push", error=x"#;
        let Some(Challenge::Bearer { realm, service, scope }) = Challenge::read(text) else { panic!() };
        assert_eq!((realm.as_str(), service.as_deref()), ("https://auth.example/token", Some("r.example")));
        assert_eq!(scope.as_deref(), Some("repository:a:pull,push"));
        assert_eq!(Challenge::read("basic realm=x"), Some(Challenge::Basic));
        for wrong in ["Bearer", "Bearer service=\"x\"", "Bearer realm=\"cut", "Negotiate", ""] {
            assert_eq!(Challenge::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hosts_of_one_domain_belong_together() {
        assert_eq!(domain("registry-1.docker.io"), domain("auth.docker.io"));
        assert_eq!(domain("registry.shop.co.uk"), domain("git.shop.co.uk"));
        assert_ne!(domain("registry.shop.co.uk"), domain("other.co.uk"));
        assert_ne!(domain("r.example.com"), domain("r.example.org"));
        assert_eq!(domain("localhost"), None);
    }
}
