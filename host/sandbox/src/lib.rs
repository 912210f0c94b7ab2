//! Where connectors run: one fresh instance per call, or one that was kept warm for its connection where a connector asks for
//! that, inside limits that the guest cannot see or move.
//!
//! **Owns** the engine and its pool, the compiled artefacts, the bindings of every contract version, the limits and the
//! typed [`Halt`] when one is met. **Refuses** to know a provider, a job or a credential: a call gets a
//! [`Lane`](egress::Lane) to the outside and nothing else. **Start** at [`Sandbox::connector`], then [`Connector`].
//!
//! What a guest may do is the sum of [`v0_1`]'s imports and of WASI, which is linked and empty: no file, no socket, no
//! environment, no argument; clocks and random numbers are real.

mod artefact;
#[cfg(test)]
mod attacks;
mod busy;
mod call;
mod compile;
mod connector;
mod engine;
mod halt;
mod held;
mod limits;
mod meter;
mod random;
mod state;
mod text;
pub mod v0_1;
mod warm;
mod wasi_http;

pub use artefact::{ArtefactKey, LoadError};
pub use call::{Call, InvokeError};
pub use compile::{CompileError, Compiler, compile_in_this_process};
pub use connector::{Connector, Sandbox, SandboxOptions};
pub use engine::engine_config;
pub use halt::Halt;
pub use limits::{Caps, Limits};
pub use text::misleads;
pub use warm::{MAX_IDLE, MOST_IDLE};
