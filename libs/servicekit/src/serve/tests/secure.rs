//! Who is let in, who is believed to be the server, and what happens when files change under load.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::clock;
use crate::identity::{SERVICE_HEADER, ServiceName};
use crate::tls::{Error, NotAService, Pace, TlsFiles, TrustDomain};

/// Looks at everything all the time.
const EAGER: Pace = Pace { files: Duration::ZERO, peers: Duration::from_millis(50) };

fn name(service: &str) -> ServiceName {
    service.parse().unwrap()
}

fn trust_domain() -> TrustDomain {
    DEVELOPMENT_TRUST_DOMAIN.parse().unwrap()
}

fn request() -> GetOrganizationRequest {
    GetOrganizationRequest { organization_id: "any".to_owned() }
}

/// A server of the directory, eager, and its authority.
struct Secure {
    directory: tempfile::TempDir,
    authority: Authority,
    issuer: DevIssuer,
    fake: Fake,
    _trigger: Trigger,
    running: Running,
}

impl Secure {
    async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_make(&directory.path().join("pki"), &trust_domain()).unwrap();
        let files = authority.issue(&Order::new(name("directory"))).unwrap();
        let issuer = DevIssuer::open(directory.path()).unwrap();
        let fake = Fake::default();
        let (trigger, shutdown) = shutdown::channel();
        let verifier = issuer.verifier(Tls::with_pace(files, trust_domain(), EAGER).unwrap());
        let running = run(verifier, &fake, "127.0.0.1:0".parse().unwrap(), limits, shutdown).await;
        Self { directory, authority, issuer, fake, _trigger: trigger, running }
    }

    fn folder(&self) -> &Path {
        self.authority.folder()
    }

    fn authorities(&self) -> PathBuf {
        self.folder().join("authorities.pem")
    }

    /// A client that proves itself with these files, and wants to reach `expected`.
    fn client(&self, files: TlsFiles, expected: &str) -> Upstream {
        let tls = Tls::with_pace(files, trust_domain(), EAGER).unwrap();
        self.client_of(tls, expected)
    }

    fn client_of(&self, tls: Arc<Tls>, expected: &str) -> Upstream {
        let (url, security) = (self.running.url(), Security::Mutual(tls));
        Upstream::new("url", &url, name(expected), &security, Credentials::by_certificate()).unwrap()
    }

    fn issue(&self, service: &str) -> TlsFiles {
        self.authority.issue(&Order::new(name(service))).unwrap()
    }

    async fn call(&self, upstream: &Upstream) -> Result<(), Status> {
        let mut client = DirectoryServiceClient::new(upstream.as_service());
        drain(BOUND, client.get_organization(request())).await.unwrap().map(drop)
    }

    async fn refused(&self, upstream: &Upstream) -> String {
        let refused = self.call(upstream).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        assert!(self.fake.nobody_was_seen());
        format!("{refused:?}")
    }

    /// A certificate by hand: what `change` makes of a good one's parameters, signed by our authority.
    fn forged(&self, change: impl FnOnce(&mut rcgen::CertificateParams)) -> TlsFiles {
        forge(self.folder(), &self.authorities(), change)
    }
}

/// Signed with the authority key in `folder`, believing `authorities`.
fn forge(folder: &Path, authorities: &Path, change: impl FnOnce(&mut rcgen::CertificateParams)) -> TlsFiles {
    let pem = std::fs::read_to_string(folder.join("authority/key.pem")).unwrap();
    let authority_key = rcgen::KeyPair::from_pem(&pem).unwrap();
    // The name is that of the authority's certificate, whatever it is: copied as bytes from a certificate it issued.
    let mut params = rcgen::CertificateParams::default();
    params.extended_key_usages =
        vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![uri("spiffe://egide.development/disclosure")];
    change(&mut params);
    let key = rcgen::KeyPair::generate().unwrap();
    let issuer =
        rcgen::Issuer::new(crate::pki::authority_params(&trust_domain(), &authority_key, 0).unwrap(), authority_key);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let own = tempfile::tempdir_in(folder).unwrap().keep();
    let files = TlsFiles {
        certificate: own.join("certificate.pem"),
        key: own.join("key.pem"),
        authorities: authorities.to_owned(),
    };
    std::fs::write(&files.certificate, certificate.pem()).unwrap();
    crate::key_file::read_or_make(&files.key, || {
        Ok::<_, io::Error>(zeroize::Zeroizing::new(key.serialize_pem().into_bytes()))
    })
    .unwrap();
    files
}

