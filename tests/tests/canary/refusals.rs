//! What must be refused, with markers in it.

use bytes::Bytes;
use egide_testkit::fresh_id;
use egide_tests::case::{Unit, command};
use egide_tests::who::{self, Who};
use egide_tests::{Role, events};
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessRecorded, AccessScope, AccountForPersonRequest, GetDisclosureRequest, ListDisclosuresRequest,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{ConsentGiven, DeliveryChannel, Purpose};
use egide_wire::proto::egide::directory::v1::GetOrganizationRequest;
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeRecallRequest, DecideApprovalRequest, DeliverReferralRequest, ExplainDecisionRequest,
    FetchReferralRequest, GetDecisionRequest, ListApprovalsRequest, ListDecisionsRequest, ListReferralsRequest,
    PreviewDisclosureRequest, ReplayDecisionRequest, RequestDisclosureRequest,
};
use egide_wire::proto::egide::ledger::v1::{
    AppendRequest, OpenForDeliveryRequest, OpenForPermitRequest, OpenForReplayRequest, ReadCaseRequest,
    WatchCaseRequest,
};
use egide_wire::proto::egide::triage::v1::{ListObligationsRequest, ListReviewsRequest};
use prost::Message as _;
use tonic::Code;

use super::{ANSWERED_WITHIN, AUDIT, DIRECTORY, DISCLOSURE, Heard, LEDGER, May, REFERRALS, Run, TRIAGE, bytes_of};

impl Run {
    pub(super) async fn refuse(&self, code: Code, service: &str, method: &str, who: &Who, body: Bytes) {
        let answer = self.call(service, method, &self.world.metadata(who), body, May::Nothing).await;
        assert_eq!(answer.code, code, "{method}: {}", answer.message);
    }

    pub(super) async fn refuse_append(&self, code: Code, who: &Who, request: &AppendRequest) {
        self.refuse(code, LEDGER, "Append", who, bytes_of(request)).await;
    }

    /// Commands that are wrong in every way there is, each full of markers.
    pub(super) async fn bad_commands(&self) {
        let (responder, contact) = (who::responder(), |run: &Self| run.mark(events::contact(&run.victim, "")));
        let good = || command(&self.case, vec![contact(self)]);
        let of = |payload| command(&self.case, vec![payload]);
        let nobody = fresh_id();

        let bad = AppendRequest { command_id: self.stray("command_id"), ..good() };
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let bad = command(&self.stray("stream_id"), vec![contact(self)]);
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let mut bad = good();
        bad.events[0].event_id = self.stray("event_id");
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let bad = of(self.mark(events::contact(&self.stray("subject_id"), "")));
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let bad = of(events::contact(&self.victim, &self.stray("no telephone number")));
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let bad = of(events::health(&self.victim, &format!("{}\u{7}", self.stray("control character"))));
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let bad = of(events::health(&self.victim, &self.stray("too long").repeat(40)));
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;
        let long = self.stray("too large").repeat(4_000);
        self.refuse_append(Code::InvalidArgument, &responder, &of(events::narrative(&[&self.victim], &long))).await;
        let mut bad = good();
        bad.events[0].occurred_at = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
        self.refuse_append(Code::InvalidArgument, &responder, &bad).await;

        // Nobody of this case; a case that is not there; a consent from a web form.
        let bad = of(self.mark(events::contact(&nobody, "")));
        self.refuse_append(Code::FailedPrecondition, &responder, &bad).await;
        self.refuse_append(Code::FailedPrecondition, &responder, &command(&nobody, vec![contact(self)])).await;
        let consent = events::consent(&self.victim, &nobody, Purpose::Investigation, &[DataCategory::Health]);
        let consent = self.mark(Payload::ConsentGiven(ConsentGiven { interpreter_present: true, ..consent }));
        self.refuse_append(Code::PermissionDenied, &who::web_form(), &of(consent)).await;

        // Another command under an id that is used, and a case that has moved.
        let first = good();
        self.refuse_append(Code::Ok, &responder, &first).await;
        self.refuse_append(Code::Ok, &responder, &first).await;
        let other = AppendRequest { command_id: first.command_id, ..good() };
        self.refuse_append(Code::AlreadyExists, &responder, &other).await;
        let mut stale = good();
        let stream_id = self.case.clone();
        stale.expected = vec![egide_wire::proto::egide::ledger::v1::StreamExpectation { stream_id, revision: 1 }];
        self.refuse_append(Code::Aborted, &responder, &stale).await;

        // Not the contract's: a field nobody knows, and no protobuf at all.
        let mut body = good().encode_to_vec();
        let marker = self.stray("unknown field");
        prost::encoding::string::encode(999, &marker, &mut body);
        self.refuse(Code::InvalidArgument, LEDGER, "Append", &responder, body.into()).await;
        let body = self.stray("no protobuf").into_bytes();
        self.refuse(Code::InvalidArgument, LEDGER, "Append", &responder, body.into()).await;
    }

