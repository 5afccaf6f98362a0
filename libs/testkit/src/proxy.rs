//! Faults between two parties: a TCP proxy on loopback that delays, cuts and swallows.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// Bytes moved at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// What the proxy does to what passes. Counted from when it is set, on every connection by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Everything is held back for so long, both ways.
    Delay(Duration),
    /// The connection is cut after so many bytes towards the server; they still arrive there.
    CutAfterSent(u64),
    /// The connection is cut after so many bytes towards the client.
    CutAfterReplied(u64),
    /// What the server says is thrown away; what the client says arrives.
    SwallowReplies,
    /// What the client says is thrown away; what the server says arrives.
    SwallowSent,
    /// What the client says is held back until another fault, or none, is set; then it goes on its way.
    HoldSent,
    /// The same for what the server says.
    HoldReplies,
    /// The same both ways.
    Hold,
    /// Connections are closed, and new ones as soon as they are made.
    Refuse,
}

/// The setting, with a number that grows, so that setting the same fault again counts anew.
#[derive(Debug, Clone, Copy, Default)]
struct Setting {
    number: u64,
    fault: Fault,
}

/// A proxy in front of one server. Gone, with its connections, when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    setting: watch::Sender<Setting>,
    cuts: watch::Sender<u64>,
    swallowed: watch::Sender<u64>,
    accepting: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port in front of `server`.
    ///
    /// # Panics
    /// When nobody can listen.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let setting = watch::Sender::new(Setting::default());
        let cuts = watch::Sender::new(0);
        let swallowed = watch::Sender::new(0);
        let carrier =
            Carrier { server, setting: setting.subscribe(), cuts: cuts.subscribe(), swallowed: swallowed.clone() };
        let accepting = tokio::spawn(carrier.accept(listener));
        Self { address, setting, cuts, swallowed, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `nats://…` or `http://…` in front of the server.
    #[must_use]
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// From here on this, on connections that stand and on new ones.
    pub fn set(&self, fault: Fault) {
        self.setting.send_modify(|setting| *setting = Setting { number: setting.number + 1, fault });
        if fault == Fault::Refuse {
            self.cut();
        }
    }

    /// What is set.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.setting.borrow().fault
    }

    /// Waits until so many bytes of replies, counted from the proxy's start, were swallowed.
    ///
    /// # Panics
    /// Never: the proxy keeps the counter.
    pub async fn has_swallowed(&self, bytes: u64) {
        self.swallowed.subscribe().wait_for(|count| *count >= bytes).await.expect("the proxy keeps the counter");
    }

    /// Cuts all connections now; new ones are taken.
    pub fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// What carries connections.
#[derive(Debug, Clone)]
struct Carrier {
    server: SocketAddr,
    setting: watch::Receiver<Setting>,
    cuts: watch::Receiver<u64>,
    swallowed: watch::Sender<u64>,
}

impl Carrier {
    async fn accept(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            if self.setting.borrow().fault != Fault::Refuse {
                tokio::spawn(self.clone().carry(client));
            }
        }
    }

    /// Carries one connection until either side ends, or a fault does.
    async fn carry(mut self, client: TcpStream) {
        self.cuts.mark_unchanged();
        let Ok(server) = TcpStream::connect(self.server).await else { return };
        for socket in [&client, &server] {
            socket.set_nodelay(true).expect("loopback takes TCP_NODELAY");
        }
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let (setting, swallowed) = (self.setting, self.swallowed);
        let sending = Pump {
            from: from_client,
            to: to_server,
            replies: false,
            setting: setting.clone(),
            swallowed: swallowed.clone(),
        };
        let replying = Pump { from: from_server, to: to_client, replies: true, setting, swallowed };
        // Dropping both halves of both sockets closes them, whichever of these is first.
        tokio::select! {
            () = sending.run() => {}
            () = replying.run() => {}
            _ = self.cuts.changed() => {}
        }
    }
}

struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    replies: bool,
    setting: watch::Receiver<Setting>,
    swallowed: watch::Sender<u64>,
}

impl Pump {
    /// Ends when the connection is to be cut.
    async fn run(mut self) {
        let mut chunk = vec![0_u8; CHUNK_BYTES];
        let (mut number, mut passed) = (0, 0_u64);
        loop {
            let read = match self.from.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            let Some(Setting { number: newest, fault }) = self.once_let_go().await else { return };
            if newest != number {
                (number, passed) = (newest, 0);
            }
            let allowed = match (fault, self.replies) {
                (Fault::CutAfterSent(bytes), false) | (Fault::CutAfterReplied(bytes), true) => {
                    bytes.saturating_sub(passed)
                }
                (Fault::SwallowReplies, true) => {
                    self.swallowed.send_modify(|count| *count += read as u64);
                    continue;
                }
                (Fault::SwallowSent, false) => continue,
                (Fault::Delay(delay), _) => {
                    sleep(delay).await;
                    u64::MAX
                }
                (Fault::Refuse, _) => return,
                (
                    Fault::None
                    | Fault::CutAfterSent(_)
                    | Fault::CutAfterReplied(_)
                    | Fault::SwallowReplies
                    | Fault::SwallowSent
                    | Fault::HoldSent
                    | Fault::HoldReplies
                    | Fault::Hold,
                    _,
                ) => u64::MAX,
            };
            let length = usize::try_from(allowed).unwrap_or(usize::MAX).min(read);
            if self.to.write_all(chunk.get(..length).unwrap_or_default()).await.is_err() {
                return;
            }
            passed = passed.saturating_add(length as u64);
            // Cut as soon as the last byte allowed has passed, so that no reply to it gets back.
            if allowed <= read as u64 {
                return;
            }
        }
    }

