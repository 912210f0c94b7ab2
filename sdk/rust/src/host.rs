//! What the host tells a connector and keeps for it. In native tests [`crate::testing`] stands in for the host.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{HttpError, RawRequest, RawResponse};
use crate::{Error, Result};

#[cfg(target_family = "wasm")]
use crate::bindings::base::jackfield::host as platform;
#[cfg(not(target_family = "wasm"))]
use crate::testing::platform;

pub(crate) fn send(request: &RawRequest) -> std::result::Result<RawResponse, HttpError> {
    platform::http::send(request)
}

/// The connection's settings, read into a type of yours. The host validated them against `[settings]` and filled the
/// defaults in, so give members that may be absent `#[serde(default)]` or an `Option`.
///
/// # Errors
/// [`Error::Permanent`] with the code `settings` if they do not fit the type.
pub fn config<T: DeserializeOwned>() -> Result<T> {
    let text = platform::connection::config();
    serde_json::from_str(&text)
        .map_err(|e| Error::permanent("settings", &format!("The settings do not fit: {e}")))
}

/// One text setting, if it is set and not empty.
#[must_use]
pub fn setting(name: &str) -> Option<String> {
    let all: Value = serde_json::from_str(&platform::connection::config()).unwrap_or_default();
    all.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Where a named endpoint is, if it is known; a secret one is answered as `https://NAME.endpoint.invalid`.
#[must_use]
pub fn endpoint(name: &str) -> Option<String> {
    platform::connection::endpoint(name)
}

/// What is left of this call's deadline, in milliseconds.
#[must_use]
pub fn time_left_ms() -> u64 {
    platform::connection::time_left_ms()
}

/// Lines for the connection's log: at most 100 a call, 4 KiB each.
pub mod log {
    use super::platform;
    use crate::bindings::base::jackfield::host::log::Level;

    /// For whoever debugs the connector.
    pub fn debug(message: &str, fields: &[(&str, &str)]) {
        emit(Level::Debug, message, fields);
    }

    /// Worth knowing, nothing to do.
    pub fn info(message: &str, fields: &[(&str, &str)]) {
        emit(Level::Info, message, fields);
    }

    /// Something was left out or done another way.
    pub fn warn(message: &str, fields: &[(&str, &str)]) {
        emit(Level::Warn, message, fields);
    }

    /// Something that someone should look at.
    pub fn error(message: &str, fields: &[(&str, &str)]) {
        emit(Level::Error, message, fields);
    }

    fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        platform::log::emit(level, message, &fields);
    }
}

/// Memory of this connection between calls. It may be forgotten at any time, so it holds only what can be asked again.
pub mod cache {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::platform;

    /// What was kept under `key` (at most 256 bytes), if it is still there and reads as `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(key: &str) -> Option<T> {
        serde_json::from_slice(&platform::cache::get(key)?).ok()
    }

    /// Keeps a value of at most 64 KiB as JSON.
    pub fn put(key: &str, value: &impl Serialize, ttl_ms: u64) {
        if let Ok(bytes) = serde_json::to_vec(value) {
            platform::cache::put(key, &bytes, ttl_ms);
        }
    }
}

/// Tags under secrets that the manifest names for signing; the secrets stay with the host.
pub mod signing {
    use crate::{Error, Result};

    /// `alg`: `hmac-sha256` or `hmac-sha1`.
    ///
    /// # Errors
    /// [`Error::Permanent`] with the code `signing` if the manifest names no such secret.
    pub fn mac(secret: &str, alg: &str, message: &[u8]) -> Result<Vec<u8>> {
        super::platform::signing::mac(secret, alg, message).map_err(|why| Error::permanent("signing", &why))
    }
}
