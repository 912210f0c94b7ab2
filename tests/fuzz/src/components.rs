//! A component before it is installed. Input: its bytes.

use catalog::{Catalog, CatalogError};
use manifest::{Manifest, SECTION};
use wasm_encoder::{
    ComponentBuilder, ComponentExportKind, ComponentTypeRef, CustomSection, InstanceType, Module,
};

const MANIFEST: &str = "manifest = 1\nid = \"example\"\nname = \"Example\"\nversion = \"1.0.0\"\n";
const LIFECYCLE: &str = "jackfield:core/lifecycle@0.1.0";

pub(crate) fn run(data: &[u8]) {
    match Catalog::examine(data) {
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && text.len() < 128 * 1024, "{} bytes of error", text.len());
            // A manifest's problems are one a line; everything else is one line.
            let control =
                |c: char| c.is_control() && !(c == '\n' && matches!(error, CatalogError::Manifest(_)));
            assert!(!text.chars().any(control), "{text:?}");
        }
        Ok(package) => {
            assert_eq!(package.size, data.len() as u64);
            assert!(package.digest.starts_with("sha256:") && package.digest.len() == 71);
            assert_eq!(Manifest::parse(&package.manifest_text).as_ref(), Ok(&package.manifest));
            assert!(package.interfaces.iter().any(|i| i == LIFECYCLE));
            assert!(package.interfaces.iter().all(|i| i.starts_with("jackfield:") && i.ends_with("@0.1.0")));
            let known = |i: &String| i.starts_with("jackfield:") || i.starts_with("wasi:");
            assert!(package.imports.iter().all(known), "{:?}", package.imports);
            let inside =
                data.windows(package.manifest_text.len()).any(|w| w == package.manifest_text.as_bytes());
            assert!(inside, "the manifest is not the component's own");
        }
    }
}

/// Components to begin with: one that is accepted, and some that nearly are.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let http = "jackfield:host/http@0.1.0";
    let sink = format!("{MANIFEST}[sink]\nevents = [\"*\"]\n");
    let mut nested = Module::new();
    nested.section(&CustomSection { name: SECTION.into(), data: MANIFEST.as_bytes().into() });
    vec![
        component(&[http, "wasi:io/streams@0.2.6"], &[LIFECYCLE], &[MANIFEST], None),
        component(&[], &[LIFECYCLE, "jackfield:automation/sink@0.1.0"], &[&sink], Some(&nested)),
        component(&[http], &[LIFECYCLE, "jackfield:crm/types@0.1.0"], &[MANIFEST, MANIFEST], None),
        component(&["wasi:http/types@0.3.0"], &["jackfield:core/lifecycle@0.2.0"], &[MANIFEST], None),
        nested.finish(),
    ]
}

fn component(imports: &[&str], exports: &[&str], manifests: &[&str], module: Option<&Module>) -> Vec<u8> {
    let mut builder = ComponentBuilder::default();
    if let Some(module) = module {
        builder.core_module(None, module);
    }
    let empty = builder.type_instance(None, &InstanceType::new());
    for import in imports {
        builder.import(*import, ComponentTypeRef::Instance(empty));
    }
    for export in exports {
        let none: [(&str, ComponentExportKind, u32); 0] = [];
        let instance = builder.instantiate_exports(None, none);
        builder.export(*export, ComponentExportKind::Instance, instance, None);
    }
    for manifest in manifests {
        builder.custom_section(&CustomSection { name: SECTION.into(), data: manifest.as_bytes().into() });
    }
    builder.finish()
}
