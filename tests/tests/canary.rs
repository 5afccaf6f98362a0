//! Every identifying text of a run is a random marker. Afterwards no marker stands in any byte of the NATS store, the
//! projections, the logs, the metrics, or any answer, but those of the ledger to entitled staff and of the disclosure
//! service to the entitled recipient, where only what was consented to stands.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "canary/calls.rs"]
mod calls;
#[path = "canary/refusals.rs"]
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use egide_testkit::{PATIENCE, fresh_id, wait_until};
use egide_tests::case::{Unit, command};
use egide_tests::log::{Entry, Facts};
use egide_tests::marking::{Marker, Markers, identifies, identifying_text_fields};
use egide_tests::notices::{NoticeKey, Receiver};
use egide_tests::raw::{Answer, Listening};
use egide_tests::who::{self, Who};
use egide_tests::{Role, World, events, watch};
use egide_wire::classification::{DataCategory, SealUnder, events as kinds};
use egide_wire::descriptors::to_dynamic;
use egide_wire::proto::egide::audit::v1::{
    AccessEvent, AccessReason, AccountForPersonRequest, DisclosureFilter, ExportDisclosuresRequest, ExportFormat,
    GetDisclosureRequest, ListCaseStepsRequest, ListDisclosuresRequest, ListLooksRequest,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    AgeAssessed, AgeBand, AgeMethod, Answer as WireAnswer, CaseClosed, CaseClosure, CaseEvent, CaseOpened,
    CaseReopened, Channel, ConsentGiven, DeliveryChannel, DisclosedOutsideSystem, ExceptionAsserted, ExceptionGround,
    ExceptionKind, ExceptionLifted, HoldGround, Instrument, InstrumentKind, Jurisdiction, LegalHoldPlaced, LiftReason,
    NarrativeRecorded, NarrativeReviewRequested, ObligationNoted, ObligationState, Outcome, PersonRole, Purpose,
    RecallReason, RecipientKind, ReferralRecalled, ReviewOutcome, TriageLevel, WishesRecorded, YoungWish,
};
use egide_wire::proto::egide::directory::v1::{DirectoryEvent, GetOrganizationRequest, ListOrganizationsRequest};
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeReferralRequest, AttestNarrativeRequest, DeliverReferralRequest, DeliverReferralResponse,
    ExplainDecisionRequest, FetchReferralRequest, FetchReferralResponse, GetDecisionRequest, ListApprovalsRequest,
    ListDecisionsRequest, ListReferralsRequest, PreviewDisclosureRequest, Referral, ReplayDecisionRequest,
    ReplayDecisionResponse, ReplayHistoryRequest, ReplayOutcome, ReportOutcome, RequestDisclosureRequest,
    RequestDisclosureResponse, ShowNarrativeRequest, ShowNarrativeResponse, WatchReferralsRequest,
};
use egide_wire::proto::egide::house::v1::HouseEvent;
use egide_wire::proto::egide::ledger::v1::{ReadCaseRequest, WatchCaseRequest};
use egide_wire::proto::egide::triage::v1::{ListObligationsRequest, ListReviewsRequest};
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, Value};
use tonic::Code;
use tonic::metadata::MetadataMap;

const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// Made by the services themselves; no emitter can put a marker there.
const MADE_BY_SERVICES: [&str; 7] = [
    "egide.case.v1.NarrativeAttested.text",
    "egide.case.v1.NarrativeAttested.text_salt",
    "egide.case.v1.NumberAssigned.number",
    "egide.case.v1.PhraseChosen.stretched",
    "egide.case.v1.ReferralReleased.report",
    "egide.case.v1.ReferralReleased.signature",
    "egide.case.v1.ReferralReleased.commitment_salt",
];

const LEDGER: &str = "egide.ledger.v1.LedgerService";
const CALLERS: &str = "egide.ledger.v1.CallerService";
const DISCLOSURE: &str = "egide.disclosure.v1.DisclosureService";
const REFERRALS: &str = "egide.disclosure.v1.ReferralService";
const AUDIT: &str = "egide.audit.v1.AuditService";
const HISTORY: &str = "egide.audit.v1.HistoryService";
const DIRECTORY: &str = "egide.directory.v1.DirectoryService";
const TRIAGE: &str = "egide.triage.v1.TriageService";

