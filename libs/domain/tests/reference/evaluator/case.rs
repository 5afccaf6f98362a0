//! What the events of a case say, in the order of the log.

use super::stories::Stories;
use super::tables::{HOUR, Tables};
use egide_domain::event::{
    Actor, ApprovalRequested, AuthorityVerified, CaseEvent, ConsentGiven, ConsentRefused, ConsentWithdrawn,
    DisclosureDecided, ExceptionAsserted, Recorded, ReferralReleased, Shredded,
};
use egide_domain::ids::{ApprovalId, DecisionId, ExceptionId, ReferralId, SubjectId, TipId};
use egide_domain::vocabulary::{
    AgeBand, Answer, ApproachRule, ApprovalOutcome, Channel, ContactPermission, ExceptionKind, InstrumentKind,
    Jurisdiction, PersonRole, RecallReason, ReviewOutcome, Role, TriageLevel,
};
use std::collections::{BTreeMap, BTreeSet};

/// A person of the case.
#[derive(Default)]
pub(crate) struct Person {
    pub(crate) roles: BTreeSet<PersonRole>,
    pub(crate) age: Option<(AgeBand, i64)>,
    /// Whether ever assessed to be under 18.
    pub(crate) was_minor: bool,
    pub(crate) place: Option<Jurisdiction>,
    pub(crate) contact: Option<ContactPermission>,
    /// What whoever contacts the person keeps to.
    pub(crate) approach: BTreeSet<ApproachRule>,
    pub(crate) erased: bool,
}

/// What is certain of somebody's age.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Majority {
    Minor,
    Adult,
    Unknown,
}

/// A tip.
pub(crate) struct Tip {
    pub(crate) tip_id: TipId,
    pub(crate) channel: Option<Channel>,
    pub(crate) bringer: Option<SubjectId>,
    pub(crate) minor: bool,
    pub(crate) review: Option<ReviewOutcome>,
}

/// Something said about consent, with its place in the log.
pub(crate) struct Said<T> {
    pub(crate) order: u64,
    pub(crate) by: Actor,
    pub(crate) at: i64,
    pub(crate) what: T,
}

/// An exception.
pub(crate) struct Exception {
    pub(crate) asserted: ExceptionAsserted,
    pub(crate) by: Actor,
    pub(crate) at: i64,
    pub(crate) confirmed: bool,
    pub(crate) lifted: bool,
}

/// A released referral.
pub(crate) struct Referral {
    pub(crate) released: ReferralReleased,
    pub(crate) recalled: bool,
    /// Whether each of its recalls only made room for another one.
    pub(crate) replaced: bool,
}

/// Somebody's authority to speak for another person.
pub(crate) struct Authorised {
    pub(crate) verified: AuthorityVerified,
    pub(crate) by: Actor,
    pub(crate) revoked: bool,
}

/// An approval that was asked for.
pub(crate) struct Approval {
    pub(crate) asked: ApprovalRequested,
    pub(crate) by: Actor,
    /// The first grant in time by another person than asked.
    pub(crate) granted: Option<(i64, Actor)>,
    pub(crate) rejected: bool,
}

/// A case.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) opened: bool,
    pub(crate) closed: bool,
    pub(crate) unreadable: bool,
    pub(crate) erased: bool,
    pub(crate) jurisdiction: Option<Jurisdiction>,
    pub(crate) people: BTreeMap<SubjectId, Person>,
    pub(crate) tips: Vec<Tip>,
    pub(crate) assessed: Option<TriageLevel>,
    pub(crate) given: Vec<Said<ConsentGiven>>,
    pub(crate) refused: Vec<Said<ConsentRefused>>,
    pub(crate) withdrawn: Vec<Said<ConsentWithdrawn>>,
    pub(crate) exceptions: BTreeMap<ExceptionId, Exception>,
    pub(crate) decisions: BTreeMap<DecisionId, DisclosureDecided>,
    pub(crate) referrals: Vec<Referral>,
    pub(crate) authorities: Vec<Authorised>,
    pub(crate) approvals: BTreeMap<ApprovalId, Approval>,
    pub(crate) stories: Stories,
}

impl Person {
    pub(crate) fn is(&self, role: PersonRole) -> bool {
        self.roles.contains(&role)
    }

    /// Suspects are never asked, but who is also potential victim, child or caller is not treated as a suspect.
    pub(crate) fn only_suspect(&self) -> bool {
        self.is(PersonRole::Suspect)
            && ![PersonRole::PotentialVictim, PersonRole::Child, PersonRole::Caller].iter().any(|role| self.is(*role))
    }

