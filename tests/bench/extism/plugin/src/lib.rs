//! The same work as a plug-in of Extism, written as its documentation shows.

pub(crate) use ::serde_json;
use extism_pdk::{FnResult, plugin_fn};

#[path = "../../../guests/work.rs"]
mod work;

/// Reads a small JSON, computes, answers JSON.
#[plugin_fn]
pub fn invoke(input: String) -> FnResult<String> {
    Ok(work::work(&input).unwrap_or_default())
}
