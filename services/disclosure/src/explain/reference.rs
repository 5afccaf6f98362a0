//! What a reason or basis refers to, told so that somebody who works the case finds it again.

use egide_domain::Basis;
use egide_domain::event::{Actor, ConsentGiven, Expiry, RecipientScope};
use egide_domain::facts::{ApprovalFacts, ConsentAct, ConsentRecord, ExceptionFacts};
use egide_domain::ids::UnitId;
use egide_domain::time::Timestamp;

use super::words::{Words, minute_of};
use super::{Subject, basis_key, rule_of};

/// What is known of the case and the policy, in one language.
pub(super) struct Known<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) words: Words,
}

impl Known<'_> {
    /// What a reference means, as decisions write it: a UUID, `statute:…`, `approval-rule:…`, `event:…`.
    pub(super) fn of(&self, reference: &str) -> String {
        if let Some(row) = reference.strip_prefix("statute:") {
            return self.statute(row);
        }
        if reference.starts_with("approval-rule:") {
            return self.words.fill("rule", &[("rule", rule_of(reference))]);
        }
        if let Some(revision) = reference.strip_prefix("event:") {
            return self.words.fill("event", &[("revision", revision)]);
        }
        self.record(reference).unwrap_or_else(|| reference.to_owned())
    }

    fn statute(&self, row: &str) -> String {
        match self.subject.policy.statutes().iter().find(|statute| *statute.id == *row) {
            Some(statute) => {
                let verified = if statute.verified { "statute" } else { "statute.unverified" };
                self.words.fill(verified, &[("act", &statute.act), ("section", &statute.section), ("row", row)])
            }
            None => self.words.fill("statute.unknown", &[("row", row)]),
        }
    }

    /// A record of the case by its id.
    fn record(&self, id: &str) -> Option<String> {
        let facts = self.subject.facts;
        if let Some(consent) = id
            .parse()
            .ok()
            .and_then(|consent_id| facts.consents.iter().find(|record| record.act.consent_id() == Some(consent_id)))
        {
            return Some(self.consent(id, consent));
        }
        if let Some(exception) = id.parse().ok().and_then(|exception_id| facts.exception(exception_id)) {
            return Some(self.exception(exception));
        }
        if let Some(approval) = id.parse().ok().and_then(|approval_id| facts.approval(approval_id)) {
            return Some(self.approval(approval));
        }
        if let Some(tip) = id.parse().ok().and_then(|tip_id| facts.tip(tip_id)) {
            let time = minute_of(tip.received_at);
            return Some(self.words.fill("tip", &[("tip", id), ("time", &time)]));
        }
        let referral = id.parse().ok().and_then(|referral_id| facts.referral(referral_id))?;
        let key = if referral.recalled { "referral.recalled" } else { "referral" };
        Some(self.words.fill(key, &[("referral", id), ("time", &minute_of(referral.at))]))
    }

    /// What lets something go.
    pub(super) fn basis(&self, basis: Basis) -> String {
        match basis {
            Basis::Consent(id) | Basis::ReportConsent(id) => {
                let id = id.to_string();
                let kind = self.words.text(basis_key(basis));
                self.record(&id).unwrap_or_else(|| format!("{kind} {id}"))
            }
            Basis::Exception(id, _) => {
                let kind = self.words.text(basis_key(basis));
                self.record(&id.to_string()).unwrap_or_else(|| format!("{kind} {id}"))
            }
        }
    }

    fn consent(&self, id: &str, record: &ConsentRecord) -> String {
        let time = minute_of(record.recorded_at);
        match &record.act {
            ConsentAct::Given(given) => {
                let kind = match given.kind {
                    Some(kind) => self.words.text(&format!("consent.{kind}")),
                    None => self.words.text("unknown"),
                };
                let grantor = match given.grantor {
                    Some(grantor) => self.words.text(&format!("grantor.{grantor}")),
                    None => self.words.text("unknown"),
                };
                let to = self.scope(given.recipient);
                let purposes: Vec<String> =
                    given.purposes.iter().map(|purpose| self.words.text(&format!("purpose.{purpose}"))).collect();
                let (purposes, until) = (purposes.join(", "), self.until(given));
                let values = [
                    ("kind", kind.as_str()),
                    ("id", id),
                    ("time", &time),
                    ("grantor", &grantor),
                    ("to", &to),
                    ("purposes", &purposes),
                    ("until", &until),
                ];
                self.words.fill("consent.given", &values)
            }
            ConsentAct::Refused(refused) => {
                let to = self.scope(refused.recipient);
                self.words.fill("consent.refused", &[("id", id), ("time", &time), ("to", &to)])
            }
            ConsentAct::Withdrawn(_) => self.words.fill("consent.withdrawn", &[("id", id), ("time", &time)]),
        }
    }

    fn until(&self, given: &ConsentGiven) -> String {
        match given.expiry {
            Expiry::At(end) => self.words.fill("until.time", &[("time", &minute_of(end))]),
            Expiry::Unlimited => self.words.text("until.unlimited"),
            Expiry::Absent => self.words.text("until.default"),
        }
    }

    fn scope(&self, scope: Option<RecipientScope>) -> String {
        match scope {
            Some(RecipientScope::Unit(unit_id)) => self.unit(unit_id),
            Some(RecipientScope::Organization(organization_id)) => {
                self.words.fill("scope.organization", &[("organization", &organization_id.to_string())])
            }
            Some(RecipientScope::Kind(kind)) => self.words.text(&format!("recipient.{kind}")),
            Some(RecipientScope::KindInRegion(kind, places)) => {
                let kind = self.words.text(&format!("recipient.{kind}"));
                let places: Vec<String> =
                    places.iter().map(|place| self.words.text(&format!("place.{place}"))).collect();
                self.words.fill("scope.in_region", &[("kind", &kind), ("places", &places.join(", "))])
            }
            Some(RecipientScope::Anyone) => self.words.text("scope.anyone"),
            None => self.words.text("scope.nobody"),
        }
    }

    /// A unit, by its names where it is the recipient.
    pub(super) fn unit(&self, unit_id: UnitId) -> String {
        let id = unit_id.to_string();
        let Some(names) = self.subject.names.filter(|_| unit_id == self.subject.unit_id) else {
            return self.words.fill("scope.unit", &[("unit", &id)]);
        };
        let (unit, organization) = match self.words {
            Words::English => (&names.unit_en, &names.organization_en),
            Words::French => (&names.unit_fr, &names.organization_fr),
        };
        self.words.fill("scope.named", &[("name", unit), ("organization", organization), ("unit", &id)])
    }

    fn exception(&self, exception: &ExceptionFacts) -> String {
        let asserted = &exception.asserted;
        let kind = self.words.text(&format!("exception.{}", asserted.kind));
        let grounds: Vec<String> =
            asserted.grounds.iter().map(|ground| self.words.text(&format!("ground.{ground}"))).collect();
        let by_whom = |key: &str, by: &Actor, at: Timestamp| {
            self.words.fill(key, &[("role", &self.role(by)), ("time", &minute_of(at))])
        };
        let state = match (&exception.lift, &exception.confirmation) {
            (Some(lift), _) => by_whom("exception.lifted", &lift.by, lift.at),
            (None, Some(confirmed)) => by_whom("exception.confirmed", &confirmed.by, confirmed.at),
            (None, None) if asserted.break_glass => self.words.text("exception.alone"),
            (None, None) => self.words.text("exception.unconfirmed"),
        };
        let values = [
            ("kind", kind),
            ("id", asserted.exception_id.to_string()),
            ("role", self.role(&exception.by)),
            ("time", minute_of(exception.at)),
            ("grounds", grounds.join(", ")),
            ("state", state),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.words.fill("exception.asserted", &values)
    }

    /// A request for approval and what became of it.
    pub(super) fn approval(&self, approval: &ApprovalFacts) -> String {
        let state = match &approval.answer {
            Some(answer) => {
                let (by, time) = (self.role(&answer.by), minute_of(answer.at));
                self.words.fill(&format!("approval.{}", answer.outcome), &[("role", &by), ("time", &time)])
            }
            None => {
                let until = approval.expires_at.map_or_else(|| "–".to_owned(), minute_of);
                self.words.fill("approval.open", &[("until", &until)])
            }
        };
        let values = [
            ("id", approval.approval_id.to_string()),
            ("role", self.role(&approval.by)),
            ("time", minute_of(approval.at)),
            ("state", state),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.words.fill("approval", &values)
    }

    /// Staff are told by role, never by account.
    fn role(&self, actor: &Actor) -> String {
        match actor.role {
            Some(role) if actor.person.is_some() => self.words.text(&format!("staff.{role}")),
            Some(_) | None => self.words.text("staff.service"),
        }
    }
}
