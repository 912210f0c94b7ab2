//! Progress bars on long work, on standard error, where that is a terminal.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner with the present step; on no terminal, one line per step.
#[derive(Clone)]
pub(crate) struct Spinner(ProgressBar, bool);

impl Spinner {
    /// Starts it; `quiet` shows nothing.
    pub(crate) fn start(quiet: bool) -> Arc<Self> {
        let terminal = std::io::stderr().is_terminal();
        let bar = if quiet || !terminal { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Arc::new(Self(bar, !quiet && !terminal))
    }

    /// Takes it off the screen.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl workshop::Progress for Spinner {
    fn step(&self, what: &str) {
        self.0.set_prefix(what.to_owned());
        if self.1 {
            tell!("{what}");
        }
    }

    fn detail(&self, line: &str) {
        self.0.set_message(line.to_owned());
    }

    fn note(&self, line: &str) {
        if self.1 {
            tell!("{line}");
        } else {
            self.0.println(line);
        }
    }
}
