//! Where a request may go.

use super::EgressError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// An address that the configuration names: the only kind that may be plain `http` or lie in a private network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(&self.url)
    }
}

/// Checks an address from the configuration: of a self-hosted provider, or of a server that an SDK's client is built for.
/// It is `https`, or `http` because the configuration says so, to the letter.
///
/// # Errors
/// When it is not a URL, has another scheme, or carries a user, a query or a fragment.
pub fn endpoint(text: &str) -> Result<Endpoint, EgressError> {
    let url = Url::parse(text).map_err(|_| EgressError::Url { why: "write it as https://host[:port][/path]" })?;
    checked(&url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(EgressError::Url { why: "a base address has no query and no fragment" });
    }
    Ok(Endpoint { url })
}

fn checked(url: &Url) -> Result<(), EgressError> {
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(EgressError::Url { why: "it begins with https:// and a host" });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::Url { why: "a user and a password do not stand in a url; use a header" });
    }
    Ok(())
}

/// The hosts that one request may go to.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// How a permitted request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Over TLS, to public addresses only.
    Public,
    /// As the configuration names it.
    Named,
}

impl Allowed {
    /// These hosts, by `https` on its usual port, at public addresses.
    #[must_use]
    pub fn hosts(hosts: &[String]) -> Self {
        Self { hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(), origins: Vec::new() }
    }

    /// And the origin of this address, whatever its scheme, port and network.
    #[must_use]
    pub fn and(mut self, endpoint: &Endpoint) -> Self {
        self.origins.push(endpoint.origin());
        self
    }

    pub(super) fn way(&self, url: &Url) -> Result<Way, EgressError> {
        checked(url)?;
        let origin = origin(url);
        if self.origins.contains(&origin) {
            return Ok(Way::Named);
        }
        let known = match url.host() {
            Some(Host::Domain(host)) => self.hosts.iter().any(|known| known == host),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
        };
        if known && url.scheme() == "https" && url.port().is_none() {
            Ok(Way::Public)
        } else {
            Err(EgressError::Foreign { origin })
        }
    }
}

pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// True for an address that the open internet cannot route to.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped().or_else(|| embedded(v6)) {
            Some(v4) => is_private_v4(v4),
            None => {
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.is_unique_local()
                    || v6.is_unicast_link_local()
                    || matches!(v6.segments(), [0x2001, 0xdb8, ..] | [0xfec0..=0xfeff, ..])
            }
        },
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || v4.is_documentation()
        || matches!(v4.octets(), [0, ..] | [240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..])
}

/// The IPv4 address inside 6to4 and NAT64 addresses.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(pair(high, low)),
        _ => None,
    }
}
