//! The decision: may this leave, about whom, how much of it, on what basis, and what does that bind us to.
//!
//! Released = requested ∩ basis ∩ purpose ∩ the recipient's agreement, person by person and category by category:
//!
//! 1. What refuses the request as a whole is asked first (`Gate::enter`): case, recipient, purpose, first referral.
//! 2. Each person's bases are found: consent, report consent, exceptions ([`crate::consent`], [`crate::exception`]).
//!    Consent waits for triage and tip review; exceptions do not.
//! 3. Each basis is cut to the ceiling of purpose and recipient and to the agreement. For an exception the standing
//!    statutory agreement of the recipient's kind takes the agreement's place; a suspended recipient gets nothing on any basis.
//! 4. A narrative needs more: it was attested for this unit, that holds, and the mask covers everybody it speaks of
//!    ([`crate::narrative`]). Of whoever no such narrative speaks, none is let through.
//! 5. What is left is the mask; what is missing is explained.

use crate::approval::{self, OnceApproved, RequiredApproval};
use crate::bases::{Grant, grants_of};
use crate::consent::{Asking, Consents, Until};
use crate::decision::{AttestedNarrative, Bases, Basis, Decision, Mask, Obligation, Reason, Reference, Request};
use crate::directory::Recipient;
use crate::exception::{self, Standing};
use crate::facts::{CaseFacts, Person};
use crate::ids::{ConsentId, ReferralId, Revision, SubjectId};
use crate::narrative;
use crate::obligation;
use crate::policy::{Policy, never_released};
use crate::set::{Categories, Reach};
use crate::time::Timestamp;
use crate::vocabulary::{
    DataCategory, ExceptionKind, Outcome, PersonRole, Purpose, ReasonCode, RecipientKind, ReviewOutcome, TriageLevel,
};

/// Decides a request on the facts of a case, the directory's view of the recipient and the policy tables, at an instant.
/// Total, and the same for the same arguments for ever. `None` for a recipient that is not in the directory.
#[must_use]
pub fn decide(
    facts: &CaseFacts,
    request: &Request,
    recipient: Option<&Recipient>,
    policy: &Policy,
    now: Timestamp,
) -> Decision {
    decide_with(facts, request, recipient, policy, now, None)
}

/// What a request would come to, on the same arguments, if all that it lacks is somebody's approval and that were given now; `None`
/// where it lacks something else, or nothing.
#[must_use]
pub fn once_approved(
    facts: &CaseFacts,
    request: &Request,
    recipient: Option<&Recipient>,
    policy: &Policy,
    now: Timestamp,
) -> Option<OnceApproved> {
    let mut gate = Gate::enter(facts, request, recipient, policy, now, None).ok()?;
    gate.go_through_people();
    let rules = gate.rules_of_approval();
    if rules.is_empty() || request.approval_id.is_some() {
        return None;
    }
    let would_be = gate.draft.conclude(facts, recipient, policy, now);
    would_be.is_permit().then(|| OnceApproved::new(RequiredApproval::by(&rules, now), would_be))
}

pub(crate) fn decide_for_delivery(
    facts: &CaseFacts,
    request: &Request,
    recipient: Option<&Recipient>,
    policy: &Policy,
    now: Timestamp,
    delivering: Delivering<'_>,
) -> Decision {
    decide_with(facts, request, recipient, policy, now, Some(delivering))
}

/// What is being delivered.
#[derive(Clone, Copy)]
pub(crate) struct Delivering<'a> {
    /// The referral: what it used up itself does not stand in its own way.
    pub(crate) referral_id: ReferralId,
    /// What was asked when it was released.
    pub(crate) asked: &'a Request,
}

