//! Engine and evaluator side by side: many cases, the first differences shrunk and printed.

use crate::coverage::Coverage;
use crate::evaluator::case::Case;
use crate::evaluator::contact::cleared;
use crate::evaluator::delivery::{Delivery, deliver};
use crate::evaluator::owed::{Stands, Which, owed};
use crate::evaluator::recipient::Directory;
use crate::evaluator::tables::{DAY, HOUR};
use crate::evaluator::verdict::{Answer, Question, evaluate};
use crate::generator::{self, BEGIN};
use crate::question::{Asked, Rules};
use egide_domain::decision::{Decision, Reference};
use egide_domain::delivery::{DeliveryRefusal, redecide_for_delivery};
use egide_domain::ids::SubjectId;
use egide_domain::vocabulary::{ApproachRule, ContactMeans, ReasonCode};
use egide_domain::{
    Basis, CaseFacts, NotSafe, OrganizationFacts, StandingObligation, Timestamp, decide, may_contact, standing,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The engine's answers.
pub(crate) struct Engine {
    pub(crate) decision: Decision,
    pub(crate) delivery: Result<Decision, DeliveryRefusal>,
}

/// What the engine says of what follows a decision.
#[derive(Default)]
pub(crate) struct Followed {
    pub(crate) owed: Vec<StandingObligation>,
    pub(crate) contacts: Vec<Result<(), NotSafe>>,
}

pub(crate) fn ask_engine(asked: &Asked) -> Engine {
    let facts = CaseFacts::from_events(&asked.history);
    let mut organization = OrganizationFacts::default();
    asked.directory.iter().for_each(|event| organization.apply(event));
    let now = Timestamp(asked.now);
    let policy = &asked.rules.engine;
    let recipient = organization.recipient(asked.request.unit_id);
    let decision = decide(&facts, &asked.request, recipient.as_ref(), policy, now);
    let of_the_referral = facts.referral(asked.delivering).map_or(asked.request.unit_id, |it| it.released.unit_id);
    let recipient = organization.recipient(of_the_referral);
    let delivery = redecide_for_delivery(&facts, asked.delivering, recipient.as_ref(), policy, now);
    Engine { decision, delivery }
}

/// The reasons that refuse a request whole.
const WHOLE: [ReasonCode; 13] = [
    ReasonCode::CaseUnknown,
    ReasonCode::CaseClosed,
    ReasonCode::RecordUnreadable,
    ReasonCode::DataErased,
    ReasonCode::PurposeMissing,
    ReasonCode::RecipientUnknown,
    ReasonCode::RecipientUnverified,
    ReasonCode::RecipientSuspended,
    ReasonCode::PurposeNotOfUnit,
    ReasonCode::SupplementaryOtherAgency,
    ReasonCode::SupplementaryUnknown,
    ReasonCode::ApprovalRequired,
    ReasonCode::ApprovalInvalid,
];

/// The engine's answer in the evaluator's form.
pub(crate) fn translated(decision: &Decision) -> Answer {
    let whole = |code: &ReasonCode| WHOLE.contains(code);
    let basis = |index: u32| decision.bases[usize::try_from(index).expect("small")];
    Answer {
        permit: decision.is_permit(),
        refusals: decision
            .reasons
            .iter()
            .filter(|reason| reason.subject_id.is_none())
            .map(|reason| reason.code)
            .filter(whole)
            .collect(),
        entries: decision
            .mask
            .entries()
            .iter()
            .map(|entry| {
                (
                    (entry.subject_id, entry.category),
                    (
                        entry.level,
                        entry.bases.iter().map(basis).collect(),
                        entry.period.map(|it| (it.from.map(|at| at.0), it.until.map(|at| at.0))),
                    ),
                )
            })
            .collect(),
        bases: decision.bases.iter().copied().collect(),
        obligations: decision
            .obligations
            .iter()
            .map(|owed| (owed.kind, owed.subject_id, owed.due_at.map(|due| due.0)))
            .collect(),
        expires_at: decision.expires_at.map(|at| at.0),
        urgent: decision.urgent,
        approval_rules: decision
            .reasons
            .iter()
            .filter_map(|reason| match &reason.reference {
                Reference::Rule(rule) => Some(rule.to_string()),
                _ => None,
            })
            .collect(),
        narratives: decision.narratives.iter().map(|it| (it.review_id, it.text_digest)).collect(),
        covering: BTreeSet::new(),
    }
}

/// One thing on which the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) what: &'static str,
    pub(crate) engine: String,
    pub(crate) evaluator: String,
}

