//! The channels that a setting may take.

use jackfield_connector::{Choice, ChoicePage, Choices, Error, Json, Result};

use crate::{Slack, api};

/// Slack advises at most 200 a page.
const PAGE: u32 = 200;

impl Choices for Slack {
    fn list_choices(setting: String, filter: Option<String>, after: Option<String>) -> Result<ChoicePage> {
        if setting != "channel" {
            return Err(Error::invalid("setting", "unknown_setting", "Only `channel` has choices."));
        }
        let page = list(PAGE, after.as_deref())?;
        let wanted = filter.unwrap_or_default().trim().trim_start_matches('#').to_lowercase();
        let fits = |channel: &&Json| name(channel).to_lowercase().contains(&wanted);
        Ok(ChoicePage { choices: channels(&page).filter(fits).map(choice).collect(), next: next(&page) })
    }
}

/// One page of public channels, and of the private ones that the bot is in, where it may see those.
pub(crate) fn list(limit: u32, cursor: Option<&str>) -> Result<Json> {
    match api::conversations("public_channel,private_channel", limit, cursor) {
        // A token without groups:read still sees the public ones.
        Err(Error::Forbidden(_)) => api::conversations("public_channel", limit, cursor),
        other => other,
    }
}

pub(crate) fn channels(page: &Json) -> impl Iterator<Item = &Json> {
    page["channels"].as_array().into_iter().flatten()
}

/// Where the list goes on; an empty cursor is its end.
pub(crate) fn next(page: &Json) -> Option<String> {
    let cursor = page.pointer("/response_metadata/next_cursor").and_then(Json::as_str);
    cursor.filter(|cursor| !cursor.is_empty()).map(str::to_owned)
}

fn choice(channel: &Json) -> Choice {
    let remark = match (channel["is_private"] == true, channel["is_member"] == true) {
        (true, _) => " (private)",
        (false, true) => "",
        (false, false) => " (the bot is not in it)",
    };
    let value = channel["id"].as_str().unwrap_or_default().to_owned();
    Choice { value, label: format!("#{}{remark}", name(channel)) }
}

fn name(channel: &Json) -> &str {
    channel["name"].as_str().unwrap_or_default()
}
