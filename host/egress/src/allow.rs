//! **allow**: is this method, host and path granted, and may the guest send what it wants to send?

use http::Method;
use manifest::EndpointSource;
use model::Secret;

use crate::column::{Call, Hop};
use crate::lane::LaneInner;
use crate::policy::{EndpointRule, quoted};
use crate::target::Target;
use crate::{AuthoriseError, Denial, Policy, Refusal, headers};

/// Reads one hop's request and lets it through, or says why not and what would grant it.
pub(crate) async fn admit(lane: &LaneInner, hop: &Hop) -> Result<Call, Refusal> {
    count(lane)?;
    let limits = &lane.options.limits;
    let size = hop.body.as_ref().map_or(0, bytes::Bytes::len) as u64;
    if size > limits.request_bytes {
        return Err(Refusal::Denied {
            reason: format!(
                "the request body has {size} bytes, and `limits.request-mib` allows {}: send less at once, or raise it \
                 in the manifest",
                limits.request_bytes
            ),
            grant: Some(format!("[limits]\nrequest-mib = {}\n", size.div_ceil(1 << 20))),
        });
    }
    let method = method(&hop.method)?;
    let asked = Target::parse(&hop.url).map_err(Refusal::denied)?;
    let headers = headers::read(&hop.headers, &lane.options.policy.injected_headers, limits.header_bytes)
        .map_err(Refusal::denied)?;
    let mut call = Call {
        method,
        target: asked.clone(),
        asked,
        secret_base: false,
        headers,
        body: hop.body.clone(),
        redirects: 0,
    };
    if let Some(name) = call.asked.endpoint() {
        if hop.number > 0 {
            return Err(Refusal::denied(
                "a redirect leads to an endpoint's address, which is the connector's alone to use",
            ));
        }
        let (target, secret) = endpoint(lane, name, &call).await?;
        (call.target, call.secret_base) = (target, secret);
        return Ok(call);
    }
    let (method, host, path) = (call.method.as_str(), call.target.host(), call.target.path());
    call.redirects =
        lane.options.policy.check(method, host, path).map_err(|d| denied(d, method, host, path))?.redirects;
    Ok(call)
}

/// One request more of those that the call may make.
fn count(lane: &LaneInner) -> Result<(), Refusal> {
    let most = lane.options.limits.requests;
    let mut state = lane.state();
    state.requests = state.requests.saturating_add(1);
    if state.requests <= most {
        return Ok(());
    }
    Err(Refusal::Denied {
        reason: format!("this call has made {most} requests, which is the most one call may make"),
        grant: Some(format!("[limits]\nhttp-requests = {}\n", most.saturating_add(1))),
    })
}

fn method(text: &str) -> Result<Method, Refusal> {
    let upper = !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_uppercase());
    if !upper || matches!(text, "CONNECT" | "TRACE") {
        let shown = text.escape_default().to_string();
        return Err(Refusal::denied(format!(
            "`{}` is no method that is ever sent; write it in upper case: GET",
            model::cut(&shown, 32)
        )));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| Refusal::denied("the method cannot be sent"))
}

fn denied(denial: Denial, method: &str, host: &str, path: &str) -> Refusal {
    Refusal::Denied {
        reason: denial.reason(method, host, path),
        grant: Some(Denial::grant(method, host, path)),
    }
}

/// The real address behind `https://NAME.endpoint.invalid`, and whether it is secret.
async fn endpoint(lane: &LaneInner, name: &str, call: &Call) -> Result<(Target, bool), Refusal> {
    let policy: &Policy = &lane.options.policy;
    let method = call.method.as_str();
    let Some(rule) = policy.endpoint(name) else {
        return Err(unknown_endpoint(name, method));
    };
    if !rule.allows_method(method) {
        let grant = format!("[[endpoint]]\nname = {}\nmethods = [{}]\n", quoted(name), quoted(method));
        return Err(Refusal::Denied {
            reason: format!("the endpoint `{name}` does not grant the method {method}"),
            grant: Some(grant),
        });
    }
    let base = base(lane, rule).await?;
    let wrong =
        |why: &str| Refusal::denied(format!("the base URL of the endpoint `{name}` cannot be used: {why}"));
    let base = Target::parse(base.expose()).map_err(wrong)?;
    if base.endpoint().is_some() || !rule.allows_base(base.host(), base.path()) {
        return Err(wrong("its host or path is not among those that the manifest declares for it"));
    }
    let target = join(&base, &call.asked).map_err(wrong)?;
    let (host, path) = (target.host(), target.path());
    policy.check_others(method, host, path).map_err(|d| match rule.is_secret() {
        // Host and path of a secret base are not the guest's to read.
        true => Refusal::denied(d.reason(method, &format!("of the endpoint `{name}`"), "")),
        false => denied(d, method, host, path),
    })?;
    Ok((target, rule.is_secret()))
}

