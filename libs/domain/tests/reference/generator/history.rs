//! Histories: a skeleton that mostly makes sense, then acts, then decisions of the engine itself and what follows them.

use super::acts;
use super::afterwards;
use super::dice::{Dice, approval, decision, delivery, exception, referral, subject, tip, unit, verification};
use super::stories;
use super::{BEGIN, ROLES, Theme};
use crate::evaluator::tables::{DAY, HOUR};
use crate::question::Rules;
use egide_domain::directory::DirectoryEvent;
use egide_domain::event::{
    AgeAssessed, ApprovalDecided, ApprovalRequested, AuthorityRevoked, AuthorityVerified, CaseClosed, CaseEvent,
    CaseOpened, CaseReopened, ContactRecorded, DisclosureDecided, ExceptionConfirmed, ExceptionLifted, HealthRecorded,
    KeyShredded, LegalHoldPlaced, PersonIdentified, Recorded, ReferralDelivered, ReferralRecalled, ReferralReleased,
    Shredded, SituationRecorded, SupervisorReviewed, TipReceived, TriageAssessed, WhereaboutsRecorded,
};
use egide_domain::ids::{HoldId, NarrativeId, Position, Revision};
use egide_domain::vocabulary::{
    AgeBand, Answer, ApprovalOutcome, Channel, ConsentKind, ContactPermission, DataCategory, Jurisdiction, MaskLevel,
    Outcome, ReasonCode, RecallReason, RecipientKind, ReviewOutcome, Role, TriageLevel,
};
use egide_domain::{Bases, CaseFacts, Mask, MaskEntry, OrganizationFacts, Roles, Timestamp, decide};

const PLACES: [Jurisdiction; 8] = [
    Jurisdiction::On,
    Jurisdiction::On,
    Jurisdiction::Qc,
    Jurisdiction::Ab,
    Jurisdiction::Bc,
    Jurisdiction::Nb,
    Jurisdiction::Sk,
    Jurisdiction::Abroad,
];

pub(crate) struct Pen {
    pub(super) events: Vec<Recorded<CaseEvent>>,
    pub(super) at: i64,
}

impl Pen {
    pub(super) fn write(&mut self, dice: &mut Dice, role: Role, event: CaseEvent) {
        self.at += dice.pick(&[0, 0, 1, 1000, HOUR, HOUR, 6 * HOUR, DAY]);
        let revision = u64::try_from(self.events.len()).expect("small") + 1;
        let actor = dice.actor(role);
        let occurred_at = Timestamp(self.at - dice.pick(&[0, HOUR, 30 * DAY]));
        self.events.push(Recorded {
            event,
            revision: Revision(revision),
            position: Position(revision + 100),
            occurred_at,
            recorded_at: Timestamp(self.at),
            actor,
        });
    }
}

pub(crate) fn events(
    dice: &mut Dice,
    theme: Theme,
    directory: &[Recorded<DirectoryEvent>],
    rules: &Rules,
) -> Vec<Recorded<CaseEvent>> {
    let mut pen = Pen { events: Vec::new(), at: BEGIN };
    let mut first = skeleton(dice, theme);
    for _ in 0..=dice.below(if theme.calm { 4 } else { 6 }) {
        first.extend(an_act(dice, theme));
    }
    if dice.chance(30) {
        first.extend(stories::let_go(dice, theme));
    }
    if !theme.calm && dice.chance(12) {
        let (one, other) = (dice.below(first.len()), dice.below(first.len()));
        first.swap(one, other);
    }
    for (role, event) in first {
        pen.write(dice, role, event);
    }
    for _ in 0..dice.below(3) {
        if dice.chance(60) {
            disclose(dice, theme, &mut pen, directory, rules);
        }
        for _ in 0..dice.below(3) {
            for (role, event) in an_act(dice, theme) {
                pen.write(dice, role, event);
            }
        }
    }
    if dice.chance(20) {
        for (role, event) in stories::let_go(dice, theme) {
            pen.write(dice, role, event);
        }
    }
    for _ in 0..dice.below(7) {
        afterwards::something(dice, &mut pen);
    }
    pen.events
}

pub(super) type Acts = Vec<(Role, CaseEvent)>;