fn decide_with(
    facts: &CaseFacts,
    request: &Request,
    recipient: Option<&Recipient>,
    policy: &Policy,
    now: Timestamp,
    delivering: Option<Delivering<'_>>,
) -> Decision {
    let referral_id = delivering.map(|it| it.referral_id);
    let draft = match Gate::enter(facts, request, recipient, policy, now, referral_id) {
        Ok(mut gate) => {
            gate.go_through_people();
            gate.ask_for_approval(delivering);
            gate.draft
        }
        Err(reasons) => Draft { reasons, ..Draft::default() },
    };
    draft.conclude(facts, recipient, policy, now)
}

/// Room for the reasons of an ordinary decision; there may be more.
const REASONS: usize = 64;

/// What a decision is made of while it is made.
#[derive(Default)]
struct Draft {
    bases: Vec<Basis>,
    mask: Mask,
    reasons: Vec<Reason>,
    obligations: Vec<Obligation>,
    /// The earliest end of what it rests on.
    ends_at: Option<Timestamp>,
    urgent: bool,
    /// Consents that go with an approval only.
    on_approval: Vec<ConsentId>,
    /// The attested narratives that are let through.
    narratives: Vec<AttestedNarrative>,
}

impl Draft {
    fn conclude(
        mut self,
        facts: &CaseFacts,
        recipient: Option<&Recipient>,
        policy: &Policy,
        now: Timestamp,
    ) -> Decision {
        let life_ends_at = now.checked_add(policy.periods().decision_life);
        // A permit without an end cannot be; at the end of time nothing is permitted any more.
        let expires_at = match (self.mask.is_empty(), life_ends_at) {
            (false, Some(life)) => Some(self.ends_at.map_or(life, |end| end.min(life))),
            (true, _) | (false, None) => None,
        };
        if expires_at.is_none() {
            self.mask = Mask::empty();
            self.bases.clear();
            self.obligations.clear();
            self.narratives.clear();
        }
        self.narratives.sort_unstable();
        self.reasons.sort_unstable();
        self.reasons.dedup();
        self.obligations.sort_unstable();
        self.obligations.dedup();
        Decision {
            outcome: if expires_at.is_some() { Outcome::Permit } else { Outcome::Deny },
            bases: self.bases,
            mask: self.mask,
            narratives: self.narratives,
            reasons: self.reasons,
            obligations: self.obligations,
            decided_at: now,
            expires_at,
            case_revision: facts.revision,
            directory_revision: recipient.map_or(Revision(0), |recipient| recipient.directory_revision),
            policy_version: policy.version().clone(),
            urgent: self.urgent || facts.is_urgent(now, policy),
            recipient_kind: recipient.and_then(|recipient| recipient.kind),
        }
    }

    fn whole(&mut self, code: ReasonCode, reference: Reference) {
        self.reasons.push(Reason::whole(code, reference));
    }
}

/// A request that got in: nothing refuses it as a whole.
pub(crate) struct Gate<'a> {
    pub(crate) facts: &'a CaseFacts,
    pub(crate) request: &'a Request,
    pub(crate) asking: Asking<'a>,
    /// What purpose and recipient allow at most, whatever the basis.
    pub(crate) ceiling: Reach,
    /// What the agreements in force allow on consent; `None`: there is none.
    pub(crate) agreed: Option<Categories>,
    /// What the statutory agreement allows on an exception; `None`: there is none.
    pub(crate) statutory: Option<Categories>,
    /// Whether consent may be a basis at all: nothing waits for a supervisor, nothing is insufficient.
    pub(crate) consent_open: bool,
    pub(crate) consents: Consents<'a>,
    pub(crate) exceptions: Vec<Standing<'a>>,
    /// What is asked for and can be released at all.
    wanted: Categories,
    draft: Draft,
}