    /// Every text field of every other request that takes one.
    pub(super) async fn bad_questions(&self, unit: &Unit<'_>, referral_id: &str) {
        let (supervisor, compliance, liaison) = (who::supervisor(), who::compliance(), unit.liaison());
        let reason = AccessReason::WorkingTheCase.into();
        let invalid = Code::InvalidArgument;
        let read = ReadCaseRequest { case_id: self.stray("case_id"), reason, ..ReadCaseRequest::default() };
        self.refuse(invalid, LEDGER, "ReadCase", &supervisor, bytes_of(&read)).await;
        let watch = WatchCaseRequest { case_id: self.stray("case_id"), from_revision: 1 };
        self.refuse(invalid, LEDGER, "WatchCase", &who::service("case-desk"), bytes_of(&watch)).await;
        let again = OpenForReplayRequest {
            position: 1,
            look_command_id: self.stray("look_command_id"),
            look: Some(at_replays()),
        };
        let auditor = who::staff("disclosure", "jean.tremblay", &["compliance"]);
        self.refuse(invalid, LEDGER, "OpenForReplay", &auditor, bytes_of(&again)).await;
        let request = RequestDisclosureRequest {
            command_id: self.stray("command_id"),
            case_id: self.stray("case_id"),
            unit_id: self.stray("unit_id"),
            subject_ids: vec![self.stray("subject_ids")],
            supplementary_to: self.stray("supplementary_to"),
            ..RequestDisclosureRequest::default()
        };
        self.refuse(invalid, DISCLOSURE, "RequestDisclosure", &supervisor, bytes_of(&request)).await;
        let deliver = DeliverReferralRequest {
            command_id: self.stray("command_id"),
            referral_id: referral_id.to_owned(),
            channel: DeliveryChannel::Voice.into(),
            received_by: format!("{}\u{0}", self.stray("received_by")),
            spoken: Vec::new(),
        };
        self.refuse(invalid, DISCLOSURE, "DeliverReferral", &supervisor, bytes_of(&deliver)).await;
        let get = GetDecisionRequest { decision_id: self.stray("decision_id"), reason };
        self.refuse(invalid, DISCLOSURE, "GetDecision", &supervisor, bytes_of(&get)).await;
        let explain = ExplainDecisionRequest { decision_id: self.stray("decision_id"), reason };
        self.refuse(invalid, DISCLOSURE, "ExplainDecision", &supervisor, bytes_of(&explain)).await;
        let replay = ReplayDecisionRequest { decision_id: self.stray("decision_id"), reason };
        self.refuse(invalid, DISCLOSURE, "ReplayDecision", &compliance, bytes_of(&replay)).await;
        let preview = PreviewDisclosureRequest {
            case_id: self.stray("case_id"),
            unit_id: self.stray("unit_id"),
            subject_ids: vec![self.stray("subject_ids")],
            ..PreviewDisclosureRequest::default()
        };
        self.refuse(invalid, DISCLOSURE, "PreviewDisclosure", &supervisor, bytes_of(&preview)).await;
        let approve = DecideApprovalRequest {
            command_id: self.stray("command_id"),
            approval_id: self.stray("approval_id"),
            ..DecideApprovalRequest::default()
        };
        self.refuse(invalid, DISCLOSURE, "DecideApproval", &supervisor, bytes_of(&approve)).await;
        let list = ListApprovalsRequest { page_token: self.stray("page_token"), page_size: 0, reason };
        self.refuse(invalid, DISCLOSURE, "ListApprovals", &supervisor, bytes_of(&list)).await;
        let confirm = AcknowledgeRecallRequest { command_id: fresh_id(), referral_id: self.stray("referral_id") };
        self.refuse(invalid, REFERRALS, "AcknowledgeRecall", &liaison, bytes_of(&confirm)).await;
        let (case_id, page_token) = (self.case.clone(), self.stray("page_token"));
        let list = ListDecisionsRequest { case_id, page_token, reason, ..ListDecisionsRequest::default() };
        self.refuse(invalid, DISCLOSURE, "ListDecisions", &supervisor, bytes_of(&list)).await;
        let list = ListReferralsRequest { page_token: self.stray("page_token"), page_size: 0 };
        self.refuse(invalid, REFERRALS, "ListReferrals", &liaison, bytes_of(&list)).await;
        let fetch = FetchReferralRequest { command_id: fresh_id(), referral_id: self.stray("referral_id") };
        self.refuse(invalid, REFERRALS, "FetchReferral", &liaison, bytes_of(&fetch)).await;
        let list = ListDisclosuresRequest { page_token: self.stray("page_token"), reason, ..Default::default() };
        self.refuse(invalid, AUDIT, "ListDisclosures", &compliance, bytes_of(&list)).await;
        let get = GetDisclosureRequest {
            disclosure_id: self.stray("disclosure_id"),
            reason,
            ..GetDisclosureRequest::default()
        };
        self.refuse(invalid, AUDIT, "GetDisclosure", &compliance, bytes_of(&get)).await;
        let (case_id, subject_id) = (self.case.clone(), self.stray("subject_id"));
        let account = AccountForPersonRequest { case_id, subject_id, reason, ..AccountForPersonRequest::default() };
        self.refuse(invalid, AUDIT, "AccountForPerson", &compliance, bytes_of(&account)).await;
        let owed = ListObligationsRequest { case_id: self.stray("case_id"), reason, ..Default::default() };
        self.refuse(invalid, TRIAGE, "ListObligations", &supervisor, bytes_of(&owed)).await;
        let waiting = ListReviewsRequest { page_token: self.stray("page_token"), reason, ..Default::default() };
        self.refuse(invalid, TRIAGE, "ListReviews", &supervisor, bytes_of(&waiting)).await;
        let get = GetOrganizationRequest { organization_id: self.stray("organization_id") };
        self.refuse(invalid, DIRECTORY, "GetOrganization", &compliance, bytes_of(&get)).await;
    }

