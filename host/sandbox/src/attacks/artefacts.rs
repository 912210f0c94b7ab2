//! What lies in the folder of artefacts, where somebody else can write: machine code that this host did not write, and files
//! that are none.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;

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
