//! Guests that run away, in every way that the epoch, the stack or the meter might miss.

use super::*;

/// A component of one module with one function, `run`.
fn runs(items: &str, body: &str) -> String {
    format!(
        r#"(component
      (core module $m {items} (func (export "run") {body}))
      (core instance $i (instantiate $m))
      (func (export "run") (canon lift (core func $i "run"))))"#
    )
}

/// The same with a host function that takes nothing and gives a number.
fn asks(items: &str, body: &str) -> String {
    format!(
        r#"(component
      (import "jackfield:host/connection@0.1.0" (instance $c (export "time-left-ms" (func (result u64)))))
      (core func $left (canon lower (func $c "time-left-ms")))
      (core module $m
        (import "" "left" (func $left (result i64))) {items}
        (func (export "run") {body}))
      (core instance $i (instantiate $m (with "" (instance (export "left" (func $left))))))
      (func (export "run") (canon lift (core func $i "run"))))"#
    )
}

async fn halt_of(text: &str) -> Halt {
    Den::new().await.called::<(), ()>(text, "run", ()).await
}

/// It links, and runs to its end.
async fn assert_runs(text: &str) {
    let connector = Den::new().await.load(text).await.unwrap();
    let body = async |store: &mut wasmtime::Store<crate::state::State>, instance: &Instance| {
        instance.get_typed_func::<(), ()>(&mut *store, "run")?.call_async(&mut *store, ()).await
    };
    connector.run(Call::without_connection(limits()), body).await.unwrap_or_else(|halt| panic!("{halt}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_tables_that_grow_in_a_loop_are_halted_at_the_sum() {
    let den = Den::new().await;
    for (items, body) in [
        ("(memory 1)", "(loop $l (drop (memory.grow (i32.const 1))) (br $l))"),
        (
            "(memory 1) (table 1 funcref)",
            "(loop $l (drop (memory.grow (i32.const 1))) (drop (table.grow 0 (ref.null func) (i32.const 9))) (br $l))",
        ),
        ("(table 1 funcref)", "(loop $l (drop (table.grow 0 (ref.null func) (i32.const 1000))) (br $l))"),
    ] {
        let halt = den.called::<(), ()>(&runs(items, body), "run", ()).await;
        let met = matches!(halt, Halt::Memory { .. } | Halt::Bound { limit: "table-elements", .. });
        assert!(met, "{items}: {halt}");
    }
    // One that its own maximum refuses gains nothing by asking for ever: what is asked for counts.
    let full = runs("(memory 1 1)", "(loop $l (drop (memory.grow (i32.const 1))) (br $l))");
    let halt = den.called::<(), ()>(&full, "run", ()).await;
    assert!(matches!(halt, Halt::Memory { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_operations_are_halted_between_two_of_them_with_or_without_a_loop() {
    let den = Den::new().await;
    let fill = "(memory.fill (i32.const 0) (i32.const 7) (i32.const 3900000))";
    let copy = "(memory.copy (i32.const 1) (i32.const 0) (i32.const 3900000))";
    let table = "(table.fill (i32.const 0) (ref.null func) (i32.const 190000))";
    let again = |op: &str| format!("(loop $l {op} (br $l))");
    for (items, body) in [
        ("(memory 60)", again(fill)),
        ("(memory 60)", again(copy)),
        ("(table 190000 funcref)", again(table)),
        ("(memory 60)", fill.repeat(3_000)),
    ] {
        let began = std::time::Instant::now();
        let halt = den.called::<(), ()>(&runs(items, &body), "run", ()).await;
        assert!(matches!(halt, Halt::Cpu { .. }), "{items}: {halt}");
        assert!(began.elapsed() < Duration::from_secs(20), "{items}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_is_made_of_calls_is_halted_at_its_cpu_limit() {
    let den = Den::new().await;
    for (items, body) in [
        // No loop and no stack: the callee takes the caller's place.
        ("(func $f (return_call $f))", "(call $f)"),
        ("(table funcref (elem $f)) (func $f)", "(loop $l (call_indirect (i32.const 0)) (br $l))"),
        ("", "(loop $l (br_table $l $l $l (i32.const 1)))"),
        // Doubles with each level: 2 to the power of 60 calls, 60 deep.
        (
            "(func $f (param i32) (if (local.get 0) (then
               (call $f (i32.sub (local.get 0) (i32.const 1)))
               (call $f (i32.sub (local.get 0) (i32.const 1))))))",
            "(call $f (i32.const 60))",
        ),
    ] {
        let halt = den.called::<(), ()>(&runs(items, body), "run", ()).await;
        assert!(matches!(halt, Halt::Cpu { .. }), "{items}: {halt}");
    }
    // What it called before does not matter.
    let halt = den.called::<(), ()>(&asks("", "(drop (call $left)) (loop $l (br $l))"), "run", ()).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recursion_ends_in_a_trap_whatever_its_frames_and_callees() {
    let den = Den::new().await;
    // Two thousand values that live across the call make a frame of 16 KiB.
    let (many, live): (String, String) = (0..2_000)
        .map(|n| {
            (
                format!("(local.set {n} (i64.load offset={} (i32.const 0)))", n * 8),
                format!("(i64.add (local.get {n}))"),
            )
        })
        .unzip();
    let frames =
        format!("(memory 1) (func $f (result i64) (local {}) {many} (call $f) {live})", "i64 ".repeat(2_000));
    for text in [
        runs("(func $f (call $f))", "(call $f)"),
        runs("(table funcref (elem $f)) (func $f (call_indirect (i32.const 0)))", "(call $f)"),
        runs(&frames, "(drop (call $f))"),
        // The host's functions run on what is left of the stack.
        asks("(func $f (drop (call $left)) (call $f))", "(call $f)"),
    ] {
        let halt = den.called::<(), ()>(&text, "run", ()).await;
        assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("stack")), "{halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_at_the_start_is_a_trap_of_the_call() {
    let den = Den::new().await;
    let starts = |start: &str| {
        format!("(component (core module $m (func $s {start}) (start $s)) (core instance (instantiate $m)))")
    };
    let connector = den.load(&starts("nop")).await.unwrap();
    connector.run(Call::without_connection(limits()), async |_, _| Ok(())).await.unwrap();
    for (start, because) in
        [("unreachable", "unreachable"), ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "divide by zero")]
    {
        let halt = den.instantiated(&starts(start)).await;
        assert!(matches!(&halt, Halt::Trap { reason } if reason.contains(because)), "{halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_function_reaches_nothing_before_there_is_a_connection() {
    let text = r#"(component
      (import "jackfield:host/connection@0.1.0" (instance $c (export "config" (func (result string)))))
      (core module $lib (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
      (core instance $lib (instantiate $lib))
      (core func $config (canon lower (func $c "config")
        (memory (core memory $lib "memory")) (realloc (core func $lib "realloc"))))
      (core module $m (import "" "config" (func $config (param i32)))
        (func $s (call $config (i32.const 16))) (start $s))
      (core instance (instantiate $m (with "" (instance (export "config" (func $config)))))))"#;
    let halt = Den::new().await.instantiated(text).await;
    assert!(matches!(&halt, Halt::HostCall { reason } if reason.contains("host/connection")), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_without_end_are_halted_and_a_destructor_is_metered() {
    let resource = |dtor: &str, body: &str| {
        format!(
            r#"(component
      (core module $d (func (export "dtor") (param i32) {dtor}))
      (core instance $d (instantiate $d))
      (type $r (resource (rep i32) (dtor (core func $d "dtor"))))
      (core func $new (canon resource.new $r))
      (core func $drop (canon resource.drop $r))
      (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") {body}))
      (core instance $i (instantiate $m (with "" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
      (func (export "run") (canon lift (core func $i "run"))))"#
        )
    };
    assert_runs(&resource("", "(call $drop (call $new (i32.const 1)))")).await;
    let halt = halt_of(&resource("", "(loop $l (drop (call $new (i32.const 1))) (br $l))")).await;
    assert!(matches!(halt, Halt::Bound { limit: "handles", .. }), "{halt}");
    let halt = halt_of(&resource("(loop $l (br $l))", "(call $drop (call $new (i32.const 1)))")).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
    let halt = halt_of(&resource("unreachable", "(call $drop (call $new (i32.const 1)))")).await;
    assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("unreachable")), "{halt}");
    let twice = "(local $h i32) (local.set $h (call $new (i32.const 1))) (call $drop (local.get $h)) (call $drop (local.get $h))";
    let halt = halt_of(&resource("", twice)).await;
    assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("unknown handle index")), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_enter_itself_once_more() {
    // `run` calls its own component's other export, as an import of its second module.
    let calls = |call: &str| {
        format!(
            r#"(component
      (core module $a (func (export "inner")))
      (core instance $a (instantiate $a))
      (func $inner (canon lift (core func $a "inner")))
      (core func $lowered (canon lower (func $inner)))
      (core module $b (import "" "inner" (func $inner)) (func (export "run") {call}))
      (core instance $b (instantiate $b (with "" (instance (export "inner" (func $lowered))))))
      (func (export "run") (canon lift (core func $b "run"))))"#
        )
    };
    assert_runs(&calls("")).await;
    let halt = halt_of(&calls("(call $inner)")).await;
    assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("cannot enter component")), "{halt}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn timers_and_sockets_are_looked_at_between_two_turns_of_a_loop() {
    let connector = Den::new().await.load(&runs("", FOREVER)).await.unwrap();
    let limits = Limits { cpu: Duration::from_millis(1_500), ..limits() };
    let looping = tokio::spawn(async move {
        let body = async |store: &mut wasmtime::Store<crate::state::State>, instance: &Instance| {
            let run = instance.get_typed_func::<(), ()>(&mut *store, "run")?;
            run.call_async(&mut *store, ()).await
        };
        connector.run(Call::without_connection(limits), body).await.unwrap_err()
    });
    let timer = tokio::spawn(async {
        let mut late = Duration::ZERO;
        for _ in 0..8 {
            let began = std::time::Instant::now();
            tokio::time::sleep(Duration::from_millis(5)).await;
            late = late.max(began.elapsed());
        }
        late
    });
    let late = timer.await.unwrap();
    assert!(matches!(looping.await.unwrap(), Halt::Cpu { .. }));
    // A turn is 10 ms long; the runtime by itself looks once in 61 turns.
    assert!(late < Duration::from_millis(300), "a timer of 5 ms took {late:?}");
}
