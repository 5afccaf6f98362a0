//! A client below any library: what it sends is what it was told to, and a refusal is seen as the server says it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the server may take for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long a request's answer may take before there is none.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// What the server said to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing against it.
    Taken,
    /// A permission is missing.
    Refused,
}

/// A connected client.
pub(crate) struct Peer {
    stream: BufStream<TcpStream>,
    inbox: String,
    next: u64,
    messages: Vec<(String, Vec<u8>)>,
}

impl Peer {
    /// Connects with the seed in a file.
    pub(crate) async fn connect(server: SocketAddr, seed: &Path, inbox_prefix: &str) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufStream::new(stream);
        let mut peer = Self { stream, inbox: inbox_prefix.to_owned(), next: 0, messages: Vec::new() };
        let greeting = peer.line().await;
        let info: Value = serde_json::from_str(greeting.strip_prefix("INFO ").unwrap()).unwrap();
        let seed = std::fs::read_to_string(seed).unwrap();
        let pair = nkeys::KeyPair::from_seed(seed.trim()).unwrap();
        let signature = pair.sign(info["nonce"].as_str().unwrap().as_bytes()).unwrap();
        let connect = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "protocol": 1,
            "lang": "rust", "version": "0", "nkey": pair.public_key(), "sig": URL_SAFE_NO_PAD.encode(signature),
        });
        peer.send(format!("CONNECT {connect}\r\n").as_bytes()).await;
        assert_eq!(peer.flush().await, Verdict::Taken, "the server lets us in");
        peer
    }

    /// Publishes, and waits until the server has dealt with it.
    pub(crate) async fn publish(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Verdict {
        let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
        let mut bytes = if headers.is_empty() {
            format!("PUB {subject} {reply}{}\r\n", payload.len()).into_bytes()
        } else {
            let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head = format!("NATS/1.0\r\n{lines}\r\n");
            format!("HPUB {subject} {reply}{} {}\r\n{head}", head.len(), head.len() + payload.len()).into_bytes()
        };
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes).await;
        self.flush().await
    }

    /// Subscribes, and waits until the server has dealt with it.
    pub(crate) async fn subscribe(&mut self, subject: &str, queue: Option<&str>) -> Verdict {
        self.next += 1;
        let queue = queue.map(|queue| format!("{queue} ")).unwrap_or_default();
        self.send(format!("SUB {subject} {queue}{}\r\n", self.next).as_bytes()).await;
        self.flush().await
    }

    /// Asks, and gives the first answer; none when there is none.
    pub(crate) async fn request(&mut self, subject: &str, payload: &[u8]) -> Option<Vec<u8>> {
        let reply = format!("{}.{}", self.inbox, self.next);
        assert_eq!(self.subscribe(&reply, None).await, Verdict::Taken);
        self.messages.clear();
        self.publish(subject, Some(&reply), &[], payload).await;
        let answered = timeout(REQUEST_WITHIN, async {
            loop {
                if let Some(index) = self.messages.iter().position(|(subject, _)| *subject == reply) {
                    return self.messages.swap_remove(index).1;
                }
                self.receive().await;
            }
        });
        answered.await.ok()
    }

    /// How many messages came that nobody took.
    pub(crate) fn received(&self) -> usize {
        self.messages.len()
    }

    /// Waits until the server has dealt with everything sent so far; whether it refused any of it.
    pub(crate) async fn flush(&mut self) -> Verdict {
        self.send(b"PING\r\n").await;
        let mut verdict = Verdict::Taken;
        loop {
            let line = timeout(ANSWER_WITHIN, self.receive()).await.expect("the server answers");
            if line == "PONG" {
                return verdict;
            }
            if let Some(error) = line.strip_prefix("-ERR ") {
                assert!(error.contains("Permissions Violation"), "{error}");
                verdict = Verdict::Refused;
            }
        }
    }

    /// Takes in one line, and the message that follows it.
    async fn receive(&mut self) -> String {
        let line = self.line().await;
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["MSG" | "HMSG", subject, .., size] = words.as_slice() {
            let mut body = vec![0; size.parse::<usize>().unwrap() + 2];
            self.stream.read_exact(&mut body).await.unwrap();
            self.messages.push(((*subject).to_owned(), body));
            if let Some((_, body)) = self.messages.last_mut() {
                body.truncate(body.len() - 2);
            }
        } else if line == "PING" {
            self.send(b"PONG\r\n").await;
        }
        line
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stream.read_line(&mut line).await.unwrap(), 0, "the server closed the connection");
        line.trim_end().to_owned()
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }
}
