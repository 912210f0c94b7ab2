//! Every import that there is, and what a guest gets from it that was granted nothing: one row each in
//! `tests/hostile/denied.toml`. Nothing can be linked without a row, and no row outlives its import.
//!
//! The rows are found out as a guest would: a function is called as soon as something has given the handles that it needs.
//! One whose handles nothing gives is out of reach.

mod guest;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::state::State;
use crate::v0_1;
use async_trait::async_trait;
use egress::{Authorise, AuthoriseError, Destination, Dial, Injection, Io, LaneOptions, Resolve};
use guest::Import;
use model::Secret;
use wasmtime::component::{Linker, ResourceAny, ResourceType, Type, Val};

type Waited<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Counts who tries to leave.
#[derive(Default)]
struct Nowhere(AtomicU32);

#[async_trait]
impl Resolve for Nowhere {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(io::Error::other("no such name"))
    }
}

#[async_trait]
impl Dial for Nowhere {
    async fn dial(&self, _address: SocketAddr) -> io::Result<Box<dyn Io>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(io::Error::other("nobody is dialled"))
    }
}

#[async_trait]
impl Authorise for Nowhere {
    async fn authorise(&self, _to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Vec::new())
    }

    async fn endpoint(&self, _name: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(None)
    }
}

/// A connection that was granted nothing.
fn granted_nothing(nowhere: &Arc<Nowhere>) -> Call {
    let manifest = "manifest = 1\nid = \"rogue\"\nname = \"Rogue\"\nversion = \"1.0.0\"\n";
    let manifest = manifest::Manifest::parse(manifest).unwrap();
    let mut options = egress::Options::new(Arc::new(SystemClock), Arc::new(SystemIds));
    options.resolver = nowhere.clone();
    options.dialler = nowhere.clone();
    let lane = egress::Egress::new(options).lane(LaneOptions {
        org: "org".into(),
        connection: "connection".into(),
        connector: "rogue".to_owned(),
        job: None,
        policy: Arc::new(egress::Policy::compile(&manifest, None, None).unwrap()),
        authorise: nowhere.clone(),
        endpoints: BTreeMap::new(),
        limits: egress::LaneLimits::default(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(60),
    });
    Call::new(limits(), "connection".into(), "rogue", lane, &serde_json::json!({}), None)
}

/// Whether the host's linker has it: what is there cannot be defined once more.
fn linked(linker: &mut Linker<State>, import: &Import) -> bool {
    let defined =
        linker.instance(&import.instance).and_then(|mut i| i.func_new(&import.name, |_, _, _, _| Ok(())));
    defined.is_err()
}

/// The guest, and what it has found out.
struct Guest<'a> {
    connector: Arc<Connector>,
    imports: Vec<&'a Import>,
    types: Vec<Vec<(String, Type)>>,
    /// Which function gives which resource.
    gives: Vec<(ResourceType, usize)>,
}

