//! Consent: permissions, denials, withdrawals, and what a report consent reaches.

use super::case::{Authorised, Case, Majority, Person, Said, another, is_minor_band, supervises};
use super::recipient::Unit;
use super::tables::Tables;
use egide_domain::decision::Basis;
use egide_domain::event::{ConsentGiven, ConsentWithdrawn, Expiry, RecipientScope};
use egide_domain::ids::{ConsentId, ReferralId, SubjectId};
use egide_domain::vocabulary::{
    Answer, Authority, ConsentCapacity, ConsentCondition, ConsentKind, DataCategory, GrantorKind, PersonRole, Purpose,
};

/// What is asked, as far as consent goes.
pub(crate) struct Asked<'a> {
    pub(crate) case: &'a Case,
    pub(crate) unit: &'a Unit<'a>,
    pub(crate) purpose: Purpose,
    pub(crate) tables: &'a Tables,
    pub(crate) now: i64,
    /// The referral that is delivered: its own use of a consent does not stand in its way.
    pub(crate) delivering: Option<ReferralId>,
}

impl Asked<'_> {
    /// A permission names the unit, its organisation, or the unit's kind; to anyone is to nobody.
    fn permits_to(&self, scope: Option<RecipientScope>) -> bool {
        match scope {
            Some(RecipientScope::Unit(unit)) => unit == self.unit.unit.unit_id,
            Some(RecipientScope::Organization(organization)) => organization == self.unit.organization.organization_id,
            Some(RecipientScope::Kind(kind)) => self.unit.kind() == Some(kind),
            // Every place it has on record lies in the regions, and it has some; national reach lies in none.
            Some(RecipientScope::KindInRegion(kind, regions)) => {
                let places = &self.unit.unit.jurisdictions;
                self.unit.kind() == Some(kind)
                    && !self.unit.unit.national
                    && !places.is_empty()
                    && places.iter().all(|place| regions.contains(place))
            }
            Some(RecipientScope::Anyone) | None => false,
        }
    }

    /// A denial names the recipient, its organisation, either one's kind, or anyone; naming nobody denies to everybody.
    fn denies_to(&self, scope: Option<RecipientScope>) -> bool {
        match scope {
            Some(RecipientScope::Kind(kind)) => {
                self.unit.kind() == Some(kind) || self.unit.organization.kind == Some(kind)
            }
            // Any place it has on record lies in the regions, or it has none, or it has them all.
            Some(RecipientScope::KindInRegion(kind, regions)) => {
                let places = &self.unit.unit.jurisdictions;
                let there =
                    self.unit.unit.national || places.is_empty() || places.iter().any(|place| regions.contains(place));
                self.denies_to(Some(RecipientScope::Kind(kind))) && there
            }
            Some(RecipientScope::Unit(_) | RecipientScope::Organization(_)) => self.permits_to(scope),
            Some(RecipientScope::Anyone) | None => true,
        }
    }

    /// Until when a consent holds, exclusive; `None`: expressly without end. A representative's not longer than the authority.
    pub(crate) fn end(&self, consent: &Said<ConsentGiven>) -> Option<i64> {
        let said = match consent.what.expiry {
            Expiry::At(end) => Some(end.0),
            Expiry::Unlimited => None,
            Expiry::Absent => Some(consent.at + self.tables.period("consent_default")),
        };
        if consent.what.grantor != Some(GrantorKind::Representative) {
            return said;
        }
        let ends: Vec<Option<i64>> =
            self.authorities(consent).map(|it| it.verified.expires_at.map(|end| end.0)).collect();
        let longest = if ends.contains(&None) { None } else { ends.into_iter().flatten().max() };
        said.into_iter().chain(longest).min()
    }

    /// The verified authorities that count for a representative's consent now.
    fn authorities<'s>(&'s self, consent: &'s Said<ConsentGiven>) -> impl Iterator<Item = &'s Authorised> {
        let said = &consent.what;
        self.case.authorities.iter().filter(|it| {
            Some(it.verified.subject_id) == said.subject_id
                && Some(it.verified.representative_subject_id) == said.representative_subject_id
                && Some(it.verified.authority) == said.authority
                && supervises(&it.by)
                && another(&it.by, &consent.by)
                && !it.revoked
                && it.verified.expires_at.is_none_or(|end| self.now < end.0)
        })
    }

    /// Whether the record could permit anything at all now, whoever's data and whatever category.
    pub(crate) fn lives(&self, consent: &Said<ConsentGiven>) -> bool {
        let said = &consent.what;
        self.given_by_who_may(consent)
            && said.capacity != Some(ConsentCapacity::Doubtful)
            && said.data_period.is_none_or(|period| match (period.from, period.until) {
                (Some(from), Some(until)) => from < until,
                (_, _) => true,
            })
            && (!said.conditions.contains(ConsentCondition::OnlyWhenUrgent) || self.case.urgent(self.tables, self.now))
            && said.speaking_freely == Some(Answer::Yes)
            && said.understood == Some(Answer::Yes)
            && self.permits_to(said.recipient)
            && said.purposes.contains(self.purpose)
            && said.not_before.is_none_or(|from| from.0 <= self.now)
            && self.end(consent).is_none_or(|end| self.now < end)
            && !said.subject_id.is_some_and(|subject| self.case.erased(subject))
            && !self.superseded(consent)
            && (said.standing || !self.used(said.consent_id))
    }

    /// The person themself; or a representative whose authority a supervisor verified.
    fn given_by_who_may(&self, consent: &Said<ConsentGiven>) -> bool {
        match consent.what.grantor {
            Some(GrantorKind::Self_) => {
                consent.what.kind == Some(ConsentKind::Report) || self.old_enough_alone(consent)
            }
            Some(GrantorKind::Representative) => self.represented(consent),
            None => false,
        }
    }

    /// Whether the person consents alone: who is not, and may not be, under 18; or a mature minor under a row of the tables.
    pub(crate) fn old_enough_alone(&self, consent: &Said<ConsentGiven>) -> bool {
        let said = &consent.what;
        let nobody = Person::default();
        let person = said.subject_id.and_then(|id| self.case.people.get(&id)).unwrap_or(&nobody);
        let majority = person.majority(self.tables, self.now);
        let young = match majority {
            Majority::Minor => true,
            Majority::Adult => false,
            Majority::Unknown => person.was_minor || said.age_at_grant.is_some_and(is_minor_band),
        };
        let places = self.case.places_of(person);
        let lowest = person.years(self.tables, self.now).map(|(lowest, _)| lowest);
        let row_covers = self.tables.mature_minors.iter().any(|row| {
            row.standing.counts(self.now)
                && row.purposes.contains(&self.purpose)
                && self.unit.kind().is_some_and(|kind| row.recipients.contains(&kind))
                && !places.is_empty()
                && places.is_subset(&row.jurisdictions)
                && lowest.is_some_and(|lowest| row.from_age <= lowest)
        });
        !young || (said.capacity == Some(ConsentCapacity::MatureMinor) && row_covers)
    }

    /// Whether the representative who gave it may speak for the person, as a supervisor verified who did not record it.
    fn represented(&self, consent: &Said<ConsentGiven>) -> bool {
        let said = &consent.what;
        let (Some(subject), Some(representative), Some(claimed)) =
            (said.subject_id, said.representative_subject_id, said.authority)
        else {
            return false;
        };
        let no_suspect = self.case.people.get(&representative).is_some_and(|person| {
            // Somebody of whom nothing but an erasure is known is nobody of the case.
            let only_erased = person.erased && person.roles.is_empty();
            !person.is(PersonRole::Suspect) && !only_erased
        });
        let Some(person) = self.case.people.get(&subject) else { return false };
        let adult = person.majority(self.tables, self.now) == Majority::Adult;
        let verified = self.authorities(consent).next().is_some();
        no_suspect && verified && !(claimed == Authority::ParentOrGuardian && adult)
    }

    /// What a newer record names never permits again, whosever it is and whatever became of it.
    fn superseded(&self, consent: &Said<ConsentGiven>) -> bool {
        let newer = self.case.given.iter().filter(|record| record.order > consent.order);
        newer.into_iter().any(|record| record.what.supersedes.contains(&consent.what.consent_id))
    }

    /// Used up by any referral that rests on it, but not for delivering that same referral.
    fn used(&self, consent_id: ConsentId) -> bool {
        let rests = |basis: &Basis| match basis {
            Basis::Consent(id) | Basis::ReportConsent(id) => *id == consent_id,
            Basis::Exception(..) => false,
        };
        let others = self.case.referrals.iter().filter(|it| Some(it.released.referral_id) != self.delivering);
        others.into_iter().any(|referral| {
            let decision = self.case.decisions.get(&referral.released.decision_id);
            // What a referral rests on that nobody decided is not known: on everything, then.
            decision.is_none_or(|decision| decision.bases.iter().any(rests))
        })
    }

    /// Whether a newer withdrawal takes the category back.
    fn taken_back(&self, consent: &Said<ConsentGiven>, category: DataCategory) -> bool {
        let newer = self.case.withdrawn.iter().filter(|withdrawal| withdrawal.order > consent.order);
        newer.into_iter().any(|withdrawal| {
            let said = &withdrawal.what;
            let about = said.categories.is_empty() || said.categories.contains(category);
            about && self.withdraws(withdrawal, consent)
        })
    }

    fn withdraws(&self, withdrawal: &Said<ConsentWithdrawn>, consent: &Said<ConsentGiven>) -> bool {
        let (order, withdrawal) = (withdrawal.order, &withdrawal.what);
        let whose = withdrawal.subject_id;
        // The record it names, whoever it says gave it.
        if withdrawal.consent_id == Some(consent.what.consent_id) {
            return true;
        }
        // It names another record that the person has: only that one.
        if withdrawal.consent_id.is_some_and(|named| self.had_record(order, whose, named)) {
            return false;
        }
        // It names none, or one that the person does not have: everything of that person; of nobody: everything.
        whose.is_none() || whose == consent.what.subject_id
    }

    /// Whether the person had a record of this id when something was said.
    fn had_record(&self, before: u64, whose: Option<SubjectId>, named: ConsentId) -> bool {
        let mine = |subject: Option<SubjectId>| whose.is_none() || whose == subject;
        let given = self.case.given.iter().filter(|record| record.order < before);
        let refused = self.case.refused.iter().filter(|record| record.order < before);
        given.into_iter().any(|it| it.what.consent_id == named && mine(it.what.subject_id))
            || refused.into_iter().any(|it| it.what.consent_id == named && mine(Some(it.what.subject_id)))
    }

    /// Whether a denial of this person holds the category back from this permission.
    pub(crate) fn denied(&self, whose: SubjectId, category: DataCategory, permission: &Said<ConsentGiven>) -> bool {
        let beaten = |order: u64, denial: ConsentId| {
            permission.order > order
                && permission.what.subject_id == Some(whose)
                && permission.what.supersedes.contains(&denial)
        };
        let refused = self.case.refused.iter().any(|refusal| {
            let said = &refusal.what;
            said.subject_id == whose
                && self.denies_to(said.recipient)
                && (said.denied.is_empty() || said.denied.contains(category))
                && !beaten(refusal.order, said.consent_id)
        });
        let denied = self.case.given.iter().any(|record| {
            let said = &record.what;
            said.subject_id == Some(whose)
                && self.denies_to(said.recipient)
                && (said.purposes.is_empty() || said.purposes.contains(self.purpose))
                && said.denied.contains(category)
                && !beaten(record.order, said.consent_id)
        });
        refused || denied
    }

    /// The data subject's own consents that permit a category, denials apart.
    pub(crate) fn own(&self, whose: SubjectId, category: DataCategory) -> Vec<&Said<ConsentGiven>> {
        let lets = |record: &&Said<ConsentGiven>| {
            record.what.kind == Some(ConsentKind::DataSubject)
                && record.what.subject_id == Some(whose)
                && record.what.permitted.contains(category)
                && self.lives(record)
                && !self.taken_back(record, category)
        };
        self.case.given.iter().filter(lets).collect()
    }

    /// Whether a person has said anything about their own data that concerns this recipient: given, refused, or taken back
    /// everything.
    pub(crate) fn spoke(&self, whose: SubjectId) -> bool {
        let given = |record: &Said<ConsentGiven>| {
            // Whose word it is may be left out: then it may be theirs.
            record.what.subject_id.is_none_or(|giver| giver == whose)
                && record.what.kind != Some(ConsentKind::Report)
                && self.denies_to(record.what.recipient)
        };
        let took_back = |it: &Said<ConsentWithdrawn>| {
            let one_record = it.what.consent_id.is_some_and(|named| self.had_record(it.order, Some(whose), named));
            it.what.subject_id == Some(whose) && !one_record
        };
        self.case.given.iter().any(given)
            || self.case.refused.iter().any(|it| it.what.subject_id == whose && self.denies_to(it.what.recipient))
            || self.case.withdrawn.iter().any(took_back)
    }

    /// Whether a report consent lets a category through that it names in `permitted` or, about its bringer, in
    /// `about_bringer`.
    pub(crate) fn report_holds(&self, record: &Said<ConsentGiven>, category: DataCategory) -> bool {
        record.what.kind == Some(ConsentKind::Report)
            && self.lives(record)
            && !self.taken_back(record, category)
            && !record.what.denied.contains(category)
    }
}