fn skeleton(dice: &mut Dice, theme: Theme) -> Acts {
    let mut acts = Acts::new();
    if theme.calm || dice.chance(98) {
        let opened = CaseOpened { channel: Some(Channel::Phone), jurisdiction: dice.maybe(&PLACES, 65) };
        acts.push((Role::Responder, CaseEvent::CaseOpened(opened)));
    }
    for number in 1..=dice.pick(if theme.calm { &[2_u8, 3, 4] } else { &[1, 2, 3, 4] }) {
        let roles: Roles = dice.pick(&ROLES).iter().copied().collect();
        let identified = PersonIdentified { subject_id: subject(number), roles };
        acts.push((Role::Responder, CaseEvent::PersonIdentified(identified)));
        if dice.chance(if theme.calm { 25 } else { 60 }) {
            acts.push((Role::Responder, age(dice, number)));
        }
    }
    for _ in 0..dice.pick(if theme.calm { &[0_u8, 0, 0, 1] } else { &[0, 1, 1, 2] }) {
        let received = tip_received(dice);
        acts.push((Role::Responder, received));
    }
    if dice.chance(60) {
        acts.push((Role::Supervisor, reviewed(dice)));
    }
    if theme.kind == RecipientKind::InvestigatingAgency && dice.chance(60) {
        acts.extend(a_reported_tip(dice, theme));
    }
    if dice.chance(92) {
        acts.push((Role::Supervisor, triaged(dice)));
    }
    acts
}

/// A tip that its bringer wants reported, and a supervisor too, mostly.
fn a_reported_tip(dice: &mut Dice, theme: Theme) -> Acts {
    let tip_id = tip(dice.small());
    let bringer = dice.chance(60).then(|| subject(dice.small()));
    let received = TipReceived {
        tip_id,
        channel: dice.pick(&[Some(Channel::Phone), Some(Channel::WebForm)]),
        bringer_subject_id: bringer,
        concerns_minor: None,
    };
    let mut consent = acts::given(dice, theme);
    consent.kind = Some(ConsentKind::Report);
    consent.tip_id = Some(tip_id);
    consent.subject_id = if dice.chance(90) { bringer } else { Some(subject(dice.small())) };
    let mut acts = vec![(Role::Responder, CaseEvent::TipReceived(received))];
    if dice.chance(90) {
        let outcome = dice.mostly(ReviewOutcome::Report, 92, ReviewOutcome::ALL);
        acts.push((Role::Supervisor, CaseEvent::SupervisorReviewed(SupervisorReviewed { tip_id, outcome })));
    }
    acts.push((Role::Responder, CaseEvent::ConsentGiven(consent)));
    acts
}

fn age(dice: &mut Dice, number: u8) -> CaseEvent {
    CaseEvent::AgeAssessed(AgeAssessed { subject_id: subject(number), band: dice.maybe(AgeBand::ALL, 92) })
}

fn tip_received(dice: &mut Dice) -> CaseEvent {
    let channel = dice.mostly(Some(Channel::Phone), 70, &[Some(Channel::WebForm), Some(Channel::Email), None]);
    CaseEvent::TipReceived(TipReceived {
        tip_id: tip(dice.small()),
        channel,
        bringer_subject_id: dice.chance(50).then(|| subject(dice.small())),
        concerns_minor: dice.maybe(Answer::ALL, 30),
    })
}

fn reviewed(dice: &mut Dice) -> CaseEvent {
    let outcome = dice.mostly(ReviewOutcome::Report, 85, ReviewOutcome::ALL);
    CaseEvent::SupervisorReviewed(SupervisorReviewed { tip_id: tip(dice.small()), outcome })
}

fn triaged(dice: &mut Dice) -> CaseEvent {
    CaseEvent::TriageAssessed(TriageAssessed { level: dice.mostly(TriageLevel::NotUrgent, 70, TriageLevel::ALL) })
}

