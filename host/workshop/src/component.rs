//! The component that cargo made: is it one, and how the manifest gets into it.

use std::borrow::Cow;

use wasm_encoder::{ComponentSection as _, CustomSection, Encode as _};
use wasmparser::{Parser, Payload, Validator};

/// Puts the manifest's text into a component as one custom section at its top level, so that the component's digest
/// covers it.
///
/// # Errors
/// A sentence where the bytes are not a valid component, or carry such a section already.
pub fn embed(component: &[u8], manifest: &str) -> Result<Vec<u8>, String> {
    check(component)?;
    let mut whole = Vec::with_capacity(component.len() + manifest.len() + 64);
    whole.extend_from_slice(component);
    let section =
        CustomSection { name: Cow::Borrowed(manifest::SECTION), data: Cow::Borrowed(manifest.as_bytes()) };
    whole.push(section.id());
    section.encode(&mut whole);
    Ok(whole)
}

/// Whether the bytes are a valid component without a manifest.
fn check(bytes: &[u8]) -> Result<(), String> {
    if Parser::is_core_wasm(bytes) {
        return Err("cargo made a core module, not a component: the target must be wasm32-wasip2".to_owned());
    }
    if !Parser::is_component(bytes) {
        return Err("cargo made something that is not a WebAssembly component".to_owned());
    }
    Validator::new().validate_all(bytes).map_err(|e| format!("the component is not valid: {e}"))?;
    // Modules and components nest; only the outermost level counts.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| format!("the component cannot be read: {e}"))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == manifest::SECTION => {
                return Err(format!("the component carries a `{}` section already", manifest::SECTION));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{Component, Module, ModuleSection};

    fn sections(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        Parser::new(0)
            .parse_all(bytes)
            .filter_map(|p| match p.unwrap() {
                Payload::CustomSection(s) => Some((s.name().to_owned(), s.data().to_vec())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_manifest_can_be_read_back() {
        let whole = embed(&Component::new().finish(), "manifest = 1\n").unwrap();
        assert_eq!(sections(&whole), [(manifest::SECTION.to_owned(), b"manifest = 1\n".to_vec())]);
        Validator::new().validate_all(&whole).unwrap();
    }

    #[test]
    fn a_second_manifest_is_refused() {
        let once = embed(&Component::new().finish(), "manifest = 1\n").unwrap();
        assert!(embed(&once, "manifest = 1\n").unwrap_err().contains("already"));
    }

    #[test]
    fn a_nested_modules_section_of_that_name_is_not_the_components() {
        let mut module = Module::new();
        module.section(&CustomSection { name: manifest::SECTION.into(), data: Cow::Borrowed(b"x") });
        let mut outer = Component::new();
        outer.section(&ModuleSection(&module));
        assert!(embed(&outer.finish(), "manifest = 1\n").is_ok());
    }

    #[test]
    fn what_is_no_component_is_refused() {
        assert!(embed(&Module::new().finish(), "").unwrap_err().contains("core module"));
        assert!(embed(b"\x7fELF", "").is_err());
        assert!(embed(b"", "").is_err());
        let mut broken = Component::new().finish();
        broken.extend_from_slice(&[1, 200]);
        assert!(embed(&broken, "").is_err());
    }
}
