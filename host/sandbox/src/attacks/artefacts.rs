//! What lies in the folder of artefacts, where somebody else can write: machine code that this host did not write, and files
//! that are none.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;
use crate::artefact::Artefacts;

const TEXT: &str = "(component)";

impl Den {
    async fn prepared(&self, digest: &str) -> Result<(), LoadError> {
        self.sandbox.prepare(digest, &wat::parse_str(TEXT).unwrap()).await.map(|_| ())
    }

    /// The artefact's file.
    fn file(&self, digest: &str) -> PathBuf {
        let files = std::fs::read_dir(self.folder.path().join("artefacts")).unwrap().flatten();
        let mut files = files.filter(|f| f.file_name().to_string_lossy().starts_with(digest));
        files.next().unwrap().path()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artefact_that_was_changed_or_written_by_another_host_is_not_loaded() {
    let den = Den::new().await;
    den.prepared("one").await.unwrap();
    let file = den.file("one");
    let good = std::fs::read(&file).unwrap();
    let mut last = good.clone();
    *last.last_mut().unwrap() ^= 1;
    let mut tag = good.clone();
    tag[0] ^= 1;
    for bad in [last, tag, good[..good.len() - 1].to_vec(), good[..20].to_vec(), Vec::new()] {
        std::fs::write(&file, bad).unwrap();
        assert!(matches!(den.prepared("one").await, Err(LoadError::Tampered(_))));
    }
    std::fs::write(&file, &good).unwrap();
    den.prepared("one").await.unwrap();
    let another = Den::open(den.folder.path(), 8, Compiler::ThisProcess).await;
    let loaded = another.prepare("one", &wat::parse_str(TEXT).unwrap()).await;
    assert!(matches!(loaded, Err(LoadError::Tampered(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_connectors_artefact_is_not_loaded_under_this_ones_name() {
    let den = Den::new().await;
    for digest in ["one", "two"] {
        den.prepared(digest).await.unwrap();
    }
    std::fs::copy(den.file("two"), den.file("one")).unwrap();
    assert!(matches!(den.prepared("one").await, Err(LoadError::Tampered(_))));
    den.prepared("two").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plain_file_of_sensible_size_is_neither_read_nor_waited_for() {
    let den = Den::new().await;
    den.prepared("one").await.unwrap();
    let file = den.file("one");
    let aside = den.folder.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    let tampered = async |what: &str| {
        let loaded = tokio::time::timeout(Duration::from_secs(10), den.prepared("one")).await;
        assert!(matches!(loaded, Ok(Err(LoadError::Tampered(_)))), "{what}: {loaded:?}");
        std::fs::remove_file(&file).or_else(|_| std::fs::remove_dir(&file)).unwrap();
    };
    symlink(&aside, &file).unwrap();
    tampered("a link, even to the good one").await;
    symlink("/dev/zero", &file).unwrap();
    tampered("a link to what never ends").await;
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    tampered("a pipe").await;
    std::fs::create_dir(&file).unwrap();
    tampered("a folder").await;
    std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    tampered("a terabyte").await;
    den.prepared("one").await.expect("without the file it is compiled anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_cut_short_leaves_no_artefact_and_no_link_is_written_through() {
    let den = Den::new().await;
    den.prepared("one").await.unwrap();
    let file = den.file("one");
    let good = std::fs::read(&file).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&file).unwrap();
    // Half a file of every name that this process may use next, each a link to what is to be overwritten.
    let precious = den.folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    for n in 0..1_000 {
        symlink(&precious, file.with_extension(format!("{}-{n}.tmp", std::process::id()))).unwrap();
    }
    den.prepared("one").await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap()[32..], good[32..]);
    assert!(!file.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
}

/// What lies in the folder, by the ends of the names.
fn left(folder: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    files.map(|f| f.path().extension().unwrap_or_default().to_string_lossy().into_owned()).collect()
}

/// Set in the process that the next test starts, which may write no file as large as an artefact.
const CRAMPED: &str = "JACKFIELD_TEST_CRAMPED";

#[tokio::test]
async fn a_write_that_fails_leaves_neither_an_artefact_nor_a_temporary() {
    let engine = crate::engine::compiling().unwrap();
    if let Some(folder) = std::env::var_os(CRAMPED) {
        let artefacts = Artefacts::new(folder.into(), ArtefactKey([7; 32]), &engine);
        let written = artefacts.write("one", vec![1; 100_000]).await;
        assert!(matches!(written, Err(LoadError::Disk { .. })), "{written:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let this = "attacks::artefacts::a_write_that_fails_leaves_neither_an_artefact_nor_a_temporary";
    let child = std::process::Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 8; exec "$0" --exact "$1""#])
        .arg(std::env::current_exe().unwrap())
        .arg(this)
        .env(CRAMPED, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(left(folder.path()), [""; 0]);
    // Written well, and its name cannot be had.
    let artefacts = Artefacts::new(folder.path().to_owned(), ArtefactKey([7; 32]), &engine);
    std::fs::create_dir(artefacts.path("one")).unwrap();
    let written = artefacts.write("one", vec![1; 100_000]).await;
    assert!(matches!(written, Err(LoadError::Disk { .. })), "{written:?}");
    assert_eq!(left(folder.path()), ["cwasm"]);
}

#[test]
fn what_killed_processes_left_half_written_goes_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(3_600);
    for (name, old) in [("a.7-1.tmp", true), ("a.1-0.tmp", true), ("b.7-2.tmp", false), ("c.cwasm", true)] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        if old {
            file.set_modified(long_ago).unwrap();
        }
    }
    let engine = crate::engine::compiling().unwrap();
    Artefacts::new(folder.path().to_owned(), ArtefactKey([7; 32]), &engine);
    let mut kept = left(folder.path());
    kept.sort();
    assert_eq!(kept, ["cwasm", "tmp"]);
}
