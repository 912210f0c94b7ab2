//! The command line: what it answers, and with which exit code.

use serde_json::Value;

use crate::support::{jackfield, jackfield_json, root, template};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn version_and_list_answer_as_json() {
    let version = jackfield_json(template(), &["version"]);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let output = jackfield(template(), &["list", "--json"]);
    let ids: Vec<String> = text(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["connector"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["google-calendar", "hubspot", "slack", "zapier"]);
}

#[test]
fn global_flags_are_taken_before_and_after_a_subcommand() {
    let config = template().join("jackfield.toml");
    let config = config.to_str().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for args in [["--config", config, "--json", "list"], ["list", "--config", config, "--json"]] {
        let output = jackfield(elsewhere.path(), &args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().count(), 4);
    }
}

#[test]
fn a_wrong_usage_exits_2_and_a_failure_exits_1_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["frobnicate"][..], &["serve", "--nonsense"], &["key", "create"]] {
        assert_eq!(jackfield(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
    let cases: [(&[&str], &str); 7] = [
        (&["uninstall", "nobody"], "jackfield list"),
        (&["release", "nobody"], "jackfield list"),
        (&["key", "create", "--org", "nobody"], "jackfield org list"),
        (&["install", "nowhere"], "neither"),
        (&["inspect", "../../etc/passwd/x"], "no such file"),
        (&["list", "--config", "missing.toml"], "no such file"),
        (&["org", "create", ""], "1 to 200"),
    ];
    for (args, hint) in cases {
        let output = jackfield(folder.path(), args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{args:?}: {said}");
    }
}

#[test]
fn what_is_no_connector_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("x.wasm");
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    for (bytes, hint) in
        [(b"not wasm".to_vec(), "component"), (core_module, "component"), (Vec::new(), "component")]
    {
        std::fs::write(&component, bytes).unwrap();
        let output = jackfield(folder.path(), &["install", component.to_str().unwrap(), "--yes"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(hint), "{said}");
    }
    let bad = folder.path().join("bad");
    std::fs::create_dir(&bad).unwrap();
    std::fs::write(bad.join("Cargo.toml"), "[package]\nname = \"bad\"\n").unwrap();
    let manifest = std::fs::read_to_string(root().join("plugins/zapier/connector.toml")).unwrap();
    std::fs::write(bad.join("connector.toml"), format!("{manifest}\n[netwrok]\nhost = \"x\"\n")).unwrap();
    let output = jackfield(folder.path(), &["build", bad.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("netwrok"), "{said}");
    assert_eq!(text(&jackfield(folder.path(), &["list", "--json"]).stdout), "");
}

#[test]
fn without_consent_nothing_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = root().join("plugins/zapier");
    let output = jackfield(folder.path(), &["install", plugin.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("hooks.zapier.com"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("--yes"));
    assert_eq!(text(&jackfield(folder.path(), &["list", "--json"]).stdout), "");
}

#[test]
fn a_second_build_is_cached_and_quick() {
    let plugin = root().join("plugins/zapier");
    let _first = template();
    // The quickest of three: other journeys may have the processor for a while.
    let quickest = (0..3)
        .map(|_| {
            let began = std::time::Instant::now();
            let built = jackfield_json(template(), &["build", plugin.to_str().unwrap()]);
            assert_eq!(built["cached"], true, "{built}");
            began.elapsed()
        })
        .min();
    assert!(quickest.is_some_and(|took| took.as_millis() < 1_000), "{quickest:?}");
}

#[test]
fn inspect_shows_what_a_connector_may_reach() {
    let shown = jackfield_json(template(), &["inspect", "hubspot"]);
    assert!(shown["permissions"].to_string().contains("api.hubapi.com"), "{shown}");
    assert!(shown["interfaces"].to_string().contains("jackfield:crm/write@0.1.0"), "{shown}");
}

#[test]
fn a_reader_who_stops_reading_causes_no_panic() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(crate::support::binary())
        .current_dir(template())
        .args(["inspect", "hubspot", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{:?}: {said}", output.status);
}

#[test]
fn a_wrong_configuration_is_one_line_that_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jackfield.toml"), "mode = \"production\"\n\n[egress]\nalow = []\n")
        .unwrap();
    let output = jackfield(folder.path(), &["list"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("jackfield.toml:4: ") && said.contains("alow") && said.contains("`allow`"),
        "{said}"
    );
}
