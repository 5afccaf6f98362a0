//! What is wrong with a request, as far as its own bytes tell: nothing is looked up. Every violation is reported, with the
//! path of its field; no text repeats what was given.

use std::ops::Range;

use egide_crypto::digest::Digest;
use egide_domain::decision::Basis;
use egide_domain::ids::{ApprovalId, CaseId, CommandId, DecisionId, ReferralId, SubjectId, UnitId};
use egide_domain::vocabulary::{
    Answer, ApprovalOutcome, DataCategory, DeliveryChannel, Purpose, ReferralMode, RejectionReason,
};
use egide_domain::{Categories, Request};
use egide_redaction::narrative::review::Edits;
use egide_servicekit::identity::Caller;
use egide_wire::convert::{Listed, bases};
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::UnmaskReason;
use egide_wire::proto::egide::disclosure::v1 as proto;
use egide_wire::refusal::{Violation, invalid};
use prost::Message as _;
use tonic::Status;

use crate::origin::Origin;
use crate::review::{Attesting, Look};

/// Most entries on a page.
const PAGE_MAX: u32 = 200;
/// Entries on a page when nothing was said.
const PAGE_DEFAULT: u32 = 50;
/// Most people one request names.
const SUBJECTS_MAX: usize = 64;
/// Most bases one request names.
const BASES_MAX: usize = 16;
/// Most bytes of the name or number of who was reached.
const RECEIVED_BY_BYTES_MAX: usize = 200;

const NO_UUID: &str = "must be a hyphenated uuid";
const UNKNOWN: &str = "is not a value of the contract";
const REQUIRED: &str = "must be given";

/// Collects violations.
struct Check {
    violations: Vec<Violation>,
}

impl Check {
    const fn new() -> Self {
        Self { violations: Vec::new() }
    }

    fn refuse<T>(&mut self, field: &str, description: &str) -> Option<T> {
        self.violations.push(Violation::new(field, description));
        None
    }

    fn id<T: std::str::FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().ok().or_else(|| self.refuse(field, NO_UUID))
    }

    fn optional_id<T: std::str::FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.id(field, text) }
    }

    /// `None` for unspecified, and for what is refused.
    fn listed<T: Listed>(&mut self, field: &str, number: i32) -> Option<T> {
        T::read(number).unwrap_or_else(|_| self.refuse(field, UNKNOWN))
    }

    fn required<T: Listed>(&mut self, field: &str, number: i32) -> Option<T> {
        match T::read(number) {
            Ok(Some(value)) => Some(value),
            Ok(None) => self.refuse(field, REQUIRED),
            Err(_) => self.refuse(field, UNKNOWN),
        }
    }

    fn categories(&mut self, field: &str, numbers: &[i32]) -> Categories {
        let mut categories = Categories::EMPTY;
        for (index, number) in numbers.iter().enumerate() {
            if let Some(category) = self.required(&format!("{field}[{index}]"), *number) {
                categories.insert(category);
            }
        }
        categories
    }

    fn page_size(&mut self, size: u32) -> usize {
        if size > PAGE_MAX {
            self.refuse::<()>("page_size", "must be at most 200");
        }
        usize::try_from(if size == 0 { PAGE_DEFAULT } else { size.min(PAGE_MAX) }).unwrap_or(1)
    }

    /// A person's look needs a reason.
    fn reason(&mut self, reason: i32) -> AccessReason {
        match AccessReason::try_from(reason) {
            Ok(AccessReason::Unspecified) => {
                self.refuse::<()>("reason", "must be given: every look has a reason");
                AccessReason::Unspecified
            }
            Ok(reason) => reason,
            Err(_) => {
                self.refuse::<()>("reason", UNKNOWN);
                AccessReason::Unspecified
            }
        }
    }

    fn received_by(&mut self, text: &str) {
        if text.trim().is_empty() {
            self.refuse::<()>("received_by", "must say who was reached at the recipient");
        }
        if text.len() > RECEIVED_BY_BYTES_MAX {
            self.refuse::<()>("received_by", "must have at most 200 bytes");
        }
        if text.chars().any(char::is_control) {
            self.refuse::<()>("received_by", "must have no control characters");
        }
    }

    fn look(
        &mut self,
        case_id: &str,
        review_id: &str,
        edits: Option<&proto::ReviewEdits>,
        reason: i32,
    ) -> Option<Look> {
        let (case_id, review_id) = (self.id("case_id", case_id), self.id("review_id", review_id));
        let reason = self.reason(reason);
        let (mut changed, mut unmasked) = (Edits::default(), Vec::new());
        let edits = edits.cloned().unwrap_or_default();
        for (index, place) in edits.mask.iter().enumerate() {
            changed.mask.extend(self.place(&format!("edits.mask[{index}]"), Some(place)));
        }
        for (index, put_back) in edits.put_back.iter().enumerate() {
            let field = format!("edits.put_back[{index}]");
            changed.unmask.extend(self.place(&format!("{field}.place"), put_back.place.as_ref()));
            match UnmaskReason::try_from(put_back.reason) {
                Ok(reason) if reason != UnmaskReason::Unspecified => unmasked.push(reason),
                Ok(_) | Err(_) => {
                    self.refuse::<()>(&format!("{field}.reason"), "must be given: what is put back has a reason");
                }
            }
        }
        Some(Look { case_id: case_id?, review_id: review_id?, reason, edits: changed, unmasked })
    }

    fn place(&mut self, field: &str, place: Option<&proto::TextPlace>) -> Option<Range<usize>> {
        let range = place.and_then(|place| Some(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?));
        let range = range.filter(|range| range.start < range.end);
        range.or_else(|| self.refuse(field, "must be a place that ends after it begins"))
    }

    /// The value, if nothing at all is wrong.
    fn finish<T>(self, value: Option<T>) -> Result<T, Status> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            Some(_) | None => Err(invalid(self.violations)),
        }
    }
}

