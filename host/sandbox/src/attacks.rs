//! Components that attack before, beside and after their functions: written by hand, for no compiler makes them. The
//! attacks of ordinary guests are in `tests/hostile`.

use std::time::Duration;

use model::{SystemClock, SystemIds};
use std::sync::Arc;
use store::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower};

use crate::engine::{CORE_INSTANCES, MEMORIES, TABLES};
use crate::{
    ArtefactKey, Call, CompileError, Compiler, Connector, Halt, Limits, LoadError, Sandbox, SandboxOptions,
};

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
        Sandbox::new(SandboxOptions { artefacts, key: ArtefactKey([key; 32]), compiler, store }).unwrap()
    }

    async fn load(&self, text: &str) -> Result<Arc<Connector>, LoadError> {
        let digest = format!("sha256:{:x}", text.len());
        self.sandbox.prepare(&digest, &wat::parse_str(text).unwrap()).await
    }

    /// Instantiates, and calls nothing.
    async fn instantiated(&self, text: &str) -> Halt {
        let connector = self.load(text).await.unwrap();
        connector.run(Call::without_connection(limits()), async |_, _| Ok(())).await.unwrap_err()
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

/// Little of everything, so that a guard is met at once; the deadline is far off.
fn limits() -> Limits {
    Limits { cpu: Duration::from_millis(100), memory: 4 << 20, ..Limits::default() }
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
    for (part, times) in [("(memory 100)", 1), ("(memory 20)", 4), ("(table 190000 funcref)", 3)] {
        let halt = den.instantiated(&repeated(part, times)).await;
        assert!(matches!(halt, Halt::Memory { limit_mib: 4, .. }), "{part}: {halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_could_take_anothers_place_in_the_pool_does_not_load() {
    let den = Den::new().await;
    for (part, fits) in [("(memory 1)", MEMORIES), ("(table 1 funcref)", TABLES), ("", CORE_INSTANCES)] {
        let fits = fits as usize;
        den.load(&repeated(part, fits)).await.expect(part);
        assert!(matches!(den.load(&repeated(part, fits + 1)).await, Err(LoadError::Engine(_))), "{part}");
    }
    assert!(matches!(den.load(&repeated("(table 200001 funcref)", 1)).await, Err(LoadError::Engine(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_names_the_same_bytes_again_and_again_is_not_copied_out() {
    // 100,000 strings of 60,000 bytes each: 800 KB in the guest, 6 GB in the host.
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
            (br_if $l (i32.lt_u (local.get $i) (i32.const 100000))))
          (i32.store (i32.const 1000000) (i32.const 131072))
          (i32.store offset=4 (i32.const 1000000) (i32.const 100000))
          (i32.const 1000000)))
      (core instance $i (instantiate $m))
      (func (export "get") (result (list string))
        (canon lift (core func $i "get") (memory (core memory $i "memory")))))"#;
    let halt = Den::new().await.called::<(), (Vec<String>,)>(text, "get", ()).await;
    assert!(matches!(halt, Halt::Bound { limit: "call-bytes", .. }), "{halt}");
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
async fn an_artefact_that_was_changed_or_written_by_another_host_is_not_loaded() {
    let den = Den::new().await;
    let text = "(component)";
    den.load(text).await.unwrap();
    let file =
        std::fs::read_dir(den.folder.path().join("artefacts")).unwrap().next().unwrap().unwrap().path();
    let good = std::fs::read(&file).unwrap();
    let mut last = good.clone();
    *last.last_mut().unwrap() ^= 1;
    let mut tag = good.clone();
    tag[0] ^= 1;
    for bad in [last, tag, good[..good.len() - 1].to_vec(), good[..20].to_vec(), Vec::new()] {
        std::fs::write(&file, bad).unwrap();
        assert!(matches!(den.load(text).await, Err(LoadError::Tampered(_))));
    }
    std::fs::write(&file, &good).unwrap();
    den.load(text).await.unwrap();
    // Another connector's good artefact under this one's name.
    let other = "(component )";
    den.load(other).await.unwrap();
    let names = |d: &str| {
        den.folder
            .path()
            .join("artefacts")
            .read_dir()
            .unwrap()
            .flatten()
            .find(|e| e.file_name().to_string_lossy().starts_with(d))
    };
    let from = names("sha256c-").unwrap().path();
    std::fs::copy(&from, &file).unwrap();
    assert!(matches!(den.load(text).await, Err(LoadError::Tampered(_))));
    std::fs::write(&file, &good).unwrap();
    let another = Den::open(den.folder.path(), 8, Compiler::ThisProcess).await;
    let loaded = another.prepare("sha256:b", &wat::parse_str(text).unwrap()).await;
    assert!(matches!(loaded, Err(LoadError::Tampered(_))));
}

async fn child(script: &str, seconds: u64) -> Result<Vec<u8>, CompileError> {
    let args = vec!["-c".to_owned(), script.to_owned()];
    let time = Duration::from_secs(seconds);
    Compiler::Child { program: "/bin/sh".into(), args, memory: 1 << 30, time }.compile(b"x").await
}

#[tokio::test]
async fn a_compiler_that_writes_or_runs_without_end_is_stopped_and_sees_no_environment() {
    let error =
        child("while :; do echo 0123456789012345678901234567890123456789; done", 20).await.unwrap_err();
    assert!(error.to_string().contains("MiB of code"), "{error}");
    let error = child("while :; do :; done", 1).await.unwrap_err();
    assert!(error.to_string().contains("1 s are over"), "{error}");
    let seen = String::from_utf8(child("while read line; do :; done; export -p", 20).await.unwrap()).unwrap();
    for name in ["HOME", "CARGO", "PATH="] {
        assert!(!seen.contains(&format!("{name}=")) && !seen.contains("CARGO_"), "{seen}");
    }
}
