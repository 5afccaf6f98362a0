//! A decision in words, for staff: what lets each category of each person go, how far and until when, or what holds it back, with
//! the record, statute or rule that says so. A function of the decision, the facts it was made on and the policy it was made
//! under; people are named by their ids, staff by their roles, and nothing else is known here.

mod reference;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use egide_domain::facts::{ApprovalFacts, CaseFacts};
use egide_domain::ids::{CaseId, Revision, UnitId};
use egide_domain::vocabulary::{
    DataCategory, ExceptionKind, MaskLevel, ObligationKind, PersonRole, Purpose, ReasonCode,
};
use egide_domain::{Basis, Policy, RequiredApproval};
use egide_report::RecipientNames;
use egide_wire::convert::bases;
use egide_wire::proto::egide::case::v1::{self as case, DisclosureDecided, MaskEntry, Outcome, Reason};
use egide_wire::proto::egide::disclosure::v1 as proto;
use tonic::Status;

use self::reference::Known;
use self::words::{Words, minute};
use crate::gate::Gate;
use crate::reader::Moment;

/// What the references of rules that demand an approval begin with.
const RULE: &str = "approval-rule:";

/// What came after a decision and may be told with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: the same answer for every repetition of a request.
    AsDecided,
    /// What became of the approval it demanded.
    WithApprovals,
}

impl Gate {
    /// Explains a decision that stands in the log, on what was known when it was made.
    pub(crate) fn explain(&self, decision: &proto::Decision, told: Told) -> Result<proto::Explanation, Status> {
        let moment = self.reader.moment();
        let case_id: CaseId = decision.case_id.parse().map_err(|_| Status::internal("a decision names no case"))?;
        let Some(decided) = &decision.decided else { return Ok(proto::Explanation::default()) };
        let revision = Revision(decided.case_revision);
        let facts = moment.case_at(case_id, revision)?;
        let facts = facts.ok_or_else(|| Status::internal("a decision was made on a revision that is not there"))?;
        let Some(policy) = self.policy_of(&moment, &decided.policy_digest)? else {
            return Err(Status::failed_precondition(
                "the decision was made under a policy that was not adopted; nothing explains it",
            ));
        };
        let mut approvals = Vec::new();
        if told == Told::WithApprovals {
            let newest = moment.case(case_id)?;
            let of_it = |approval: &&ApprovalFacts| approval.decision_id.to_string() == decided.decision_id;
            approvals = newest.facts.approvals.iter().filter(of_it).cloned().collect();
        }
        self.explain_on(&moment, decided, &facts.facts, &policy, &approvals)
    }

    /// Explains a decision on these facts, whether it stands in the log or not.
    pub(crate) fn explain_on(
        &self,
        moment: &Moment<'_>,
        decided: &DisclosureDecided,
        facts: &CaseFacts,
        policy: &Arc<Policy>,
        approvals: &[ApprovalFacts],
    ) -> Result<proto::Explanation, Status> {
        let unit_id = unit_of(decided);
        let names = moment.names(unit_id)?;
        Ok(explanation(&Subject { decided, facts, policy, approvals, unit_id, names: names.as_ref() }))
    }

    /// Explains what would leave once somebody approved it, under the policy of this instance.
    pub(crate) fn explain_ahead(
        &self,
        moment: &Moment<'_>,
        would_be: &DisclosureDecided,
        facts: &CaseFacts,
        required: &RequiredApproval,
    ) -> Result<proto::Explanation, Status> {
        let unit_id = unit_of(would_be);
        let names = moment.names(unit_id)?;
        let (policy, approvals) = (&self.policy, &[]);
        let subject = Subject { decided: would_be, facts, policy, approvals, unit_id, names: names.as_ref() };
        Ok(ahead(&subject, required))
    }
}

fn unit_of(decided: &DisclosureDecided) -> UnitId {
    let unit_id = decided.request.as_ref().and_then(|request| request.unit_id.parse().ok());
    unit_id.unwrap_or(UnitId([0; 16]))
}

/// What is explained, and by what.
pub(crate) struct Subject<'a> {
    pub(crate) decided: &'a DisclosureDecided,
    /// As they stood at the decision's revision.
    pub(crate) facts: &'a CaseFacts,
    pub(crate) policy: &'a Policy,
    /// What was asked of others because of it.
    pub(crate) approvals: &'a [ApprovalFacts],
    pub(crate) unit_id: UnitId,
    /// What the recipient is called; `None` when it is not in the directory.
    pub(crate) names: Option<&'a RecipientNames>,
}

/// A decision in both languages.
pub(crate) fn explanation(subject: &Subject<'_>) -> proto::Explanation {
    let [english, french] = Words::ALL.map(|words| {
        let mut text = Text::new(subject, words);
        text.compose();
        text.lines
    });
    proto::Explanation { english, french }
}

