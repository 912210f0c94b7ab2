//! What reads foreign bytes and is not public, for `tests/fuzz` alone: no promise is made of it.

use store::NewEvent;

use crate::events::form;
use crate::fields::Errors;
use crate::{Problem, json};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = json::MAX_DEPTH;

/// The body of `POST /api/events`, as the route reads it.
///
/// # Errors
/// What the route would answer.
pub fn events(body: &[u8]) -> Result<Vec<NewEvent>, Problem> {
    let mut errors = Errors::default();
    let read = form::events(json::parse(body)?, &mut errors);
    errors.or(read)
}