/// A request for a disclosure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disclosure {
    pub(crate) case_id: CaseId,
    pub(crate) unit_id: UnitId,
    pub(crate) purpose: Purpose,
    pub(crate) categories: Categories,
    pub(crate) subject_ids: Vec<SubjectId>,
    pub(crate) relies_on: Vec<Basis>,
    pub(crate) mode: Option<ReferralMode>,
    pub(crate) supplementary_to: Option<ReferralId>,
    /// The approval under which it is decided again.
    pub(crate) approval_id: Option<ApprovalId>,
}

impl Disclosure {
    /// What was asked before, to be decided again under an approval; `None` when it named no purpose.
    pub(crate) fn again(case_id: CaseId, request: Request, approval_id: ApprovalId) -> Option<Self> {
        Some(Self {
            case_id,
            unit_id: request.unit_id,
            purpose: request.purpose?,
            categories: request.categories,
            subject_ids: request.subject_ids,
            relies_on: request.relies_on,
            mode: request.mode,
            supplementary_to: request.supplementary_to,
            approval_id: Some(approval_id),
        })
    }
}

pub(crate) fn disclosure(request: &proto::RequestDisclosureRequest) -> Result<(CommandId, Disclosure), Status> {
    let mut check = Check::new();
    let command_id = check.id("command_id", &request.command_id);
    let disclosure = wanted(&mut check, request);
    check.finish(command_id.zip(disclosure))
}

/// A disclosure that is only looked at, and why.
pub(crate) fn preview(request: proto::PreviewDisclosureRequest) -> Result<(Disclosure, AccessReason), Status> {
    let mut check = Check::new();
    let reason = check.reason(request.reason);
    let request = proto::RequestDisclosureRequest {
        command_id: String::new(),
        case_id: request.case_id,
        unit_id: request.unit_id,
        purpose: request.purpose,
        categories: request.categories,
        subject_ids: request.subject_ids,
        relies_on: request.relies_on,
        mode: request.mode,
        supplementary_to: request.supplementary_to,
    };
    let disclosure = wanted(&mut check, &request);
    check.finish(disclosure.map(|disclosure| (disclosure, reason)))
}

