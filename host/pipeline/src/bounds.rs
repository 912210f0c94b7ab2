//! What a connector hands back, before anybody keeps or shows it: bounded, and without the secrets that its call carried.
//!
//! An instance may hold 64 MiB and return all of it. Ids and versions are never cut, for half an id names another record;
//! words are. Nothing that is shown to people looks like what it is not: see [`sandbox::misleads`].

use egress::Lane;
use sandbox::Halt;
use sandbox::v0_1::core::{Account, Conflict, Error, Fault, FieldError, RateLimit};
use sandbox::v0_1::crm::{ObjectSchema, ObjectType};
use sandbox::v0_1::{calendar, crm, sink};

/// The longest id or version, in bytes; `wit/` says so.
const ID_MAX: usize = 512;
/// The longest message.
const MESSAGE_MAX: usize = 4096;
/// The longest name, code or label.
const NAME_MAX: usize = 512;
/// The longest URL.
const URL_MAX: usize = 2048;
/// Entries of a list in an error, a receipt or an account.
const LIST_MAX: usize = 100;
/// The largest description of an object, in bytes: HubSpot's longest have some 500 KiB.
const SCHEMA_MAX: usize = 4 << 20;
/// So much of a text is searched for secrets before it is cut: half a secret would not be found.
const LOOKED_AT: usize = 64 * 1024;

/// What one call handed back is held against this.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a>(pub(crate) &'a Lane);

