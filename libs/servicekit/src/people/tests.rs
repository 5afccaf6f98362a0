//! Whom a provider's word makes whom, and for how long its keys count.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use egide_crypto::sign::SigningKey;
use egide_crypto::token::{Claims, TokenKind, issue};
use egide_domain::ids::UnitId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::clock;
use crate::identity::Role;

const ISSUER: &str = "https://login.example.ca/hotline";

/// A provider that publishes what it is told to.
pub(crate) struct Issuer(SigningKey);

impl Issuer {
    pub(crate) fn new() -> Self {
        Self(SigningKey::generate().unwrap().0)
    }

    fn jwk(&self) -> Value {
        let x = base64_url(self.0.public_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.0.key_id().to_string(), "x": x})
    }

    pub(crate) fn token(&self, account: &str, roles: &[&str], unit: Option<&str>) -> String {
        self.token_of(ISSUER, account, roles, unit, 600)
    }

    fn token_of(&self, issuer: &str, account: &str, roles: &[&str], unit: Option<&str>, lifetime_s: i64) -> String {
        let now_s = clock::now_s();
        let claims = Claims {
            issuer: issuer.to_owned(),
            audience: "egide".to_owned(),
            subject: account.to_owned(),
            kind: TokenKind::Person,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            unit: unit.map(str::to_owned),
            issued_at: now_s,
            expires_at: now_s + lifetime_s,
        };
        issue(&self.0, &claims).unwrap()
    }
}

fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap();
            text.push(char::from(LETTERS[index]));
        }
    }
    text
}

