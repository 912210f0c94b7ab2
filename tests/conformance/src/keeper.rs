//! Who keeps the credential: gives one fixed secret to where the manifest binds it, and to nowhere else.

use std::collections::BTreeMap;

use async_trait::async_trait;
use egress::{Authorise, AuthoriseError, Destination, Injection};
use jackfield_connector::testing::Recording;
use manifest::{Auth, AuthKind, Endpoint, EndpointSource, Inject, Manifest, host_matches};
use model::Secret;

/// What no result and no recording may hold.
pub(crate) const SECRET: &str = "the-secret-that-no-guest-may-see";

/// The first way to connect that the manifest offers.
pub(crate) struct Keeper {
    auth: Option<Auth>,
    bases: BTreeMap<String, String>,
}

impl Keeper {
    pub(crate) fn new(manifest: &Manifest, bases: BTreeMap<String, String>) -> Self {
        Self { auth: manifest.auth.first().cloned(), bases }
    }
}

#[async_trait]
impl Authorise for Keeper {
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        let bound = |auth: &&Auth| auth.hosts.iter().any(|host| host_matches(host, &to.host));
        Ok(self.auth.iter().filter(bound).map(injection).collect())
    }

    async fn endpoint(&self, name: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(self.bases.get(name).map(Secret::new))
    }
}

/// Where the secret goes. What a provider would read out of it does not matter here, so a Basic one is not encoded.
fn injection(auth: &Auth) -> Injection {
    let header = |name: &str, prefix: &str| Injection::Header {
        name: name.to_owned(),
        value: Secret::new(format!("{prefix}{SECRET}")),
        secret: Secret::new(SECRET),
    };
    match (&auth.inject, auth.kind) {
        (Some(Inject::Header { name, prefix }), _) => header(name, prefix),
        (Some(Inject::Query { name }), _) => {
            Injection::Query { name: name.clone(), value: Secret::new(SECRET) }
        }
        (Some(Inject::Path { placeholder }), _) => {
            Injection::Path { placeholder: placeholder.clone(), value: Secret::new(SECRET) }
        }
        (Some(Inject::Body { field }), _) => {
            Injection::Body { field: field.clone(), value: Secret::new(SECRET) }
        }
        (None, AuthKind::Basic) => header("authorization", "Basic "),
        (None, _) => header("authorization", "Bearer "),
    }
}

/// The base URLs that the recording's connection has, by the endpoint's name.
pub(crate) fn bases(
    manifest: &Manifest,
    config: &serde_json::Value,
    recording: &Recording,
) -> BTreeMap<String, String> {
    let base = |endpoint: &Endpoint| match endpoint.from {
        EndpointSource::Credential => Some(secret_base(endpoint)),
        EndpointSource::Settings => config[endpoint.setting.as_ref()?].as_str().map(str::to_owned),
        EndpointSource::Account => recording.endpoints.get(&endpoint.name).cloned(),
    };
    manifest.endpoint.iter().filter_map(|e| Some((e.name.clone(), base(e)?))).collect()
}

/// An address that fits the endpoint's first host and path, the secret in its path.
fn secret_base(endpoint: &Endpoint) -> String {
    let host = endpoint.hosts.first().map_or("", String::as_str).replace("*.", "any.");
    let path = endpoint.paths.first().map_or("/**", String::as_str);
    let path = path.replace("**", &format!("1/{SECRET}/")).replace('*', SECRET);
    format!("https://{host}{path}")
}
