//! The process's one egress: what all lanes share.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use manifest::RateLimit;
use model::{Clock, Ids};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::limit::Budgets;
use crate::pool::Pools;
use crate::target::Target;
use crate::{Dial, Lane, LaneOptions, NoRecord, Record, Resolve, SystemDial, SystemResolve};

/// What egress is made from. Start with [`Options::new`].
#[derive(Clone)]
pub struct Options {
    /// Wall-clock time, for recordings and HTTP dates.
    pub clock: Arc<dyn Clock>,
    /// Ids of exchanges.
    pub ids: Arc<dyn Ids>,
    /// Networks that may be dialled although they are special (`[egress] allow`).
    pub allow: Vec<IpNet>,
    /// Development only: a logical origin (`https://api.hubapi.com`) → the origin to dial (`http://127.0.0.1:4010`).
    pub overrides: BTreeMap<String, String>,
    /// Development only: a connector's id → the one budget that replaces its manifest's.
    pub rates: BTreeMap<String, RateLimit>,
    /// Where addresses come from.
    pub resolver: Arc<dyn Resolve>,
    /// What opens sockets.
    pub dialler: Arc<dyn Dial>,
    /// Where exchanges go.
    pub record: Arc<dyn Record>,
    /// Root certificates to trust beside the public ones (the `webpki-roots` crate), as DER.
    pub roots: Vec<Vec<u8>>,
    /// How long one address may take to connect, TLS included. Default 5 s; the request's deadline holds over it.
    pub connect_timeout: Duration,
    /// How long an idle socket is kept. Default 30 s.
    pub idle_timeout: Duration,
    /// How many exchanges may be in flight in the process. Default 1,024.
    pub in_flight: usize,
}

impl Options {
    /// The system's resolver and sockets, no overrides, nothing private allowed, nothing recorded.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            clock,
            ids,
            allow: Vec::new(),
            overrides: BTreeMap::new(),
            rates: BTreeMap::new(),
            resolver: Arc::new(SystemResolve),
            dialler: Arc::new(SystemDial),
            record: Arc::new(NoRecord),
            roots: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            in_flight: 1_024,
        }
    }

    /// Whether the overrides and root certificates can be read. [`Egress::new`] takes options that fail this, and then
    /// denies every request with the reason.
    ///
    /// # Errors
    /// The first one that cannot be read.
    pub fn check(&self) -> Result<(), OptionsError> {
        overrides(&self.overrides)?;
        tls(&self.roots)?;
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("allow", &self.allow)
            .field("overrides", &self.overrides)
            .field("rates", &self.rates)
            .finish_non_exhaustive()
    }
}

/// An option that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// An override is not a pair of origins.
    #[error(
        "[egress.overrides] \"{from}\" = \"{to}\": {problem}; write \"https://api.example.com\" = \"http://127.0.0.1:4010\""
    )]
    Override {
        /// The left side.
        from: String,
        /// The right side.
        to: String,
        /// What is wrong.
        problem: String,
    },
    /// A root certificate is no DER certificate.
    #[error("the root certificate number {0} is not a DER certificate")]
    Root(usize),
}

/// The process's one egress: resolver, dialler, sockets, budgets, recorder. One per process.
pub struct Egress {
    pub(crate) options: Options,
    pub(crate) overrides: HashMap<String, Origin>,
    pub(crate) tls: TlsConnector,
    pub(crate) budgets: Budgets,
    pub(crate) pools: Arc<Pools>,
    pub(crate) slots: Semaphore,
    /// Options that could not be read: everything is denied.
    pub(crate) broken: Option<OptionsError>,
}

/// Where an override leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub tls: bool,
    pub host: Host<String>,
    pub port: u16,
}

impl Egress {
    /// Makes it. See [`Options::check`].
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        let broken = options.check().err();
        for (from, to) in &options.overrides {
            tracing::warn!(%from, %to, "requests to this origin go elsewhere: [egress.overrides]");
        }
        Arc::new(Self {
            overrides: overrides(&options.overrides).unwrap_or_default(),
            tls: tls(&options.roots).unwrap_or_else(|_| connector(RootCertStore::empty())),
            budgets: Budgets::default(),
            pools: Pools::new(options.idle_timeout),
            slots: Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            broken,
            options,
        })
    }

    /// A way out for one call.
    #[must_use]
    pub fn lane(self: &Arc<Self>, options: LaneOptions) -> Lane {
        Lane::new(Arc::clone(self), options)
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("options", &self.options).finish_non_exhaustive()
    }
}

fn overrides(pairs: &BTreeMap<String, String>) -> Result<HashMap<String, Origin>, OptionsError> {
    let read = |(from, to): (&String, &String)| {
        let fail = |problem: &str| OptionsError::Override {
            from: from.clone(),
            to: to.clone(),
            problem: problem.to_owned(),
        };
        let logical = Target::parse(from).map_err(fail)?;
        if logical.path_and_query() != "/" {
            return Err(fail("the left side is an origin, without a path"));
        }
        let url = Url::parse(to).map_err(|_| fail("the right side is no URL"))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(fail("the right side is an origin: scheme, host and port alone"));
        }
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(fail("the right side is http or https")),
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(fail("the right side has no host"));
        };
        Ok((logical.origin(), Origin { tls, host: host.to_owned(), port }))
    };
    pairs.iter().map(read).collect()
}

fn tls(roots: &[Vec<u8>]) -> Result<TlsConnector, OptionsError> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (at, der) in roots.iter().enumerate() {
        store.add(CertificateDer::from(der.clone())).map_err(|_| OptionsError::Root(at))?;
    }
    Ok(connector(store))
}

fn connector(roots: RootCertStore) -> TlsConnector {
    #[expect(clippy::expect_used, reason = "the ring provider speaks TLS 1.2 and 1.3, so this cannot fail")]
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the ring provider has the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session ticket of one connection's socket must not be shown on another's.
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}