fn published(keys: &[&Issuer]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

fn file(keys: &Value) -> Value {
    json!({"providers": [{
        "issuer": ISSUER,
        "audiences": ["egide"],
        "keys": keys,
        "account": "/sub",
        "unit": "/unit",
        "roles": [
            {"claim": "/roles", "value": "hotline-responders", "role": "responder"},
            {"claim": "/roles", "value": "hotline-leads", "role": "supervisor"},
            {"claim": "/roles", "value": "partners", "role": "liaison"},
            {"claim": "/roles", "value": "hotline-directory", "role": "partnership_specialist"},
        ],
    }]})
}

fn people(directory: &Path, keys: &Value) -> People {
    PeopleFile::parse(&directory.join("people.json"), &file(keys).to_string()).unwrap().open().unwrap()
}

fn person(people: &People, token: &str) -> Result<Person, NotBelieved> {
    people.person(token, clock::now_s()).map(|proved| proved.person)
}

#[test]
fn values_that_are_named_grant_their_role_and_all_others_nothing() {
    let (directory, issuer) = (tempfile::tempdir().unwrap(), Issuer::new());
    std::fs::write(directory.path().join("keys.json"), published(&[&issuer])).unwrap();
    let people = people(directory.path(), &json!({"file": "keys.json"}));
    let staff = |roles: &[Role]| Person::staff("amelie.roy".parse().unwrap(), roles.iter().copied()).unwrap();
    for (claimed, granted) in [
        (&["hotline-responders"][..], &[Role::Responder][..]),
        (&["hotline-leads", "hotline-responders", "choir"], &[Role::Responder, Role::Supervisor]),
        // The names of our own roles mean nothing in a provider's claims.
        (&["supervisor", "compliance", "operator"], &[]),
        (&["hotline-responders "], &[]),
        (&[], &[]),
    ] {
        assert_eq!(person(&people, &issuer.token("amelie.roy", claimed, None)), Ok(staff(granted)), "{claimed:?}");
    }
    let unit = "018f3a5e-0000-7000-8000-000000000004";
    let liaison = person(&people, &issuer.token("k.tremblay", &["partners"], Some(unit))).unwrap();
    let id: UnitId = unit.parse().unwrap();
    assert_eq!(liaison, Person::liaison("k.tremblay".parse().unwrap(), id));
    for (account, roles, unit) in [
        ("k.tremblay", &["partners"][..], None),
        ("k.tremblay", &["partners"], Some("somewhere")),
        ("k.tremblay", &["partners", "hotline-leads"], Some(unit)),
        ("amelie.roy", &["hotline-responders"], Some(unit)),
        ("amélie roy", &["hotline-responders"], None),
    ] {
        assert_eq!(
            person(&people, &issuer.token(account, roles, unit)),
            Err(NotBelieved::Unfit),
            "{account} {roles:?}"
        );
    }
    let long = issuer.token_of(ISSUER, "amelie.roy", &["hotline-responders"], None, 3601);
    assert_eq!(person(&people, &long), Err(NotBelieved::Token(TokenError::Lifetime)));
    let elsewhere = issuer.token_of("https://elsewhere.example", "amelie.roy", &["hotline-responders"], None, 600);
    assert_eq!(person(&people, &elsewhere), Err(NotBelieved::Token(TokenError::WrongIssuer)));
}

#[test]
fn a_service_token_of_the_development_issuer_is_no_persons() {
    let (key, _) = SigningKey::generate().unwrap();
    let keys = BTreeMap::from([(key.key_id().to_string(), key.public_key())]);
    let people = People::of_development(&keys).unwrap();
    let now_s = clock::now_s();
    let claims = |kind| Claims {
        issuer: crate::identity::DEVELOPMENT_ISSUER.to_owned(),
        audience: "egide".to_owned(),
        subject: "ledger".to_owned(),
        kind,
        roles: vec!["responder".to_owned()],
        unit: None,
        issued_at: now_s,
        expires_at: now_s + 60,
    };
    assert!(person(&people, &issue(&key, &claims(TokenKind::Person)).unwrap()).is_ok());
    let service = issue(&key, &claims(TokenKind::Service)).unwrap();
    assert_eq!(person(&people, &service), Err(NotBelieved::Unfit));
}

#[test]
fn keys_in_a_file_are_read_again_and_a_person_whose_key_is_gone_is_nobody_at_once() {
    let (directory, old, new) = (tempfile::tempdir().unwrap(), Issuer::new(), Issuer::new());
    let path = directory.path().join("keys.json");
    std::fs::write(&path, published(&[&old])).unwrap();
    let people = people(directory.path(), &json!({"file": "keys.json"}));
    let (by_old, by_new) = (old.token("a", &[], None), new.token("a", &[], None));
    let now_s = clock::now_s();
    let proved = people.person(&by_old, now_s).unwrap();
    assert!(people.still(&proved, now_s));
    assert_eq!(person(&people, &by_new), Err(NotBelieved::Token(TokenError::UnknownKey)));

    std::fs::write(&path, published(&[&old, &new])).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(person(&people, &by_new).is_ok() && person(&people, &by_old).is_ok());
    std::fs::write(&path, published(&[&new])).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(person(&people, &by_old), Err(NotBelieved::Token(TokenError::UnknownKey)));
    assert!(!people.still(&proved, now_s), "what was remembered is checked again");

    // A file that cannot be used leaves what was there, for an hour.
    std::fs::write(&path, "{}").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(person(&people, &by_new).is_ok());
    let proved = people.person(&by_new, now_s).unwrap();
    assert_eq!(people.person(&by_new, now_s + 3700).map(drop), Err(NotBelieved::Away));
    assert!(!people.still(&proved, now_s + 3700));
}

/// As if a minute had gone by.
pub(crate) fn forget_when_it_looked(people: &People) {
    people.providers[0].forget_when_it_looked();
}

/// Publishes keys over HTTP on loopback.
pub(crate) struct Published {
    address: std::net::SocketAddr,
    asked: Arc<AtomicUsize>,
    away: Arc<AtomicBool>,
    keys: Arc<std::sync::Mutex<String>>,
}

impl Published {
    pub(crate) async fn start(keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, away) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let keys = Arc::new(std::sync::Mutex::new(keys));
        let (count, closed, body) = (Arc::clone(&asked), Arc::clone(&away), Arc::clone(&keys));
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 1024];
                drop(socket.read(&mut request).await);
                let answer = if closed.load(Ordering::SeqCst) {
                    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned()
                } else {
                    let body = body.lock().unwrap().clone();
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                };
                drop(socket.write_all(answer.as_bytes()).await);
            }
        });
        Self { address, asked, away, keys }
    }

    pub(crate) fn people(&self) -> People {
        let address = format!("http://{}/keys", self.address);
        people(Path::new("."), &json!({"url": {"address": address, "authorities": null}}))
    }

    pub(crate) fn publish(&self, keys: &[&Issuer]) {
        *self.keys.lock().unwrap() = published(keys);
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn fetched_keys_are_looked_for_again_when_one_is_unknown_and_then_not_for_a_minute() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let published_keys = Published::start(published(&[&old])).await;
    let people = published_keys.people();
    let (by_old, by_new) = (old.token("a", &[], None), new.token("a", &[], None));
    assert_eq!(person(&people, &by_old), Err(NotBelieved::Away), "nobody is believed before the keys are there");
    people.fetch().await;
    assert!(person(&people, &by_old).is_ok());

    *published_keys.keys.lock().unwrap() = published(&[&old, &new]);
    assert_eq!(person(&people, &by_new), Err(NotBelieved::Token(TokenError::UnknownKey)));
    // Fetched a moment ago: the minute is not over.
    assert!(!people.look_for_keys_of(&by_new).await);
    assert_eq!(published_keys.asked(), 1);
    forget_when_it_looked(&people);
    assert!(people.look_for_keys_of(&by_new).await);
    assert!(person(&people, &by_new).is_ok());
    for _ in 0..5 {
        let stranger = Issuer::new().token("a", &[], None);
        assert!(!people.look_for_keys_of(&stranger).await);
    }
    assert_eq!(published_keys.asked(), 2);
}