fn an_act(dice: &mut Dice, theme: Theme) -> Acts {
    let number = dice.small();
    let who = subject(number);
    let which = if theme.calm && dice.chance(70) {
        dice.pick(&[0, 0, 0, 50, 50, 30, 38, 66, 70, 75, 93])
    } else {
        dice.below(100)
    };
    let (role, event) = match which {
        0..26 => return a_consent(dice, theme),
        26..28 => (Role::Supervisor, CaseEvent::AuthorityVerified(acts::verified(dice))),
        28..30 => {
            let revoked = AuthorityRevoked { verification_id: verification(number) };
            (Role::Supervisor, CaseEvent::AuthorityRevoked(revoked))
        }
        30..38 => (Role::Responder, CaseEvent::ConsentRefused(acts::refused(dice, theme))),
        38..46 => (Role::Responder, CaseEvent::ConsentWithdrawn(acts::withdrawn(dice))),
        46..60 => return an_exception(dice, theme),
        60..63 => {
            let confirmed = ExceptionConfirmed { exception_id: exception(number) };
            (Role::Supervisor, CaseEvent::ExceptionConfirmed(confirmed))
        }
        63..66 => {
            let lifted = ExceptionLifted { exception_id: exception(number), reason: None };
            (Role::Supervisor, CaseEvent::ExceptionLifted(lifted))
        }
        66..70 => (Role::Responder, age(dice, number)),
        70..75 => {
            let jurisdiction = dice.maybe(&PLACES, 90);
            (Role::Responder, CaseEvent::WhereaboutsRecorded(WhereaboutsRecorded { subject_id: who, jurisdiction }))
        }
        75..79 => {
            let permission = dice.maybe(ContactPermission::ALL, 85);
            (
                Role::Responder,
                CaseEvent::ContactRecorded(ContactRecorded { subject_id: who, permission, rules: dice.some_of(18) }),
            )
        }
        79..82 => {
            let roles: Roles = dice.pick(&ROLES).iter().copied().collect();
            (Role::Responder, CaseEvent::PersonIdentified(PersonIdentified { subject_id: who, roles }))
        }
        82..84 => (Role::Responder, tip_received(dice)),
        84..88 => (Role::Supervisor, reviewed(dice)),
        88..91 => (Role::Supervisor, triaged(dice)),
        91 | 92 => (Role::Supervisor, shredded(dice, number)),
        93 => return stories::reviewed(dice),
        94 => return vec![stories::changed(dice)],
        _ => return rarely(dice, number),
    };
    vec![(role, event)]
}

/// A consent, and where a representative gave it mostly their authority before or after it.
fn a_consent(dice: &mut Dice, theme: Theme) -> Acts {
    let given = acts::given(dice, theme);
    let mut acts = Acts::new();
    if let (Some(subject_id), Some(representative_subject_id), Some(authority)) =
        (given.subject_id, given.representative_subject_id, given.authority)
        && dice.chance(85)
    {
        let usual = acts::verified(dice);
        let exactly = AuthorityVerified { subject_id, representative_subject_id, authority, ..usual };
        acts.push((Role::Supervisor, CaseEvent::AuthorityVerified(exactly)));
    }
    acts.push((Role::Responder, CaseEvent::ConsentGiven(given)));
    if dice.chance(30) {
        acts.reverse();
    }
    acts
}

fn shredded(dice: &mut Dice, number: u8) -> CaseEvent {
    let whose = match dice.below(12) {
        0 => Shredded::Case,
        1 | 2 => Shredded::Narrative(NarrativeId([number; 16])),
        _ => Shredded::Person(subject(number)),
    };
    CaseEvent::KeyShredded(KeyShredded { whose, ground: None })
}

fn an_exception(dice: &mut Dice, theme: Theme) -> Acts {
    let asserted = acts::asserted(dice, theme);
    let exception_id = asserted.exception_id;
    let role = dice.pick(&[Role::Supervisor, Role::Supervisor, Role::Responder]);
    let mut acts = vec![(role, CaseEvent::ExceptionAsserted(asserted))];
    if dice.chance(65) {
        acts.push((Role::Supervisor, CaseEvent::ExceptionConfirmed(ExceptionConfirmed { exception_id })));
    }
    acts
}

fn rarely(dice: &mut Dice, number: u8) -> Acts {
    let who = subject(number);
    let (role, event) = match dice.below(14) {
        0 => (Role::Supervisor, CaseEvent::CaseClosed(CaseClosed { closure: None })),
        1..3 => (Role::Supervisor, CaseEvent::CaseReopened(CaseReopened {})),
        3 if dice.chance(40) => (Role::Responder, CaseEvent::Unreadable),
        4 => (Role::Responder, CaseEvent::HealthRecorded(HealthRecorded { subject_id: who })),
        5 => (Role::Responder, CaseEvent::SituationRecorded(SituationRecorded { subject_id: who })),
        6 => (Role::Responder, stories::told(dice, number)),
        7 => (
            Role::Supervisor,
            CaseEvent::LegalHoldPlaced(LegalHoldPlaced { hold_id: HoldId([number; 16]), ground: None }),
        ),
        8..11 => (
            Role::Supervisor,
            CaseEvent::ReferralRecalled(ReferralRecalled {
                referral_id: referral(number),
                reason: dice.maybe(RecallReason::ALL, 90),
            }),
        ),
        _ => {
            let opened = CaseOpened { channel: None, jurisdiction: dice.maybe(&PLACES, 70) };
            (Role::Responder, CaseEvent::CaseOpened(opened))
        }
    };
    vec![(role, event)]
}

