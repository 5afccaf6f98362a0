//! Random cases, small enough to collide and close enough to sense to be permitted now and then.

pub(crate) mod acts;
pub(crate) mod afterwards;
pub(crate) mod dice;
pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod rules;
pub(crate) mod stories;
pub(crate) mod times;

use crate::question::{Asked, Rules};
use dice::Dice;
use egide_domain::event::{CaseEvent, Recorded};
use egide_domain::ids::{ApprovalId, DecisionId, ReferralId};
use egide_domain::vocabulary::{DataCategory, PersonRole, Purpose, RecipientKind};
use egide_domain::{Categories, Request};
use std::sync::Arc;

/// When histories begin: shortly before a leap day.
pub(crate) const BEGIN: i64 = 1_709_000_000_000;

/// Who is asked for, and why: what a history mostly turns around.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) kind: RecipientKind,
    pub(crate) purpose: Purpose,
    /// Whether this history mostly makes sense; wild ones hold anything in any order.
    pub(crate) calm: bool,
}

const THEMES: [(RecipientKind, Purpose); 13] = [
    (RecipientKind::InvestigatingAgency, Purpose::Investigation),
    (RecipientKind::InvestigatingAgency, Purpose::Investigation),
    (RecipientKind::InvestigatingAgency, Purpose::EmergencyResponse),
    (RecipientKind::InvestigatingAgency, Purpose::ChildProtection),
    (RecipientKind::InvestigatingAgency, Purpose::LegalObligation),
    (RecipientKind::ChildProtection, Purpose::ChildProtection),
    (RecipientKind::ChildProtection, Purpose::EmergencyResponse),
    (RecipientKind::EmergencyService, Purpose::EmergencyResponse),
    (RecipientKind::SupportService, Purpose::SupportService),
    (RecipientKind::SupportService, Purpose::SupportService),
    (RecipientKind::ForeignHotline, Purpose::SupportService),
    (RecipientKind::AnonymousTipLine, Purpose::Investigation),
    (RecipientKind::Court, Purpose::LegalObligation),
];

/// A case from a seed.
pub(crate) fn case(seed: u64, rules: &[Arc<Rules>]) -> Asked {
    let mut dice = Dice::new(seed);
    let rules = Arc::clone(&rules[dice.below(rules.len())]);
    let (kind, purpose) = dice.pick(&THEMES);
    let theme = Theme { kind, purpose, calm: dice.chance(60) };
    let directory = directory::events(&mut dice, theme);
    let history = history::events(&mut dice, theme, &directory, &rules);
    let request = request(&mut dice, theme);
    let now = times::instant(&mut dice, theme, &history, &directory, &rules);
    // Mostly a referral that there is, and mostly the first one of a supplementary request, too.
    let released = history.iter().filter_map(|recorded| match &recorded.event {
        CaseEvent::ReferralReleased(released) => Some(released.referral_id),
        _ => None,
    });
    let released: Vec<ReferralId> = released.collect();
    let known = |dice: &mut Dice| {
        if released.is_empty() || dice.chance(15) { dice::referral(dice.small()) } else { dice.pick(&released) }
    };
    let delivering = known(&mut dice);
    let supplementary_to = request.supplementary_to.map(|_| known(&mut dice));
    let request = Request { supplementary_to, ..request };
    let request = under_an_approval(&mut dice, request, &history);
    Asked { history, directory, request, delivering, now, rules }
}

/// Where an approval was asked for, mostly what it was asked for, under it.
fn under_an_approval(dice: &mut Dice, request: Request, history: &[Recorded<CaseEvent>]) -> Request {
    let asked_for = history.iter().filter_map(|recorded| match &recorded.event {
        CaseEvent::ApprovalRequested(asked) => Some((asked.approval_id, asked.decision_id)),
        _ => None,
    });
    let asked_for: Vec<(ApprovalId, DecisionId)> = asked_for.collect();
    if asked_for.is_empty() {
        let approval_id = dice.chance(3).then(|| dice::approval(dice.small()));
        return Request { approval_id, ..request };
    }
    let (approval_id, decision_id) = dice.pick(&asked_for);
    let decided = history.iter().find_map(|recorded| match &recorded.event {
        CaseEvent::DisclosureDecided(decided) if decided.decision_id == decision_id => Some(decided.request.clone()),
        _ => None,
    });
    let approval_id = dice.chance(90).then_some(approval_id);
    let request = if dice.chance(90) { decided.unwrap_or(request) } else { request };
    Request { approval_id, ..request }
}

/// A request, mostly a sensible one.
pub(crate) fn request(dice: &mut Dice, theme: Theme) -> Request {
    let calm = theme.calm;
    let purpose = if calm || dice.chance(95) { Some(theme.purpose) } else { dice.maybe(Purpose::ALL, 80) };
    let categories = if dice.chance(if calm { 80 } else { 50 }) { Categories::all() } else { dice.some_of(50) };
    let subject_ids = match dice.below(if calm { 8 } else { 3 }) {
        0 => (0..=dice.below(3)).map(|_| dice::subject(dice.small())).collect(),
        _ => Vec::new(),
    };
    let relies_on = if dice.chance(if calm { 6 } else { 12 }) {
        (0..=dice.below(2)).map(|_| acts::basis(dice)).collect()
    } else {
        Vec::new()
    };
    Request {
        unit_id: dice::unit(if calm || dice.chance(95) { 1 } else { dice.small() }),
        organization_id: dice::organization(if calm || dice.chance(98) { 1 } else { 2 }),
        purpose,
        categories,
        subject_ids,
        relies_on,
        mode: None,
        supplementary_to: dice.chance(if calm { 4 } else { 10 }).then(|| dice::referral(dice.small())),
        approval_id: None,
    }
}

/// Roles a person mostly has.
pub(crate) const ROLES: [&[PersonRole]; 10] = [
    &[PersonRole::PotentialVictim],
    &[PersonRole::PotentialVictim],
    &[PersonRole::PotentialVictim, PersonRole::Caller],
    &[PersonRole::Caller],
    &[PersonRole::Suspect],
    &[PersonRole::Suspect],
    &[PersonRole::Child],
    &[PersonRole::ThirdParty],
    &[PersonRole::Suspect, PersonRole::PotentialVictim],
    &[PersonRole::Suspect, PersonRole::ThirdParty],
];

/// Categories that consents mostly name.
pub(crate) fn categories(dice: &mut Dice) -> Categories {
    match dice.below(4) {
        0 => Categories::all(),
        1 => Categories::from([DataCategory::Situation, DataCategory::Suspects]),
        2 => dice.some_of(50),
        _ => dice.some_of(75),
    }
}
