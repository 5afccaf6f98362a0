//! Who tells units that something waits, and a receiver that is told: a server on loopback that keeps every byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egide_crypto::sign::SigningKey;
use egide_notifier::webhook::{Body, Call};
use egide_notifier::{Notifier, Pace, webhook};
use egide_servicekit::clock;
use egide_testkit::fresh_id;
use egide_trust::{Day, Draft, PublishedKeys, RootKey, Use};
use egide_wire::proto::egide::case::v1::NoticeMeans;
use egide_wire::proto::egide::directory::v1::{AddNotificationAddressRequest, NotificationAddressAdded};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::case::Unit;
use crate::roles::Role;
use crate::who;
use crate::world::World;

/// Fast enough for a test.
const PACE: Pace = Pace {
    look_every: Duration::from_millis(50),
    again_first: Duration::from_millis(50),
    again_max: Duration::from_millis(200),
    attempt_max: Duration::from_secs(5),
};

/// The key that notices are signed with, and what is published of it.
pub struct NoticeKey {
    document: Vec<u8>,
    published: PublishedKeys,
}

impl NoticeKey {
    /// Draws one, certified by a root of its own.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    #[must_use]
    pub fn new() -> Self {
        let (key, document) = SigningKey::generate().expect("a key");
        let (root, _) = SigningKey::generate().expect("a key");
        let mut draft = Draft::first();
        draft.add_key(Use::Notice, key.public_key(), "notifier", None).expect("a first key");
        let (trust, _) = draft.sign(&root, 0).expect("a trust file");
        let day: Day = "2026-11-22".parse().expect("a day");
        let published = PublishedKeys::of_trust(&trust, &RootKey::new(root.public_key()), day);
        Self { document: document.to_vec(), published }
    }
}

impl Default for NoticeKey {
    fn default() -> Self {
        Self::new()
    }
}

/// A notifier at work; killed when this is dropped.
pub struct Notifying(AbortHandle);

impl Notifying {
    /// Ends it as a power failure would.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Notifying {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    /// Starts a notifier in development mode, without a mail server.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn notifier(&self, key: &NoticeKey) -> Notifying {
        let config = egide_notifier::Config {
            triage: self.upstream(Role::Triage, &who::service(egide_notifier::ROLE)),
            directory: self.upstream(Role::Directory, &who::service(egide_notifier::ROLE)),
            signing_key: SigningKey::from_pkcs8(&key.document).expect("the document of a key"),
            mail: None,
            authorities: None,
            development: true,
            pace: PACE,
            clock: clock::now,
        };
        let notifier = Notifier::new(config).expect("a notifier");
        let (trigger, shutdown) = egide_servicekit::shutdown::channel();
        let working = async move {
            // Held for as long as it works: dropped, it would ask for the end.
            let _trigger = trigger;
            notifier.run(shutdown).await;
        };
        Notifying(self.on_the_services_runtime(working))
    }

    /// Gives a unit an address at which it is told; the address's id.
    ///
    /// # Panics
    /// When the directory refuses it.
    pub async fn notify_at(&self, unit: &Unit<'_>, url: &str) -> String {
        let address = NotificationAddressAdded {
            organization_id: unit.organization_id.clone(),
            unit_id: unit.id.clone(),
            address_id: fresh_id(),
            means: NoticeMeans::Webhook.into(),
            address: url.to_owned(),
            label: "duty desk".to_owned(),
        };
        let address_id = address.address_id.clone();
        let request = AddNotificationAddressRequest { command_id: fresh_id(), address: Some(address) };
        let mut directory = self.directory(&who::specialist());
        directory.add_notification_address(request).await.expect("an address of the unit");
        address_id
    }
}

/// What a receiver does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It answers with this status.
    Status(u16),
    /// It takes the call and says nothing.
    Nothing,
}

#[derive(Default)]
struct Kept {
    calls: Vec<Vec<u8>>,
    answers: VecDeque<Answer>,
}

/// A receiver. It answers as it was told to, then with 204.
pub struct Receiver {
    url: String,
    kept: Arc<Mutex<Kept>>,
}

impl Receiver {
    /// Begins to listen.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let url = format!("http://{}/hooks/{}", listener.local_addr().expect("an address"), fresh_id());
        let kept = Kept { answers: answers.iter().copied().collect(), ..Kept::default() };
        let kept = Arc::new(Mutex::new(kept));
        let keeping = Arc::clone(&kept);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hear(stream, Arc::clone(&keeping)));
            }
        });
        Self { url, kept }
    }

    /// Where it is called.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every call so far, byte for byte.
    #[must_use]
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        lock(&self.kept).calls.clone()
    }

    /// Every call so far with what it tells, each checked with the published keys.
    ///
    /// # Panics
    /// When one is no notice of this key.
    #[must_use]
    pub fn calls(&self, key: &NoticeKey) -> Vec<(String, Body)> {
        let read = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            let call = Call::read(head, body.as_bytes().to_vec()).expect("the headers of a notice");
            let told = webhook::verify(&call, &key.published, Some(clock::now())).expect("a notice");
            (call.id, told)
        };
        self.bytes().into_iter().map(read).collect()
    }
}

async fn hear(mut stream: TcpStream, kept: Arc<Mutex<Kept>>) {
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            Ok(_) | Err(_) => return,
        }
    }
    let answer = {
        let mut kept = lock(&kept);
        kept.calls.push(bytes);
        kept.answers.pop_front().unwrap_or(Answer::Status(204))
    };
    match answer {
        Answer::Status(status) => {
            let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()).await);
        }
        Answer::Nothing => std::future::pending().await,
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
