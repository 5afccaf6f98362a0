//! Histories told by hand, for the tests that are no chance: a usual case, what is added to it, and a question that the engine
//! and the evaluator must answer alike.

use crate::compare::differences;
use crate::evaluator::tables::HOUR;
use crate::generator::BEGIN;
use crate::generator::dice::{agreement, consent, exception, organization, referral, subject, tip, unit};
use crate::question::{Asked, Change, Rules, Table};
use egide_domain::decision::Decision;
use egide_domain::directory::{AgreementRecorded, DirectoryEvent, OrganizationRegistered, UnitRegistered};
use egide_domain::event::{
    Actor, AgeAssessed, CaseEvent, CaseOpened, ConsentGiven, ConsentRefused, ConsentWithdrawn, ExceptionAsserted,
    ExceptionConfirmed, Expiry, PersonIdentified, RecipientScope, Recorded, SupervisorReviewed, TipReceived,
    TriageAssessed,
};
use egide_domain::ids::{Position, Revision};
use egide_domain::set::Set;
use egide_domain::vocabulary::{
    AgeBand, Answer, Channel, ConsentKind, DataCategory, ExceptionGround, ExceptionKind, GrantorKind, Jurisdiction,
    MaskLevel, PersonRole, Purpose, RecipientKind, ReviewOutcome, Role, TriageLevel,
};
use egide_domain::{Basis, Categories, Jurisdictions, Purposes, Request, Timestamp};
use std::sync::Arc;

/// A history being told, and what will be asked about it.
pub(crate) struct Tale {
    pub(crate) asked: Asked,
    changes: Vec<Change>,
    at: i64,
    actor: Actor,
}

/// A member of staff.
pub(crate) fn staff(person: &str, role: Role) -> Actor {
    Actor { service: "desk".to_owned(), person: Some(person.to_owned()), role: Some(role) }
}

/// A verified unit of this kind with national reach and an agreement about everything for the purpose; a case in Ontario
/// with one potential victim, 1, triaged as not urgent.
pub(crate) fn tale(kind: RecipientKind, purpose: Purpose) -> Tale {
    let registered = OrganizationRegistered {
        organization_id: organization(1),
        kind: Some(kind),
        verified: true,
        jurisdictions: Jurisdictions::EMPTY,
        national: true,
        anonymous_only: false,
    };
    let a_unit = UnitRegistered {
        unit_id: unit(1),
        organization_id: organization(1),
        kind: Some(kind),
        purposes: Purposes::all(),
        jurisdictions: Jurisdictions::EMPTY,
        national: true,
        anonymous_only: false,
    };
    let agreed = AgreementRecorded {
        agreement_id: agreement(1),
        organization_id: organization(1),
        unit_id: None,
        purposes: Purposes::only(purpose),
        categories: Categories::all(),
        valid_from: Some(Timestamp(0)),
        valid_until: None,
    };
    let request = Request {
        unit_id: unit(1),
        organization_id: organization(1),
        purpose: Some(purpose),
        categories: Categories::all(),
        subject_ids: Vec::new(),
        relies_on: Vec::new(),
        mode: None,
        supplementary_to: None,
        approval_id: None,
    };
    let asked = Asked {
        history: Vec::new(),
        directory: Vec::new(),
        request,
        delivering: referral(1),
        now: BEGIN + HOUR,
        rules: Arc::new(Rules::with(Vec::new()).expect("the shipped tables are valid")),
    };
    let mut tale = Tale { asked, changes: Vec::new(), at: BEGIN, actor: staff("ana", Role::Supervisor) };
    for event in [
        DirectoryEvent::OrganizationRegistered(registered),
        DirectoryEvent::UnitRegistered(a_unit),
        DirectoryEvent::AgreementRecorded(agreed),
    ] {
        tale = tale.directory(event);
    }
    tale.opened(Jurisdiction::On).person(1, &[PersonRole::PotentialVictim]).triaged(TriageLevel::NotUrgent)
}

impl Tale {
    /// One more event of the directory, an hour before everything.
    pub(crate) fn directory(mut self, event: DirectoryEvent) -> Self {
        let place = u64::try_from(self.asked.directory.len()).expect("small") + 1;
        let at = Timestamp(BEGIN - HOUR);
        let (revision, position) = (Revision(place), Position(place));
        let actor = self.actor.clone();
        self.asked.directory.push(Recorded { event, revision, position, occurred_at: at, recorded_at: at, actor });
        self
    }

    /// One more event of the case.
    pub(crate) fn says(mut self, event: CaseEvent) -> Self {
        let place = u64::try_from(self.asked.history.len()).expect("small") + 1;
        let at = Timestamp(self.at);
        let (revision, position) = (Revision(place), Position(place));
        let actor = self.actor.clone();
        self.asked.history.push(Recorded { event, revision, position, occurred_at: at, recorded_at: at, actor });
        self
    }

    /// What follows is recorded at this instant.
    pub(crate) fn at(mut self, at: i64) -> Self {
        self.at = at;
        self
    }

    /// What follows is recorded by this person.
    pub(crate) fn by(mut self, person: &str, role: Role) -> Self {
        self.actor = staff(person, role);
        self
    }

    pub(crate) fn opened(self, jurisdiction: Jurisdiction) -> Self {
        self.says(CaseEvent::CaseOpened(CaseOpened { channel: Some(Channel::Phone), jurisdiction: Some(jurisdiction) }))
    }

    pub(crate) fn person(self, number: u8, roles: &[PersonRole]) -> Self {
        let roles = roles.iter().copied().collect();
        self.says(CaseEvent::PersonIdentified(PersonIdentified { subject_id: subject(number), roles }))
    }

