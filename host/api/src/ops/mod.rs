//! What an operator asks: is it up, does it serve, how much is there to do, what can it do. Without a key, and without a
//! word on any organization.

pub(crate) mod healthz;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod readyz;
