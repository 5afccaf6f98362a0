//! What lets a person's data go: the bases found for one person, and of everything missing the reason.

use crate::consent::{Permission, Until, is_voice_about_suspects};
use crate::decide::Gate;
use crate::decision::{Basis, Reason, Reference};
use crate::event::DataPeriod;
use crate::exception;
use crate::facts::Person;
use crate::ids::SubjectId;
use crate::policy::on_own_consent_only;
use crate::set::{Categories, Reach};
use crate::vocabulary::{
    ConsentCondition, ConsentKind, DataCategory, Purpose, ReasonCode, RecipientKind, ReviewOutcome,
};

/// One basis that lets something of a person go.
pub(crate) struct Grant {
    pub(crate) basis: Basis,
    /// How far, within everything else that bounds it; never nothing.
    pub(crate) reach: Reach,
    pub(crate) until: Until,
    /// Which data it reaches, by when it was recorded; absent: all.
    pub(crate) period: Option<DataPeriod>,
    /// Whom a consent obliges us to tell afterwards.
    pub(crate) tell: Option<SubjectId>,
    /// Whether a consent goes with an approval only.
    pub(crate) on_approval: bool,
}

/// Finds what lets the wanted categories of a person go, and says why the rest does not. `wanted` lies within the ceiling of
/// purpose and recipient.
pub(crate) fn grants_of(gate: &Gate<'_>, person: &Person, wanted: Categories, reasons: &mut Vec<Reason>) -> Vec<Grant> {
    let before = reasons.len();
    let mut search = Search { gate, person, wanted, grants: Vec::new(), reasons, before };
    let abroad = gate.facts.is_abroad_for(person);
    let refers = matches!(gate.asking.kind, RecipientKind::ForeignHotline | RecipientKind::SupportService);
    if abroad {
        search.say(ReasonCode::CaseAbroad, Reference::None);
    }
    if !abroad || refers {
        search.find_consents(abroad);
    }
    if !abroad {
        search.find_exceptions();
    }
    search.explain_missing();
    of_one_time(search.grants)
}

/// Of each category the grants that count for it. An entry of a mask has one stretch of time: grants without one count
/// before all others, and if there are none, the one that reaches longest, the earlier in the log of several.
fn of_one_time(grants: Vec<Grant>) -> Vec<Grant> {
    if grants.iter().all(|grant| grant.period.is_none()) {
        return grants;
    }
    let mut kept = vec![Categories::EMPTY; grants.len()];
    for category in Categories::all().iter() {
        let covers = |grant: &Grant| grant.reach.categories().contains(category);
        let whenever = grants.iter().any(|grant| covers(grant) && grant.period.is_none());
        let timed = grants.iter().enumerate().filter(|(_, grant)| covers(grant));
        // Of equal lengths `min_by_key` takes the first, which is the earlier in the log.
        let longest = timed.min_by_key(|(_, grant)| std::cmp::Reverse(length(grant.period))).map(|(place, _)| place);
        for (place, (grant, kept)) in grants.iter().zip(&mut kept).enumerate() {
            if covers(grant) && (if whenever { grant.period.is_none() } else { longest == Some(place) }) {
                kept.insert(category);
            }
        }
    }
    let cut = |(grant, kept): (Grant, Categories)| Grant { reach: grant.reach.within(kept), ..grant };
    grants.into_iter().zip(kept).map(cut).filter(|grant| !grant.reach.is_nothing()).collect()
}

/// How long a stretch of time is, in milliseconds; without a bound longer than every one that has both.
fn length(period: Option<DataPeriod>) -> i128 {
    match period {
        Some(DataPeriod { from: Some(from), until: Some(until) }) => i128::from(until.0) - i128::from(from.0),
        Some(_) | None => i128::MAX,
    }
}

/// The search for one person.
struct Search<'g, 'a> {
    gate: &'g Gate<'a>,
    person: &'g Person,
    wanted: Categories,
    grants: Vec<Grant>,
    /// Those of the whole decision.
    reasons: &'g mut Vec<Reason>,
    /// How many of them were there before this person's.
    before: usize,
}

impl<'g, 'a> Search<'g, 'a> {
    fn say(&mut self, code: ReasonCode, reference: Reference) {
        self.reasons.push(Reason::person(code, self.person.subject_id, reference));
    }

    fn say_of(&mut self, code: ReasonCode, category: DataCategory, reference: Reference) {
        self.reasons.push(Reason::of(code, self.person.subject_id, category, reference));
    }

