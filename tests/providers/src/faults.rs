//! Failures on demand: the next request, a kind of request, or some share of all.

use crate::Call;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One way in which an exchange goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this status in the vendor's body; nothing changes.
    Status(u16),
    /// Refused as one request too many, to be tried again after so long; nothing changes.
    RateLimited(Duration),
    /// No answer for so long, then the connection closes; nothing changes.
    Hang(Duration),
    /// The connection closes at once; nothing changes.
    CloseBeforeAnswer,
    /// The request is carried out, and the connection closes without an answer.
    AppliedButNoAnswer,
    /// The request is carried out, and no answer comes for so long; then the connection closes.
    AppliedThenHang(Duration),
    /// The request is carried out, and a failure is answered.
    AppliedThenStatus(u16),
    /// The request is carried out; the whole answer comes late.
    AnswerAfter(Duration),
    /// The request is carried out; status and headers come at once, the body late.
    AnswerThenDelay(Duration),
    /// The request is carried out; the body comes in drops of so many bytes.
    SlowDrip {
        /// Bytes in a drop.
        bytes: usize,
        /// The pause after each drop.
        every: Duration,
    },
    /// The request is carried out; the connection closes in the middle of the body.
    Truncated,
    /// Nothing changes; a page of HTML with this status comes, as from a proxy on the way.
    Html(u16),
    /// Nothing changes; an answer with this status tells the request's credential, in many forms and places.
    Echo(u16),
}

impl Fault {
    /// Whether the request is carried out all the same.
    pub fn applies(&self) -> bool {
        !matches!(
            self,
            Self::Status(_)
                | Self::RateLimited(_)
                | Self::Hang(_)
                | Self::CloseBeforeAnswer
                | Self::Html(_)
                | Self::Echo(_)
        )
    }
}

/// The faults that a fake has still to commit. Orders made first count first; chance comes after all orders.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    orders: Vec<Order>,
    chance: Option<Chance>,
    committed: u64,
}

#[derive(Debug)]
struct Order {
    left: u64,
    method: Option<String>,
    path: String,
    fault: Fault,
}

#[derive(Debug)]
struct Chance {
    state: u64,
    per_mille: u64,
    choices: Vec<Fault>,
}

impl Faults {
    /// Commits `fault` on each of the next `n` requests.
    pub fn fail_next(&self, n: u64, fault: Fault) {
        self.plan().orders.push(Order { left: n, method: None, path: String::new(), fault });
    }

    /// Commits `fault` on the next `n` requests with this method and with `path` somewhere in their path.
    pub fn fail_matching(&self, n: u64, method: &str, path: &str, fault: Fault) {
        let method = Some(method.to_ascii_uppercase());
        self.plan().orders.push(Order { left: n, method, path: path.to_owned(), fault });
    }

    /// Commits one of `choices` on `per_mille` of a thousand requests; the seed decides which.
    pub fn at_random(&self, seed: u64, per_mille: u16, choices: Vec<Fault>) {
        let per_mille = u64::from(per_mille);
        self.plan().chance = (!choices.is_empty()).then_some(Chance { state: seed, per_mille, choices });
    }

    /// Forgets every order and stops chance.
    pub fn clear(&self) {
        let mut plan = self.plan();
        plan.orders.clear();
        plan.chance = None;
    }

    /// How many faults were committed.
    pub fn committed(&self) -> u64 {
        self.plan().committed
    }

    /// The fault for this request, if it is to have one.
    pub(crate) fn draw(&self, call: &Call) -> Option<Fault> {
        let mut plan = self.plan();
        let fault = plan.ordered(call).or_else(|| plan.chance.as_mut().and_then(Chance::roll))?;
        plan.committed += 1;
        Some(fault)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn ordered(&mut self, call: &Call) -> Option<Fault> {
        self.orders.retain(|order| order.left > 0);
        let order = self.orders.iter_mut().find(|order| order.fits(call))?;
        order.left -= 1;
        Some(order.fault.clone())
    }
}

impl Order {
    fn fits(&self, call: &Call) -> bool {
        let method = self.method.as_deref().is_none_or(|method| method == call.method.as_str());
        method && call.path.contains(&self.path)
    }
}

impl Chance {
    fn roll(&mut self) -> Option<Fault> {
        if self.next() % 1000 >= self.per_mille {
            return None;
        }
        let at = self.next() % self.choices.len() as u64;
        self.choices.get(usize::try_from(at).ok()?).cloned()
    }

    /// SplitMix64: small, and the same everywhere.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
