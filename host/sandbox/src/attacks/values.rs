//! Guests that lie in what they pass: pointers, lengths, encodings, cases and handles.

use super::*;

/// It links and answers: where the same component lies it is the lie that is halted, not the component.
async fn honest<R>(den: &Den, text: &str, function: &str) -> R
where
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    let connector = den.load(text).await.unwrap();
    let body = async |store: &mut wasmtime::Store<crate::state::State>, instance: &Instance| {
        instance.get_typed_func::<(), R>(&mut *store, function)?.call_async(&mut *store, ()).await
    };
    connector.run(Call::without_connection(limits()), body).await.unwrap_or_else(|halt| panic!("{halt}"))
}

/// A trap, and for this reason.
fn assert_trap(halt: &Halt, because: &str, what: &str) {
    assert!(matches!(halt, Halt::Trap { reason } if reason.contains(because)), "{what}: {halt}");
}

/// A component whose `get` gives a value of type `ty` by what `body` leaves: a value, or where in memory it lies.
fn gives(ty: &str, options: &str, data: &str, body: &str) -> String {
    format!(
        r#"(component
      (core module $m (memory (export "memory") 1) {data} (func (export "get") (result i32) {body}))
      (core instance $i (instantiate $m))
      (func (export "get") (result {ty})
        (canon lift (core func $i "get") (memory (core memory $i "memory")) {options})))"#
    )
}

