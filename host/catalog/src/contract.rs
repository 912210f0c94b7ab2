//! Which interfaces there are, and whether a component's fit them and its manifest.

use std::str::FromStr as _;

use manifest::Manifest;
use semver::Version;

use crate::CatalogError;

/// The version of the contract (`wit/`) that this host speaks.
pub const CONTRACT: &str = "0.1.0";

/// The interfaces that a connector may export: its capabilities.
pub const EXPORTS: [&str; 15] = [
    "core/lifecycle",
    "core/choices",
    "crm/pull",
    "crm/lookup",
    "crm/write",
    "crm/schema",
    "calendar/read",
    "calendar/free-busy",
    "calendar/write",
    "calendar/booking",
    "calendar/booking-pull",
    "automation/actions",
    "automation/sink",
    "webhook/receive",
    "webhook/subscribe",
];
/// What the host gives a connector.
const IMPORTS: [&str; 5] = ["host/http", "host/connection", "host/log", "host/cache", "host/signing"];
/// Packages whose `types` come along with the interfaces that use them.
const TYPED: [&str; 4] = ["core", "crm", "calendar", "webhook"];
/// WASI 0.2 packages that are linked (and empty, but for io, clocks, random and http).
const WASI: [&str; 7] = ["io", "cli", "clocks", "random", "filesystem", "sockets", "http"];

/// `jackfield:crm/write@0.1.0`, taken apart.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: Option<Version>,
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Option<(&'a str, Self)> {
        let (namespace, rest) = text.split_once(':')?;
        let (path, version) = rest.split_once('@').map_or((rest, None), |(p, v)| (p, Some(v)));
        let (package, interface) = path.split_once('/')?;
        let version = version.and_then(|v| Version::from_str(v).ok());
        Some((namespace, Self { package, interface, version }))
    }

    fn path(&self) -> String {
        format!("{}/{}", self.package, self.interface)
    }

    fn is_types(&self) -> bool {
        self.interface == "types" && TYPED.contains(&self.package)
    }

    /// Our own interfaces must be of the version that the host speaks.
    fn check_version(&self) -> Result<(), CatalogError> {
        let built = self.version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        if built == CONTRACT { Ok(()) } else { Err(CatalogError::Version { built, path: self.path() }) }
    }
}

/// Sorts out imports: everything that the host does not have is refused.
pub(crate) fn check_imports(imports: &[String]) -> Result<(), CatalogError> {
    for import in imports {
        let refused = || CatalogError::Import(shown(import));
        match Name::parse(import).ok_or_else(refused)? {
            ("jackfield", name) => {
                name.check_version()?;
                if !name.is_types() && !IMPORTS.contains(&name.path().as_str()) {
                    return Err(refused());
                }
            }
            ("wasi", name) => {
                let wasi_2 =
                    name.version.as_ref().is_some_and(|v| v.major == 0 && v.minor == 2 && v.pre.is_empty());
                if !wasi_2 || !WASI.contains(&name.package) {
                    return Err(refused());
                }
            }
            _ => return Err(refused()),
        }
    }
    Ok(())
}

/// Sorts out exports, and returns the interfaces that are capabilities, in the order of the component. What is not ours
/// stays unused.
pub(crate) fn check_exports(exports: &[String]) -> Result<Vec<String>, CatalogError> {
    let mut found = Vec::new();
    for export in exports {
        let Some(("jackfield", name)) = Name::parse(export) else { continue };
        name.check_version()?;
        if name.is_types() {
            continue;
        }
        let path = name.path();
        if !EXPORTS.contains(&path.as_str()) {
            let near = model::nearest(&path, EXPORTS);
            let near = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(" or "))
            };
            return Err(CatalogError::Export(format!("{}{near}", shown(export))));
        }
        found.push(export.clone());
    }
    if !exports_of(&found, "core/lifecycle") {
        return Err(CatalogError::NoLifecycle);
    }
    Ok(found)
}

/// Whether the manifest promises what the component does not export.
pub(crate) fn check_promises(manifest: &Manifest, interfaces: &[String]) -> Result<(), CatalogError> {
    let mut promises: Vec<(String, &str)> = Vec::new();
    if manifest.sink.is_some() {
        promises.push(("[sink]".to_owned(), "automation/sink"));
    }
    if manifest.sync.is_some() {
        promises.push(("[sync]".to_owned(), "crm/write"));
    }
    if manifest.calendar.is_some() {
        promises.push(("[calendar]".to_owned(), "calendar/write"));
    }
    for (name, _) in manifest.settings.iter().filter(|(_, s)| s.choices) {
        promises.push((format!("settings.{name}.choices"), "core/choices"));
    }
    for safe in &manifest.retry.replay_safe {
        let interface = safe.split(':').next().unwrap_or_default();
        promises.push((format!("retry.replay-safe = \"{safe}\""), interface));
    }
    match promises.into_iter().find(|(_, interface)| !exports_of(interfaces, interface)) {
        Some((what, interface)) => Err(CatalogError::Promise { what, interface: interface.to_owned() }),
        None => Ok(()),
    }
}

fn exports_of(interfaces: &[String], path: &str) -> bool {
    interfaces.iter().any(|i| Name::parse(i).is_some_and(|(_, name)| name.path() == path))
}

/// A name from a foreign file, fit for one line.
fn shown(name: &str) -> String {
    model::cut(name, 120).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(world: &'a str, verb: &str) -> Vec<&'a str> {
        let start = format!("{verb} jackfield:");
        let lines = world.lines().filter_map(|l| l.trim().strip_prefix(start.as_str()));
        let mut found: Vec<&str> = lines.filter_map(|l| l.strip_suffix(&format!("@{CONTRACT};"))).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn the_lists_are_those_of_the_world() {
        let world = include_str!("../../../wit/world.wit");
        let (mut exports, mut imports) = (EXPORTS.to_vec(), IMPORTS.to_vec());
        exports.sort_unstable();
        imports.sort_unstable();
        assert_eq!(names(world, "export"), exports);
        assert_eq!(names(world, "import"), imports);
    }

    #[test]
    fn only_what_the_host_links_may_be_imported() {
        let ok = |name: &str| check_imports(&[name.to_owned()]).is_ok();
        for good in [
            "jackfield:host/http@0.1.0",
            "jackfield:crm/types@0.1.0",
            "wasi:io/streams@0.2.10",
            "wasi:http/types@0.2.0",
        ] {
            assert!(ok(good), "{good}");
        }
        for bad in [
            "jackfield:host/secrets@0.1.0",
            "jackfield:host/http",
            "jackfield:crm/write@0.1.0",
            "wasi:io/streams@0.3.0",
            "wasi:keyvalue/store@0.2.0",
            "wasi:io/streams",
            "env:thing/x@0.2.0",
            "run",
            "",
        ] {
            assert!(!ok(bad), "{bad}");
        }
    }
}