fn differ<T: PartialEq + std::fmt::Debug>(what: &'static str, engine: &T, evaluator: &T, into: &mut Vec<Difference>) {
    if engine != evaluator {
        into.push(Difference { what, engine: format!("{engine:?}"), evaluator: format!("{evaluator:?}") });
    }
}

fn differ_in(engine: &Answer, evaluator: &Answer, into: &mut Vec<Difference>) {
    differ("refusals", &engine.refusals, &evaluator.refusals, into);
    differ("outcome", &engine.permit, &evaluator.permit, into);
    differ("mask", &engine.entries, &evaluator.entries, into);
    differ("narratives", &engine.narratives, &evaluator.narratives, into);
    differ("bases", &engine.bases, &evaluator.bases, into);
    differ("obligations", &engine.obligations, &evaluator.obligations, into);
    differ("expiry", &engine.expires_at, &evaluator.expires_at, into);
    differ("approval rules", &engine.approval_rules, &evaluator.approval_rules, into);
    differ("urgent", &engine.urgent, &evaluator.urgent, into);
}

/// What permits stands among the reasons, person by person.
fn covering_reasons(decision: &Decision) -> BTreeSet<String> {
    let covers = |code: ReasonCode| {
        matches!(
            code,
            ReasonCode::CoveredByConsent | ReasonCode::CoveredByReportConsent | ReasonCode::CoveredByException
        )
    };
    let reasons = decision.reasons.iter().filter(|reason| covers(reason.code));
    reasons.map(|reason| format!("{:?} {}", reason.subject_id.expect("a person"), reason.reference)).collect()
}

/// On what the two differ; nothing is what is hoped for.
pub(crate) fn differences(asked: &Asked) -> (Engine, Vec<Difference>) {
    let (engine, _, found) = all_differences(asked);
    (engine, found)
}

pub(crate) fn all_differences(asked: &Asked) -> (Engine, Followed, Vec<Difference>) {
    let mut found = Vec::new();
    let engine = ask_engine(asked);
    let case = Case::read(&asked.history);
    let facts = CaseFacts::from_events(&asked.history);
    let owed = compare_owed(asked, &facts, &mut found);
    let contacts = compare_contacts(asked, &facts, &case, &mut found);
    let directory = Directory::read(&asked.directory);
    let question = Question {
        case: &case,
        unit: directory.unit(asked.request.unit_id),
        request: &asked.request,
        tables: &asked.rules.tables,
        now: asked.now,
        delivering: None,
    };
    let evaluator = evaluate(&question);
    differ_in(&translated(&engine.decision), &evaluator, &mut found);
    let told = |(who, basis): &(SubjectId, Basis)| match basis {
        Basis::Consent(id) | Basis::ReportConsent(id) => format!("{who:?} {id}"),
        Basis::Exception(id, _) => format!("{who:?} {id}"),
    };
    let expected: BTreeSet<String> = evaluator.covering.iter().map(told).collect();
    differ("covering reasons", &covering_reasons(&engine.decision), &expected, &mut found);
    let today = deliver(&case, &directory, asked.delivering, &asked.rules.tables, asked.now);
    let engines = match &engine.delivery {
        Ok(decision) => Delivery::May(Box::new(translated(decision))),
        Err(DeliveryRefusal::Unknown) => Delivery::Unknown,
        Err(DeliveryRefusal::Recalled) => Delivery::Recalled,
        Err(DeliveryRefusal::Narrowed(_)) => Delivery::Narrowed,
    };
    match (&engines, &today) {
        (Delivery::May(one), Delivery::May(other)) => differ_in(one, other, &mut found),
        _ => differ("delivery", &engines, &today, &mut found),
    }
    (engine, Followed { owed, contacts }, found)
}

fn standing_at(asked: &Asked, facts: &CaseFacts, now: i64) -> Vec<StandingObligation> {
    standing(facts, &asked.rules.engine, Timestamp(now))
}