/// What is asked for; the command id is not looked at.
fn wanted(check: &mut Check, request: &proto::RequestDisclosureRequest) -> Option<Disclosure> {
    let case_id = check.id("case_id", &request.case_id);
    let unit_id = check.id("unit_id", &request.unit_id);
    let purpose = check.required("purpose", request.purpose);
    let categories = check.categories("categories", &request.categories);
    if request.categories.is_empty() {
        check.refuse::<()>("categories", "must name at least one category");
    }
    let subject_ids = subjects(check, &request.subject_ids);
    let relies_on = relies_on(check, &request.relies_on);
    let mode = check.listed("mode", request.mode);
    let supplementary_to = check.optional_id("supplementary_to", &request.supplementary_to);
    Some(Disclosure {
        case_id: case_id?,
        unit_id: unit_id?,
        purpose: purpose?,
        categories,
        subject_ids,
        relies_on,
        mode,
        supplementary_to,
        approval_id: None,
    })
}

/// Sorted, each once: the order in which people are named asks for nothing else.
fn subjects(check: &mut Check, texts: &[String]) -> Vec<SubjectId> {
    if texts.len() > SUBJECTS_MAX {
        check.refuse::<()>("subject_ids", "must name at most 64 people");
        return Vec::new();
    }
    let read = |(index, text): (usize, &String)| check.id(&format!("subject_ids[{index}]"), text);
    let mut subjects: Vec<SubjectId> = texts.iter().enumerate().filter_map(read).collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

fn relies_on(check: &mut Check, given: &[egide_wire::proto::egide::case::v1::Basis]) -> Vec<Basis> {
    if given.len() > BASES_MAX {
        check.refuse::<()>("relies_on", "must name at most 16 bases");
        return Vec::new();
    }
    let mut read = Vec::new();
    for (index, basis) in given.iter().enumerate() {
        match bases(std::slice::from_ref(basis)) {
            Ok(basis) => read.extend(basis),
            Err(_) => {
                let rule = "must name kind and record, and for an exception which of the three";
                check.refuse::<()>(&format!("relies_on[{index}]"), rule);
            }
        }
    }
    read
}

/// A delivery by staff.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub(crate) command_id: CommandId,
    pub(crate) referral_id: ReferralId,
    pub(crate) channel: DeliveryChannel,
    pub(crate) spoken: Categories,
}

pub(crate) fn telling(request: &proto::DeliverReferralRequest) -> Result<Telling, Status> {
    let mut check = Check::new();
    let command_id = check.id("command_id", &request.command_id);
    let referral_id = check.id("referral_id", &request.referral_id);
    let channel = check.required("channel", request.channel).and_then(|channel| match channel {
        DeliveryChannel::Voice | DeliveryChannel::Fax | DeliveryChannel::Courier | DeliveryChannel::WarmHandOver => {
            Some(channel)
        }
        DeliveryChannel::Portal | DeliveryChannel::Package | DeliveryChannel::Grpc => check
            .refuse("channel", "must be voice, fax, courier or warm hand-over; the recipient fetches by the others"),
    });
    check.received_by(&request.received_by);
    let spoken = check.categories("spoken", &request.spoken);
    if request.spoken.contains(&DataCategory::RecordKeeping.number()) {
        check.refuse::<()>("spoken", "must not name record keeping: nobody is told about the record itself");
    }
    if !request.spoken.is_empty() && channel.is_some_and(|channel| channel != DeliveryChannel::Voice) {
        check.refuse::<()>("spoken", "belongs to a delivery by voice only");
    }
    let read = (|| Some(Telling { command_id: command_id?, referral_id: referral_id?, channel: channel?, spoken }))();
    check.finish(read)
}

