//! Running other programs: an environment of their own, bounded output, a limit on time.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Progress;

/// Of what a program says, so many last lines are kept.
const LINES_MAX: usize = 100;
/// A line longer than this is cut.
const LINE_BYTES_MAX: usize = 2_000;

/// A line of cargo's own JSON: a workspace of thousands of packages is described in one.
const JSON_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What `CARGO_*` is passed on: where cargo's home is, and how it downloads. The rest (flags, wrappers, target folders,
/// what `cargo run` sets for the host) is the host's, not the connector's.
const CARGO_KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_BUILD_JOBS",
];

/// A command that runs in `folder` without what this process's own build left in the environment.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    let under_cargo = std::env::var_os("CARGO_MANIFEST_DIR").is_some();
    for (name, _) in std::env::vars_os() {
        if !passed_on(&name, under_cargo) {
            command.env_remove(name);
        }
    }
    command.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

fn passed_on(name: &OsStr, under_cargo: bool) -> bool {
    let Some(name) = name.to_str() else { return true };
    match name {
        "RUSTFLAGS"
        | "RUSTDOCFLAGS"
        | "RUSTC"
        | "RUSTC_WRAPPER"
        | "RUSTC_WORKSPACE_WRAPPER"
        | "RUSTC_BOOTSTRAP"
        | "RUSTC_LINKER"
        | "RUSTDOC"
        | "CARGO" => false,
        // `cargo run` puts the host's own libraries first; another rustc must not load them.
        "LD_LIBRARY_PATH" | "DYLD_FALLBACK_LIBRARY_PATH" => !under_cargo,
        // A build script is the connector's code: the host's configuration is none of its business, and no secret is.
        _ if name.starts_with("JACKFIELD_") => false,
        // Cargo itself needs these to fetch from a private registry. The one for publishing is not among them.
        _ if name.starts_with("CARGO_REGISTRIES_") => true,
        _ if secret(name) => false,
        _ if name.starts_with("CARGO_") => CARGO_KEPT.iter().any(|kept| name.starts_with(kept)),
        _ => true,
    }
}

/// Whether a variable's name says that it holds a secret: `GITHUB_TOKEN`, `AWS_SECRET_ACCESS_KEY`, `DATABASE_URL`.
fn secret(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "CREDENTIAL",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
        "ACCESS_KEY",
    ];
    let upper = name.to_ascii_uppercase();
    upper == "DATABASE_URL" || WORDS.iter().any(|word| upper.contains(word))
}

/// What a program answered on its standard output, if it ran and succeeded.
pub(crate) fn answer(mut command: Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How a program ended.
pub(crate) struct Ended {
    /// It answered with exit code 0.
    pub success: bool,
    /// The last lines of its standard error.
    pub tail: String,
}

/// Runs a program to its end. Its standard output goes to `stdout` line by line; its standard error becomes the
/// progress's detail, and its last lines are kept. A program that outlives `limit` is ended.
pub(crate) fn run(
    mut command: Command,
    progress: &dyn Progress,
    limit: Option<Duration>,
    stdout: impl FnMut(&str) + Send,
) -> io::Result<Ended> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut tail = VecDeque::new();
    let mut timed_out = false;
    let status = std::thread::scope(|scope| {
        let mut stdout = stdout;
        scope.spawn(move || out.map(|out| lines(out, JSON_BYTES_MAX, &mut stdout)));
        scope
            .spawn(|| err.map(|err| lines(err, LINE_BYTES_MAX, &mut |line| keep(&mut tail, line, progress))));
        let Some(limit) = limit else { return child.wait() };
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > limit {
                timed_out = true;
                child.kill()?;
                return child.wait();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    })?;
    if timed_out {
        tail.push_back("(ended: it took too long)".to_owned());
    }
    Ok(Ended { success: status.success(), tail: Vec::from(tail).join("\n") })
}

fn keep(tail: &mut VecDeque<String>, line: &str, progress: &dyn Progress) {
    if !line.trim().is_empty() {
        progress.detail(line.trim());
    }
    if tail.len() == LINES_MAX {
        tail.pop_front();
    }
    tail.push_back(line.to_owned());
}

/// Reads to the end, so that the program never waits for us; each line at most `max` bytes, the rest of it dropped.
fn lines(from: impl Read, max: usize, each: &mut dyn FnMut(&str)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(read) = from.fill_buf()
        && !read.is_empty()
    {
        let end = read.iter().position(|b| *b == b'\n');
        let part = &read[..end.unwrap_or(read.len())];
        line.extend_from_slice(&part[..part.len().min(max.saturating_sub(line.len()))]);
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            each(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
    if !line.is_empty() {
        each(String::from_utf8_lossy(&line).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;

    #[test]
    fn what_belongs_to_the_hosts_own_build_is_not_passed_on() {
        for (name, expected) in [
            ("PATH", true),
            ("HOME", true),
            ("CARGO_HOME", true),
            ("CARGO_HTTP_PROXY", true),
            ("CARGO_ENCODED_RUSTFLAGS", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_MANIFEST_DIR", false),
            ("CARGO_BUILD_RUSTC_WRAPPER", false),
            ("RUSTFLAGS", false),
            ("RUSTC_WRAPPER", false),
            ("JACKFIELD_KEY_FILE", false),
            ("GITHUB_TOKEN", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("OPENAI_API_KEY", false),
            ("DATABASE_URL", false),
            ("CARGO_REGISTRY_TOKEN", false),
            ("CARGO_REGISTRIES_OURS_TOKEN", true),
            ("CARGO_REGISTRY_DEFAULT", true),
            ("SSH_AUTH_SOCK", true),
        ] {
            assert_eq!(passed_on(OsStr::new(name), false), expected, "{name}");
        }
        assert!(!passed_on(OsStr::new("LD_LIBRARY_PATH"), true));
    }

    #[test]
    fn a_line_without_end_is_cut_while_it_is_read() {
        let mut seen = Vec::new();
        let endless = std::io::repeat(b'x').take(10 << 20).chain(&b"\nnext\r\n\nlast"[..]);
        lines(endless, 100, &mut |line| seen.push(line.to_owned()));
        assert_eq!(seen, ["x".repeat(100).as_str(), "next", "", "last"]);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 500 ]; do echo line $i >&2; i=$((i+1)); done; exit 3"]);
        let ended = run(command, &Silent, None, |_| {}).unwrap();
        assert!(!ended.success);
        assert_eq!(ended.tail.lines().count(), LINES_MAX);
        assert!(ended.tail.ends_with("line 499"));
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let ended = run(command, &Silent, Some(Duration::from_millis(60)), |_| {}).unwrap();
        assert!(!ended.success && ended.tail.contains("too long"));
    }
}