/// Where a list or a string lies, in memory at 0: its address, then its length.
fn lies_at(address: u32, length: u32) -> String {
    let bytes: String =
        [address, length].iter().flat_map(|n| n.to_le_bytes()).map(|b| format!("\\{b:02x}")).collect();
    format!("(data (i32.const 0) \"{bytes}\") (data (i32.const 64) \"\\ff\\fe\\00\\d8\")")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_or_list_that_lies_elsewhere_or_is_none_is_a_trap() {
    let den = Den::new().await;
    let text = |encoding: &str, address, length| {
        gives("string", encoding, &lies_at(address, length), "(i32.const 0)")
    };
    assert_eq!(honest::<(String,)>(&den, &text("", 4_096, 2), "get").await.0, "\0\0");
    for (address, length, because) in [
        (64, 2, "invalid utf-8"),
        // As long as an address goes; over the end; beyond it; around the corner; nothing, but nowhere.
        (0, u32::MAX, "string pointer/length out of bounds"),
        (65_535, 2, "string pointer/length out of bounds"),
        (u32::MAX, 1, "string pointer/length out of bounds"),
        (u32::MAX - 1, 4, "string pointer/length out of bounds"),
        (70_000, 0, "string pointer/length out of bounds"),
    ] {
        let halt = den.called::<(), (String,)>(&text("", address, length), "get", ()).await;
        assert_trap(&halt, because, &format!("{address} {length}"));
    }
    let wide = "string-encoding=utf16";
    assert_eq!(honest::<(String,)>(&den, &text(wide, 4_096, 1), "get").await.0, "\0");
    let halt = den.called::<(), (String,)>(&text(wide, 66, 1), "get", ()).await;
    assert_trap(&halt, "surrogate", "a lone surrogate");
    let list = |address, length, body: &str| gives("(list u64)", "", &lies_at(address, length), body);
    assert_eq!(honest::<(Vec<u64>,)>(&den, &list(4_096, 2, "(i32.const 0)"), "get").await.0, [0, 0]);
    for (address, length, body, because) in [
        (1, 1, "(i32.const 0)", "list pointer is not aligned"),
        // So many that their size is nothing again; in a result that lies nowhere, or askew.
        (8, 0x2000_0000, "(i32.const 0)", "list pointer/length out of bounds"),
        (8, 0x2000_0001, "(i32.const 0)", "list pointer/length out of bounds"),
        (8, 1, "(i32.const -4)", "pointer out of bounds"),
        (8, 1, "(i32.const 2)", "return pointer not aligned"),
        (8, 1, "(i32.const 65532)", "pointer out of bounds"),
    ] {
        let halt = den.called::<(), (Vec<u64>,)>(&list(address, length, body), "get", ()).await;
        assert_trap(&halt, because, &format!("{address} {length} {body}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_or_character_that_does_not_exist_is_a_trap() {
    let den = Den::new().await;
    let character = |code: u32| gives("char", "", "", &format!("(i32.const {code})"));
    assert_eq!(honest::<(char,)>(&den, &character(0x1F600), "get").await.0, '\u{1F600}');
    for code in [0xD800_u32, 0x11_0000, u32::MAX] {
        let halt = den.called::<(), (char,)>(&character(code), "get", ()).await;
        assert_trap(&halt, "integer out of range", &code.to_string());
    }
    let case =
        |ty: &str, case: &str| gives(ty, "", &format!("(data (i32.const 0) \"{case}\")"), "(i32.const 0)");
    let (option, result) = ("(option u32)", "(result (error string))");
    assert_eq!(honest::<(Option<u32>,)>(&den, &case(option, "\\01"), "get").await.0, Some(0));
    assert_eq!(honest::<(Result<(), String>,)>(&den, &case(result, "\\00"), "get").await.0, Ok(()));
    for none in ["\\02", "\\ff"] {
        let halt = den.called::<(), (Option<u32>,)>(&case(option, none), "get", ()).await;
        assert_trap(&halt, "invalid option discriminant", none);
        let halt = den.called::<(), (Result<(), String>,)>(&case(result, none), "get", ()).await;
        assert_trap(&halt, "invalid expected discriminant", none);
    }
}

/// A component that logs, with arguments of its own making.
fn logs(arguments: &str) -> String {
    format!(
        r#"(component
      (import "jackfield:host/log@0.1.0" (instance $log
        (type $l (enum "debug" "info" "warn" "error"))
        (export "level" (type $level (eq $l)))
        (export "emit" (func (param "level" $level) (param "message" string)
          (param "fields" (list (tuple string string)))))))
      (core module $lib (memory (export "memory") 32) (data (i32.const 64) "\ff\fe"))
      (core instance $lib (instantiate $lib))
      (core func $emit (canon lower (func $log "emit") (memory (core memory $lib "memory"))))
      (core module $m
        (import "" "emit" (func $emit (param i32 i32 i32 i32 i32)))
        (import "" "memory" (memory 32))
        (func (export "run") (local $i i32) {arguments} (call $emit)))
      (core instance $i (instantiate $m (with "" (instance
        (export "emit" (func $emit)) (export "memory" (memory $lib "memory"))))))
      (func (export "run") (canon lift (core func $i "run"))))"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_of_a_host_call_that_lies_is_a_trap() {
    let den = Den::new().await;
    let pushed = |arguments: &str| -> String {
        logs(&arguments.split(' ').map(|n| format!("(i32.const {n}) ")).collect::<String>())
    };
    honest::<()>(&den, &pushed("1 0 0 0 0"), "run").await;
    honest::<()>(&den, &pushed("3 4096 2 8192 1"), "run").await;
    for (arguments, because) in [
        // No such level.
        ("4 0 0 0 0", "unexpected discriminant"),
        ("-1 0 0 0 0", "unexpected discriminant"),
        ("1 64 2 0 0", "invalid utf-8"),
        // As long as an address goes; over the end; beyond it.
        ("1 0 -1 0 0", "string pointer/length out of bounds"),
        ("1 2097151 2 0 0", "string pointer/length out of bounds"),
        ("1 -1 1 0 0", "string pointer/length out of bounds"),
        ("1 0 0 2 1", "list pointer is not aligned"),
        // So many that their size is nothing again; over the end.
        ("1 0 0 0 268435456", "list pointer/length out of bounds"),
        ("1 0 0 2097148 1", "list pointer/length out of bounds"),
    ] {
        let halt = den.called::<(), ()>(&pushed(arguments), "run", ()).await;
        assert_trap(&halt, because, arguments);
    }
    // 1,000 fields that are all the same 60,000 bytes.
    let same = "(loop $l
        (i32.store (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))) (i32.const 128))
        (i32.store offset=4 (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 8))) (i32.const 60000))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 2000))))
      (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 1000)";
    let halt = den.called::<(), ()>(&logs(same), "run", ()).await;
    assert!(matches!(halt, Halt::Bound { limit: "copy-mib", .. }), "{halt}");
}