    /// Markers where callers say who they are and what they call.
    pub(super) async fn bad_headers(&self) {
        let mut headers = self.world.metadata(&who::responder());
        headers.insert("authorization", format!("Bearer {}", self.stray("a token")).parse().unwrap());
        self.call(LEDGER, "Append", &headers, Bytes::new(), May::Nothing).await;
        let mut headers = self.world.metadata(&who::responder());
        headers.insert("egide-person", self.stray("a person's token").parse().unwrap());
        headers.insert("x-note", self.stray("a header").parse().unwrap());
        self.call(LEDGER, "ReadCase", &headers, Bytes::new(), May::Nothing).await;
        let headers = self.world.metadata(&who::responder());
        let method = self.stray("a method");
        let service = format!("egide.ledger.v1.{}", self.stray("a service"));
        for (service, method) in [(LEDGER, method.as_str()), (&service, "Append")] {
            let path = format!("/{service}/{method}");
            let answer = self.world.call(Role::Ledger, &path, &headers, Bytes::new(), ANSWERED_WITHIN).await;
            self.heard.lock().unwrap().push(Heard { method: path.clone(), may: May::Nothing, bytes: answer.bytes });
        }
    }

    /// Those who are not entitled ask for what is there.
    pub(super) async fn strangers(&self, unit: &Unit<'_>, other: &Unit<'_>, referral_id: &str, position: u64) {
        let fetch = FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
        self.refuse(Code::NotFound, REFERRALS, "FetchReferral", &other.liaison(), bytes_of(&fetch)).await;
        self.refuse(Code::PermissionDenied, REFERRALS, "FetchReferral", &who::supervisor(), bytes_of(&fetch)).await;
        let open = OpenForPermitRequest { position };
        self.refuse(Code::PermissionDenied, LEDGER, "OpenForPermit", &who::supervisor(), bytes_of(&open)).await;
        let deliver = OpenForDeliveryRequest { position };
        self.refuse(Code::PermissionDenied, LEDGER, "OpenForDelivery", &unit.liaison(), bytes_of(&deliver)).await;
        let replay = OpenForReplayRequest { position, look_command_id: fresh_id(), look: Some(at_replays()) };
        for who in [who::compliance(), who::staff("disclosure", "amelie.roy", &["responder"]), unit.liaison()] {
            self.refuse(Code::PermissionDenied, LEDGER, "OpenForReplay", &who, bytes_of(&replay)).await;
        }
        let case_id = self.case.clone();
        let read = ReadCaseRequest { case_id, open: true, reason: 1, ..ReadCaseRequest::default() };
        for who in [unit.liaison(), who::specialist(), who::web_form(), who::service("audit")] {
            self.refuse(Code::PermissionDenied, LEDGER, "ReadCase", &who, bytes_of(&read)).await;
        }
    }
}

fn at_replays() -> AccessRecorded {
    let (scope, reason) = (AccessScope::Replay.into(), AccessReason::Audit.into());
    AccessRecorded { scope, reason, ..AccessRecorded::default() }
}
