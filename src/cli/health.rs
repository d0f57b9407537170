//! `stanch health`: asks the daemon's health listener, so that an image needs no other program for it.

use super::exit::Code;
use super::failure::Failure;
use super::screen::Screen;
use super::{acts, signals};
use crate::config::operator::Operator;
use crate::egress::{Allowed, Egress, Limits, Request, endpoint};
use crate::wiring::mending::{MendingError, configuration};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command on a runtime of its own.
pub(super) fn run(given: &acts::Health) -> Result<Code, Failure> {
    signals::runtime()?.block_on(ask(given))
}

async fn ask(given: &acts::Health) -> Result<Code, Failure> {
    let address = reachable(match given.address {
        Some(address) => address,
        None => configured(given)?,
    });
    let outside = |error: &dyn std::error::Error| Failure::because(Code::Outside, "the daemon does not answer", error);
    let path = if given.ready { "readyz" } else { "livez" };
    let at = endpoint(&format!("http://{address}/{path}")).map_err(|error| outside(&error))?;
    let limits = Limits { connect: PATIENCE, total: PATIENCE, reply_bytes: 64 << 10 };
    let egress = Egress::new(limits).map_err(|error| outside(&error))?;
    let reply = egress.send(&Allowed::default().and(&at), Request::get(at.as_str())).await;
    let reply = reply.map_err(|error| outside(&error).hint("is it running? stanch daemon starts it"))?;
    #[expect(clippy::disallowed_methods, reason = "the daemon's word about itself is public")]
    let said = String::from_utf8_lossy(reply.body.expose()).into_owned();
    if reply.status == 200 {
        Screen::new(false).text(&format!("{}\n", said.trim_end()));
        return Ok(Code::Clean);
    }
    let what = if given.ready { "not ready" } else { "not well" };
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(2000).collect();
    Err(Failure::new(Code::Outside, format!("the daemon is {what} (status {}): {}", reply.status, said.trim())))
}

fn configured(given: &acts::Health) -> Result<SocketAddr, Failure> {
    let path = configuration(given.config.config.as_deref())?;
    let operator = Operator::load(&path).map_err(MendingError::from)?;
    operator.daemon.health.ok_or_else(|| {
        Failure::new(Code::Usage, format!("{} does not say where health is served", path.display()))
            .hint("write daemon: { health: 127.0.0.1:9180 }, or give --address")
    })
}

/// Who listens everywhere is asked here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let here = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(here, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listens, asked) in [("0.0.0.0:9", "127.0.0.1:9"), ("[::]:9", "[::1]:9"), ("10.0.0.7:9", "10.0.0.7:9")] {
            assert_eq!(reachable(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
