//! How a connection authenticates, and where the host puts the secret.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One way to connect. The guest never sees the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Auth {
    /// What the user gives.
    pub kind: AuthKind,
    /// What the connect form calls it.
    #[serde(default)]
    pub label: String,
    /// Where a user finds it, an https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The hosts the secret is bound to (exact, or `*.` suffix); it is never sent elsewhere. Required but for
    /// `webhook-url`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Where the secret goes; none = the kind's own place (see [`AuthKind`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inject: Option<Inject>,
    /// `webhook-url` only: the endpoint that the URL becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// The kinds of credential; each is one member of a connection's `credentials`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthKind {
    /// `{accessToken}` → `Authorization: Bearer …` (RFC 6750).
    Bearer,
    /// `{apiKey}`; `inject` is required.
    ApiKey,
    /// `{username, password}` → `Authorization: Basic …` (RFC 7617).
    Basic,
    /// `{webhookUrl}`: the URL is itself the secret and becomes the endpoint named in `endpoint`.
    WebhookUrl,
}

impl AuthKind {
    /// As the manifest and the store write it: `api-key`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::ApiKey => "api-key",
            Self::Basic => "basic",
            Self::WebhookUrl => "webhook-url",
        }
    }

    /// The members of `credentials` that it is made of.
    #[must_use]
    pub fn members(self) -> &'static [&'static str] {
        match self {
            Self::Bearer => &["accessToken"],
            Self::ApiKey => &["apiKey"],
            Self::Basic => &["username", "password"],
            Self::WebhookUrl => &["webhookUrl"],
        }
    }
}

impl fmt::Display for AuthKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the secret goes. Exactly one of `header`, `query`, `path`, `body` is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Inject {
    /// Into a header, after an optional prefix (`"Bearer "`).
    #[serde(rename_all = "kebab-case")]
    Header {
        /// The header's name.
        name: String,
        /// Put before the secret.
        #[serde(default)]
        prefix: String,
    },
    /// Into a query parameter.
    Query {
        /// The parameter's name.
        name: String,
    },
    /// In place of a path segment that the guest writes as this placeholder, `{token}`.
    Path {
        /// The placeholder, braces included.
        placeholder: String,
    },
    /// Into a member of a JSON object body (JSON Pointer, RFC 6901) or a field of a form body (its name).
    Body {
        /// The JSON Pointer or the field's name.
        field: String,
    },
}