/// A package for staff to carry or send.
pub(crate) fn packing(request: &proto::PackReferralRequest) -> Result<(CommandId, ReferralId), Status> {
    let mut check = Check::new();
    let read = (check.id("command_id", &request.command_id), check.id("referral_id", &request.referral_id));
    check.received_by(&request.received_by);
    let read = if let (Some(command_id), Some(referral_id)) = read { Some((command_id, referral_id)) } else { None };
    check.finish(read)
}

/// A look at a narrative.
pub(crate) fn look(request: &proto::ShowNarrativeRequest) -> Result<Look, Status> {
    let mut check = Check::new();
    let read = check.look(&request.case_id, &request.review_id, request.edits.as_ref(), request.reason);
    check.finish(read)
}

/// An attestation, by whoever calls.
pub(crate) fn attesting(request: &proto::AttestNarrativeRequest, caller: &Caller) -> Result<Attesting, Status> {
    let mut check = Check::new();
    let command_id = check.id("command_id", &request.command_id);
    let look = check.look(&request.case_id, &request.review_id, request.edits.as_ref(), request.reason);
    let text_sha256 = Digest::try_from(request.text_sha256.as_slice()).ok();
    let text_sha256 = text_sha256.or_else(|| check.refuse("text_sha256", "must be the 32 bytes that were shown"));
    if request.case_revision == 0 {
        check.refuse::<()>("case_revision", "must be the revision that was shown");
    }
    let could_tell: Option<Answer> = check.required("could_tell_who_said_it", request.could_tell_who_said_it);
    let read = command_id.zip(look).zip(text_sha256);
    let ((command_id, look), text_sha256) = check.finish(read)?;
    if could_tell != Some(Answer::No) {
        return Err(Status::failed_precondition(
            "only what nobody could trace to who said it is attested; mask more, or withhold it",
        ));
    }
    let content = proto::AttestNarrativeRequest { command_id: String::new(), ..request.clone() };
    Ok(Attesting {
        account: caller.person()?.account().as_str().to_owned(),
        origin: Origin::new(caller, "AttestNarrative", command_id, look.review_id.as_bytes()),
        look,
        text_sha256,
        case_revision: request.case_revision,
        content: content.encode_to_vec(),
    })
}

/// A command about one referral.
pub(crate) fn about_referral(command_id: &str, referral_id: &str) -> Result<(CommandId, ReferralId), Status> {
    let mut check = Check::new();
    let read = (check.id("command_id", command_id), check.id("referral_id", referral_id));
    let read = if let (Some(command_id), Some(referral_id)) = read { Some((command_id, referral_id)) } else { None };
    check.finish(read)
}

/// Somebody's yes or no.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    pub(crate) command_id: CommandId,
    pub(crate) approval_id: ApprovalId,
    pub(crate) outcome: ApprovalOutcome,
    pub(crate) reason: Option<RejectionReason>,
}

pub(crate) fn verdict(request: &proto::DecideApprovalRequest) -> Result<Verdict, Status> {
    let mut check = Check::new();
    let command_id = check.id("command_id", &request.command_id);
    let approval_id = check.id("approval_id", &request.approval_id);
    let outcome = check.required("outcome", request.outcome).and_then(|outcome| match outcome {
        ApprovalOutcome::Granted | ApprovalOutcome::Rejected => Some(outcome),
        ApprovalOutcome::Expired => {
            check.refuse("outcome", "must be granted or rejected; the clock alone lets it expire")
        }
    });
    let reason = check.listed("reason", request.reason);
    match outcome {
        Some(ApprovalOutcome::Rejected) if request.reason == 0 => {
            check.refuse::<()>("reason", "must be given for a rejection");
        }
        Some(ApprovalOutcome::Granted) if request.reason != 0 => {
            check.refuse::<()>("reason", "belongs to a rejection only");
        }
        Some(_) | None => {}
    }
    let read = (|| Some(Verdict { command_id: command_id?, approval_id: approval_id?, outcome: outcome?, reason }))();
    check.finish(read)
}

