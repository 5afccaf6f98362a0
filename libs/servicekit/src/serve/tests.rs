//! A server of the kit's kind, called over a real connection by a client of the kit's kind.

mod fake;
mod secure;

use std::io;
use std::sync::{Mutex, PoisonError};

use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::directory_service_server::DirectoryServiceServer;
use egide_wire::proto::egide::directory::v1::{GetOrganizationRequest, RegisterOrganizationRequest};
use egide_wire::proto::egide::disclosure::v1::WatchReferralsRequest;
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use egide_wire::proto::egide::disclosure::v1::referral_service_server::ReferralServiceServer;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use self::fake::{Fake, MARKER};
use super::*;
use crate::channel::{CALL_TIMEOUT, Upstream};
use crate::identity::{Credentials, DevIssuer, Person, Role};
use crate::pki::{Authority, DEVELOPMENT_TRUST_DOMAIN, Order};
use crate::shutdown::{Trigger, drain};
use crate::tls::{Security, Tls};
use egide_domain::ids::UnitId;

const BOUND: Duration = Duration::from_secs(20);

struct Rig {
    directory: tempfile::TempDir,
    issuer: Arc<DevIssuer>,
    fake: Fake,
    trigger: Trigger,
    running: Running,
}

impl Rig {
    async fn start(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let issuer = Arc::new(DevIssuer::open(directory.path()).unwrap());
        let fake = Fake::default();
        let (trigger, shutdown) = shutdown::channel();
        let verifier = issuer.verifier(tls(directory.path(), "directory"));
        let running = run(verifier, &fake, "127.0.0.1:0".parse().unwrap(), limits, shutdown).await;
        Self { directory, issuer, fake, trigger, running }
    }

    fn upstream(&self, service: &str) -> Upstream {
        let security = Security::Mutual(tls(self.directory.path(), service));
        let (url, expected) = (self.running.url(), "directory".parse().unwrap());
        Upstream::new("url", &url, expected, &security, Credentials::by_certificate()).unwrap()
    }

    fn person(&self, service: &str, person: Person) -> crate::channel::Authenticated {
        let credentials = Credentials::by_certificate().for_minted_person(Arc::clone(&self.issuer), person);
        self.upstream(service).with_credentials(credentials).as_service()
    }

    async fn get(&self, what: &str) -> Result<(), Status> {
        let mut client = DirectoryServiceClient::new(self.upstream("disclosure").as_service());
        client.get_organization(GetOrganizationRequest { organization_id: what.to_owned() }).await.map(drop)
    }
}

/// The proof of a service, by an authority in `directory`.
fn tls(directory: &std::path::Path, service: &str) -> Arc<Tls> {
    let trust_domain = DEVELOPMENT_TRUST_DOMAIN.parse().unwrap();
    let authority = Authority::open_or_make(&directory.join("pki"), &trust_domain).unwrap();
    Tls::open(authority.issue(&Order::new(service.parse().unwrap())).unwrap(), trust_domain).unwrap()
}

async fn run(verifier: Verifier, fake: &Fake, listen: SocketAddr, limits: Limits, shutdown: Shutdown) -> Running {
    let api = Api::new().with(DirectoryServiceServer::new(fake.clone())).with(ReferralServiceServer::new(fake.clone()));
    let config = ServeConfig { limits, ..ServeConfig::new("directory", listen) };
    serve(config, api, Arc::new(verifier), shutdown).await.unwrap()
}

fn specialist() -> Person {
    Person::staff("amelie.roy".parse().unwrap(), [Role::PartnershipSpecialist]).unwrap()
}

fn liaison() -> Person {
    Person::liaison("k.tremblay".parse().unwrap(), UnitId([5; 16]))
}

