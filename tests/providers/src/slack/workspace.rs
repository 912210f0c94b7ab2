//! The state of one workspace.

use super::Config;
use crate::{Ids, Limit, Tokens, Window};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";

/// One workspace, in which the app is installed.
#[derive(Debug)]
pub struct Workspace {
    /// The tokens that are taken.
    pub tokens: Tokens,
    pub(super) config: Config,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) users: Vec<User>,
    pub(super) webhooks: BTreeMap<String, String>,
    pub(super) ids: Ids,
    pub(super) team_id: String,
    pub(super) bot_id: String,
    pub(super) bot_user: String,
    pub(super) app_id: String,
    windows: BTreeMap<String, Window>,
    last_stamp: u64,
}

/// One channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Its name, without `#`.
    pub name: String,
    /// Whether only its members see it.
    pub private: bool,
    /// Whether it is archived.
    pub archived: bool,
    /// Whether the bot is a member.
    pub member: bool,
    /// Its messages by time stamp.
    pub messages: BTreeMap<String, Message>,
    pub(super) created: i64,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its time stamp, which is its id.
    pub ts: String,
    /// Its text.
    pub text: String,
    /// The message that it answers.
    pub thread_ts: Option<String>,
    /// Its blocks.
    pub blocks: Option<Value>,
    /// What the app attached for itself.
    pub metadata: Option<Value>,
    /// Whether it was changed.
    pub edited: bool,
}

/// One person.
#[derive(Debug, Clone)]
pub struct User {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

impl Workspace {
    pub(super) fn new(config: Config) -> Self {
        let mut ids = Ids::new(config.settings.seed);
        let mut id = |letter: char| format!("{letter}{}", ids.of(LETTERS, 10));
        let (team_id, bot_id, bot_user, app_id) = (id('T'), id('B'), id('U'), id('A'));
        let mut workspace = Self {
            tokens: config.tokens.iter().collect(),
            channels: BTreeMap::new(),
            users: Vec::new(),
            webhooks: BTreeMap::new(),
            ids,
            team_id,
            bot_id,
            bot_user,
            app_id,
            windows: BTreeMap::new(),
            last_stamp: 0,
            config,
        };
        workspace.add_channel("general", false, true);
        workspace.add_channel("calls", false, true);
        workspace.add_channel("random", false, false);
        workspace.add_user("ada", "ada.marsh@example.com");
        workspace.add_user("ben", "ben.ortiz@example.com");
        workspace
    }

    pub(super) fn add_channel(&mut self, name: &str, private: bool, member: bool) -> String {
        let id = format!("C{}", self.ids.of(LETTERS, 10));
        let channel = Channel {
            id: id.clone(),
            name: name.to_owned(),
            private,
            archived: false,
            member,
            messages: BTreeMap::new(),
            created: self.config.settings.clock.now().as_second(),
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    pub(super) fn add_user(&mut self, name: &str, email: &str) -> String {
        let id = format!("U{}", self.ids.of(LETTERS, 10));
        self.users.push(User { id: id.clone(), name: name.to_owned(), email: email.to_lowercase() });
        id
    }

    pub(super) fn add_webhook(&mut self, channel: &str) -> String {
        let id = self.channel_named(channel).map_or_else(|| channel.to_owned(), |channel| channel.id.clone());
        let path = format!("/services/{}/B{}/{}", self.team_id, self.ids.of(LETTERS, 10), self.ids.hex(24));
        self.webhooks.insert(path.clone(), id);
        path
    }

    /// The channel with this id or name.
    pub(super) fn channel_named(&self, named: &str) -> Option<&Channel> {
        let name = named.strip_prefix('#').unwrap_or(named);
        self.channels.get(named).or_else(|| self.channels.values().find(|channel| channel.name == name))
    }

    /// A time stamp that no message has.
    pub(super) fn stamp(&mut self, now: Timestamp) -> String {
        let micros = u64::try_from(now.as_microsecond()).unwrap_or_default();
        self.last_stamp = micros.max(self.last_stamp + 1);
        format!("{}.{:06}", self.last_stamp / 1_000_000, self.last_stamp % 1_000_000)
    }

    /// Counts a call under a key; how long to wait if it is one too many.
    pub(super) fn take(
        &mut self,
        key: &str,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), std::time::Duration> {
        let window = self.windows.entry(key.to_owned()).or_insert_with(|| Window::new(limit));
        window.set_limit(limit);
        window.take(now).map(|_| ())
    }
}