    /// The lowest and the highest age in full years that the newest assessment leaves possible now; `None`: nothing is known.
    /// While it is fresh, its band; after that everything that may have become of it, for a birthday may lie between.
    pub(crate) fn years(&self, tables: &Tables, now: i64) -> Option<(i64, i64)> {
        let (band, at) = self.age?;
        let (lowest, highest) = match band {
            AgeBand::Under16 => (0, 15),
            AgeBand::From16To17 => (16, 17),
            AgeBand::Exactly18 => (18, 18),
            AgeBand::From19 => (19, 1_000),
            AgeBand::Minor => (0, 17),
            AgeBand::Adult => (18, 1_000),
        };
        if now < at + tables.period("age_assessment") {
            return Some((lowest, highest));
        }
        let since = (now - at) / (8_766 * HOUR);
        Some((lowest + since, highest + since + 1))
    }

    pub(crate) fn majority(&self, tables: &Tables, now: i64) -> Majority {
        match self.years(tables, now) {
            Some((lowest, _)) if lowest >= 18 => Majority::Adult,
            Some((_, highest)) if highest < 18 => Majority::Minor,
            Some(_) | None => Majority::Unknown,
        }
    }
}

impl Case {
    pub(crate) fn read(events: &[Recorded<CaseEvent>]) -> Self {
        let mut case = Self::default();
        for recorded in events {
            case.hear(recorded);
        }
        case
    }

    fn person(&mut self, subject_id: SubjectId) -> &mut Person {
        let erased = self.erased;
        self.people.entry(subject_id).or_insert_with(|| Person { erased, ..Person::default() })
    }