/// Which markers an answer may hold.
#[derive(Clone, PartialEq, Eq)]
enum May {
    Nothing,
    /// Entitled staff opened the case.
    Everything,
    /// A reviewer is shown what was told, and nothing else of the case.
    Told,
    /// The entitled recipient, or staff who tell it, got a referral to this unit (its UUID).
    Referral(String),
}

/// One answer, kept.
struct Heard {
    method: String,
    may: May,
    bytes: Vec<u8>,
}

/// What was consented to for one unit, as a rule over markers.
struct Permitted {
    unit: String,
    person: String,
    categories: BTreeSet<i32>,
    suspect: String,
}

impl Permitted {
    /// The person's own data in these categories; everything about a suspect counts as one category.
    fn covers(&self, marker: &Marker) -> bool {
        let about = |person: &String| marker.subject_id.as_ref() == Some(person);
        let own = about(&self.person) && self.categories.contains(&(marker.category as i32));
        let suspect = about(&self.suspect) && self.categories.contains(&DataCategory::Suspects.into());
        !marker.match_only && (own || suspect)
    }
}

struct Run {
    world: World,
    markers: Mutex<Markers>,
    heard: Mutex<Vec<Heard>>,
    case: String,
    victim: String,
    suspect: String,
    friend: String,
    tip: String,
}

fn bytes_of<M: Message>(request: &M) -> Bytes {
    request.encode_to_vec().into()
}

fn read<M: Message + Default>(answer: &Answer) -> M {
    assert_eq!(answer.code, Code::Ok, "{}", answer.message);
    M::decode(answer.messages.first().expect("a message").clone()).expect("the message decodes")
}

impl Run {
    async fn start() -> Self {
        let [case, victim, suspect, friend, tip] = [(); 5].map(|()| fresh_id());
        let world = World::start().await;
        let (markers, heard) = (Mutex::default(), Mutex::default());
        Self { world, markers, heard, case, victim, suspect, friend, tip }
    }

    fn role(service: &str) -> Role {
        match service {
            LEDGER | CALLERS => Role::Ledger,
            DISCLOSURE | REFERRALS => Role::Disclosure,
            AUDIT | HISTORY => Role::Audit,
            TRIAGE => Role::Triage,
            _ => Role::Directory,
        }
    }

    /// Calls a method and keeps every byte of the answer.
    async fn call(&self, service: &str, method: &str, headers: &MetadataMap, body: Bytes, may: May) -> Answer {
        let path = format!("/{service}/{method}");
        let role = Self::role(service);
        // A stream goes on without end: so many messages stand there already.
        let at_most = ANSWERED_WITHIN;
        let answer = match method {
            "WatchCase" | "WatchReferrals" | "ExportDisclosures" => {
                let messages = match method {
                    "WatchCase" => 26,
                    "ExportDisclosures" => 2,
                    _ => 1,
                };
                let listening = Listening { messages, at_most };
                self.world.listen(role, &path, headers, body, ANSWERED_WITHIN, listening).await
            }
            _ => self.world.call(role, &path, headers, body, ANSWERED_WITHIN).await,
        };
        assert!(!matches!(answer.code, Code::Internal | Code::Unknown | Code::Cancelled), "{path}: {}", answer.message);
        self.heard.lock().unwrap().push(Heard { method: method.to_owned(), may, bytes: answer.bytes.clone() });
        answer
    }

    async fn ask<M: Message + Name>(&self, service: &str, method: &str, who: &Who, request: &M) -> Answer {
        self.call(service, method, &self.world.metadata(who), bytes_of(request), May::Nothing).await
    }

    fn mark(&self, payload: Payload) -> Payload {
        let marked = self.markers.lock().unwrap().mark(&CaseEvent { payload: Some(payload) });
        marked.payload.expect("the payload it had")
    }

    fn stray(&self, name: &str) -> String {
        self.markers.lock().unwrap().stray(name)
    }

    /// Appends these events, every identifying text in them a marker.
    async fn append(&self, who: &Who, payloads: Vec<Payload>) -> Answer {
        let marked = payloads.into_iter().map(|payload| self.mark(payload)).collect();
        let answer = self.ask(LEDGER, "Append", who, &command(&self.case, marked)).await;
        assert_eq!(answer.code, Code::Ok, "{}", answer.message);
        answer
    }

