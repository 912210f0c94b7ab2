//! What single texts must look like.

use model::cut;

/// `[a-z][a-z0-9-]{0,max-1}`.
pub(super) fn id(text: &str, max: usize) -> Result<(), String> {
    let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.len() <= max;
    yes(fits, || {
        format!(
            "`{}` is no name: a letter a-z, then a-z, 0-9 and -, at most {max} characters",
            cut(text, 100)
        )
    })
}

/// `[a-z][A-Za-z0-9]{0,62}`.
pub(super) fn setting_name(text: &str) -> Result<(), String> {
    let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.len() <= 63;
    yes(fits, || {
        format!(
            "`{}` is no setting's name: a letter a-z, then letters and digits, at most 63 (channelId)",
            cut(text, 100)
        )
    })
}

/// A length in characters.
pub(super) fn length(text: &str, least: usize, most: usize) -> Result<(), String> {
    let n = text.chars().count();
    yes((least..=most).contains(&n), || format!("has {n} characters; {least} to {most} are allowed"))
}

/// An https URL for people: with a host, without userinfo.
pub(crate) fn https(text: &str) -> Result<(), String> {
    if text.len() > 2048 {
        return Err("is longer than 2,048 characters".to_owned());
    }
    // The parser forgives what people do not see: blanks around it, tabs within it.
    let url =
        url::Url::parse(text).ok().filter(|_| !text.contains(|c: char| c.is_whitespace() || c.is_control()));
    let Some(url) = url else {
        return Err("is not a URL such as https://example.com/path".to_owned());
    };
    if url.scheme() != "https" || !text.to_ascii_lowercase().starts_with("https://") {
        return Err("is not an https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or password in it: leave that out".to_owned());
    }
    Ok(())
}

/// Methods as HTTP writes them (RFC 9110, 9.1: case matters), those that make sense for an API.
pub(super) fn method(text: &str) -> Result<(), String> {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if KNOWN.contains(&text) {
        return Ok(());
    }
    let upper = text.to_ascii_uppercase();
    if KNOWN.contains(&upper.as_str()) {
        return Err(format!("`{text}` is not in upper case: write {upper}"));
    }
    Err(format!("`{}` is none of {}", cut(text, 40), KNOWN.join(", ")))
}

/// A header name: a token (RFC 9110, 5.6.2).
pub(super) fn header(text: &str) -> Result<(), String> {
    let fits = (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    yes(fits, || format!("`{}` is no header name", cut(text, 100)))
}

/// A header that is the connection's own (RFC 9110, 7.6.1) or says where a message goes and ends: never a credential's place.
pub(super) fn own_header(text: &str) -> Result<(), String> {
    const HOSTS: [&str; 12] = [
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "expect",
        "proxy-connection",
    ];
    header(text)?;
    let lower = text.to_ascii_lowercase();
    yes(!HOSTS.contains(&lower.as_str()), || format!("`{text}` is a header that the host writes itself"))
}

/// A header whose value is the guest's to choose, as the idempotency key is: none that carries a credential, hides the
/// answer, or tells a server of another request than the one granted. `egress` refuses the same ones from a guest.
pub(super) fn guest_header(text: &str) -> Result<(), String> {
    const OTHERS: [&str; 33] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "cookie2",
        "set-cookie",
        "set-cookie2",
        "x-api-key",
        "api-key",
        "apikey",
        "x-apikey",
        "x-auth-token",
        "x-access-token",
        "x-amz-security-token",
        "x-auth-key",
        "private-token",
        "http2-settings",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-original-host",
        "x-rewrite-url",
        "x-host",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "range",
        "if-range",
        "accept-charset",
        "accept-encoding",
        "user-agent",
        "accept",
        "content-length",
        "location",
    ];
    // Gateways that turn headers into variables read `_` as `-`.
    let plain = text.to_ascii_lowercase().replace('_', "-");
    own_header(&plain).map_err(|_| format!("`{}` is no header for a key", cut(text, 100)))?;
    let taken =
        OTHERS.contains(&plain.as_str()) || plain.starts_with("proxy-") || plain.starts_with("x-forwarded");
    yes(!taken, || {
        format!("`{text}` means something else to a server: name the provider's own idempotency header")
    })
}

fn yes(fits: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if fits { Ok(()) } else { Err(message()) }
}
