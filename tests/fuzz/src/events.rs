//! The body of `POST /api/events`. Input: the body.

use std::fmt;

use api::fuzzing::{self, MAX_DEPTH};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};
use store::NewEvent;

pub(crate) fn run(data: &[u8]) {
    match fuzzing::events(data) {
        Err(problem) => {
            assert!(problem.errors.len() <= 20);
            let shown = serde_json::to_string(&problem).unwrap_or_else(|e| panic!("{e}"));
            assert!(shown.len() <= 64 * 1024, "a problem of {} bytes", shown.len());
        }
        Ok(events) => accepted(data, &events),
    }
}

fn accepted(data: &[u8], events: &[NewEvent]) {
    let tree: Tree = serde_json::from_slice(data).unwrap_or_else(|e| panic!("taken, and no JSON: {e}"));
    assert!(tree.depth() <= MAX_DEPTH, "taken, {} levels deep", tree.depth());
    tree.no_member_twice();
    assert!((1..=1_000).contains(&events.len()));
    for event in events {
        bounded(event);
        let again = fuzzing::events(written(event).to_string().as_bytes());
        match again {
            Ok(again) => {
                let parts = |e: &NewEvent| (written(e), e.source_id.clone(), e.occurred_at, e.label.clone());
                assert_eq!(again.iter().map(parts).collect::<Vec<_>>(), [parts(event)]);
            }
            Err(problem) => panic!("refused when sent again: {problem:?}"),
        }
    }
}

fn bounded(event: &NewEvent) {
    let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    assert!((1..=100).contains(&event.kind.len()) && event.kind.bytes().all(name), "{:?}", event.kind);
    if let Some(id) = &event.source_id {
        assert!((1..=128).contains(&id.chars().count()) && !id.chars().any(char::is_control), "{id:?}");
    }
    assert!(event.label.as_ref().is_none_or(|l| l.chars().count() <= 128 && !l.contains('\0')));
    let data = event.data.to_string();
    assert!(event.data.is_object() && data.len() <= 1 << 20, "{} bytes of data", data.len());
    assert!(!has_nul(&event.data), "U+0000 in {data:.200}");
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, v)| name.contains('\0') || has_nul(v)),
        _ => false,
    }
}

fn written(event: &NewEvent) -> Value {
    let mut all = json!({ "event": event.kind, "data": event.data });
    if let Some(id) = &event.source_id {
        all["id"] = id.as_str().into();
    }
    if let Some(at) = event.occurred_at {
        all["timestamp"] = at.rfc3339().into();
    }
    if let Some(label) = &event.label {
        all["organizationId"] = label.as_str().into();
    }
    all
}

/// JSON with every member, the doubled ones too.
enum Tree {
    Leaf,
    List(Vec<Tree>),
    Members(Vec<(String, Tree)>),
}

impl Tree {
    fn depth(&self) -> usize {
        match self {
            Self::Leaf => 0,
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Members(members) => 1 + members.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
        }
    }

    fn no_member_twice(&self) {
        match self {
            Self::Leaf => {}
            Self::List(items) => items.iter().for_each(Self::no_member_twice),
            Self::Members(members) => {
                let mut names: Vec<&str> = members.iter().map(|(n, _)| n.as_str()).collect();
                names.sort_unstable();
                assert!(names.windows(2).all(|w| w[0] != w[1]), "taken, with a member twice: {names:?}");
                members.iter().for_each(|(_, v)| v.no_member_twice());
            }
        }
    }
}

struct Reader;

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Reader)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Tree::List(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry()? {
            all.push(member);
        }
        Ok(Tree::Members(all))
    }
}