/// A look at what waits for approval.
pub(crate) fn list_approvals(request: &proto::ListApprovalsRequest) -> Result<(usize, AccessReason), Status> {
    let mut check = Check::new();
    let size = check.page_size(request.page_size);
    let reason = check.reason(request.reason);
    check.finish(Some((size, reason)))
}

/// A look at one decision, by its id and why.
pub(crate) fn about_decision(decision_id: &str, reason: i32) -> Result<(DecisionId, AccessReason), Status> {
    let mut check = Check::new();
    let decision_id = check.id("decision_id", decision_id);
    let reason = check.reason(reason);
    check.finish(decision_id.map(|decision_id| (decision_id, reason)))
}

/// A look at everything, and why.
pub(crate) fn replay_history(request: proto::ReplayHistoryRequest) -> Result<AccessReason, Status> {
    let mut check = Check::new();
    let reason = check.reason(request.reason);
    check.finish(Some(reason))
}

/// A look at the decisions of a case.
pub(crate) fn list_decisions(request: &proto::ListDecisionsRequest) -> Result<(CaseId, usize, AccessReason), Status> {
    let mut check = Check::new();
    let case_id = check.id("case_id", &request.case_id);
    let size = check.page_size(request.page_size);
    let reason = check.reason(request.reason);
    check.finish(case_id.map(|case_id| (case_id, size, reason)))
}