impl<'a> Gate<'a> {
    /// Lets a request in, or refuses it as a whole with every reason.
    fn enter(
        facts: &'a CaseFacts,
        request: &'a Request,
        recipient: Option<&'a Recipient>,
        policy: &'a Policy,
        now: Timestamp,
        delivering: Option<ReferralId>,
    ) -> Result<Self, Vec<Reason>> {
        let mut reasons = Vec::new();
        refuse_case(facts, &mut reasons);
        refuse_supplementary(facts, request, &mut reasons);
        let asking = refuse_recipient(request, recipient, policy, now, delivering, &mut reasons);
        let Some((asking, ceiling)) = asking.filter(|_| reasons.is_empty()) else { return Err(reasons) };
        let anonymity = asking.recipient.is_anonymous_only().then(|| policy.anonymous());
        let bounded = anonymity.map_or(ceiling, |most| most.intersection(ceiling));
        let mut gate = Self {
            facts,
            request,
            asking,
            ceiling: bounded,
            agreed: asking.recipient.agreed(asking.purpose, now),
            statutory: policy.statutory_agreement(asking.kind, asking.purpose),
            consent_open: true,
            consents: Consents::assess(facts, asking),
            exceptions: Vec::new(),
            wanted: releasable(request.categories, bounded),
            draft: Draft { reasons: Vec::with_capacity(REASONS), ..Draft::default() },
        };
        gate.explain_categories(anonymity);
        gate.close_consent_for_tips();
        gate.find_exceptions();
        Ok(gate)
    }

    /// Says of categories asked for why nobody's are released, whatever the basis.
    fn explain_categories(&mut self, anonymity: Option<Reach>) {
        let asked = self.request.categories;
        if asked.is_empty() {
            self.draft.whole(ReasonCode::CategoryNotReleasable, Reference::None);
        }
        let mut refuse = |category, code| {
            self.draft.reasons.push(Reason {
                code,
                subject_id: None,
                category: Some(category),
                reference: Reference::None,
            });
        };
        for category in asked.iter() {
            if category == DataCategory::Narrative && self.ceiling.level(category).is_none() {
                refuse(category, ReasonCode::NarrativeWithheld);
            } else if never_released().contains(category) {
                refuse(category, ReasonCode::CategoryNotReleasable);
            } else if anonymity.is_some_and(|most| most.level(category).is_none()) {
                refuse(category, ReasonCode::AnonymousOnly);
            } else if self.ceiling.level(category).is_none() {
                refuse(category, ReasonCode::CategoryNotOfPurpose);
            }
        }
    }

    /// Tips that wait for a supervisor or are not to be reported, and insufficient information, close consent as a basis.
    fn close_consent_for_tips(&mut self) {
        for tip in &self.facts.tips {
            let code = match tip.review {
                Some(ReviewOutcome::DoNotReport) => ReasonCode::TipNotToReport,
                None if tip.needs_review() => ReasonCode::TipNotReviewed,
                Some(ReviewOutcome::Report) | None => continue,
            };
            self.consent_open = false;
            self.draft.whole(code, Reference::Tip(tip.tip_id));
        }
        if self.facts.triage(self.asking.now, self.asking.policy) == Some(TriageLevel::Insufficient) {
            self.consent_open = false;
            self.draft.whole(ReasonCode::TriageInsufficient, Reference::None);
        }
    }

    /// Finds the exceptions that stand for this recipient, and says of each other why it does not.
    fn find_exceptions(&mut self) {
        for known in &self.facts.exceptions {
            let id = known.asserted.exception_id;
            if !self.relies_on(Basis::Exception(id, known.asserted.kind)) {
                continue;
            }
            match exception::stands(known, self.facts, self.asking, self.asking.policy) {
                Ok(standing) if self.statutory.is_some() => self.exceptions.push(standing),
                Ok(_) => self.draft.whole(ReasonCode::NoAgreement, Reference::Exception(id)),
                Err(codes) => {
                    let refusals = codes.iter().map(|code| Reason::whole(code, Reference::Exception(id)));
                    self.draft.reasons.extend(refusals);
                }
            }
        }
    }

    /// Whether a basis may be used: the request names it, or leaves the choice to the gate.
    pub(crate) fn relies_on(&self, basis: Basis) -> bool {
        self.request.relies_on.is_empty() || self.request.relies_on.contains(&basis)
    }