    fn hear(&mut self, recorded: &Recorded<CaseEvent>) {
        let (order, at, actor) = (recorded.revision.0, recorded.recorded_at.0, &recorded.actor);
        match &recorded.event {
            CaseEvent::CaseOpened(opened) => {
                self.opened = true;
                self.jurisdiction = self.jurisdiction.or(opened.jurisdiction);
            }
            CaseEvent::CaseClosed(_) => self.closed = true,
            CaseEvent::CaseReopened(_) => self.closed = false,
            CaseEvent::Unreadable => self.unreadable = true,
            CaseEvent::PersonIdentified(said) => {
                self.stories.named(order);
                self.person(said.subject_id).roles.extend(said.roles.iter());
            }
            CaseEvent::SuspectDescribed(_) => self.stories.named(order),
            CaseEvent::NarrativeRecorded(said) => self.stories.told(said),
            CaseEvent::NarrativeReviewRequested(said) => self.stories.requested(said, actor),
            CaseEvent::NarrativeAttested(said) => self.stories.attested(said, actor, order),
            CaseEvent::NarrativeWithheld(said) => self.stories.withheld(said),
            CaseEvent::AgeAssessed(said) => {
                let person = self.person(said.subject_id);
                person.age = said.band.map(|band| (band, at));
                person.was_minor |= said.band.is_some_and(is_minor_band);
            }
            CaseEvent::ContactRecorded(said) => {
                let person = self.person(said.subject_id);
                // The newest record that says whether gives the rules, too; later ones that only have rules add to them.
                if said.permission.is_some() {
                    person.approach.clear();
                }
                person.approach.extend(said.rules.iter());
                person.contact = said.permission.or(person.contact);
            }
            CaseEvent::WhereaboutsRecorded(said) => {
                let person = self.person(said.subject_id);
                person.place = said.jurisdiction.or(person.place);
            }
            CaseEvent::TriageAssessed(said) => self.assessed = Some(said.level),
            CaseEvent::TipReceived(said) => self.tips.push(Tip {
                tip_id: said.tip_id,
                channel: said.channel,
                bringer: said.bringer_subject_id,
                minor: said.concerns_minor == Some(Answer::Yes),
                review: None,
            }),
            CaseEvent::SupervisorReviewed(said) => {
                // Of two tips under one id the later is another tip, which nobody reviewed.
                // Somebody else than a supervisor can only hold back.
                let counts = is_supervisor(actor) || said.outcome == ReviewOutcome::DoNotReport;
                if let Some(tip) = self.tips.iter_mut().find(|tip| tip.tip_id == said.tip_id)
                    && counts
                {
                    tip.review = Some(said.outcome);
                }
            }
            CaseEvent::ConsentGiven(said) => self.given.push(Said { order, by: actor.clone(), at, what: said.clone() }),
            CaseEvent::ConsentRefused(said) => {
                self.refused.push(Said { order, by: actor.clone(), at, what: said.clone() })
            }
            CaseEvent::ConsentWithdrawn(said) => {
                self.withdrawn.push(Said { order, by: actor.clone(), at, what: said.clone() })
            }
            CaseEvent::ExceptionAsserted(said) => {
                let fresh =
                    Exception { asserted: said.clone(), by: actor.clone(), at, confirmed: false, lifted: false };
                self.exceptions.entry(said.exception_id).or_insert(fresh);
            }
            CaseEvent::ExceptionConfirmed(said) => {
                if let Some(exception) = self.exceptions.get_mut(&said.exception_id) {
                    exception.confirmed |= !exception.lifted && is_supervisor(actor) && another(actor, &exception.by);
                }
            }
            CaseEvent::ExceptionLifted(said) => {
                if let Some(exception) = self.exceptions.get_mut(&said.exception_id) {
                    exception.lifted = true;
                }
            }
            CaseEvent::DisclosureDecided(said) => {
                self.decisions.entry(said.decision_id).or_insert_with(|| said.clone());
            }
            // Of two under one id the first is meant, but the second has used up what it rests on.
            CaseEvent::ReferralReleased(said) => {
                self.referrals.push(Referral { released: said.clone(), recalled: false, replaced: true });
            }
            CaseEvent::ReferralRecalled(said) => {
                let named = self.referrals.iter_mut().filter(|it| it.released.referral_id == said.referral_id);
                for referral in named {
                    referral.recalled = true;
                    referral.replaced &=
                        matches!(said.reason, Some(RecallReason::Correction | RecallReason::Superseded));
                }
            }
            CaseEvent::AuthorityVerified(said) => {
                self.authorities.push(Authorised { verified: said.clone(), by: actor.clone(), revoked: false });
            }
            CaseEvent::AuthorityRevoked(said) => {
                let named =
                    self.authorities.iter_mut().filter(|it| it.verified.verification_id == said.verification_id);
                named.for_each(|it| it.revoked = true);
            }
            CaseEvent::ApprovalRequested(said) => {
                let fresh = Approval { asked: said.clone(), by: actor.clone(), granted: None, rejected: false };
                self.approvals.entry(said.approval_id).or_insert(fresh);
            }
            CaseEvent::ApprovalDecided(said) => {
                if let Some(approval) = self.approvals.get_mut(&said.approval_id) {
                    let in_time = approval.asked.expires_at.is_some_and(|end| at < end.0);
                    match said.outcome {
                        ApprovalOutcome::Granted if in_time && another(actor, &approval.by) => {
                            approval.granted.get_or_insert((at, actor.clone()));
                        }
                        ApprovalOutcome::Granted => {}
                        ApprovalOutcome::Rejected | ApprovalOutcome::Expired => approval.rejected = true,
                    }
                }
            }
            CaseEvent::KeyShredded(said) => match said.whose {
                Shredded::Person(subject_id) => self.person(subject_id).erased = true,
                Shredded::Narrative(narrative_id) => self.stories.shredded(narrative_id),
                Shredded::Case => {
                    self.erased = true;
                    self.people.values_mut().for_each(|person| person.erased = true);
                }
            },
            // What is told here says nothing about who may get it.
            CaseEvent::SituationRecorded(_)
            | CaseEvent::ImmigrationRecorded(_)
            | CaseEvent::HealthRecorded(_)
            | CaseEvent::FinancesRecorded(_)
            | CaseEvent::ReferralDelivered(_)
            | CaseEvent::ReferralAcknowledged(_)
            | CaseEvent::DisclosedOutsideSystem(_)
            | CaseEvent::LegalHoldPlaced(_)
            | CaseEvent::LegalHoldLifted(_)
            | CaseEvent::NumberAssigned(_)
            | CaseEvent::PhraseChosen(_)
            | CaseEvent::WishesRecorded(_)
            | CaseEvent::ObligationNoted(_)
            | CaseEvent::ContactCleared(_)
            | CaseEvent::ContactMade(_)
            | CaseEvent::OutsideDisclosureReviewed(_)
            | CaseEvent::RecallAcknowledged(_)
            | CaseEvent::UnitNotified(_)
            | CaseEvent::ReferralExpired(_) => {}
        }
    }

    pub(crate) fn referral(&self, referral_id: ReferralId) -> Option<&Referral> {
        self.referrals.iter().find(|referral| referral.released.referral_id == referral_id)
    }

