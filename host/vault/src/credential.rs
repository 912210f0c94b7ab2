//! The kinds of credential, as users give them and as they are kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egress::Injection;
use manifest::{Auth, AuthKind, Inject, Manifest};
use model::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// The longest value, in bytes.
const MAX: usize = 8 * 1024;
/// Every kind, in the order in which they are listed.
const KINDS: [AuthKind; 4] = [AuthKind::Bearer, AuthKind::ApiKey, AuthKind::Basic, AuthKind::WebhookUrl];

/// What a user gave to connect. Its `Debug` shows the kind alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// `{accessToken}`
    Bearer {
        /// Sent as `Authorization: Bearer …`.
        access_token: Secret,
    },
    /// `{apiKey}`
    ApiKey {
        /// Sent where the manifest says.
        api_key: Secret,
    },
    /// `{username, password}`
    Basic {
        /// No secret by itself, but not shown either.
        username: String,
        /// Sent with the name as `Authorization: Basic …`.
        password: Secret,
    },
    /// `{webhookUrl}`
    WebhookUrl {
        /// Secret as a whole.
        url: Secret,
    },
}

/// Credentials that cannot be taken. No message holds a value, or a member's name that a user made up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not an object, or an empty one.
    #[error("credentials is an object with one of accessToken, apiKey, username and password, webhookUrl")]
    Malformed,
    /// A member that does not exist. Its name is not shown: it may be the secret itself.
    #[error(
        "credentials has a member that does not exist; known are accessToken, apiKey, username, password, webhookUrl{0}"
    )]
    UnknownMember(String),
    /// Members of more than one kind.
    #[error("credentials has members of more than one kind ({0}): give one")]
    Ambiguous(String),
    /// The other half of a pair is missing.
    #[error("credentials.{0} is missing")]
    Missing(&'static str),
    /// Not a string.
    #[error("credentials.{0} is not a string")]
    NotText(&'static str),
    /// Nothing in it.
    #[error("credentials.{0} is empty")]
    Empty(&'static str),
    /// Longer than 8 KiB.
    #[error("credentials.{0} is longer than 8,192 bytes")]
    TooLong(&'static str),
    /// A character that cannot travel, or blanks that came with copying.
    #[error("credentials.{member} {problem}")]
    BadCharacter {
        /// Which member.
        member: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// A kind that the connector does not take.
    #[error("this connector does not take {given}; it takes {offered}")]
    NotOffered {
        /// What was given, as members.
        given: String,
        /// What it takes, as members.
        offered: String,
    },
    /// A webhook URL that does not fit the manifest's endpoint.
    #[error("credentials.webhookUrl {0}")]
    WebhookUrl(String),
}

impl CredentialError {
    /// A stable code for clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "credentials_malformed",
            Self::UnknownMember(_) => "credentials_unknown_member",
            Self::Ambiguous(_) => "credentials_ambiguous",
            Self::Missing(_) => "credentials_member_missing",
            Self::NotText(_) => "credentials_not_text",
            Self::Empty(_) => "credentials_empty",
            Self::TooLong(_) => "credentials_too_long",
            Self::BadCharacter { .. } => "credentials_bad_character",
            Self::NotOffered { .. } => "credentials_kind_not_offered",
            Self::WebhookUrl(_) => "credentials_webhook_url_refused",
        }
    }
}

impl Credential {
    /// Reads a connection's `credentials`: exactly one of `{accessToken}`, `{apiKey}`, `{username, password}`,
    /// `{webhookUrl}`, each a string of at most 8 KiB without control characters.
    ///
    /// # Errors
    /// What is wrong, without any value.
    pub fn from_json(given: &Value) -> Result<Self, CredentialError> {
        let members = given.as_object().filter(|o| !o.is_empty()).ok_or(CredentialError::Malformed)?;
        let known = || KINDS.iter().flat_map(|k| k.members()).copied();
        if let Some(unknown) = members.keys().find(|name| !known().any(|k| k == *name)) {
            let near = model::nearest(unknown, known());
            let hint = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(" or "))
            };
            return Err(CredentialError::UnknownMember(hint));
        }
        let given_kinds: Vec<AuthKind> =
            KINDS.into_iter().filter(|k| k.members().iter().any(|m| members.contains_key(*m))).collect();
        let [kind] = given_kinds[..] else {
            return Err(CredentialError::Ambiguous(names(&given_kinds)));
        };
        let text = |member: &'static str| match members.get(member) {
            None => Err(CredentialError::Missing(member)),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(CredentialError::NotText(member)),
        };
        let credential = match kind {
            AuthKind::Bearer => Self::Bearer { access_token: Secret::new(text("accessToken")?) },
            AuthKind::ApiKey => Self::ApiKey { api_key: Secret::new(text("apiKey")?) },
            AuthKind::Basic => {
                Self::Basic { username: text("username")?, password: Secret::new(text("password")?) }
            }
            AuthKind::WebhookUrl => Self::WebhookUrl { url: Secret::new(text("webhookUrl")?) },
        };
        credential.sound()?;
        Ok(credential)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> AuthKind {
        match self {
            Self::Bearer { .. } => AuthKind::Bearer,
            Self::ApiKey { .. } => AuthKind::ApiKey,
            Self::Basic { .. } => AuthKind::Basic,
            Self::WebhookUrl { .. } => AuthKind::WebhookUrl,
        }
    }

    /// Whether the connector takes this kind; a webhook URL also fits its endpoint's hosts and paths. The URL is judged as
    /// it is written, whatever an override does with it later.
    ///
    /// # Errors
    /// What does not fit, without any value.
    pub fn check(&self, manifest: &Manifest) -> Result<(), CredentialError> {
        let auth = manifest.auth_of(self.kind()).ok_or_else(|| CredentialError::NotOffered {
            given: names(&[self.kind()]),
            offered: match manifest.auth.len() {
                0 => "no credential at all".to_owned(),
                _ => names(&manifest.auth.iter().map(|a| a.kind).collect::<Vec<_>>()),
            },
        })?;
        match (self, &auth.inject) {
            (Self::WebhookUrl { url }, _) => {
                let endpoint = auth.endpoint.as_deref().and_then(|name| manifest.endpoint_named(name));
                let endpoint = endpoint.ok_or_else(|| {
                    CredentialError::WebhookUrl("has no endpoint in the manifest".to_owned())
                })?;
                endpoint.check_base(url.expose()).map_err(CredentialError::WebhookUrl)
            }
            (Self::ApiKey { api_key }, Some(Inject::Header { .. })) => in_header("apiKey", api_key.expose()),
            _ => Ok(()),
        }
    }

    /// What it puts into a request, following the manifest's entry for its kind.
    pub(crate) fn injections(&self, auth: &Auth) -> Vec<Injection> {
        let header = |name: &str, value: String, secret: Secret| Injection::Header {
            name: name.to_owned(),
            value: Secret::new(value),
            secret,
        };
        match self {
            Self::Bearer { access_token } => {
                vec![header(
                    "authorization",
                    // In one piece: a text that grows leaves copies behind.
                    ["Bearer ", access_token.expose()].concat(),
                    access_token.clone(),
                )]
            }
            Self::Basic { username, password } => {
                let pair = Zeroizing::new([username.as_str(), ":", password.expose()].concat());
                // Where the password is a stop-gap ("x", or nothing), the name is the key, and what must not be shown.
                let name_is_key = password.expose().len() < 4 && username.len() > password.expose().len();
                let secret = if name_is_key { Secret::new(username.clone()) } else { password.clone() };
                let coded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                vec![header("authorization", ["Basic ", &coded].concat(), secret)]
            }
            Self::ApiKey { api_key } => match &auth.inject {
                Some(Inject::Header { name, prefix }) => {
                    vec![header(name, [prefix.as_str(), api_key.expose()].concat(), api_key.clone())]
                }
                Some(Inject::Query { name }) => {
                    vec![Injection::Query { name: name.clone(), value: api_key.clone() }]
                }
                Some(Inject::Path { placeholder }) => {
                    vec![Injection::Path { placeholder: placeholder.clone(), value: api_key.clone() }]
                }
                Some(Inject::Body { field }) => {
                    vec![Injection::Body { field: field.clone(), value: api_key.clone() }]
                }
                None => Vec::new(),
            },
            // It is the endpoint itself.
            Self::WebhookUrl { .. } => Vec::new(),
        }
    }

    /// Lengths and characters. Asked again of what comes out of the store.
    pub(crate) fn sound(&self) -> Result<(), CredentialError> {
        match self {
            Self::Bearer { access_token } => {
                let token = access_token.expose();
                filled("accessToken", token)?;
                plain("accessToken", token)?;
                if token.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
                    let problem = "begins with `Bearer`: give the token alone";
                    return Err(CredentialError::BadCharacter { member: "accessToken", problem });
                }
                in_header("accessToken", token)
            }
            Self::ApiKey { api_key } => {
                filled("apiKey", api_key.expose())?;
                plain("apiKey", api_key.expose())
            }
            Self::Basic { username, password } => {
                // Some providers take a key as either half and leave the other empty.
                if password.expose().is_empty() {
                    filled("username", username)?;
                }
                plain("username", username)?;
                if username.contains(':') {
                    let problem =
                        "holds a colon, which no user name of the Basic scheme may (RFC 7617, section 2)";
                    return Err(CredentialError::BadCharacter { member: "username", problem });
                }
                plain("password", password.expose())
            }
            Self::WebhookUrl { url } => {
                filled("webhookUrl", url.expose())?;
                plain("webhookUrl", url.expose())
            }
        }
    }

    /// The text that is sealed.
    pub(crate) fn to_text(&self) -> Zeroizing<Vec<u8>> {
        let kept = match self {
            Self::Bearer { access_token } => Kept::Bearer { access_token: access_token.expose().into() },
            Self::ApiKey { api_key } => Kept::ApiKey { api_key: api_key.expose().into() },
            Self::Basic { username, password } => {
                Kept::Basic { username: username.as_str().into(), password: password.expose().into() }
            }
            Self::WebhookUrl { url } => Kept::WebhookUrl { url: url.expose().into() },
        };
        // Room for everything from the start: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(13 * MAX));
        #[expect(clippy::expect_used, reason = "strings in a vector: there is nothing that could fail")]
        serde_json::to_writer(&mut *text, &kept).expect("strings are JSON");
        text
    }

    /// Reads what was sealed.
    pub(crate) fn from_text(text: &[u8]) -> Option<Self> {
        let credential = match serde_json::from_slice::<Kept<'_>>(text).ok()? {
            Kept::Bearer { access_token } => Self::Bearer { access_token: Secret::new(access_token) },
            Kept::ApiKey { api_key } => Self::ApiKey { api_key: Secret::new(api_key) },
            Kept::Basic { username, password } => {
                Self::Basic { username: username.into_owned(), password: Secret::new(password) }
            }
            Kept::WebhookUrl { url } => Self::WebhookUrl { url: Secret::new(url) },
        };
        credential.sound().ok().map(|()| credential)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}: REDACTED)", self.kind())
    }
}