    async fn open_the_case(&self) {
        let opened = CaseOpened {
            channel: Channel::Phone.into(),
            language: 1,
            interpreter_present: true,
            jurisdiction: Jurisdiction::Bc.into(),
            ..CaseOpened::default()
        };
        let (victim, suspect, friend) = (&self.victim, &self.suspect, &self.friend);
        // A number is no marker; that it is sealed all the same is seen in the log.
        let age = AgeAssessed {
            subject_id: victim.clone(),
            band: AgeBand::From19.into(),
            method: AgeMethod::SelfReported.into(),
            age_years: 27,
        };
        let people = [
            Payload::CaseOpened(opened),
            events::person(victim, &[PersonRole::PotentialVictim, PersonRole::Caller], "", ""),
            events::person(suspect, &[PersonRole::Suspect], "", ""),
            events::person(friend, &[PersonRole::ThirdParty], "", ""),
            events::tip(&self.tip, Channel::Phone, victim),
            Payload::AgeAssessed(age),
        ];
        self.append(&who::responder(), people.into()).await;
        let told = [
            events::contact(victim, ""),
            events::whereabouts(victim, Jurisdiction::Bc, ""),
            events::situation(victim),
            events::immigration(victim),
            events::health(victim, ""),
            events::finances(victim, ""),
            events::suspect(suspect, ""),
            events::narrative(&[victim, suspect], ""),
            events::triage(TriageLevel::NotUrgent),
        ];
        self.append(&who::responder(), told.into()).await;
        let review = events::review(&self.tip, ReviewOutcome::Report);
        self.append(&who::supervisor(), vec![review]).await;
    }

    /// What was told is reviewed for a unit and attested: what the reviewer sees is the reviewer's alone.
    async fn review_a_narrative(&self, unit: &Unit<'_>) {
        let (narrative_id, review_id) = (fresh_id(), fresh_id());
        let told = NarrativeRecorded {
            narrative_id: narrative_id.clone(),
            subject_ids: vec![self.victim.clone()],
            ..NarrativeRecorded::default()
        };
        let requested =
            NarrativeReviewRequested { review_id: review_id.clone(), narrative_id, unit_id: unit.id.clone() };
        let payloads = vec![Payload::NarrativeRecorded(told), Payload::NarrativeReviewRequested(requested)];
        self.append(&who::responder(), payloads).await;
        let reviewer = who::staff("case-desk", "v.chan", &["reviewer"]);
        let reason = AccessReason::ShiftQueue.into();
        let look =
            ShowNarrativeRequest { case_id: self.case.clone(), review_id: review_id.clone(), edits: None, reason };
        let headers = self.world.metadata(&reviewer);
        let answer = self.call(DISCLOSURE, "ShowNarrative", &headers, bytes_of(&look), May::Told).await;
        let shown: ShowNarrativeResponse = read(&answer);
        let attest = AttestNarrativeRequest {
            command_id: fresh_id(),
            case_id: self.case.clone(),
            review_id,
            edits: None,
            text_sha256: shown.text_sha256,
            case_revision: shown.case_revision,
            could_tell_who_said_it: WireAnswer::No.into(),
            reason,
        };
        let attested = self.ask(DISCLOSURE, "AttestNarrative", &reviewer, &attest).await;
        assert_eq!(attested.code, Code::Ok, "{}", attested.message);
        assert!(!shown.text.is_empty() && shown.text != shown.narrative, "the marker is a name nobody knows");
    }

    async fn consent(&self, unit: &Unit<'_>, permitted: &[DataCategory]) -> (String, Permitted) {
        let consent = events::consent(&self.victim, &unit.id, unit.purpose, permitted);
        let consent = ConsentGiven { interpreter_present: true, ..consent };
        let id = consent.consent_id.clone();
        self.append(&who::responder(), vec![Payload::ConsentGiven(consent)]).await;
        let permitted = Permitted {
            unit: unit.id.clone(),
            person: self.victim.clone(),
            categories: permitted.iter().map(|category| i32::from(*category)).collect(),
            suspect: self.suspect.clone(),
        };
        (id, permitted)
    }

