//! Random bytes, and random messages that look valid, to every method of every service, by the entitled and by strangers:
//! a clear status within a bounded time, no panic, no `INTERNAL`, and the services go on.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use egide_servicekit::identity::{DevIssuer, PERSON_HEADER, SERVICE_HEADER};
use egide_testkit::fresh_id;
use egide_tests::case::{Case, Unit, command};
use egide_tests::generate::{Dice, Generator, Known};
use egide_tests::raw::{Answer, Listening};
use egide_tests::who::{self, Who};
use egide_tests::world::CERTIFICATE_OF;
use egide_tests::{Plan, Role, World, events, watch};
use egide_wire::classification::DataCategory;
use egide_wire::descriptors::{pool, to_dynamic};
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessRecorded, AccessScope, AccountForPersonRequest, DisclosureFilter, ExportDisclosuresRequest,
    ExportFormat, GetDisclosureRequest, ListAnomaliesRequest, ListCaseStepsRequest, ListDisclosuresRequest,
    ListLooksRequest,
};
use egide_wire::proto::egide::case::v1::{
    Answer as Said, ApprovalOutcome, Channel, DeliveryChannel, ExceptionGround, ExceptionKind, Purpose, RecipientKind,
};
use egide_wire::proto::egide::directory::v1::{
    GetOrganizationRequest, OrganizationRegistered, RecipientReinstated, RegisterOrganizationRequest,
    ReinstateRecipientRequest,
};
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, AcknowledgeReferralRequest, AttestNarrativeRequest, DecideApprovalRequest,
    DeliverReferralRequest, ExplainDecisionRequest, FetchPackageRequest, FetchReferralRequest, GetDecisionRequest,
    ListApprovalsRequest, ListDecisionsRequest, PackReferralRequest, PreviewDisclosureRequest, ReplayDecisionRequest,
    ReplayHistoryRequest, ReviewEdits, ShowNarrativeRequest, TextPlace,
};
use egide_wire::proto::egide::ledger::v1::{
    OpenForDeliveryRequest, OpenForPermitRequest, OpenForReplayRequest, OpenForReviewRequest, ReadCaseRequest,
    WatchCaseRequest,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::metadata::MetadataMap;

/// Cases when nothing else is asked for, and at most: each speaks to every method several times.
const CASES: u32 = 12;
const CASES_MAX: u32 = 400;
/// What an investigation gets on consent without anybody's approval.
const WITHOUT_APPROVAL: [DataCategory; 7] = [
    DataCategory::Identity,
    DataCategory::Contact,
    DataCategory::Whereabouts,
    DataCategory::Situation,
    DataCategory::Finances,
    DataCategory::Suspects,
    DataCategory::OtherPeople,
];
/// Messages to each method in each case.
const MESSAGES: usize = 24;
/// A call must be answered in this time, on the slowest machine; a stream is left soon after it began.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
const LISTENING: Listening = Listening { messages: 3, at_most: Duration::from_millis(20) };
/// Nobody measures refusals here, and there are many.
const REFUSE_AFTER: Duration = Duration::from_millis(10);
/// May be answered by any method, whatever its comment says.
const EVERYWHERE: [Code; 5] =
    [Code::Ok, Code::InvalidArgument, Code::Unauthenticated, Code::PermissionDenied, Code::ResourceExhausted];

/// Never answered to any request, whatever stands in it.
const NEVER: [Code; 6] =
    [Code::Internal, Code::Unknown, Code::DataLoss, Code::Unimplemented, Code::Cancelled, Code::DeadlineExceeded];
/// Of the messages that look valid so many methods accept some, so that what stands behind the checks is reached.
const METHODS_ACCEPTING: usize = 15;

struct Method {
    descriptor: MethodDescriptor,
    role: Role,
    documented: BTreeSet<i32>,
    entitled: Vec<Who>,
    examples: Vec<DynamicMessage>,
}

impl Method {
    fn path(&self) -> String {
        format!("/{}/{}", self.descriptor.parent_service().full_name(), self.descriptor.name())
    }
}

struct Target {
    world: World,
    methods: Vec<Method>,
    known: Known,
    strangers: Vec<MetadataMap>,
    seen: Mutex<Seen>,
}

/// What was answered in the whole run.
#[derive(Default)]
struct Seen {
    /// Statuses the contract does not name, each with the first message and the request that got it.
    undocumented: BTreeMap<String, String>,
    /// How often a method did what it was asked to.
    accepted: BTreeMap<String, usize>,
}

fn everybody(unit_id: &str) -> Vec<Who> {
    let mut everybody = vec![
        who::responder(),
        who::supervisor(),
        who::compliance(),
        who::specialist(),
        who::liaison(unit_id),
        who::web_form(),
        who::staff("cli", "operator.sample", &["operator"]),
        who::staff("directory", "ines.morin", &["partnership_specialist"]),
        who::staff("audit", "jean.tremblay", &["compliance"]),
        who::staff("disclosure", "noor.haddad", &["supervisor"]),
        who::staff("case-desk", "rose.tremblay", &["reviewer"]),
        who::staff("disclosure", "rose.tremblay", &["reviewer"]),
    ];
    let services = [
        "telephony-desk",
        "case-desk",
        "console",
        "cli",
        "disclosure",
        "audit",
        "triage",
        "portal",
        "ledger",
        "notifier",
    ];
    everybody.extend(services.map(who::service));
    everybody
}

fn role_of(service: &str) -> Role {
    match service {
        "egide.ledger.v1.LedgerService"
        | "egide.ledger.v1.CallerService"
        | "egide.ledger.v1.KeyService"
        | "egide.house.v1.HouseService" => Role::Ledger,
        "egide.disclosure.v1.DisclosureService" | "egide.disclosure.v1.ReferralService" => Role::Disclosure,
        "egide.audit.v1.AuditService" | "egide.audit.v1.HistoryService" | "egide.audit.v1.TransparencyService" => {
            Role::Audit
        }
        "egide.triage.v1.TriageService" | "egide.triage.v1.NoticeService" => Role::Triage,
        "egide.directory.v1.DirectoryService" | "egide.directory.v1.LiaisonService" => Role::Directory,
        other => panic!("`{other}` is new: say which role serves it"),
    }
}

/// Every method of the contract with the statuses its comment and its service's name; a comment that names none, or says
/// "as above", means those of the method before.
fn documented() -> Vec<(MethodDescriptor, BTreeSet<i32>)> {
    let mut all = Vec::new();
    for service in pool().services().filter(|service| service.package_name().starts_with("egide.")) {
        let file = service.parent_file();
        let proto = file.file_descriptor_proto();
        let place = file.services().position(|other| other == service).unwrap();
        let place = i32::try_from(place).unwrap();
        let comment = |path: &[i32]| {
            let source = proto.source_code_info.as_ref().unwrap();
            let location = source.location.iter().find(|location| location.path == path);
            location.and_then(|location| location.leading_comments.clone()).unwrap_or_default()
        };
        let of_service = codes_in(&comment(&[6, place]));
        let mut before = BTreeSet::new();
        for method in service.methods() {
            let text = comment(&[6, place, 2, i32::try_from(method.index()).unwrap()]);
            let mut codes = codes_in(&text);
            if !text.contains("Errors:") || text.contains("as above") {
                codes.extend(&before);
            }
            before.clone_from(&codes);
            codes.extend(&of_service);
            codes.extend(EVERYWHERE.map(|code| code as i32));
            all.push((method, codes));
        }
    }
    all
}

fn codes_in(comment: &str) -> BTreeSet<i32> {
    let names = [
        ("INVALID_ARGUMENT", Code::InvalidArgument),
        ("DEADLINE_EXCEEDED", Code::DeadlineExceeded),
        ("NOT_FOUND", Code::NotFound),
        ("ALREADY_EXISTS", Code::AlreadyExists),
        ("PERMISSION_DENIED", Code::PermissionDenied),
        ("RESOURCE_EXHAUSTED", Code::ResourceExhausted),
        ("FAILED_PRECONDITION", Code::FailedPrecondition),
        ("ABORTED", Code::Aborted),
        ("UNAVAILABLE", Code::Unavailable),
        ("UNAUTHENTICATED", Code::Unauthenticated),
    ];
    names.into_iter().filter(|(name, _)| comment.contains(name)).map(|(_, code)| code as i32).collect()
}

impl Target {
    async fn start() -> Self {
        let world = World::with(Plan { refuse_after: REFUSE_AFTER, ..Plan::default() }).await;
        let police = world.police().register().await;
        let case = world.case().victim().suspect().triaged().open().await;
        let consent = case.consent(&police, &WITHOUT_APPROVAL).await;
        let answer = case.request(&police, &WITHOUT_APPROVAL).await.expect("the gate decides");
        let decision = answer.decision.expect("a decision");
        police.fetch(&decision.referral_id).await.expect("the referral is delivered");
        let position = decision.position;
        let decision_id = decision.decided.expect("it says what").decision_id;
        let ids = [&case.id, &case.victim, &case.suspect, &case.tip, &consent, &police.id, &police.organization_id];
        let mut ids: Vec<String> = ids.into_iter().cloned().collect();
        ids.extend([decision_id.clone(), decision.referral_id.clone()]);
        let known = Known { ids, last_position: position + 4, now_s: egide_servicekit::clock::now().0 / 1000 };
        let examples = examples(&case, &police, &decision_id, &decision.referral_id, position);
        let methods = methods(&world, &examples, &everybody(&police.id)).await;
        let strangers = strangers(&world);
        drop((police, case));
        Self { world, methods, known, strangers, seen: Mutex::default() }
    }

    async fn call(&self, method: &Method, metadata: &MetadataMap, body: Vec<u8>) -> Answer {
        let (path, body) = (method.path(), Bytes::from(body));
        if method.descriptor.is_server_streaming() {
            self.world.listen(method.role, &path, metadata, body, ANSWERED_WITHIN, LISTENING).await
        } else {
            self.world.call(method.role, &path, metadata, body, ANSWERED_WITHIN).await
        }
    }

    /// Sends one body to one method, by somebody who may.
    async fn send(&self, method: &Method, body: &[u8], dice: &mut Dice) -> Result<(), TestCaseError> {
        let mut who = dice.pick(&method.entitled).clone();
        // Looks are limited for each person; there are many of them.
        if let Some((account, _, _)) = &mut who.person {
            *account = format!("{account}.{}", dice.below(200));
        }
        let answer = self.call(method, &self.world.metadata(&who), body.to_vec()).await;
        self.check(method, &answer, &who, body)
    }

    /// Sends it as nobody who is known here.
    async fn send_as_stranger(&self, method: &Method, body: &[u8], dice: &mut Dice) -> Result<(), TestCaseError> {
        let answer = self.call(method, dice.pick(&self.strangers), body.to_vec()).await;
        prop_assert_eq!(answer.code, Code::Unauthenticated, "{} let a stranger in", method.path());
        prop_assert!(answer.messages.is_empty());
        Ok(())
    }

    fn check(&self, method: &Method, answer: &Answer, who: &Who, body: &[u8]) -> Result<(), TestCaseError> {
        let (path, code, message) = (method.path(), answer.code, &answer.message);
        prop_assert!(code == Code::Ok || !message.is_empty(), "{path} refuses with {code:?} and says nothing");
        prop_assert!(message.len() < 4096, "{path} refuses with {} bytes", message.len());
        prop_assert_eq!(watch::panics(), 0, "{} panicked", path);
        let mut seen = self.seen.lock().unwrap();
        if code == Code::Ok {
            *seen.accepted.entry(path).or_default() += 1;
        } else if NEVER.contains(&code) || !method.documented.contains(&(code as i32)) {
            let first = || format!("{message} (to {}, {} bytes: {})", who.service, body.len(), STANDARD.encode(body));
            seen.undocumented.entry(format!("{path}: {code:?}")).or_insert_with(first);
        }
        Ok(())
    }

    fn assert_documented(&self) {
        let seen = self.seen.lock().unwrap();
        assert!(seen.undocumented.is_empty(), "the contract does not name: {:#?}", seen.undocumented);
    }
}

/// Who may call what is not written down here a second time: whoever is not turned away may.
async fn methods(world: &World, examples: &BTreeMap<&str, Vec<DynamicMessage>>, everybody: &[Who]) -> Vec<Method> {
    let mut methods = Vec::new();
    for (descriptor, documented) in documented() {
        let role = role_of(descriptor.parent_service().full_name());
        let examples = examples.get(descriptor.name()).cloned().unwrap_or_default();
        let mut method = Method { descriptor, role, documented, entitled: Vec::new(), examples };
        for who in everybody {
            let metadata = world.metadata(who);
            let answer =
                world.call(role, &method.path(), &metadata, Bytes::from_static(&[0xff]), ANSWERED_WITHIN).await;
            match answer.code {
                // Not for this service, or not without a person.
                Code::PermissionDenied | Code::Unauthenticated => {}
                Code::InvalidArgument => method.entitled.push(who.clone()),
                other => panic!("{} answers {other:?} to what is no protobuf: {}", method.path(), answer.message),
            }
        }
        assert!(!method.entitled.is_empty(), "nobody may call {}", method.path());
        assert!(method.entitled.len() < everybody.len(), "anybody may call {}", method.path());
        methods.push(method);
    }
    methods
}

/// With a certificate: a service's token beside it, tokens that are none, and tokens of an issuer of one's own.
fn strangers(world: &World) -> Vec<MetadataMap> {
    let with = |service: Option<&str>, person: Option<&str>| {
        let mut metadata = MetadataMap::new();
        metadata.insert(CERTIFICATE_OF, "case-desk".parse().unwrap());
        if let Some(service) = service {
            metadata.insert(SERVICE_HEADER, service.parse().unwrap());
        }
        if let Some(person) = person {
            metadata.insert(PERSON_HEADER, person.parse().unwrap());
        }
        metadata
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let forged = DevIssuer::open(elsewhere.path()).unwrap();
    let issuer = DevIssuer::open(world.data()).unwrap();
    let service = issuer.service_token(&"disclosure".parse().unwrap()).unwrap();
    let forged_person = forged.person_token(&who::supervisor().person().unwrap()).unwrap();
    let person = world.person_token(&who::supervisor()).unwrap();
    vec![
        with(Some(""), None),
        with(Some("Basic cXVpbGw6ZmVhdGhlcg=="), None),
        with(Some("Bearer a.b.c"), None),
        with(Some(&format!("Bearer {service}")), None),
        with(Some(&format!("Bearer {service}")), Some(&person)),
        with(None, Some(forged_person.as_str())),
        with(None, Some("a.b.c")),
        with(None, Some("")),
        with(None, Some(&service)),
        with(None, Some(&person[..person.len() - 2])),
    ]
}

/// Requests that are right, by the method's name, for changes to begin with.
fn examples<'m>(
    case: &Case<'_>,
    police: &Unit<'_>,
    decision_id: &str,
    referral_id: &str,
    position: u64,
) -> BTreeMap<&'m str, Vec<DynamicMessage>> {
    let reason = AccessReason::WorkingTheCase.into();
    let (case_id, victim) = (case.id.clone(), case.victim.clone());
    let exception = events::exception(ExceptionKind::ImminentDanger, &victim, ExceptionGround::Violence);
    let consent = events::consent(&victim, &police.id, Purpose::Investigation, &[DataCategory::Situation]);
    let payloads = [
        events::situation(&victim),
        events::contact(&victim, "+1-555-0143"),
        events::tip(&fresh_id(), Channel::Email, &victim),
        events::narrative(&[&victim], "told in words"),
        egide_wire::proto::egide::case::v1::case_event::Payload::ConsentGiven(consent),
        egide_wire::proto::egide::case::v1::case_event::Payload::ExceptionAsserted(exception),
    ];
    let appends = payloads.into_iter().map(|payload| dynamic(&command(&case_id, vec![payload]))).collect();
    let fetch = FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
    let acknowledge = AcknowledgeReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
    let confirm = AcknowledgeRecallRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
    let approve = DecideApprovalRequest {
        command_id: fresh_id(),
        approval_id: decision_id.to_owned(),
        outcome: ApprovalOutcome::Granted.into(),
        reason: 0,
    };
    let preview = PreviewDisclosureRequest {
        case_id: case_id.clone(),
        unit_id: police.id.clone(),
        purpose: Purpose::Investigation.into(),
        categories: WITHOUT_APPROVAL.iter().copied().map(Into::into).collect(),
        reason,
        ..PreviewDisclosureRequest::default()
    };
    let deliver = DeliverReferralRequest {
        command_id: fresh_id(),
        referral_id: referral_id.to_owned(),
        channel: DeliveryChannel::Voice.into(),
        received_by: "desk 4".to_owned(),
        spoken: Vec::new(),
    };
    let pack = PackReferralRequest {
        command_id: fresh_id(),
        referral_id: referral_id.to_owned(),
        received_by: "courier 7".to_owned(),
    };
    let fetch_package = FetchPackageRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
    let look = AccessRecorded { scope: AccessScope::Replay.into(), reason, ..AccessRecorded::default() };
    let replay = OpenForReplayRequest { position: position + 1, look_command_id: fresh_id(), look: Some(look) };
    let reinstate = ReinstateRecipientRequest {
        command_id: fresh_id(),
        reinstatement: Some(RecipientReinstated {
            organization_id: police.organization_id.clone(),
            unit_id: String::new(),
        }),
    };
    let read = ReadCaseRequest { case_id: case_id.clone(), open: true, reason, ..ReadCaseRequest::default() };
    let decisions = ListDecisionsRequest { case_id: case_id.clone(), reason, ..ListDecisionsRequest::default() };
    let filter = Some(DisclosureFilter { case_id: case_id.clone(), ..DisclosureFilter::default() });
    let steps = ListCaseStepsRequest { case_id: case_id.clone(), reason, ..ListCaseStepsRequest::default() };
    let export = ExportDisclosuresRequest {
        filter: filter.clone(),
        format: ExportFormat::Csv.into(),
        reason,
        ..ExportDisclosuresRequest::default()
    };
    let disclosures = ListDisclosuresRequest { filter, reason, ..ListDisclosuresRequest::default() };
    let account = AccountForPersonRequest {
        case_id: case_id.clone(),
        subject_id: victim.clone(),
        reason,
        ..AccountForPersonRequest::default()
    };
    let review_id = fresh_id();
    let review = OpenForReviewRequest { case_id: case_id.clone(), review_id: review_id.clone(), reason };
    let edits = Some(ReviewEdits { mask: vec![TextPlace { start: 0, end: 3 }], put_back: Vec::new() });
    let show =
        ShowNarrativeRequest { case_id: case_id.clone(), review_id: review_id.clone(), edits: edits.clone(), reason };
    let attest = AttestNarrativeRequest {
        command_id: fresh_id(),
        case_id: case_id.clone(),
        review_id,
        edits,
        text_sha256: vec![7; 32],
        case_revision: 1,
        could_tell_who_said_it: Said::No.into(),
        reason,
    };
    BTreeMap::from([
        ("Append", appends),
        ("ReadCase", vec![dynamic(&read)]),
        ("WatchCase", vec![dynamic(&WatchCaseRequest { case_id, from_revision: 1 })]),
        ("OpenForPermit", vec![dynamic(&OpenForPermitRequest { position })]),
        ("OpenForReplay", vec![dynamic(&replay)]),
        ("OpenForReview", vec![dynamic(&review)]),
        ("ShowNarrative", vec![dynamic(&show)]),
        ("AttestNarrative", vec![dynamic(&attest)]),
        ("OpenForDelivery", vec![dynamic(&OpenForDeliveryRequest { position: position + 2 })]),
        ("RequestDisclosure", vec![dynamic(&case.asking(police, &WITHOUT_APPROVAL))]),
        ("DeliverReferral", vec![dynamic(&deliver)]),
        ("PackReferral", vec![dynamic(&pack)]),
        ("FetchPackage", vec![dynamic(&fetch_package)]),
        ("GetDecision", vec![dynamic(&GetDecisionRequest { decision_id: decision_id.to_owned(), reason })]),
        ("ListDecisions", vec![dynamic(&decisions)]),
        ("PreviewDisclosure", vec![dynamic(&preview)]),
        ("ExplainDecision", vec![dynamic(&ExplainDecisionRequest { decision_id: decision_id.to_owned(), reason })]),
        ("DecideApproval", vec![dynamic(&approve)]),
        ("ListApprovals", vec![dynamic(&ListApprovalsRequest { reason, ..ListApprovalsRequest::default() })]),
        ("ReplayDecision", vec![dynamic(&ReplayDecisionRequest { decision_id: decision_id.to_owned(), reason })]),
        ("ReplayHistory", vec![dynamic(&ReplayHistoryRequest { reason })]),
        ("FetchReferral", vec![dynamic(&fetch)]),
        ("AcknowledgeRecall", vec![dynamic(&confirm)]),
        ("AcknowledgeReferral", vec![dynamic(&acknowledge)]),
        ("ListDisclosures", vec![dynamic(&disclosures)]),
        (
            "GetDisclosure",
            vec![dynamic(&GetDisclosureRequest {
                disclosure_id: decision_id.to_owned(),
                reason,
                ..GetDisclosureRequest::default()
            })],
        ),
        ("AccountForPerson", vec![dynamic(&account)]),
        ("ListCaseSteps", vec![dynamic(&steps)]),
        ("ListLooks", vec![dynamic(&ListLooksRequest { reason, ..ListLooksRequest::default() })]),
        ("ListAnomalies", vec![dynamic(&ListAnomaliesRequest { reason, until: None })]),
        ("ExportDisclosures", vec![dynamic(&export)]),
        ("ReinstateRecipient", vec![dynamic(&reinstate)]),
        ("GetOrganization", vec![dynamic(&GetOrganizationRequest { organization_id: police.organization_id.clone() })]),
    ])
}