/// A component that asks for random bytes, with an allocator of its own.
fn takes_bytes(realloc: &str, place: &str) -> String {
    format!(
        r#"(component
      (import "wasi:random/random@0.2.0" (instance $r
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
        (export "get-random-u64" (func (result u64)))))
      (core module $relay (table (export "t") 1 funcref) (type $u (func (result i64)))
        (func (export "u64") (result i64) (call_indirect (type $u) (i32.const 0))))
      (core instance $relay (instantiate $relay))
      (core module $lib
        (import "" "u64" (func $u64 (result i64)))
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc}))
      (core instance $lib (instantiate $lib (with "" (instance $relay))))
      (core func $u64 (canon lower (func $r "get-random-u64")))
      (core module $fill (import "" "t" (table 1 funcref)) (import "" "u64" (func $u64 (result i64)))
        (elem (i32.const 0) func $u64))
      (core instance (instantiate $fill (with "" (instance
        (export "t" (table $relay "t")) (export "u64" (func $u64))))))
      (core func $bytes (canon lower (func $r "get-random-bytes")
        (memory (core memory $lib "memory")) (realloc (core func $lib "realloc"))))
      (core module $m (import "" "bytes" (func $bytes (param i64 i32)))
        (func (export "run") (call $bytes (i64.const 4096) (i32.const {place}))))
      (core instance $i (instantiate $m (with "" (instance (export "bytes" (func $bytes))))))
      (func (export "run") (canon lift (core func $i "run"))))"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocator_that_is_asked_for_a_host_calls_answer_can_neither_spin_nor_lie_nor_call_back() {
    let den = Den::new().await;
    honest::<()>(&den, &takes_bytes("(i32.const 1024)", "16"), "run").await;
    let halt = den.called::<(), ()>(&takes_bytes(FOREVER, "16"), "run", ()).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
    for (realloc, place, because) in [
        // Around the corner; over the end; the answer askew; the answer over the end.
        ("(i32.const -1)", "16", "realloc return: beyond end of memory"),
        ("(i32.const 65000)", "16", "realloc return: beyond end of memory"),
        ("(i32.const 1024)", "18", "pointer not aligned"),
        ("(i32.const 1024)", "65532", "pointer out of bounds"),
        ("unreachable", "16", "unreachable"),
        // The host again, from within.
        ("(drop (call $u64)) (i32.const 1024)", "16", "cannot leave component instance"),
    ] {
        let halt = den.called::<(), ()>(&takes_bytes(realloc, place), "run", ()).await;
        assert_trap(&halt, because, &format!("{realloc} {place}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_was_made_up_or_given_away_is_a_trap() {
    let text = |body: &str| {
        format!(
            r#"(component
      (import "wasi:io/streams@0.2.0" (instance $s
        (export "output-stream" (type $out (sub resource)))
        (export "input-stream" (type $in (sub resource)))))
      (alias export $s "output-stream" (type $out))
      (alias export $s "input-stream" (type $in))
      (import "wasi:cli/stdout@0.2.0" (instance $o
        (alias outer 1 $out (type $t)) (export "output-stream" (type $e (eq $t)))
        (export "get-stdout" (func (result (own $e))))))
      (core func $get (canon lower (func $o "get-stdout")))
      (core func $drop-out (canon resource.drop $out))
      (core func $drop-in (canon resource.drop $in))
      (core module $m
        (import "" "get" (func $get (result i32)))
        (import "" "drop-out" (func $drop-out (param i32)))
        (import "" "drop-in" (func $drop-in (param i32)))
        (func (export "run") (local $h i32) (local.set $h (call $get)) {body}))
      (core instance $i (instantiate $m (with "" (instance
        (export "get" (func $get)) (export "drop-out" (func $drop-out)) (export "drop-in" (func $drop-in))))))
      (func (export "run") (canon lift (core func $i "run"))))"#
        )
    };
    let den = Den::new().await;
    honest::<()>(&den, &text("(call $drop-out (local.get $h))"), "run").await;
    for (body, because) in [
        ("(call $drop-out (i32.add (local.get $h) (i32.const 1)))", "unknown handle index"),
        ("(call $drop-out (i32.const -1))", "unknown handle index"),
        ("(call $drop-out (i32.const 0))", "unknown handle index"),
        ("(call $drop-in (local.get $h))", "used with the wrong type"),
        ("(call $drop-out (local.get $h)) (call $drop-out (local.get $h))", "unknown handle index"),
    ] {
        let halt = den.called::<(), ()>(&text(body), "run", ()).await;
        assert_trap(&halt, because, body);
    }
}
