//! No statement of the daily work reads through a table that grows.

use std::sync::Arc;

use model::{Millis, SeededIds, TestClock};

use crate::sql::{Conn, list, many, values};
use crate::{Options, Store};

/// Tables that grow with every event.
const GROWING: [&str; 6] = ["event", "job", "job_after", "attempt", "link", "exchange"];
/// Indexes of what is open: these may be read through, for they stay small.
const OPEN: [&str; 4] = ["event_unplanned", "job_ready", "job_open", "job_lease"];

#[tokio::test]
async fn no_statement_of_the_daily_work_reads_through_a_growing_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jackfield.db");
    let clock = Arc::new(TestClock::at(Millis(1)));
    let store =
        Store::open(Options { path: path.clone(), clock, ids: Arc::new(SeededIds::new(1)) }).await.unwrap();
    let mut conn = Conn::open(&path).await.unwrap();
    let hot = [
        crate::cache::HOT,
        crate::claim::HOT,
        crate::connections::HOT,
        crate::connector_events::HOT,
        crate::earlier::HOT,
        crate::exchanges::HOT,
        crate::inbox::HOT,
        crate::jobs::HOT,
        crate::leases::HOT,
        crate::links::HOT,
        crate::quarantine::HOT,
        crate::ready::HOT,
        crate::settle::HOT,
        crate::status::HOT,
    ];
    let (head, tail) = crate::claim::HOT_LIST;
    let mut seen = 0;
    for sql in hot.into_iter().flatten().map(|sql| (*sql).to_owned()).chain([
        list(head, 4, 64, tail).text(),
        many(crate::inbox::HOT_MANY, 8, 64, "ON CONFLICT (org_id, source_id) DO NOTHING RETURNING id").text(),
    ]) {
        for row in conn.explain(&sql).await.unwrap() {
            seen += 1;
            let mut words = row.split(' ');
            let (verb, table) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let growing = GROWING.contains(&table) || ["j", "l", "a"].contains(&table);
            let small = OPEN.iter().any(|index| row.contains(index));
            // A range of ids alone is half of the table.
            let through = verb == "SCAN" || row.ends_with("(id<?)") || row.ends_with("(id>?)");
            assert!(!(through && growing && !small), "{row}\n{sql}");
        }
    }
    assert!(seen > 40, "{seen} steps only");
    // Each call that ends well says it: what has been said already must not be looked at again.
    let witness = conn.explain(crate::quarantine::WITNESS).await.unwrap();
    assert!(
        witness.iter().any(|row| row.contains("strike_witness (connector_id=? AND digest=?)")),
        "{witness:?}"
    );
    conn.execute("SELECT 1", values![]).await.unwrap();
    store.close().await.unwrap();
}