/// A decision of the engine at this point, or a made-up one, and the referral that follows.
fn disclose(dice: &mut Dice, theme: Theme, pen: &mut Pen, directory: &[Recorded<DirectoryEvent>], rules: &Rules) {
    let number = dice.small();
    let request = super::request(dice, theme);
    let mut organization = OrganizationFacts::default();
    directory.iter().for_each(|event| organization.apply(event));
    let facts = CaseFacts::from_events(&pen.events);
    let recipient = organization.recipient(request.unit_id);
    let decided = decide(&facts, &request, recipient.as_ref(), &rules.engine, Timestamp(pen.at));
    let made_up = dice.chance(6);
    let (bases, mask, outcome) = if made_up {
        (vec![acts::basis(dice)], a_mask(dice), dice.pick(Outcome::ALL))
    } else {
        (decided.bases, decided.mask, decided.outcome)
    };
    let subject_ids = mask.entries().iter().map(|entry| entry.subject_id).collect();
    let decision_id = decision(if dice.chance(97) { number } else { dice.small() });
    let waits = decided.reasons.iter().any(|reason| reason.code == ReasonCode::ApprovalRequired);
    let release = outcome == Outcome::Permit || (!waits && dice.chance(10));
    let recalled = dice.chance(12);
    let supplementary_to = request.supplementary_to;
    let unit_id = if dice.chance(85) { request.unit_id } else { unit(dice.small()) };
    let organization_id = request.organization_id;
    let event = DisclosureDecided {
        decision_id: decision(number),
        request,
        outcome,
        bases,
        mask,
        obligations: decided.obligations.into_iter().chain(afterwards::more_owed(dice, pen.at)).collect(),
        recipient_kind: decided.recipient_kind,
        narratives: if made_up { stories::made_up(dice) } else { decided.narratives },
        decided_at: decided.decided_at,
        expires_at: decided.expires_at,
        case_revision: decided.case_revision,
        directory_revision: decided.directory_revision,
    };
    pen.write(dice, Role::Supervisor, CaseEvent::DisclosureDecided(event));
    if waits || dice.chance(3) {
        approve(dice, pen, number);
    }
    if !release {
        return;
    }
    let referral_id = referral(number);
    let event = ReferralReleased {
        referral_id,
        decision_id,
        unit_id,
        organization_id,
        subject_ids,
        report_digest: [number; 32],
        supplementary_to,
    };
    pen.write(dice, Role::Supervisor, CaseEvent::ReferralReleased(event));
    if dice.chance(30) {
        let event = ReferralDelivered {
            delivery_id: delivery(number),
            referral_id,
            decision_id,
            unit_id,
            channel: None,
            report_digest: [number; 32],
            case_revision: decided.case_revision,
            decided_at: Some(decided.decided_at),
            expires_at: decided.expires_at,
        };
        pen.write(dice, Role::Liaison, CaseEvent::ReferralDelivered(event));
    }
    if recalled {
        let event = ReferralRecalled { referral_id, reason: dice.maybe(RecallReason::ALL, 90) };
        pen.write(dice, Role::Supervisor, CaseEvent::ReferralRecalled(event));
    }
}

/// What follows where somebody must approve: it is asked for and mostly granted.
fn approve(dice: &mut Dice, pen: &mut Pen, number: u8) {
    let approval_id = approval(number);
    let decision_id = decision(if dice.chance(96) { number } else { dice.small() });
    let in_time = Timestamp(pen.at + dice.pick(&[HOUR, DAY, 3 * DAY]));
    let requested = ApprovalRequested { approval_id, decision_id, expires_at: dice.chance(96).then_some(in_time) };
    pen.write(dice, Role::Responder, CaseEvent::ApprovalRequested(requested));
    for _ in 0..dice.pick(&[0, 1, 1, 1, 1, 2]) {
        let outcome = dice.mostly(ApprovalOutcome::Granted, 85, ApprovalOutcome::ALL);
        let approval_id = if dice.chance(96) { approval_id } else { approval(dice.small()) };
        pen.write(dice, Role::Supervisor, CaseEvent::ApprovalDecided(ApprovalDecided { approval_id, outcome }));
    }
}

fn a_mask(dice: &mut Dice) -> Mask {
    let entry = MaskEntry {
        subject_id: subject(dice.small()),
        category: dice.pick(DataCategory::ALL),
        level: dice.pick(MaskLevel::ALL),
        bases: Bases::default().with(0),
        period: None,
    };
    Mask::from(vec![entry])
}
