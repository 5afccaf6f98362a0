//! Laws that hold for every case, asked of the engine over the generator's cases. `tests/gate/properties.rs` has others.

use crate::compare::{ask_engine, cases, seed};
use crate::evaluator::tables::DAY;
use crate::generator::{self, dice::Dice};
use crate::question::{Asked, Change, Rules, Table};
use egide_domain::decision::{Decision, Mask};
use egide_domain::event::{
    CaseClosed, CaseEvent, ConsentGiven, ConsentRefused, ConsentWithdrawn, DataPeriod, ExceptionLifted, Expiry,
    KeyShredded, Recorded, Shredded, TriageAssessed,
};
use egide_domain::ids::{Position, Revision, SubjectId};
use egide_domain::set::Set;
use egide_domain::vocabulary::{
    ConsentCapacity, ConsentCondition, ConsentKind, DataCategory, MaskLevel, PersonRole, ReasonCode, Role, TriageLevel,
};
use egide_domain::{Basis, CaseFacts, Categories, MaskEntry, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Asks a law of many cases; what it says of a case that breaks it is printed with the case.
fn law(of: u64, holds: impl Fn(&Asked, &mut Dice) -> Result<(), String>) {
    let start = seed().wrapping_add(of << 40);
    let rules = generator::rules::some(start, 24);
    for number in 0..cases(1_000) {
        let seed = start.wrapping_add(number);
        let asked = generator::case(seed, &rules);
        let mut dice = Dice::new(seed ^ of);
        if let Err(why) = holds(&asked, &mut dice) {
            panic!("seed {seed}: {why}\n{}", asked.write());
        }
    }
}

/// Like [`law`], of cases that were permitted only, so that the law is about something.
fn law_of_permits(of: u64, holds: impl Fn(&Asked, &Decision, &mut Dice) -> Result<(), String>) {
    law(of, |asked, dice| {
        let decision = ask_engine(asked).decision;
        if decision.is_permit() { holds(asked, &decision, dice) } else { Ok(()) }
    });
}

fn unless(broken: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if broken { Err(why()) } else { Ok(()) }
}

/// With one more event, recorded by a supervisor with or after the last one, and no later than the question.
fn and_then(asked: &Asked, event: CaseEvent) -> Asked {
    let last = asked.history.last().expect("a history has events").clone();
    let mut more = asked.clone();
    more.history.push(Recorded {
        event,
        revision: Revision(last.revision.0 + 1),
        position: Position(last.position.0 + 1),
        occurred_at: last.recorded_at,
        recorded_at: last.recorded_at,
        actor: crate::tale::staff("zoe", Role::Supervisor),
    });
    more
}

fn mask(asked: &Asked) -> Mask {
    ask_engine(asked).decision.mask
}

fn has_periods(asked: &Asked) -> bool {
    asked.history.iter().any(|recorded| match &recorded.event {
        CaseEvent::ConsentGiven(given) => given.data_period.is_some(),
        _ => false,
    })
}

/// The case as it would be if of the consents that share this id (the ledger refuses the second) only one permitted: each in
/// turn. What all of them deny or supersede stays.
fn records_alone(asked: &Asked, basis: Basis) -> Vec<Asked> {
    let shares = |event: &CaseEvent| match (event, basis) {
        (CaseEvent::ConsentGiven(given), Basis::Consent(id) | Basis::ReportConsent(id)) => given.consent_id == id,
        _ => false,
    };
    let places = (0..asked.history.len()).filter(|place| shares(&asked.history[*place].event)).collect::<Vec<_>>();
    if places.len() < 2 {
        return vec![asked.clone()];
    }
    let only = |kept: &usize| {
        let mut one = asked.clone();
        for place in places.iter().filter(|place| *place != kept) {
            if let CaseEvent::ConsentGiven(given) = &mut one.history[*place].event {
                given.permitted = Categories::EMPTY;
                given.about_bringer = Categories::EMPTY;
                given.conditions = Default::default();
            }
        }
        one
    };
    places.iter().map(only).collect()
}

/// Whether the person let a narrative go before, whoever else it speaks of: nothing that is no attestation attests.
fn narrative_could_be_had(asked: &Asked, who: SubjectId) -> bool {
    let facts = CaseFacts::from_events(&asked.history);
    let mut attested = facts.attested_for(asked.request.unit_id);
    attested.any(|(_, attestation)| attestation.subject_ids.contains(&who))
}

/// Everything that could be relied on in a case.
fn bases(asked: &Asked) -> BTreeSet<Basis> {
    let named = asked.history.iter().flat_map(|recorded| match &recorded.event {
        CaseEvent::ConsentGiven(given) => {
            vec![Basis::Consent(given.consent_id), Basis::ReportConsent(given.consent_id)]
        }
        CaseEvent::ExceptionAsserted(asserted) => vec![Basis::Exception(asserted.exception_id, asserted.kind)],
        _ => Vec::new(),
    });
    named.collect()
}

/// Whether everything in `after` could be had before: by the same question; or, where periods of data compete and only one of
/// them counts for a category, or where the answer waited for an approval as a whole, by asking for that category of that
/// person alone, on one basis. So what can be had never grows.
fn adds_nothing(asked: &Asked, before: &Decision, after: &Mask) -> bool {
    let waited = waits_for_approval(before);
    let had = |entry: &MaskEntry| {
        let entry_alone = Mask::from(vec![*entry]);
        before.mask.contains(&entry_alone)
            || (waited || has_periods(asked)) && {
                let mut alone = asked.clone();
                alone.request.categories = Categories::only(entry.category);
                alone.request.subject_ids = vec![entry.subject_id];
                alone.request.approval_id = None;
                if entry.category == DataCategory::Narrative {
                    return narrative_could_be_had(asked, entry.subject_id);
                }
                bases(asked).into_iter().any(|basis| {
                    alone.request.relies_on = vec![basis];
                    records_alone(&alone, basis).iter().any(|one| mask(one).contains(&entry_alone))
                })
            }
    };
    after.entries().iter().all(had)
}

/// Whether somebody must approve the answer, or would have had to. Such a refusal says nothing of what may leave: without what
/// waits, the rest goes by itself; and an approval is of one request, no smaller one.
fn waits_for_approval(decision: &Decision) -> bool {
    let codes = [ReasonCode::ApprovalRequired, ReasonCode::ApprovalInvalid, ReasonCode::Approved];
    codes.iter().any(|code| decision.has_reason(*code))
}

fn never_adds(asked: &Asked, before: &Decision, event: CaseEvent) -> Result<(), String> {
    let after = mask(&and_then(asked, event.clone()));
    unless(!adds_nothing(asked, before, &after), || format!("{event:?} added: {:?} became {after:?}", before.mask))
}

#[test]
fn p04_no_basis_no_field() {
    law(1, |asked, _| {
        let decision = ask_engine(asked).decision;
        let used: BTreeSet<u32> = decision.mask.entries().iter().flat_map(|entry| entry.bases.iter()).collect();
        let all: BTreeSet<u32> = (0..u32::try_from(decision.bases.len()).expect("few")).collect();
        unless(used != all, || format!("bases {:?}, used {used:?}", decision.bases))?;
        let bare = decision.mask.entries().iter().any(|entry| entry.bases.is_empty());
        unless(bare, || "an entry rests on nothing".to_owned())?;
        let stands = |basis: &Basis| {
            asked.history.iter().any(|recorded| match (&recorded.event, basis) {
                (CaseEvent::ConsentGiven(given), Basis::Consent(id)) => {
                    given.consent_id == *id && given.kind == Some(ConsentKind::DataSubject)
                }
                (CaseEvent::ConsentGiven(given), Basis::ReportConsent(id)) => {
                    given.consent_id == *id && given.kind == Some(ConsentKind::Report)
                }
                (CaseEvent::ExceptionAsserted(asserted), Basis::Exception(id, kind)) => {
                    asserted.exception_id == *id && asserted.kind == *kind
                }
                _ => false,
            })
        };
        unless(!decision.bases.iter().all(stands), || "a basis stands nowhere".to_owned())?;
        let empty = decision.mask.is_empty() && decision.obligations.is_empty() && decision.expires_at.is_none();
        unless(!decision.is_permit() && !empty, || "a refusal lets something through".to_owned())
    });
}

#[test]
fn p04_a_mask_lies_within_request_ceiling_agreement_and_anonymity() {
    law_of_permits(2, |asked, decision, _| {
        let directory = crate::evaluator::recipient::Directory::read(&asked.directory);
        let unit = directory.unit(asked.request.unit_id).expect("permitted to a known unit");
        let (kind, purpose) = (unit.kind().expect("permitted"), asked.request.purpose.expect("permitted"));
        let tables = &asked.rules.tables;
        let ceiling = tables.ceiling(purpose, kind);
        let agreed = unit.agreed(purpose, asked.now).unwrap_or_default();
        let stand_in = tables.stand_in(purpose, kind);
        for entry in decision.mask.entries() {
            let category = entry.category;
            let people = &asked.request.subject_ids;
            let within = |bound: Option<&MaskLevel>| bound.is_some_and(|bound| entry.level <= *bound);
            let excepted =
                |index: u32| matches!(decision.bases[usize::try_from(index).expect("few")], Basis::Exception(..));
            let signed = entry
                .bases
                .iter()
                .all(|index| if excepted(index) { stand_in.contains(&category) } else { agreed.contains(&category) });
            let fits = asked.request.categories.contains(category)
                && (people.is_empty() || people.contains(&entry.subject_id))
                && within(ceiling.get(&category))
                && signed
                && (!unit.anonymous_only() || within(tables.anonymous.get(&category)))
                && category != DataCategory::RecordKeeping;
            unless(!fits, || format!("{entry:?} lies outside"))?;
        }
        Ok(())
    });
}

#[test]
fn p04_taking_back_refusing_lifting_and_erasing_never_add() {
    law(3, |asked, dice| {
        let before = ask_engine(asked).decision;
        let whose = |dice: &mut Dice| generator::dice::subject(dice.small());
        let withdrawn = generator::acts::withdrawn(dice);
        never_adds(asked, &before, CaseEvent::ConsentWithdrawn(withdrawn))?;
        let everything = ConsentWithdrawn { consent_id: None, subject_id: None, categories: Categories::EMPTY };
        never_adds(asked, &before, CaseEvent::ConsentWithdrawn(everything))?;
        let refused = ConsentRefused {
            consent_id: generator::dice::consent(dice.small()),
            subject_id: whose(dice),
            recipient: None,
            denied: dice.some_of(30),
        };
        never_adds(asked, &before, CaseEvent::ConsentRefused(refused))?;
        let exception_id = generator::dice::exception(dice.small());
        never_adds(asked, &before, CaseEvent::ExceptionLifted(ExceptionLifted { exception_id, reason: None }))?;
        for whose in [Shredded::Person(whose(dice)), Shredded::Case] {
            never_adds(asked, &before, CaseEvent::KeyShredded(KeyShredded { whose, ground: None }))?;
        }
        never_adds(asked, &before, CaseEvent::CaseClosed(CaseClosed { closure: None }))?;
        // (Where a minor is concerned it counts as urgent, and being triaged at all opens report consent.)
        if asked.history.iter().any(|recorded| matches!(recorded.event, CaseEvent::TriageAssessed(_))) {
            let insufficient = TriageAssessed { level: TriageLevel::Insufficient };
            never_adds(asked, &before, CaseEvent::TriageAssessed(insufficient))?;
        }
        Ok(())
    });
}

/// What somebody said whose data is erased permits nothing any more, whether or not anybody ever recorded who they are.
#[test]
fn p10_nothing_rests_on_the_word_of_somebody_who_was_erased() {
    law_of_permits(18, |asked, _, dice| {
        let whose = generator::dice::subject(dice.small());
        let shredded = KeyShredded { whose: Shredded::Person(whose), ground: None };
        let after = and_then(asked, CaseEvent::KeyShredded(shredded));
        let theirs = |id| {
            let mut given = after.history.iter().filter_map(|recorded| match &recorded.event {
                CaseEvent::ConsentGiven(given) if given.consent_id == id => Some(given),
                _ => None,
            });
            given.all(|given| given.subject_id == Some(whose))
        };
        let decision = ask_engine(&after).decision;
        let rests = decision.bases.iter().any(|basis| match basis {
            Basis::Consent(id) | Basis::ReportConsent(id) => theirs(*id),
            Basis::Exception(..) => false,
        });
        unless(rests, || format!("{whose:?} was erased, and yet: {:?}", decision.bases))
    });
}

/// A consent that permits nothing, for whatever reason, only holds back: superseding, denying.
#[test]
fn p03_a_record_that_cannot_permit_never_adds() {
    law(4, |asked, dice| {
        let before = ask_engine(asked).decision;
        let purpose = asked.request.purpose.unwrap_or(egide_domain::vocabulary::Purpose::Investigation);
        let mut broken: ConsentGiven = crate::tale::usual_consent(dice.small(), dice.small(), purpose);
        broken.denied = dice.some_of(30);
        broken.supersedes = vec![generator::dice::consent(dice.small())];
        broken.kind = dice.pick(&[Some(ConsentKind::DataSubject), Some(ConsentKind::Report)]);
        match dice.below(7) {
            0 => broken.kind = None,
            1 => broken.grantor = None,
            2 => broken.speaking_freely = None,
            3 => broken.understood = None,
            4 => broken.recipient = None,
            5 => broken.purposes = egide_domain::Purposes::EMPTY,
            _ => broken.expiry = Expiry::At(Timestamp(asked.now)),
        }
        never_adds(asked, &before, CaseEvent::ConsentGiven(broken))
    });
}

/// A value that a newer version wrote and this one cannot read is absent here: that never widens.
#[test]
fn p03_what_cannot_be_read_in_a_consent_never_widens() {
    law_of_permits(5, |asked, decision, dice| {
        let consents: Vec<usize> = (0..asked.history.len())
            .filter(|place| matches!(asked.history[*place].event, CaseEvent::ConsentGiven(_)))
            .collect();
        if consents.is_empty() {
            return Ok(());
        }
        let mut less = asked.clone();
        let CaseEvent::ConsentGiven(given) = &mut less.history[dice.pick(&consents)].event else { return Ok(()) };
        match dice.below(6) {
            0 => given.kind = None,
            1 => given.grantor = None,
            2 => given.speaking_freely = None,
            3 => given.understood = None,
            4 => given.recipient = None,
            _ => given.subject_id = None,
        }
        // Without whose consent it is, what it denied is nobody's denial any more: the ledger refuses such a record, and what
        // cannot be read at all is an event that cannot be read.
        if given.subject_id.is_none() && !given.denied.is_empty() {
            return Ok(());
        }
        let after = mask(&less);
        unless(!adds_nothing(asked, decision, &after), || format!("{:?} became {after:?}", decision.mask))
    });
}

/// Whatever makes a consent smaller makes the answer no larger.
#[test]
fn p04_conditions_doubts_and_bounds_never_add() {
    law_of_permits(15, |asked, decision, dice| {
        let consents: Vec<usize> = (0..asked.history.len())
            .filter(|place| matches!(asked.history[*place].event, CaseEvent::ConsentGiven(_)))
            .collect();
        if consents.is_empty() || has_periods(asked) {
            return Ok(());
        }
        let mut less = asked.clone();
        let CaseEvent::ConsentGiven(given) = &mut less.history[dice.pick(&consents)].event else { return Ok(()) };
        match dice.below(8) {
            0 => given.capacity = Some(ConsentCapacity::Doubtful),
            1 => given.conditions = given.conditions.union(Set::only(ConsentCondition::OnlyWhenUrgent)),
            2 => given.conditions = given.conditions.union(Set::only(ConsentCondition::WithApproval)),
            3 => given.authority = None,
            4 => given.representative_subject_id = None,
            5 => given.data_period = Some(DataPeriod { from: Some(Timestamp(asked.now)), until: None }),
            6 => given.expiry = Expiry::At(Timestamp(asked.now)),
            _ => given.permitted = given.permitted.intersection(dice.some_of(50)),
        }
        let after = mask(&less);
        unless(!decision.mask.contains(&after), || format!("{:?} became {after:?}", decision.mask))
    });
}

/// An approval only ever opens what would be open if nobody had to approve, and asking for more approvals never adds.
#[test]
fn p04_approvals_never_add() {
    let free = {
        let none = Change { table: Table::Policy, at: "/approvals".to_owned(), value: serde_json::json!([]) };
        Arc::new(Rules::with(vec![none]).expect("tables without approvals"))
    };
    let as_shipped = Arc::new(Rules::with(Vec::new()).expect("the shipped tables"));
    law(16, |asked, _| {
        let mut shipped = asked.clone();
        shipped.rules = Arc::clone(&as_shipped);
        let decision = ask_engine(&shipped).decision;
        shipped.rules = Arc::clone(&free);
        let open = ask_engine(&shipped).decision;
        unless(!open.mask.contains(&decision.mask), || format!("{:?} of {:?}", decision.mask, open.mask))?;
        unless(decision.is_permit() && decision.mask != open.mask, || "an approval let part of it through".to_owned())
    });
}

/// An event of a kind nobody here knows, wherever it stands, refuses the case.
#[test]
fn p03_an_unknown_event_kind_never_widens() {
    law(6, |asked, dice| {
        let mut more = asked.clone();
        let place = dice.below(more.history.len());
        more.history[place].event = CaseEvent::Unreadable;
        let after = ask_engine(&more);
        unless(after.decision.is_permit() || after.delivery.is_ok(), || format!("at {place}: permitted"))
    });
}

/// Only the order of the log counts: not when something is said to have happened, nor where in the log it stands.
#[test]
fn p07_order_is_the_logs_order_alone() {
    law(7, |asked, dice| {
        let mut other = asked.clone();
        for recorded in &mut other.history {
            recorded.occurred_at =
                Timestamp(recorded.occurred_at.0 - i64::try_from(dice.below(1_000_000)).expect("small"));
            recorded.position = Position(recorded.position.0 * 7);
        }
        let (one, two) = (ask_engine(asked), ask_engine(&other));
        unless(one.decision != two.decision || one.delivery != two.delivery, || "another answer".to_owned())
    });
}

/// Equal inputs, one output, however the facts were come by.
#[test]
fn p07_equal_inputs_give_one_output() {
    law(8, |asked, _| {
        let whole = CaseFacts::from_events(&asked.history);
        let stepwise = asked.history.iter().fold(CaseFacts::default(), CaseFacts::evolve);
        unless(whole != stepwise, || "facts depend on how they were folded".to_owned())?;
        let (one, two) = (ask_engine(asked), ask_engine(asked));
        unless(one.decision != two.decision || one.delivery != two.delivery, || "another answer".to_owned())
    });
}

#[test]
fn one_persons_consent_never_shows_anothers_field() {
    law_of_permits(9, |asked, decision, _| {
        let roles = |who: SubjectId| -> egide_domain::Roles {
            let facts = CaseFacts::from_events(&asked.history);
            facts.person(who).map(|person| person.roles).unwrap_or_default()
        };
        for entry in decision.mask.entries() {
            for index in entry.bases.iter() {
                let basis = decision.bases[usize::try_from(index).expect("few")];
                let Some(id) = basis.consent_id() else { continue };
                let given = |recorded: &Recorded<CaseEvent>| match &recorded.event {
                    CaseEvent::ConsentGiven(given) if given.consent_id == id => Some(given.clone()),
                    _ => None,
                };
                let own =
                    asked.history.iter().filter_map(given).any(|given| given.subject_id == Some(entry.subject_id));
                let suspect =
                    roles(entry.subject_id).contains(PersonRole::Suspect) && entry.category == DataCategory::Suspects;
                let told_of = matches!(basis, Basis::ReportConsent(_))
                    && roles(entry.subject_id).contains(PersonRole::PotentialVictim)
                    && matches!(
                        entry.category,
                        DataCategory::Situation | DataCategory::Whereabouts | DataCategory::Identity
                    );
                unless(!own && !suspect && !told_of, || format!("{entry:?} rests on somebody else's {basis:?}"))?;
            }
        }
        Ok(())
    });
}

/// Asking for less gives what asking for more gives of it: nothing that is asked changes what is answered about the rest.
#[test]
fn p04_asking_for_less_gives_exactly_that_of_the_whole() {
    law_of_permits(10, |asked, decision, dice| {
        if waits_for_approval(decision) {
            return Ok(());
        }
        let mut less = asked.clone();
        less.request.categories = asked.request.categories.intersection(dice.some_of(50));
        let people: Vec<SubjectId> = decision.mask.entries().iter().map(|entry| entry.subject_id).collect();
        less.request.subject_ids = vec![dice.pick(&people)];
        let part = mask(&less);
        for entry in decision.mask.entries() {
            let wanted = less.request.categories.contains(entry.category)
                && less.request.subject_ids.contains(&entry.subject_id);
            let expected = wanted.then_some(entry.level);
            let found = part.level(entry.subject_id, entry.category);
            // A narrative goes only where everybody it speaks of is asked about.
            let alone = entry.category == DataCategory::Narrative && found.is_none();
            unless(found != expected && !alone, || format!("{entry:?}: {found:?} of {expected:?}"))?;
        }
        unless(!decision.mask.contains(&part), || "asking for less gave more".to_owned())
    });
}

/// Relying on less never gives more, and on each basis by itself it gives what that basis lets through.
#[test]
fn p04_relying_on_less_never_adds() {
    law_of_permits(11, |asked, decision, _| {
        if waits_for_approval(decision) {
            return Ok(());
        }
        for basis in &decision.bases {
            let mut less = asked.clone();
            less.request.relies_on = vec![*basis];
            let part = ask_engine(&less).decision;
            let adds = !has_periods(asked) && !decision.mask.contains(&part.mask);
            unless(adds, || format!("{basis:?} alone adds"))?;
            let rests = |entry: &&MaskEntry| {
                entry.bases.iter().any(|index| decision.bases.get(usize::try_from(index).expect("few")) == Some(basis))
            };
            let mut resting = decision.mask.entries().iter().filter(rests);
            // What somebody else of the same narrative rests on is missing then.
            let others = resting.all(|entry| entry.category == DataCategory::Narrative);
            unless(part.bases != [*basis] && !others, || format!("{basis:?} alone gives {:?}", part.bases))?;
        }
        Ok(())
    });
}

/// While nothing begins and nobody grows older, time only takes away.
#[test]
fn p04_expiring_never_adds() {
    law(12, |asked, dice| {
        let mut still = asked.clone();
        for recorded in &mut still.history {
            if let CaseEvent::ConsentGiven(given) = &mut recorded.event {
                given.not_before = None;
            }
        }
        still.history.retain(|recorded| !matches!(recorded.event, CaseEvent::AgeAssessed(_)));
        for recorded in &mut still.directory {
            if let egide_domain::DirectoryEvent::AgreementRecorded(agreement) = &mut recorded.event {
                agreement.valid_from = None;
            }
        }
        if still.rules.changes.iter().any(|change| change.at.ends_with("effective_from")) {
            return Ok(());
        }
        still.now = still.now.max(generator::BEGIN);
        let before = ask_engine(&still).decision;
        still.now += i64::try_from(dice.below(100_000_000_000)).expect("small");
        let after = mask(&still);
        unless(!adds_nothing(&still, &before, &after), || format!("{:?} became {after:?}", before.mask))
    });
}

/// A permit holds until its expiry: nothing it lets through is gone a millisecond before, if nothing happens.
#[test]
fn a_permit_holds_until_it_expires() {
    law_of_permits(13, |asked, decision, _| {
        let end = decision.expires_at.ok_or("a permit has an end")?;
        unless(end.0 <= asked.now, || "a permit that is over when it is given".to_owned())?;
        let mut later = asked.clone();
        later.now = end.0 - 1;
        if asked.request.approval_id.is_some() {
            // An approval is used when it is given; how long it lives does not bound the permit that used it.
            return Ok(());
        }
        let agreements_end = asked.directory.iter().any(|recorded| match &recorded.event {
            egide_domain::DirectoryEvent::AgreementRecorded(agreement) => agreement.valid_until.is_some(),
            _ => false,
        });
        let aged = asked.history.iter().any(|recorded| matches!(recorded.event, CaseEvent::AgeAssessed(_)));
        if agreements_end || aged || asked.rules.changes.iter().any(|change| change.at.contains("effective")) {
            return Ok(());
        }
        let after = mask(&later);
        unless(!after.contains(&decision.mask), || format!("{:?} became {after:?}", decision.mask))
    });
}

/// What was erased is not disclosed, not even under an exception, and a closed or unknown case discloses nothing.
#[test]
fn p10_nothing_erased_leaves() {
    law_of_permits(14, |asked, decision, _| {
        for entry in decision.mask.entries() {
            let facts = CaseFacts::from_events(&asked.history);
            unless(facts.is_erased(entry.subject_id) || facts.closed || !facts.opened, || format!("{entry:?}"))?;
        }
        Ok(())
    });
}

/// Every instant has an answer, the first and the last that can be told included; nobody's clock stops the gate.
#[test]
fn p07_every_instant_has_an_answer() {
    law(17, |asked, dice| {
        const ENDS: [i64; 6] = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
        let mut odd = asked.clone();
        odd.now = dice.pick(&ENDS);
        let when = Timestamp(dice.pick(&ENDS));
        let place = dice.below(odd.history.len());
        odd.history[place].recorded_at = when;
        for recorded in &mut odd.history {
            match &mut recorded.event {
                CaseEvent::ConsentGiven(given) if dice.chance(50) => {
                    given.expiry = Expiry::At(when);
                    given.not_before = Some(when);
                    given.data_period = Some(DataPeriod { from: Some(when), until: given.not_before });
                }
                _ => {}
            }
        }
        let answer = ask_engine(&odd);
        let over = answer.decision.expires_at.is_some_and(|end| end.0 <= odd.now);
        unless(answer.decision.is_permit() && over, || "a permit that is over when it is given".to_owned())
    });
}

/// Of a referral of which is said that its time is over, nothing is delivered: the note tells nothing that the gate would contradict.
#[test]
fn p02_whatever_is_said_to_have_ended_is_not_delivered() {
    let said = std::cell::Cell::new(0_u32);
    law(18, |asked, dice| {
        let mut later = asked.clone();
        later.now = later.now.saturating_add(dice.pick(&[DAY, 30 * DAY, 400 * DAY, 400 * DAY]));
        let facts = CaseFacts::from_events(&later.history);
        let over = egide_domain::expired(&facts, &later.rules.engine, Timestamp(later.now));
        for referral_id in over {
            said.set(said.get() + 1);
            later.delivering = referral_id;
            unless(ask_engine(&later).delivery.is_ok(), || format!("{referral_id:?} is delivered"))?;
        }
        Ok(())
    });
    assert!(said.get() > 0, "the law is about something");
}
