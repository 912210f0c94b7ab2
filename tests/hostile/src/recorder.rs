//! Who stands in the dialler's place: it notes each address, and answers on a pipe what the test says. Nothing is ever
//! dialled.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use egress::{Dial, Io};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// What a provider does with one request, step by step. After the last step it waits for the next request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes this.
    Send(Vec<u8>),
    /// Writes this for ever.
    Again(Vec<u8>),
    /// Writes this byte by byte, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Says nothing more.
    Silence,
    /// Closes.
    Close,
}

impl Act {
    /// These very bytes, and the end.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Vec<Self> {
        vec![Self::Send(bytes.as_ref().to_vec()), Self::Close]
    }

    /// A whole answer, after which the socket stays open.
    pub fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<Self> {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        vec![Self::Send([head.as_bytes(), body].concat())]
    }
}

/// What is answered, by the request's head and body as they came over the wire.
pub type Script = Arc<dyn Fn(&str) -> Vec<Act> + Send + Sync>;

/// Remembers who was dialled, and answers every request on a pipe.
#[derive(Clone, Default)]
pub struct Recorder {
    /// Addresses, in order.
    pub dialled: Arc<Mutex<Vec<SocketAddr>>>,
    /// What came over the wire.
    pub wire: Arc<Mutex<Vec<u8>>>,
    /// The whole answer; `{request}` in it is replaced by what was asked, `{silence}` is none at all.
    pub answer: Arc<Mutex<String>>,
    /// Bytes that the host took of all answers to scripts, as far as they fitted into a pipe of 64 KiB.
    pub taken: Arc<AtomicU64>,
    /// Sockets that are open now.
    pub open: Arc<AtomicUsize>,
    script: Arc<Mutex<Option<Script>>>,
    greeting: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// Answers by this from now on, not by `answer`.
    pub fn script(&self, script: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) {
        *lock(&self.script) = Some(Arc::new(script));
    }

    /// Says this on each new socket before anything was asked.
    pub fn greet(&self, bytes: &[u8]) {
        *lock(&self.greeting) = bytes.to_vec();
    }

    /// What came over the wire, as text, credentials and all.
    #[must_use]
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&lock(&self.wire)).into_owned()
    }

    async fn serve(self, mut io: DuplexStream) -> io::Result<()> {
        let _open = Opened::new(&self.open);
        loop {
            let request = read(&mut io).await?;
            lock(&self.wire).extend_from_slice(&request);
            let text = String::from_utf8_lossy(&request).into_owned();
            let script = lock(&self.script).clone();
            let Some(script) = script else { return self.echo(&mut io, &text).await };
            for act in script(&text) {
                self.act(&mut io, act).await?;
            }
        }
    }

    async fn act(&self, io: &mut DuplexStream, act: Act) -> io::Result<()> {
        match act {
            Act::Send(bytes) => self.send(io, &bytes).await,
            Act::Again(bytes) => loop {
                self.send(io, &bytes).await?;
            },
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    self.send(io, &[byte]).await?;
                }
                Ok(())
            }
            Act::Silence => silence(io).await,
            Act::Close => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    async fn send(&self, io: &mut DuplexStream, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(16 * 1024) {
            io.write_all(part).await?;
            self.taken.fetch_add(part.len() as u64, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The simple answer, by `answer`.
    async fn echo(&self, io: &mut DuplexStream, request: &str) -> io::Result<()> {
        let asked = request.replace("\r\n", " | ");
        let body = lock(&self.answer).replace("{request}", &asked);
        if body == "{silence}" {
            return silence(io).await;
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-echo: {asked}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        io.write_all(format!("{head}{body}").as_bytes()).await
    }
}

#[async_trait]
impl Dial for Recorder {
    async fn dial(&self, address: SocketAddr) -> io::Result<Box<dyn Io>> {
        lock(&self.dialled).push(address);
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let greeting = lock(&self.greeting).clone();
        theirs.write_all(&greeting).await?;
        // The host may stop listening at any time: that is what is tested.
        tokio::spawn(self.clone().serve(theirs));
        Ok(Box::new(ours))
    }
}

/// Counts a socket while it is open.
struct Opened(Arc<AtomicUsize>);

impl Opened {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Listens until the host closes.
async fn silence(io: &mut DuplexStream) -> io::Result<()> {
    let mut chunk = [0; 4096];
    while io.read(&mut chunk).await? > 0 {}
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// One request: its head, and as much body as it announces.
async fn read(io: &mut DuplexStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut end = None;
    let mut chunk = [0; 4096];
    while end.is_none_or(|end| request.len() < end) {
        let n = io.read(&mut chunk).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&chunk[..n]);
        if end.is_none()
            && let Some(at) = request.windows(4).position(|w| w == b"\r\n\r\n")
        {
            end = Some(at + 4 + announced(&request[..at]));
        }
    }
    Ok(request)
}

fn announced(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.unwrap_or(0)
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
