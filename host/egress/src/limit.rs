//! **limit**: keeps to the provider's budgets. A request waits for its turn, or is refused if that comes too late.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use manifest::{Rate, RateLimit};
use model::ConnectionId;
use tokio::time::{Instant, sleep_until};

use crate::announced::{self, LONGEST_MS};
use crate::lane::LaneInner;
use crate::pattern::PathPattern;
use crate::window::Window;
use crate::{PolicyError, Refusal, Throttled, policy};

/// How many connections' budgets are remembered; the least recently used goes first.
const MOST_CONNECTIONS: usize = 20_000;
/// How many requests of one connection may wait for their turn.
const MOST_WAITING: usize = 256;

/// A budget of the manifest, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    bucket: String,
    limit: RateLimit,
    methods: Vec<Box<str>>,
    paths: Vec<PathPattern>,
    except: Vec<PathPattern>,
}

impl Rule {
    pub fn compile(rate: &Rate) -> Result<Self, PolicyError> {
        let fail = |problem| PolicyError { place: format!("manifest rate `{}`", rate.bucket), problem };
        let paths =
            |texts: &[String]| texts.iter().map(|t| PathPattern::parse(t)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            bucket: rate.bucket.clone(),
            limit: rate.limit,
            methods: policy::methods(&rate.methods).map_err(fail)?,
            paths: paths(&rate.paths).map_err(fail)?,
            except: paths(&rate.except).map_err(fail)?,
        })
    }

    fn counts(&self, method: &str, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|m| **m == *method))
            && (self.paths.is_empty() || self.paths.iter().any(|p| p.matches(path)))
            && !self.except.iter().any(|p| p.matches(path))
    }
}

/// All budgets of the process, by connection.
#[derive(Default)]
pub(crate) struct Budgets(Mutex<HashMap<ConnectionId, Account>>);

struct Account {
    buckets: Vec<Bucket>,
    waiting: usize,
    used: Instant,
}

/// A budget is known by its name and limit, so a new manifest that changes the limit starts anew.
struct Bucket {
    name: String,
    window: Window,
}

/// The budgets that a request is charged to: name and limit.
pub(crate) type Charge = Vec<(String, RateLimit)>;

/// Waits until every budget that this request counts against has room, and takes one from each.
pub(crate) async fn wait(
    lane: &LaneInner,
    method: &str,
    path: &str,
    deadline: Instant,
) -> Result<Charge, Refusal> {
    let charge = charge(lane, method, path);
    let (budgets, connection) = (&lane.egress.budgets, &lane.options.connection);
    let turn = budgets.reserve(connection, &charge, Instant::now(), deadline)?;
    if turn > Instant::now() {
        let _queued = Queued::join(budgets, connection);
        sleep_until(turn).await;
        // While we waited, another request may have been told to slow down.
        while let Some((until, bucket)) = budgets.blocked(connection, &charge) {
            if until > deadline {
                return Err(limited(until, Instant::now(), bucket));
            }
            sleep_until(until).await;
        }
    }
    Ok(charge)
}

/// Takes in what the answer says of the provider's own count.
pub(crate) fn learn(lane: &LaneInner, charge: &Charge, status: StatusCode, headers: &HeaderMap) {
    let now = Instant::now();
    let (budgets, connection) = (&lane.egress.budgets, &lane.options.connection);
    if let Some(rule) = &lane.options.policy.rate_headers
        && let Some(left) = announced::count(headers, &rule.remaining)
    {
        let reset = rule.reset_seconds.as_deref().and_then(|name| announced::seconds(headers, name));
        let window = || rule.window_ms.as_deref().and_then(|name| announced::count(headers, name));
        let until = reset.or_else(window).map(|ms| now + Duration::from_millis(ms.min(LONGEST_MS)));
        budgets.each(connection, now, |b| {
            if b.name == rule.bucket {
                b.window.left(left, until, now);
            }
        });
    }
    if status != StatusCode::TOO_MANY_REQUESTS {
        return;
    }
    let wait = announced::retry_after(headers, lane.egress.options.clock.now());
    if let Some(ms) = wait {
        let until = now + Duration::from_millis(ms);
        budgets.each(connection, now, |b| {
            if charge.iter().any(|(name, limit)| b.is(name, *limit)) {
                b.window.block(until);
            }
        });
    }
    let bucket = charge.first().map(|(name, _)| name.clone());
    let mut state = lane.state();
    let longest = state.observed.throttled.take().and_then(|t| t.retry_after_ms).max(wait);
    state.observed.throttled = Some(Throttled { retry_after_ms: longest, bucket });
}

