//! A component that remembers, and what it must never meet again.

mod house;

use std::sync::Arc;
use std::time::Duration;

use egress::Authorise;
use tokio::sync::Barrier;

use self::house::{House, Nothing, REUSE, Whose, ask, whose};
use crate::engine::CALLS_AT_ONCE;
use crate::{Call, Connector, Halt, Limits};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_crosses_from_one_connection_component_or_setting_to_another() {
    let house = Arc::new(House::new(32).await);
    // The same bytes loaded twice: as two installed versions of a connector.
    let guests = [house.guest().await, house.guest().await];
    let mut worlds = Vec::new();
    for n in 0..40u64 {
        let connection = format!("connection-{}", n % 20);
        let one = Whose { config: n / 10 % 2, endpoint: n / 20, version: n / 5 % 2, connection };
        worlds.push((guests[usize::from(n % 7 == 0)].clone(), one, n + 1));
    }
    let worlds = Arc::new(worlds);
    let (mut calls, mut warm) = (tokio::task::JoinSet::new(), 0);
    for round in 0..400u64 {
        // Over the same few again and again, the others between them.
        let at = usize::try_from((round * 7 + round / 40) % if round % 3 == 0 { 40 } else { 8 }).unwrap();
        let (house, worlds) = (house.clone(), worlds.clone());
        calls.spawn(async move {
            let (guest, whose, own) = &worlds[at];
            (*own, house.remember(guest, whose, *own).await)
        });
        if calls.len() < 4 {
            continue;
        }
        let (own, remembered) = calls.join_next().await.unwrap().unwrap();
        assert!(remembered == 0 || remembered == own, "{own} was told what {remembered} left");
        warm += u32::from(remembered == own);
    }
    assert!(warm > 50, "only {warm} calls were warm: this shows nothing");
}

#[tokio::test]
async fn each_part_of_what_an_instance_belongs_to_keeps_others_away_from_it() {
    let house = House::new(32).await;
    let (guest, again) = (house.guest().await, house.guest().await);
    let own = whose("own");
    let changed = [
        whose("another"),
        Whose { config: 1, ..own.clone() },
        Whose { endpoint: 1, ..own.clone() },
        Whose { version: 1, ..own.clone() },
    ];
    for (to, other) in changed.iter().map(|other| (&guest, other)).chain([(&again, &own)]) {
        assert_eq!(house.remember(&guest, &own, 7).await, 0);
        assert_eq!(house.remember(&guest, &own, 7).await, 7, "it was not kept: this shows nothing");
        assert_eq!(house.remember(to, other, 8).await, 0, "{other:?}");
        house.sandbox.forget(&"own".into());
        house.sandbox.forget(&"another".into());
        assert_eq!(house.sandbox.idle(), 0);
    }
}

#[tokio::test]
async fn an_instance_is_kept_only_where_its_connector_asks_for_it() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    let cold = || house.call(&own, Limits::default(), Arc::new(Nothing));
    for _ in 0..3 {
        assert_eq!(ask(&guest, cold(), "remember", 1).await, Ok(0));
        let nobodys = Call::without_connection(Limits::default()).warm(&REUSE, String::new());
        assert_eq!(ask(&guest, nobodys, "remember", 1).await, Ok(0));
    }
    assert_eq!(house.sandbox.idle(), 0);
    house.remember(&guest, &own, 1).await;
    assert_eq!(ask(&guest, cold(), "remember", 1).await, Ok(0), "it did not ask");
    assert_eq!(house.remember(&guest, &own, 1).await, 1);
    let none = House::new(0).await;
    let guest = none.guest().await;
    for _ in 0..3 {
        assert_eq!(none.remember(&guest, &own, 1).await, 0, "the operator keeps none");
    }
}

#[tokio::test]
async fn an_instance_serves_no_more_calls_than_its_connector_allows() {
    let house = House::new(32).await;
    let (guest, reuse) = (house.guest().await, manifest::Reuse { max_calls: 3, ..REUSE });
    let mut seen = Vec::new();
    for n in 1..=7 {
        seen.push(ask(&guest, house.warm(&whose("own"), &reuse), "remember", n).await.unwrap());
    }
    assert_eq!(seen, [0, 1, 2, 0, 4, 5, 0]);
}

#[tokio::test]
async fn an_instance_that_is_too_old_serves_nobody_and_goes() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    // The store is not asked from here on, so that nothing but this test moves the clock.
    tokio::time::pause();
    house.remember(&guest, &own, 1).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(house.remember(&guest, &own, 2).await, 1);
    // Its age counts from its birth, not from its last call.
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(house.remember(&guest, &own, 3).await, 0);
    // Nobody asks any more.
    assert_eq!(house.sandbox.idle(), 1);
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert_eq!(house.sandbox.idle(), 0);
    // And whoever lets go of them does so again.
    house.remember(&guest, &own, 4).await;
    assert_eq!(house.sandbox.idle(), 1);
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert_eq!(house.sandbox.idle(), 0);
}