    fn go_through_people(&mut self) {
        let facts = self.facts;
        let asked = &self.request.subject_ids;
        for subject_id in asked.iter().filter(|subject_id| facts.person(**subject_id).is_none()) {
            self.draft.reasons.push(Reason::person(ReasonCode::SubjectUnknown, *subject_id, Reference::None));
        }
        if asked.is_empty() && facts.persons.is_empty() {
            self.draft.whole(ReasonCode::SubjectUnknown, Reference::None);
        }
        let found: Vec<_> = facts.persons.iter().filter_map(|person| Some((person, self.find(person)?))).collect();
        // What everybody lets go is found before anything is drafted, for a narrative leaves whole or not at all.
        let spoken_of = self.spoken_of(&found);
        for (person, grants) in found {
            self.go_through(person, grants, &spoken_of);
        }
        if self.wanted.contains(DataCategory::Narrative) {
            self.draft.narratives = narrative::let_through(facts, self.request.unit_id, &self.draft.mask);
        }
        let exceptional = |standing: &Standing<'_>| {
            let urges = standing.exception.asserted.kind != ExceptionKind::LegalRequirement;
            urges && self.draft.bases.contains(&standing.basis())
        };
        self.draft.urgent =
            facts.is_urgent(self.asking.now, self.asking.policy) || self.exceptions.iter().any(exceptional);
        if self.draft.urgent && !self.draft.mask.is_empty() {
            self.draft.obligations.push(obligation::phone_recipient(self.asking));
        }
    }

    /// Whether a person is asked about.
    fn asks_about(&self, person: &Person) -> bool {
        self.request.subject_ids.is_empty() || self.request.subject_ids.contains(&person.subject_id)
    }

    /// Of whom a narrative speaks that was attested for this unit and of which everybody it speaks of lets it go.
    fn spoken_of(&self, found: &[(&Person, Vec<Grant>)]) -> Vec<SubjectId> {
        if !self.wanted.contains(DataCategory::Narrative) {
            return Vec::new();
        }
        narrative::spoken_of(self.facts, self.request.unit_id, |subject_id| {
            let of = found.iter().find(|(person, _)| person.subject_id == subject_id);
            of.is_some_and(|(person, grants)| narrative::is_let_go_by(person, grants))
        })
    }

    /// What lets something of a person go; `None` where nothing can, or nobody asked.
    fn find(&mut self, person: &Person) -> Option<Vec<Grant>> {
        if !self.asks_about(person) {
            return None;
        }
        if person.erased {
            self.draft.reasons.push(Reason::person(ReasonCode::DataErased, person.subject_id, Reference::None));
            return None;
        }
        let possible = wanted_of(person, self.wanted);
        if possible.is_empty() {
            // About a suspect everything stands under one category, about nobody else anything does; it was not asked so.
            let code = ReasonCode::CategoryNotReleasable;
            self.draft.reasons.push(Reason::person(code, person.subject_id, Reference::None));
        }
        let wanted = possible.intersection(self.ceiling.categories());
        if wanted.is_empty() {
            return None;
        }
        let mut reasons = std::mem::take(&mut self.draft.reasons);
        let found = grants_of(self, person, wanted, &mut reasons);
        self.draft.reasons = reasons;
        Some(found)
    }

    fn go_through(&mut self, person: &Person, mut found: Vec<Grant>, spoken_of: &[SubjectId]) {
        if !spoken_of.contains(&person.subject_id) && narrative::take_out(&mut found) {
            let code = ReasonCode::NarrativeNotAttested;
            let reason = Reason::of(code, person.subject_id, DataCategory::Narrative, Reference::None);
            self.draft.reasons.push(reason);
        }
        let mut reach = Reach::NOTHING;
        let mut used: Vec<(u32, Grant)> = Vec::with_capacity(found.len());
        for grant in found {
            // A basis beyond the bound is left out, and with it what it lets through.
            if let Some(index) = self.index_of(grant.basis) {
                reach = reach.union(grant.reach);
                used.push((index, grant));
            }
        }
        let bases = |category: DataCategory| -> Bases {
            used.iter()
                .filter(|(_, grant)| grant.reach.categories().contains(category))
                .map(|(index, _)| *index)
                .collect()
        };
        let period = |category: DataCategory| {
            used.iter()
                .find(|(_, grant)| grant.reach.categories().contains(category))
                .and_then(|(_, grant)| grant.period)
        };
        self.draft.mask.push_person(person.subject_id, reach, bases, period);
        for (_, grant) in &used {
            self.use_grant(person, grant);
        }
        if !reach.is_nothing() {
            obligation::safe_contact(person, reach, &mut self.draft.obligations);
        }
    }

    /// What rests on a basis that a second person must say yes to waits for that yes; a yes that covers it is a reason.
    fn ask_for_approval(&mut self, delivering: Option<Delivering<'_>>) {
        let rules = self.rules_of_approval();
        if rules.is_empty() || self.draft.mask.is_empty() {
            return;
        }
        let asked = delivering.map_or(self.request, |it| it.asked);
        // An approval was used in time when what is delivered was released.
        let lives_until = if delivering.is_some() { None } else { Some(self.asking.now) };
        match asked.approval_id.map(|id| (id, approval::covers(id, self.facts, asked, &rules, lives_until))) {
            Some((id, Some(end))) => {
                self.draft.whole(ReasonCode::Approved, Reference::Approval(id));
                if delivering.is_none() {
                    self.draft.ends_at = Some(self.draft.ends_at.map_or(end, |earliest| earliest.min(end)));
                }
                return;
            }
            Some((id, None)) => self.draft.whole(ReasonCode::ApprovalInvalid, Reference::Approval(id)),
            None => {
                for rule in &rules {
                    self.draft.whole(ReasonCode::ApprovalRequired, Reference::Rule(rule.id.clone()));
                }
            }
        }
        self.draft.mask = Mask::empty();
    }

    /// The rules that demand an approval of what was found. Broken glass does not wait for one.
    fn rules_of_approval(&self) -> Vec<approval::Rule> {
        let draft = &self.draft;
        let waits = |basis: &&Basis| {
            let broken = |standing: &&Standing<'_>| standing.basis() == **basis && standing.review_due.is_some();
            !self.exceptions.iter().any(|standing| broken(&standing))
        };
        let resting: Vec<(DataCategory, Basis)> = draft
            .mask
            .entries()
            .iter()
            .flat_map(|entry| entry.bases.iter().map(|index| (entry.category, index)))
            .filter_map(|(category, index)| {
                let basis = usize::try_from(index).ok().and_then(|index| draft.bases.get(index))?;
                Some(basis).filter(waits).map(|basis| (category, *basis))
            })
            .collect();
        approval::rules(&resting, &draft.on_approval, self.asking)
    }

    fn index_of(&mut self, basis: Basis) -> Option<u32> {
        let known = self.draft.bases.iter().position(|other| *other == basis);
        let index = known.unwrap_or(self.draft.bases.len());
        if index >= Bases::MAX {
            return None;
        }
        if known.is_none() {
            self.draft.bases.push(basis);
        }
        u32::try_from(index).ok()
    }

    fn use_grant(&mut self, person: &Person, grant: &Grant) {
        let (code, reference) = match grant.basis {
            Basis::Consent(id) => (ReasonCode::CoveredByConsent, Reference::Consent(id)),
            Basis::ReportConsent(id) => (ReasonCode::CoveredByReportConsent, Reference::Consent(id)),
            Basis::Exception(id, _) => (ReasonCode::CoveredByException, Reference::Exception(id)),
        };
        self.draft.reasons.push(Reason::person(code, person.subject_id, reference));
        if let Until::Time(end) = grant.until {
            self.draft.ends_at = Some(self.draft.ends_at.map_or(end, |earliest| earliest.min(end)));
        }
        self.draft.obligations.extend(grant.tell.map(|giver| obligation::tell(self.asking, giver)));
        if grant.on_approval {
            self.draft.on_approval.extend(grant.basis.consent_id());
        }
        let standing = self.exceptions.iter().find(|standing| standing.basis() == grant.basis);
        if let Some(standing) = standing {
            let Draft { reasons, obligations, .. } = &mut self.draft;
            obligation::of_exception(standing, person, self.facts, self.asking, reasons, obligations);
        }
    }
}

