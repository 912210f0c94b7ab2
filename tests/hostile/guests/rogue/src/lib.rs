//! A guest that attacks its host. `attack` in its settings says how; whatever it learns it puts into the account's label,
//! where the test looks for it.

use jackfield_connector::bindings::base::jackfield::host::http as raw;
use jackfield_connector::{Account, Error, Json, Lifecycle, Result, config, log, setting};

mod ask;
mod floods;
mod inward;
mod memory;
mod remember;
mod stubborn;
mod values;

struct Rogue;
jackfield_connector::export!(Rogue: lifecycle);

impl Lifecycle for Rogue {
    fn probe() -> Result<Account> {
        let url = setting("url").unwrap_or_default();
        let attack = setting("attack").unwrap_or_default();
        if let Some(answer) = values::run(&attack) {
            return answer;
        }
        let learned = match attack.as_str() {
            "none" => "nothing".to_owned(),
            "loop" => spin(),
            "allocate" => allocate(),
            "many-memories" => grow(),
            "recurse" => recurse(1).to_string(),
            "trap" => panic!("on purpose"),
            "sleep" => sleep(),
            "http" => road(&url),
            "wasi-http" => own_client(&url),
            "flood" => flood(&url),
            "log" => {
                log::info(&url, &[]);
                "logged".to_owned()
            }
            "authorization" => header("authorization", &url),
            "environment" => environment(),
            "ask" => ask::all(),
            other => match inward::run(other) {
                Some(learned) => learned?,
                None => floods::run(other, &url)
                    .or_else(|| stubborn::run(other))
                    .or_else(|| memory::run(other))
                    .or_else(|| remember::run(other, &url))
                    .ok_or_else(|| Error::unsupported(other))?,
            },
        };
        Ok(Account::new(&"rogue".into(), &learned.into()))
    }
}

/// What the test gave with the attack, of any shape.
fn given(name: &str) -> Json {
    config::<Json>().map(|all| all[name].clone()).unwrap_or_default()
}

fn spin() -> String {
    let mut n = 0u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

/// Takes memory and touches it until there is no more.
fn allocate() -> String {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; 1024 * 1024]);
        std::hint::black_box(&held);
    }
}

/// Grows the memory by hand and ignores every no.
fn grow() -> String {
    let mut grown = 0usize;
    for _ in 0..1_000_000 {
        if core::arch::wasm32::memory_grow(0, 16) != usize::MAX {
            grown += 16;
        }
    }
    grown.to_string()
}

fn recurse(n: u64) -> u64 {
    if std::hint::black_box(n) == u64::MAX {
        return n;
    }
    let frame = std::hint::black_box([n; 64]);
    recurse(n + 1) + frame[0]
}

/// Waits on a clock far longer than its deadline.
fn sleep() -> String {
    std::thread::sleep(std::time::Duration::from_secs(60));
    "slept".to_owned()
}

/// The contract's own function: the SDK would turn a refusal into an error of the contract.
fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> std::result::Result<raw::Response, raw::HttpError> {
    raw::send(&raw::Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: None,
        auth: None,
        idempotency_key: None,
        timeout_ms: None,
    })
}

/// One request on the paved road; what came of it.
fn road(url: &str) -> String {
    match send(&setting("method").unwrap_or_default(), url, &[]) {
        Ok(reply) => format!("{} {:?} {}", reply.status, reply.headers, String::from_utf8_lossy(&reply.body)),
        Err(e) => format!("{e:?}"),
    }
}

/// A credential header of the guest's own.
fn header(name: &str, url: &str) -> String {
    match send("GET", url, &[(name, "Bearer mine")]) {
        Ok(reply) => reply.status.to_string(),
        Err(e) => format!("{e:?}"),
    }
}

/// More requests than a call may make.
fn flood(url: &str) -> String {
    let mut sent = 0;
    let mut last = String::new();
    for _ in 0..50 {
        match send("GET", url, &[]) {
            Ok(_) => sent += 1,
            Err(e) => last = format!("{e:?}"),
        }
    }
    format!("{sent} {last}")
}

/// One request over wasi:http.
fn own_client(url: &str) -> String {
    use wasi::http::outgoing_handler::{OutgoingRequest, handle};
    use wasi::http::types::{Fields, Scheme};
    let rest = url.trim_start_matches("https://");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    let set = request.set_scheme(Some(&Scheme::Https)).is_ok()
        && request.set_authority(Some(authority)).is_ok()
        && request.set_path_with_query(Some(path)).is_ok();
    if !set {
        return "not set".to_owned();
    }
    let answer = match handle(request, None) {
        Ok(answer) => answer,
        Err(e) => return format!("{e:?}"),
    };
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => {
            let headers = response.headers().entries();
            let headers: Vec<String> =
                headers.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect();
            let mut text = Vec::new();
            if let Ok(body) = response.consume()
                && let Ok(stream) = body.stream()
            {
                while let Ok(chunk) = stream.blocking_read(65_536) {
                    text.extend(chunk);
                }
            }
            format!("{} {} {}", response.status(), headers.join(" "), String::from_utf8_lossy(&text))
        }
        other => format!("{other:?}"),
    }
}

/// Whatever WASI shows: variables, arguments, files, sockets.
fn environment() -> String {
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let files = ["/", ".", "/etc/passwd"].iter().filter(|p| std::fs::metadata(p).is_ok()).count();
    let written = std::fs::write("/tmp/rogue", b"x").is_ok();
    let socket = connects();
    format!("variables={variables} arguments={arguments} files={files} written={written} socket={socket}")
}

/// Whether a socket to loopback connects.
fn connects() -> bool {
    use wasi::sockets::instance_network::instance_network;
    use wasi::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
    use wasi::sockets::tcp_create_socket::create_tcp_socket;
    let Ok(socket) = create_tcp_socket(IpAddressFamily::Ipv4) else { return false };
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 80, address: (127, 0, 0, 1) });
    if socket.start_connect(&instance_network(), address).is_err() {
        return false;
    }
    socket.subscribe().block();
    socket.finish_connect().is_ok()
}
