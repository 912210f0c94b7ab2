//! Pages of a list.

use crate::problem::{Code, Problem};
use crate::request::Parameters;

/// Rows of a page at most.
const MOST: u32 = 100;
/// Rows of a page where nobody says.
const DEFAULT: u32 = 50;

/// Which part of a list is asked for.
pub(crate) struct Page {
    /// At least 1.
    pub(crate) limit: u32,
    /// The row before the first of the page, an id.
    pub(crate) cursor: Option<String>,
}

impl Page {
    /// Takes `limit` and the cursor, whose name depends on the list's direction.
    pub(crate) fn take(query: &mut Parameters, cursor: &str) -> Result<Self, Problem> {
        Self::take_within(query, cursor, DEFAULT, MOST)
    }

    /// As [`Page::take`], with another default and another most.
    pub(crate) fn take_within(
        query: &mut Parameters,
        cursor: &str,
        default: u32,
        most: u32,
    ) -> Result<Self, Problem> {
        let limit = match query.take("limit") {
            None => default,
            Some(text) => text.parse().ok().filter(|n| (1..=most).contains(n)).ok_or_else(|| {
                Problem::new(Code::InvalidParameter, format!("`limit` is a whole number from 1 to {most}."))
            })?,
        };
        let cursor = query.take(cursor);
        if cursor.as_deref().is_some_and(|c| c.is_empty() || c.len() > 128 || c.contains('\0')) {
            return Err(Problem::new(Code::InvalidParameter, "The cursor is an id from the page before."));
        }
        Ok(Self { limit, cursor })
    }

    /// The cursor of the next page, if this one is full.
    pub(crate) fn next(&self, rows: usize, last: Option<&str>) -> Option<String> {
        last.filter(|_| rows >= self.limit as usize).map(str::to_owned)
    }
}
