//! No command leaves its memory on the disk, whatever it dies of and whatever the shell before it allows.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Host, PATIENCE, binary, clean};

/// The command that runs `program` where core files may be as large as they like.
fn with_core_files(program: &Path) -> Command {
    let mut command = Command::new("sh");
    clean(&mut command).args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]).arg(program);
    command
}

/// Sends the signal until it works: the first handler of a wrong address only puts the default back and waits for the
/// instruction to fail again.
fn end(child: &mut Child, signal: &str) -> ExitStatus {
    let began = Instant::now();
    loop {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(20));
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < PATIENCE, "{signal} does not end it");
    }
}

/// It died of the signal, and nothing is left of it.
fn left_nothing(folder: &Path, what: &str, status: ExitStatus) {
    assert!(status.signal().is_some(), "{what}: {status}");
    assert!(!status.core_dumped(), "{what}: {status}");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(!name.contains("core"), "{what} left {name}");
    }
}

/// Whether a program that does nothing about it leaves a core file here: else nothing is proved.
fn others_leave_one() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut sleep = with_core_files(Path::new("sleep"));
    let mut sleep = sleep.arg("60").current_dir(folder.path()).spawn().unwrap();
    // The shell must have become the program: it would ignore nothing, but leave no file either.
    std::thread::sleep(Duration::from_millis(100));
    let left = end(&mut sleep, "-ABRT").core_dumped();
    if !left {
        eprintln!("this machine keeps no core files; the limits alone are looked at");
    }
    left
}

/// The kernel's word for it.
fn limit(child: &Child) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_aborted_or_touches_a_wrong_address_leaves_no_core_file() {
    let others = others_leave_one();
    let mut host = Host::start(&[]);
    for signal in ["-ABRT", "-SEGV"] {
        host.kill();
        host.serve_as(with_core_files(binary()));
        let zero = limit(host.child());
        assert!(zero.split_whitespace().filter(|w| *w == "0").count() == 2, "{zero} (others: {others})");
        let status = end(host.child(), signal);
        left_nothing(host.folder.path(), signal, status);
    }
    host.serve();
}

/// A plain user, where the tester is root: root reads everything.
const NOBODY: u32 = 65_534;

/// As whoever is no root: the tester, or nobody.
fn as_plain_user(mut command: Command) -> Command {
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Whether another process of the same plain user may look into this one: into its environment, which the kernel guards as
/// it guards its memory.
fn is_open_to_its_user(child: &Child) -> bool {
    let mut cat = as_plain_user(Command::new("cat"));
    let cat = cat.arg(format!("/proc/{}/environ", child.id())).stdout(Stdio::null()).stderr(Stdio::null());
    cat.status().unwrap().success()
}

/// Whoever may look into a process may also have its memory written down (`gcore`), and the limit on core files does not hold
/// for one that is piped to a program.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_serves_is_not_to_be_dumped_by_its_own_user() {
    let mut sleep = as_plain_user(Command::new("sleep")).arg("60").spawn().unwrap();
    let others = is_open_to_its_user(&sleep);
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    assert!(others, "this machine keeps all processes from their users; nothing is proved");

    let mut host = Host::start(&[]);
    host.kill();
    // Where the plain user can read it: the kernel hides the memory of any program that its user cannot read.
    let elsewhere = tempfile::tempdir().unwrap();
    let program = elsewhere.path().join("jackfield");
    std::fs::hard_link(binary(), &program).or_else(|_| std::fs::copy(binary(), &program).map(drop)).unwrap();
    if rustix::process::getuid().is_root() {
        for folder in [host.folder.path(), elsewhere.path()] {
            for entry in walkdir::WalkDir::new(folder) {
                let path = entry.unwrap().into_path();
                if path != program {
                    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
                }
            }
        }
    }
    let mut serve = Command::new(&program);
    clean(&mut serve);
    host.serve_as(as_plain_user(serve));
    assert!(!is_open_to_its_user(host.child()), "its own user can read its memory");
    assert_eq!(host.client.call("GET", "/api/connectors", None).await.0, 200, "it serves all the same");
}

/// Each waits for a pipe in the place of its configuration, its component or its input, before it has read anything.
#[test]
fn no_command_leaves_a_core_file_even_before_it_has_read_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let commands: [&[&str]; 7] = [
        &["serve", "--config", pipe],
        &["install", "x", "--yes", "--config", pipe],
        &["uninstall", "x", "--config", pipe],
        &["list", "--config", pipe],
        &["org", "list", "--config", pipe],
        &["key", "create", "--org", "x", "--config", pipe],
        &["inspect", pipe],
    ];
    for args in commands {
        let mut command = with_core_files(binary());
        let mut child = command.args(args).current_dir(folder.path()).stderr(Stdio::null()).spawn().unwrap();
        let writer = reader_came(Path::new(pipe));
        let status = end(&mut child, "-ABRT");
        drop(writer);
        left_nothing(folder.path(), args[0], status);
    }
}

#[test]
fn the_compilers_child_leaves_no_core_file() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let mut command = with_core_files(binary());
    let command = command.args(["compile-component", "4294967296", "60"]).current_dir(folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // More than a pipe holds: it reads, so it runs.
    child.stdin.as_mut().unwrap().write_all(&vec![0; 1 << 20]).unwrap();
    let status = end(&mut child, "-ABRT");
    left_nothing(folder.path(), "compile-component", status);
}

/// The pipe's other end, once somebody waits at it.
fn reader_came(pipe: &Path) -> std::fs::File {
    use std::os::unix::fs::OpenOptionsExt as _;
    let began = Instant::now();
    loop {
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        match std::fs::OpenOptions::new().write(true).custom_flags(nonblocking).open(pipe) {
            Ok(file) => return file,
            Err(e) => assert!(began.elapsed() < PATIENCE, "nobody read: {e}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
