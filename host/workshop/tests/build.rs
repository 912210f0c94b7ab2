//! `build` at its boundary, with a cargo, a rustc, a rustup and an apt-get of our own, so that each case takes
//! milliseconds.

mod bench;

use bench::{Bench, MANIFEST};
use workshop::{BuildError, build, build_all, embed, find_plugins};

#[test]
fn a_folder_becomes_a_component_with_its_manifest_inside() {
    let bench = Bench::new();
    let built = build(&bench.options()).unwrap();
    assert_eq!((built.id.as_str(), built.version.as_str(), built.cached), ("fixture", "0.1.0", false));
    assert_eq!(built.path, bench.folder().join("target/jackfield/fixture.wasm"));
    let bytes = std::fs::read(&built.path).unwrap();
    assert_eq!(bytes, embed(&bench::component(), MANIFEST).unwrap());
    assert_eq!((built.bytes_len, built.digest.len()), (bytes.len() as u64, 64));
    assert!(bench.log("cargo").contains("--config profile.release.opt-level=\"s\""));
}

#[test]
fn an_unchanged_folder_is_not_compiled_again_and_answers_in_under_a_second() {
    let bench = Bench::new();
    let first = build(&bench.options()).unwrap();
    let second = build(&bench.options()).unwrap();
    assert!(second.cached && second.ms < 1_000, "{second:?}");
    assert_eq!((second.digest, second.path), (first.digest, first.path));
    assert_eq!(bench.count("cargo build"), 1);
    assert_eq!(bench.count("cargo metadata"), 1, "an unchanged folder needs no cargo at all");
}

#[test]
fn whatever_the_result_depends_on_is_compiled_again_when_it_changes() {
    let bench = Bench::new();
    build(&bench.options()).unwrap();
    let dependency = bench.path("dependency/src/lib.rs");
    let edits = [
        (bench.folder().join("src/lib.rs"), "pub fn other() {}".to_owned()),
        (bench.folder().join("Cargo.toml"), "[package]\nname = \"fixture\"\n# edited".to_owned()),
        (bench.folder().join("connector.toml"), format!("{MANIFEST}description = \"edited\"\n")),
        (bench.folder().join("wit/new.wit"), "package a:b;".to_owned()),
        (bench.folder().join("Cargo.lock"), "# edited".to_owned()),
        (dependency, "pub fn edited() {}".to_owned()),
        (bench.path("dependency/Cargo.toml"), "# edited".to_owned()),
    ];
    for (count, (file, text)) in edits.into_iter().enumerate() {
        bench.write(&file, &text);
        bench.settle();
        assert!(!build(&bench.options()).unwrap().cached, "{}", file.display());
        assert_eq!(bench.count("cargo build"), count + 2, "{}", file.display());
        assert!(build(&bench.options()).unwrap().cached, "{}", file.display());
    }
}

#[test]
fn another_compiler_compiles_again() {
    let bench = Bench::new();
    build(&bench.options()).unwrap();
    bench.write(&bench.path("version"), "rustc 1.96.0 (fake)");
    assert!(!build(&bench.options()).unwrap().cached);
}

#[test]
fn a_component_that_was_tampered_with_is_made_anew() {
    let bench = Bench::new();
    let first = build(&bench.options()).unwrap();
    std::fs::write(&first.path, b"something else").unwrap();
    let second = build(&bench.options()).unwrap();
    assert!(!second.cached);
    assert_eq!(second.digest, first.digest);
}

#[test]
fn a_file_edited_while_cargo_runs_leaves_no_entry_behind() {
    let bench = Bench::new();
    bench.write(&bench.path("edit-during-build"), "");
    build(&bench.options()).unwrap();
    std::fs::remove_file(bench.path("edit-during-build")).unwrap();
    assert!(!build(&bench.options()).unwrap().cached);
}

