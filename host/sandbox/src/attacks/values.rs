//! Guests that lie in what they pass: pointers, lengths, encodings, cases and handles.

use super::*;

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
    for (address, length) in [
        (64, 2),           // no UTF-8
        (0, u32::MAX),     // as long as an address goes
        (65_535, 2),       // over the end
        (u32::MAX, 1),     // beyond it
        (u32::MAX - 1, 4), // around the corner
        (70_000, 0),       // nothing, but nowhere
    ] {
        let text = gives("string", "", &lies_at(address, length), "(i32.const 0)");
        let halt = den.called::<(), (String,)>(&text, "get", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{address} {length}: {halt}");
    }
    // A lone surrogate.
    let text = gives("string", "string-encoding=utf16", &lies_at(66, 1), "(i32.const 0)");
    let halt = den.called::<(), (String,)>(&text, "get", ()).await;
    assert!(matches!(halt, Halt::Trap { .. }), "{halt}");
    // Not aligned; so many that their size is nothing again; in a result that lies nowhere, or askew.
    for (address, length, body) in [
        (1, 1, "(i32.const 0)"),
        (8, 0x2000_0000, "(i32.const 0)"),
        (8, 0x2000_0001, "(i32.const 0)"),
        (8, 1, "(i32.const -4)"),
        (8, 1, "(i32.const 2)"),
        (8, 1, "(i32.const 65532)"),
    ] {
        let text = gives("(list u64)", "", &lies_at(address, length), body);
        let halt = den.called::<(), (Vec<u64>,)>(&text, "get", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{address} {length} {body}: {halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_or_character_that_does_not_exist_is_a_trap() {
    let den = Den::new().await;
    for code in [0xD800_u32, 0x11_0000, u32::MAX] {
        let text = gives("char", "", "", &format!("(i32.const {code})"));
        let halt = den.called::<(), (char,)>(&text, "get", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{code}: {halt}");
    }
    for case in ["\\02", "\\ff"] {
        let data = format!("(data (i32.const 0) \"{case}\")");
        let text = gives("(option u32)", "", &data, "(i32.const 0)");
        let halt = den.called::<(), (Option<u32>,)>(&text, "get", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{case}: {halt}");
        let text = gives("(result (error string))", "", &data, "(i32.const 0)");
        let halt = den.called::<(), (Result<(), String>,)>(&text, "get", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{case}: {halt}");
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
    for arguments in [
        "4 0 0 0 0", // no such level
        "-1 0 0 0 0",
        "1 64 2 0 0",        // no UTF-8
        "1 0 -1 0 0",        // as long as an address goes
        "1 2097151 2 0 0",   // over the end
        "1 -1 1 0 0",        // beyond it
        "1 0 0 2 1",         // not aligned
        "1 0 0 0 268435456", // so many that their size is nothing again
        "1 0 0 2097148 1",   // over the end
    ] {
        let pushed: String = arguments.split(' ').map(|n| format!("(i32.const {n}) ")).collect();
        let halt = den.called::<(), ()>(&logs(&pushed), "run", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{arguments}: {halt}");
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
    den.load(&takes_bytes("(i32.const 1024)", "16")).await.unwrap();
    let halt = den.called::<(), ()>(&takes_bytes(FOREVER, "16"), "run", ()).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
    for (realloc, place) in [
        ("(i32.const -1)", "16"),      // around the corner
        ("(i32.const 65000)", "16"),   // over the end
        ("(i32.const 1024)", "18"),    // the answer askew
        ("(i32.const 1024)", "65532"), // the answer over the end
        ("unreachable", "16"),
        ("(drop (call $u64)) (i32.const 1024)", "16"), // the host again, from within
    ] {
        let halt = den.called::<(), ()>(&takes_bytes(realloc, place), "run", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{realloc} {place}: {halt}");
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
    for body in [
        "(call $drop-out (i32.add (local.get $h) (i32.const 1)))",
        "(call $drop-out (i32.const -1))",
        "(call $drop-out (i32.const 0))",
        "(call $drop-in (local.get $h))",
        "(call $drop-out (local.get $h)) (call $drop-out (local.get $h))",
    ] {
        let halt = den.called::<(), ()>(&text(body), "run", ()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{body}: {halt}");
    }
}
