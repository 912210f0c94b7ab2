//! `/api/connections`: an organization's accounts at providers. A credential goes in and never comes out.

mod answer;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod exchange;
mod exchange_answer;
pub(crate) mod exchanges;
mod form;
pub(crate) mod get;
pub(crate) mod list;
mod mapping;
pub(crate) mod test;
pub(crate) mod update;

use model::{ConnectionId, OrgId};
use store::Connection;

use crate::problem::Problem;
use crate::state::App;

/// The largest body of these routes, in bytes.
pub(crate) const LARGEST_BODY: usize = 256 << 10;

/// The connection, if it is this organization's.
async fn find(app: &App, org: &OrgId, id: &ConnectionId) -> Result<Connection, Problem> {
    app.store.connection(org, id).await?.ok_or_else(|| Problem::not_found("connection"))
}