#[tokio::test]
async fn an_instance_that_was_halted_or_broken_off_is_never_used_again() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    for ending in ["trap", "spin", "grow", "broken off", "deadline"] {
        house.remember(&guest, &own, 7).await;
        assert_eq!(house.sandbox.idle(), 1, "{ending}");
        let mut limits = Limits { cpu: Duration::from_millis(20), ..Limits::default() };
        let mut function = ending;
        if ending == "broken off" || ending == "deadline" {
            (limits.cpu, function) = (Duration::from_secs(60), "spin");
        }
        if ending == "deadline" {
            limits.deadline = Duration::from_millis(50);
        }
        let call = house.call(&own, limits, Arc::new(Nothing)).warm(&REUSE, "0".to_owned());
        let end = tokio::time::timeout(Duration::from_millis(100), ask(&guest, call, function, 10_000)).await;
        match (ending, end) {
            ("trap", Ok(Err(Halt::Trap { .. })))
            | ("spin", Ok(Err(Halt::Cpu { .. })))
            | ("grow", Ok(Err(Halt::Memory { .. })))
            | ("deadline", Ok(Err(Halt::Deadline { .. })))
            | ("broken off", Err(_)) => {}
            (ending, end) => panic!("{ending}: {end:?}"),
        }
        assert_eq!(house.sandbox.idle(), 0, "{ending}");
        assert_eq!(house.remember(&guest, &own, 8).await, 0, "{ending}");
        house.sandbox.forget(&"own".into());
    }
}

#[tokio::test]
async fn an_instance_that_left_a_handle_is_not_kept() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    house.remember(&guest, &own, 1).await;
    // The standard streams are empty, and languages' libraries keep them open, and keep something that waits for them.
    for harmless in ["tidy", "print", "print", "watch", "watch"] {
        ask(&guest, house.warm(&own, &REUSE), harmless, 0).await.unwrap();
    }
    assert_eq!(house.remember(&guest, &own, 2).await, 1);
    // What waits for a timer waits for something of the call's.
    ask(&guest, house.warm(&own, &REUSE), "leave", 0).await.unwrap();
    assert_eq!(house.sandbox.idle(), 0);
    assert_eq!(house.remember(&guest, &own, 3).await, 0);
}

#[tokio::test]
async fn each_call_of_a_kept_instance_is_counted_anew_but_its_memory_is_not() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    let limits = Limits { host_calls: 2, memory: 4 << 20, ..Limits::default() };
    let call = || house.call(&own, limits.clone(), Arc::new(Nothing)).warm(&REUSE, "0".to_owned());
    house.remember(&guest, &own, 1).await;
    for _ in 0..5 {
        ask(&guest, call(), "ask", 0).await.unwrap();
    }
    assert_eq!(house.remember(&guest, &own, 1).await, 1, "it was not one instance: this shows nothing");
    // A MiB each: three of them fit beside the page that is there from the start.
    for _ in 0..3 {
        ask(&guest, call(), "grow", 16).await.unwrap();
    }
    let halt = ask(&guest, call(), "grow", 16).await.unwrap_err();
    assert!(matches!(halt, Halt::Memory { limit_mib: 4, .. }), "{halt}");
}

#[tokio::test]
async fn growth_that_was_refused_is_counted_in_its_call_only() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    let limits = Limits { memory: 4 << 20, table_elements: 40, ..Limits::default() };
    let call = || house.call(&own, limits.clone(), Arc::new(Nothing)).warm(&REUSE, "0".to_owned());
    // 2 MiB each, of which a memory that is full from the start has none to give.
    for (function, more) in [("grow-full", 32), ("grow-full-table", 30)] {
        for _ in 0..5 {
            assert_eq!(ask(&guest, call(), function, more).await, Ok(u64::MAX), "{function}");
        }
        let halt = ask(&guest, call(), function, 10 * more).await.unwrap_err();
        assert!(halt.limit().is_some(), "{halt}");
        house.remember(&guest, &own, 1).await;
    }
    // What the engine gave counts on, whatever it refuses between.
    house.remember(&guest, &own, 1).await;
    for _ in 0..3 {
        ask(&guest, call(), "grow", 16).await.unwrap();
        assert_eq!(ask(&guest, call(), "grow-full", 1).await, Ok(u64::MAX));
    }
    let halt = ask(&guest, call(), "grow", 16).await.unwrap_err();
    assert!(matches!(halt, Halt::Memory { limit_mib: 4, .. }), "{halt}");
}

