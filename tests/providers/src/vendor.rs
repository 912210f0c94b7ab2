//! What a vendor's module must bring.

use crate::{Call, Clock, Reply, SystemClock};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// What every fake may be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 lets the machine choose.
    pub port: u16,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Decides every identifier that the fake makes.
    pub seed: u64,
    /// How many exchanges the journal keeps.
    pub journal: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { port: 0, clock: Arc::new(SystemClock), seed: 1, journal: 10_000 }
    }
}

/// One vendor: its state, and its answer to a request.
///
/// Everything else (sockets, faults, the journal) is common and in [`crate::fake`].
pub trait Vendor: Send + 'static {
    /// What the vendor's fake may be told.
    type Config: Default + Send;

    /// The name on the command line and in a journal.
    const NAME: &'static str;
    /// The origin that connectors call, which the fake stands for.
    const ORIGIN: &'static str;
    /// The longest body that the vendor takes.
    const BODY_LIMIT: usize = 10 * 1024 * 1024;

    /// The common part of a configuration.
    fn settings(config: &Self::Config) -> &Settings;

    /// The state at the start.
    fn open(config: Self::Config) -> Self;

    /// Carries a request out and answers it.
    fn answer(&mut self, call: &Call) -> Reply;

    /// The vendor's way to say: too many requests.
    fn throttled(&mut self, call: &Call, wait: Duration) -> Reply;

    /// The vendor's way to say any other failure, for an injected one.
    fn failure(&mut self, call: &Call, status: StatusCode) -> Reply;
}
