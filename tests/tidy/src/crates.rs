//! Who may import whom.

/// The crates under `host/`, with their ranks. A crate imports lower ranks only, never sideways.
pub const RANKS: &[(&str, u32)] = &[
    ("jackfield", 5),
    ("api", 4),
    ("pipeline", 4),
    ("workshop", 4),
    ("sandbox", 3),
    ("vault", 3),
    ("catalog", 3),
    ("egress", 2),
    ("store", 2),
    ("manifest", 1),
    ("model", 0),
];

/// Heavy libraries and the one crate under `host/` that may import each.
pub const SOLE_IMPORTERS: &[(&str, &str)] = &[
    ("clap", "jackfield"),
    ("indicatif", "jackfield"),
    ("axum", "api"),
    ("utoipa", "api"),
    ("utoipa-axum", "api"),
    ("wit-component", "workshop"),
    ("wasmtime", "sandbox"),
    ("wasmtime-wasi", "sandbox"),
    ("wasmtime-wasi-http", "sandbox"),
    ("chacha20poly1305", "vault"),
    ("hyper", "egress"),
    ("reqwest", "egress"),
    ("tokio-rustls", "egress"),
    ("webpki-roots", "egress"),
    ("sqlx", "store"),
];

/// Crates of `tests/` that `host/` may link: the fakes, in the demo.
pub const TESTS_IN_HOST: &[(&str, &str)] = &[("jackfield", "providers")];

/// A crate of one of the two workspaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its folder below the repository's root: `host/store`.
    pub folder: String,
    /// What its code imports: normal and build dependencies, by package name.
    pub imports: Vec<String>,
}

impl Crate {
    fn is_under(&self, folder: &str) -> bool {
        self.folder.starts_with(&format!("{folder}/"))
    }
}

fn rank(name: &str) -> Option<u32> {
    RANKS.iter().find(|(n, _)| *n == name).map(|(_, rank)| *rank)
}

/// Crates that import their own rank or a higher one, and crates under `host/` that have no rank.
#[must_use]
pub fn rank_breaches(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for c in crates.iter().filter(|c| c.is_under("host")) {
        let Some(own) = rank(&c.name) else {
            found.push(format!(
                "{} has no rank: give it one in tests/tidy and in docs/architecture.md",
                c.name
            ));
            continue;
        };
        for import in &c.imports {
            if rank(import).is_some_and(|other| other >= own) {
                found.push(format!("{} (rank {own}) imports {import}, which is not below it", c.name));
            }
        }
    }
    found
}

/// Heavy libraries in the wrong hands.
#[must_use]
pub fn importer_breaches(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for c in crates.iter().filter(|c| c.is_under("host")) {
        for (library, owner) in SOLE_IMPORTERS {
            if c.name != *owner && c.imports.iter().any(|i| i == library) {
                found.push(format!("{} imports {library}, which only {owner} may", c.name));
            }
        }
    }
    found
}

/// Places where `host/` and `plugins/` meet, or where `host/` leans on tests.
#[must_use]
pub fn meeting_breaches(crates: &[Crate]) -> Vec<String> {
    let folder_of = |name: &str| crates.iter().find(|c| c.name == name);
    let mut found = Vec::new();
    for c in crates {
        for other in c.imports.iter().filter_map(|i| folder_of(i)) {
            let met = (c.is_under("host") && (other.is_under("plugins") || other.is_under("sdk")))
                || ((c.is_under("plugins") || c.is_under("sdk")) && other.is_under("host"));
            if met {
                found.push(format!(
                    "{} imports {}: host and connectors meet in wit/ only",
                    c.name, other.name
                ));
            }
            let allowed = TESTS_IN_HOST.contains(&(c.name.as_str(), other.name.as_str()));
            if c.is_under("host") && other.is_under("tests") && !allowed {
                found.push(format!("{} imports {}, a crate of tests/", c.name, other.name));
            }
        }
    }
    found
}
