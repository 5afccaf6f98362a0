//! Real receivers, over TLS, and a real mail server (aiosmtpd, in the Python that `ops/lib/tools.sh` makes).

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egide_crypto::sign::SigningKey;
use egide_domain::notices::{Mailbox, WebhookUrl};
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::Language;
use egide_servicekit::clock;
use egide_trust::{Draft, PublishedKeys, RootKey, Use};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use crate::mail::Mailer;
use crate::plan::{Attempt, Why};
use crate::post::Poster;
use crate::roots::Roots;
use crate::webhook::{self, Call, Refusal, TOLERANCE_S};
use crate::{Error, MailConfig, MailSecurity};

const WITHIN: Duration = Duration::from_millis(500);
const NOTICE: Uuid = Uuid::from_bytes([1; 16]);
const ADDRESS: Uuid = Uuid::from_bytes([2; 16]);
const UNIT: Uuid = Uuid::from_bytes([3; 16]);

/// A certificate for this machine, which vouches for itself.
struct Certificate {
    folder: tempfile::TempDir,
}

impl Certificate {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn roots(&self) -> Roots {
        Roots::load(Some(&self.path("certificate.pem")), false).unwrap()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_file(self.path("certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a receiver answers.
#[derive(Clone)]
enum Answers {
    /// This, and the end.
    With(String),
    /// A head, and then a body without end.
    WithoutEnd,
    /// Headers without end.
    HeadWithoutEnd,
    Never,
}

/// A receiver on loopback, and everything it was sent.
struct Receiver {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Receiver {
    async fn start(tls: Option<TlsAcceptor>, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, answers, heard) = (tls.clone(), answers.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(socket).await {
                                hear(stream, answers, heard).await;
                            }
                        }
                        None => hear(socket, answers, heard).await,
                    }
                });
            }
        });
        Self { port, heard }
    }

    fn url(&self, scheme: &str) -> WebhookUrl {
        WebhookUrl::parse(&format!("{scheme}://127.0.0.1:{}/hooks?x=1", self.port)).unwrap()
    }

    fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

async fn hear(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: Answers, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let Ok(read) = stream.read(&mut piece).await else { return };
        bytes.extend_from_slice(&piece[..read]);
        if read == 0 || whole(&bytes) {
            break;
        }
    }
    heard.lock().unwrap().push(bytes);
    let endless = [b'x'; 4_096];
    let head: &[u8] = match &answers {
        Answers::With(answer) => answer.as_bytes(),
        Answers::WithoutEnd => b"HTTP/1.1 200 OK\r\n\r\n",
        Answers::HeadWithoutEnd => b"HTTP/1.1 200 OK\r\nx: ",
        Answers::Never => return tokio::time::sleep(Duration::from_secs(30)).await,
    };
    let mut sent = stream.write_all(head).await;
    while sent.is_ok() && !matches!(answers, Answers::With(_)) {
        sent = stream.write_all(&endless).await;
    }
    drop(stream.shutdown().await);
}

fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

fn answer(status: &str) -> Answers {
    Answers::With(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))
}

struct Keys {
    signing: SigningKey,
    published: PublishedKeys,
}

fn keys() -> Keys {
    let (signing, root) = (SigningKey::generate().unwrap().0, SigningKey::generate().unwrap().0);
    let mut draft = Draft::first();
    draft.add_key(Use::Notice, signing.public_key(), "notifier", None).unwrap();
    draft.add_key(Use::Report, SigningKey::generate().unwrap().0.public_key(), "disclosure", None).unwrap();
    let (trust, _) = draft.sign(&root, 0).unwrap();
    let today = webhook::instant(clock::now_s()).get(..10).unwrap().parse().unwrap();
    let published = PublishedKeys::of_trust(&trust, &RootKey::new(root.public_key()), today);
    Keys { signing, published }
}

fn call(keys: &Keys) -> Call {
    webhook::call(NOTICE, ADDRESS, UNIT, clock::now(), &keys.signing).unwrap()
}

