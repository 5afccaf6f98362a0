//! The gate's decision beside the same question put to two policy engines, on one core, in one run.
//!
//! *In scope*: a case of 200 events with 20 consents, one request by one unit at one instant; Égide's `decide` on folded
//! facts, Cedar's authorizer, Rego by regorus. Before anything is measured each must give the same mask on the case and on
//! variations of it. Rounds are interleaved, medians are printed.
//! *Out of scope*: what the others are not asked (bases, reasons, obligations, exceptions, approvals): Égide decides it all
//! the same. Preparing what is asked, but for a row with the fold.

mod case;
mod cedar;
mod figures;
mod question;
mod rego;
mod same;
#[path = "../../src/table.rs"]
mod table;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use egide_domain::vocabulary::DataCategory;
use egide_domain::{CaseFacts, Categories, Policy, Request, decide};

use crate::case::{INVESTIGATORS, NOW, VICTIM};
use crate::cedar::Cedar;
use crate::figures::{Figures, Measured};
use crate::question::Question;
use crate::rego::Rego;

/// The allocator of `egide`, for all of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long one system runs in one round, and before the first of them.
const RUN: Duration = Duration::from_millis(300);
const WARM_UP: Duration = Duration::from_millis(100);

struct Plan {
    rounds: usize,
    output: Option<PathBuf>,
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = plan(&arguments)?;
    let policy = Policy::embedded()?;
    let compared = same::compare(&policy)?;
    eprintln!("  all three give the same mask in {compared} questions");
    let figures = measure(&policy, plan.rounds)?;
    println!("{}", figures.table());
    if let Some(output) = plan.output {
        if let Some(folder) = output.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&output, figures.json()?)?;
    }
    Ok(())
}

fn plan(arguments: &[String]) -> Result<Plan, Error> {
    let mut plan = Plan { rounds: 7, output: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match (argument.as_str(), rest.next()) {
            ("--rounds", Some(rounds)) => plan.rounds = rounds.parse()?,
            ("--output", Some(path)) => plan.output = Some(path.into()),
            (other, _) => {
                return Err(format!("unknown argument or no value: `{other}`; see tests/peers/run --help").into());
            }
        }
    }
    Ok(plan)
}

fn measure(policy: &Policy, rounds: usize) -> Result<Figures, Error> {
    let events = case::log();
    let facts = CaseFacts::from_events(&events);
    let directory = case::directory();
    let recipient = directory.iter().find_map(|organization| organization.recipient(INVESTIGATORS));
    let recipient = recipient.ok_or("the investigators are registered")?;
    let everybody = case::question();
    let one = Request {
        subject_ids: vec![VICTIM],
        categories: Categories::only(DataCategory::Situation),
        ..everybody.clone()
    };
    let mut figures = Figures::default();
    for (request, what) in [(&everybody, "4 people, 6 categories"), (&one, "1 person, 1 category")] {
        let question = Question { facts: &facts, request, recipient: &recipient, policy, now: NOW };
        let cedar = Cedar::prepare(&question)?;
        let mut rego = Rego::prepare(&question)?;
        let mut interpreted = Rego::prepare(&question)?;
        for round in 0..=rounds {
            let time = if round == 0 { WARM_UP } else { RUN };
            let mut runs = Vec::new();
            runs.push((
                "egide",
                figures::run(time, || {
                    black_box(decide(black_box(&facts), black_box(request), Some(&recipient), policy, NOW));
                    Ok(())
                })?,
            ));
            runs.push((
                "egide, fold included",
                figures::run(time, || {
                    let facts = CaseFacts::from_events(black_box(&events));
                    black_box(decide(&facts, black_box(request), Some(&recipient), policy, NOW));
                    Ok(())
                })?,
            ));
            runs.push((
                "cedar-policy",
                figures::run(time, || {
                    black_box(cedar.answer());
                    Ok(())
                })?,
            ));
            runs.push((
                "regorus",
                figures::run(time, || {
                    black_box(rego.answer()?);
                    Ok(())
                })?,
            ));
            runs.push((
                "regorus, interpreted",
                figures::run(time, || {
                    black_box(interpreted.interpreted()?);
                    Ok(())
                })?,
            ));
            if round > 0 {
                figures.add(runs.into_iter().map(|(system, per_second)| Measured { what, system, per_second }));
            }
        }
        eprintln!("  {what}: {} authorisation requests to cedar-policy for one decision", cedar.requests());
    }
    Ok(figures)
}
