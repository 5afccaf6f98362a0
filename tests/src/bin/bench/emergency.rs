//! Three in the morning under load: from the assertion to the script that is read to a dispatcher, while 64 clients append, beside
//! as many durable appends as that takes, in the same minute.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use egide_testkit::fresh_id;
use egide_tests::World;
use egide_tests::case::{Case, Unit, command};
use egide_tests::events;
use egide_tests::who;
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Basis, BasisKind, DeliveryChannel, ExceptionAsserted, ExceptionGround, ExceptionKind, Jurisdiction, Purpose,
    RecipientKind,
};
use egide_wire::proto::egide::disclosure::v1::{DeliverReferralRequest, RequestDisclosureRequest};

use crate::figures::{Figures, quantile, sorted};
use crate::scaled;

/// Emergencies in one run: enough for a p99.
const COUNT: usize = 100;
/// Clients that append meanwhile.
const CLIENTS: usize = 64;
/// What an emergency commits: the assertion, the decision, the release, the delivery.
const COMMITS: usize = 4;
const WANTED: [DataCategory; 2] = [DataCategory::Whereabouts, DataCategory::Situation];

/// Measures one run.
pub(crate) async fn measure(world: &World, figures: &mut Figures) {
    let dispatch = world.recipient(RecipientKind::EmergencyService, &[Purpose::EmergencyResponse]).register().await;
    let over = AtomicBool::new(false);
    let load = futures_util::future::join_all((0..CLIENTS).map(|number| append_until(world, number, &over)));
    let measured = async {
        let mut took = (Vec::new(), Vec::new());
        for _ in 0..scaled(COUNT) {
            let case = world.case().victim().triaged().open().await;
            let began = Instant::now();
            emergency(world, &case, &dispatch).await;
            took.0.push(began.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            for _ in 0..COMMITS {
                let event = events::whereabouts(&case.victim, Jurisdiction::Bc, "17 Lanternfish Way");
                world.append(&who::supervisor(), command(&case.id, vec![event])).await.expect("it is appended");
            }
            took.1.push(began.elapsed().as_secs_f64() * 1e3);
        }
        over.store(true, Ordering::Relaxed);
        took
    };
    let (_, (emergencies, bare)) = futures_util::future::join(load, measured).await;
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        figures.add(
            &format!("emergency, assertion to script, {name}, {CLIENTS} clients appending"),
            "ms",
            quantile(&sorted(&emergencies), part),
            &format!("{COMMITS} durable appends in a row, {name}, {CLIENTS} clients appending"),
            quantile(&sorted(&bare), part),
        );
    }
}

async fn append_until(world: &World, number: usize, over: &AtomicBool) {
    let who = who::staff("telephony-desk", &format!("responder.{number}"), &["responder"]);
    let mut ledger = world.ledger(&who);
    let case = world.case().victim().triaged().open().await;
    while !over.load(Ordering::Relaxed) {
        let event = events::whereabouts(&case.victim, Jurisdiction::Bc, "17 Lanternfish Way");
        ledger.append(command(&case.id, vec![event])).await.expect("it is appended");
    }
}

/// A supervisor breaks glass, asks for the emergency service, and has what may be told.
async fn emergency(world: &World, case: &Case<'_>, dispatch: &Unit<'_>) {
    let supervisor = who::supervisor();
    let asserted = ExceptionAsserted {
        break_glass: true,
        line_to_send: "Violent man returning within the hour".to_owned(),
        ..events::exception(ExceptionKind::ImminentDanger, &case.victim, ExceptionGround::ThreatToLife)
    };
    let basis = Basis {
        kind: BasisKind::Exception.into(),
        reference_id: asserted.exception_id.clone(),
        exception: ExceptionKind::ImminentDanger.into(),
    };
    case.append(&supervisor, vec![Payload::ExceptionAsserted(asserted)]).await.expect("it is asserted");
    let request = RequestDisclosureRequest { relies_on: vec![basis], ..case.asking(dispatch, &WANTED) };
    let answer = case.request_as(&supervisor, request).await.expect("the gate decides");
    let referral_id = answer.decision.expect("a decision").referral_id;
    let request = DeliverReferralRequest {
        command_id: fresh_id(),
        referral_id,
        channel: DeliveryChannel::Voice.into(),
        received_by: "dispatcher 4".to_owned(),
        spoken: Vec::new(),
    };
    let told = world.disclosure(&supervisor).deliver_referral(request).await.expect("it may be told").into_inner();
    assert!(!told.script.is_empty(), "there is something to read aloud");
}
