//! Compiling a component, in a child process with limits.
//!
//! A compiler fed with foreign bytes can be made to take all memory or all day, which wasmtime does not call a
//! vulnerability. So the child has both limits, and a clean environment.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::engine;

/// The most machine code that is taken from the child, in bytes. A Python connector has some 60 MiB.
pub(crate) const CODE_MAX: u64 = if cfg!(test) { 1 << 20 } else { 512 << 20 };

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// A child process: this program with these arguments must end in [`compile_in_this_process`].
    Child {
        /// The program, an absolute path.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
        /// Address space, in bytes.
        memory: u64,
        /// CPU time and wall-clock time.
        time: Duration,
    },
    /// This very process, without limits: for tests, and for components that were just built here.
    ThisProcess,
}

impl Compiler {
    /// A child with the usual limits: 4 GiB of address space, two minutes.
    #[must_use]
    pub fn child(program: PathBuf, args: Vec<String>) -> Self {
        Self::Child { program, args, memory: 4 << 30, time: Duration::from_secs(120) }
    }

    /// Compiled machine code for `component`.
    ///
    /// # Errors
    /// When the component is invalid, or the child met a limit.
    pub(crate) async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::ThisProcess => {
                let bytes = component.to_vec();
                tokio::task::spawn_blocking(move || compile(&bytes))
                    .await
                    .map_err(|e| CompileError::Child(e.to_string()))?
            }
            Self::Child { program, args, memory, time } => {
                child(program, args, *memory, *time, component).await
            }
        }
    }
}

/// A component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bytes are no component that this engine takes.
    #[error("the component does not compile: {0}")]
    Invalid(String),
    /// The child met its limit or did not start.
    #[error("the compiler was stopped: {0}; a component that needs more than its limits is refused")]
    Child(String),
}

fn compile(component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let invalid =
        |e: wasmtime::Error| CompileError::Invalid(model::cut(&format!("{e:#}"), 1024).into_owned());
    engine::compiling().map_err(invalid)?.precompile_component(component).map_err(invalid)
}

async fn child(
    program: &PathBuf,
    args: &[String],
    memory: u64,
    time: Duration,
    component: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let failed = |e: std::io::Error| CompileError::Child(e.to_string());
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .arg(memory.to_string())
        .arg(time.as_secs().to_string())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CompileError::Child("it has no pipes".to_owned()));
    };
    let talk = async {
        let write = async {
            // A child that refuses early closes its end: what it says on stderr is the better answer.
            let _ = stdin.write_all(component).await;
            drop(stdin);
        };
        let mut out = Vec::new();
        let mut err = Vec::new();
        let mut limited = stderr.take(4096);
        // With its end closed, a child that goes on writing ends.
        let read = async { stdout.take(CODE_MAX + 1).read_to_end(&mut out).await };
        let ((), read, _) = tokio::join!(write, read, limited.read_to_end(&mut err));
        read.map_err(failed)?;
        if out.len() as u64 > CODE_MAX {
            return Err(CompileError::Child(format!("it makes more than {} MiB of code", CODE_MAX >> 20)));
        }
        let status = child.wait().await.map_err(failed)?;
        let said = String::from_utf8_lossy(&err).trim().to_owned();
        match status.code() {
            Some(0) => Ok(out),
            Some(1) => Err(CompileError::Invalid(said)),
            _ => Err(CompileError::Child(format!("{status}; {said}"))),
        }
    };
    tokio::time::timeout(time, talk)
        .await
        .map_err(|_| CompileError::Child(format!("{} s are over", time.as_secs())))?
}

/// What the child runs: takes its limits from its last two arguments (bytes, seconds), a component from standard input,
/// and writes machine code to standard output. Returns the exit code: 1 when the component is invalid.
pub fn compile_in_this_process(memory: u64, seconds: u64) -> i32 {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |n| Rlimit { current: Some(n), maximum: Some(n) };
    let limited = setrlimit(Resource::As, limit(memory))
        .and_then(|()| setrlimit(Resource::Cpu, limit(seconds)))
        // It writes to a pipe and nowhere else, and the component is nobody's to read in a core file.
        .and_then(|()| setrlimit(Resource::Fsize, limit(0)))
        .and_then(|()| setrlimit(Resource::Core, limit(0)));
    if let Err(e) = limited {
        eprintln!("limits: {e}");
        return 2;
    }
    let mut component = Vec::new();
    if let Err(e) = std::io::stdin().lock().read_to_end(&mut component) {
        eprintln!("standard input: {e}");
        return 2;
    }
    match compile(&component) {
        Ok(code) => i32::from(std::io::stdout().lock().write_all(&code).is_err()) * 2,
        Err(e) => {
            eprintln!("{e}");
            1
        }
    }
}
