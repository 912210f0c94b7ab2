//! The fakes as one process: it tells where they are, and ends when it is left.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::Client;

const PROGRAM: &str = env!("CARGO_BIN_EXE_providers");

#[tokio::test]
async fn it_tells_where_each_fake_is_and_ends_with_its_input() {
    let mut process = Command::new(PROGRAM).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let told: Vec<Value> = lines.take(4).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let names: Vec<&str> = told.iter().filter_map(|one| one["provider"].as_str()).collect();
    assert_eq!(names, ["google", "hubspot", "slack", "zapier"]);
    for one in &told {
        let url = one["url"].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Client::without_token(url).get("/").await;
    }
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}

#[test]
fn a_command_line_that_makes_no_sense_ends_with_2() {
    for arguments in [&["--salesforce", "0"][..], &["--slack"], &["--slack", "port"], &["0"]] {
        let status = Command::new(PROGRAM).args(arguments).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}