fn uri(text: &str) -> rcgen::SanType {
    rcgen::SanType::URI(text.try_into().unwrap())
}

/// Connects below HTTP/2, with a certificate that our own client would not even load; `Ok` when the server took it.
async fn bare(
    secure: &Secure,
    files: Option<&TlsFiles>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> io::Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(secure.authorities()).unwrap() {
        roots.add(authority.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let mut config = match files {
        None => config.with_no_client_auth(),
        Some(files) => {
            let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().map(Result::unwrap).collect();
            let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&files.key).unwrap();
            config.with_client_auth_cert(chain, key).map_err(io::Error::other)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(secure.running.address()).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
    // In TLS 1.3 the client's certificate is judged after the client's handshake is done: the first answer tells.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let mut first = [0; 1];
    drain(BOUND, stream.read_exact(&mut first)).await.map_err(io::Error::other)??;
    Ok(())
}

const TLS13: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

#[tokio::test]
async fn a_certificate_of_a_service_is_let_in_and_names_the_caller() {
    let secure = Secure::start().await;
    let files = secure.issue("disclosure");
    bare(&secure, Some(&files), &TLS13).await.unwrap();
    secure.call(&secure.client(files, "directory")).await.unwrap();
    assert_eq!(secure.fake.seen().caller.service, "disclosure");
    assert!(secure.running.url().starts_with("https://"));
}

#[tokio::test]
async fn without_a_certificate_nobody_is_let_in() {
    let secure = Secure::start().await;
    bare(&secure, None, &TLS13).await.unwrap_err();
    assert!(secure.fake.nobody_was_seen());
}

#[tokio::test]
async fn another_authority_with_the_same_name_is_not_believed_by_either_side() {
    let secure = Secure::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Authority::open_or_make(elsewhere.path(), &trust_domain()).unwrap();
    let foreign = other.issue(&Order::new(name("disclosure"))).unwrap();
    // The client believes both authorities, the server its own only.
    let believing = TlsFiles { authorities: secure.authorities(), ..foreign.clone() };
    bare(&secure, Some(&believing), &TLS13).await.unwrap_err();
    secure.refused(&secure.client(believing, "directory")).await;
    // The client does not believe the server.
    let told = secure.refused(&secure.client(foreign, "directory")).await;
    assert!(told.contains("UnknownIssuer"), "{told}");
}

#[tokio::test]
async fn certificates_that_name_no_service_of_the_trust_domain_are_refused() {
    let secure = Secure::start().await;
    let wrong: [&[&str]; 9] = [
        &[],
        &["spiffe://elsewhere.example/disclosure"],
        &["spiffe://egide.development/disclosure", "spiffe://egide.development/ledger"],
        &["spiffe://egide.development/disclosure", "https://example.ca/"],
        &["spiffe://egide.development/"],
        &["spiffe://egide.development/disclosure/2"],
        &["spiffe://egide.development.example/disclosure"],
        &["SPIFFE://egide.development/disclosure"],
        &["spiffe://egide.development/Disclosure"],
    ];
    for names in wrong {
        let forged = secure.forged(|params| params.subject_alt_names = names.iter().map(|name| uri(name)).collect());
        bare(&secure, Some(&forged), &TLS13).await.expect_err(&format!("{names:?} was let in"));
        let refused = Tls::open(forged, trust_domain()).unwrap_err();
        assert!(matches!(refused, Error::NotAService { .. }), "{names:?}: {refused}");
    }
    let good = secure.forged(|_| {});
    bare(&secure, Some(&good), &TLS13).await.unwrap();
    let two = secure.forged(|params| params.subject_alt_names.push(uri("spiffe://egide.development/ledger")));
    let refused = Tls::open(two, trust_domain()).unwrap_err();
    assert!(matches!(refused, Error::NotAService { reason: NotAService::Names(2), .. }), "{refused}");
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_servers_only_are_refused() {
    let secure = Secure::start().await;
    let long_ago =
        Order { from_s: clock::now_s() - 7200, lifetime: Duration::from_secs(3600), ..Order::new(name("disclosure")) };
    let expired = secure.authority.issue(&long_ago).unwrap();
    bare(&secure, Some(&expired), &TLS13).await.unwrap_err();
    let refused = Tls::open(expired, trust_domain()).unwrap_err();
    assert!(matches!(refused, Error::Time { expired: true, .. }), "{refused}");
    let server_only =
        secure.forged(|params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth]);
    bare(&secure, Some(&server_only), &TLS13).await.unwrap_err();
    // An authority is no service, whatever it is named.
    let authority = secure.forged(|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    bare(&secure, Some(&authority), &TLS13).await.unwrap_err();
}

#[tokio::test]
async fn a_server_that_is_another_service_is_not_the_one_that_was_meant() {
    let secure = Secure::start().await;
    let told = secure.refused(&secure.client(secure.issue("disclosure"), "ledger")).await;
    assert!(told.contains("the other side is `directory`, and `ledger` was meant"), "{told}");
}

#[tokio::test]
async fn a_token_beside_a_certificate_is_refused_whomever_it_names() {
    let secure = Secure::start().await;
    let upstream = secure.client(secure.issue("portal"), "directory");
    for service in ["disclosure", "portal"] {
        let token = secure.issuer.service_token(&name(service)).unwrap();
        let mut request = tonic::Request::new(request());
        request.metadata_mut().insert(SERVICE_HEADER, format!("Bearer {token}").parse().unwrap());
        let refused = DirectoryServiceClient::new(upstream.channel()).get_organization(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert_eq!(refused.message(), "the certificate says which service calls: leave `authorization` out");
    }
    assert!(secure.fake.nobody_was_seen());
    // Credentials made for a connection without TLS leave their token out.
    let issuer = Arc::new(DevIssuer::open(secure.directory.path()).unwrap());
    let upstream = secure.client(secure.issue("disclosure"), "directory");
    secure.call(&upstream.with_credentials(Credentials::minted(issuer, name("ledger")))).await.unwrap();
    assert_eq!(secure.fake.seen().caller.service, "disclosure");
}

#[tokio::test]
async fn plain_text_and_silence_do_not_hold_a_server_up() {
    let limits = Limits { handshakes: 1, handshake_within: Duration::from_millis(100), ..Limits::default() };
    let secure = Secure::with(limits).await;
    let url = secure.running.url().replace("https", "http");
    let plain = tonic::transport::Endpoint::from_shared(url).unwrap().connect_lazy();
    let refused = drain(BOUND, DirectoryServiceClient::new(plain).get_organization(request())).await.unwrap();
    assert_ne!(refused.unwrap_err().code(), Code::Ok);
    let mut silent = TcpStream::connect(secure.running.address()).await.unwrap();
    let mut nothing = [0; 1];
    // Closed after its time, and only then is there room for the next handshake.
    let closed = drain(BOUND, silent.read(&mut nothing)).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    secure.call(&secure.client(secure.issue("disclosure"), "directory")).await.unwrap();
}

#[tokio::test]
async fn security_and_url_must_fit_together() {
    let secure = Secure::start().await;
    let (https, http) = (secure.running.url(), secure.running.url().replace("https", "http"));
    let mutual = Security::Mutual(Tls::open(secure.issue("disclosure"), trust_domain()).unwrap());
    for (url, security) in [(http, mutual), (https, Security::Insecure)] {
        let refused =
            Upstream::new("url", &url, name("directory"), &security, Credentials::by_certificate()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("`url` must be a URL such as `{}://127.0.0.1:4610`", security.scheme())
        );
    }
}

#[tokio::test]
async fn certificates_of_both_sides_are_replaced_under_load_without_a_failed_call() {
    let secure = Secure::start().await;
    let upstream = secure.client(secure.issue("disclosure"), "directory");
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (upstream, done) = (upstream.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut calls = 0_usize;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let mut client = DirectoryServiceClient::new(upstream.as_service());
                    client.get_organization(request()).await.unwrap();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let first = upstream.generation();
    for _ in 0..10 {
        secure.issue("directory");
        secure.issue("disclosure");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for caller in callers {
        assert!(drain(BOUND, caller).await.unwrap().unwrap() > 0);
    }
    assert!(upstream.generation() > first, "the new files were taken");
}

#[tokio::test]
async fn while_one_authority_takes_over_from_another_both_count_and_then_the_old_one_does_not() {
    let secure = Secure::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let new = Authority::open_or_make(elsewhere.path(), &trust_domain()).unwrap();
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let (old_root, new_root) = (read(secure.authority.certificate()), read(new.certificate()));

    std::fs::write(secure.authorities(), [old_root, new_root.clone()].concat()).unwrap();
    let by_old = secure.client(secure.issue("disclosure"), "directory");
    secure.call(&by_old).await.unwrap();
    let issued = new.issue(&Order::new(name("disclosure"))).unwrap();
    let by_new = secure.client(TlsFiles { authorities: secure.authorities(), ..issued }, "directory");
    secure.call(&by_new).await.unwrap();

    // The server gets a certificate by the new authority, and the old authority is taken away: connections that were open
    // break, and new ones are refused.
    let mut open = DirectoryServiceClient::new(by_old.as_service());
    open.get_organization(request()).await.unwrap();
    let of_server = new.issue(&Order::new(name("directory"))).unwrap();
    let served = crate::pki::files_of(secure.folder(), &name("directory"));
    std::fs::copy(&of_server.key, &served.key).unwrap();
    std::fs::copy(&of_server.certificate, &served.certificate).unwrap();
    std::fs::write(secure.authorities(), new_root).unwrap();
    let broken = async {
        while open.get_organization(request()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    drain(BOUND, broken).await.unwrap();
    assert_eq!(secure.call(&by_old).await.unwrap_err().code(), Code::Unavailable);
    secure.call(&by_new).await.unwrap();
}

#[tokio::test]
async fn a_connection_ends_when_the_certificate_it_was_made_with_expires() {
    let secure = Secure::start().await;
    // Backdated so that it ends in two seconds.
    let lifetime = Duration::from_secs(60);
    let order = Order { from_s: clock::now_s() - 58, lifetime, ..Order::new(name("disclosure")) };
    let tls = Tls::open(secure.authority.issue(&order).unwrap(), trust_domain()).unwrap();
    let mut client = DirectoryServiceClient::new(secure.client_of(tls, "directory").channel());
    client.get_organization(request()).await.unwrap();
    let ended = async {
        while client.get_organization(request()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    drain(BOUND, ended).await.unwrap();
    assert!(clock::now_s() > order.from_s + 60, "it ended before its time");
}

#[tokio::test]
async fn broken_new_files_are_reported_and_the_old_ones_go_on() {
    let logs = Logs::capture();
    let secure = Secure::start().await;
    let files = secure.issue("disclosure");
    let upstream = secure.client(files.clone(), "directory");
    secure.call(&upstream).await.unwrap();
    let generation = upstream.generation();
    let other = secure.issue("audit");
    for (path, bytes) in [
        (&files.certificate, b"none".to_vec()),
        (&files.certificate, std::fs::read(&other.certificate).unwrap()),
        (&files.key, std::fs::read(&other.key).unwrap()),
        (&files.authorities, b"none".to_vec()),
    ] {
        let before = std::fs::read(path).unwrap();
        std::fs::write(path, bytes).unwrap();
        for _ in 0..3 {
            assert_eq!(upstream.generation(), generation, "{}", path.display());
            secure.call(&upstream).await.unwrap();
        }
        let said = logs.text();
        assert!(said.contains("what was there before goes on") && said.contains(&path.display().to_string()), "{said}");
        std::fs::write(path, before).unwrap();
    }
    secure.call(&upstream).await.unwrap();
    assert!(logs.text().contains("in order again"));
    assert!(!logs.text().contains("PRIVATE"), "no key in the log");
}

#[tokio::test]
async fn a_token_signed_with_a_key_published_a_moment_ago_is_believed_at_the_first_call() {
    let secure = Secure::start().await;
    let published = crate::people::tests::Published::start(r#"{"keys": []}"#.to_owned()).await;
    let people = Arc::new(published.people());
    people.fetch().await;
    let files = secure.issue("directory");
    let verifier = Verifier::mutual(Tls::open(files, trust_domain()).unwrap(), Arc::clone(&people));
    let (_trigger, shutdown) = shutdown::channel();
    let running = run(verifier, &secure.fake, "127.0.0.1:0".parse().unwrap(), Limits::default(), shutdown).await;
    let security = Security::Mutual(Tls::open(secure.issue("console"), trust_domain()).unwrap());
    let issuer = crate::people::tests::Issuer::new();
    let call = async |token: String| {
        let token = crate::identity::PersonToken::new(&token).unwrap();
        let credentials = Credentials::by_certificate().for_person(token);
        let upstream = Upstream::new("url", &running.url(), name("directory"), &security, credentials).unwrap();
        let mut client = DirectoryServiceClient::new(upstream.as_service());
        client.register_organization(RegisterOrganizationRequest::default()).await.map(drop)
    };
    let token = issuer.token("ines.morin", &["hotline-directory"], None);
    let unknown = call(token.clone()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unauthenticated);
    assert_eq!(unknown.message(), "`egide-person`: the token names no known key");
    published.publish(&[&issuer]);
    crate::people::tests::forget_when_it_looked(&people);
    call(token).await.unwrap();
    assert!(secure.fake.seen().caller.person.is_some());
    let forged = crate::people::tests::Issuer::new().token("ines.morin", &["hotline-directory"], None);
    assert_eq!(call(forged).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(published.asked(), 2, "one look for new keys a minute");
}

#[test]
fn a_key_that_others_can_read_and_a_key_of_another_certificate_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_make(directory.path(), &trust_domain()).unwrap();
    let (one, other) =
        (authority.issue(&Order::new(name("ledger"))).unwrap(), authority.issue(&Order::new(name("audit"))).unwrap());
    let mixed = TlsFiles { key: other.key, ..one.clone() };
    assert!(matches!(Tls::open(mixed, trust_domain()), Err(Error::OtherKey { .. })));
    let as_other = Tls::open_as(one.clone(), trust_domain(), &name("audit"));
    assert!(matches!(as_other, Err(Error::OtherService { .. })));
    std::fs::set_permissions(&one.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Tls::open(one, trust_domain()), Err(Error::Exposed { .. })));
}

#[test]
fn an_authority_is_made_once_and_certificates_are_renewed_at_two_thirds_of_their_life() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let open = || Authority::open_or_make(directory.path(), &trust_domain()).unwrap();
    let authority = open();
    let root = std::fs::read(authority.certificate()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.path().join("authority/key.pem")), 0o600);

    let order = Order::new(name("ledger")).with_host("ledger.egide.example").with_host("192.0.2.7");
    assert!(authority.renew_if_due(&order).unwrap());
    let files = crate::pki::files_of(directory.path(), &name("ledger"));
    assert_eq!(mode(&files.key), 0o600);
    let first = crate::pki::read_certificate(&files.certificate).unwrap();
    assert_eq!(first.not_after_s - order.from_s, 24 * 3600);
    let at = |from_s| Order { from_s, ..order.clone() };
    assert!(!authority.renew_if_due(&at(first.renew_at_s() - 1)).unwrap());
    // Opened again it issues under the same root.
    assert!(open().renew_if_due(&at(first.renew_at_s())).unwrap());
    let second = crate::pki::read_certificate(&files.certificate).unwrap();
    assert_ne!(first.serial, second.serial);
    assert_eq!(std::fs::read(authority.certificate()).unwrap(), root);
    // Issued as of a time to come.
    assert!(matches!(Tls::open(files, trust_domain()), Err(Error::Time { expired: false, .. })));
    let other = "elsewhere.example".parse().unwrap();
    assert!(Authority::open_or_make(directory.path(), &other).is_err());
    for lifetime in [Duration::ZERO, Duration::from_secs(91 * 24 * 3600)] {
        assert!(authority.issue(&Order { lifetime, ..order.clone() }).is_err());
    }
    assert!(authority.issue(&Order::new(name("ledger")).with_host("no host")).is_err());
}