fn unknown_endpoint(name: &str, method: &str) -> Refusal {
    Refusal::Denied {
        reason: format!("the manifest declares no endpoint `{}`", model::cut(name, 64)),
        grant: Some(format!(
            "[[endpoint]]\nname = {}\nfrom = \"settings\"\nsetting = \"…\"\nhosts = [\"…\"]\nmethods = [{}]\n",
            quoted(&model::cut(name, 64)),
            quoted(method)
        )),
    }
}

async fn base(lane: &LaneInner, rule: &EndpointRule) -> Result<Secret, Refusal> {
    let name = rule.name.as_str();
    if rule.is_secret() {
        let secret =
            lane.options.authorise.endpoint(name).await.map_err(refused)?.ok_or(Refusal::AuthExpired)?;
        lane.state().redactor.add_url(secret.expose());
        return Ok(secret);
    }
    lane.options.endpoints.get(name).map(Secret::new).ok_or_else(|| {
        Refusal::denied(match rule.from {
            EndpointSource::Settings => {
                format!("the endpoint `{name}` has no base URL: its setting is empty")
            }
            _ => format!(
                "the endpoint `{name}` has no base URL: the account is not known yet, test the connection"
            ),
        })
    })
}

/// Who keeps the credential could not give it.
pub(crate) fn refused(error: AuthoriseError) -> Refusal {
    match error {
        AuthoriseError::Missing | AuthoriseError::Expired => Refusal::AuthExpired,
        AuthoriseError::Refused(reason) => Refusal::denied(reason),
        AuthoriseError::Unavailable(_) => Refusal::NotSent(error.to_string()),
    }
}

/// The base exactly as it is where the guest adds no path; else the guest's path below it. The base's query comes first.
fn join(base: &Target, asked: &Target) -> Result<Target, &'static str> {
    let path = match asked.path() {
        "/" => base.path().to_owned(),
        rest => format!("{}{rest}", base.path().trim_end_matches('/')),
    };
    let query = match (base.url().query(), asked.url().query()) {
        (Some(ours), Some(theirs)) => Some(format!("{ours}&{theirs}")),
        (ours, theirs) => ours.or(theirs).map(str::to_owned),
    };
    base.with(&path, query.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, asked: &str) -> String {
        let parse = |text| Target::parse(text).unwrap();
        join(&parse(base), &parse(asked)).unwrap().url().to_string()
    }

    #[test]
    fn an_endpoint_without_a_rest_is_its_base_exactly() {
        for base in [
            "https://h.example/hooks/catch/1/abc/",
            "https://h.example/hooks/catch/1/abc",
            "https://h.example/a?code=x%3D",
        ] {
            assert_eq!(joined(base, "https://hook.endpoint.invalid"), base);
            assert_eq!(joined(base, "https://hook.endpoint.invalid/"), base);
        }
    }

    #[test]
    fn a_rest_goes_below_the_base_and_queries_are_joined() {
        for (base, asked, want) in [
            ("https://h.example", "https://e.endpoint.invalid/v1/x", "https://h.example/v1/x"),
            ("https://h.example/api/", "https://e.endpoint.invalid/v1/x/", "https://h.example/api/v1/x/"),
            (
                "https://h.example/api?k=1",
                "https://e.endpoint.invalid/x?a=2",
                "https://h.example/api/x?k=1&a=2",
            ),
            ("https://h.example/api", "https://e.endpoint.invalid?a=2", "https://h.example/api?a=2"),
        ] {
            assert_eq!(joined(base, asked), want);
        }
    }
}
