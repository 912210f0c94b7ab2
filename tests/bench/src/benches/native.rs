//! What the sandbox adds to a sync: the HubSpot connector as a component, and the same sources compiled for this machine, both
//! through the same column to the same fake.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use egress::{Lane, Refusal, Request};
use jackfield_connector::crm::{Contact, Email, Entity, MatchKey, OnMatch, Op, Person, Upsert};
use jackfield_connector::http::{HttpError, RawRequest, RawResponse};
use jackfield_connector::testing::{self, Stage};
use providers::{Fault, HubSpot, Limit, Settings};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::call::{runtime, three};
use super::{Bench, Options};
use crate::harness::{Chart, Figure, Report, ns, rounds};
use crate::place::{Place, Provider, TOKEN};

pub(super) const BENCH: Bench = Bench {
    name: "native",
    short: "a sync through the sandbox ÷ the same connector compiled natively",
    about: "The HubSpot connector writes a batch of contacts (`crm/write.apply`: each looked up by its e-mail address, then \
            created or changed) to the fake of HubSpot on loopback, through `egress`, on an instance that is kept \
            between calls of the connection as its manifest asks (`[reuse]`), and from a fresh one; and the same sources, \
            compiled for this machine, do the same through the same column. The fake answers at once and shares \
            the two cores, so a provider's own time is not there to hide anything; once more with one that takes 20 ms for \
            each answer.",
    takes: None,
    long: false,
    run,
};

const ROUNDS: usize = 20;
/// A quick provider's.
const DELAY_MS: u64 = 20;

thread_local! {
    /// The native side's way out.
    static WAY: RefCell<Option<(tokio::runtime::Handle, Lane)>> = const { RefCell::new(None) };
}

/// What the sandbox does for `host/http.send`, for code that is not in it.
fn road(request: &RawRequest) -> Result<RawResponse, HttpError> {
    let (runtime, lane) =
        WAY.with_borrow(|way| way.clone()).ok_or(HttpError::NotSent("no way".to_owned()))?;
    let request = Request {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.iter().map(|(n, v)| (n.clone(), v.clone().into_bytes())).collect(),
        body: request.body.clone().map(bytes::Bytes::from),
        auth: request.auth.clone(),
        idempotency_key: request.idempotency_key.clone(),
        timeout: None,
    };
    let text = |v: Vec<u8>| String::from_utf8_lossy(&v).into_owned();
    match runtime.block_on(lane.send(request)) {
        Ok(answer) => Ok(RawResponse {
            status: answer.status,
            headers: answer.headers.into_iter().map(|(n, v)| (n, text(v))).collect(),
            body: answer.body.to_vec(),
        }),
        Err(Refusal::Denied { reason, .. }) => Err(HttpError::Denied(reason)),
        Err(Refusal::SentNoAnswer(why)) => Err(HttpError::SentNoAnswer(why)),
        Err(other) => Err(HttpError::NotSent(format!("{other:?}"))),
    }
}

/// A batch of contacts. Every second one is known from an earlier one and has changed.
fn batch(first: usize, contacts: usize) -> Value {
    let ops: Vec<Op> = (first..first + contacts)
        .map(|n| {
            let address = format!("person{}@example.com", n / 2);
            let person = Person {
                first_name: Some("Ada".to_owned()),
                last_name: Some(format!("Lovelace {n}")),
                emails: vec![Email { address: address.clone(), label: None, primary: true }],
                ..Person::default()
            };
            Op::Upsert(Upsert {
                op_key: format!("op-{n}"),
                entity: Entity::Contact(Contact { person, ..Contact::default() }),
                match_on: vec![MatchKey::Email(address)],
                on_match: OnMatch::Update,
                only: Vec::new(),
                clear: Vec::new(),
                if_version: None,
            })
        })
        .collect();
    json!([ops])
}

fn written(answer: &Value, contacts: usize) -> Result<()> {
    let receipts = answer["Ok"].as_array().with_context(|| format!("the connector answered {answer}"))?;
    ensure!(
        receipts.len() == contacts && receipts.iter().all(|r| r["Ok"].is_object()),
        "not written: {answer}"
    );
    Ok(())
}

/// One side's numbering, so that both do the same to records of their own.
struct Counter(usize);

impl Counter {
    fn next(&mut self, contacts: usize) -> Value {
        self.0 += contacts;
        batch(self.0 - contacts, contacts)
    }
}

