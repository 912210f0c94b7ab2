//! **resolve**: one look-up; a name with any forbidden address is refused as a whole.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Host;

use crate::column::Call;
use crate::egress::Origin;
use crate::{Egress, Refusal, forbidden};

/// A name with more addresses than this is not dialled.
const MOST_ADDRESSES: usize = 64;
/// How many of them are tried.
const MOST_TRIED: usize = 4;

/// Where addresses come from.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `host` (a name, never a literal), in the order to try them.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolve;

#[async_trait]
impl Resolve for SystemResolve {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 443)).await?.map(|a| a.ip()).collect())
    }
}

/// What may be dialled, and nothing else, for this one request.
pub(crate) struct Route {
    /// In the order to try them.
    pub addresses: Vec<SocketAddr>,
    /// Whose certificate must be shown; none = plain http, which only an override can say.
    pub tls: Option<ServerName<'static>>,
}

/// Looks the host up and vets every address. An override's target is exempt, and nothing else is.
pub(crate) async fn vet(egress: &Egress, call: &Call) -> Result<Route, Refusal> {
    if let Some(error) = &egress.broken {
        return Err(Refusal::denied(format!("the host's configuration is wrong, ask its operator: {error}")));
    }
    match egress.overrides.get(&call.target.origin()) {
        Some(target) => overridden(egress, target).await,
        None => looked_up(egress, call.target.host(), call.shown_host()).await,
    }
}

async fn overridden(egress: &Egress, target: &Origin) -> Result<Route, Refusal> {
    let ips = match &target.host {
        Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
        Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
        Host::Domain(name) => {
            egress.options.resolver.resolve(name).await.map_err(|e| unresolved("the override's host", &e))?
        }
    };
    let tls =
        target.tls.then(|| ServerName::try_from(target.host.to_string().trim_matches(['[', ']']).to_owned()));
    let tls =
        tls.transpose().map_err(|_| Refusal::NotSent("the override's host cannot be named in TLS".into()))?;
    route(ips, target.port, tls, "the override's host")
}

async fn looked_up(egress: &Egress, host: &str, shown: &str) -> Result<Route, Refusal> {
    let allow = &egress.options.allow;
    let local = is_local(host);
    if local && allow.is_empty() {
        return Err(not_dialled(shown, "is a local name"));
    }
    let ips = egress.options.resolver.resolve(host).await.map_err(|e| unresolved(shown, &e))?;
    if ips.len() > MOST_ADDRESSES {
        return Err(not_dialled(shown, "has more than 64 addresses"));
    }
    for ip in &ips {
        let why = forbidden(*ip).or(local.then_some("a local name's"));
        if let Some(why) = why
            && !allow.iter().any(|net| net.contains(ip))
        {
            // The address itself is for the operator: the guest could map a network with it.
            tracing::warn!(host = shown, address = %ip, why, "a name has a forbidden address");
            return Err(not_dialled(shown, &format!("has a forbidden address ({why})")));
        }
    }
    let tls =
        ServerName::try_from(host.to_owned()).map_err(|_| not_dialled(shown, "cannot be named in TLS"))?;
    route(ips, 443, Some(tls), shown)
}

fn route(
    ips: Vec<IpAddr>,
    port: u16,
    tls: Option<ServerName<'static>>,
    shown: &str,
) -> Result<Route, Refusal> {
    if ips.is_empty() {
        return Err(Refusal::NotSent(format!("{shown} has no address")));
    }
    let addresses = ips.into_iter().take(MOST_TRIED).map(|ip| SocketAddr::new(ip, port)).collect();
    Ok(Route { addresses, tls })
}

/// Names that mean this machine or this network (RFC 6761, RFC 6762, ICANN's `.internal`), or that a search domain would
/// complete.
fn is_local(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    !host.contains('.')
        || matches!(last, "localhost" | "local" | "internal" | "localdomain")
        || host.ends_with(".home.arpa")
}

fn not_dialled(shown: &str, why: &str) -> Refusal {
    Refusal::denied(format!(
        "{shown} {why} and is not dialled; the operator can exempt a network with `[egress] allow`"
    ))
}

fn unresolved(shown: &str, error: &io::Error) -> Refusal {
    Refusal::NotSent(format!("{shown} could not be looked up: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_and_network_are_local() {
        for name in [
            "localhost",
            "a.localhost",
            "printer.local",
            "metadata.google.internal",
            "intranet",
            "nas.home.arpa",
        ] {
            assert!(is_local(name), "{name}");
        }
        for name in ["local.example.com", "api.example.com", "internal.example", "notlocalhost.com"] {
            assert!(!is_local(name), "{name}");
        }
    }
}