#[test]
fn a_folder_alone_shares_a_target_folder_and_a_member_uses_its_workspaces() {
    let bench = Bench::new();
    let cache = bench.path("cache");
    build(&bench.options()).unwrap();
    assert!(bench.log("cargo").contains(&format!("--target-dir {}", cache.join("target").display())));

    let bench = Bench::new();
    bench.write(&bench.path("workspace-root"), "");
    let built = build(&bench.options()).unwrap();
    assert!(bench.log("cargo").contains(&format!("--target-dir {}", bench.path("target").display())));
    assert_eq!(built.path, bench.path("target/jackfield/fixture.wasm"));
    assert!(build(&bench.options()).unwrap().cached);
}

#[test]
fn what_is_no_connectors_folder_is_refused_with_what_is_missing() {
    let bench = Bench::new();
    let mut options = bench.options();
    for (folder, expected) in [
        (bench.path("nowhere"), "no such folder"),
        (bench.path("dependency"), "no connector.toml"),
        (bench.folder().join("connector.toml"), "is a file"),
    ] {
        options.folder = folder;
        let error = build(&options).unwrap_err();
        assert_eq!(error.code(), "not_a_connector");
        assert!(error.to_string().contains(expected), "{error}");
    }
    std::fs::remove_file(bench.folder().join("Cargo.toml")).unwrap();
    assert!(build(&bench.options()).unwrap_err().to_string().contains("no Cargo.toml"));
}

#[test]
fn a_bad_manifest_fails_before_any_tool_is_run() {
    let bench = Bench::new();
    bench.write(&bench.folder().join("connector.toml"), &format!("{MANIFEST}colour = \"red\"\n"));
    let error = build(&bench.options()).unwrap_err();
    assert!(matches!(error, BuildError::Manifest { .. }), "{error}");
    assert!(error.to_string().contains("colour"), "{error}");
    assert_eq!(bench.log("cargo") + &bench.log("rustc"), "");
}

#[test]
fn a_compile_error_is_shown_with_the_connectors_name_and_bounded() {
    let bench = Bench::new();
    bench.write(&bench.path("fail-build"), "");
    let error = build(&bench.options()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code(), "cargo_failed");
    assert!(
        text.starts_with("fixture: cargo build failed") && text.ends_with("error[E0425]: last line"),
        "{text}"
    );
    assert!(text.lines().count() <= 101);
}

#[test]
fn what_cargo_makes_must_be_a_component_without_a_manifest() {
    let bench = Bench::new();
    std::fs::write(bench.path("component.wasm"), b"\0asm\x01\0\0\0").unwrap();
    assert!(build(&bench.options()).unwrap_err().to_string().contains("core module"));
    let twice = embed(&bench::component(), "manifest = 1").unwrap();
    std::fs::write(bench.path("component.wasm"), twice).unwrap();
    assert!(build(&bench.options()).unwrap_err().to_string().contains("already"));
}

#[test]
fn a_package_without_a_cdylib_is_told_what_to_add() {
    let bench = Bench::new();
    bench.write(&bench.path("kind"), "lib");
    let error = build(&bench.options()).unwrap_err();
    assert!(error.to_string().contains("crate-type = [\"cdylib\"]"), "{error}");
}

#[test]
fn plugins_are_found_by_their_manifest_and_one_failure_does_not_stop_the_rest() {
    let bench = Bench::new();
    bench.write(&bench.path("plugins/b/connector.toml"), "manifest = 2");
    bench.write(&bench.path("plugins/none/README.md"), "");
    std::os::unix::fs::symlink(bench.folder(), bench.path("plugins/c")).unwrap();
    let found = find_plugins(&bench.path(""));
    assert_eq!(found, [bench.path("plugins/b"), bench.path("plugins/c")]);
    let built = build_all(&found, &bench.options());
    assert!(built[0].1.is_err() && built[1].1.is_ok(), "{built:?}");
    assert!(find_plugins(&bench.path("nowhere")).is_empty());
}