/// What is owed, now and around every date that stands in it.
fn compare_owed(asked: &Asked, facts: &CaseFacts, found: &mut Vec<Difference>) -> Vec<StandingObligation> {
    let now = standing_at(asked, facts, asked.now);
    let dates = now.iter().flat_map(|it| [it.due_at, it.review_at]).flatten();
    let around: BTreeSet<i64> = dates.flat_map(|date| [date.0 - 1, date.0]).chain([asked.now]).collect();
    for now in around {
        let engines = standing_at(asked, facts, now);
        let told: BTreeMap<Which, Stands> = engines
            .iter()
            .map(|it| {
                let review_at = it.review_at.map(|at| at.0);
                let stands = Stands { due_at: it.due_at.map(|at| at.0), state: it.state, since: it.since.0, review_at };
                ((it.decision_id, it.kind, it.subject_id), stands)
            })
            .collect();
        differ("how much is owed", &engines.len(), &told.len(), found);
        differ("owed", &told, &owed(&asked.history, &asked.rules.tables, now), found);
        if !found.is_empty() {
            break;
        }
    }
    now
}

/// Whether each person may be contacted by each means: at some half hour of some day of two years, and a moment before it.
fn compare_contacts(
    asked: &Asked,
    facts: &CaseFacts,
    case: &Case,
    found: &mut Vec<Difference>,
) -> Vec<Result<(), NotSafe>> {
    let half_hours = asked.now.rem_euclid(2 * 300 * DAY) / (HOUR / 2) + asked.now.rem_euclid(47);
    let sharp = BEGIN - BEGIN % HOUR + half_hours * (HOUR / 2);
    let mut contacts = Vec::new();
    for person in &facts.persons {
        for means in ContactMeans::ALL {
            for now in [sharp - 1, sharp] {
                let may = may_contact(person, facts, *means, Timestamp(now), &asked.rules.engine);
                let known = &case.people[&person.subject_id];
                let expected = cleared(case, known, *means, &asked.rules.tables, now);
                let rules = may.ok().map(|it| it.rules.iter().collect::<BTreeSet<ApproachRule>>());
                let which = format!("{} {means} at {now}", person.subject_id);
                differ("contact", &(&which, rules), &(&which, expected), found);
                contacts.push(may.map(|_| ()));
            }
        }
    }
    contacts
}

/// Makes a case smaller while the two still differ on the same things.
pub(crate) fn shrink(mut asked: Asked, keeps: &dyn Fn(&Asked) -> bool) -> Asked {
    loop {
        let before = asked.write().len();
        for place in (0..asked.history.len()).rev() {
            let mut smaller = asked.clone();
            smaller.history.remove(place);
            asked = if keeps(&smaller) { smaller } else { asked };
        }
        for place in (0..asked.directory.len()).rev() {
            let mut smaller = asked.clone();
            smaller.directory.remove(place);
            asked = if keeps(&smaller) { smaller } else { asked };
        }
        for place in (0..asked.rules.changes.len()).rev() {
            let mut changes = asked.rules.changes.clone();
            changes.remove(place);
            let Some(rules) = Rules::with(changes) else { continue };
            let smaller = Asked { rules: Arc::new(rules), ..asked.clone() };
            asked = if keeps(&smaller) { smaller } else { asked };
        }
        asked = shrink_request(asked, keeps);
        asked = shrink_events(asked, keeps);
        if asked.write().len() >= before {
            return asked;
        }
    }
}

fn shrink_request(mut asked: Asked, keeps: &dyn Fn(&Asked) -> bool) -> Asked {
    for category in asked.request.categories.iter() {
        let mut smaller = asked.clone();
        smaller.request.categories = smaller.request.categories.without(category);
        asked = if keeps(&smaller) { smaller } else { asked };
    }
    let mut smaller = asked.clone();
    smaller.request.relies_on.clear();
    asked = if keeps(&smaller) { smaller } else { asked };
    for place in (0..asked.request.subject_ids.len()).rev() {
        let mut smaller = asked.clone();
        smaller.request.subject_ids.remove(place);
        asked = if keeps(&smaller) { smaller } else { asked };
    }
    asked
}