/// Through the sandbox: from a fresh instance, or from one that is kept as the connector's manifest asks.
fn sandboxed(
    runtime: &Runtime,
    place: &Place,
    of: &mut Counter,
    (contacts, warm): (usize, bool),
    calls: usize,
) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let args = of.next(contacts);
        let began = Instant::now();
        let connection = if warm { "warm" } else { "fresh" };
        let mut call = place.call(connection);
        if warm {
            let reuse = place.manifest.reuse.as_ref().context("the connector asks for no reuse")?;
            call = call.warm(reuse, "1".to_owned());
        }
        let answer = runtime.block_on(place.connector.invoke(call, "crm/write.apply", args))?;
        times.push(ns(began));
        written(&answer, contacts)?;
    }
    Ok(times)
}

/// The same connector with nothing to ask its provider: what the sandbox's part costs whatever the call does.
fn idle(runtime: &Runtime, place: &Place, calls: usize) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let call = place.call("idle");
        let answer = runtime.block_on(place.connector.invoke(call, "crm/schema.list-objects", json!([])))?;
        times.push(ns(began));
        ensure!(answer["Ok"].is_array(), "{answer}");
    }
    Ok(times)
}

fn native(
    runtime: &Runtime,
    place: &Place,
    of: &mut Counter,
    contacts: usize,
    calls: usize,
) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let args = of.next(contacts).as_array().cloned().unwrap_or_default();
        let began = Instant::now();
        let way = (runtime.handle().clone(), place.lane("native"));
        WAY.with_borrow_mut(|w| *w = Some(way));
        let call = testing::Call { function: "crm/write.apply".to_owned(), args };
        let stage = Stage::new().time_left_ms(60_000).then_by(road);
        let (answer, _) = stage.run(|| hubspot::__jackfield_dispatch(&call));
        times.push(ns(began));
        written(&answer.context("the function is not exported")?, contacts)?;
    }
    Ok(times)
}

fn run(options: &Options) -> Result<Report> {
    // The fake has threads of its own: it is no part of what is compared.
    let (ours, theirs) = (runtime(1)?, runtime(1)?);
    let config = providers::hubspot::Config {
        settings: Settings { journal: 0, ..Settings::default() },
        tokens: vec![TOKEN.to_owned()],
        burst: Limit::none(),
        search: Limit::none(),
        ..Default::default()
    };
    let fake = theirs.block_on(HubSpot::start(config))?;
    let overrides = BTreeMap::from([(fake.origin().to_owned(), fake.url())]);
    let folder = options.root.join("plugins/hubspot");
    let place = ours.block_on(Place::new(&folder, Provider { overrides, dialler: None }))?;
    let (mut figures, mut bars, mut details) = (Vec::new(), Vec::new(), Vec::new());
    let mut counters = [Counter(0), Counter(1_000_000), Counter(2_000_000)];
    for (contacts, calls, rounds_, delay) in [(10, 10, ROUNDS, 0), (1, 60, ROUNDS, 0), (1, 8, 5, DELAY_MS)] {
        if delay > 0 {
            fake.fail_next(u64::from(u32::MAX), Fault::AnswerAfter(Duration::from_millis(delay)));
        }
        let [a, b, c] = &mut counters;
        let made = rounds(
            rounds_,
            calls,
            &mut [
                &mut |n| sandboxed(&ours, &place, a, (contacts, true), n),
                &mut |n| native(&ours, &place, b, contacts, n),
                &mut |n| sandboxed(&ours, &place, c, (contacts, false), n),
            ],
        )?;
        let what = match (contacts, delay) {
            (1, 0) => "one contact".to_owned(),
            (1, ms) => format!("one contact, provider answers after {ms} ms"),
            (n, _) => format!("{n} contacts"),
        };
        let figure = Figure::shown(format!("{what}: sandbox ÷ native"), made.ratio(0, 1), "×");
        figures.push(figure.at_most(1.1));
        figures.push(Figure::shown(format!("{what}: fresh instance ÷ native"), made.ratio(2, 1), "×"));
        if delay > 0 {
            continue;
        }
        for (times, name) in made.all.iter().zip(["through the sandbox", "native", "from a fresh instance"]) {
            bars.push((format!("{what}, {name}"), times.median() / 1e3));
            details.extend(three(&format!("{what}, {name}"), times));
        }
    }
    let calls = rounds(ROUNDS, 60, &mut [&mut |n| idle(&ours, &place, n)])?;
    details.extend(three("a call without a request, from a fresh instance", &calls.all[0]));
    figures.extend(details);
    let chart = Chart::Bars {
        file: "native.svg".to_owned(),
        title: "A sync with HubSpot's fake, median".to_owned(),
        unit: "µs".to_owned(),
        bars,
        goal: None,
    };
    Ok(Report { figures, charts: vec![chart], notes: Vec::new() })
}
