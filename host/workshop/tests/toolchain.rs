//! Which Rust is used, and what happens where there is none.

mod bench;

use bench::Bench;
use workshop::{BuildError, build};

#[test]
fn without_a_toolchain_the_error_names_the_one_command_that_installs_it() {
    let apt = "apt-get install -y --no-install-recommends rustc-web rust-web-src wasi-libc lld";
    for (rustup, apt_get, expected) in [
        (true, false, "rustup target add wasm32-wasip2"),
        (false, true, apt),
        (true, true, "rustup target add wasm32-wasip2 || ("),
        (false, false, "sh.rustup.rs"),
    ] {
        let bench = Bench::without_toolchain();
        let mut options = bench.options();
        options.tools.rustup = rustup.then(|| bench.path("bin/rustup"));
        options.tools.apt_get = apt_get.then(|| bench.path("bin/apt-get"));
        let error = build(&options).unwrap_err();
        assert!(matches!(error, BuildError::NoToolchain { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(bench.log("rustup") + &bench.log("apt-get"), "", "nothing is installed unasked");
    }
}

#[test]
fn without_cargo_the_error_says_where_to_get_it() {
    let bench = Bench::new();
    let mut options = bench.options();
    options.tools.cargo = bench.path("bin/none");
    assert!(build(&options).unwrap_err().to_string().contains("https://rustup.rs"));
}

#[test]
fn where_it_may_rustup_installs_the_target_and_says_so() {
    for asked in [true, false] {
        let bench = Bench::without_toolchain();
        bench.write(&bench.path("rustup-works"), "");
        let mut options = bench.options();
        (options.install_toolchain, options.may_install) = (asked, !asked);
        build(&options).unwrap();
        assert_eq!(bench.log("rustup"), "rustup target add wasm32-wasip2\n");
        assert_eq!(bench.log("apt-get"), "");
        assert!(bench.notes().iter().any(|note| note.contains("installing one")), "{:?}", bench.notes());
    }
}

#[test]
fn where_rustup_cannot_download_the_debian_packages_are_installed() {
    let bench = Bench::without_toolchain();
    bench.write(&bench.path("apt-works"), "");
    let mut options = bench.options();
    options.install_toolchain = true;
    // `sudo` is not ours to fake.
    if !rustix::process::geteuid().is_root() {
        options.tools.apt_get = None;
        assert!(matches!(build(&options), Err(BuildError::Install { .. })));
        return;
    }
    build(&options).unwrap();
    assert_eq!(bench.log("rustup").lines().count(), 1);
    assert_eq!(bench.log("apt-get").lines().count(), 2);
}

#[test]
fn where_nothing_can_be_installed_the_last_lines_and_the_command_are_shown() {
    let bench = Bench::without_toolchain();
    let mut options = bench.options();
    options.may_install = true;
    let error = build(&options).unwrap_err().to_string();
    assert!(
        error.contains("could not download") && error.contains("rustup target add wasm32-wasip2"),
        "{error}"
    );
}

#[test]
fn the_debian_packages_compile_the_standard_library_with_debians_compiler() {
    let bench = Bench::without_toolchain();
    bench.install_debian();
    build(&bench.options()).unwrap();
    let log = bench.log("cargo");
    let rustc = bench.path("root/usr/bin/rustc");
    assert!(log.contains("-Zbuild-std=std,panic_abort"), "{log}");
    assert!(log.contains(&format!("RUSTC={} BOOTSTRAP=1", rustc.display())), "{log}");
    let libc =
        format!("target.wasm32-wasip2.rustflags=[\"-L{}\"", bench.path("root/usr/lib/wasm32-wasi").display());
    assert!(log.contains(&libc), "{log}");
    assert!(build(&bench.options()).unwrap().cached);
}

#[test]
fn an_installed_target_goes_before_the_debian_packages() {
    let bench = Bench::new();
    bench.install_debian();
    build(&bench.options()).unwrap();
    assert!(!bench.log("cargo").contains("-Zbuild-std"));
}

#[test]
fn debians_packages_without_the_component_linker_are_not_taken_for_a_toolchain() {
    let bench = Bench::without_toolchain();
    bench.install_debian();
    std::fs::remove_file(bench.path("sysroot/lib/rustlib/host/bin/wasm-component-ld")).unwrap();
    let error = build(&bench.options()).unwrap_err().to_string();
    assert!(error.contains("`wasm-component-ld` is not"), "{error}");
}