/// The size of a page of referrals.
pub(crate) fn list_referrals(request: &proto::ListReferralsRequest) -> Result<usize, Status> {
    let mut check = Check::new();
    let size = check.page_size(request.page_size);
    check.finish(Some(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::proto::egide::case::v1::{BasisKind, ExceptionKind};
    use egide_wire::proto::egide::classification::v1::DataCategory;
    use tonic_types::StatusExt as _;

    const ID: &str = "0192abcd-ef00-7fff-8000-010203040506";

    fn request() -> proto::RequestDisclosureRequest {
        proto::RequestDisclosureRequest {
            command_id: ID.into(),
            case_id: ID.into(),
            unit_id: ID.into(),
            purpose: egide_wire::proto::egide::case::v1::Purpose::Investigation.into(),
            categories: vec![DataCategory::Suspects.into(), DataCategory::Situation.into()],
            ..proto::RequestDisclosureRequest::default()
        }
    }

    fn fields(status: &Status) -> Vec<String> {
        let details = status.get_details_bad_request().expect("details");
        details.field_violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn a_whole_request_is_read() {
        let (_, read) = disclosure(&request()).unwrap();
        assert_eq!(read.categories.len(), 2);
        assert_eq!(read.mode, None);
    }

    #[test]
    fn every_violation_is_reported_and_nothing_that_was_given_is_repeated() {
        let bad = proto::RequestDisclosureRequest {
            command_id: "secret".into(),
            purpose: 99,
            categories: vec![0, 77],
            subject_ids: vec!["secret".into()],
            relies_on: vec![egide_wire::proto::egide::case::v1::Basis {
                kind: BasisKind::Exception.into(),
                reference_id: ID.into(),
                exception: 0,
            }],
            mode: 55,
            supplementary_to: "secret".into(),
            ..request()
        };
        let status = disclosure(&bad).unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        let expected = [
            "command_id",
            "purpose",
            "categories[0]",
            "categories[1]",
            "subject_ids[0]",
            "relies_on[0]",
            "mode",
            "supplementary_to",
        ];
        assert_eq!(fields(&status), expected);
        assert!(!format!("{status:?}").contains("secret"));
    }

    #[test]
    fn an_exception_is_named_whole() {
        let mut request = request();
        request.relies_on = vec![egide_wire::proto::egide::case::v1::Basis {
            kind: BasisKind::Exception.into(),
            reference_id: ID.into(),
            exception: ExceptionKind::Minor.into(),
        }];
        assert_eq!(disclosure(&request).unwrap().1.relies_on.len(), 1);
    }

    #[test]
    fn people_are_sorted_and_each_is_named_once() {
        let other = "0192abcd-ef00-7fff-8000-000000000000";
        let request =
            proto::RequestDisclosureRequest { subject_ids: vec![ID.into(), other.into(), ID.into()], ..request() };
        assert_eq!(disclosure(&request).unwrap().1.subject_ids, [other.parse().unwrap(), ID.parse().unwrap()]);
    }

    #[test]
    fn a_purpose_is_always_given() {
        let status = disclosure(&proto::RequestDisclosureRequest { purpose: 0, ..request() }).unwrap_err();
        assert_eq!(fields(&status), ["purpose"]);
    }

    #[test]
    fn staff_deliver_by_their_own_channels_only_and_speak_on_the_telephone_only() {
        use egide_wire::proto::egide::case::v1::DeliveryChannel as Wire;
        let request = |channel: Wire, spoken: Vec<i32>| proto::DeliverReferralRequest {
            command_id: ID.into(),
            referral_id: ID.into(),
            channel: channel.into(),
            received_by: "badge 12".into(),
            spoken,
        };
        assert!(telling(&request(Wire::Voice, vec![DataCategory::Whereabouts.into()])).is_ok());
        assert!(telling(&request(Wire::Fax, Vec::new())).is_ok());
        let spoken = telling(&request(Wire::Fax, vec![DataCategory::Whereabouts.into()])).unwrap_err();
        assert_eq!(fields(&spoken), ["spoken"]);
        for channel in [Wire::Portal, Wire::Grpc, Wire::Package, Wire::Unspecified] {
            assert_eq!(fields(&telling(&request(channel, Vec::new())).unwrap_err()), ["channel"]);
        }
        for received_by in [" ".to_owned(), "a\u{0}b".to_owned(), "x".repeat(201)] {
            let nobody = proto::DeliverReferralRequest { received_by, ..request(Wire::Voice, Vec::new()) };
            assert_eq!(fields(&telling(&nobody).unwrap_err()), ["received_by"]);
        }
    }

    #[test]
    fn a_page_has_at_most_200_entries_and_50_when_nothing_is_said() {
        let size = |page_size| list_referrals(&proto::ListReferralsRequest { page_size, page_token: String::new() });
        assert_eq!(size(0).unwrap(), 50);
        assert_eq!(size(200).unwrap(), 200);
        assert_eq!(fields(&size(201).unwrap_err()), ["page_size"]);
    }

    #[test]
    fn a_look_has_a_reason() {
        assert_eq!(fields(&about_decision(ID, 0).err().unwrap()), ["reason"]);
        assert_eq!(fields(&about_decision(ID, 99).err().unwrap()), ["reason"]);
        let request = proto::PreviewDisclosureRequest { case_id: ID.into(), unit_id: ID.into(), ..Default::default() };
        assert_eq!(fields(&preview(request).err().unwrap()), ["reason", "purpose", "categories"]);
        assert_eq!(fields(&replay_history(proto::ReplayHistoryRequest { reason: 0 }).err().unwrap()), ["reason"]);
    }

    #[test]
    fn a_rejection_says_why_and_a_grant_needs_no_reason() {
        use egide_wire::proto::egide::case::v1::{ApprovalOutcome as Outcome, RejectionReason as Why};
        let request = |outcome: Outcome, reason: Why| proto::DecideApprovalRequest {
            command_id: ID.into(),
            approval_id: ID.into(),
            outcome: outcome.into(),
            reason: reason.into(),
        };
        assert!(verdict(&request(Outcome::Granted, Why::Unspecified)).is_ok());
        assert!(verdict(&request(Outcome::Rejected, Why::NotSafe)).is_ok());
        for wrong in [request(Outcome::Granted, Why::NotSafe), request(Outcome::Rejected, Why::Unspecified)] {
            assert_eq!(fields(&verdict(&wrong).unwrap_err()), ["reason"]);
        }
        for outcome in [Outcome::Expired, Outcome::Unspecified] {
            assert_eq!(fields(&verdict(&request(outcome, Why::Unspecified)).unwrap_err()), ["outcome"]);
        }
    }
}
