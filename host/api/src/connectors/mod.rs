//! `/api/connectors`: what is installed, and what each of it may do.

mod answer;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod standing;

use std::sync::Arc;

use catalog::Entry;

use crate::problem::Problem;
use crate::state::App;

/// Longest id of a connector (`[a-z][a-z0-9-]{0,62}`).
const LONGEST_ID: usize = 63;

/// The connector of this id. What cannot be an id is not looked up anywhere.
pub(crate) async fn find(app: &App, id: &str) -> Result<Option<Arc<Entry>>, Problem> {
    if is_id(id) { Ok(app.catalog.get(id).await?) } else { Ok(None) }
}

fn is_id(text: &str) -> bool {
    text.len() <= LONGEST_ID
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What to say of a connector that is not installed.
pub(crate) async fn unknown_connector(app: &App, name: &str) -> Result<String, Problem> {
    let entries = app.catalog.list().await?;
    let known: Vec<&str> = entries.iter().map(|e| e.manifest.id.as_str()).collect();
    let near = model::nearest(&model::cut(name, 64), known.iter().copied());
    Ok(if !near.is_empty() {
        format!("no connector of this name is installed; did you mean {}?", near.join(" or "))
    } else if known.is_empty() {
        "no connector is installed yet; `jackfield install PATH` installs one.".to_owned()
    } else {
        "no connector of this name is installed; GET /api/connectors lists those that are.".to_owned()
    })
}