#[tokio::test]
async fn a_receiver_gets_a_call_that_it_can_check_and_nothing_more() {
    let (certificate, keys) = (Certificate::new(), keys());
    let receiver = Receiver::start(Some(certificate.acceptor()), answer("204 No Content")).await;
    let poster = Poster::new(&certificate.roots(), false, WITHIN).unwrap();
    assert_eq!(poster.post(&receiver.url("https"), call(&keys)).await, Attempt::Taken);
    let heard = String::from_utf8(receiver.heard().remove(0)).unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let (request, headers) = head.split_once("\r\n").unwrap();
    assert_eq!(request, "POST /hooks?x=1 HTTP/1.1");
    let mut names: Vec<&str> = headers.lines().map(|line| line.split_once(':').unwrap().0).collect();
    names.sort_unstable();
    let expected = [
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    assert_eq!(names, expected);
    let read = Call::read(headers, body.as_bytes().to_vec()).unwrap();
    let told = webhook::verify(&read, &keys.published, Some(clock::now())).unwrap();
    assert_eq!((told.notice_id, told.unit_id, told.message.as_str()), (NOTICE, UNIT, "something waits"));
    assert_eq!(read.id, webhook::id_of(NOTICE, ADDRESS));
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).unwrap();
    assert_eq!(members.keys().collect::<Vec<_>>(), ["message", "notice_id", "schema", "sent_at", "unit_id"]);
}

#[tokio::test]
async fn who_does_not_prove_to_be_the_receiver_gets_nothing() {
    let (certificate, other, keys) = (Certificate::new(), Certificate::new(), keys());
    let receiver = Receiver::start(Some(certificate.acceptor()), answer("200 OK")).await;
    let poster = Poster::new(&other.roots(), true, WITHIN).unwrap();
    assert_eq!(poster.post(&receiver.url("https"), call(&keys)).await, Attempt::NotTaken(Why::Tls));
    let plain = Receiver::start(None, answer("200 OK")).await;
    assert!(matches!(poster.post(&plain.url("https"), call(&keys)).await, Attempt::NotTaken(_)));
    assert!(receiver.heard().is_empty());
    let strict = Poster::new(&other.roots(), false, WITHIN).unwrap();
    let before = plain.heard().len();
    assert_eq!(strict.post(&plain.url("http"), call(&keys)).await, Attempt::GivenUp(Why::InClear));
    assert_eq!(plain.heard().len(), before);
    assert_eq!(poster.post(&plain.url("http"), call(&keys)).await, Attempt::Taken, "in development, on this machine");
    let nobody = WebhookUrl::parse("http://127.0.0.1:1/").unwrap();
    assert_eq!(poster.post(&nobody, call(&keys)).await, Attempt::NotTaken(Why::Unreachable));
}