    async fn assert_exceptions(&self, police: &Unit<'_>) {
        let danger = events::exception(ExceptionKind::ImminentDanger, &self.victim, ExceptionGround::Violence);
        let id = danger.exception_id.clone();
        self.append(&who::supervisor(), vec![Payload::ExceptionAsserted(danger)]).await;
        self.append(&who::other_supervisor(), vec![events::confirmation(&id)]).await;
        let wishes = WishesRecorded {
            subject_id: self.victim.clone(),
            exception_id: id.clone(),
            wish: YoungWish::NoReport.into(),
            followed: WireAnswer::No.into(),
            ..WishesRecorded::default()
        };
        self.append(&who::supervisor(), vec![Payload::WishesRecorded(wishes)]).await;
        let lifted = ExceptionLifted { exception_id: id, reason: LiftReason::DangerPassed.into() };
        self.append(&who::supervisor(), vec![Payload::ExceptionLifted(lifted)]).await;
        let instrument = Instrument {
            kind: InstrumentKind::ProductionOrder.into(),
            issuer: "Superior Court at Rivermouth".to_owned(),
            issued_on: "2026-11-02".to_owned(),
            return_at: Some(prost_types::Timestamp { seconds: 2_000_000_000, nanos: 0 }),
            scope: vec![DataCategory::Situation.into()],
            unit_id: police.id.clone(),
            document_digest: vec![7; 32],
            ..Instrument::default()
        };
        let order = ExceptionAsserted {
            instrument: Some(instrument),
            ..events::exception(ExceptionKind::LegalRequirement, &self.victim, ExceptionGround::Instrument)
        };
        self.append(&who::supervisor(), vec![Payload::ExceptionAsserted(order)]).await;
    }

    async fn request(&self, unit: &Unit<'_>, categories: &[DataCategory]) -> RequestDisclosureResponse {
        let request = RequestDisclosureRequest {
            command_id: fresh_id(),
            case_id: self.case.clone(),
            unit_id: unit.id.clone(),
            purpose: unit.purpose.into(),
            categories: categories.iter().copied().map(Into::into).collect(),
            ..RequestDisclosureRequest::default()
        };
        read(&self.ask(DISCLOSURE, "RequestDisclosure", &who::supervisor(), &request).await)
    }

