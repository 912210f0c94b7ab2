//! Failures on demand, and the journal, are the same for every fake.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use providers::zapier::Config;
use providers::{Fault, Settings, Zapier};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Answer, Client};

const HOOK: &str = "/hooks/catch/1234567/abcdefg/";
const A_WHILE: Duration = Duration::from_millis(120);

async fn fake() -> (Zapier, Client) {
    let fake = Zapier::start(Config::default()).await.unwrap();
    let client = Client::without_token(&fake.url());
    (fake, client)
}

async fn post(client: &Client) -> Result<Answer, String> {
    client.json("POST", HOOK, json!({"id": "evt_1"})).await
}

#[tokio::test]
async fn a_request_that_is_refused_is_not_carried_out() {
    let (fake, client) = fake().await;
    fake.fail_next(2, Fault::Status(503));
    fake.fail_next(1, Fault::RateLimited(Duration::from_secs(7)));
    fake.fail_next(1, Fault::Html(502));
    assert_eq!(post(&client).await.unwrap().status, 503);
    assert_eq!(post(&client).await.unwrap().status, 503);
    let limited = post(&client).await.unwrap();
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    let page = post(&client).await.unwrap();
    assert_eq!((page.status, &page.json), (502, &Value::Null));
    assert!(fake.runs().is_empty());
    assert_eq!(post(&client).await.unwrap().status, 200);
    assert_eq!(fake.faults().committed(), 4);
}

#[tokio::test]
async fn an_echo_tells_the_credential_in_headers_and_body() {
    let (fake, client) = fake().await;
    fake.fail_next(1, Fault::Echo(400));
    let told = post(&client).await.unwrap();
    assert_eq!((told.status, fake.runs().len()), (400, 0));
    assert!(told.json["message"].as_str().unwrap().contains(HOOK.trim_end_matches('/')), "{}", told.json);
    assert!(told.header("location").unwrap().contains("%2Fhooks%2Fcatch"));
}

#[tokio::test]
async fn a_connection_closes_before_or_after_the_request_is_carried_out() {
    let (fake, client) = fake().await;
    fake.fail_next(1, Fault::CloseBeforeAnswer);
    assert!(post(&client).await.is_err());
    assert_eq!(fake.runs().len(), 0);
    fake.fail_next(1, Fault::AppliedButNoAnswer);
    assert!(post(&client).await.is_err());
    assert_eq!(fake.runs().len(), 1);
    let journal = fake.requests();
    assert_eq!(journal.iter().map(|one| one.status).collect::<Vec<_>>(), [None, None]);
    assert_eq!(journal[1].fault, Some(Fault::AppliedButNoAnswer));
}

#[tokio::test]
async fn an_answer_may_hang_come_late_or_in_drops() {
    let (fake, client) = fake().await;
    let slow = [
        Fault::AnswerAfter(A_WHILE),
        Fault::AnswerThenDelay(A_WHILE),
        Fault::SlowDrip { bytes: 40, every: A_WHILE / 3 },
    ];
    for fault in slow {
        fake.fail_next(1, fault.clone());
        let start = Instant::now();
        assert_eq!(post(&client).await.unwrap().json["status"], "success", "{fault:?}");
        assert!(start.elapsed() >= A_WHILE, "{fault:?}");
    }
    assert_eq!(fake.runs().len(), 3);
    for fault in [Fault::Hang(A_WHILE), Fault::AppliedThenHang(A_WHILE)] {
        fake.fail_next(1, fault);
        let start = Instant::now();
        assert!(post(&client).await.is_err());
        assert!(start.elapsed() >= A_WHILE);
    }
    assert_eq!(fake.runs().len(), 4);
}

#[tokio::test]
async fn an_answer_may_be_cut_off() {
    let (fake, client) = fake().await;
    fake.fail_next(1, Fault::Truncated);
    assert!(post(&client).await.is_err());
    assert_eq!(fake.runs().len(), 1);
}

#[tokio::test]
async fn a_fault_can_wait_for_its_request() {
    let (fake, client) = fake().await;
    fake.faults().fail_matching(1, "post", "/silent", Fault::Status(500));
    assert_eq!(post(&client).await.unwrap().status, 200);
    assert_eq!(client.json("POST", &format!("{HOOK}silent/"), json!({})).await.unwrap().status, 500);
    fake.fail_next(5, Fault::Status(500));
    fake.faults().clear();
    assert_eq!(post(&client).await.unwrap().status, 200);
}

#[tokio::test]
async fn chance_is_decided_by_its_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (fake, client) = fake().await;
        fake.faults().at_random(42, 500, vec![Fault::Status(500), Fault::Status(503)]);
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(post(&client).await.unwrap().status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    for status in [200, 500, 503] {
        assert!(runs[0].contains(&status), "{status} in {:?}", runs[0]);
    }
}

#[tokio::test]
async fn the_journal_keeps_the_latest_and_hides_credentials() {
    let settings = Settings { journal: 2, ..Settings::default() };
    let fake = Zapier::start(Config { settings, ..Config::default() }).await.unwrap();
    let client = Client::new(&fake.url(), "test-token");
    for at in 0..3 {
        client.post(&format!("{HOOK}?n={at}"), json!({"n": at})).await;
    }
    let kept = fake.requests();
    assert_eq!(kept.iter().map(|one| one.query.as_str()).collect::<Vec<_>>(), ["n=1", "n=2"]);
    assert_eq!((kept[1].number, fake.journal().count()), (3, 3));
    assert_eq!(kept[1].json().unwrap()["n"], 2);
    assert_eq!(kept[1].header("Authorization"), Some("Bearer test-token"));
    let har = fake.journal().har("https://hooks.zapier.com").to_string();
    assert!(har.contains("https://hooks.zapier.com/hooks/catch/1234567/abcdefg/?n=2"));
    assert!(har.contains("REDACTED") && !har.contains("test-token"));
}

#[tokio::test]
async fn a_fake_that_is_shut_down_listens_no_more() {
    let (fake, client) = fake().await;
    assert!(post(&client).await.is_ok());
    fake.shutdown().await;
    assert!(post(&client).await.is_err());
}
