//! Whether blocks could be shown.

use super::errors::Trouble;
use serde_json::Value;

const BLOCKS: usize = 50;
const SECTION: usize = 3_000;
const HEADER: usize = 150;
const FIELDS: usize = 10;
const FIELD: usize = 2_000;
const KINDS: [&str; 12] = [
    "actions",
    "call",
    "context",
    "divider",
    "file",
    "header",
    "image",
    "input",
    "markdown",
    "rich_text",
    "section",
    "video",
];

/// Checks a list of blocks, the common ones in depth.
pub(super) fn check(blocks: &Value) -> Result<(), Trouble> {
    let blocks = blocks.as_array().ok_or_else(|| Trouble::new("invalid_blocks_format"))?;
    if blocks.len() > BLOCKS {
        let why = format!("no more than {BLOCKS} items allowed [json-pointer:/blocks]");
        return Err(Trouble::explained("invalid_blocks", &why));
    }
    for (at, block) in blocks.iter().enumerate() {
        if let Err(why) = one(block) {
            return Err(Trouble::explained("invalid_blocks", &format!("{why} [json-pointer:/blocks/{at}]")));
        }
    }
    Ok(())
}

fn one(block: &Value) -> Result<(), String> {
    let kind = block["type"].as_str().ok_or("missing required field: type")?;
    if !KINDS.contains(&kind) {
        return Err(format!("unsupported type: {kind}"));
    }
    match kind {
        "section" => section(block),
        "header" => text(&block["text"], HEADER, &["plain_text"]),
        "context" => {
            let elements = block["elements"].as_array().ok_or("missing required field: elements")?;
            if elements.is_empty() || elements.len() > 10 {
                Err("must have 1 to 10 elements".to_owned())
            } else {
                Ok(())
            }
        }
        "actions" if block["elements"].as_array().is_none_or(Vec::is_empty) => {
            Err("missing required field: elements".to_owned())
        }
        "image" if !block["alt_text"].is_string() => Err("missing required field: alt_text".to_owned()),
        _ => Ok(()),
    }
}

fn section(block: &Value) -> Result<(), String> {
    let fields: Vec<&Value> = block["fields"].as_array().into_iter().flatten().collect();
    if block["text"].is_null() && fields.is_empty() {
        return Err("must have text or fields".to_owned());
    }
    if fields.len() > FIELDS {
        return Err(format!("no more than {FIELDS} fields allowed"));
    }
    if !block["text"].is_null() {
        text(&block["text"], SECTION, &["mrkdwn", "plain_text"])?;
    }
    fields.into_iter().try_for_each(|field| text(field, FIELD, &["mrkdwn", "plain_text"]))
}

fn text(value: &Value, most: usize, kinds: &[&str]) -> Result<(), String> {
    if !value["type"].as_str().is_some_and(|kind| kinds.contains(&kind)) {
        return Err(format!("text must be of type {kinds:?}"));
    }
    match value["text"].as_str().map(|text| text.chars().count()) {
        None | Some(0) => Err("must be more than 0 characters".to_owned()),
        Some(length) if length > most => Err(format!("must be less than {} characters", most + 1)),
        Some(_) => Ok(()),
    }
}