    /// The recipient's own part: list, watch, fetch, acknowledge.
    async fn receive(&self, unit: &Unit<'_>, referral_id: &str) -> Referral {
        let (liaison, referral_id) = (unit.liaison(), referral_id.to_owned());
        self.ask(REFERRALS, "ListReferrals", &liaison, &ListReferralsRequest::default()).await;
        self.ask(REFERRALS, "WatchReferrals", &liaison, &WatchReferralsRequest {}).await;
        let fetch = FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.clone() };
        let headers = self.world.metadata(&liaison);
        let may = May::Referral(unit.id.clone());
        let answer = self.call(REFERRALS, "FetchReferral", &headers, bytes_of(&fetch), may).await;
        let acknowledge = AcknowledgeReferralRequest { command_id: fresh_id(), referral_id };
        self.ask(REFERRALS, "AcknowledgeReferral", &liaison, &acknowledge).await;
        read::<FetchReferralResponse>(&answer).referral.expect("the referral")
    }

    /// Staff who tell a referral by voice.
    async fn tell(&self, unit: &Unit<'_>, referral_id: &str) -> String {
        let deliver = DeliverReferralRequest {
            command_id: fresh_id(),
            referral_id: referral_id.to_owned(),
            channel: DeliveryChannel::Voice.into(),
            received_by: "desk 4".to_owned(),
            spoken: Vec::new(),
        };
        let headers = self.world.metadata(&who::supervisor());
        let may = May::Referral(unit.id.clone());
        let answer = self.call(DISCLOSURE, "DeliverReferral", &headers, bytes_of(&deliver), may).await;
        read::<DeliverReferralResponse>(&answer).script
    }

    /// Why it was decided so, what would be decided now, what waits, and whether it comes out the same.
    async fn look_closer(&self, decision_id: &str) {
        let reason = AccessReason::WorkingTheCase.into();
        let explain = ExplainDecisionRequest { decision_id: decision_id.to_owned(), reason };
        let explained = self.ask(DISCLOSURE, "ExplainDecision", &who::supervisor(), &explain).await;
        assert!(explained.bytes.len() > 500, "{}", explained.message);
        let preview = PreviewDisclosureRequest {
            case_id: self.case.clone(),
            unit_id: fresh_id(),
            purpose: Purpose::Investigation.into(),
            categories: vec![DataCategory::Whereabouts.into()],
            reason,
            ..PreviewDisclosureRequest::default()
        };
        let previewed = self.ask(DISCLOSURE, "PreviewDisclosure", &who::supervisor(), &preview).await;
        assert!(previewed.bytes.len() > 500, "{}", previewed.message);
        let list = ListApprovalsRequest { reason, ..ListApprovalsRequest::default() };
        self.ask(DISCLOSURE, "ListApprovals", &who::supervisor(), &list).await;
        let replay = ReplayDecisionRequest { decision_id: decision_id.to_owned(), reason };
        let replayed: ReplayDecisionResponse =
            read(&self.ask(DISCLOSURE, "ReplayDecision", &who::compliance(), &replay).await);
        let replayed = replayed.replay.unwrap();
        assert!(replayed.outcome() == ReplayOutcome::Same && replayed.report() == ReportOutcome::Same);
        self.ask(DISCLOSURE, "ReplayHistory", &who::compliance(), &ReplayHistoryRequest { reason }).await;
    }

    /// Everything that can be looked at afterwards, by those who may.
    async fn look(&self, decision_id: &str, organization_id: &str) {
        let reason = AccessReason::WorkingTheCase.into();
        let (case_id, decision_id) = (self.case.clone(), decision_id.to_owned());
        let read_case =
            ReadCaseRequest { case_id: case_id.clone(), page_size: 500, reason, ..ReadCaseRequest::default() };
        let sealed = self.ask(LEDGER, "ReadCase", &who::supervisor(), &read_case).await;
        assert_eq!(sealed.code, Code::Ok);
        let watch = WatchCaseRequest { case_id: case_id.clone(), from_revision: 1 };
        let watched = self.ask(LEDGER, "WatchCase", &who::service("case-desk"), &watch).await;
        assert_eq!(watched.messages.len(), 26, "{}", watched.message);
        let open = ReadCaseRequest { open: true, ..read_case };
        let headers = self.world.metadata(&who::supervisor());
        let opened = self.call(LEDGER, "ReadCase", &headers, bytes_of(&open), May::Everything).await;
        assert_eq!(opened.code, Code::Ok);

        let get = GetDecisionRequest { decision_id: decision_id.clone(), reason };
        self.ask(DISCLOSURE, "GetDecision", &who::supervisor(), &get).await;
        let list = ListDecisionsRequest { case_id: case_id.clone(), reason, ..ListDecisionsRequest::default() };
        self.ask(DISCLOSURE, "ListDecisions", &who::supervisor(), &list).await;
        self.look_closer(&decision_id).await;
        let filter = DisclosureFilter { case_id: case_id.clone(), ..DisclosureFilter::default() };
        let list = ListDisclosuresRequest { filter: Some(filter), reason, ..ListDisclosuresRequest::default() };
        let history = self.ask(AUDIT, "ListDisclosures", &who::compliance(), &list).await;
        assert!(history.bytes.len() > 500, "the history is not empty");
        let get = GetDisclosureRequest { disclosure_id: decision_id, reason, ..GetDisclosureRequest::default() };
        self.ask(AUDIT, "GetDisclosure", &who::compliance(), &get).await;
        let steps = ListCaseStepsRequest { case_id: case_id.clone(), reason, ..ListCaseStepsRequest::default() };
        let steps = self.ask(HISTORY, "ListCaseSteps", &who::compliance(), &steps).await;
        assert!(steps.bytes.len() > 500, "the case has steps");
        let looks = ListLooksRequest { reason, ..ListLooksRequest::default() };
        let looks = self.ask(HISTORY, "ListLooks", &who::compliance(), &looks).await;
        assert!(looks.bytes.len() > 200, "somebody looked");
        let format = ExportFormat::Jsonl.into();
        let export = ExportDisclosuresRequest { format, reason, ..ExportDisclosuresRequest::default() };
        let export = self.ask(HISTORY, "ExportDisclosures", &who::compliance(), &export).await;
        assert!(export.bytes.len() > 500, "something is exported: {}", export.message);
        let subject_id = self.victim.clone();
        let account = AccountForPersonRequest { case_id, subject_id, reason, ..AccountForPersonRequest::default() };
        let account = self.ask(AUDIT, "AccountForPerson", &who::compliance(), &account).await;
        assert!(account.bytes.len() > 500, "the account is not empty");
        let owed = ListObligationsRequest { case_id: self.case.clone(), reason, ..ListObligationsRequest::default() };
        let owed = self.ask(TRIAGE, "ListObligations", &who::supervisor(), &owed).await;
        assert!(owed.bytes.len() > 50, "something is owed: {}", owed.message);
        let waiting = ListReviewsRequest { reason, ..ListReviewsRequest::default() };
        let waiting = self.ask(TRIAGE, "ListReviews", &who::supervisor(), &waiting).await;
        assert_eq!(waiting.code, Code::Ok, "{}", waiting.message);
        let get = GetOrganizationRequest { organization_id: organization_id.to_owned() };
        self.ask(DIRECTORY, "GetOrganization", &who::compliance(), &get).await;
        self.ask(DIRECTORY, "ListOrganizations", &who::compliance(), &ListOrganizationsRequest::default()).await;
    }

    /// The rest of a case's life.
    async fn wind_up(&self, unit: &Unit<'_>, referral_id: &str, consent_id: &str) {
        let withdrawal = events::withdrawal(&self.victim, consent_id);
        let refusal = events::refusal(&self.victim, &unit.id, &[DataCategory::Health]);
        let outside = DisclosedOutsideSystem {
            disclosure_id: fresh_id(),
            unit_id: unit.id.clone(),
            subject_ids: vec![self.victim.clone()],
            categories: vec![DataCategory::Situation.into()],
            channel: DeliveryChannel::Voice.into(),
            ..DisclosedOutsideSystem::default()
        };
        let recalled =
            ReferralRecalled { referral_id: referral_id.to_owned(), reason: RecallReason::ConsentWithdrawn.into() };
        let payloads = vec![
            Payload::ConsentWithdrawn(withdrawal),
            Payload::ConsentRefused(refusal),
            Payload::DisclosedOutsideSystem(outside),
            Payload::ReferralRecalled(recalled),
            Payload::CaseClosed(CaseClosed { closure: CaseClosure::Closed.into() }),
            Payload::CaseReopened(CaseReopened {}),
        ];
        self.append(&who::responder(), payloads).await;
        let ground = HoldGround::Preservation.into();
        let hold = LegalHoldPlaced { hold_id: fresh_id(), ground, ..LegalHoldPlaced::default() };
        self.append(&who::supervisor(), vec![Payload::LegalHoldPlaced(hold)]).await;
    }
}

