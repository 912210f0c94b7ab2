//! `org` and `key`: they work beside a running `serve`.

use anyhow::{Result, bail};
use model::{OrgId, SystemIds};

use crate::cli::{KeyCommand, OrgCommand};
use crate::config::Config;
use crate::host::open_store;

/// `org create`, `org list`.
pub(crate) async fn run(config: &Config, command: OrgCommand, json: bool) -> Result<()> {
    let store = open_store(config).await?;
    match command {
        OrgCommand::Create { name } => {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
                bail!("an organization's name has 1 to 200 characters and no control characters");
            }
            let org = store.create_org(name).await?;
            if json {
                say!("{}", serde_json::json!({ "id": org.id, "name": org.name }));
            } else {
                say!("{}  {}", org.id, org.name);
                say!("next: jackfield key create --org {}", org.id);
            }
        }
        OrgCommand::List => {
            for org in store.orgs().await? {
                if json {
                    say!("{}", serde_json::json!({ "id": org.id, "name": org.name }));
                } else {
                    say!("{}  {}", org.id, org.name);
                }
            }
        }
    }
    store.close().await?;
    Ok(())
}

/// `key create`.
pub(crate) async fn key(config: &Config, command: KeyCommand, json: bool) -> Result<()> {
    let KeyCommand::Create { org, scope } = command;
    if let Some(wrong) = scope.iter().find(|s| !api::SCOPES.contains(&s.as_str())) {
        let near = model::nearest(wrong, api::SCOPES.iter().copied());
        bail!(
            "`{wrong}` is no scope; {}",
            match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", api::SCOPES.join(", ")),
            }
        );
    }
    let store = open_store(config).await?;
    let org = OrgId(org);
    if store.org(&org).await?.is_none() {
        bail!("there is no organization `{}`; `jackfield org list` shows them", model::cut(org.as_str(), 64));
    }
    let new = api::keys::mint(&SystemIds);
    store.create_key(&org, new.hash, &new.hint, &scope).await?;
    if json {
        say!("{}", serde_json::json!({ "key": new.text.expose() }));
    } else {
        say!("{}", new.text.expose());
        say!("keep it: it is not shown again");
    }
    store.close().await?;
    Ok(())
}