/// Empties lists inside events, through their JSON: every list element that can go, goes.
fn shrink_events(mut asked: Asked, keeps: &dyn Fn(&Asked) -> bool) -> Asked {
    for place in 0..asked.history.len() {
        let written = serde_json::to_value(&asked.history[place]).expect("JSON");
        let mut pointers = Vec::new();
        elements(&written, String::new(), &mut pointers);
        for (list, element) in pointers.into_iter().rev() {
            let mut value = serde_json::to_value(&asked.history[place]).expect("JSON");
            let Some(found) = value.pointer_mut(&list) else { continue };
            match element {
                Some(index) => {
                    let Some(entries) = found.as_array_mut() else { continue };
                    if index < entries.len() {
                        entries.remove(index);
                    }
                }
                None => *found = serde_json::Value::Null,
            }
            let Ok(event) = serde_json::from_value(value) else { continue };
            let mut smaller = asked.clone();
            smaller.history[place] = event;
            asked = if keeps(&smaller) { smaller } else { asked };
        }
    }
    asked
}

fn elements(value: &serde_json::Value, at: String, into: &mut Vec<(String, Option<usize>)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                elements(field, format!("{at}/{name}"), into);
            }
        }
        serde_json::Value::Array(entries) => {
            into.extend((0..entries.len()).map(|index| (at.clone(), Some(index))));
        }
        serde_json::Value::Null => {}
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) | serde_json::Value::String(_) => {
            into.push((at, None));
        }
    }
}

fn told(seed: u64, asked: &Asked, found: &[Difference]) -> String {
    let mut text = format!("seed {seed}\n");
    for difference in found {
        text += &format!(
            "  {}\n    engine:    {}\n    evaluator: {}\n",
            difference.what, difference.engine, difference.evaluator
        );
    }
    text += &format!("#[test]\nfn found_{seed}() {{\n    agree(r#\"{}\"#);\n}}\n", asked.write());
    text
}

/// Compares so many cases from a seed; the coverage, and every difference found until there are too many to look at.
pub(crate) fn run(seed: u64, how_many: u64, rules: &[Arc<Rules>]) -> (Coverage, Vec<String>) {
    let mut coverage = Coverage::default();
    let mut disagreements = Vec::new();
    let mut seen: BTreeSet<Vec<&'static str>> = BTreeSet::new();
    for number in 0..how_many {
        let seed = seed.wrapping_add(number);
        let asked = generator::case(seed, rules);
        let (engine, followed, found) = all_differences(&asked);
        coverage.count(&asked, &engine);
        coverage.followed(&followed);
        if found.is_empty() {
            continue;
        }
        let labels = |found: &[Difference]| found.iter().map(|difference| difference.what).collect::<Vec<_>>();
        let same = labels(&found);
        coverage.disagreements += 1;
        if disagreements.len() >= 6 || !seen.insert(same.clone()) {
            continue;
        }
        let small = shrink(asked, &|smaller| labels(&differences(smaller).1) == same);
        let (_, found) = differences(&small);
        disagreements.push(told(seed, &small, &found));
    }
    (coverage, disagreements)
}

fn nightly() -> bool {
    std::env::var_os("EGIDE_NIGHTLY").is_some_and(|value| !value.is_empty())
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Where the cases begin: the same place by day, another each night.
pub(crate) fn seed() -> u64 {
    let fresh = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8) >> 24;
    number("EGIDE_GATE_SEED").unwrap_or(if nightly() { fresh } else { 20_261_122 })
}

/// How many cases: so many by day, fifty times as many by night.
pub(crate) fn cases(by_day: u64) -> u64 {
    number("EGIDE_GATE_CASES").unwrap_or(if nightly() { by_day * 50 } else { by_day })
}

#[test]
fn engine_and_evaluator_agree() {
    let seed = seed();
    let how_many = cases(20_000);
    println!("EGIDE_GATE_SEED={seed} EGIDE_GATE_CASES={how_many}");
    let rules = generator::rules::some(seed, 48);
    let threads = std::thread::available_parallelism().map_or(1, |count| u64::try_from(count.get()).expect("small"));
    let share = how_many.div_ceil(threads);
    let answers: Vec<(Coverage, Vec<String>)> = std::thread::scope(|scope| {
        let rules = &rules;
        let started: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(seed.wrapping_add(thread * share), share, rules)))
            .collect();
        started.into_iter().map(|thread| thread.join().expect("the comparison itself does not fail")).collect()
    });
    let mut coverage = Coverage::default();
    let mut disagreements = Vec::new();
    for (counted, found) in answers {
        coverage.add(counted);
        disagreements.extend(found);
    }
    println!("{coverage}");
    assert!(
        disagreements.is_empty(),
        "{} disagreements; the first:\n{}",
        coverage.disagreements,
        disagreements.join("\n")
    );
    coverage.is_enough(how_many);
}