impl Guest<'_> {
    /// Tries everything, until nothing new comes of it.
    async fn explore(&mut self, call: impl Fn() -> Call) -> BTreeMap<(String, String), String> {
        self.gives.clear();
        let mut outcomes = BTreeMap::new();
        loop {
            let before = outcomes.len();
            for at in 0..self.imports.len() {
                let key = (self.imports[at].interface.clone(), self.imports[at].name.clone());
                if outcomes.contains_key(&key) || self.lacks(at).is_some() {
                    continue;
                }
                let plan = &*self;
                let asked = async |store: &mut wasmtime::Store<State>, instance: &Instance| {
                    let results = plan.called(store, instance, at).await?;
                    let mut given = Vec::new();
                    results.iter().for_each(|v| resources(v, &mut |r| given.push(r.ty())));
                    Ok((results.first().map_or_else(|| "nothing".to_owned(), said), given))
                };
                let outcome = match plan.connector.run(call(), asked).await {
                    Ok((said, given)) => {
                        for ty in given {
                            if !self.gives.iter().any(|(t, _)| *t == ty) {
                                self.gives.push((ty, at));
                            }
                        }
                        said
                    }
                    Err(halt) => format!("halted: {halt}"),
                };
                outcomes.insert(key, outcome);
            }
            if outcomes.len() == before {
                break;
            }
        }
        for (at, import) in self.imports.iter().enumerate() {
            if let Some(n) = self.lacks(at) {
                let key = (import.interface.clone(), import.name.clone());
                outcomes.insert(key, format!("out of reach: no {}", import.needs[n]));
            }
        }
        outcomes
    }

    /// Which of its handles cannot be had.
    fn lacks(&self, at: usize) -> Option<usize> {
        let mut needs = Vec::new();
        self.types[at].iter().for_each(|(_, ty)| needed(ty, &mut needs));
        needs.iter().position(|n| !self.gives.iter().any(|(t, _)| t == n))
    }

    /// Calls a function with the least that it takes.
    fn called<'a>(
        &'a self,
        store: &'a mut wasmtime::Store<State>,
        instance: &'a Instance,
        at: usize,
    ) -> Waited<'a, wasmtime::Result<Vec<Val>>> {
        Box::pin(async move {
            let mut needs = Vec::new();
            self.types[at].iter().for_each(|(_, ty)| needed(ty, &mut needs));
            let mut handles = VecDeque::new();
            for need in needs {
                let (_, from) = self.gives.iter().find(|(t, _)| *t == need).expect("asked before");
                let results = self.called(&mut *store, instance, *from).await?;
                let mut given = None;
                results.iter().for_each(|v| resources(v, &mut |r| given = (r.ty() == need).then_some(r)));
                let given = given.ok_or_else(|| wasmtime::Error::msg("given once and not again"))?;
                self.dress(store, instance, given, *from).await?;
                handles.push_back(given);
            }
            let args: Vec<Val> = self.types[at].iter().map(|(n, ty)| least(n, ty, &mut handles)).collect();
            if let Some(future) = self.imports[at].name.strip_suffix(".get").filter(|n| n.contains("future-"))
            {
                // An answer takes its time.
                let pollable =
                    self.raw(store, instance, self.at(&format!("{future}.subscribe")), &args).await?;
                self.raw(store, instance, self.at("[method]pollable.block"), &pollable).await?;
            }
            self.raw(store, instance, at, &args).await
        })
    }

    fn at(&self, name: &str) -> usize {
        self.imports.iter().position(|i| i.name == name).expect("WASI has it")
    }

    /// A request that names nobody is refused for that alone.
    async fn dress(
        &self,
        store: &mut wasmtime::Store<State>,
        instance: &Instance,
        request: ResourceAny,
        from: usize,
    ) -> wasmtime::Result<()> {
        if self.imports[from].name != "[constructor]outgoing-request" {
            return Ok(());
        }
        let text = |t: &str| Val::String(t.to_owned());
        for (set, value) in [
            ("[method]outgoing-request.set-scheme", Val::Variant("HTTPS".to_owned(), None)),
            ("[method]outgoing-request.set-authority", text("api.example.com")),
            ("[method]outgoing-request.set-path-with-query", text("/")),
        ] {
            let value = Val::Option(Some(Box::new(value)));
            self.raw(store, instance, self.at(set), &[Val::Resource(request), value]).await?;
        }
        Ok(())
    }

    async fn raw(
        &self,
        store: &mut wasmtime::Store<State>,
        instance: &Instance,
        at: usize,
        args: &[Val],
    ) -> wasmtime::Result<Vec<Val>> {
        let function = instance.get_func(&mut *store, format!("f{at}").as_str()).expect("it is exported");
        let mut results = vec![Val::Bool(false); function.ty(&*store).results().len()];
        function.call_async(&mut *store, args, &mut results).await?;
        Ok(results)
    }
}