#[tokio::test]
async fn waiting_for_a_place_is_not_the_guests_time() {
    let house = Arc::new(House::new(0).await);
    let (guest, own) = (house.guest().await, whose("own"));
    let places = guest.slots.clone().acquire_many_owned(CALLS_AT_ONCE).await.unwrap();
    let (call, lane) = house.call_over(&own, Limits::default(), Arc::new(Nothing));
    let waits = tokio::spawn(async move { ask(&guest, call, "remember", 1).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(places);
    waits.await.unwrap().unwrap();
    assert!(lane.observed().waited >= Duration::from_millis(40), "{:?}", lane.observed().waited);
}

#[tokio::test]
async fn a_kept_instances_clock_goes_on() {
    let house = House::new(32).await;
    let (guest, own) = (house.guest().await, whose("own"));
    let before = ask(&guest, house.warm(&own, &REUSE), "clock", 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let after = ask(&guest, house.warm(&own, &REUSE), "clock", 0).await.unwrap();
    assert!(after >= before + 5_000_000, "{before} ns, then {after} ns");
}

#[tokio::test]
async fn no_more_are_kept_than_the_operator_allows_and_the_last_used_stay() {
    let house = House::new(4).await;
    let guest = house.guest().await;
    let connections: Vec<_> = (0..10).map(|n| whose(&n.to_string())).collect();
    for own in &connections {
        house.remember(&guest, own, 1).await;
        assert!(house.sandbox.idle() <= 4);
    }
    for own in connections[6..].iter().chain(&connections[6..]) {
        assert_eq!(house.remember(&guest, own, 1).await, 1, "{own:?}");
    }
    assert_eq!(house.remember(&guest, &connections[5], 1).await, 0);
    assert_eq!(house.sandbox.idle(), 4);
}

#[tokio::test]
async fn memory_that_lies_idle_is_bounded_in_sum() {
    let house = House::new(32).await;
    let guest = house.guest().await;
    let limits = Limits { memory: 512 << 20, ..Limits::default() };
    for (n, idle) in [(0, 1), (1, 2), (2, 2), (3, 2)] {
        let call = house.call(&whose(&n.to_string()), limits.clone(), Arc::new(Nothing));
        // 120 MiB each, of which nothing is touched.
        ask(&guest, call.warm(&REUSE, String::new()), "grow", 1920).await.unwrap();
        assert_eq!(house.sandbox.idle(), idle);
    }
    let call = house.call(&whose("huge"), limits, Arc::new(Nothing));
    ask(&guest, call.warm(&REUSE, String::new()), "grow", 4100).await.unwrap();
    assert_eq!(house.sandbox.idle(), 2, "what is larger than all together may be pushes nobody out");
}

/// Runs `times` calls of one connection, all of them in the guest at one time, and then does `meanwhile`.
async fn at_once(house: &Arc<House>, guest: &Arc<Connector>, times: usize, meanwhile: impl FnOnce()) {
    let inside = Arc::new(Barrier::new(times + 1));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..times {
        let (house, guest, inside) = (house.clone(), guest.clone(), inside.clone());
        calls.spawn(async move {
            let call = house.warm(&whose("own"), &REUSE);
            guest
                .run(call, async |_, _| {
                    inside.wait().await;
                    inside.wait().await;
                    Ok(())
                })
                .await
        });
    }
    let all_there = tokio::time::timeout(Duration::from_secs(20), inside.wait()).await;
    all_there.expect("a call did not get as far as its guest");
    meanwhile();
    inside.wait().await;
    while let Some(end) = calls.join_next().await {
        end.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_is_kept_takes_no_calls_place_and_two_of_a_connection_are_kept_at_most() {
    let house = Arc::new(House::new(3).await);
    let guest = house.guest().await;
    for other in ["a", "b", "c"] {
        house.remember(&guest, &whose(other), 1).await;
    }
    assert_eq!(house.sandbox.idle(), 3);
    at_once(&house, &guest, CALLS_AT_ONCE as usize, || assert_eq!(house.sandbox.idle(), 3)).await;
    assert_eq!(house.sandbox.idle(), 3);
    for other in ["b", "c"] {
        house.sandbox.forget(&other.into());
    }
    assert_eq!(house.sandbox.idle(), 2, "two of this connection, at the cost of who was idle longest");
}

#[tokio::test]
async fn what_is_forgotten_does_not_come_back_from_a_call_that_was_under_way() {
    let house = Arc::new(House::new(8).await);
    let (guest, own) = (house.guest().await, whose("own"));
    house.remember(&guest, &own, 1).await;
    at_once(&house, &guest, 3, || house.sandbox.forget(&"own".into())).await;
    assert_eq!(house.sandbox.idle(), 0);
    // An unloaded connector's instances go with it.
    house.remember(&guest, &own, 1).await;
    assert_eq!(house.sandbox.idle(), 1);
    drop(guest);
    assert_eq!(house.sandbox.idle(), 0);
}

#[tokio::test]
async fn nothing_of_a_call_is_held_while_its_instance_is_idle() {
    let house = House::new(8).await;
    let (guest, own) = (house.guest().await, whose("own"));
    let credential: Arc<dyn Authorise> = Arc::new(Nothing);
    let held = Arc::downgrade(&credential);
    let call = house.call(&own, Limits::default(), credential).warm(&REUSE, "0".to_owned());
    ask(&guest, call, "remember", 1).await.unwrap();
    assert_eq!((house.sandbox.idle(), held.strong_count()), (1, 0));
}
