//! Who comes later to a version that is in quarantine.

use store::ConnectorEventKind;

use crate::support::{Bench, job, names};

#[tokio::test]
async fn who_comes_later_does_not_find_a_version_taken_by_the_only_one_who_used_it() {
    for deleted in [false, true] {
        let bench = Bench::new().await;
        let (mine, con) = bench.org("one").await;
        let sound = bench.connect(&mine, "sound").await.id;
        bench.plan(&mine, vec![job(&con, "held", &[], &[]), job(&sound, "sound", &[], &[])]).await;
        bench.strike(&con, 5).await;
        assert!(bench.version_is_quarantined().await);
        bench.connect(&mine, "again").await;
        assert!(bench.version_is_quarantined().await, "another connection of the same organization's");
        if deleted {
            bench.store.delete_connection(&mine, &con).await.unwrap();
        }
        let (theirs, their_con) = bench.org("two").await;
        assert!(!bench.version_is_quarantined().await);
        assert_eq!(bench.is_quarantined(&their_con).await, None);
        let last = bench.store.connector_events("crm", Some(&theirs), None, 1).await.unwrap().remove(0);
        assert_eq!((last.kind, last.connection), (ConnectorEventKind::Released, None));
        assert!(last.reason.contains("a connection was made"), "{}", last.reason);
        // What failed stays where it is; what did not fail goes on, the planned as well as the new.
        bench.plan(&theirs, vec![job(&their_con, "theirs", &[], &[])]).await;
        let claimed = bench.claim(10).await;
        let mut found = names(&claimed);
        found.sort_unstable();
        assert_eq!(found, ["sound", "theirs"]);
        if !deleted {
            assert_eq!(bench.is_quarantined(&con).await, Some(false));
            bench.strike(&their_con, 5).await;
            assert!(bench.version_is_quarantined().await, "it fails for both");
        }
    }
}

#[tokio::test]
async fn a_version_that_fails_for_three_organizations_is_not_lifted_by_a_fourth() {
    let bench = Bench::new().await;
    for name in ["one", "two", "three"] {
        let con = bench.org(name).await.1;
        bench.strike(&con, 5).await;
    }
    assert!(bench.version_is_quarantined().await);
    let con = bench.org("four").await.1;
    assert_eq!(bench.is_quarantined(&con).await, Some(true));
}