/// The handles in the least value of a type, in order.
fn needed(ty: &Type, found: &mut Vec<ResourceType>) {
    match ty {
        Type::Own(r) | Type::Borrow(r) => found.push(*r),
        Type::List(l) => needed(&l.ty(), found),
        Type::Record(r) => r.fields().for_each(|f| needed(&f.ty, found)),
        Type::Tuple(t) => t.types().for_each(|t| needed(&t, found)),
        Type::Result(r) => r.ok().iter().for_each(|t| needed(t, found)),
        Type::Variant(v) => v.cases().next().and_then(|c| c.ty).iter().for_each(|t| needed(t, found)),
        _ => {}
    }
}

/// The least value: zero, empty, none, the first case; names of hosts where there is text.
fn least(name: &str, ty: &Type, handles: &mut VecDeque<ResourceAny>) -> Val {
    match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        // A few bytes to read, to write, or at random.
        Type::U64 => Val::U64(if name == "len" { 16 } else { 0 }),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char('a'),
        Type::String if name == "method" => Val::String("GET".to_owned()),
        Type::String if name == "url" => Val::String("https://api.example.com/".to_owned()),
        Type::String => Val::String("localhost".to_owned()),
        Type::List(l) => {
            let mut needs = Vec::new();
            needed(ty, &mut needs);
            let some = !needs.is_empty();
            Val::List(some.then(|| least(name, &l.ty(), handles)).into_iter().collect())
        }
        Type::Record(r) => {
            Val::Record(r.fields().map(|f| (f.name.to_owned(), least(f.name, &f.ty, handles))).collect())
        }
        Type::Tuple(t) => Val::Tuple(t.types().map(|t| least("", &t, handles)).collect()),
        Type::Variant(v) => {
            let case = v.cases().next().expect("a variant has cases");
            Val::Variant(case.name.to_owned(), case.ty.map(|t| Box::new(least("", &t, handles))))
        }
        Type::Enum(e) => Val::Enum(e.names().next().expect("an enum has cases").to_owned()),
        Type::Option(_) => Val::Option(None),
        Type::Result(r) => Val::Result(Ok(r.ok().map(|t| Box::new(least("", &t, handles))))),
        Type::Flags(_) => Val::Flags(Vec::new()),
        Type::Own(_) | Type::Borrow(_) => Val::Resource(handles.pop_front().expect("one for each need")),
        other => panic!("{other:?} is new in the contract: teach this test its least value"),
    }
}

fn resources(value: &Val, found: &mut dyn FnMut(ResourceAny)) {
    match value {
        Val::Resource(r) => found(*r),
        Val::List(l) | Val::Tuple(l) => l.iter().for_each(|v| resources(v, found)),
        Val::Record(r) => r.iter().for_each(|(_, v)| resources(v, found)),
        Val::Variant(_, Some(v)) | Val::Option(Some(v)) => resources(v, found),
        Val::Result(Ok(Some(v)) | Err(Some(v))) => resources(v, found),
        _ => {}
    }
}

/// A value in one line.
fn said(value: &Val) -> String {
    let all = |l: &[Val]| l.iter().map(said).collect::<Vec<_>>().join(", ");
    let with = |case: &str, v: &Option<Box<Val>>| {
        v.as_ref().map_or_else(|| case.to_owned(), |v| format!("{case}({})", said(v)))
    };
    match value {
        Val::Bool(b) => b.to_string(),
        Val::S8(n) => n.to_string(),
        Val::U8(n) => n.to_string(),
        Val::S16(n) => n.to_string(),
        Val::U16(n) => n.to_string(),
        Val::S32(n) => n.to_string(),
        Val::U32(n) => n.to_string(),
        Val::S64(n) => n.to_string(),
        Val::U64(n) => n.to_string(),
        Val::Float32(n) => n.to_string(),
        Val::Float64(n) => n.to_string(),
        Val::Char(c) => format!("{c:?}"),
        Val::String(s) => format!("'{s}'"),
        Val::List(l) if matches!(l.first(), Some(Val::U8(_))) => format!("{} bytes", l.len()),
        Val::List(l) => format!("[{}]", all(l)),
        Val::Tuple(l) => format!("({})", all(l)),
        Val::Record(r) => {
            let all: Vec<_> = r.iter().map(|(n, v)| format!("{n}: {}", said(v))).collect();
            format!("{{{}}}", all.join(", "))
        }
        Val::Variant(case, v) => with(case, v),
        Val::Enum(case) => case.clone(),
        Val::Option(None) => "none".to_owned(),
        Val::Option(v) => with("some", v),
        Val::Result(Ok(v)) => with("ok", v),
        Val::Result(Err(v)) => with("err", v),
        Val::Flags(f) => format!("{{{}}}", f.join(" ")),
        Val::Resource(_) => "a handle".to_owned(),
        other => format!("{other:?}"),
    }
}