// ---- what must hold -------------------------------------------------------------------------------------------------

impl Run {
    /// The answers hold what they may, and those that may hold something do.
    fn check_answers(&self, permitted: &[Permitted]) {
        let markers = self.markers.lock().unwrap();
        let (needles, heard) = (markers.needles(), self.heard.lock().unwrap());
        let by_name: BTreeMap<&str, &Marker> =
            markers.all().iter().map(|marker| (marker.name.as_str(), marker)).collect();
        for answer in heard.iter() {
            let found = needles.names(&answer.bytes);
            match &answer.may {
                May::Nothing => assert!(found.is_empty(), "{} answers {found:?}", answer.method),
                May::Everything => {
                    let shown: BTreeSet<&str> =
                        found.iter().map(|name| by_name[name.as_str()].field.as_str()).collect();
                    let missing: Vec<_> =
                        all_markable().into_iter().filter(|field| !shown.contains(field.as_str())).collect();
                    assert!(missing.is_empty(), "entitled staff do not see {missing:?}: were they recorded at all?");
                }
                May::Told => {
                    let field = |name: &String| by_name[name.as_str()].field.as_str();
                    let fields: BTreeSet<&str> = found.iter().map(field).collect();
                    assert_eq!(fields, BTreeSet::from(["egide.case.v1.NarrativeRecorded.text"]), "{}", answer.method);
                }
                May::Referral(unit) => {
                    let rule = permitted.iter().find(|permitted| permitted.unit == *unit).expect("a rule");
                    let made_here = |name: &&String| name.starts_with("report of");
                    let beyond: Vec<_> =
                        found.iter().filter(|name| !made_here(name) && !rule.covers(by_name[name.as_str()])).collect();
                    assert!(beyond.is_empty(), "{} carries off {beyond:?}", answer.method);
                    let categories: BTreeSet<i32> = found
                        .iter()
                        .filter(|name| !made_here(name))
                        .map(|name| by_name[name.as_str()].category as i32)
                        .collect();
                    assert!(!categories.is_empty(), "{} holds nothing that was consented to", answer.method);
                }
            }
        }
    }

