//! `release`: lifts a quarantine, also beside a running `serve`, which sees it at its next look for work.

use anyhow::{Result, bail};
use serde_json::json;

use crate::config::Config;
use crate::host::open_store;

/// `jackfield release`.
pub(crate) async fn run(config: &Config, connector: &str, as_json: bool) -> Result<()> {
    let store = open_store(config).await?;
    let Some(released) = store.release_connector(connector).await? else {
        bail!(
            "the connector `{}` is not installed; `jackfield list` shows what is",
            model::cut(connector, 64)
        );
    };
    store.close().await?;
    if as_json {
        say!(
            "{}",
            json!({
                "connector": connector, "version": released.version, "wholeVersion": released.whole_version,
                "connections": released.connections, "backingOff": released.backing_off,
            })
        );
        return Ok(());
    }
    if released.is_nothing() {
        say!("{connector} {} is not in quarantine; there was nothing to lift", released.version);
        return Ok(());
    }
    say!("released {connector} {}", released.version);
    if released.whole_version {
        say!("  the version, for every connection");
    }
    for connection in &released.connections {
        say!("  the connection {connection}");
    }
    if released.backing_off > 0 {
        say!("  {} that waited after a halt", count(released.backing_off));
    }
    say!("operations that waited for the quarantine go on now");
    Ok(())
}

fn count(n: u64) -> String {
    if n == 1 { "1 connection".to_owned() } else { format!("{n} connections") }
}
