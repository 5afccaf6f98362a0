//! Single acts of a history: consents, refusals, withdrawals, exceptions.

use super::dice::{Dice, consent, exception, organization, subject, tip, unit, verification};
use super::{BEGIN, Theme, categories};
use crate::evaluator::tables::{DAY, HOUR};
use egide_domain::event::{
    AuthorityVerified, ConsentGiven, ConsentRefused, ConsentWithdrawn, DataPeriod, ExceptionAsserted, Expiry,
    Instrument, RecipientScope,
};
use egide_domain::set::Set;
use egide_domain::vocabulary::{
    AgeBand, Answer, Authority, ConsentCapacity, ConsentKind, ExceptionGround, ExceptionKind, GrantorKind,
    InstrumentKind, Purpose, RecipientKind,
};
use egide_domain::{Basis, Categories, Jurisdictions, Purposes, Timestamp};

/// A basis a request relies on.
pub(crate) fn basis(dice: &mut Dice) -> Basis {
    match dice.below(3) {
        0 => Basis::Consent(consent(dice.small())),
        1 => Basis::ReportConsent(consent(dice.small())),
        _ => Basis::Exception(exception(dice.small()), dice.pick(ExceptionKind::ALL)),
    }
}

fn moment(dice: &mut Dice) -> Timestamp {
    Timestamp(BEGIN + dice.pick(&[-DAY, 0, HOUR, DAY, 2 * DAY, 5 * DAY, 40 * DAY, 1]))
}

/// Whom a record names.
fn scope(dice: &mut Dice, theme: Theme, odd: usize) -> Option<RecipientScope> {
    if dice.chance(odd) {
        return match dice.below(7) {
            0 => None,
            1 => Some(RecipientScope::Anyone),
            2 => Some(RecipientScope::Kind(dice.pick(RecipientKind::ALL))),
            5 | 6 => Some(RecipientScope::KindInRegion(theme.kind, dice.some_of(40))),
            3 => Some(RecipientScope::Unit(unit(dice.small()))),
            _ => Some(RecipientScope::Organization(organization(dice.small()))),
        };
    }
    Some(match dice.below(8) {
        0 => RecipientScope::KindInRegion(theme.kind, Jurisdictions::all()),
        1..4 => RecipientScope::Unit(unit(1)),
        4..6 => RecipientScope::Organization(organization(1)),
        _ => RecipientScope::Kind(theme.kind),
    })
}

const AUTHORITIES: [Authority; 5] = [
    Authority::ParentOrGuardian,
    Authority::ParentOrGuardian,
    Authority::ParentOrGuardian,
    Authority::CourtAppointed,
    Authority::PowerOfAttorney,
];

/// A period of data, now and then an empty one.
fn period(dice: &mut Dice) -> DataPeriod {
    DataPeriod { from: dice.chance(70).then(|| moment(dice)), until: dice.chance(60).then(|| moment(dice)) }
}

/// A verification of the authority that consents mostly claim.
pub(crate) fn verified(dice: &mut Dice) -> AuthorityVerified {
    AuthorityVerified {
        verification_id: verification(dice.small()),
        subject_id: subject(dice.small()),
        representative_subject_id: subject(dice.small()),
        authority: dice.pick(&AUTHORITIES),
        expires_at: dice.chance(25).then(|| moment(dice)),
    }
}

fn answer(dice: &mut Dice) -> Option<Answer> {
    if dice.chance(94) { Some(Answer::Yes) } else { dice.maybe(Answer::ALL, 70) }
}