    fn find_consents(&mut self, abroad: bool) {
        let gate = self.gate;
        let among = self.deniable();
        for denier in self.deniers() {
            self.explain_denials(denier.subject_id, among);
        }
        for permission in gate.consents.permissions() {
            let id = permission.given.consent_id;
            let report = permission.is(ConsentKind::Report);
            let basis = if report { Basis::ReportConsent(id) } else { Basis::Consent(id) };
            let permitted = if report { self.by_report(permission) } else { self.by_data_subject(permission) };
            let Some(permitted) = permitted.filter(|_| gate.relies_on(basis)) else { continue };
            if !permission.failures.is_empty() {
                for code in permission.failures.iter() {
                    self.say(code, Reference::Consent(id));
                }
            } else if !report || (!abroad && self.report_is_open(permission)) {
                // What a record denies it does not permit, whoever's data it speaks of.
                let denied = self.deniers().fold(permission.given.denied, |denied, denier| {
                    denied.union(gate.consents.denied_to(permission, denier.subject_id).intersection(among))
                });
                self.grant(basis, permission, permitted.within_denials(denied));
            }
        }
    }

    /// What a data subject's consent would let go of this person's data; `None`: it is not about this person.
    fn by_data_subject(&self, permission: &Permission<'_>) -> Option<Permitted> {
        let giver = permission.given.subject_id?;
        if !permission.is(ConsentKind::DataSubject) {
            // Of no kind: about its giver, and it fails.
            return (giver == self.person.subject_id).then_some(Permitted::NOTHING);
        }
        if self.person.is_only_suspect() {
            return self.speaks_of_suspects(permission).then(|| Permitted::all(suspects(permission)));
        }
        (giver == self.person.subject_id).then(|| Permitted::all(permission.permitted))
    }

    /// Suspects are never asked: a potential victim or a caller lets go what they told about them, where they name it.
    fn speaks_of_suspects(&self, permission: &Permission<'_>) -> bool {
        let (facts, given) = (self.gate.facts, permission.given);
        let giver = || given.subject_id.and_then(|giver| facts.person(giver));
        given.permitted.contains(DataCategory::Suspects)
            && giver().is_some_and(|giver| is_voice_about_suspects(facts, giver))
    }

    /// What a report consent would let go of this person's data; `None`: it does not concern this person.
    fn by_report(&mut self, permission: &Permission<'_>) -> Option<Permitted> {
        let person = self.person;
        let reference = Reference::Consent(permission.given.consent_id);
        if person.is_only_suspect() {
            let named = permission.given.permitted.contains(DataCategory::Suspects);
            return named.then(|| Permitted::all(suspects(permission)));
        }
        if permission.given.subject_id == Some(person.subject_id) {
            if permission.bringer_is_minor_alone {
                self.say(ReasonCode::ConsentMinorAlone, reference.clone());
            }
            // What was told leaves on a data subject's own consent or not at all.
            let told = permission.about_bringer.intersection(on_own_consent_only());
            for category in told.intersection(self.wanted).iter() {
                self.say_of(ReasonCode::ReportConsentCeiling, category, reference.clone());
            }
            return Some(Permitted::all(permission.about_bringer.difference(told)));
        }
        if self.gate.facts.is_bringer(person) || !person.is_potential_victim() {
            return None;
        }
        if self.gate.consents.has_own_record(person.subject_id) {
            self.say(ReasonCode::VictimRecordOutranks, reference);
            return None;
        }
        let rule = self.gate.asking.policy.report_consent();
        let identity = Reach::whole(Categories::only(DataCategory::Identity));
        let identity = if rule.potential_victim_identity { identity } else { Reach::NOTHING };
        let within = rule.potential_victim.union(identity);
        let within = within.within(within.categories().difference(on_own_consent_only()));
        let beyond = permission.permitted.intersection(self.wanted).difference(within.categories());
        for category in beyond.iter() {
            self.say_of(ReasonCode::ReportConsentCeiling, category, reference.clone());
        }
        Some(Permitted { categories: permission.permitted, within })
    }

    /// Whether a report consent may be used: the tip reviewed to be reported, the case triaged, and an investigating
    /// agency of the place asking in order to investigate.
    fn report_is_open(&mut self, permission: &Permission<'_>) -> bool {
        let (facts, asking) = (self.gate.facts, self.gate.asking);
        let reference = Reference::Consent(permission.given.consent_id);
        let tip = permission.given.tip_id.and_then(|tip_id| facts.tip(tip_id));
        let own_tip = tip.filter(|tip| tip.bringer == permission.given.subject_id);
        let tip_reference = own_tip.map_or(reference.clone(), |tip| Reference::Tip(tip.tip_id));
        let review = own_tip.map(|tip| tip.review);
        let places = facts.places_of(self.person);
        let needs = [
            (asking.kind == RecipientKind::InvestigatingAgency, ReasonCode::ConsentOtherRecipient, &reference),
            (asking.purpose == Purpose::Investigation, ReasonCode::ConsentOtherPurpose, &reference),
            (facts.triage(asking.now, asking.policy).is_some(), ReasonCode::NotTriaged, &Reference::None),
            (own_tip.is_some(), ReasonCode::NoConsent, &reference),
            (review != Some(None), ReasonCode::TipNotReviewed, &tip_reference),
            (review != Some(Some(ReviewOutcome::DoNotReport)), ReasonCode::TipNotToReport, &tip_reference),
            (asking.recipient.has_jurisdiction(places), ReasonCode::OutsideJurisdiction, &Reference::None),
        ];
        for (_, code, reference) in needs.iter().filter(|(holds, _, _)| !holds) {
            self.say(*code, (*reference).clone());
        }
        needs.iter().all(|(holds, _, _)| *holds)
    }

