//! Configuration: a TOML file, then `JACKFIELD_*`, then flags. Unknown keys are errors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use manifest::{EgressRule, Limits, Manifest, RateLimit};
use serde::Deserialize;
use url::Url;

/// The file that is read where `--config` says nothing.
pub const DEFAULT_FILE: &str = "jackfield.toml";

/// Everything that an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// `production` or `development`.
    pub mode: Mode,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// How users reach it from outside.
    pub public_url: Option<Url>,
    /// The SQLite file.
    pub database: PathBuf,
    /// Compiled artefacts, the build cache, the master key.
    pub data_dir: PathBuf,
    /// The master key.
    pub key_file: PathBuf,
    /// `[egress]`.
    pub egress: Egress,
    /// `[limits]`: what a connector (or `*`) may have at most.
    pub limits: BTreeMap<String, Limits>,
    /// `[reuse]`.
    pub reuse: Reuse,
    /// `[quarantine]`.
    pub quarantine: Quarantine,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
}

/// How careful to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No override, no exception.
    #[default]
    Production,
    /// Overrides may send a logical origin to a loopback address.
    Development,
}

/// `[egress]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Networks that may be dialled although they are private.
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// Connector → what the operator grants of what its manifest asks for. A connector that is not named gets what was
    /// consented to at its install.
    #[serde(default)]
    pub grants: BTreeMap<String, Vec<EgressRule>>,
    /// Logical origin → where it really goes. Development only.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
    /// Connector → a rate that replaces its manifest's budgets. Development only.
    #[serde(default)]
    pub rates: BTreeMap<String, RateLimit>,
}

/// `[reuse]`: instances of connectors that ask to be kept warm between the calls of one connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reuse {
    /// How many are kept at most in this process; 0 keeps none.
    pub max_idle: u32,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { max_idle: sandbox::MAX_IDLE }
    }
}

/// `[quarantine]`: what becomes of connectors that are halted again and again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// How many halts in a row put a connection into quarantine; 0: none do, its jobs only wait longer and longer.
    pub strikes: u32,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { strikes: pipeline::STRIKES }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mode: Option<Mode>,
    listen: Option<String>,
    public_url: Option<String>,
    database: Option<String>,
    data_dir: Option<PathBuf>,
    key_file: Option<PathBuf>,
    egress: Option<Egress>,
    limits: Option<BTreeMap<String, Limits>>,
    reuse: Option<Reuse>,
    quarantine: Option<Quarantine>,
    plans: Option<toml::Table>,
}

/// What the command line says; none = leave.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--database`
    pub database: Option<String>,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("{0}: no such file; leave out --config to run with the defaults, or write one")]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It does not parse, or has an unknown key.
    #[error("{path}:{line}: {message}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Which line of it, from 1.
        line: usize,
        /// Why, in one line.
        message: String,
    },
    /// A value is wrong.
    #[error("{key}: {problem}")]
    Value {
        /// The key, or the variable.
        key: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

fn value(key: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), problem: problem.into() }
}

impl Config {
    /// Reads the file, then the environment, then the flags.
    ///
    /// # Errors
    /// When a file was named and is not there, or any part does not parse.
    pub fn load(flags: &Flags, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let env = variables(env)?;
        let named = flags.config.clone().or_else(|| env.get("CONFIG").map(PathBuf::from));
        let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let (file, found) = match std::fs::read_to_string(&path) {
            Ok(text) => (parse(&path, &text)?, true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && named.is_none() => (File::default(), false),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(ConfigError::Missing(path)),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let base = std::path::absolute(&path)
            .ok()
            .and_then(|p| p.parent().map(Path::to_path_buf))
            .unwrap_or_default();
        Self::assemble(file, &env, flags, &base, found.then_some(path))
    }

    fn assemble(
        file: File,
        env: &BTreeMap<String, String>,
        flags: &Flags,
        base: &Path,
        path: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let mode = match env.get("MODE").map(String::as_str) {
            None => file.mode.unwrap_or_default(),
            Some("production") => Mode::Production,
            Some("development") => Mode::Development,
            Some(_) => return Err(value("JACKFIELD_MODE", "is `production` or `development`")),
        };
        let pick = |flag: &Option<String>, name: &str, file: Option<String>| {
            flag.clone().or_else(|| env.get(name).cloned()).or(file)
        };
        let listen = pick(&flags.listen, "LISTEN", file.listen);
        let listen = listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen =
            listen.parse().map_err(|_| value("listen", "is an address and a port, 127.0.0.1:8080"))?;
        let public_url = env.get("PUBLIC_URL").cloned().or(file.public_url);
        let public_url = public_url
            .map(|u| Url::parse(&u).map_err(|e| value("public_url", format!("is a URL: {e}"))))
            .transpose()?;
        let data_dir = env.get("DATA_DIR").map(PathBuf::from).or(file.data_dir);
        let data_dir = base.join(data_dir.unwrap_or_else(|| "data".into()));
        let key_file = env.get("KEY_FILE").map(PathBuf::from).or(file.key_file);
        let key_file = key_file.map_or_else(|| data_dir.join("master.key"), |k| base.join(k));
        let database = match pick(&flags.database, "DATABASE", file.database) {
            None => base.join("jackfield.db"),
            Some(url) => sqlite_path(&url)?,
        };
        let egress = file.egress.unwrap_or_default();
        check_egress(&egress, mode)?;
        check_grants(&egress.grants)?;
        let limits = file.limits.unwrap_or_default();
        check_limits(&limits)?;
        let reuse = file.reuse.unwrap_or_default();
        if reuse.max_idle > sandbox::MOST_IDLE {
            return Err(value("reuse.max_idle", format!("is 0 to {}", sandbox::MOST_IDLE)));
        }
        let quarantine = file.quarantine.unwrap_or_default();
        if quarantine.strikes > pipeline::MOST_STRIKES {
            return Err(value("quarantine.strikes", format!("is 0 to {}", pipeline::MOST_STRIKES)));
        }
        if file.plans.is_some_and(|p| !p.is_empty()) {
            return Err(value("plans", "has no key that this version knows; remove the table"));
        }
        Ok(Self {
            mode,
            listen,
            public_url,
            database,
            data_dir,
            key_file,
            egress,
            limits,
            reuse,
            quarantine,
            file: path,
        })
    }
}

impl Config {
    /// The connectors that are named, each with the key that does: what is said of one that is not installed has no effect.
    pub fn named_connectors(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let limits = self.limits.keys().filter(|name| *name != "*").map(|name| ("limits", name.as_str()));
        limits.chain(self.egress.grants.keys().map(|name| ("egress.grants", name.as_str())))
    }
}

fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|e| {
        let before = e.span().and_then(|s| text.get(..s.start)).unwrap_or_default();
        let message = e.message().trim().replace('\n', "; ");
        ConfigError::Parse { path: path.to_path_buf(), line: before.matches('\n').count() + 1, message }
    })
}

