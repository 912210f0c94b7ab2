//! A released binary carries the built connectors: `BUNDLED_CONNECTORS` names a folder of `ID.wasm` files at build time.
//! Without it the binary carries none, and the demo builds them from the checkout.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=BUNDLED_CONNECTORS");
    let mut entries = String::new();
    if let Ok(folder) = std::env::var("BUNDLED_CONNECTORS") {
        // This script and the compiler run in other folders than whoever named it.
        assert!(
            Path::new(&folder).is_absolute(),
            "BUNDLED_CONNECTORS: `{folder}` is no absolute path; give one"
        );
        println!("cargo::rerun-if-changed={folder}");
        for id in ["hubspot", "google-calendar", "slack", "zapier"] {
            let path = Path::new(&folder).join(format!("{id}.wasm"));
            assert!(path.is_file(), "BUNDLED_CONNECTORS: {} is missing", path.display());
            entries.push_str(&format!("({id:?}, include_bytes!({:?}).as_slice()),\n", path.display()));
        }
    }
    let code =
        format!("/// Components by id, from the build.\nconst BUNDLE: &[(&str, &[u8])] = &[\n{entries}];\n");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    std::fs::write(Path::new(&out).join("bundle.rs"), code).expect("the build's own folder can be written");
}
