//! Channels: list, one, join.

use super::args::Args;
use super::errors::Trouble;
use super::methods::Answer;
use super::workspace::{Channel, Workspace};
use crate::Call;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

const TYPES: [&str; 4] = ["public_channel", "private_channel", "mpim", "im"];

impl Workspace {
    pub(super) fn list(&mut self, _call: &Call, args: &Args) -> Answer {
        let types = args.text("types").unwrap_or_else(|| "public_channel".to_owned());
        let types: Vec<&str> = types.split(',').map(str::trim).collect();
        if types.iter().any(|one| !TYPES.contains(one)) {
            return Err(Trouble::new("invalid_types"));
        }
        let limit = match args.text("limit") {
            None => 100,
            Some(text) => match text.parse::<usize>() {
                Ok(limit) if (1..1000).contains(&limit) => limit,
                _ => return Err(Trouble::new("invalid_limit")),
            },
        };
        let after = args.text("cursor").map(|cursor| read_cursor(&cursor)).transpose()?;
        let shown = |channel: &&Channel| {
            let kind = if channel.private { "private_channel" } else { "public_channel" };
            types.contains(&kind)
                && (channel.member || !channel.private)
                && !(channel.archived && args.flag("exclude_archived"))
        };
        let rest = self.channels.values().filter(shown);
        let rest = rest.filter(|channel| after.as_ref().is_none_or(|after| channel.id > *after));
        let mut page: Vec<&Channel> = rest.take(limit + 1).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|last| cursor(&last.id)).unwrap_or_default();
        let channels: Vec<Value> = page.into_iter().map(|channel| self.conversation(channel, true)).collect();
        Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
    }

    pub(super) fn info(&mut self, _call: &Call, args: &Args) -> Answer {
        let id = args.need("channel")?;
        let found = self.channels.get(&id).filter(|channel| channel.member || !channel.private);
        let channel = found.ok_or_else(|| Trouble::new("channel_not_found"))?;
        Ok(json!({"channel": self.conversation(channel, args.flag("include_num_members"))}))
    }

    pub(super) fn join(&mut self, _call: &Call, args: &Args) -> Answer {
        let id = args.need("channel")?;
        let found = self.channels.get_mut(&id).filter(|channel| channel.member || !channel.private);
        let channel = found.ok_or_else(|| Trouble::new("channel_not_found"))?;
        if channel.archived {
            return Err(Trouble::new("is_archived"));
        }
        if channel.private {
            return Err(Trouble::new("method_not_supported_for_channel_type"));
        }
        let already = std::mem::replace(&mut channel.member, true);
        let channel = channel.clone();
        let mut told = json!({"channel": self.conversation(&channel, false)});
        if already {
            told["warning"] = "already_in_channel".into();
            told["response_metadata"] = json!({"warnings": ["already_in_channel"]});
        }
        Ok(told)
    }

    fn conversation(&self, channel: &Channel, counted: bool) -> Value {
        let creator = self.users.first().map(|user| user.id.clone()).unwrap_or_default();
        let words = json!({"value": "", "creator": "", "last_set": 0});
        let mut told = json!({
            "id": channel.id,
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": !channel.private,
            "is_group": channel.private,
            "is_im": false,
            "is_mpim": false,
            "is_private": channel.private,
            "is_archived": channel.archived,
            "is_general": channel.name == "general",
            "is_member": channel.member,
            "is_shared": false,
            "is_ext_shared": false,
            "is_org_shared": false,
            "is_pending_ext_shared": false,
            "pending_shared": [],
            "context_team_id": self.team_id,
            "created": channel.created,
            "updated": channel.created * 1000,
            "creator": creator,
            "unlinked": 0,
            "topic": words,
            "purpose": words,
            "previous_names": [],
        });
        if counted {
            told["num_members"] = (self.users.len() + usize::from(channel.member)).into();
        }
        told
    }
}

fn cursor(last: &str) -> String {
    BASE64.encode(format!("after:{last}"))
}

fn read_cursor(cursor: &str) -> Result<String, Trouble> {
    let text = BASE64.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let after = text.and_then(|text| text.strip_prefix("after:").map(str::to_owned));
    after.ok_or_else(|| Trouble::new("invalid_cursor"))
}