    pub(crate) fn tip(&self, tip_id: TipId) -> Option<&Tip> {
        self.tips.iter().find(|tip| tip.tip_id == tip_id)
    }

    pub(crate) fn erased(&self, subject_id: SubjectId) -> bool {
        self.erased || self.people.get(&subject_id).is_some_and(|person| person.erased)
    }

    /// Who brought information to the case: a caller, or named as the bringer of a tip.
    pub(crate) fn is_bringer(&self, subject_id: SubjectId) -> bool {
        self.people.get(&subject_id).is_some_and(|person| person.is(PersonRole::Caller))
            || self.tips.iter().any(|tip| tip.bringer == Some(subject_id))
    }

    /// Whether the case concerns somebody under 18, by the age of anybody who is not only a suspect, or by a tip.
    fn concerns_minor(&self, tables: &Tables, now: i64) -> bool {
        let young = |person: &Person| !person.only_suspect() && person.majority(tables, now) == Majority::Minor;
        self.people.values().any(young) || self.tips.iter().any(|tip| tip.minor)
    }

    /// Every case with a minor is urgent (hotline policy, row 10).
    pub(crate) fn urgent(&self, tables: &Tables, now: i64) -> bool {
        self.concerns_minor(tables, now) || self.assessed == Some(TriageLevel::Urgent)
    }

    /// A minor in the case makes it urgent, but a case nobody assessed is not triaged.
    pub(crate) fn triage(&self, tables: &Tables, now: i64) -> Option<TriageLevel> {
        self.assessed.map(|level| if self.urgent(tables, now) { TriageLevel::Urgent } else { level })
    }

    /// Where the case is: as said when it was opened, otherwise wherever its potential victims and children were seen.
    pub(crate) fn places(&self) -> BTreeSet<Jurisdiction> {
        if let Some(place) = self.jurisdiction {
            return BTreeSet::from([place]);
        }
        let concerned = |person: &&Person| person.is(PersonRole::PotentialVictim) || person.is(PersonRole::Child);
        self.people.values().filter(concerned).filter_map(|person| person.place).collect()
    }

    /// Where a person is: as last recorded, otherwise where the case is. A suspect belongs to both.
    pub(crate) fn places_of(&self, person: &Person) -> BTreeSet<Jurisdiction> {
        let own: BTreeSet<Jurisdiction> = person.place.into_iter().collect();
        if person.only_suspect() {
            return own.union(&self.places()).copied().collect();
        }
        if own.is_empty() { self.places() } else { own }
    }

    /// Whether what concerns a person can only be referred, never reported: the person is abroad, or it is not known where
    /// the person is and the case is abroad. A suspect belongs to the case.
    pub(crate) fn abroad_for(&self, person: &Person) -> bool {
        // Everything known of where the case is lies abroad: what was said at its opening and what was seen since.
        let concerned = |person: &&Person| person.is(PersonRole::PotentialVictim) || person.is(PersonRole::Child);
        let seen = self.people.values().filter(concerned).filter_map(|person| person.place);
        let places: BTreeSet<Jurisdiction> = seen.chain(self.jurisdiction).collect();
        let case_abroad = !places.is_empty() && places.iter().all(|place| *place == Jurisdiction::Abroad);
        match person.place {
            Some(place) if !person.only_suspect() => place == Jurisdiction::Abroad,
            Some(_) | None => case_abroad,
        }
    }
}

pub(crate) fn is_minor_band(band: AgeBand) -> bool {
    matches!(band, AgeBand::Under16 | AgeBand::From16To17 | AgeBand::Minor)
}

fn is_supervisor(actor: &Actor) -> bool {
    actor.person.is_some() && actor.role == Some(Role::Supervisor)
}

/// Two different people; a service alone is nobody.
pub(crate) fn another(one: &Actor, other: &Actor) -> bool {
    one.person.is_some() && other.person.is_some() && one.person != other.person
}

pub(crate) fn supervises(actor: &Actor) -> bool {
    is_supervisor(actor)
}

pub(crate) fn responds(actor: &Actor) -> bool {
    actor.person.is_some() && actor.role == Some(Role::Responder)
}

pub(crate) fn is_defence_subpoena(asserted: &ExceptionAsserted) -> bool {
    asserted.kind == ExceptionKind::LegalRequirement
        && asserted
            .instrument
            .as_ref()
            .is_some_and(|instrument| instrument.kind == Some(InstrumentKind::DefenceSubpoena))
}
