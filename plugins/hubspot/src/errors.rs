//! What HubSpot means by its refusals. The body is `{status, message, category, correlationId, errors?, context?}`.

use jackfield_connector::http::Refusal;
use jackfield_connector::{Error, Fault, FieldError, Json, serde_json};

/// HubSpot's reading of a status; `None` leaves it to the status alone.
pub fn explain(refusal: &Refusal) -> Option<Error> {
    let body = refusal.json();
    Some(match refusal.status {
        // 530 comes from the network in front of HubSpot, for a token that is cut short.
        401 | 530 => Error::AuthExpired(fault(refusal, &body)),
        403 if text(&body, "category") == "MISSING_SCOPES" => Error::Forbidden(missing_scopes(&body)),
        // A create addresses no record: what is missing is the object type, or a record that it links to.
        404 if !refusal.repeatable => Error::Permanent(fault(refusal, &body)),
        400 | 422 => Error::InvalidInput(refused_values(&body)),
        409 => Error::duplicate(existing(&refusal.message()).into_iter().collect(), &refusal.message()),
        423 => Error::locked(&refusal.message()),
        429 => refusal.rate_limited(Some(text(&body, "policyName")).filter(|policy| !policy.is_empty())),
        // The account is being moved between data centres; nothing was applied.
        477 => Error::Transient(fault(refusal, &body)),
        500.. => refusal.failed(fault(refusal, &body)),
        _ => return None,
    })
}

fn fault(refusal: &Refusal, body: &Json) -> Fault {
    let category = text(body, "category");
    let code = if category.is_empty() { format!("http_{}", refusal.status) } else { category };
    let mut fault = refusal.fault(&code, &refusal.message());
    fault.request_id = Some(text(body, "correlationId")).filter(|id| !id.is_empty()).or(fault.request_id);
    fault
}

fn text(body: &Json, member: &str) -> String {
    body[member].as_str().unwrap_or_default().to_owned()
}

/// Named in `context` of the body or of one of its errors, as `missingScopes` or `requiredGranularScopes`.
fn missing_scopes(body: &Json) -> Vec<String> {
    let errors = body["errors"].as_array().into_iter().flatten();
    let named = std::iter::once(body)
        .chain(errors)
        .flat_map(|part| [&part["context"]["missingScopes"], &part["context"]["requiredGranularScopes"]])
        .filter_map(Json::as_array)
        .flatten()
        .filter_map(Json::as_str);
    let mut scopes: Vec<String> = Vec::new();
    for scope in named {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if scopes.is_empty() {
        scopes.push(text(body, "message"));
    }
    scopes
}

/// Each refused value under its property's name, from `errors[]`, or from the JSON array that HubSpot puts into the
/// message itself (`Property values were not valid: [{…}]`).
fn refused_values(body: &Json) -> Vec<FieldError> {
    let message = text(body, "message");
    let listed: Vec<Json> = match body["errors"].as_array() {
        Some(errors) if !errors.is_empty() => errors.clone(),
        _ => inside(&message).unwrap_or_default(),
    };
    let mut refused: Vec<FieldError> = listed.iter().map(refused_value).collect();
    if refused.is_empty() {
        let code = Some(text(body, "category"))
            .filter(|c| !c.is_empty())
            .unwrap_or_else(|| "VALIDATION_ERROR".into());
        refused.push(FieldError { path: String::new(), code, message });
    }
    refused
}

fn inside(message: &str) -> Option<Vec<Json>> {
    serde_json::from_str(message.get(message.find('[')?..=message.rfind(']')?)?).ok()
}

fn refused_value(error: &Json) -> FieldError {
    let named =
        error["context"]["propertyName"][0].as_str().or(error["name"].as_str()).or(error["in"].as_str());
    let code = error["code"].as_str().or(error["error"].as_str()).unwrap_or("VALIDATION_ERROR");
    FieldError {
        path: named.unwrap_or_default().to_owned(),
        code: code.to_owned(),
        message: text(error, "message"),
    }
}

/// The id in `Contact already exists. Existing ID: 1234`, the only place where HubSpot names it.
fn existing(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("Existing ID:")?;
    let id: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_connector::json;

    fn refusal(status: u16, body: Json) -> Refusal {
        let url = "https://api.hubapi.com/crm/objects/2026-09/contacts".into();
        Refusal { status, headers: Vec::new(), body: body.to_string().into_bytes(), repeatable: false, url }
    }

    #[test]
    fn a_conflict_names_the_record_in_the_way() {
        let body = json!({ "message": "Contact already exists. Existing ID: 1234", "category": "CONFLICT" });
        let Some(Error::Conflict(conflict)) = explain(&refusal(409, body)) else { panic!("not a conflict") };
        assert_eq!(conflict.existing, ["1234"]);
    }

    #[test]
    fn refused_values_are_found_inside_the_message() {
        let message = r#"Property values were not valid: [{"isValid":false,"message":"NO was not one of the allowed options","error":"INVALID_OPTION","name":"hs_lead_status"}]"#;
        let body = json!({ "message": message, "category": "VALIDATION_ERROR" });
        let Some(Error::InvalidInput(refused)) = explain(&refusal(400, body)) else {
            panic!("not invalid input")
        };
        assert_eq!(
            (refused[0].path.as_str(), refused[0].code.as_str()),
            ("hs_lead_status", "INVALID_OPTION")
        );
    }

    #[test]
    fn missing_scopes_are_named() {
        let errors = json!([{ "context": { "requiredGranularScopes": ["crm.objects.contacts.write"] } }]);
        let body = json!({ "category": "MISSING_SCOPES", "message": "…", "errors": errors });
        let expected = Error::Forbidden(vec!["crm.objects.contacts.write".into()]);
        assert_eq!(explain(&refusal(403, body)), Some(expected));
    }

    #[test]
    fn a_server_failure_during_a_create_is_indeterminate_and_a_migration_is_not() {
        assert!(matches!(explain(&refusal(502, Json::Null)), Some(Error::Indeterminate(_))));
        assert!(matches!(explain(&refusal(477, Json::Null)), Some(Error::Transient(_))));
        let read = Refusal { repeatable: true, ..refusal(502, Json::Null) };
        assert!(matches!(explain(&read), Some(Error::Transient(_))));
    }

    #[test]
    fn an_exhausted_budget_is_named_and_waits_as_long_as_told() {
        let mut told = refusal(429, json!({ "policyName": "DAILY", "errorType": "RATE_LIMIT" }));
        told.headers.push(("retry-after".into(), "10".into()));
        let Some(Error::RateLimited(limit)) = explain(&told) else { panic!("not rate limited") };
        assert_eq!((limit.retry_after_ms, limit.bucket.as_deref()), (Some(10_000), Some("DAILY")));
    }
}
