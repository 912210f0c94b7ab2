//! The opaque tokens of lists: where a page begins, and what a caller has seen.

use super::errors::Trouble;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// Where the next page begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageToken {
    pub(super) offset: usize,
    /// The last change when the first page was made.
    pub(super) seen: u64,
}

/// What a caller has seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct SyncToken {
    pub(super) seen: u64,
    pub(super) epoch: u64,
    pub(super) single: bool,
}

impl PageToken {
    pub(super) fn write(self) -> String {
        BASE64.encode(format!("page {} {}", self.offset, self.seen))
    }

    pub(super) fn read(text: &str) -> Result<Self, Trouble> {
        let trouble = || Trouble::invalid("Invalid page token value.").at("parameter", "pageToken");
        let [offset, seen] = numbers(text, "page").ok_or_else(trouble)?;
        Ok(Self { offset: usize::try_from(offset).map_err(|_| trouble())?, seen })
    }
}

impl SyncToken {
    pub(super) fn write(self) -> String {
        BASE64.encode(format!("sync {} {} {}", self.seen, self.epoch, u8::from(self.single)))
    }

    pub(super) fn read(text: &str) -> Result<Self, Trouble> {
        let trouble = || Trouble::invalid("Invalid sync token value.").at("parameter", "syncToken");
        let [seen, epoch, single] = numbers(text, "sync").ok_or_else(trouble)?;
        Ok(Self { seen, epoch, single: single == 1 })
    }
}

fn numbers<const N: usize>(text: &str, kind: &str) -> Option<[u64; N]> {
    let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let mut words = text.split(' ');
    if words.next() != Some(kind) {
        return None;
    }
    let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}