impl Bounds<'_> {
    /// Words, in lines.
    fn text(self, text: &str, most: usize) -> String {
        let text = self.0.redact(&model::cut(text, LOOKED_AT.max(most)));
        let misleads = |c: char| sandbox::misleads(c) && !matches!(c, '\n' | '\t');
        model::cut(&text, most).chars().map(|c| if misleads(c) { ' ' } else { c }).collect()
    }

    fn texts(self, texts: Vec<String>) -> Vec<String> {
        texts.iter().take(LIST_MAX).map(|t| self.text(t, NAME_MAX)).collect()
    }

    /// An id or a version of the provider's.
    pub(crate) fn id(self, what: &str, id: String) -> Result<String, Halt> {
        if id.len() > ID_MAX {
            let reason =
                format!("the connector returned {what} of {} bytes; {ID_MAX} are the most", id.len());
            return Err(Halt::HostCall { reason });
        }
        if id.contains(sandbox::misleads) {
            let reason = format!("the connector returned {what} with a control character in it");
            return Err(Halt::HostCall { reason });
        }
        Ok(self.0.redact(&id))
    }

    /// The same where there may be none.
    pub(crate) fn maybe(self, what: &str, id: Option<String>) -> Result<Option<String>, Halt> {
        id.map(|id| self.id(what, id)).transpose()
    }

    /// Ids, as many as are kept.
    pub(crate) fn ids(self, what: &str, ids: Vec<String>) -> Result<Vec<String>, Halt> {
        ids.into_iter().take(LIST_MAX).map(|id| self.id(what, id)).collect()
    }

    /// A link for people; none where it is too long to be one, leads to no web page (`javascript:`), or shows another
    /// address than its own.
    pub(crate) fn url(self, url: Option<String>) -> Option<String> {
        let web = |url: &str| {
            url.split_once("://")
                .is_some_and(|(s, _)| s.eq_ignore_ascii_case("https") || s.eq_ignore_ascii_case("http"))
        };
        url.filter(|url| url.len() <= URL_MAX && web(url) && !url.contains(sandbox::misleads))
            .map(|url| self.0.redact(&url))
    }

    /// A description of `object`, which is what was asked for, whatever the connector calls it.
    pub(crate) fn schema(self, object: ObjectType, schema: ObjectSchema) -> Result<ObjectSchema, Halt> {
        let size = schema.fields.len();
        if size > SCHEMA_MAX {
            let reason = format!("the connector described fields in {size} bytes; {SCHEMA_MAX} are the most");
            return Err(Halt::HostCall { reason });
        }
        Ok(ObjectSchema {
            object,
            label: self.text(&schema.label, NAME_MAX),
            fields: self.0.redact(&schema.fields),
            match_on: self.texts(schema.match_on),
            ..schema
        })
    }

    /// A receipt of a CRM.
    pub(crate) fn crm(self, receipt: crm::Receipt) -> Result<crm::Receipt, Halt> {
        Ok(crm::Receipt {
            id: self.id("a record's id", receipt.id)?,
            version: self.maybe("a version", receipt.version)?,
            also_matched: self.ids("a record's id", receipt.also_matched)?,
            ..receipt
        })
    }

    /// A receipt of a calendar; of its event the links alone.
    pub(crate) fn calendar(self, receipt: calendar::Receipt) -> Result<calendar::Receipt, Halt> {
        let mut event = receipt.event;
        if let Some(event) = &mut event {
            event.url = self.url(event.url.take());
            event.conference = event.conference.take().and_then(|conference| {
                let join_url = self.url(Some(conference.join_url))?;
                Some(calendar::Conference { join_url, ..conference })
            });
        }
        Ok(calendar::Receipt {
            id: self.id("an event's id", receipt.id)?,
            version: self.maybe("a version", receipt.version)?,
            event,
            ..receipt
        })
    }

    /// A receipt of a sink.
    pub(crate) fn sink(self, receipt: sink::Receipt) -> Result<sink::Receipt, Halt> {
        Ok(sink::Receipt {
            event_id: self.id("an event's id", receipt.event_id)?,
            remote_id: self.maybe("a record's id", receipt.remote_id)?,
        })
    }

    /// What `probe` says of the account.
    pub(crate) fn account(self, account: Account) -> Result<Account, Halt> {
        let Account { id, label, routing_keys, endpoints, granted_scopes } = account;
        let base = |(name, url): (String, String)| Some((self.text(&name, NAME_MAX), self.url(Some(url))?));
        Ok(Account {
            id: self.id("an account's id", id)?,
            label: self.text(&label, NAME_MAX),
            routing_keys: self.ids("a routing key", routing_keys)?,
            endpoints: endpoints.into_iter().take(LIST_MAX).filter_map(base).collect(),
            granted_scopes: self.texts(granted_scopes),
        })
    }

    /// An error of the contract.
    pub(crate) fn error(self, error: Error) -> Error {
        let fault = |f: Fault| Fault {
            code: self.text(&f.code, NAME_MAX),
            message: self.text(&f.message, MESSAGE_MAX),
            http_status: f.http_status,
            request_id: f.request_id.map(|r| self.text(&r, NAME_MAX)),
        };
        let field = |f: &FieldError| FieldError {
            path: self.text(&f.path, NAME_MAX),
            code: self.text(&f.code, NAME_MAX),
            message: self.text(&f.message, NAME_MAX),
        };
        match error {
            Error::AuthExpired(f) => Error::AuthExpired(fault(f)),
            Error::Forbidden(missing) => Error::Forbidden(self.texts(missing)),
            Error::RateLimited(limit) => Error::RateLimited(RateLimit {
                retry_after_ms: limit.retry_after_ms,
                bucket: limit.bucket.map(|b| self.text(&b, NAME_MAX)),
            }),
            Error::NotFound(id) => Error::NotFound(self.text(&id, NAME_MAX)),
            Error::Conflict(c) => Error::Conflict(Conflict {
                reason: c.reason,
                existing: self.texts(c.existing),
                message: self.text(&c.message, MESSAGE_MAX),
            }),
            Error::InvalidInput(fields) => {
                Error::InvalidInput(fields.iter().take(LIST_MAX).map(field).collect())
            }
            Error::CursorExpired => Error::CursorExpired,
            Error::Unsupported(what) => Error::Unsupported(self.text(&what, MESSAGE_MAX)),
            Error::Transient(f) => Error::Transient(fault(f)),
            Error::Indeterminate(f) => Error::Indeterminate(fault(f)),
            Error::Permanent(f) => Error::Permanent(fault(f)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::net::IpAddr;
    use std::sync::Arc;

    use async_trait::async_trait;
    use egress::{
        Authorise, AuthoriseError, Destination, Egress, Injection, LaneLimits, LaneOptions, Options, Policy,
    };
    use manifest::Manifest;
    use model::{Secret, SystemClock, SystemIds};
    use tokio::time::Instant;

    use super::*;

    const TOKEN: &str = "the-token-that-is-never-shown";

    struct Keeper;

    #[async_trait]
    impl Authorise for Keeper {
        async fn authorise(&self, _: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
            let (value, secret) = (Secret::new(format!("Bearer {TOKEN}")), Secret::new(TOKEN));
            Ok(vec![Injection::Header { name: "authorization".to_owned(), value, secret }])
        }

        async fn endpoint(&self, _: &str) -> Result<Option<Secret>, AuthoriseError> {
            Ok(None)
        }
    }

    struct Nobody;

    #[async_trait]
    impl egress::Resolve for Nobody {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Err(io::Error::other("no such name"))
        }
    }

    /// A lane over which the token was about to go out: authorise comes before resolve, which fails.
    async fn lane() -> Lane {
        let manifest = "manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n[[egress]]\nmethods = [\"GET\"]\n\
                        host = \"api.example.com\"\npaths = [\"/**\"]\nwhy = \"To test\"\n";
        let manifest = Manifest::parse(manifest).unwrap();
        let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemIds));
        options.resolver = Arc::new(Nobody);
        let lane = Egress::new(options).lane(LaneOptions {
            org: "o".into(),
            connection: "c".into(),
            connector: "x".to_owned(),
            job: None,
            policy: Arc::new(Policy::compile(&manifest, None, None).unwrap()),
            authorise: Arc::new(Keeper),
            endpoints: BTreeMap::new(),
            limits: LaneLimits::default(),
            deadline: Instant::now() + std::time::Duration::from_secs(5),
        });
        let refused = lane.send(egress::Request::new("GET", "https://api.example.com/x")).await.unwrap_err();
        assert_eq!(refused.code(), "not-sent", "{refused}");
        lane
    }

    fn long() -> String {
        format!("{TOKEN} {}", "x".repeat(20 << 20))
    }

    fn fault() -> Fault {
        Fault { code: long(), message: long(), http_status: None, request_id: Some(long()) }
    }

    #[tokio::test]
    async fn no_error_is_long_or_shows_a_secret() {
        let lane = lane().await;
        let many = || vec![long(); 3].into_iter().chain(vec![TOKEN.to_owned(); 5_000]).collect::<Vec<_>>();
        let field = || FieldError { path: TOKEN.to_owned(), code: long(), message: TOKEN.to_owned() };
        let reason = sandbox::v0_1::core::ConflictReason::Duplicate;
        let errors = [
            Error::AuthExpired(fault()),
            Error::Forbidden(many()),
            Error::RateLimited(RateLimit { retry_after_ms: None, bucket: Some(long()) }),
            Error::NotFound(long()),
            Error::Conflict(Conflict { reason, existing: many(), message: long() }),
            Error::InvalidInput(vec![field(), field()]),
            Error::Unsupported(long()),
            Error::Transient(fault()),
            Error::Indeterminate(fault()),
            Error::Permanent(fault()),
        ];
        for error in errors {
            let kept = crate::error_view::ErrorView::of(&Bounds(&lane).error(error)).json().to_string();
            assert!(kept.len() < 64 * 1024, "{} bytes", kept.len());
            assert!(kept.contains("REDACTED") && !kept.contains("the-token"), "{}", model::cut(&kept, 300));
        }
    }

    #[tokio::test]
    async fn an_id_is_taken_whole_or_not_at_all() {
        let lane = lane().await;
        let receipt = |id: String, version: Option<String>| crm::Receipt {
            op_key: "k".to_owned(),
            id,
            disposition: crm::Disposition::Created,
            version,
            also_matched: vec![TOKEN.to_owned(); 500],
        };
        let kept = Bounds(&lane).crm(receipt("i".repeat(512), Some(TOKEN.to_owned()))).unwrap();
        assert_eq!((kept.id.len(), kept.version.as_deref()), (512, Some("REDACTED")));
        assert!(kept.also_matched.len() == 100 && kept.also_matched.iter().all(|id| id == "REDACTED"));
        for bad in [receipt("i".repeat(513), None), receipt("i".to_owned(), Some(long()))] {
            let halt = Bounds(&lane).crm(bad).unwrap_err();
            assert!(matches!(&halt, Halt::HostCall { reason } if reason.contains("512")), "{halt}");
        }
        let sent = sink::Receipt { event_id: "e".to_owned(), remote_id: Some(long()) };
        assert!(Bounds(&lane).sink(sent).is_err());
    }

    #[tokio::test]
    async fn nothing_that_is_shown_looks_like_what_it_is_not() {
        let lane = lane().await;
        let bounds = Bounds(&lane);
        let kept = bounds.text("a\0b\u{1b}[31m\u{202e}c\u{2028}d\u{2066}\ne\tf", NAME_MAX);
        assert_eq!(kept, "a b [31m c d \ne\tf");
        for id in ["a\0b", "a\nb", "\u{202e}b", "a\u{7f}"] {
            let halt = bounds.id("a record's id", id.to_owned()).unwrap_err();
            assert!(matches!(&halt, Halt::HostCall { reason } if reason.contains("control")), "{halt}");
        }
        let links = ["https://crm.example/1", "HTTP://crm.example/1"];
        assert!(links.iter().all(|url| bounds.url(Some((*url).to_owned())).is_some()));
        for url in [
            "javascript:alert(1)",
            "javascript://x/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//evil.example/",
            "https://crm.example/\u{202e}gpj.exe",
            "https://crm.example/\r\nx",
        ] {
            assert_eq!(bounds.url(Some(url.to_owned())), None, "{url}");
        }
    }

    #[tokio::test]
    async fn a_description_that_is_nested_without_end_says_nothing() {
        let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let fields = format!("{{\"properties\":{{\"a\":{nested}}}}}");
        let schema = serde_json::json!({ "fields": fields });
        assert!(crate::planning::schema::Schema::read(&schema).is_none());
    }

    #[tokio::test]
    async fn a_wait_without_end_is_an_hour() {
        use crate::planning::retry::{Failure, Next, Tried, decide};
        let wire = egress::Observed::default();
        let now = model::Millis(1_000);
        let tried = Tried {
            attempt: 1,
            repeatable: false,
            makes: false,
            wire: &wire,
            now,
            planned_at: now,
            random: u64::MAX,
        };
        for asked in [u64::MAX, i64::MAX as u64, 0] {
            let error = Error::RateLimited(RateLimit { retry_after_ms: Some(asked), bucket: None });
            let next = decide(Failure::Error(&error), &tried).next;
            let Next::Retry { at, .. } = next else { panic!("{next:?}") };
            assert!((now.0 + 250..=now.0 + 3_600_000).contains(&at.0), "{asked}: {at:?}");
        }
    }

    #[tokio::test]
    async fn an_account_and_a_schema_are_bounded_and_redacted() {
        let lane = lane().await;
        let account = Account {
            id: TOKEN.to_owned(),
            label: long(),
            routing_keys: vec![TOKEN.to_owned(); 500],
            endpoints: vec![("a".to_owned(), long()), ("b".to_owned(), format!("https://h.example/{TOKEN}"))],
            granted_scopes: vec![long()],
        };
        let kept = Bounds(&lane).account(account).unwrap();
        assert_eq!(kept.endpoints, [("b".to_owned(), "https://h.example/REDACTED".to_owned())]);
        let kept = format!("{kept:?}");
        assert!(kept.len() < 8 * 1024 && !kept.contains("the-token"), "{}", kept.len());
    }
}
