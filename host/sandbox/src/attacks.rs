//! Components that attack before, beside and after their functions: written by hand, for no compiler makes them. The
//! attacks of ordinary guests are in `tests/hostile`, those of whole packages in `host/catalog/tests`.

mod artefacts;
mod compiling;
mod denied;
mod running;
mod shapes;
mod values;

use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use model::{SystemClock, SystemIds};
use std::sync::Arc;
use store::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower};

use crate::engine::{CORE_INSTANCES, MEMORIES, TABLES};
use crate::{ArtefactKey, Call, Compiler, Connector, Halt, Limits, LoadError, Sandbox, SandboxOptions};

struct Den {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Den {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Self::open(folder.path(), 7, Compiler::ThisProcess).await;
        Self { sandbox, folder }
    }

    async fn open(folder: &std::path::Path, key: u8, compiler: Compiler) -> Sandbox {
        let path = folder.join("x.db");
        let options = store::Options { path, clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
        let store = Store::open(options).await.unwrap();
        let artefacts = folder.join("artefacts");
        Sandbox::new(SandboxOptions { artefacts, key: ArtefactKey([key; 32]), compiler, store, max_idle: 0 })
            .unwrap()
    }

    async fn load(&self, text: &str) -> Result<Arc<Connector>, LoadError> {
        let mut hasher = std::hash::DefaultHasher::new();
        text.hash(&mut hasher);
        let digest = format!("sha256:{:x}", hasher.finish());
        self.sandbox.prepare(&digest, &wat::parse_str(text).unwrap()).await
    }

    /// Instantiates, and calls nothing.
    async fn instantiated(&self, text: &str) -> Halt {
        self.instantiated_within(text, limits()).await
    }

    async fn instantiated_within(&self, text: &str, limits: Limits) -> Halt {
        let connector = self.load(text).await.unwrap();
        connector.run(Call::without_connection(limits), async |_, _| Ok(())).await.unwrap_err()
    }

    /// Calls one function.
    async fn called<P, R>(&self, text: &str, function: &str, arguments: P) -> Halt
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
        P: 'static,
    {
        let connector = self.load(text).await.unwrap();
        let body = async |store: &mut wasmtime::Store<crate::state::State>, instance: &Instance| {
            instance
                .get_typed_func::<P, R>(&mut *store, function)?
                .call_async(&mut *store, arguments)
                .await?;
            Ok(())
        };
        connector.run(Call::without_connection(limits()), body).await.unwrap_err()
    }
}

/// Little of everything, so that a guard is met at once; the deadline is far off, but not for ever where a guard is missing.
fn limits() -> Limits {
    let (cpu, deadline) = (Duration::from_millis(100), Duration::from_secs(20));
    Limits { cpu, deadline, memory: 4 << 20, instances: 5, ..Limits::default() }
}

/// A component of equal core instances.
fn repeated(part: &str, times: usize) -> String {
    format!("(component (core module $m {part}) {})", "(core instance (instantiate $m))".repeat(times))
}

const FOREVER: &str = "(loop $l (br $l)) unreachable";

#[tokio::test(flavor = "multi_thread")]
async fn a_start_function_without_end_is_halted_at_its_cpu_limit() {
    let text = "(component (core module $m (func $s (loop $l (br $l))) (start $s)) (core instance (instantiate $m)))";
    let halt = Den::new().await.instantiated(text).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_and_tables_that_are_there_from_the_start_count_too() {
    let den = Den::new().await;
    let limits = Limits { table_elements: 1_000_000, ..limits() };
    for (part, times) in [("(memory 100)", 1), ("(memory 20)", 4), ("(table 190000 funcref)", 3)] {
        let halt = den.instantiated_within(&repeated(part, times), limits.clone()).await;
        assert!(matches!(halt, Halt::Memory { limit_mib: 4, .. }), "{part}: {halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_halted_at_the_sum_of_their_elements() {
    let den = Den::new().await;
    let grows = "(table 0 funcref) (start $s) (func $s (loop $l (br_if $l (i32.add (i32.const 1)
      (table.grow (ref.null func) (i32.const 1000))))))";
    for (part, times, used) in [("(table 150000 funcref)", 2, 300_000), (grows, 1, 201_000)] {
        let halt = den.instantiated(&repeated(part, times)).await;
        assert_eq!(halt, Halt::bound("table-elements", used, 200_000), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_more_core_instances_than_allowed_is_halted() {
    let halt = Den::new().await.instantiated(&repeated("", 6)).await;
    assert_eq!(halt, Halt::bound("instances", 6, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_could_take_anothers_place_in_the_pool_does_not_load() {
    let den = Den::new().await;
    for (part, fits) in [("(memory 1)", MEMORIES), ("(table 1 funcref)", TABLES), ("", CORE_INSTANCES)] {
        let fits = fits as usize;
        den.load(&repeated(part, fits)).await.expect(part);
        assert!(matches!(den.load(&repeated(part, fits + 1)).await, Err(LoadError::Engine(_))), "{part}");
    }
    let large = format!("(table {} funcref)", Limits::most().table_elements + 1);
    assert!(matches!(den.load(&repeated(&large, 1)).await, Err(LoadError::Engine(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_names_the_same_bytes_again_and_again_is_not_copied_out() {
    // 1,000 strings of 60,000 bytes each: 8 KB beside the one text in the guest, 60 MB in the host.
    let text = r#"(component
      (core module $m
        (memory (export "memory") 32)
        (func (export "get") (result i32)
          (local $i i32) (local $at i32)
          (loop $l
            (local.set $at (i32.add (i32.const 131072) (i32.mul (local.get $i) (i32.const 8))))
            (i32.store (local.get $at) (i32.const 0))
            (i32.store offset=4 (local.get $at) (i32.const 60000))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
          (i32.store (i32.const 1000000) (i32.const 131072))
          (i32.store offset=4 (i32.const 1000000) (i32.const 1000))
          (i32.const 1000000)))
      (core instance $i (instantiate $m))
      (func (export "get") (result (list string))
        (canon lift (core func $i "get") (memory (core memory $i "memory")))))"#;
    let halt = Den::new().await.called::<(), (Vec<String>,)>(text, "get", ()).await;
    assert!(matches!(halt, Halt::Bound { limit: "copy-mib", used: 17, most: 16, .. }), "{halt}");
}

/// A function that takes a string, with a `cabi_realloc` and a `post-return` of the test's own.
fn takes(realloc: &str, after: &str) -> String {
    format!(
        r#"(component
      (core module $m
        (memory (export "memory") 2)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
        (func (export "take") (param i32 i32))
        (func (export "after") {after}))
      (core instance $i (instantiate $m))
      (func (export "take") (param "s" string)
        (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
          (post-return (core func $i "after")))))"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_own_allocator_can_neither_spin_nor_lie() {
    let den = Den::new().await;
    let argument = || ("s".repeat(1_000),);
    let halt = den.called::<_, ()>(&takes(FOREVER, ""), "take", argument()).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
    for lie in ["(i32.const -1)", "(i32.const 131071)", "(i32.const 130073)"] {
        let halt = den.called::<_, ()>(&takes(lie, ""), "take", argument()).await;
        assert!(matches!(halt, Halt::Trap { .. }), "{lie}: {halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_after_a_functions_end_is_halted_too() {
    let text = takes("(i32.const 1024)", "(loop $l (br $l))");
    let halt = Den::new().await.called::<_, ()>(&text, "take", ("s".to_owned(),)).await;
    assert!(matches!(halt, Halt::Cpu { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_says_first_what_it_was_and_no_name_in_it_misleads() {
    let long = "n".repeat(300);
    let frame = |n| {
        let name = format!(r#"(@name "f\n2026-01-01 ERROR forged\u{{202e}}\u{{1b}}[31m{n}{long}")"#);
        format!("(func $f{n} {name} (call $f{}))", n + 1)
    };
    let module = format!("{} (func $f8 unreachable) (start $f0)", (0..8).map(frame).collect::<String>());
    let text = format!("(component (core module $m {module}) (core instance (instantiate $m)))");
    let Halt::Trap { reason } = Den::new().await.instantiated(&text).await else { panic!() };
    assert!(reason.starts_with("wasm trap: wasm `unreachable` instruction executed"), "{reason}");
    assert!(reason.contains("forged"), "no name of the guest's is there: this shows nothing: {reason}");
    assert!(reason.len() <= 1024 + "…".len() && !reason.contains(crate::misleads), "{reason:?}");
}