/// The sealed text's form.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Kept<'a> {
    Bearer { access_token: std::borrow::Cow<'a, str> },
    ApiKey { api_key: std::borrow::Cow<'a, str> },
    Basic { username: std::borrow::Cow<'a, str>, password: std::borrow::Cow<'a, str> },
    WebhookUrl { url: std::borrow::Cow<'a, str> },
}

/// `accessToken, or username and password`.
fn names(kinds: &[AuthKind]) -> String {
    kinds.iter().map(|k| k.members().join(" and ")).collect::<Vec<_>>().join(", or ")
}

fn filled(member: &'static str, text: &str) -> Result<(), CredentialError> {
    if text.is_empty() { Err(CredentialError::Empty(member)) } else { Ok(()) }
}

fn plain(member: &'static str, text: &str) -> Result<(), CredentialError> {
    if text.len() > MAX {
        return Err(CredentialError::TooLong(member));
    }
    // CR and LF would begin a header of their own.
    if text.chars().any(char::is_control) {
        let problem = "holds a line break or another control character";
        return Err(CredentialError::BadCharacter { member, problem });
    }
    if text.trim() != text {
        return Err(CredentialError::BadCharacter { member, problem: "has blanks around it" });
    }
    Ok(())
}

fn in_header(member: &'static str, text: &str) -> Result<(), CredentialError> {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    let problem =
        "holds a blank or a character that is not ASCII, which the header that it goes into cannot carry";
    Err(CredentialError::BadCharacter { member, problem })
}

#[cfg(test)]
mod tests;