    /// The setting, as soon as it lets this direction through; `None` when the proxy is gone.
    async fn once_let_go(&mut self) -> Option<Setting> {
        let held = |fault| match fault {
            Fault::Hold => true,
            Fault::HoldSent => !self.replies,
            Fault::HoldReplies => self.replies,
            Fault::None
            | Fault::Delay(_)
            | Fault::CutAfterSent(_)
            | Fault::CutAfterReplied(_)
            | Fault::SwallowReplies
            | Fault::SwallowSent
            | Fault::Refuse => false,
        };
        self.setting.wait_for(|setting| !held(setting.fault)).await.ok().map(|setting| *setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::within;

    /// Sends back what it gets, and tells how much that was.
    async fn echo() -> (SocketAddr, watch::Receiver<usize>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (got, gets) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let got = got.clone();
                tokio::spawn(async move {
                    let mut chunk = [0_u8; 1024];
                    while let Ok(read @ 1..) = socket.read(&mut chunk).await {
                        got.send_modify(|total| *total += read);
                        if socket.write_all(&chunk[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (address, gets)
    }

    async fn ask(socket: &mut TcpStream, text: &str) -> Option<String> {
        socket.write_all(text.as_bytes()).await.ok()?;
        let mut reply = vec![0_u8; text.len()];
        socket.read_exact(&mut reply).await.ok()?;
        String::from_utf8(reply).ok()
    }

    #[tokio::test]
    async fn without_a_fault_everything_passes() {
        let (server, _) = echo().await;
        let proxy = FaultProxy::start(server).await;
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut socket, "hello").await.as_deref(), Some("hello"));
        assert_eq!(proxy.url("nats"), format!("nats://{}", proxy.address()));
    }

    #[tokio::test]
    async fn a_delay_holds_both_ways_back() {
        let (server, _) = echo().await;
        let proxy = FaultProxy::start(server).await;
        proxy.set(Fault::Delay(Duration::from_millis(30)));
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(ask(&mut socket, "hello").await.as_deref(), Some("hello"));
        assert!(began.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn what_was_sent_before_the_cut_arrives_and_its_reply_does_not() {
        let (server, mut gets) = echo().await;
        let proxy = FaultProxy::start(server).await;
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(ask(&mut socket, "before").await.is_some());
        proxy.set(Fault::CutAfterSent(5));
        assert_eq!(within("the cut", ask(&mut socket, "hello, world")).await, None);
        within("the bytes before the cut", gets.wait_for(|total| *total == "before".len() + 5)).await.unwrap();
    }

    #[tokio::test]
    async fn replies_are_cut_where_they_should_be() {
        let (server, _) = echo().await;
        let proxy = FaultProxy::start(server).await;
        proxy.set(Fault::CutAfterReplied(3));
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        socket.write_all(b"hello").await.unwrap();
        let mut reply = Vec::new();
        // An error after the bytes is a cut as well.
        drop(within("the cut", socket.read_to_end(&mut reply)).await);
        assert_eq!(reply, b"hel");
    }

    #[tokio::test]
    async fn swallowed_replies_never_come_and_what_was_asked_did_arrive() {
        let (server, mut gets) = echo().await;
        let proxy = FaultProxy::start(server).await;
        proxy.set(Fault::SwallowReplies);
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        socket.write_all(b"hello").await.unwrap();
        within("the bytes", gets.wait_for(|total| *total == 5)).await.unwrap();
        within("the reply", proxy.has_swallowed(5)).await;
        proxy.set(Fault::None);
        assert_eq!(within("an answer again", ask(&mut socket, "again")).await.as_deref(), Some("again"));
    }

    #[tokio::test]
    async fn what_is_held_arrives_once_it_is_let_go() {
        let (server, mut gets) = echo().await;
        let proxy = FaultProxy::start(server).await;
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        for fault in [Fault::HoldSent, Fault::HoldReplies, Fault::Hold] {
            proxy.set(fault);
            let before = *gets.borrow_and_update();
            let asked = tokio::spawn(async move {
                let reply = ask(&mut socket, "hello").await;
                (socket, reply)
            });
            if fault == Fault::HoldReplies {
                within("the request", gets.wait_for(|total| *total == before + 5)).await.unwrap();
            }
            // Long enough to have come through a proxy that holds nothing.
            sleep(Duration::from_millis(50)).await;
            assert!(!asked.is_finished(), "{fault:?} holds nothing");
            proxy.set(Fault::None);
            let reply;
            (socket, reply) = within("the reply", asked).await.unwrap();
            assert_eq!(reply.as_deref(), Some("hello"), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn swallowed_requests_never_arrive() {
        let (server, gets) = echo().await;
        let proxy = FaultProxy::start(server).await;
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.set(Fault::SwallowSent);
        socket.write_all(b"lost").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        proxy.set(Fault::None);
        assert_eq!(within("an answer", ask(&mut socket, "hello")).await.as_deref(), Some("hello"));
        assert_eq!(*gets.borrow(), 5);
    }

    #[tokio::test]
    async fn cut_and_refused_connections_end_and_new_ones_work_afterwards() {
        let (server, _) = echo().await;
        let proxy = FaultProxy::start(server).await;
        let mut socket = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(ask(&mut socket, "hello").await.is_some());
        proxy.set(Fault::Refuse);
        assert_eq!(within("the cut", ask(&mut socket, "hello")).await, None);
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(within("the refusal", ask(&mut refused, "hello")).await, None);
        proxy.set(Fault::None);
        let mut again = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(within("an answer again", ask(&mut again, "hello")).await.is_some());
    }
}