/// What of the categories asked for can concern a person: of a suspect everything stands under one category, and of
/// somebody who is no suspect nothing does.
fn wanted_of(person: &Person, wanted: Categories) -> Categories {
    if person.is_only_suspect() {
        wanted.intersection(Categories::only(DataCategory::Suspects))
    } else if person.roles.contains(PersonRole::Suspect) {
        wanted
    } else {
        wanted.without(DataCategory::Suspects)
    }
}

/// What of the categories asked for can be released at all: a narrative only where the tables say so.
fn releasable(asked: Categories, ceiling: Reach) -> Categories {
    let asked = asked.difference(never_released());
    match ceiling.level(DataCategory::Narrative) {
        Some(_) => asked,
        None => asked.without(DataCategory::Narrative),
    }
}

fn refuse_case(facts: &CaseFacts, reasons: &mut Vec<Reason>) {
    if !facts.opened {
        reasons.push(Reason::whole(ReasonCode::CaseUnknown, Reference::None));
    }
    if facts.closed {
        reasons.push(Reason::whole(ReasonCode::CaseClosed, Reference::None));
    }
    if facts.erased {
        reasons.push(Reason::whole(ReasonCode::DataErased, Reference::None));
    }
    if let Some(revision) = facts.unreadable {
        reasons.push(Reason::whole(ReasonCode::RecordUnreadable, Reference::Event(revision)));
    }
}