/// One row of the table: what a connection without grants gets, and a function before any connection where it differs.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Row {
    Both(String),
    Each { connected: String, before: String },
}

/// `*` stands for anything: the time of day, say.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|i| text.is_char_boundary(*i)).any(|i| matches(rest, &text[i..]))
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_import_there_is_gives_a_guest_without_grants_what_its_row_says() {
    let (resolve, declared) = guest::declared();
    let den = Den::new().await;
    let mut linker = Linker::new(&crate::engine::compiling().unwrap());
    v0_1::link(&mut linker).unwrap();
    let (there, absent): (Vec<_>, Vec<_>) = declared.iter().partition(|i| linked(&mut linker, i));
    assert!(there.len() > 150, "{}", there.len());

    let bytes = guest::component(resolve, &there);
    let connector = den.sandbox.prepare("sha256:all", &bytes).await.unwrap();
    let mut guest = Guest { connector, imports: there, types: Vec::new(), gives: Vec::new() };
    let count = guest.imports.len();
    let types = async |store: &mut wasmtime::Store<State>, instance: &Instance| {
        let of = |at: usize| instance.get_func(&mut *store, format!("f{at}").as_str()).unwrap().ty(&*store);
        let types: Vec<_> = (0..count).map(of).collect();
        Ok(types.iter().map(|t| t.params().map(|(n, t)| (n.to_owned(), t)).collect()).collect())
    };
    guest.types = guest.connector.run(Call::without_connection(limits()), types).await.unwrap();
    let nowhere = Arc::new(Nowhere::default());
    let mut connected = guest.explore(|| granted_nothing(&nowhere)).await;
    let mut before = guest.explore(|| Call::without_connection(limits())).await;
    assert_eq!(
        nowhere.0.load(Ordering::Relaxed),
        0,
        "nothing was granted, and yet somebody was asked or dialled"
    );
    for import in absent {
        for outcomes in [&mut connected, &mut before] {
            outcomes.insert((import.interface.clone(), import.name.clone()), "not linked".to_owned());
        }
    }

    let table: BTreeMap<String, BTreeMap<String, Row>> =
        toml::from_str(include_str!("../../../../tests/hostile/denied.toml")).unwrap();
    let mut wrong = Vec::new();
    for ((interface, name), connected) in &connected {
        let before = &before[&(interface.clone(), name.clone())];
        let (wants, wants_before) = match table.get(interface).and_then(|t| t.get(name)) {
            Some(Row::Both(both)) => (both.as_str(), both.as_str()),
            Some(Row::Each { connected, before }) => (connected.as_str(), before.as_str()),
            None => ("(no row)", "(no row)"),
        };
        if !matches(wants, connected) || !matches(wants_before, before) {
            wrong.push(format!(
                "{interface} {name:?} = connected {connected:?}, before {before:?}, want {wants}"
            ));
        }
    }
    for (interface, rows) in &table {
        for name in rows.keys().filter(|n| !connected.contains_key(&(interface.clone(), (*n).clone()))) {
            wrong.push(format!("{interface} {name:?} has a row and is no more"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