/// What would leave once it was approved, in both languages; the decision is none, and says so first.
pub(crate) fn ahead(subject: &Subject<'_>, required: &RequiredApproval) -> proto::Explanation {
    let [english, french] = Words::ALL.map(|words| {
        let mut text = Text::new(subject, words);
        text.leaves = "would_leave";
        text.compose_ahead(required);
        text.lines
    });
    proto::Explanation { english, french }
}

struct Text<'a> {
    subject: &'a Subject<'a>,
    words: Words,
    known: Known<'a>,
    /// How it is said that a category leaves.
    leaves: &'static str,
    lines: Vec<String>,
}

impl<'a> Text<'a> {
    const fn new(subject: &'a Subject<'a>, words: Words) -> Self {
        Self { subject, words, known: Known { subject, words }, leaves: "leaves", lines: Vec::new() }
    }
}

impl Text<'_> {
    fn compose(&mut self) {
        let decided = self.subject.decided;
        let until = minute(decided.expires_at.as_ref());
        let answer = if decided.outcome() == Outcome::Permit { "answer.permit" } else { "answer.deny" };
        self.say(0, answer, &[("until", &until)]);
        self.asked();
        self.whole();
        for person in people_of(decided) {
            self.person(&person);
        }
        self.obligations();
        self.approvals();
        let (time, revision) = (minute(decided.decided_at.as_ref()), decided.case_revision.to_string());
        let directory = decided.directory_revision.to_string();
        let values = [
            ("time", time.as_str()),
            ("revision", &revision),
            ("directory", &directory),
            ("policy", &decided.policy_version),
            ("statutes", self.subject.policy.statutes_version()),
        ];
        self.say(0, "decided", &values);
    }

    fn compose_ahead(&mut self, required: &RequiredApproval) {
        let roles: Vec<String> = required.roles.iter().map(|role| self.words.text(&format!("staff.{role}"))).collect();
        match roles.is_empty() {
            true => self.say(0, "answer.waits_for_nobody", &[]),
            false => self.say(0, "answer.waits", &[("roles", &roles.join(", "))]),
        }
        for rule in &required.rules {
            let rule = self.known.of(&format!("{RULE}{rule}"));
            self.say(1, "waits.rule", &[("rule", &rule)]);
        }
        for person in people_of(self.subject.decided) {
            self.person(&person);
        }
        self.obligations();
    }

    fn say(&mut self, depth: usize, key: &str, values: &[(&str, &str)]) {
        let line = self.words.fill(key, values);
        self.push(depth, &line);
    }

    fn push(&mut self, depth: usize, line: &str) {
        self.lines.push(format!("{}{line}", "  ".repeat(depth)));
    }

    fn asked(&mut self) {
        let Some(request) = &self.subject.decided.request else { return };
        let categories = self.categories(&request.categories);
        let purpose = self.words.listed::<Purpose>("purpose", request.purpose);
        let recipient = self.known.unit(self.subject.unit_id);
        let values = [("categories", categories.as_str()), ("purpose", &purpose), ("recipient", &recipient)];
        self.say(0, "asked", &values);
        if !request.subject_ids.is_empty() {
            self.say(1, "asked.people", &[("people", &request.subject_ids.join(", "))]);
        }
        for basis in bases(&request.relies_on).unwrap_or_default() {
            let basis = self.known.basis(basis);
            self.say(1, "asked.relies_on", &[("basis", &basis)]);
        }
        if !request.supplementary_to.is_empty() {
            let first = self.known.of(&request.supplementary_to);
            self.say(1, "asked.supplementary", &[("first", &first)]);
        }
    }

    /// What concerns nobody in particular.
    fn whole(&mut self) {
        let reasons: Vec<&Reason> =
            self.subject.decided.reasons.iter().filter(|reason| reason.subject_id.is_empty()).collect();
        if reasons.is_empty() {
            return;
        }
        self.say(0, "whole", &[]);
        for reason in reasons {
            let line = self.reason(reason);
            let line = match reason.category {
                0 => line,
                category => self.words.fill("of_category", &[("category", &self.category(category)), ("what", &line)]),
            };
            self.push(1, &line);
        }
    }

    fn person(&mut self, person: &str) {
        let roles = person.parse().ok().and_then(|subject_id| self.subject.facts.person(subject_id));
        let roles = roles.map(|person| person.roles.iter().collect::<Vec<PersonRole>>()).unwrap_or_default();
        let roles: Vec<String> = roles.into_iter().map(|role| self.words.text(&format!("person.{role}"))).collect();
        let roles = if roles.is_empty() { self.words.text("person.unknown") } else { roles.join(", ") };
        self.say(0, "person", &[("person", person), ("roles", &roles)]);
        let decided = self.subject.decided;
        let theirs: Vec<&Reason> = decided.reasons.iter().filter(|reason| reason.subject_id == person).collect();
        for reason in theirs.iter().filter(|reason| reason.category == 0) {
            let line = self.reason(reason);
            self.push(1, &line);
        }
        let mask: Vec<&MaskEntry> = decided.mask.iter().filter(|entry| entry.subject_id == person).collect();
        let named = theirs.iter().map(|reason| reason.category).filter(|category| *category != 0);
        let categories: BTreeSet<i32> = mask.iter().map(|entry| entry.category).chain(named).collect();
        for category in categories {
            let entry = mask.iter().find(|entry| entry.category == category);
            self.category_of(category, entry.copied(), &theirs);
        }
    }

    /// What becomes of one category of one person, and everything that was said about it.
    fn category_of(&mut self, category: i32, entry: Option<&MaskEntry>, theirs: &[&Reason]) {
        let word = self.category(category);
        match entry {
            Some(entry) => {
                let level = self.words.listed::<MaskLevel>("level", entry.level);
                self.say(1, self.leaves, &[("category", &word), ("level", &level)]);
                self.period(entry);
                let all = bases(&self.subject.decided.bases).unwrap_or_default();
                for (basis, _) in all.into_iter().zip(0_u32..).filter(|(_, index)| entry.bases.contains(index)) {
                    let basis = self.known.basis(basis);
                    self.say(2, "on", &[("basis", &basis)]);
                }
            }
            None => self.say(1, "held", &[("category", &word)]),
        }
        for reason in theirs.iter().filter(|reason| reason.category == category) {
            let line = self.reason(reason);
            self.push(2, &line);
        }
    }

    fn period(&mut self, entry: &MaskEntry) {
        if entry.recorded_from.is_none() && entry.recorded_until.is_none() {
            return;
        }
        let from =
            entry.recorded_from.as_ref().map_or_else(|| self.words.text("time.beginning"), |from| minute(Some(from)));
        let until =
            entry.recorded_until.as_ref().map_or_else(|| self.words.text("time.end"), |until| minute(Some(until)));
        self.say(2, "period", &[("from", &from), ("until", &until)]);
    }

    /// A reason with what it refers to.
    fn reason(&self, reason: &Reason) -> String {
        let text = self.words.listed::<ReasonCode>("reason", reason.code);
        if reason.reference.is_empty() {
            return text;
        }
        self.words.fill("reference", &[("what", &text), ("reference", &self.known.of(&reason.reference))])
    }

    fn obligations(&mut self) {
        let decided = self.subject.decided;
        if decided.obligations.is_empty() {
            return;
        }
        self.say(0, "obligations", &[]);
        for obligation in &decided.obligations {
            let mut line = self.words.listed::<ObligationKind>("obligation", obligation.kind);
            if !obligation.subject_id.is_empty() {
                line = self.words.fill("obligation.about", &[("what", &line), ("person", &obligation.subject_id)]);
            }
            if obligation.due_at.is_some() {
                let due = minute(obligation.due_at.as_ref());
                line = self.words.fill("obligation.due", &[("what", &line), ("due", &due)]);
            }
            self.push(1, &line);
        }
    }

    fn approvals(&mut self) {
        let approvals = self.subject.approvals;
        if approvals.is_empty() {
            return;
        }
        self.say(0, "approvals", &[]);
        for approval in approvals {
            let line = self.known.approval(approval);
            self.push(1, &line);
        }
    }

    fn category(&self, category: i32) -> String {
        self.words.listed::<DataCategory>("category", category)
    }

    fn categories(&self, categories: &[i32]) -> String {
        let words: Vec<String> = categories.iter().map(|category| self.category(*category)).collect();
        words.join(", ")
    }
}