#[tokio::test]
async fn while_a_provider_is_away_its_keys_count_for_a_while_and_then_nobody_is_believed() {
    let issuer = Issuer::new();
    let published_keys = Published::start(published(&[&issuer])).await;
    let people = published_keys.people();
    people.fetch().await;
    let token = issuer.token_of(ISSUER, "a", &[], None, 3600);
    published_keys.away.store(true, Ordering::SeqCst);
    people.fetch().await;
    let now_s = clock::now_s();
    assert!(people.person(&token, now_s).is_ok());
    assert!(people.person(&token, now_s + 3590).is_ok());
    // An hour after the keys were last seen.
    assert_eq!(people.person(&token, now_s + 3602).map(drop), Err(NotBelieved::Away));
    published_keys.away.store(false, Ordering::SeqCst);
    people.fetch().await;
    assert!(person(&people, &token).is_ok());
    // Something else than keys is no answer either.
    *published_keys.keys.lock().unwrap() = "x".repeat(300 * 1024);
    people.fetch().await;
    assert!(person(&people, &token).is_ok());
}

#[tokio::test]
async fn over_https_the_server_must_prove_its_name() {
    use crate::pki::{Authority, Order};
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_make(directory.path(), &"login.example".parse().unwrap()).unwrap();
    let files = authority.issue(&Order::new("login".parse().unwrap())).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Authority::open_or_make(elsewhere.path(), &"login.example".parse().unwrap()).unwrap();
    let (issuer, listener) = (Issuer::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (address, body) = (listener.local_addr().unwrap(), published(&[&issuer]));
    let config = {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().map(Result::unwrap).collect();
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&files.key).unwrap())
            .unwrap()
    };
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let mut request = [0; 1024];
            drop(stream.read(&mut request).await);
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    let at = |host: &str, authorities: &Path| {
        let address = format!("https://{host}:{}/keys", address.port());
        people(directory.path(), &json!({"url": {"address": address, "authorities": authorities}}))
    };
    let token = issuer.token("a", &[], None);
    let good = at("localhost", &directory.path().join("authorities.pem"));
    good.fetch().await;
    assert!(person(&good, &token).is_ok());
    // 127.0.0.2 stands in no certificate; another authority does not count.
    for (host, authorities) in
        [("127.0.0.2", directory.path().join("authorities.pem")), ("localhost", other.certificate())]
    {
        let bad = at(host, &authorities);
        bad.fetch().await;
        assert_eq!(person(&bad, &token), Err(NotBelieved::Away), "{host}");
    }
}

#[test]
fn a_file_with_a_mistake_is_refused_with_its_line() {
    let text = serde_json::to_string_pretty(&file(&json!({"file": "keys.json"}))).unwrap();
    let parse =
        |text: &str| PeopleFile::parse(Path::new("people.json"), text).map(drop).map_err(|error| error.to_string());
    parse(&text).unwrap();
    for (from, to, reason) in [
        ("\"supervisor\"", "\"chief\"", "a role is one of: responder, supervisor"),
        ("\"/sub\"", "\"sub\"", "a claim is a JSON pointer"),
        ("\"audiences\"", "\"audience\"", "unknown field `audience`"),
        ("\"unit\": \"/unit\"", "\"unti\": \"/unit\"", "unknown field `unti`"),
    ] {
        let line = text.lines().position(|line| line.contains(from)).unwrap() + 1;
        let told = parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(told.contains(&format!("`people.json`, line {line}, column")) && told.contains(reason), "{told}");
    }
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = file(&json!({"file": "keys.json"}));
        change(&mut file["providers"][0]);
        parse(&file.to_string())
    };
    for (change, reason) in [
        (&(|row: &mut Value| row["audiences"] = json!([])) as &dyn Fn(&mut Value), "`audiences`"),
        (&|row: &mut Value| row["lifetime_max_s"] = json!(43_201), "`lifetime_max_s`"),
        (&|row: &mut Value| row["keys_kept_s"] = json!(86_401), "`keys_kept_s`"),
        (&|row: &mut Value| row["keys_refresh_s"] = json!(1), "`keys_refresh_s`"),
        (&|row: &mut Value| row["roles"] = json!([]), "`roles`"),
        (&|row: &mut Value| row["issuer"] = json!(""), "an issuer has a name"),
    ] {
        let told = changed(change).unwrap_err();
        assert!(told.starts_with("`people.json`: provider") && told.contains(reason), "{told}");
    }
    let opened = |keys: Value| PeopleFile::parse(Path::new("people.json"), &file(&keys).to_string()).unwrap().open();
    for keys in [
        json!("development"),
        json!({"file": "nowhere.json"}),
        json!({"url": {"address": "http://login.example.ca/keys"}}),
        json!({"url": {"address": "https://login.example.ca/keys"}}),
        json!({"url": {"address": "ftp://127.0.0.1/keys", "authorities": "a.pem"}}),
        json!({"url": {"address": "no url"}}),
    ] {
        assert!(matches!(opened(keys.clone()), Err(PeopleFileError::Provider { .. })), "{keys}");
    }
}
