//! A disclosure from the request to the delivery, in multiples of one durable append.

use std::time::Instant;

use egide_tests::World;
use egide_tests::case::command;
use egide_tests::events;
use egide_tests::who;
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::case::v1::Jurisdiction;

use crate::figures::{Figures, quantile, sorted};
use crate::scaled;

/// Disclosures in one run.
const COUNT: usize = 200;
/// Disclosures of one case.
const PER_CASE: usize = 10;
const WANTED: [DataCategory; 2] = [DataCategory::Situation, DataCategory::Whereabouts];

/// Measures one run.
pub(crate) async fn measure(world: &World, figures: &mut Figures) {
    let police = world.police().register().await;
    let (mut disclosed, mut appended) = (Vec::new(), Vec::new());
    while disclosed.len() < scaled(COUNT) {
        let case = world.case().victim().suspect().triaged().open().await;
        case.consent(&police, &WANTED).await;
        for _ in 0..PER_CASE {
            let began = Instant::now();
            let referral = case.release(&police, &WANTED).await;
            police.fetch(&referral).await.expect("it is delivered");
            disclosed.push(began.elapsed().as_secs_f64() * 1e3);

            let event = events::whereabouts(&case.victim, Jurisdiction::Bc, "17 Lanternfish Way");
            let request = command(&case.id, vec![event]);
            let began = Instant::now();
            world.append(&who::responder(), request).await.expect("it is appended");
            appended.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    figures.add(
        "disclosure, request to delivery, p50",
        "ms",
        quantile(&sorted(&disclosed), 0.5),
        "one durable append, p50",
        quantile(&sorted(&appended), 0.5),
    );
}