    /// Whose denials hold back: the person's own; of suspects, those of any potential victim or caller of the case.
    fn deniers(&self) -> impl Iterator<Item = &'g Person> + use<'g, 'a> {
        let (facts, person, of_suspects) = (self.gate.facts, self.person, self.person.is_only_suspect());
        facts.persons.iter().filter(move |other| {
            if of_suspects { is_voice_about_suspects(facts, other) } else { other.subject_id == person.subject_id }
        })
    }

    /// In which categories their denials hold back.
    fn deniable(&self) -> Categories {
        if self.person.is_only_suspect() { Categories::only(DataCategory::Suspects) } else { Categories::all() }
    }

    fn explain_denials(&mut self, whose: SubjectId, among: Categories) {
        for (consent_id, categories) in self.gate.consents.denials(whose) {
            for category in categories.intersection(among).intersection(self.wanted).iter() {
                self.say_of(ReasonCode::ConsentDenies, category, Reference::Consent(consent_id));
            }
        }
    }

    /// Adds a consent, within everything that bounds consent.
    fn grant(&mut self, basis: Basis, permission: &Permission<'_>, permitted: Reach) {
        let gate = self.gate;
        let wanted = permitted.within(self.wanted);
        let Some(agreed) = gate.agreed else {
            if !wanted.is_nothing() {
                self.reasons.push(Reason::whole(ReasonCode::NoAgreement, Reference::None));
            }
            return;
        };
        for category in wanted.categories().difference(agreed).iter() {
            let code = ReasonCode::CategoryNotInAgreement;
            let reason = Reason { code, subject_id: None, category: Some(category), reference: Reference::None };
            self.reasons.push(reason);
        }
        let reach = wanted.within(agreed).intersection(gate.ceiling);
        if gate.consent_open && !reach.is_nothing() {
            let on = |condition| permission.given.conditions.contains(condition);
            self.grants.push(Grant {
                basis,
                reach,
                until: permission.until,
                period: permission.period,
                tell: permission.given.subject_id.filter(|_| on(ConsentCondition::TellMeAfterwards)),
                on_approval: on(ConsentCondition::WithApproval),
            });
        }
    }

    fn find_exceptions(&mut self) {
        let gate = self.gate;
        let statutory = gate.statutory.unwrap_or(Categories::EMPTY);
        for standing in &gate.exceptions {
            let reference = Reference::Exception(standing.exception.asserted.exception_id);
            match exception::reach_of(standing, self.person, gate.facts, gate.asking, gate.asking.policy) {
                Err(code) => self.say(code, reference),
                Ok(reached) => {
                    let reached = reached.within(self.wanted.difference(on_own_consent_only()));
                    let reach = reached.within(statutory).intersection(gate.ceiling);
                    for category in self.wanted.difference(reach.categories()).iter() {
                        self.say_of(ReasonCode::ExceptionCeiling, category, reference.clone());
                    }
                    if !reach.is_nothing() {
                        self.grants.push(Grant {
                            basis: standing.basis(),
                            reach,
                            until: Until::Time(standing.until),
                            period: None,
                            tell: None,
                            on_approval: false,
                        });
                    }
                }
            }
        }
    }

    /// Says of every wanted category that nothing lets go what is missing.
    fn explain_missing(&mut self) {
        let reached = self.grants.iter().fold(Reach::NOTHING, |reach, grant| reach.union(grant.reach));
        let bringer = self.gate.facts.is_bringer(self.person) && !self.person.is_only_suspect();
        let own = self.reasons.iter().skip(self.before);
        let no_exception = !own.into_iter().any(|reason| reason.code == ReasonCode::NoException);
        for category in self.wanted.difference(reached.categories()).iter() {
            self.say_of(ReasonCode::NoConsent, category, Reference::None);
            if no_exception {
                self.say_of(ReasonCode::NoException, category, Reference::None);
            }
            if bringer {
                self.say_of(ReasonCode::BringerProtected, category, Reference::None);
            }
        }
    }
}

/// What one record permits: categories, and how far at most.
#[derive(Clone, Copy)]
struct Permitted {
    categories: Categories,
    within: Reach,
}

impl Permitted {
    const NOTHING: Self = Self { categories: Categories::EMPTY, within: Reach::NOTHING };

    fn all(categories: Categories) -> Self {
        Self { categories, within: Reach::whole(categories) }
    }

    fn within_denials(self, denied: Categories) -> Reach {
        self.within.within(self.categories.difference(denied))
    }
}

fn suspects(permission: &Permission<'_>) -> Categories {
    permission.permitted.intersection(Categories::only(DataCategory::Suspects))
}
