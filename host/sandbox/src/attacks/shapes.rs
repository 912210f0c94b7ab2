//! Components of absurd shape. Each is refused, or loads and is bounded like any other; none takes the host along.

use super::*;

async fn load(text: &str) -> Result<(), LoadError> {
    let began = std::time::Instant::now();
    let loaded = Den::new().await.load(text).await.map(|_| ());
    assert!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    loaded
}

fn many(times: usize, part: impl Fn(usize) -> String) -> String {
    let parts: String = (0..times).map(part).collect();
    format!("(component {parts})")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_linked_cannot_be_imported_be_it_one_or_ten_thousand() {
    for import in [
        "wasi:keyvalue/store@0.2.0",
        "wasi:config/store@0.2.0",
        "wasi:nn/graph@0.2.0",
        "wasi:http/incoming-handler@0.2.0",
        "wasi:cli/run@0.2.0",
        "wasi:sockets/types@0.3.0",
        "wasi:cli/environment@0.3.0",
        "jackfield:host/http@0.2.0",
        "jackfield:host/secrets@0.1.0",
        "jackfield:crm/write@0.1.0",
    ] {
        let text = format!("(component (import \"{import}\" (instance (export \"x\" (func)))))");
        let error = load(&text).await.unwrap_err().to_string();
        assert!(error.contains(import.split('@').next().unwrap()), "{error}");
    }
    let ten_thousand = many(10_000, |n| format!("(import \"other:thing/x{n}@0.2.0\" (instance))"));
    let ten_thousand_functions = many(10_000, |n| format!("(import \"f{n}\" (func))"));
    for text in [ten_thousand, ten_thousand_functions] {
        load(&text).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_another_type_than_the_contracts_is_not_linked() {
    for function in ["(func (result string))", "(func (param \"x\" u32) (result u64))", "(func (result s64))"]
    {
        let text = format!(
            "(component (import \"jackfield:host/connection@0.1.0\" (instance (export \"time-left-ms\" {function}))))"
        );
        assert!(matches!(load(&text).await, Err(LoadError::Engine(_))), "{function}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_types_and_functions_are_only_many() {
    load(&many(10_000, |n| format!("(type (record (field \"a{n}\" u32)))"))).await.unwrap();
    let functions = "(func)".repeat(10_000);
    load(&format!("(component (core module {functions}))")).await.unwrap();
}

/// Components in components, in bytes: the text's own parser goes no deeper than a few.
fn nested(deep: usize) -> Vec<u8> {
    let head = *b"\0asm\x0d\0\x01\0";
    (1..deep).fold(head.to_vec(), |inner, _| {
        let (mut section, mut length) = (head.to_vec(), inner.len());
        section.push(4);
        while length > 0x7f {
            section.push(0x80 | (length & 0x7f) as u8);
            length >>= 7;
        }
        section.push(length as u8);
        section.extend(inner);
        section
    })
}

/// Lists of lists.
fn lists(deep: usize) -> String {
    let list =
        |n| format!("(type $t{n} (list {}))", if n == 0 { "u8".to_owned() } else { format!("$t{}", n - 1) });
    many(deep, list)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nested_too_deep_is_refused_and_what_is_not_is_borne() {
    // Far more than a package may have: the catalog refuses it at 100.
    Den::new().await.sandbox.prepare("deep", &nested(1_000)).await.unwrap();
    load(&lists(1_000)).await.unwrap_err();
    load(&lists(90)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_claim_to_be_many_are_not_believed() {
    // A name section of a core module that says it has 4,294,967,295 names, and has none.
    let text = "(component (core module (func) (@custom \"name\" \"\\01\\05\\ff\\ff\\ff\\ff\\0f\")))";
    load(text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_lies_about_its_type_is_no_capability() {
    let text = r#"(component
      (core module $m (func (export "probe") (result i32) (i32.const 7)))
      (core instance $i (instantiate $m))
      (func $probe (result u32) (canon lift (core func $i "probe")))
      (instance $lifecycle (export "probe" (func $probe)))
      (export "jackfield:core/lifecycle@0.1.0" (instance $lifecycle)))"#;
    let den = Den::new().await;
    let connector = den.load(text).await.unwrap();
    // It is there by its name, and it can be called as what it is.
    let body = async |store: &mut wasmtime::Store<crate::state::State>, instance: &Instance| {
        let lifecycle = instance.get_export_index(&mut *store, None, "jackfield:core/lifecycle@0.1.0");
        let probe = instance.get_export_index(&mut *store, lifecycle.as_ref(), "probe").unwrap();
        instance.get_typed_func::<(), (u32,)>(&mut *store, &probe)?.call_async(&mut *store, ()).await
    };
    assert_eq!(connector.run(Call::without_connection(limits()), body).await.unwrap(), (7,));
    let halt = connector.probe(Call::without_connection(limits())).await.unwrap_err();
    assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("failed to convert")), "{halt}");
}
