//! The HTTP client.

use super::policy::{Way, is_private, origin};
use super::{Allowed, EgressError, Limits, Request, Response};
use crate::model::Secret;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::net::SocketAddr;
use std::time::Duration;
use url::Url;
use zeroize::Zeroize;

/// The longest wait that a reply may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The way out.
#[derive(Clone, Debug)]
pub struct Egress {
    public: reqwest::Client,
    named: reqwest::Client,
    limits: Limits,
}

impl Egress {
    /// Makes the way out.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(limits: Limits) -> Result<Self, EgressError> {
        let public = builder(&limits).https_only(true).dns_resolver(PublicOnly);
        let public = public.build().map_err(|source| EgressError::Client { source })?;
        let named = builder(&limits).build().map_err(|source| EgressError::Client { source })?;
        Ok(Self { public, named, limits })
    }

    /// Sends one request, once, and returns the whole reply.
    ///
    /// # Errors
    /// When the request may not go there, or no whole reply came; [`EgressError::happened`] tells whether it can have
    /// had its effect.
    pub async fn send(&self, allowed: &Allowed, request: Request) -> Result<Response, EgressError> {
        let Begun { origin, reply } = self.begin(allowed, request).await?;
        let status = reply.status().as_u16();
        let retry_after = wait(reply.headers()).or_else(|| until_reset(status, reply.headers()));
        let link = text_of(reply.headers(), "link");
        Ok(Response { status, retry_after, link, body: self.body(&origin, reply).await? })
    }

    /// Sends one request, once, and returns what comes before the body, which is then taken piece by piece. The limit of
    /// bytes does not hold for it: whoever takes the pieces counts them.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub async fn open(&self, allowed: &Allowed, request: Request) -> Result<Opened, EgressError> {
        let Begun { origin, reply } = self.begin(allowed, request).await?;
        let headers = reply.headers();
        let status = reply.status().as_u16();
        Ok(Opened {
            status,
            retry_after: wait(headers).or_else(|| until_reset(status, headers)),
            location: text_of(headers, "location"),
            challenges: headers
                .get_all("www-authenticate")
                .iter()
                .filter_map(|one| one.to_str().ok().map(str::to_owned))
                .collect(),
            begun: Begun { origin, reply },
        })
    }

    async fn begin(&self, allowed: &Allowed, request: Request) -> Result<Begun, EgressError> {
        #[expect(clippy::disallowed_methods, reason = "the request leaves here")]
        let url = std::str::from_utf8(request.url.expose()).ok().and_then(|text| Url::parse(text).ok());
        let url = url.ok_or(EgressError::Url { why: "what was rendered is not a url" })?;
        let origin = origin(&url);
        let client = match allowed.way(&url)? {
            Way::Public => &self.public,
            Way::Named => &self.named,
        };
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| EgressError::Url { why: "the method is not an http method" })?;
        let mut sent = client.request(method, url).headers(headers(&request.headers)?);
        if let Some(body) = &request.body {
            #[expect(clippy::disallowed_methods, reason = "the request leaves here")]
            let bytes = body.expose().to_vec();
            sent = sent.body(bytes);
        }
        let reply = sent.send().await.map_err(|source| failed(&origin, source))?;
        Ok(Begun { origin, reply })
    }

    /// Reads the body up to the limit, leaving no half-grown copy behind in memory.
    async fn body(&self, origin: &str, mut reply: reqwest::Response) -> Result<Secret, EgressError> {
        let limit = self.limits.reply_bytes;
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(chunk) = reply
            .chunk()
            .await
            .map_err(|source| EgressError::Lost { origin: origin.to_owned(), source: source.without_url() })?
        {
            let needed = bytes.len().saturating_add(chunk.len());
            if needed > limit {
                bytes.zeroize();
                return Err(EgressError::TooLong { origin: origin.to_owned(), limit });
            }
            if needed > bytes.capacity() {
                let mut grown = Vec::with_capacity(needed.saturating_mul(2).min(limit));
                grown.extend_from_slice(&bytes);
                bytes.zeroize();
                bytes = grown;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Secret::new(bytes))
    }
}

/// A reply whose body was not read yet.
#[derive(Debug)]
struct Begun {
    origin: String,
    reply: reqwest::Response,
}

/// A reply whose body is taken piece by piece.
#[derive(Debug)]
pub struct Opened {
    /// The HTTP status.
    pub status: u16,
    /// How long it asks to wait, at most an hour.
    pub retry_after: Option<Duration>,
    /// Where it says that the thing lies: the `Location` header, as it came. Nobody goes there by itself.
    pub location: Option<String>,
    /// How it wants to be asked: the `WWW-Authenticate` headers, as they came.
    pub challenges: Vec<String>,
    begun: Begun,
}

impl Opened {
    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, EgressError> {
        let Begun { origin, reply } = &mut self.begun;
        let lost = |source: reqwest::Error| EgressError::Lost { origin: origin.clone(), source: source.without_url() };
        Ok(reply.chunk().await.map_err(lost)?.map(|piece| piece.to_vec()))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the way out")]
fn builder(limits: &Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("stanch/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn headers(typed: &[(String, Secret)]) -> Result<HeaderMap, EgressError> {
    let mut headers = HeaderMap::with_capacity(typed.len());
    for (name, value) in typed {
        let refused = || EgressError::Header { name: name.clone() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        #[expect(clippy::disallowed_methods, reason = "the request leaves here")]
        let mut value = HeaderValue::from_bytes(value.expose()).map_err(|_| refused())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// What a failure to send means. The error's text never holds the URL: a path may hold a secret.
fn failed(origin: &str, source: reqwest::Error) -> EgressError {
    let origin = origin.to_owned();
    let private = std::iter::successors(std::error::Error::source(&source), |error| error.source())
        .any(|error| error.is::<PrivateAddress>());
    let unsent = source.is_connect() || source.is_builder();
    let source = source.without_url();
    if private {
        EgressError::Private { origin }
    } else if unsent {
        EgressError::Connect { origin, source }
    } else {
        EgressError::Lost { origin, source }
    }
}

/// `Retry-After`, in seconds or as a date beside the reply's own date.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text("retry-after")?;
    let wait = match asked.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let moment = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp());
            let span = moment(asked)?.duration_since(moment(text("date")?)?);
            Duration::try_from(span).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The wait of a forge that says when its limit ends, in seconds of its own clock, and not how long that is.
fn until_reset(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let spent = text("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0");
    if !spent || !matches!(status, 403 | 429) {
        return None;
    }
    let reset = text("x-ratelimit-reset")?.trim().parse::<i64>().ok()?;
    let now = jiff::fmt::rfc2822::parse(text("date")?).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(reset.saturating_sub(now)).unwrap_or(0)).min(LONGEST_WAIT))
}

/// Resolves names to public addresses only, at the moment of connecting, so that a name cannot lead inside later.
#[derive(Debug)]
struct PublicOnly;

/// A name led to a private address.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a private address")]
struct PrivateAddress;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| is_private(address.ip())) {
                return Err(PrivateAddress.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}
