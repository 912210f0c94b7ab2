//! Properties of every parser of foreign bytes, one function per target; each panics where its property does not hold.
//!
//! **Owns** the properties, the oracles that they are held against, the seeds, and the two ways to run them: a short seeded
//! run in the test command (`tests/seeded.rs`) and ten minutes of libFuzzer each in the long tier ([`long`]).
//! **Refuses** to reach past a crate's public surface but through its `fuzzing` module, and to send anything anywhere:
//! sockets are pipes in memory. **Start** at [`TARGETS`].

// the targets
mod answers;
mod components;
mod events;
mod grants;
mod headers;
mod manifests;
mod redaction;
mod urls;

// what they share
mod oracle;
mod wire;

// what runs them
pub mod long;
pub mod mutate;
pub mod seeds;

/// One property.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Names its seeds, its regressions and its `cargo fuzz` target.
    pub name: &'static str,
    /// Panics where the property does not hold for this input.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target { name: "manifest", run: manifests::run },
    Target { name: "grants", run: grants::run },
    Target { name: "urls", run: urls::run },
    Target { name: "headers", run: headers::run },
    Target { name: "answers", run: answers::run },
    Target { name: "redaction", run: redaction::run },
    Target { name: "events", run: events::run },
    Target { name: "components", run: components::run },
];

/// The target of this name.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    match TARGETS.iter().find(|t| t.name == name) {
        Some(target) => *target,
        None => panic!("there is no target `{name}`; there are {:?}", TARGETS.map(|t| t.name)),
    }
}
