//! The master key: 32 bytes in a file that only its owner can read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Ids;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The longest key file that is read: room for 64 hex digits and blanks.
const MAX_FILE: u64 = 1_024;
/// Keeps the fingerprint apart from every other hash of the key.
const FINGERPRINT: &[u8] = b"jackfield master key fingerprint v1\0";

/// The key under which everything is sealed. Cleared from memory when it is dropped; prints as its fingerprint.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// The key file cannot be used. No message shows anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none, and it must not be made: what was sealed under the old one would be lost.
    #[error(
        "there is no master key at {0}: put the key file back, or point key_file at it; a new key could not read the credentials in the store"
    )]
    Missing(PathBuf),
    /// Other users can read it.
    #[error("the master key {path} can be read by others (mode {mode:04o}): run chmod 600 {path}", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no key.
    #[error("{path} is no master key: {why}; it holds 32 bytes as 64 hex digits or as base64", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// It could not be read or written.
    #[error("the master key {path} cannot be {verb}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl MasterKey {
    /// Reads the key file, or makes one (mode 0600) where there is none and `may_create` says so: only for a store
    /// without credentials. Its folder must exist.
    ///
    /// # Errors
    /// When it is missing and must not be made, is readable by others, or is no key.
    pub fn load_or_create(path: &Path, may_create: bool, ids: &dyn Ids) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::Missing(_)) if may_create => {
                create(path, ids).map_err(|source| io_error(path, "written", source))?;
                // Of two that begin at once one writes the file, and both read that one.
                Self::load(path)
            }
            outcome => outcome,
        }
    }

    fn load(path: &Path) -> Result<Self, KeyError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(KeyError::Missing(path.to_owned())),
            Err(e) => return Err(io_error(path, "read", e)),
        };
        // Of the open file, so that nobody can swap it in between.
        let about = file.metadata().map_err(|e| io_error(path, "read", e))?;
        let wrong = |why| KeyError::Malformed { path: path.to_owned(), why };
        if !about.is_file() {
            return Err(wrong("it is no file"));
        }
        let mode = about.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        if about.len() > MAX_FILE {
            return Err(wrong("it is too long"));
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
        match file.take(MAX_FILE).read_to_string(&mut text) {
            Ok(_) => parse(text.trim()).map_err(wrong),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(wrong("it is no text")),
            Err(e) => Err(io_error(path, "read", e)),
        }
    }

    /// The first 16 hex digits of a hash of the key: says which key it is, and nothing of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::new().chain_update(FINGERPRINT).chain_update(self.0.as_slice()).finalize();
        hash.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    /// A key of its own for one purpose (HMAC-SHA256 of the purpose's name, as in the expand step of RFC 5869).
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("a key of 32 bytes");
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.fingerprint())
    }
}

fn io_error(path: &Path, verb: &'static str, source: io::Error) -> KeyError {
    KeyError::Io { path: path.to_owned(), verb, source }
}

fn parse(text: &str) -> Result<MasterKey, &'static str> {
    let mut key = Zeroizing::new([0_u8; 32]);
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() == 64 {
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits =
                std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = digits
                .and_then(|d| u8::from_str_radix(d, 16).ok())
                .ok_or("it has 64 characters that are not hex digits")?;
        }
    } else {
        let bytes =
            Zeroizing::new(STANDARD.decode(text).map_err(|_| "it is neither 64 hex digits nor base64")?);
        if bytes.len() != key.len() {
            return Err("it does not hold 32 bytes");
        }
        key.copy_from_slice(&bytes);
    }
    if key.iter().all(|b| *b == key[0]) { Err("all its bytes are the same") } else { Ok(MasterKey(key)) }
}

/// Writes the whole file under another name first, so that a crash leaves no half key; a hard link, unlike a rename,
/// never replaces a key that is there.
fn create(path: &Path, ids: &dyn Ids) -> io::Result<()> {
    let (mut key, mut suffix) = (Zeroizing::new([0_u8; 32]), [0_u8; 8]);
    ids.random(key.as_mut_slice());
    ids.random(&mut suffix);
    let mut text = String::with_capacity(65);
    for byte in key.iter() {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    let text = Zeroizing::new(text);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = folder.join(format!(".master.{:016x}", u64::from_le_bytes(suffix)));
    let written = write_draft(&draft, text.as_bytes()).and_then(|()| match fs::hard_link(&draft, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    });
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    File::open(folder)?.sync_all()
}

fn write_draft(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    // The umask can only take rights away, and the owner's must be there.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use model::SeededIds;

    use super::*;

    fn write(folder: &Path, text: &str, mode: u32) -> PathBuf {
        let path = folder.join("master.key");
        let _ = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_key_is_made_once_with_mode_0600_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let ids = SeededIds::new(1);
        assert!(matches!(MasterKey::load_or_create(&path, false, &ids), Err(KeyError::Missing(_))));
        let made = MasterKey::load_or_create(&path, true, &ids).unwrap();
        let read = MasterKey::load_or_create(&path, true, &ids).unwrap();
        assert_eq!(made.fingerprint(), read.fingerprint());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn hex_and_base64_text_are_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..32).collect();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let read = |text: &str| {
            let path = write(folder.path(), text, 0o600);
            MasterKey::load_or_create(&path, false, &SeededIds::new(1)).unwrap().fingerprint()
        };
        let fingerprint = read(&hex);
        assert_eq!(fingerprint, read(&format!("  {}\n", hex.to_uppercase())));
        assert_eq!(fingerprint, read(&STANDARD.encode(&bytes)));
        assert!(fingerprint.len() == 16 && !hex.contains(&fingerprint));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let path = write(folder.path(), &"0f".repeat(32), mode);
            let error = MasterKey::load_or_create(&path, true, &SeededIds::new(1)).unwrap_err();
            assert!(matches!(error, KeyError::Exposed { .. }));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_replaced_or_shown() {
        let folder = tempfile::tempdir().unwrap();
        for bad in [
            "",
            "hunter2",
            &"zz".repeat(32),
            &"00".repeat(32),
            &STANDARD.encode([7; 31]),
            &"ab".repeat(900),
            "\u{fffd}",
        ] {
            let path = write(folder.path(), bad, 0o600);
            let error = MasterKey::load_or_create(&path, true, &SeededIds::new(1)).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{bad}: {error}");
            assert!(bad.is_empty() || !error.to_string().contains(bad));
            assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        }
        let error = MasterKey::load_or_create(folder.path(), true, &SeededIds::new(1)).unwrap_err();
        assert!(error.to_string().contains("it is no file"), "{error}");
    }

    #[test]
    fn a_debug_print_of_a_key_is_its_fingerprint() {
        let key = parse(&"0f1e".repeat(16)).unwrap();
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.fingerprint()));
        assert_ne!(*key.derive("a"), *key.derive("b"));
    }
}
