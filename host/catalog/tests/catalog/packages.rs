//! Packages that attack: forged manifests, another's id, and shapes that cost whoever reads them more than who made them.

use std::time::{Duration, Instant};

use wasm_encoder::Component;

use super::*;

const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// A component of one section, by its number.
fn with_section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    bytes.push(id);
    number(&mut bytes, content.len());
    bytes.extend(content);
    bytes
}

/// LEB128.
fn number(bytes: &mut Vec<u8>, mut n: usize) {
    while n > 0x7f {
        bytes.push(0x80 | (n & 0x7f) as u8);
        n >>= 7;
    }
    bytes.push(n as u8);
}

/// Components in components.
fn nested(deep: usize) -> Vec<u8> {
    // From the inside out, but written once: copying each level would take the square.
    let mut sizes = vec![COMPONENT.len()];
    for n in 1..deep {
        let mut length = Vec::new();
        number(&mut length, sizes[n - 1]);
        sizes.push(COMPONENT.len() + 1 + length.len() + sizes[n - 1]);
    }
    let mut bytes = Vec::new();
    for n in (0..deep).rev() {
        bytes.extend(COMPONENT);
        if n > 0 {
            bytes.push(4);
            number(&mut bytes, sizes[n - 1]);
        }
    }
    bytes
}

/// Refused, and before anybody gets tired.
fn refused_soon(bytes: &[u8]) -> CatalogError {
    let began = Instant::now();
    let error = refused(bytes);
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}: {error}", began.elapsed());
    assert!(!error.to_string().contains(char::is_control), "{error}");
    error
}

#[test]
fn what_is_nested_too_deep_is_refused_before_it_is_validated() {
    for deep in [200, 20_000, 1_000_000] {
        assert_eq!(refused_soon(&nested(deep)), CatalogError::TooDeep, "{deep}");
    }
    assert_eq!(refused_soon(&nested(50)), CatalogError::NoManifest);
}

#[test]
fn counts_and_lengths_that_are_not_true_are_not_believed() {
    let all = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for id in 0..=12 {
        // A section that says it holds 4,294,967,295 things, and holds none.
        assert!(matches!(
            refused_soon(&with_section(id, &all)),
            CatalogError::Malformed(_) | CatalogError::NoManifest
        ));
        // One that says it is so long.
        let mut bytes = COMPONENT.to_vec();
        bytes.push(id);
        bytes.extend(all);
        assert!(matches!(refused_soon(&bytes), CatalogError::Malformed(_)), "{id}");
    }
}

#[test]
fn a_module_of_a_million_empty_segments_is_refused() {
    let mut data = Vec::new();
    number(&mut data, 1_000_000);
    data.extend([1, 0].repeat(1_000_000));
    let mut module = Module::new();
    module.section(&wasm_encoder::RawSection { id: 11, data: &data });
    let mut builder = ComponentBuilder::default();
    builder.core_module_raw(None, module.as_slice());
    assert!(matches!(refused_soon(&builder.finish()), CatalogError::Malformed(_)));
}

#[test]
fn ten_thousand_imports_are_refused_without_naming_them() {
    let names: Vec<String> = (0..10_000).map(|i| format!("wasi:io/x{i}@0.2.0")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(refused_soon(&component(&names, &[LIFECYCLE], &[SMALL])), CatalogError::TooMany("imports"));
}

#[test]
fn names_that_are_twice_there_or_that_draw_on_the_terminal_are_refused() {
    let twice = component(&[], &[LIFECYCLE, LIFECYCLE], &[SMALL]);
    assert!(matches!(refused_soon(&twice), CatalogError::Malformed(_)));
    for name in [
        "",
        "\u{1b}[2J",
        "jackfield:core/lifecycle@0.1.0\n",
        "jackfield:core/\u{202e}",
        "Jackfield:core/x",
        "a b",
    ] {
        let _ = refused_soon(&component(&[], &[LIFECYCLE, name], &[SMALL]));
        let _ = refused_soon(&component(&[name], &[LIFECYCLE], &[SMALL]));
    }
}

#[test]
fn a_component_of_another_version_of_the_contract_says_which() {
    for version in ["0.0.1", "0.2.0", "9.9.9", "0.1.0-rc.1"] {
        let newer = format!("jackfield:core/lifecycle@{version}");
        let error = refused_soon(&component(&[], &[&newer], &[SMALL])).to_string();
        assert!(error.contains(&format!("built for contract {version}")), "{error}");
        let newer = format!("jackfield:host/http@{version}");
        let error = refused_soon(&component(&[&newer], &[LIFECYCLE], &[SMALL])).to_string();
        assert!(error.contains(&format!("built for contract {version}")), "{error}");
    }
}

#[test]
fn a_manifest_counts_only_where_it_belongs_and_as_large_as_it_may_be() {
    // One in a component inside does not count, neither for want of another nor beside it.
    let forged = SMALL.replace("example", "forged");
    let inner = component(&[], &[], &[&forged]);
    let mut around = Component::new();
    around.section(&wasm_encoder::RawSection { id: 4, data: &inner });
    assert_eq!(refused_soon(around.as_slice()), CatalogError::NoManifest);
    around.section(&CustomSection { name: manifest::SECTION.into(), data: SMALL.as_bytes().into() });
    assert_eq!(refused_soon(around.as_slice()), CatalogError::NoLifecycle);
    let large = format!("{SMALL}# {}\n", "x".repeat(manifest::MAX_BYTES));
    let error = refused_soon(&component(&[], &[LIFECYCLE], &[&large]));
    assert!(error.to_string().contains("at most"), "{error}");
    // A name that only looks like the section's.
    let mut builder = ComponentBuilder::default();
    let name = format!("{}\u{200b}", manifest::SECTION);
    builder.custom_section(&CustomSection { name: name.into(), data: SMALL.as_bytes().into() });
    assert_eq!(refused_soon(&builder.finish()), CatalogError::NoManifest);
}

#[tokio::test]
async fn a_package_under_anothers_id_shows_all_that_it_changes() {
    let house = House::new().await;
    house.catalog.install(good(REACH)).await.unwrap();
    let theirs = REACH.replace("api.example.com", "collect.example.net").replace("GET", "POST");
    let review = house.catalog.review(&examined(&good(&theirs))).await.unwrap();
    assert_eq!(review.before.as_ref().unwrap().connector.id, "example");
    let page = review.to_string();
    let (_, compared) = page.split_once("Compared with the installed version 1.0.0").expect("a comparison");
    assert!(compared.contains("+ POST https://collect.example.net/v1/*"), "{page}");
    assert!(compared.contains("- GET https://api.example.com/v1/*"), "{page}");
}
