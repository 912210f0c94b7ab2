//! Components, and compilers, that would use up the machine before anything runs.

use super::*;
use crate::{CompileError, compile_in_this_process};

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

/// What the next test runs as a child; by itself it does nothing.
#[test]
fn this_test_compiles_when_it_is_given_limits() {
    let args: Vec<String> = std::env::args().collect();
    let [.., memory, seconds] = &args[..] else { return };
    if let (Ok(memory), Ok(seconds)) = (memory.parse(), seconds.parse()) {
        std::process::exit(compile_in_this_process(memory, seconds));
    }
}

/// Compiles as `install` does, in a child with limits, but with lower ones.
async fn limited(text: &str, mib: u64, seconds: u64) -> Result<Vec<u8>, CompileError> {
    let name = "attacks::compiling::this_test_compiles_when_it_is_given_limits";
    let args = [name, "--exact", "--nocapture"].map(str::to_owned).to_vec();
    let program = std::env::current_exe().unwrap();
    let time = Duration::from_secs(seconds);
    let compiler = Compiler::Child { program, args, memory: mib << 20, time };
    compiler.compile(&wat::parse_str(text).unwrap()).await
}

fn module(items: &str) -> String {
    format!("(component (core module $m {items}))")
}

#[tokio::test]
async fn a_component_that_takes_the_compiler_too_long_or_too_much_memory_is_refused() {
    limited(&module("(func)"), 1024, 60).await.expect("an ordinary one compiles within these limits");
    // 3,000 variables that live through each of 3,000 joins.
    let joins: String =
        (0..3_000).map(|n| format!("(if (local.get 0) (then (local.set {} (call $f)))) ", n + 1)).collect();
    let live: String = (0..3_000)
        .map(|n| format!("(drop (local.get {}))(global.set 0 (local.get {}))", n + 1, n + 1))
        .collect();
    let bomb = module(&format!(
        "(global (mut i64) (i64.const 0)) (func $f (result i64) (i64.const 0)) \
         (func (param i32) (local {}) (loop $l {joins} {live} (br_if $l (local.get 0))))",
        "i64 ".repeat(3_000)
    ));
    let began = std::time::Instant::now();
    let error = limited(&bomb, 1024, 1).await.unwrap_err();
    assert!(matches!(error, CompileError::Child(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let error = limited(&module("(func)"), 8, 60).await.unwrap_err();
    assert!(matches!(error, CompileError::Child(_)), "{error}");
}
