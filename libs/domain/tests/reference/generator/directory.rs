//! Organisations with units and agreements.

use super::dice::{Dice, agreement, organization, unit};
use super::{BEGIN, Theme};
use crate::evaluator::tables::DAY;
use egide_domain::directory::{
    AgreementRecorded, DirectoryEvent, EncryptionKeyChanged, OrganizationRegistered, RecipientReinstated,
    RecipientSuspended, UnitRegistered,
};
use egide_domain::event::Recorded;
use egide_domain::ids::{Position, Revision};
use egide_domain::vocabulary::{Jurisdiction, Purpose, RecipientKind, Role};
use egide_domain::{Categories, Jurisdictions, Purposes, Timestamp};

pub(crate) fn events(dice: &mut Dice, theme: Theme) -> Vec<Recorded<DirectoryEvent>> {
    let mut events = vec![
        DirectoryEvent::OrganizationRegistered(an_organization(dice, theme)),
        DirectoryEvent::UnitRegistered(a_unit(dice, theme, 1)),
        DirectoryEvent::AgreementRecorded(an_agreement(dice, theme, 90)),
    ];
    for _ in 0..if theme.calm { 0 } else { dice.below(4) } {
        let number = dice.small();
        events.push(match dice.below(12) {
            0..6 => DirectoryEvent::AgreementRecorded(an_agreement(dice, theme, 50)),
            6 => DirectoryEvent::UnitRegistered(a_unit(dice, theme, number)),
            7 => DirectoryEvent::OrganizationRegistered(an_organization(dice, theme)),
            8 => DirectoryEvent::RecipientSuspended(RecipientSuspended {
                organization_id: organization(1),
                unit_id: dice.chance(50).then(|| unit(number)),
                reason: None,
            }),
            9 | 10 => DirectoryEvent::RecipientReinstated(RecipientReinstated {
                organization_id: organization(1),
                unit_id: dice.chance(50).then(|| unit(number)),
            }),
            11 if dice.chance(50) => DirectoryEvent::EncryptionKeyChanged(EncryptionKeyChanged {
                organization_id: organization(1),
                unit_id: unit(number),
            }),
            _ if dice.chance(30) => DirectoryEvent::Unreadable,
            _ => DirectoryEvent::UnitRegistered(a_unit(dice, theme, number)),
        });
    }
    if !theme.calm && dice.chance(5) {
        let (one, other) = (dice.below(events.len()), dice.below(events.len()));
        events.swap(one, other);
    }
    let mut recorded = Vec::new();
    for (place, event) in (1_u64..).zip(events) {
        recorded.push(Recorded {
            event,
            revision: Revision(place),
            position: Position(place),
            occurred_at: Timestamp(BEGIN),
            recorded_at: Timestamp(BEGIN - 10 * DAY + i64::try_from(place).expect("small")),
            actor: dice.actor(Role::PartnershipSpecialist),
        });
    }
    recorded
}

fn places(dice: &mut Dice) -> Jurisdictions {
    if dice.chance(70) { Jurisdictions::from([Jurisdiction::On, Jurisdiction::Qc]) } else { dice.some_of(30) }
}

fn an_organization(dice: &mut Dice, theme: Theme) -> OrganizationRegistered {
    OrganizationRegistered {
        organization_id: organization(if theme.calm || dice.chance(99) { 1 } else { 2 }),
        kind: if theme.calm || dice.chance(90) { Some(theme.kind) } else { dice.maybe(RecipientKind::ALL, 80) },
        verified: theme.calm || dice.chance(97),
        jurisdictions: places(dice),
        national: dice.chance(10),
        anonymous_only: dice.chance(5),
    }
}

fn a_unit(dice: &mut Dice, theme: Theme, number: u8) -> UnitRegistered {
    UnitRegistered {
        unit_id: unit(number),
        organization_id: organization(1),
        kind: if theme.calm || dice.chance(95) { Some(theme.kind) } else { dice.maybe(RecipientKind::ALL, 80) },
        purposes: if dice.chance(85) { Purposes::all() } else { dice.some_of(60) },
        jurisdictions: places(dice),
        national: dice.chance(15),
        anonymous_only: dice.chance(4),
    }
}

fn an_agreement(dice: &mut Dice, theme: Theme, usual: usize) -> AgreementRecorded {
    let instant = |dice: &mut Dice| Timestamp(BEGIN + dice.pick(&[-3, 0, 1, 2, 5]) * DAY);
    AgreementRecorded {
        agreement_id: agreement(dice.small()),
        organization_id: organization(1),
        unit_id: if theme.calm || dice.chance(80) { None } else { Some(unit(dice.small())) },
        purposes: if dice.chance(usual) { Purposes::only(theme.purpose) } else { dice.some_of::<Purpose>(50) },
        categories: if dice.chance(usual) { Categories::all() } else { dice.some_of(60) },
        valid_from: dice.chance(if theme.calm { 5 } else { 20 }).then(|| instant(dice)),
        valid_until: dice.chance(if theme.calm { 5 } else { 15 }).then(|| instant(dice)),
    }
}