    pub(crate) fn age(self, number: u8, band: AgeBand) -> Self {
        self.says(CaseEvent::AgeAssessed(AgeAssessed { subject_id: subject(number), band: Some(band) }))
    }

    pub(crate) fn triaged(self, level: TriageLevel) -> Self {
        self.says(CaseEvent::TriageAssessed(TriageAssessed { level }))
    }

    /// A tip by telephone, brought by somebody or nobody in particular, reviewed to be reported.
    pub(crate) fn tip(self, number: u8, bringer: Option<u8>) -> Self {
        let received = TipReceived {
            tip_id: tip(number),
            channel: Some(Channel::Phone),
            bringer_subject_id: bringer.map(subject),
            concerns_minor: None,
        };
        let reviewed = SupervisorReviewed { tip_id: tip(number), outcome: ReviewOutcome::Report };
        self.says(CaseEvent::TipReceived(received)).says(CaseEvent::SupervisorReviewed(reviewed))
    }

    /// A consent, changed as wanted from one that counts: of the person, to unit 1, for the request's purpose, everything,
    /// without end, standing.
    pub(crate) fn consent(self, number: u8, who: u8, change: impl FnOnce(&mut ConsentGiven)) -> Self {
        let purpose = self.asked.request.purpose.expect("a tale has a purpose");
        let mut given = usual_consent(number, who, purpose);
        change(&mut given);
        self.says(CaseEvent::ConsentGiven(given))
    }

    /// A report consent to unit 1 about situation, whereabouts and suspects, for the tip of the same number.
    pub(crate) fn report_consent(
        self,
        number: u8,
        bringer: Option<u8>,
        change: impl FnOnce(&mut ConsentGiven),
    ) -> Self {
        self.consent(number, 1, |given| {
            given.subject_id = bringer.map(subject);
            given.kind = Some(ConsentKind::Report);
            given.permitted = [DataCategory::Situation, DataCategory::Whereabouts, DataCategory::Suspects].into();
            given.tip_id = Some(tip(number));
            change(given);
        })
    }

    /// A refusal; of nothing in particular is of everything.
    pub(crate) fn refused(
        self,
        number: u8,
        who: u8,
        recipient: Option<RecipientScope>,
        denied: &[DataCategory],
    ) -> Self {
        let denied = denied.iter().copied().collect();
        self.says(CaseEvent::ConsentRefused(ConsentRefused {
            consent_id: consent(number),
            subject_id: subject(who),
            recipient,
            denied,
        }))
    }

    pub(crate) fn withdrawn(self, number: Option<u8>, who: Option<u8>) -> Self {
        self.says(CaseEvent::ConsentWithdrawn(ConsentWithdrawn {
            consent_id: number.map(consent),
            subject_id: who.map(subject),
            categories: Categories::EMPTY,
        }))
    }

    /// An exception about some people on its usual ground.
    pub(crate) fn exception(self, number: u8, kind: ExceptionKind, people: &[u8], break_glass: bool) -> Self {
        let ground = match kind {
            ExceptionKind::Minor => ExceptionGround::SuspectedAbuse,
            ExceptionKind::ImminentDanger => ExceptionGround::ThreatToLife,
            ExceptionKind::LegalRequirement => ExceptionGround::Instrument,
        };
        self.says(CaseEvent::ExceptionAsserted(ExceptionAsserted {
            exception_id: exception(number),
            kind,
            subject_ids: people.iter().map(|number| subject(*number)).collect(),
            grounds: Set::only(ground),
            instrument: None,
            break_glass,
        }))
    }

    pub(crate) fn confirmed(self, number: u8) -> Self {
        self.says(CaseEvent::ExceptionConfirmed(ExceptionConfirmed { exception_id: exception(number) }))
    }

    /// Another value in the tables.
    pub(crate) fn table(mut self, table: Table, at: &str, value: serde_json::Value) -> Self {
        self.changes.push(Change { table, at: at.to_owned(), value });
        self.asked.rules = Arc::new(Rules::with(self.changes.clone()).expect("tables that are valid"));
        self
    }

    /// Relying on these bases only.
    pub(crate) fn relying_on(mut self, bases: &[Basis]) -> Self {
        self.asked.request.relies_on = bases.to_vec();
        self
    }

    /// The answer at an instant, on which engine and evaluator agree.
    pub(crate) fn answer(mut self, now: i64) -> Decision {
        self.asked.now = now;
        let (engine, found) = differences(&self.asked);
        assert!(found.is_empty(), "{found:#?}");
        engine.decision
    }
}

/// A consent that counts.
pub(crate) fn usual_consent(number: u8, who: u8, purpose: Purpose) -> ConsentGiven {
    ConsentGiven {
        consent_id: consent(number),
        subject_id: Some(subject(who)),
        kind: Some(ConsentKind::DataSubject),
        grantor: Some(GrantorKind::Self_),
        representative_subject_id: None,
        recipient: Some(RecipientScope::Unit(unit(1))),
        purposes: Purposes::only(purpose),
        permitted: Categories::all(),
        denied: Categories::EMPTY,
        not_before: None,
        expiry: Expiry::Unlimited,
        standing: true,
        onward_sharing: false,
        speaking_freely: Some(Answer::Yes),
        understood: Some(Answer::Yes),
        supersedes: Vec::new(),
        about_bringer: Categories::EMPTY,
        tip_id: None,
        capacity: None,
        age_at_grant: None,
        authority: None,
        data_period: None,
        conditions: Set::EMPTY,
    }
}

/// How much of a category of a person an answer lets through.
pub(crate) fn level(decision: &Decision, who: u8, category: DataCategory) -> Option<MaskLevel> {
    decision.mask.level(subject(who), category)
}
