//! Who used a token, as far as it can be told from where: a dependent, perhaps one that was forgotten, or a thief.

use super::{Dependency, Managed};
use crate::model::{Timestamp, Usage, Use};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What there is to say of uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The dependents whose declared sources explain a use, and the private addresses that none declares: of somebody who
    /// works here, and was forgotten.
    pub explained: Vec<String>,
    /// From where it was used by nobody who is known.
    pub foreign: Vec<String>,
}

impl Managed {
    /// Judges uses since then. One without any origin says nothing; nor does one that may have been before, but for the
    /// dependents that are named. An address is foreign only where every dependent says from where it works.
    #[must_use]
    pub fn sight(&self, usage: &Usage, since: Timestamp) -> Sight {
        let Usage::Seen(uses) = usage else { return Sight::default() };
        let known = |dependency: &&Dependency, seen: &Use| {
            dependency.sources.iter().any(|source| source_explains(source, &seen.origin))
        };
        let named = |dependency: &&Dependency| uses.iter().any(|seen| known(dependency, seen));
        let declared = !self.dependents.is_empty() && self.dependents.iter().all(|one| !one.sources.is_empty());
        let (mut private, mut foreign) = (BTreeSet::new(), BTreeSet::new());
        for seen in uses.iter().filter(|seen| seen.at.is_some_and(|at| at >= since)) {
            if seen.origin.is_empty() || self.dependents.iter().any(|one| known(&one, seen)) {
                continue;
            }
            match words(&seen.origin).find_map(address_of) {
                Some(address) if is_private(address) => drop(private.insert(format!("{address}, a private address"))),
                _ if declared => drop(foreign.insert(seen.origin.clone())),
                _ => {}
            }
        }
        let named = self.dependents.iter().filter(named).map(|dependency| dependency.dependent.name().to_owned());
        Sight { explained: named.chain(private).collect(), foreign: foreign.into_iter().collect() }
    }
}

fn words(origin: &str) -> impl Iterator<Item = &str> {
    origin.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')')).filter(|word| !word.is_empty())
}

/// A source is an address, a range (`10.2.0.0/16`), or a name that stands in the origin as a word of its own.
fn source_explains(source: &str, origin: &str) -> bool {
    let mut words = words(origin);
    match range(source) {
        Some((net, bits)) => words.any(|word| address_of(word).is_some_and(|address| within(address, net, bits))),
        None => words.any(|word| word == source),
    }
}

/// With its port or without.
fn address_of(word: &str) -> Option<IpAddr> {
    word.parse().ok().or_else(|| Some(word.parse::<SocketAddr>().ok()?.ip()))
}

fn range(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    match bits {
        None => Some((address, all)),
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= all).map(|bits| (address, bits)),
    }
}

fn within(address: IpAddr, net: IpAddr, bits: u32) -> bool {
    let address = if net.is_ipv4() { address.to_canonical() } else { address };
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u32::from(a) ^ u32::from(n)).checked_shr(32 - bits).unwrap_or(0) == 0,
        (IpAddr::V6(a), IpAddr::V6(n)) => (u128::from(a) ^ u128::from(n)).checked_shr(128 - bits).unwrap_or(0) == 0,
        _ => false,
    }
}

/// Private (RFC 1918, RFC 4193), shared within a provider's net (RFC 6598) or of one link. Not loopback: who is on the
/// provider's own machine says nothing of being ours.
fn is_private(address: IpAddr) -> bool {
    const SHARED: (Ipv4Addr, u32) = (Ipv4Addr::new(100, 64, 0, 0), 10);
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_link_local() || within(IpAddr::V4(v4), IpAddr::V4(SHARED.0), SHARED.1)
        }
        IpAddr::V6(v6) => in_v6(v6, 0xfc00, 7) || in_v6(v6, 0xfe80, 10),
    }
}

fn in_v6(address: Ipv6Addr, first: u16, bits: u32) -> bool {
    within(IpAddr::V6(address), IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0)), bits)
}

#[cfg(test)]
mod tests;
