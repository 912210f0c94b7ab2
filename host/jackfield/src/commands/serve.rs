//! `serve`: the host, until Ctrl-C or SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, Mode};
use crate::host::{Host, private_folder};
use crate::wire::Live;

/// A host that serves; stop it with [`Running::stop`].
pub(crate) struct Running {
    pub(crate) host: Host,
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    pipeline: tokio::task::JoinHandle<()>,
    api: tokio::task::JoinHandle<std::io::Result<()>>,
    _lock: Lock,
}

/// Opens everything, takes the boot epoch, listens.
pub(crate) async fn start(config: &Config) -> Result<Running> {
    let lock = Lock::take(config)?;
    let host = Host::open(config).await?;
    host.store.begin_serving().await.context("the boot epoch")?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("listening on {}", config.listen))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let serving = Arc::new(AtomicBool::new(true));
    let router = api::router(api::Api {
        store: host.store.clone(),
        vault: host.vault.clone(),
        catalog: host.catalog.clone(),
        live: Arc::new(Live(host.pipeline.clone())),
        clock: host.clock.clone(),
        ids: host.ids.clone(),
        serving: serving.clone(),
        limits: api::Limits::default(),
    });
    let pipeline = tokio::spawn(host.pipeline.clone().run(stopped.clone()));
    let mut until = stopped;
    let api = tokio::spawn(api::serve(listener, router, async move {
        // The sender's end means stop as well.
        while !*until.borrow() {
            if until.changed().await.is_err() {
                break;
            }
        }
        serving.store(false, Ordering::SeqCst);
    }));
    Ok(Running { host, url: format!("http://{address}"), address, stop, pipeline, api, _lock: lock })
}

impl Running {
    /// Waits until the API or the pipeline ends, which neither does unless it is told to or breaks.
    async fn broke(&mut self) -> &'static str {
        loop {
            if self.pipeline.is_finished() {
                return "the pipeline";
            }
            if self.api.is_finished() {
                return "the API";
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    }

    /// Stops taking requests, finishes what is in flight, closes the store.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        self.api.await.context("the API's task")?.context("the API")?;
        self.pipeline.await.context("the pipeline's task")?;
        self.host.store.close().await?;
        Ok(())
    }
}

/// `jackfield serve`.
pub(crate) async fn run(config: &Config) -> Result<()> {
    if config.mode == Mode::Development {
        tracing::warn!(
            "development mode: overrides and plain http to loopback are possible; never run it for users"
        );
    }
    for (from, to) in &config.egress.overrides {
        tracing::warn!("OVERRIDE: requests to {from} go to {to}");
    }
    let running = start(config).await?;
    for (key, connector) in config.named_connectors() {
        if running.host.store.connector(connector).await?.is_none() {
            tracing::warn!("[{key}] names the connector `{connector}`, which is not installed");
        }
    }
    say!("jackfield listens on {}", running.url);
    tracing::info!(
        url = %running.url,
        public_url = config.public_url.as_ref().map(tracing::field::display),
        database = %config.database.display(),
        config = config.file.as_ref().map(|f| tracing::field::display(f.display())),
        "serving"
    );
    let mut running = running;
    tokio::select! {
        () = signal() => tracing::info!("stopping"),
        // Acknowledging what nobody will perform would be worse than not answering.
        why = running.broke() => tracing::error!("a part of the host ended by itself ({why}); stopping"),
    }
    tokio::select! {
        end = running.stop() => end,
        () = signal() => anyhow::bail!("stopped at once by a second signal; the next start goes on with what was in flight"),
    }
}

/// Ctrl-C or SIGTERM.
pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

/// One `serve` per file: a lock file says whose. The lock is the kernel's, so a killed host leaves none behind.
struct Lock(#[expect(dead_code, reason = "held for its lock")] std::fs::File);

impl Lock {
    fn take(config: &Config) -> Result<Self> {
        use std::io::{Read as _, Seek as _, Write as _};
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut path = config.database.clone().into_os_string();
        path.push(".serve");
        let path = std::path::PathBuf::from(path);
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .mode(0o600)
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("the lock file {}", path.display()))?;
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            anyhow::bail!(
                "{} is served by process {} already; stop it, or use another database",
                config.database.display(),
                holder.trim()
            );
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(Self(file))
    }
}