    /// What left to tell units that something waits holds no marker, and nothing that it is about.
    fn check_notices(&self, receiver: &Receiver, key: &NoticeKey, ids: &[&String]) {
        let calls = receiver.bytes();
        assert_eq!(receiver.calls(key).len(), calls.len(), "each is a notice");
        for bytes in calls {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for id in ids {
                let bare = id.replace('-', "");
                assert!(!text.contains(id.as_str()) && !text.contains(&bare), "{text}");
            }
            self.heard.lock().unwrap().push(Heard { method: "a notice".to_owned(), may: May::Nothing, bytes });
        }
        let path = receiver.url().rsplit_once('/').unwrap().1;
        assert!(!self.world.log_lines().contains(path), "log lines name no address");
    }

    /// No identifying field stands among the facts, and every kind that can be sealed was.
    fn check_log(&self, log: &[Entry]) {
        let mut sealed = BTreeSet::new();
        for entry in log {
            let facts = match &entry.facts {
                Facts::Case(payload) => to_dynamic(&CaseEvent { payload: Some(payload.clone()) }),
                Facts::Directory(payload) => to_dynamic(&DirectoryEvent { payload: Some(payload.clone()) }),
                Facts::Access(payload) => to_dynamic(&AccessEvent { payload: Some(payload.clone()) }),
                Facts::House(payload) => to_dynamic(&HouseEvent { payload: Some(payload.clone()) }),
            };
            assert_no_identifying_field(&facts.unwrap());
            if !entry.event.sealed.is_empty() {
                sealed.insert(entry.kind().to_owned());
            }
        }
        let sealable = kinds().filter(|(_, class)| class.seal_under() != SealUnder::Unspecified);
        let sealable: BTreeSet<String> = sealable.map(|(_, class)| class.kind.clone()).collect();
        assert_eq!(sealed, sealable, "every kind that identifies is part of this run");
    }

    /// A report is sealed as it was delivered: nothing that only it holds stands elsewhere.
    fn keep_report(&self, name: &str, referral: &Referral) {
        let report: serde_json::Value = serde_json::from_slice(&referral.report).expect("a report is JSON");
        let salt = report["salt"].as_str().expect("a report has a salt").as_bytes().to_vec();
        let mut markers = self.markers.lock().unwrap();
        markers.stray_bytes(&format!("report of {name}, salt"), salt);
        markers.stray_bytes(&format!("report of {name}, signature"), referral.signature.clone());
    }
}

fn all_markable() -> BTreeSet<String> {
    let mut fields = identifying_text_fields();
    fields.retain(|field| !MADE_BY_SERVICES.contains(&field.as_str()));
    fields
}

fn assert_no_identifying_field(message: &DynamicMessage) {
    for (field, value) in message.fields() {
        if !field.parent_message().package_name().starts_with("egide.") {
            continue;
        }
        assert!(!identifies(&field), "{} stands among the facts", field.full_name());
        let items = value.as_list().unwrap_or(std::slice::from_ref(value));
        items.iter().filter_map(Value::as_message).for_each(assert_no_identifying_field);
    }
}