#[tokio::test]
async fn a_handler_sees_the_caller_and_what_to_send_on_and_no_token() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = DirectoryServiceClient::new(rig.person("console", specialist()));
    client.register_organization(RegisterOrganizationRequest::default()).await.unwrap();
    let seen = rig.fake.seen();
    assert_eq!(seen.caller.service, "console");
    assert_eq!(seen.caller.person, Some(specialist()));
    assert!(seen.hands_on_a_person && seen.has_deadline);
    assert!(!seen.has_tokens);
}

#[tokio::test]
async fn strangers_wrong_roles_and_unknown_methods_are_refused() {
    let rig = Rig::start(Limits::default()).await;
    let request = || GetOrganizationRequest { organization_id: "any".to_owned() };
    let mut stranger = DirectoryServiceClient::new(rig.upstream("stranger").as_service());
    let refused = stranger.get_organization(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut forged = tonic::Request::new(request());
    forged.metadata_mut().insert(crate::identity::PERSON_HEADER, "a.b.c".parse().unwrap());
    let mut client = DirectoryServiceClient::new(rig.upstream("disclosure").channel());
    assert_eq!(client.get_organization(forged).await.unwrap_err().code(), Code::Unauthenticated);

    let responder = Person::staff("j.smith".parse().unwrap(), [Role::Responder]).unwrap();
    let mut client = DirectoryServiceClient::new(rig.person("console", responder));
    let refused = client.register_organization(RegisterOrganizationRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.message(), "this call needs a person with one of these roles: partnership_specialist");

    let mut grpc = tonic::client::Grpc::new(rig.person("console", specialist()));
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/egide.directory.v1.DirectoryService/Purge");
    let codec = egide_wire::strict::StrictCodec::<GetOrganizationRequest, GetOrganizationRequest>::default();
    let refused = grpc.unary(tonic::Request::new(request()), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(rig.fake.nobody_was_seen());
}

#[tokio::test]
async fn a_handler_that_panics_answers_internal_and_tells_nothing() {
    let logs = Logs::capture();
    let rig = Rig::start(Limits::default()).await;
    for _ in 0..2 {
        let failed = rig.get("panic").await.unwrap_err();
        assert_eq!(failed.code(), Code::Internal);
        assert!(!format!("{failed:?}").contains(MARKER));
    }
    rig.get("any").await.unwrap();
    let logged = logs.text();
    assert!(logged.contains("panicked") && logged.contains("DirectoryService/GetOrganization"), "{logged}");
    assert!(!logged.contains(MARKER), "{logged}");
}

#[tokio::test]
async fn a_stream_that_panics_ends_with_internal() {
    let logs = Logs::capture();
    let rig = Rig::start(Limits::default()).await;
    rig.fake.panic_in_the_stream();
    let mut client = ReferralServiceClient::new(rig.person("portal", liaison()));
    let mut stream = client.watch_referrals(WatchReferralsRequest {}).await.unwrap().into_inner();
    let failed = loop {
        match stream.message().await {
            Ok(item) => assert!(item.is_some(), "the stream ended as if nothing had happened"),
            Err(failed) => break failed,
        }
    };
    assert_eq!(failed.code(), Code::Internal);
    assert!(!format!("{failed:?}").contains(MARKER));
    rig.get("any").await.unwrap();
    assert!(!logs.text().contains(MARKER));
}

#[tokio::test]
async fn a_log_line_has_method_code_and_service_and_neither_ids_nor_accounts() {
    let logs = Logs::capture();
    let rig = Rig::start(Limits::default()).await;
    rig.get(MARKER).await.unwrap();
    let mut client = DirectoryServiceClient::new(rig.person("console", specialist()));
    client.register_organization(RegisterOrganizationRequest::default()).await.unwrap();
    let logged = logs.text();
    for wanted in ["DirectoryService/GetOrganization", "OK", "disclosure", "console", "took_ms"] {
        assert!(logged.contains(wanted), "{wanted} in {logged}");
    }
    for unwanted in [MARKER, "amelie", "eyJ"] {
        assert!(!logged.contains(unwanted), "{unwanted} in {logged}");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let rig = Rig::start(Limits { request_timeout: Duration::from_millis(50), ..Limits::default() }).await;
    assert_eq!(rig.get("hang").await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn the_callers_own_timeout_counts_when_it_is_shorter() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = DirectoryServiceClient::new(rig.upstream("disclosure").as_service());
    let mut request = tonic::Request::new(GetOrganizationRequest { organization_id: "hang".to_owned() });
    // As a header by hand: tonic's client would end the call by its own clock and hide the server's answer.
    request.metadata_mut().insert("grpc-timeout", "100m".parse().unwrap());
    let failed = drain(BOUND, client.get_organization(request)).await.unwrap().unwrap_err();
    assert!(matches!(failed.code(), Code::DeadlineExceeded | Code::Cancelled), "{failed:?}");
    rig.fake.wait_until_the_hanging_call_is_gone().await;
}

#[tokio::test]
async fn a_call_that_names_no_deadline_has_one_all_the_same() {
    // Longer than anything of the client's: the server ends nothing here.
    let limits = Limits { request_timeout: Duration::from_secs(3_600), ..Limits::default() };
    let rig = Rig::start(limits).await;
    rig.get("any").await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let ended = tokio::time::timeout(CALL_TIMEOUT * 10, rig.get("hang")).await.expect("it ends by itself");
    assert!(matches!(ended.unwrap_err().code(), Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable));
    assert!(began.elapsed() <= CALL_TIMEOUT + Duration::from_secs(1), "after {:?}", began.elapsed());
}

#[tokio::test]
async fn when_there_is_no_room_the_answer_says_so_and_health_still_answers() {
    let rig = Rig::start(Limits { requests: 1, ..Limits::default() }).await;
    let hanging = rig.get("hang");
    let meanwhile = async {
        rig.fake.wait_for_a_hanging_call().await;
        let refused = rig.get("any").await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let hint = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!((Duration::from_secs(1)..Duration::from_millis(1_500)).contains(&hint), "{hint:?}");
        let anybody = rig.upstream("stranger").channel();
        let check = HealthCheckRequest { service: "egide.directory.v1.DirectoryService".to_owned() };
        let health = HealthClient::new(anybody).check(check).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::Serving);
        rig.fake.let_go();
    };
    let (hung, ()) = tokio::join!(hanging, meanwhile);
    hung.unwrap();
    rig.get("any").await.unwrap();
}

#[tokio::test]
async fn reflection_tells_services_what_is_served_here() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let rig = Rig::start(Limits::default()).await;
    let question = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(rig.upstream("cli").as_service());
    let mut answers = client.server_reflection_info(tokio_stream::once(question)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("another answer than asked for") };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    names.retain(|name| name.starts_with("egide."));
    assert_eq!(names, ["egide.directory.v1.DirectoryService", "egide.disclosure.v1.ReferralService"]);
}

#[tokio::test]
async fn a_request_larger_than_the_bound_is_refused() {
    let rig = Rig::start(Limits::default()).await;
    let refused = rig.get(&"x".repeat(MESSAGE_BYTES_MAX + 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert!(rig.fake.nobody_was_seen());
}

#[tokio::test]
async fn at_the_end_streams_are_told_and_requests_may_finish() {
    let rig = Rig::start(Limits::default()).await;
    let mut client = ReferralServiceClient::new(rig.person("portal", liaison()));
    let mut stream = client.watch_referrals(WatchReferralsRequest {}).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let hanging = rig.get("hang");
    let meanwhile = async {
        rig.fake.wait_for_a_hanging_call().await;
        rig.trigger.request();
        assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
        rig.fake.let_go();
    };
    let (finished, ()) = tokio::join!(hanging, meanwhile);
    finished.unwrap();
    let mut running = rig.running;
    drain(BOUND, running.finished()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_finish_is_cut() {
    let rig = Rig::start(Limits { drain: Duration::from_millis(50), ..Limits::default() }).await;
    let hanging = rig.get("hang");
    let meanwhile = async {
        rig.fake.wait_for_a_hanging_call().await;
        rig.trigger.request();
    };
    let (cut, ()) = tokio::join!(hanging, meanwhile);
    assert_eq!(cut.unwrap_err().code(), Code::Unavailable);
    let mut running = rig.running;
    drain(BOUND, running.finished()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_connects_again_by_itself() {
    let rig = Rig::start(Limits::default()).await;
    let address = rig.running.address();
    let mut client = DirectoryServiceClient::new(rig.upstream("disclosure").as_service());
    let request = || GetOrganizationRequest { organization_id: "any".to_owned() };
    client.get_organization(request()).await.unwrap();
    drain(BOUND, rig.running.stop()).await.unwrap().unwrap();
    assert_eq!(client.get_organization(request()).await.unwrap_err().code(), Code::Unavailable);

    let (_trigger, shutdown) = shutdown::channel();
    let verifier = rig.issuer.verifier(tls(rig.directory.path(), "directory"));
    let _again = run(verifier, &rig.fake, address, Limits::default(), shutdown).await;
    let reached = async {
        while client.get_organization(request()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    drain(BOUND, reached).await.unwrap();
}

#[tokio::test]
async fn a_task_beside_that_fails_stops_the_role_with_its_reason() {
    let rig = Rig::start(Limits::default()).await;
    let mut running = rig.running.beside(async { Err::<(), _>("the log has a gap") });
    let stopped = drain(BOUND, running.finished()).await.unwrap().unwrap_err();
    assert_eq!(stopped.to_string(), "`directory` stopped: the log has a gap");
}

#[tokio::test]
async fn a_task_beside_goes_on_until_the_last_request_is_answered() {
    let mut rig = Rig::start(Limits::default()).await;
    let (alive, gone) = tokio::sync::oneshot::channel::<()>();
    let fake = rig.fake.clone();
    rig.running = rig.running.beside(async move {
        let _alive = alive;
        std::future::pending::<Result<(), String>>().await
    });
    let watched = tokio::spawn(async move {
        // An error is what the sender leaves behind when it is dropped.
        drop(gone.await);
        fake.is_hanging()
    });
    let hanging = rig.get("hang");
    let meanwhile = async {
        rig.fake.wait_for_a_hanging_call().await;
        rig.running.request_stop();
        rig.fake.let_go();
    };
    let (finished, ()) = tokio::join!(hanging, meanwhile);
    finished.unwrap();
    drain(BOUND, rig.running.finished()).await.unwrap().unwrap();
    assert!(!drain(BOUND, watched).await.unwrap().unwrap(), "the task was dropped under a request");
}

#[tokio::test]
async fn the_metrics_page_counts_calls_and_names_nobody() {
    let metrics = crate::telemetry::metrics::Metrics::install().unwrap();
    let rig = Rig::start(Limits::default()).await;
    rig.get(MARKER).await.unwrap();
    let (_trigger, shutdown) = shutdown::channel();
    let (address, _task) = metrics.serve("127.0.0.1:0".parse().unwrap(), shutdown).await.unwrap();
    let page = fake::http_get(address, "/metrics").await;
    let wanted =
        r#"egide_calls_total{role="directory",method="egide.directory.v1.DirectoryService/GetOrganization",code="OK"}"#;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains(wanted), "{page}");
    assert!(page.contains("egide_call_seconds_bucket") && !page.contains(MARKER));
    assert!(fake::http_get(address, "/").await.starts_with("HTTP/1.1 404"));
}

/// What is logged on this thread, as text.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Logs {
    buffer: Buffer,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Logs {
    fn capture() -> Self {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || writer.clone())
            .finish();
        Self { buffer, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn text(&self) -> String {
        String::from_utf8(self.buffer.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}
