//! `/api/events`: the way in for a product's events, and what became of them.

pub(crate) mod form;
pub(crate) mod get;
pub(crate) mod receive;
