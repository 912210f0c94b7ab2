//! `GET /metrics`

use std::fmt::Write as _;

use axum::extract::State;
use http::header;

use crate::problem::Problem;
use crate::state::App;

/// How much is there to do?
///
/// In the Prometheus text format, version 0.0.4.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "getMetrics",
    responses((status = 200, description = "The counts.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(
    State(app): State<App>,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    let counts = app.store.counts().await?;
    let mut text = String::from(
        "# HELP jackfield_events_unplanned Events that are stored and not planned yet.\n\
         # TYPE jackfield_events_unplanned gauge\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "jackfield_events_unplanned {}", counts.unplanned);
    text.push_str("# HELP jackfield_operations Operations by state.\n# TYPE jackfield_operations gauge\n");
    for (state, count) in [
        ("queued", counts.queued),
        ("running", counts.running),
        ("held", counts.held),
        ("failed", counts.failed),
        ("done", counts.done),
    ] {
        let _ = writeln!(text, "jackfield_operations{{state=\"{state}\"}} {count}");
    }
    let in_flight = app.limits.in_flight.saturating_sub(app.in_flight.available_permits());
    text.push_str("# HELP jackfield_requests_in_flight Requests under /api that are worked on.\n");
    let _ =
        write!(text, "# TYPE jackfield_requests_in_flight gauge\njackfield_requests_in_flight {in_flight}\n");
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
