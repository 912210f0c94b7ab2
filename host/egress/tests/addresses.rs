//! resolve and dial: one look-up, every address vetted, exactly the vetted ones dialled.

mod common;

use std::sync::atomic::Ordering;

use common::{Keys, PUBLIC, World, answer, get, manifest, ok};
use egress::Refusal;
use serde_json::json;

const URL: &str = "https://api.example.com/v1/x";

#[tokio::test]
async fn a_name_with_a_forbidden_address_is_refused_and_nothing_is_dialled() {
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ] {
        let world = World::new(|_| ok());
        world.names.set("api.example.com", &[&[address]]);
        let refusal = world.lane(Keys::bearer()).send(get(URL)).await.unwrap_err();
        let Refusal::Denied { reason, .. } = &refusal else { panic!("{address}: {refusal:?}") };
        assert!(!reason.contains(address), "the guest must not map a network: {reason}");
        assert!(world.dialled().is_empty(), "{address} was dialled");
    }
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_the_name() {
    for answer in
        [&[PUBLIC, "10.0.0.1"][..], &["10.0.0.1", PUBLIC], &[PUBLIC, "2606:4700::1", "::ffff:7f00:1"]]
    {
        let world = World::new(|_| ok());
        world.names.set("api.example.com", &[answer]);
        assert!(matches!(world.lane(Keys::none()).send(get(URL)).await, Err(Refusal::Denied { .. })));
        assert!(world.dialled().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_changes_after_the_look_up_changes_nothing() {
    let world = World::new(|_| ok());
    world.names.set("api.example.com", &[&[PUBLIC], &["127.0.0.1"]]);
    let lane = world.lane(Keys::none());
    lane.send(get(URL)).await.unwrap();
    assert_eq!(world.names.lookups.load(Ordering::SeqCst), 1, "one look-up per request");
    assert_eq!(world.dialled(), [format!("{PUBLIC}:443").parse().unwrap()]);
    // The second request looks up again, and is refused although a socket to the good address lies idle.
    assert!(matches!(lane.send(get(URL)).await, Err(Refusal::Denied { .. })));
    assert_eq!(world.dialled().len(), 1);
}

#[tokio::test]
async fn an_idle_socket_is_left_when_its_address_was_not_vetted_again() {
    let world = World::new(|_| ok());
    world.names.set("api.example.com", &[&[PUBLIC], &["93.184.216.35"]]);
    let lane = world.lane(Keys::none());
    for _ in 0..2 {
        lane.send(get(URL)).await.unwrap();
    }
    let ips: Vec<String> = world.dialled().iter().map(|a| a.ip().to_string()).collect();
    assert_eq!(ips, [PUBLIC, "93.184.216.35"]);
}

#[tokio::test]
async fn the_vetted_addresses_are_tried_in_order() {
    let world = World::new(|_| ok());
    world.names.set("api.example.com", &[&["93.184.216.1", "2606:4700::1", "93.184.216.3"]]);
    world.net.dead.lock().unwrap().push("93.184.216.1".parse().unwrap());
    world.lane(Keys::none()).send(get(URL)).await.unwrap();
    let ips: Vec<String> = world.dialled().iter().map(|a| a.ip().to_string()).collect();
    assert_eq!(ips, ["93.184.216.1", "2606:4700::1"]);
}

#[tokio::test]
async fn a_name_without_addresses_or_with_hundreds_is_not_dialled() {
    let world = World::new(|_| ok());
    world.names.set("api.example.com", &[&[]]);
    assert!(matches!(world.lane(Keys::none()).send(get(URL)).await, Err(Refusal::NotSent(_))));
    let many: Vec<String> = (0..512).map(|i| format!("93.184.{}.{}", i / 256, i % 256)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    world.names.set("api.example.com", &[&many]);
    assert!(world.lane(Keys::none()).send(get(URL)).await.is_err());
    world.names.set("api.example.com", &[&[PUBLIC]]);
    let missing =
        manifest(json!({ "egress": [{ "methods": ["GET"], "host": "gone.example.com", "paths": ["/**"] }] }));
    let refusal =
        world.lane_with(missing, Keys::none()).send(get("https://gone.example.com/")).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::NotSent(why) if why.contains("gone.example.com")), "{refusal:?}");
    assert!(world.dialled().is_empty());
}

fn internal() -> manifest::Manifest {
    manifest(json!({ "egress": [{ "methods": ["GET"], "host": "crm.internal", "paths": ["/**"] }] }))
}

#[tokio::test]
async fn local_names_are_refused_without_a_look_up() {
    let world = World::new(|_| ok());
    world.names.set("crm.internal", &[&[PUBLIC]]);
    let refusal =
        world.lane_with(internal(), Keys::none()).send(get("https://crm.internal/")).await.unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Denied { reason, .. } if reason.contains("local name")),
        "{refusal:?}"
    );
    assert_eq!(world.names.lookups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_operator_may_exempt_a_network_and_only_that() {
    let world = World::with(|_| ok(), |o| o.allow = vec!["10.7.0.0/16".parse().unwrap()]);
    world.names.set("api.example.com", &[&["10.7.1.1"]]);
    world.lane(Keys::none()).send(get(URL)).await.unwrap();
    assert_eq!(world.dialled(), ["10.7.1.1:443".parse().unwrap()]);
    for other in [&["10.8.0.1"][..], &["10.7.1.1", "10.8.0.1"], &["127.0.0.1"]] {
        world.names.set("api.example.com", &[other]);
        assert!(
            matches!(world.lane(Keys::none()).send(get(URL)).await, Err(Refusal::Denied { .. })),
            "{other:?}"
        );
    }
    world.names.set("crm.internal", &[&["10.7.1.1"], &[PUBLIC]]);
    let lane = world.lane_with(internal(), Keys::none());
    lane.send(get("https://crm.internal/")).await.unwrap();
    assert!(
        lane.send(get("https://crm.internal/")).await.is_err(),
        "a local name leads into the exempt network or nowhere"
    );
}

#[tokio::test]
async fn an_override_leads_elsewhere_for_its_exact_origin_alone() {
    let more = json!({ "egress": [
        { "methods": ["GET"], "host": "*.example.com", "paths": ["/**"] },
        { "methods": ["GET"], "host": "api.example.com.evil.example.org", "paths": ["/**"] },
    ] });
    let world = World::with(
        |_| ok(),
        |o| {
            o.overrides.insert("https://api.example.com".into(), "http://127.0.0.1:4010".into());
        },
    );
    world.names.set("xapi.example.com", &[&["127.0.0.1"]]);
    world.names.set("api.example.com.evil.example.org", &[&["127.0.0.1"]]);
    let lane = world.lane_with(manifest(more), Keys::bearer());
    lane.send(get(URL)).await.unwrap();
    assert_eq!(world.dialled(), ["127.0.0.1:4010".parse().unwrap()]);
    let seen = &world.seen()[0];
    assert_eq!(seen.header("host"), Some("api.example.com"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {}", common::TOKEN).as_str()));
    assert_eq!(world.book.last().url, URL, "the record keeps the logical URL");
    assert_eq!(world.names.lookups.load(Ordering::SeqCst), 0);
    for other in ["https://xapi.example.com/", "https://api.example.com.evil.example.org/"] {
        assert!(matches!(lane.send(get(other)).await, Err(Refusal::Denied { .. })), "{other}");
    }
    for own in ["http://127.0.0.1:4010/v1/x", "https://127.0.0.1/v1/x", "http://api.example.com/v1/x"] {
        assert!(matches!(lane.send(get(own)).await, Err(Refusal::Denied { .. })), "{own}");
    }
    assert_eq!(world.dialled().len(), 1);
}

#[tokio::test]
async fn an_override_that_cannot_be_read_stops_everything() {
    for (from, to) in [
        ("http://api.example.com", "http://127.0.0.1:1"),
        ("https://api.example.com/v1", "http://127.0.0.1:1"),
        ("api.example.com", "http://127.0.0.1:1"),
        ("https://api.example.com", "http://127.0.0.1:1/x"),
        ("https://api.example.com", "http://u@127.0.0.1:1"),
        ("https://api.example.com", "ftp://127.0.0.1"),
        ("https://api.example.com", "127.0.0.1:4010"),
    ] {
        let world = World::with(
            |_| ok(),
            |o| {
                o.overrides.insert(from.into(), to.into());
                assert!(o.check().is_err(), "{from} {to}");
            },
        );
        assert!(matches!(world.lane(Keys::none()).send(get(URL)).await, Err(Refusal::Denied { .. })));
        assert!(world.dialled().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_it_before_the_request() {
    let world = World::with(|_| ok(), |o| o.roots.clear());
    let refusal = world.lane(Keys::bearer()).send(get(URL)).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::NotSent(why) if why.contains("TLS")), "{refusal:?}");
    let stranger = manifest(
        json!({ "egress": [{ "methods": ["GET"], "host": "stranger.example.com", "paths": ["/**"] }] }),
    );
    let world = World::new(|_| answer(200, &[], ""));
    world.names.set("stranger.example.com", &[&[PUBLIC]]);
    let refusal = world
        .lane_with(stranger, Keys::bearer())
        .send(get("https://stranger.example.com/"))
        .await
        .unwrap_err();
    assert!(matches!(refusal, Refusal::NotSent(_)), "the certificate names another host: {refusal:?}");
    assert!(world.seen().is_empty());
}