/// A supplementary referral goes only to the agency that holds the first (hotline policy, row 13).
fn refuse_supplementary(facts: &CaseFacts, request: &Request, reasons: &mut Vec<Reason>) {
    let Some(first) = request.supplementary_to else { return };
    match facts.holder(first) {
        None => reasons.push(Reason::whole(ReasonCode::SupplementaryUnknown, Reference::Referral(first))),
        Some(unit_id) if unit_id != request.unit_id => {
            reasons.push(Reason::whole(ReasonCode::SupplementaryOtherAgency, Reference::Referral(first)));
        }
        Some(_) => {}
    }
}

/// Who asks and for what, as far as the directory and the purpose let anything go there.
fn refuse_recipient<'a>(
    request: &Request,
    recipient: Option<&'a Recipient>,
    policy: &'a Policy,
    now: Timestamp,
    delivering: Option<ReferralId>,
    reasons: &mut Vec<Reason>,
) -> Option<(Asking<'a>, Reach)> {
    let mut refuse = |code| reasons.push(Reason::whole(code, Reference::None));
    if request.purpose.is_none() {
        refuse(ReasonCode::PurposeMissing);
    }
    let asked_for = |recipient: &&Recipient| {
        recipient.unit_id == request.unit_id && recipient.organization_id == request.organization_id
    };
    let Some(recipient) = recipient.filter(asked_for) else {
        refuse(ReasonCode::RecipientUnknown);
        return None;
    };
    if recipient.kind.is_none() {
        refuse(ReasonCode::RecipientUnknown);
    }
    if !recipient.verified {
        refuse(ReasonCode::RecipientUnverified);
    }
    if recipient.suspended {
        refuse(ReasonCode::RecipientSuspended);
    }
    if recipient.unreadable {
        refuse(ReasonCode::RecordUnreadable);
    }
    let (kind, purpose): (RecipientKind, Purpose) = (recipient.kind?, request.purpose?);
    let ceiling = policy.ceiling(purpose, kind).filter(|_| recipient.purposes.contains(purpose));
    if ceiling.is_none() {
        refuse(ReasonCode::PurposeNotOfUnit);
    }
    Some((Asking { recipient, kind, purpose, policy, now, delivering }, ceiling?))
}