#[tokio::test]
async fn receivers_that_misbehave_are_left_soon_and_lead_nowhere() {
    let (certificate, keys) = (Certificate::new(), keys());
    let poster = Poster::new(&certificate.roots(), true, WITHIN).unwrap();
    let elsewhere = Receiver::start(None, answer("200 OK")).await;
    let moved =
        format!("HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.port);
    for (answers, expected) in [
        (Answers::With(moved), Attempt::NotTaken(Why::Status(307))),
        (answer("500 Oh"), Attempt::NotTaken(Why::Status(500))),
        (answer("429 Slow"), Attempt::NotTaken(Why::Status(429))),
        (answer("404 No"), Attempt::NotTaken(Why::Status(404))),
        (answer("410 Gone"), Attempt::GivenUp(Why::Status(410))),
        (Answers::With("SSH-2.0-x\r\n".to_owned()), Attempt::NotTaken(Why::Answer)),
        (Answers::With(String::new()), Attempt::NotTaken(Why::Answer)),
        (Answers::WithoutEnd, Attempt::Taken),
        (Answers::HeadWithoutEnd, Attempt::NotTaken(Why::Answer)),
        (Answers::Never, Attempt::NotTaken(Why::Late)),
    ] {
        let receiver = Receiver::start(None, answers).await;
        let began = Instant::now();
        assert_eq!(poster.post(&receiver.url("http"), call(&keys)).await, expected);
        assert!(began.elapsed() < WITHIN * 4, "{expected:?}");
    }
    assert!(elsewhere.heard().is_empty(), "nobody follows a redirect");
}

#[test]
fn a_call_that_was_changed_or_kept_or_signed_by_another_is_not_believed() {
    let keys = keys();
    let now = clock::now();
    let made = call(&keys);
    let refused = |call: &Call, now| webhook::verify(call, &keys.published, now).unwrap_err();
    assert!(webhook::verify(&made, &keys.published, Some(now)).is_ok());
    let mut changed = made.clone();
    changed.body[20] ^= 1;
    assert_eq!(refused(&changed, Some(now)), Refusal::Signature);
    assert_eq!(refused(&Call { id: "notice_other".to_owned(), ..made.clone() }, Some(now)), Refusal::Signature);
    assert_eq!(refused(&Call { timestamp_s: made.timestamp_s + 1, ..made.clone() }, Some(now)), Refusal::Signature);
    let stranger = super::tests::keys();
    assert_eq!(webhook::verify(&made, &stranger.published, Some(now)), Err(Refusal::Signature));
    // The key for reports stands in the same file, and signs no notice.
    assert_eq!(keys.published.keys().len(), 1);
    let later = |by_s: i64| Some(Timestamp(made.timestamp_s * 1_000 + by_s * 1_000));
    assert!(webhook::verify(&made, &keys.published, later(TOLERANCE_S)).is_ok());
    assert_eq!(refused(&made, later(TOLERANCE_S + 1)), Refusal::Time);
    assert_eq!(refused(&made, later(-TOLERANCE_S - 1)), Refusal::Time);
    assert!(webhook::verify(&made, &keys.published, None).is_ok());
    // While keys change there may be several signatures.
    let several = Call { signature: format!("v1,abc v1a,xyz {}", made.signature), ..made.clone() };
    assert!(webhook::verify(&several, &keys.published, Some(now)).is_ok());
    for headers in [
        "",
        "webhook-id: a\nwebhook-timestamp: x\nwebhook-signature: v1a,",
        "webhook-id: a\nwebhook-id: b\nwebhook-timestamp: 1\nwebhook-signature: y",
    ] {
        assert_eq!(Call::read(headers, Vec::new()), Err(Refusal::Headers), "{headers}");
    }
    let body = br#"{"schema":"egide.notice/2"}"#.to_vec();
    let message = format!("{}.{}.{}", made.id, made.timestamp_s, String::from_utf8_lossy(&body));
    let signature = format!("v1a,{}", keys.signing.sign_text(&message).unwrap());
    assert_eq!(refused(&Call { body, signature, ..made }, Some(now)), Refusal::Body);
}

#[test]
fn an_id_is_the_same_at_every_attempt_and_another_for_everything_else() {
    let id = webhook::id_of(NOTICE, ADDRESS);
    assert_eq!(id, webhook::id_of(NOTICE, ADDRESS));
    assert!(id != webhook::id_of(ADDRESS, NOTICE) && id != webhook::id_of(NOTICE, UNIT));
    assert!(id.len() == 39 && !id.contains('.'));
}

fn python() -> PathBuf {
    let named = std::env::var_os("EGIDE_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join(".tools/python/bin/python"));
    let wanted = "set EGIDE_PYTHON to a Python with aiosmtpd, or run ops/test, which installs one";
    assert!(python.is_file(), "`{}` is not there: {wanted}", python.display());
    python
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A mail server, ended when dropped.
struct MailServer {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl MailServer {
    fn start(certificate: &Certificate, mode: &str) -> Self {
        let mut child = Command::new(python())
            .arg(root().join("tests/python/mailbox.py"))
            .args([certificate.path("certificate.pem"), certificate.path("key.pem")])
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        Self { child, lines, port: port.trim().parse().expect("a port: is aiosmtpd installed?") }
    }

    fn mailer(&self, certificate: &Certificate, security: MailSecurity) -> Mailer {
        Mailer::new(self.config(security), &certificate.roots(), true, WITHIN * 4).unwrap()
    }

    fn config(&self, security: MailSecurity) -> MailConfig {
        let (host, from) = ("localhost".to_owned(), Mailbox::parse("line@example.ca").unwrap());
        MailConfig { host, port: self.port, security, from, credentials: None }
    }

    fn next(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn send(mailer: &Mailer, to: &str) -> Attempt {
    let to = Mailbox::parse(to).unwrap();
    mailer.send(&to, Language::French, &webhook::id_of(NOTICE, ADDRESS), clock::now()).await
}

#[tokio::test]
async fn a_mailbox_gets_a_message_over_tls_or_none() {
    let certificate = Certificate::new();
    let mut server = MailServer::start(&certificate, "starttls");
    let mailer = server.mailer(&certificate, MailSecurity::StartTls);
    assert_eq!(send(&mailer, "desk@example.org").await, Attempt::Taken);
    let told = server.next();
    assert_eq!((&told["from"], &told["to"][0]), (&"line@example.ca".into(), &"desk@example.org".into()));
    assert_eq!(told["encrypted"], true);
    let message = String::from_utf8(STANDARD.decode(told["data"].as_str().unwrap()).unwrap()).unwrap();
    let id = format!("Message-ID: <{}@example.ca>\r\n", webhook::id_of(NOTICE, ADDRESS));
    assert!(message.contains(&id) && message.contains("Auto-Submitted: auto-generated\r\n"), "{message}");
    let body = message.split_once("\r\n\r\n").unwrap().1.replace("\r\n", "");
    let text = String::from_utf8(STANDARD.decode(body).unwrap()).unwrap();
    assert!(text.starts_with("Quelque chose attend") && text.contains("Something waits") && !text.contains("http"));

    assert_eq!(send(&mailer, "full@example.org").await, Attempt::NotTaken(Why::Status(452)));
    assert_eq!(send(&mailer, "gone@example.org").await, Attempt::GivenUp(Why::Status(550)));
    // Somebody else's server, and one that offers no TLS, get nothing.
    let stranger = server.mailer(&Certificate::new(), MailSecurity::StartTls);
    assert!(matches!(send(&stranger, "desk@example.org").await, Attempt::NotTaken(_)));
    let mut plain = MailServer::start(&certificate, "none");
    let demanding = plain.mailer(&certificate, MailSecurity::StartTls);
    assert!(matches!(send(&demanding, "one@example.org").await, Attempt::NotTaken(_)));
    assert_eq!(send(&plain.mailer(&certificate, MailSecurity::None), "two@example.org").await, Attempt::Taken);
    assert_eq!(plain.next()["to"][0], "two@example.org", "the first one was never sent");
    assert_eq!(send(&mailer, "last@example.org").await, Attempt::Taken);
    assert_eq!(server.next()["to"][0], "last@example.org");
}

#[tokio::test]
async fn mail_goes_over_tls_from_the_first_byte_and_in_clear_nowhere_but_at_home() {
    let certificate = Certificate::new();
    let mut server = MailServer::start(&certificate, "tls");
    assert_eq!(send(&server.mailer(&certificate, MailSecurity::Tls), "desk@example.org").await, Attempt::Taken);
    assert_eq!(server.next()["encrypted"], true);
    let roots = certificate.roots();
    let refused = Mailer::new(server.config(MailSecurity::None), &roots, false, WITHIN);
    assert!(matches!(refused, Err(Error::MailInClear)));
    let elsewhere = MailConfig { host: "mail.example.ca".to_owned(), ..server.config(MailSecurity::None) };
    assert!(matches!(Mailer::new(elsewhere, &roots, true, WITHIN), Err(Error::MailInClear)));
    assert!(matches!(Roots::load(Some(Path::new("/nowhere")), true), Err(Error::Authorities(_))));
}