const KNOWN: [&str; 7] = ["CONFIG", "MODE", "LISTEN", "PUBLIC_URL", "DATABASE", "DATA_DIR", "KEY_FILE"];

/// `JACKFIELD_*` without the prefix; those for logs and tests are not configuration.
fn variables(env: impl Iterator<Item = (String, String)>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut found = BTreeMap::new();
    for (name, text) in env {
        let Some(short) = name.strip_prefix("JACKFIELD_") else { continue };
        if short == "LOG" || short.starts_with("TEST_") {
            continue;
        }
        if !KNOWN.contains(&short) {
            let near = model::nearest(short, KNOWN);
            let hint = near.first().map(|n| format!("; did you mean JACKFIELD_{n}?")).unwrap_or_default();
            return Err(value(&name, format!("is not a variable that Jackfield knows{hint}")));
        }
        found.insert(short.to_owned(), text);
    }
    Ok(found)
}

const ID: &str = "a lower-case letter, then such letters, digits and `-`, as its manifest has it";

fn sqlite_path(url: &str) -> Result<PathBuf, ConfigError> {
    let wrong = "is `sqlite:///absolute/path.db` (PostgreSQL is not supported by this version)";
    match url.strip_prefix("sqlite://") {
        Some(path) if path.starts_with('/') && path.len() > 1 => Ok(PathBuf::from(path)),
        _ => Err(value("database", wrong)),
    }
}

fn check_egress(egress: &Egress, mode: Mode) -> Result<(), ConfigError> {
    if mode == Mode::Production {
        for (key, used) in
            [("egress.overrides", !egress.overrides.is_empty()), ("egress.rates", !egress.rates.is_empty())]
        {
            if used {
                return Err(value(
                    key,
                    "works in development mode only; set mode = \"development\" or remove it",
                ));
            }
        }
    }
    for (from, to) in &egress.overrides {
        let key = format!("egress.overrides.\"{}\"", model::cut(from, 100));
        for (origin, schemes) in [(from, &["https"][..]), (to, &["https", "http"][..])] {
            let url = Url::parse(origin).map_err(|e| value(&key, format!("`{origin}` is no origin: {e}")))?;
            let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            if !schemes.contains(&url.scheme()) || !bare || !url.username().is_empty() {
                return Err(value(&key, format!("`{origin}` is no origin such as https://api.example.com")));
            }
        }
    }
    Ok(())
}

/// A name that is no connector's would grant nobody less, and say nothing of it.
fn check_grants(grants: &BTreeMap<String, Vec<EgressRule>>) -> Result<(), ConfigError> {
    if let Some(connector) = grants.keys().find(|name| !Manifest::is_id(name)) {
        let key = format!("egress.grants.\"{}\"", model::cut(connector, 100));
        return Err(value(&key, format!("is no connector's id: {ID}")));
    }
    Ok(())
}