#[tokio::test]
async fn no_identifying_text_is_anywhere_but_with_those_entitled_to_it() {
    use DataCategory::{Contact, Finances, Health, Identity, Immigration, Situation, Suspects, Whereabouts};
    let run = Run::start().await;
    let police = run.world.police().register().await;
    let shelter = run.world.shelter().register().await;
    let unverified = run
        .world
        .recipient(RecipientKind::InvestigatingAgency, &[Purpose::Investigation])
        .unverified()
        .register()
        .await;
    // Who tells units that something waits runs all the while; what leaves it is searched like an answer to nobody.
    let key = NoticeKey::new();
    let receiver = Receiver::start(&[]).await;
    for unit in [&police, &shelter] {
        run.world.notify_at(unit, receiver.url()).await;
    }
    let notifier = run.world.notifier(&key).await;
    run.open_the_case().await;
    run.review_a_narrative(&police).await;
    let (consent, for_police) = run.consent(&police, &[Situation, Whereabouts, Suspects]).await;
    let (_, for_shelter) = run.consent(&shelter, &[Identity, Contact, Health, Immigration]).await;
    run.assert_exceptions(&police).await;

    let wanted = [Identity, Contact, Whereabouts, Situation, Health, Immigration, Finances, Suspects];
    let denied = run.request(&unverified, &wanted).await.decision.unwrap();
    assert!(denied.decided.unwrap().outcome() == Outcome::Deny);
    let to_police = run.request(&police, &wanted).await.decision.unwrap();
    let to_shelter = run.request(&shelter, &wanted).await.decision.unwrap();
    wait_until("both are told that something waits", PATIENCE, async || receiver.bytes().len() >= 2).await;
    let report = run.receive(&police, &to_police.referral_id).await;
    run.keep_report("the police", &report);
    let script = run.tell(&shelter, &to_shelter.referral_id).await;
    assert!(!script.is_empty());
    let report = run.receive(&shelter, &to_shelter.referral_id).await;
    run.keep_report("the shelter", &report);

    run.bad_commands().await;
    run.bad_questions(&police, &to_police.referral_id).await;
    run.bad_headers().await;
    run.strangers(&police, &shelter, &to_police.referral_id, to_police.position).await;
    run.wind_up(&police, &to_police.referral_id, &consent).await;
    let report_to_police = to_police.referral_id;
    let fetch = FetchReferralRequest { command_id: fresh_id(), referral_id: report_to_police.clone() };
    run.refuse(Code::NotFound, REFERRALS, "FetchReferral", &police.liaison(), bytes_of(&fetch)).await;
    let decided = to_police.decided.unwrap();
    let owed = decided.obligations.first().expect("something is owed");
    let met = ObligationNoted {
        decision_id: decided.decision_id.clone(),
        kind: owed.kind,
        subject_id: owed.subject_id.clone(),
        state: ObligationState::Met.into(),
        ..ObligationNoted::default()
    };
    run.append(&who::supervisor(), vec![Payload::ObligationNoted(met)]).await;
    let decision_id = decided.decision_id;
    run.look(&decision_id, &police.organization_id).await;
    run.calls().await;

    let referrals = [report_to_police, to_shelter.referral_id];
    run.check_notices(
        &receiver,
        &key,
        &[&run.case, &run.victim, &run.suspect, &decision_id, &referrals[0], &referrals[1]],
    );
    notifier.kill();
    run.check_answers(&[for_police, for_shelter]);
    run.check_log(&run.world.walk().await);
    let needles = run.markers.lock().unwrap().needles();
    assert_eq!(needles.find(watch::metrics_page().as_bytes()), [], "in the metrics");
    drop((police, shelter, unverified));
    run.world
        .stop(|data| {
            let (found, read) = needles.find_below(data);
            assert!(found.is_empty(), "{found:#?}");
            assert!(read > 100_000, "only {read} bytes were searched");
            for part in ["nats/store", "projections/ledger", "projections/disclosure", "projections/audit", "logs"] {
                assert!(!egide_tests::needles::files_below(&data.join(part)).is_empty(), "{part} is not there");
            }
        })
        .await;
    assert_eq!(watch::panics(), 0);
}

/// The search finds what is there: a marker in a field that does not identify goes through the whole system in clear.
#[tokio::test]
async fn a_marker_that_is_planted_is_found_in_every_place_that_is_searched() {
    let run = Run::start().await;
    let police = run.world.police().register().await;
    run.open_the_case().await;
    let planted = run.stray("planted");
    let consent = events::consent(&run.victim, &police.id, Purpose::Investigation, &[DataCategory::Situation]);
    let consent = ConsentGiven { policy_version: planted.clone(), interpreter_present: true, ..consent };
    run.append(&who::responder(), vec![Payload::ConsentGiven(consent)]).await;
    let case_id = run.case.clone();
    let read = ReadCaseRequest { case_id, page_size: 500, reason: 1, ..ReadCaseRequest::default() };
    let answer = run.ask(LEDGER, "ReadCase", &who::supervisor(), &read).await;
    let line = planted.clone();
    run.world.on_a_service_thread(move || tracing::info!(target: "egide_planted", line, "planted")).await;
    metrics::counter!("egide_planted", "label" => planted).increment(1);

    let needles = run.markers.lock().unwrap().needles();
    assert_eq!(needles.names(&answer.bytes).len(), 1, "in an answer");
    assert_eq!(needles.names(watch::metrics_page().as_bytes()).len(), 1, "in the metrics");
    drop(police);
    run.world
        .stop(|data| {
            let (found, _) = needles.find_below(data);
            for part in ["nats/store/jetstream", "projections/ledger", "logs/egide.jsonl"] {
                let place = data.join(part);
                assert!(found.iter().any(|(path, _)| path.starts_with(&place)), "not found in {part}: {found:?}");
            }
        })
        .await;
}