/// Everybody of whom the decision says something, by id.
fn people_of(decided: &DisclosureDecided) -> BTreeSet<String> {
    let in_mask = decided.mask.iter().map(|entry| entry.subject_id.clone());
    let in_reasons = decided.reasons.iter().map(|reason| reason.subject_id.clone());
    in_mask.chain(in_reasons).filter(|person| !person.is_empty()).collect()
}

/// Which kind of basis, and of exceptions which.
const fn basis_key(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent(_) => "basis.consent",
        Basis::ReportConsent(_) => "basis.report_consent",
        Basis::Exception(_, ExceptionKind::Minor) => "exception.minor",
        Basis::Exception(_, ExceptionKind::ImminentDanger) => "exception.imminent_danger",
        Basis::Exception(_, ExceptionKind::LegalRequirement) => "exception.legal_requirement",
    }
}

/// Whether all that is missing is somebody's approval; then the rules that demand it, by their ids.
pub(crate) fn approval_demanded(decided: &DisclosureDecided) -> Option<Vec<String>> {
    let demands = decided.reasons.iter().filter(|reason| reason.code() == case::ReasonCode::ApprovalRequired);
    let mut rules: Vec<String> = demands.map(|reason| rule_of(&reason.reference).to_owned()).collect();
    rules.sort_unstable();
    rules.dedup();
    let denied = decided.outcome() == Outcome::Deny;
    (denied && !rules.is_empty()).then_some(rules)
}

/// The id of a rule, as a reference names it.
fn rule_of(reference: &str) -> &str {
    reference.strip_prefix(RULE).unwrap_or(reference)
}

#[cfg(test)]
mod tests;
