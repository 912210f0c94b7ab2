//! What a connector may reach, and how fast.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One grant: these methods, on this host, on these paths. https, port 443.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressRule {
    /// Upper case: `["GET", "POST"]`.
    pub methods: Vec<String>,
    /// An exact name, or `*.example.com` for any name below it (not the name itself). Lower case, no port, no address.
    pub host: String,
    /// Path patterns: `*` stands for one segment or a part of one, a last `**` for all that follows. Case matters.
    pub paths: Vec<String>,
    /// For the person who consents: what it is needed for.
    #[serde(default)]
    pub why: String,
    /// How many redirects may be followed; each walks the whole column again. Default 0, at most 5.
    #[serde(default)]
    pub redirects: u8,
}

/// A base URL that the code addresses by name, `https://NAME.endpoint.invalid/rest`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Endpoint {
    /// `[a-z][a-z0-9-]{0,31}`.
    pub name: String,
    /// Where the real base URL comes from.
    pub from: EndpointSource,
    /// `from = "settings"`: the setting that holds the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// Hosts that the base may have (exact, or `*.` suffix).
    pub hosts: Vec<String>,
    /// Path patterns that the base may have, as in `egress.paths`. Empty: any.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Methods that may be used on it.
    pub methods: Vec<String>,
    /// For the person who consents.
    #[serde(default)]
    pub why: String,
}

/// Where an endpoint's base URL comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointSource {
    /// The connection's credential; the whole URL is secret.
    Credential,
    /// A setting of the connection.
    Settings,
    /// `lifecycle.account.endpoints`, kept with the connection.
    Account,
}

/// One rate budget. A rule without `methods` and `paths` counts every request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rate {
    /// What the provider calls it; shown where it is exhausted.
    pub bucket: String,
    /// `"100/10s"`, `"5/1s"`, `"250000/1d"`: so many per window of ms, s, m, h or d.
    pub limit: RateLimit,
    /// Only these methods.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Only these path patterns.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Not these path patterns.
    #[serde(default)]
    pub except: Vec<String>,
}

/// So many per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "rate"))]
pub struct RateLimit {
    /// Requests per window, at least 1.
    pub count: u32,
    /// The window in milliseconds, at least 1.
    pub window_ms: u64,
}

impl std::str::FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate such as 100/10s (units: ms, s, m, h, d)");
        let (count, window) = text.split_once('/').ok_or_else(wrong)?;
        let digits = window.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = window.split_at(digits);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u64 = if number.is_empty() { 1 } else { number.parse().map_err(|_| wrong())? };
        let count: u32 = count.parse().map_err(|_| wrong())?;
        let window_ms = number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(wrong)?;
        if count == 0 { Err(wrong()) } else { Ok(Self { count, window_ms }) }
    }
}

impl TryFrom<String> for RateLimit {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RateLimit> for String {
    fn from(r: RateLimit) -> Self {
        let ms = r.window_ms;
        match ms {
            _ if ms.is_multiple_of(86_400_000) => format!("{}/{}d", r.count, ms / 86_400_000),
            _ if ms.is_multiple_of(3_600_000) => format!("{}/{}h", r.count, ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}/{}m", r.count, ms / 60_000),
            _ if ms.is_multiple_of(1_000) => format!("{}/{}s", r.count, ms / 1_000),
            _ => format!("{}/{}ms", r.count, ms),
        }
    }
}

/// Answer headers in which the provider announces its own count; they correct the budget downwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RateHeaders {
    /// The bucket that they speak of.
    pub bucket: String,
    /// What is left in the present window.
    pub remaining: String,
    /// Seconds until the window ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_seconds: Option<String>,
    /// The window's length in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<String>,
}
