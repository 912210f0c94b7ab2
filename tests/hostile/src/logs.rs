//! Everything that the process logs, down to the finest level, as text; of the compiler nothing.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to listen, once per process.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new(
            "trace,cranelift=off,regalloc2=off,wasmtime=off,wasmtime_wasi=trace,wasmtime_wasi_http=trace",
        );
        let logs = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Writer);
        // A process that logs elsewhere already is not a test's.
        let _ = logs.with_env_filter(filter).try_init();
    });
}

/// What was logged so far, by all tests of the process.
#[must_use]
pub fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