fn charge(lane: &LaneInner, method: &str, path: &str) -> Charge {
    let options = &lane.options;
    if let Some(limit) = lane.egress.options.rates.get(&options.connector) {
        return vec![(options.connector.clone(), *limit)];
    }
    let mut charge: Charge = Vec::new();
    for rule in options.policy.rates.iter().filter(|r| r.counts(method, path)) {
        if !charge.iter().any(|(name, limit)| *name == rule.bucket && *limit == rule.limit) {
            charge.push((rule.bucket.clone(), rule.limit));
        }
    }
    if charge.is_empty() {
        // Without a budget of its own a request still keeps to what a 429 says.
        charge.push(("unlimited".to_owned(), RateLimit { count: u32::MAX, window_ms: 1 }));
    }
    charge
}

fn limited(turn: Instant, now: Instant, bucket: String) -> Refusal {
    let ms = u64::try_from((turn - now).as_millis()).unwrap_or(u64::MAX).clamp(1, LONGEST_MS);
    Refusal::RateLimited { retry_after_ms: Some(ms), bucket: Some(bucket) }
}

impl Budgets {
    fn reserve(
        &self,
        connection: &ConnectionId,
        charge: &Charge,
        now: Instant,
        deadline: Instant,
    ) -> Result<Instant, Refusal> {
        let mut all = self.lock();
        if !all.contains_key(connection) {
            make_room(&mut all, now);
            all.insert(connection.clone(), Account { buckets: Vec::new(), waiting: 0, used: now });
        }
        let Some(account) = all.get_mut(connection) else {
            return Ok(now);
        };
        account.used = now;
        let (mut turn, mut last) = (now, None);
        for (name, limit) in charge {
            let next = account.bucket(name, *limit, now).window.next_turn(now);
            if next > turn {
                (turn, last) = (next, Some(name));
            }
        }
        if turn > deadline || (turn > now && account.waiting >= MOST_WAITING) {
            let bucket = last.or(charge.first().map(|(name, _)| name)).cloned().unwrap_or_default();
            return Err(limited(turn, now, bucket));
        }
        for (name, limit) in charge {
            account.bucket(name, *limit, now).window.take(turn);
        }
        Ok(turn)
    }

    fn blocked(&self, connection: &ConnectionId, charge: &Charge) -> Option<(Instant, String)> {
        let (all, now) = (self.lock(), Instant::now());
        let charged = |b: &&Bucket| charge.iter().any(|(name, limit)| b.is(name, *limit));
        let buckets = all.get(connection)?.buckets.iter().filter(charged);
        buckets.filter_map(|b| Some((b.window.blocked(now)?, b.name.clone()))).max()
    }

    fn each(&self, connection: &ConnectionId, now: Instant, mut change: impl FnMut(&mut Bucket)) {
        if let Some(account) = self.lock().get_mut(connection) {
            account.used = now;
            account.buckets.iter_mut().for_each(&mut change);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits; leaves the queue when dropped.
struct Queued<'a> {
    budgets: &'a Budgets,
    connection: &'a ConnectionId,
}

impl<'a> Queued<'a> {
    fn join(budgets: &'a Budgets, connection: &'a ConnectionId) -> Self {
        if let Some(account) = budgets.lock().get_mut(connection) {
            account.waiting += 1;
        }
        Self { budgets, connection }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.budgets.lock().get_mut(self.connection) {
            account.waiting = account.waiting.saturating_sub(1);
        }
    }
}

impl Account {
    fn bucket(&mut self, name: &str, limit: RateLimit, now: Instant) -> &mut Bucket {
        let at = self.buckets.iter().position(|b| b.is(name, limit)).unwrap_or_else(|| {
            self.buckets.retain_mut(|b| !b.window.idle(now));
            self.buckets.push(Bucket { name: name.to_owned(), window: Window::new(limit) });
            self.buckets.len() - 1
        });
        &mut self.buckets[at]
    }
}

impl Bucket {
    fn is(&self, name: &str, limit: RateLimit) -> bool {
        self.name == name && self.window.limit() == limit
    }
}

/// Forgets the budgets that have nothing to remember, and if that is not enough the least recently used tenth.
fn make_room(all: &mut HashMap<ConnectionId, Account>, now: Instant) {
    if all.len() < MOST_CONNECTIONS {
        return;
    }
    all.retain(|_, a| a.waiting > 0 || !a.buckets.iter_mut().all(|b| b.window.idle(now)));
    if all.len() < MOST_CONNECTIONS {
        return;
    }
    let mut used: Vec<Instant> = all.values().map(|a| a.used).collect();
    let (_, oldest, _) = used.select_nth_unstable(MOST_CONNECTIONS / 10);
    let oldest = *oldest;
    all.retain(|_, a| a.used > oldest);
}