fn check_limits(limits: &BTreeMap<String, Limits>) -> Result<(), ConfigError> {
    for (connector, limits) in limits {
        if connector != "*" && !Manifest::is_id(connector) {
            let key = format!("limits.\"{}\"", model::cut(connector, 100));
            return Err(value(&key, format!("is neither `*` nor a connector's id: {ID}")));
        }
        if let Some((limit, problem)) = limits.problems().into_iter().next() {
            return Err(value(&format!("limits.\"{}\".{limit}", model::cut(connector, 100)), problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jackfield.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags { config: Some(path), ..Default::default() };
        Config::load(&flags, env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = load("mode = \"production\"\nlistne = \"127.0.0.1:1\"", &[]).unwrap_err().to_string();
        assert!(error.contains("jackfield.toml:2: ") && error.contains("listne"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        let error = load("", &[("JACKFIELD_LISTN", "x")]).unwrap_err().to_string();
        assert!(error.contains("did you mean JACKFIELD_LISTEN"), "{error}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_a_flag_over_both() {
        let config = load("listen = \"127.0.0.1:1\"", &[("JACKFIELD_LISTEN", "127.0.0.1:2")]).unwrap();
        assert_eq!(config.listen.port(), 2);
        let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Default::default() };
        let env = [("JACKFIELD_LISTEN".to_owned(), "127.0.0.1:2".to_owned())];
        let config = Config::load(&flags, env.into_iter()).unwrap();
        assert_eq!(config.listen.port(), 3);
    }

    #[test]
    fn overrides_are_refused_in_production() {
        let text = "[egress.overrides]\n\"https://api.hubapi.com\" = \"http://127.0.0.1:4010\"";
        assert!(load(text, &[]).unwrap_err().to_string().contains("development"));
        assert!(load(&format!("mode = \"development\"\n{text}"), &[]).is_ok());
    }

    #[test]
    fn data_lies_beside_the_config_file() {
        let config = load("", &[("JACKFIELD_LOG", "debug"), ("JACKFIELD_TEST_POSTGRES", "x")]).unwrap();
        let folder = config.file.as_ref().unwrap().parent().unwrap();
        assert_eq!(config.database, folder.join("jackfield.db"));
        assert_eq!(config.key_file, folder.join("data/master.key"));
    }

    #[test]
    fn what_connectors_may_have_at_most_is_set_for_all_or_by_name() {
        let config = load("[limits.\"*\"]\ncpu-ms = 5000\n[limits.hubspot]\nmemory-mib = 256", &[]).unwrap();
        assert_eq!(config.limits["*"].cpu_ms, Some(5_000));
        assert_eq!(config.limits["hubspot"].memory_mib, Some(256));
        let error = load("[limits.hubspot]\nhandles = 0", &[]).unwrap_err().to_string();
        assert_eq!(error, "limits.\"hubspot\".handles: is out of bounds: 1 to 20000");
        let error = load("[limits.\"*\"]\ncpu_ms = 1", &[]).unwrap_err().to_string();
        assert!(error.contains(":2: ") && error.contains("cpu_ms"), "{error}");
        assert!(load("[limits]\ncpu-ms = 1", &[]).is_err(), "a limit of nobody's");
    }

    #[test]
    fn what_is_said_of_a_connector_names_one_that_there_can_be() {
        let id = "a lower-case letter, then such letters, digits and `-`, as its manifest has it";
        for name in ["Hubspot", "hub spot", "hub_spot", "", "**"] {
            let error = load(&format!("[limits.\"{name}\"]\ncpu-ms = 5000"), &[]).unwrap_err().to_string();
            assert_eq!(error, format!("limits.\"{name}\": is neither `*` nor a connector's id: {id}"));
        }
        let rule = "methods = [\"GET\"]\nhost = \"api.example.com\"\npaths = [\"/**\"]\nwhy = \"because\"";
        for name in ["Hubspot", "*"] {
            let error = load(&format!("[[egress.grants.\"{name}\"]]\n{rule}"), &[]).unwrap_err().to_string();
            assert_eq!(error, format!("egress.grants.\"{name}\": is no connector's id: {id}"));
        }
        let text = format!(
            "[[egress.grants.hubspot]]\n{rule}\n[limits.\"*\"]\ncpu-ms = 1\n[limits.zapier]\ncpu-ms = 1"
        );
        let config = load(&text, &[]).unwrap();
        let named: Vec<_> = config.named_connectors().collect();
        assert_eq!(named, [("limits", "zapier"), ("egress.grants", "hubspot")]);
    }

    #[test]
    fn an_operator_says_how_many_instances_are_kept_warm() {
        assert_eq!(load("", &[]).unwrap().reuse.max_idle, sandbox::MAX_IDLE);
        assert_eq!(load("[reuse]\nmax_idle = 0", &[]).unwrap().reuse.max_idle, 0);
        let error = load("[reuse]\nmax_idle = 257", &[]).unwrap_err().to_string();
        assert_eq!(error, "reuse.max_idle: is 0 to 256");
    }
    #[test]
    fn how_many_halts_in_a_row_are_too_many_is_the_operators_choice() {
        assert_eq!(load("", &[]).unwrap().quarantine.strikes, 5);
        assert_eq!(load("[quarantine]\nstrikes = 0", &[]).unwrap().quarantine.strikes, 0);
        let error = load("[quarantine]\nstrikes = 1001", &[]).unwrap_err().to_string();
        assert_eq!(error, "quarantine.strikes: is 0 to 1000");
    }
}
