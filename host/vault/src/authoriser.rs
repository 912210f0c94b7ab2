//! The one place where a secret leaves: towards egress, for a destination that the manifest binds it to.

use std::sync::Arc;

use async_trait::async_trait;
use egress::{Authorise, AuthoriseError, Destination, Injection};
use manifest::{Auth, EndpointSource, Manifest, host_matches};
use model::{ConnectionId, Secret};

use crate::{Credential, Vault, VaultError};

/// Authorises the requests of one connection.
pub(crate) struct Authoriser {
    pub vault: Arc<Vault>,
    pub connection: ConnectionId,
    pub manifest: Arc<Manifest>,
}

#[async_trait]
impl Authorise for Authoriser {
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        let asked = to.binding.as_deref().map(|name| self.binding(name)).transpose()?;
        let bound = |auth: &Auth| auth.hosts.iter().any(|pattern| host_matches(pattern, &to.host));
        // Not opened for a host that no kind of credential is bound to.
        if asked.is_none() && !self.manifest.auth.iter().any(bound) {
            return Ok(Vec::new());
        }
        if to.scheme != "https" || to.port != 443 {
            return Err(AuthoriseError::Refused("credentials travel over https on port 443 only".to_owned()));
        }
        let credential = self.open().await?.ok_or(AuthoriseError::Missing)?;
        let kind = credential.kind();
        let Some(auth) = self.manifest.auth_of(kind) else {
            return Err(AuthoriseError::Refused(format!(
                "the connection has a credential of kind {kind}, which the connector no longer takes: connect again"
            )));
        };
        match asked {
            Some(asked) if asked.kind != kind => Err(AuthoriseError::Refused(format!(
                "the request asks for the binding {}, the connection has a credential of kind {kind}",
                asked.kind
            ))),
            Some(_) if auth.endpoint.is_none() && !bound(auth) => Err(AuthoriseError::Refused(format!(
                "the {kind} credential is not bound to {}; it is bound to {}",
                model::cut(&to.host, 253),
                auth.hosts.join(", ")
            ))),
            _ if bound(auth) => Ok(credential.injections(auth)),
            _ => Ok(Vec::new()),
        }
    }

    async fn endpoint(&self, name: &str) -> Result<Option<Secret>, AuthoriseError> {
        let Some(endpoint) =
            self.manifest.endpoint_named(name).filter(|e| e.from == EndpointSource::Credential)
        else {
            return Ok(None);
        };
        let Some(Credential::WebhookUrl { url }) = self.open().await? else { return Ok(None) };
        let gives = self.manifest.auth_of(manifest::AuthKind::WebhookUrl).and_then(|a| a.endpoint.as_deref());
        if gives != Some(name) {
            return Ok(None);
        }
        // The connector may have been replaced since the URL was given, and its new version may allow less.
        endpoint.check_base(url.expose()).map_err(|problem| {
            AuthoriseError::Refused(format!("the webhook URL {problem}: give a new one"))
        })?;
        Ok(Some(url))
    }
}

impl Authoriser {
    /// The manifest's entry that a request names; bindings are named by their kind.
    fn binding(&self, name: &str) -> Result<&Auth, AuthoriseError> {
        let known = || self.manifest.auth.iter();
        known().find(|a| a.kind.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = known().map(|a| a.kind.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            AuthoriseError::Refused(format!(
                "there is no binding `{}`; the manifest has {names}",
                model::cut(name, 64)
            ))
        })
    }

    async fn open(&self) -> Result<Option<Credential>, AuthoriseError> {
        self.vault.credential(&self.connection).await.map_err(|e| match e {
            VaultError::Store(e) => AuthoriseError::Unavailable(e.to_string()),
            // Nobody can mend it but the person who connects.
            e => AuthoriseError::Refused(e.to_string()),
        })
    }
}