fn dynamic<M: prost::Message + prost::Name>(message: &M) -> DynamicMessage {
    to_dynamic(message).unwrap()
}

/// As many cases as the environment asks for, within a bound.
fn runner() -> TestRunner {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { CASES };
    let config =
        Config { cases: cases.min(CASES_MAX), failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    TestRunner::new(config)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Every role still does its work.
async fn assert_healthy(world: &World) {
    let police = world.police().register().await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, &[DataCategory::Situation]).await;
    let referral = case.release(&police, &[DataCategory::Situation]).await;
    police.fetch(&referral).await.expect("a referral is delivered");
    let request = ListDisclosuresRequest {
        filter: Some(DisclosureFilter { case_id: case.id.clone(), ..DisclosureFilter::default() }),
        reason: AccessReason::Audit.into(),
        ..ListDisclosuresRequest::default()
    };
    let auditor = who::staff("console", "somebody.else", &["compliance"]);
    let history = world.audit(&auditor).list_disclosures(request).await.expect("the history answers").into_inner();
    assert_eq!(history.disclosures.len(), 1);
    assert_eq!(watch::panics(), 0);
    assert!(!watch::metrics_page().lines().any(|line| line.starts_with("egide_panics_total")), "somebody panicked");
}

#[test]
fn random_bytes_to_every_method_get_a_clear_status() {
    let runtime = runtime();
    let target = runtime.block_on(Target::start());
    let bodies = (prop::collection::vec(any::<u8>(), 0..600), any::<u64>());
    let outcome = runner().run(&bodies, |(body, seed)| {
        let mut dice = Dice::new(seed);
        runtime.block_on(async {
            for method in &target.methods {
                target.send(method, &body, &mut dice).await?;
                target.send_as_stranger(method, &body, &mut dice).await?;
            }
            Ok(())
        })
    });
    target.assert_documented();
    assert!(outcome.is_ok(), "{outcome:?}");
    runtime.block_on(assert_healthy(&target.world));
}

/// From nothing, or from something that is right.
fn message(method: &Method, generator: &mut Generator<'_>) -> DynamicMessage {
    if method.examples.is_empty() || generator.dice.percent(50) {
        return generator.message(&method.descriptor.input());
    }
    let mut message = generator.dice.pick(&method.examples).clone();
    generator.change(&mut message);
    message
}

/// With one byte changed.
fn damaged(mut body: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    if !body.is_empty() {
        let place = dice.below(body.len());
        body[place] = body[place].wrapping_add(1);
    }
    body
}

#[test]
fn random_messages_that_look_valid_to_every_method_get_a_clear_status() {
    let runtime = runtime();
    let target = runtime.block_on(Target::start());
    let outcome = runner().run(&any::<u64>(), |seed| {
        let mut generator = Generator { dice: Dice::new(seed), known: &target.known };
        runtime.block_on(async {
            for method in &target.methods {
                for _ in 0..MESSAGES {
                    let body = message(method, &mut generator).encode_to_vec();
                    target.send(method, &body, &mut generator.dice).await?;
                }
                let body = damaged(message(method, &mut generator).encode_to_vec(), &mut generator.dice);
                target.send(method, &body, &mut generator.dice).await?;
                target.send_as_stranger(method, &body, &mut generator.dice).await?;
            }
            Ok(())
        })
    });
    target.assert_documented();
    assert!(outcome.is_ok(), "{outcome:?}");
    let accepting = target.seen.lock().unwrap().accepted.clone();
    assert!(accepting.len() >= METHODS_ACCEPTING, "only these did anything: {accepting:?}");
    runtime.block_on(assert_healthy(&target.world));
}

#[test]
fn the_contract_documents_a_status_for_every_method() {
    let all = documented();
    assert_eq!(all.len(), 74, "a method was added or taken away: is it reached?");
    for (method, codes) in all {
        assert!(codes.len() > EVERYWHERE.len(), "the comment of {} names no status", method.full_name());
        for never in NEVER {
            assert!(!codes.contains(&(never as i32)), "{} documents {never:?}", method.full_name());
        }
    }
}

// ---- what random requests found, kept as plain tests ----------------------------------------------------------------

#[tokio::test]
async fn a_decision_that_is_not_there_is_not_found() {
    let world = World::start().await;
    let request = GetDecisionRequest { decision_id: fresh_id(), reason: AccessReason::WorkingTheCase.into() };
    let answer = world.disclosure(&who::supervisor()).get_decision(request).await;
    assert_eq!(answer.map(drop).unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_organisation_cannot_take_the_id_of_a_case_and_is_told_so_at_once() {
    let world = World::start().await;
    let case = world.case().victim().open().await;
    let organization = OrganizationRegistered {
        organization_id: case.id.clone(),
        name_en: "Coast City Services".to_owned(),
        kind: RecipientKind::SupportService.into(),
        ..OrganizationRegistered::default()
    };
    let request = RegisterOrganizationRequest { command_id: fresh_id(), organization: Some(organization) };
    let mut directory = world.directory(&who::specialist());
    let answer = tokio::time::timeout(Duration::from_secs(10), directory.register_organization(request)).await;
    assert_eq!(answer.expect("an answer at once").map(drop).unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn nobody_is_told_about_the_record_itself() {
    let world = World::start().await;
    let police = world.police().register().await;
    let case = world.case().victim().triaged().open().await;
    case.consent(&police, &[DataCategory::Situation]).await;
    let referral_id = case.release(&police, &[DataCategory::Situation]).await;
    let request = DeliverReferralRequest {
        command_id: fresh_id(),
        referral_id,
        channel: DeliveryChannel::Voice.into(),
        received_by: "desk 4".to_owned(),
        spoken: vec![DataCategory::RecordKeeping.into()],
    };
    let answer = world.disclosure(&who::supervisor()).deliver_referral(request).await;
    assert_eq!(answer.map(drop).unwrap_err().code(), Code::InvalidArgument);
}
