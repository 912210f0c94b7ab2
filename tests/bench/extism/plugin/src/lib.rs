//! The same work as a plug-in of Extism, written as its documentation shows.

use extism_pdk::{FnResult, plugin_fn};
pub(crate) use ::serde_json;

#[path = "../../../guests/work.rs"]
mod work;

/// Reads a small JSON, computes, answers JSON.
#[plugin_fn]
pub fn invoke(input: String) -> FnResult<String> {
    Ok(work::work(&input).unwrap_or_default())
}
