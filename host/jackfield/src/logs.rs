//! Logs through `tracing`, to standard error. `JACKFIELD_LOG` filters them; `DEBUG_CRM`, `DEBUG_CALENDAR` and
//! `DEBUG_WEBHOOK` set to `true` are short cuts.

use tracing_subscriber::EnvFilter;

/// Starts logging at `default`, unless `JACKFIELD_LOG` says otherwise.
pub(crate) fn start(default: &str) {
    let mut filter = match std::env::var("JACKFIELD_LOG") {
        Ok(text) => EnvFilter::try_new(&text).unwrap_or_else(|e| {
            tell!("warning: JACKFIELD_LOG is not understood ({e}); logging at `{default}`");
            EnvFilter::new(default)
        }),
        Err(_) => EnvFilter::new(default),
    };
    for (variable, targets) in [
        ("DEBUG_CRM", &["connector=debug", "pipeline=debug", "egress=debug"][..]),
        ("DEBUG_CALENDAR", &["connector=debug", "pipeline=debug", "egress=debug"]),
        ("DEBUG_WEBHOOK", &["connector=debug", "api=debug", "vault=debug"]),
    ] {
        if std::env::var(variable).is_ok_and(|v| v == "true") {
            for directive in targets.iter().filter_map(|t| t.parse().ok()) {
                filter = filter.add_directive(directive);
            }
        }
    }
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Its own errors would go to standard error too, and panic where nobody reads that any more.
    let logs = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter);
    logs.with_ansi(colours).with_writer(std::io::stderr).init();
}