/// A consent, mostly one that counts.
pub(crate) fn given(dice: &mut Dice, theme: Theme) -> ConsentGiven {
    let report = theme.kind == RecipientKind::InvestigatingAgency && dice.chance(40) || dice.chance(3);
    let kind = if report { ConsentKind::Report } else { ConsentKind::DataSubject };
    let nobody = if report { 25 } else { 3 };
    let calm = theme.calm;
    let represented = dice.chance(if calm { 8 } else { 15 });
    let (free, understood) = if calm { (Some(Answer::Yes), Some(Answer::Yes)) } else { (answer(dice), answer(dice)) };
    ConsentGiven {
        consent_id: consent(dice.small()),
        subject_id: if dice.chance(nobody) { None } else { Some(subject(dice.small())) },
        kind: if calm || dice.chance(97) { Some(kind) } else { dice.maybe(ConsentKind::ALL, 50) },
        grantor: if represented {
            Some(GrantorKind::Representative)
        } else if calm || dice.chance(94) {
            Some(GrantorKind::Self_)
        } else {
            dice.maybe(GrantorKind::ALL, 70)
        },
        representative_subject_id: dice.chance(if represented { 97 } else { 4 }).then(|| subject(dice.small())),
        recipient: scope(dice, theme, if calm { 2 } else { 12 }),
        purposes: if calm || dice.chance(80) { Purposes::only(theme.purpose) } else { dice.some_of::<Purpose>(40) },
        permitted: if calm { dice.some_of(80) } else { categories(dice) },
        denied: if dice.chance(if calm { 92 } else { 80 }) { Categories::EMPTY } else { dice.some_of(20) },
        not_before: dice.chance(if calm { 5 } else { 15 }).then(|| moment(dice)),
        expiry: match dice.below(if calm { 10 } else { 4 }) {
            0 => Expiry::At(moment(dice)),
            1 => Expiry::Absent,
            _ => Expiry::Unlimited,
        },
        standing: dice.chance(65),
        onward_sharing: dice.chance(30),
        speaking_freely: free,
        understood,
        supersedes: if dice.chance(if calm { 12 } else { 25 }) { vec![consent(dice.small())] } else { Vec::new() },
        about_bringer: if dice.chance(60) { Categories::EMPTY } else { dice.some_of(40) },
        tip_id: if dice.chance(if report { 92 } else { 5 }) { Some(tip(dice.small())) } else { None },
        capacity: dice.maybe(
            &[
                ConsentCapacity::Adult,
                ConsentCapacity::MatureMinor,
                ConsentCapacity::MatureMinor,
                ConsentCapacity::Doubtful,
            ],
            if calm { 20 } else { 50 },
        ),
        age_at_grant: dice.maybe(AgeBand::ALL, if calm { 4 } else { 12 }),
        authority: if represented { dice.maybe(&AUTHORITIES, 97) } else { None },
        data_period: if dice.chance(if calm { 12 } else { 18 }) { Some(period(dice)) } else { None },
        conditions: if dice.chance(if calm { 92 } else { 80 }) { Set::EMPTY } else { dice.some_of(40) },
    }
}

pub(crate) fn refused(dice: &mut Dice, theme: Theme) -> ConsentRefused {
    ConsentRefused {
        consent_id: consent(dice.small()),
        subject_id: subject(dice.small()),
        recipient: scope(dice, theme, 40),
        denied: if dice.chance(30) { Categories::EMPTY } else { dice.some_of(30) },
    }
}

pub(crate) fn withdrawn(dice: &mut Dice) -> ConsentWithdrawn {
    ConsentWithdrawn {
        consent_id: dice.chance(70).then(|| consent(dice.small())),
        subject_id: dice.chance(80).then(|| subject(dice.small())),
        categories: if dice.chance(50) { Categories::EMPTY } else { dice.some_of(40) },
    }
}

fn instrument(dice: &mut Dice) -> Instrument {
    let usual = |dice: &mut Dice| dice.chance(94);
    Instrument {
        kind: dice.maybe(InstrumentKind::ALL, 96),
        issuer: if usual(dice) { "court".to_owned() } else { String::new() },
        issued_on: if usual(dice) { "2024-02-20".to_owned() } else { String::new() },
        return_at: dice.chance(85).then(|| moment(dice)),
        scope: if dice.chance(60) { Categories::all() } else { dice.some_of(50) },
        unit_id: if usual(dice) { Some(unit(if dice.chance(90) { 1 } else { 2 })) } else { None },
        document_digest: usual(dice).then_some([7; 32]),
    }
}

/// An exception, mostly of the kind that the theme asks for.
pub(crate) fn asserted(dice: &mut Dice, theme: Theme) -> ExceptionAsserted {
    let usual = match theme.purpose {
        Purpose::LegalObligation => ExceptionKind::LegalRequirement,
        Purpose::EmergencyResponse => ExceptionKind::ImminentDanger,
        Purpose::Investigation | Purpose::ChildProtection | Purpose::SupportService => ExceptionKind::Minor,
    };
    let kind = dice.mostly(usual, 92, ExceptionKind::ALL);
    let ground = match kind {
        ExceptionKind::LegalRequirement => ExceptionGround::Instrument,
        ExceptionKind::ImminentDanger => ExceptionGround::ThreatToLife,
        ExceptionKind::Minor => ExceptionGround::SuspectedAbuse,
    };
    let legal = kind == ExceptionKind::LegalRequirement;
    ExceptionAsserted {
        exception_id: exception(dice.small()),
        kind,
        subject_ids: (0..dice.below(4) + usize::from(dice.chance(95))).map(|_| subject(dice.small())).collect(),
        grounds: if dice.chance(92) { Set::only(ground) } else { dice.some_of(30) },
        instrument: dice.chance(if legal { 97 } else { 4 }).then(|| instrument(dice)),
        break_glass: dice.chance(50),
    }
}
