//! A TCP proxy in front of nats-server that loses things at the worst moment.

#![allow(unreachable_pub, reason = "one test file uses it")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// How the publication of a block begins on the wire.
const PUBLICATION: &[u8] = b"HPUB cases.blocks";

/// What happens to the next publication of a block, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The server stores it; its answer is lost.
    AnswerLost,
    /// The server stores it; the connection breaks before its answer.
    CutAfterStoring,
    /// The connection breaks before the server has it.
    CutBeforeStoring,
    /// The connection breaks, and the server gets the publication only when [`Proxy::deliver_delayed`] says so.
    Delayed,
}

pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    fault: Mutex<Option<Fault>>,
    /// Tells when a fault has happened.
    happened: Notify,
    /// Says that what was delayed is to be delivered.
    deliver: Notify,
    delivered: Notify,
    /// Whether new connections are let through.
    open: watch::Sender<bool>,
}

impl Proxy {
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            server,
            fault: Mutex::new(None),
            happened: Notify::new(),
            deliver: Notify::new(),
            delivered: Notify::new(),
            open: watch::Sender::new(true),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, Arc::clone(&accepting)));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Arms a fault for the next publication.
    pub fn arm(&self, fault: Fault) {
        *self.shared.fault.lock().expect("the fault") = Some(fault);
    }

    /// Returns once the fault has happened.
    pub async fn fault_happened(&self) {
        self.shared.happened.notified().await;
    }

    /// Lets new connections through, or makes them wait.
    pub fn set_open(&self, open: bool) {
        self.shared.open.send_replace(open);
    }

    /// Hands the server what was delayed, and returns when it has it.
    pub async fn deliver_delayed(&self) {
        self.shared.deliver.notify_one();
        self.shared.delivered.notified().await;
    }
}

async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let mut open = shared.open.subscribe();
    open.wait_for(|open| *open).await.expect("the proxy");
    let Ok(server) = TcpStream::connect(shared.server).await else { return };
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    // Whether the next answer is to be lost.
    let lose = Mutex::new(None);
    let delayed = tokio::select! {
        delayed = carry_questions(from_client, to_server, &lose, &shared) => delayed,
        () = carry_answers(&mut from_server, &mut to_client, &lose, &shared) => None,
    };
    // With both of its halves gone, the client sees the end.
    drop(to_client);
    let Some((mut to_server, mut bytes)) = delayed else { return };
    shared.happened.notify_one();
    shared.deliver.notified().await;
    bytes.extend_from_slice(b"PING\r\n");
    to_server.write_all(&bytes).await.expect("writing to nats-server");
    // It answers once it has taken in what stands before.
    let mut answers = Vec::new();
    while !answers.windows(4).any(|window| window == b"PONG") {
        assert_ne!(from_server.read_buf(&mut answers).await.expect("reading from nats-server"), 0);
    }
    shared.delivered.notify_one();
}

/// Returns at the end of the connection, with what is to be delivered later.
async fn carry_questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    lose: &Mutex<Option<Fault>>,
    shared: &Shared,
) -> Option<(OwnedWriteHalf, Vec<u8>)> {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if let Some(at) = bytes.windows(PUBLICATION.len()).position(|window| window == PUBLICATION) {
            let fault = shared.fault.lock().expect("the fault").take();
            match fault {
                None => {}
                Some(fault @ (Fault::AnswerLost | Fault::CutAfterStoring)) => {
                    *lose.lock().expect("the answer to lose") = Some(fault);
                }
                Some(Fault::CutBeforeStoring) => {
                    shared.happened.notify_one();
                    return None;
                }
                Some(Fault::Delayed) => {
                    to.write_all(&bytes[..at]).await.expect("writing to nats-server");
                    return Some((to, bytes[at..].to_vec()));
                }
            }
        }
        if to.write_all(bytes).await.is_err() {
            return None;
        }
    }
    None
}

async fn carry_answers(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    lose: &Mutex<Option<Fault>>,
    shared: &Shared,
) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        let is_answer = bytes.starts_with(b"MSG ") || bytes.starts_with(b"HMSG ");
        let fault = if is_answer { lose.lock().expect("the answer to lose").take() } else { None };
        match fault {
            None => {
                if to.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Some(Fault::CutAfterStoring) => {
                shared.happened.notify_one();
                return;
            }
            Some(Fault::AnswerLost | Fault::CutBeforeStoring | Fault::Delayed) => shared.happened.notify_one(),
        }
    }
}
