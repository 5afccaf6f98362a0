//! The twelve promises, each end to end on real NATS. Each test says which line keeps it: with that line removed it was
//! seen to fail.
//!
//! Erasure by command (10) stands in `shred/erasure.rs`, refusals by the clock (8) in `oracle/`. For later: checkpoints and
//! outside witnesses (9); fault injection at every append (11).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use egide_domain::ids::{DecisionId, OrganizationId, Revision, UnitId};
use egide_domain::policy::Policy;
use egide_domain::time::Timestamp;
use egide_domain::{CaseFacts, OrganizationFacts, decide};
use egide_eventlog::{BucketConfig, Connection, ConnectionConfig, KeyBucket};
use egide_servicekit::clock;
use egide_testkit::{PATIENCE, fresh_id, wait_until, within};
use egide_tests::case::{self, Case, EVERYTHING, Unit, outcome};
use egide_tests::log::Facts;
use egide_tests::needles::Needles;
use egide_tests::raw::Answer;
use egide_tests::{Plan, Role, World, events, who};
use egide_wire::classification::DataCategory;
use egide_wire::convert::{self, recorded_case_event, recorded_directory_event, to_timestamp};
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::{
    AccessReason, AccessScope, AccountForPersonRequest, GetDisclosureRequest, ListDisclosuresRequest,
};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::consent_given::Expiry;
use egide_wire::proto::egide::case::v1::{
    ConsentGiven, ConsentWithdrawn, DisclosureDecided, MaskLevel, Outcome, Reason, RecallReason, ReferralDelivered,
    ReferralRecalled, SituationRecorded,
};
use egide_wire::proto::egide::disclosure::v1::{
    FetchReferralRequest, GetDecisionRequest, ListDecisionsRequest, ListReferralsRequest,
};
use egide_wire::proto::egide::ledger::v1::recorded_event::Payload as Recorded;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, OpenForPermitRequest, OpenState, ReadCaseRequest};
use egide_wire::refusal::not_found_outside;
use prost::Message as _;
use tonic::Code;

const SITUATION: &[DataCategory] = &[DataCategory::Situation];
const PLACE_AND_SITUATION: &[DataCategory] = &[DataCategory::Situation, DataCategory::Whereabouts];
/// Commands under way at once while the server is killed.
const LANES: usize = 8;

/// A case whose potential victim consented to a unit receiving situation and whereabouts.
async fn consented<'w>(world: &'w World, unit: &Unit<'_>) -> (Case<'w>, String) {
    let case = world.case().victim().suspect().triaged().open().await;
    let consent = case.consent(unit, PLACE_AND_SITUATION).await;
    (case, consent)
}

fn decided_of(answer: &egide_wire::proto::egide::disclosure::v1::RequestDisclosureResponse) -> &DisclosureDecided {
    answer.decision.as_ref().and_then(|decision| decision.decided.as_ref()).expect("a decision")
}

async fn open_for_permit(world: &World, position: u64) -> Result<Vec<u8>, Code> {
    let request = OpenForPermitRequest { position };
    let answer = world.ledger(&who::service("disclosure")).open_for_permit(request).await;
    answer.map(|opened| opened.into_inner().encode_to_vec()).map_err(|status| status.code())
}

/// Seen to fail without `decided.outcome == Outcome::Permit` (`services/ledger/src/read.rs`, `permitting`): a refusal
/// is then held back by its missing end alone, and without `decision.expires_at.is_none_or(…)` in
/// `Ledger::open_for_permit` it opens. Strangers get through only without both `caller.service == *DISCLOSURE`
/// (`services/ledger/src/service.rs`, `disclosure_only`) and `.admit(&caller)?`
/// (`libs/servicekit/src/access/layer.rs`, `AccessLayer::admit`).
#[tokio::test]
async fn p01_no_permit_no_bytes() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, _) = consented(&world, &police).await;
    let denied = case.request(&police, &[DataCategory::Identity]).await.unwrap();
    assert_eq!(outcome(&denied), Some(Outcome::Deny));
    let denied_at = denied.decision.unwrap().position;
    assert_eq!(open_for_permit(&world, denied_at).await, Err(Code::NotFound), "a refusal opens nothing");
    for position in [0, 1, denied_at - 1, denied_at + 1, u64::MAX] {
        assert!(open_for_permit(&world, position).await.is_err(), "position {position} holds no permit");
    }
    for stranger in [who::service("case-desk"), who::service("audit"), who::supervisor(), who::liaison(&police.id)] {
        let request = OpenForPermitRequest { position: denied_at };
        let answer = world.ledger(&stranger).open_for_permit(request).await;
        assert_eq!(answer.unwrap_err().code(), Code::PermissionDenied, "{stranger:?} may not open for a permit");
    }
    let referral = case.release(&police, PLACE_AND_SITUATION).await;
    police.fetch(&referral).await.expect("what was permitted is delivered");
    let log = world.walk().await;
    let place = |kind: &str| log.iter().rposition(|entry| entry.kind() == kind).expect(kind);
    assert!(place("disclosure.decided") < place("disclosure.released"), "the decision stands before the release");
    assert!(place("disclosure.released") < place("disclosure.delivered"), "and the release before the delivery");
    world.stop(|_| {}).await;
}

/// Seen to fail without each of: `if actual != expected.revision` (`services/ledger/src/writer/draft.rs`,
/// `Drafting::commit`); `actual != *directory_revision` (there, `Drafting::moved`); `self.check_revision(…)`
/// (`libs/domain/src/admit.rs`, `check_decision`, and `check_delivery`); `today.is_permit() &&
/// today.mask.contains(&released.mask)` and `request.relies_on.clone_from(&released.bases)`
/// (`libs/domain/src/delivery.rs`, `redecide_for_delivery`). The revisions the gate expects (`expected(…)` in
/// `services/disclosure/src/delivery.rs` and `request.rs`) say the same once more: without them alone nothing fails.
#[tokio::test]
async fn p02_a_decision_is_committed_at_the_revision_it_was_made_on_or_not_at_all() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, consent) = consented(&world, &police).await;

    let revision = case.read(&who::service("disclosure"), false).await.unwrap().revision;
    case.append(&who::responder(), vec![events::situation(&case.victim)]).await.unwrap();
    let late = case.append_at(&who::responder(), revision, vec![events::situation(&case.victim)]).await;
    assert_eq!(late.unwrap_err().code(), Code::Aborted, "the case has moved");

    let before = case.release(&police, SITUATION).await;
    let delivered = case.release(&police, SITUATION).await;
    police.fetch(&delivered).await.expect("delivered before the withdrawal");
    let log = world.walk().await;
    let (mut permit, mut delivery) = (None, None);
    for payload in log.iter().filter_map(|entry| entry.of_case(&case.id)) {
        if let Payload::DisclosureDecided(decided) = payload {
            permit = Some(decided.clone());
        } else if let Payload::ReferralDelivered(delivered) = payload {
            delivery = Some(delivered.clone());
        }
    }
    let (permit, delivery) = (permit.expect("a permit"), delivery.expect("a delivery"));
    case.withdraw(&consent).await;
    let gate = who::service("disclosure");
    let revision = case.read(&gate, false).await.unwrap().revision;
    let stale = DisclosureDecided { decision_id: fresh_id(), ..permit };
    let stale = case.append_at(&gate, revision, vec![Payload::DisclosureDecided(stale)]).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted, "a permit from before the withdrawal");
    let again = |case_revision| ReferralDelivered { delivery_id: fresh_id(), case_revision, ..delivery.clone() };
    let stale = Payload::ReferralDelivered(again(delivery.case_revision));
    let stale = case.append_at(&gate, revision, vec![stale]).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted, "a delivery decided before the withdrawal");
    assert_eq!(police.fetch(&before).await.unwrap_err().code(), Code::NotFound, "withdrawn before its delivery");
    assert_eq!(police.fetch(&delivered).await.unwrap_err().code(), Code::NotFound, "no second look either");

    case.consent(&police, SITUATION).await;
    assert_eq!(police.fetch(&before).await.unwrap_err().code(), Code::NotFound, "another basis is a new decision");
    let fresh = case.release(&police, SITUATION).await;
    police.suspend().await;
    assert_eq!(police.fetch(&fresh).await.unwrap_err().code(), Code::NotFound, "suspended before its delivery");
    let revision = case.read(&gate, false).await.unwrap().revision;
    let stale = case.append_at(&gate, revision, vec![Payload::ReferralDelivered(again(revision))]).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted, "a delivery decided before the suspension");

    let mut withdrawn = false;
    for entry in world.walk().await {
        match entry.of_case(&case.id) {
            Some(Payload::ConsentWithdrawn(_)) => withdrawn = true,
            Some(Payload::ReferralDelivered(_)) => assert!(!withdrawn, "a delivery after the withdrawal"),
            _ => {}
        }
    }
    assert!(withdrawn);
    world.stop(|_| {}).await;
}

/// Seen to fail without each of: `refuse_unknown_fields::<U>(&bytes)?` (`libs/wire/src/strict.rs`,
/// `StrictDecoder::decode`); `.ok_or(Refused::NoRow)?` (`libs/servicekit/src/access/layer.rs`, `AccessLayer::admit`);
/// `if !recipient.verified` (`libs/domain/src/decide.rs`, `refuse_recipient`); `let Some(agreed) = gate.agreed else`
/// (`libs/domain/src/bases.rs`, `Search::grant`); `given.speaking_freely == Some(Answer::Yes)` and `given.understood
/// == Some(Answer::Yes)` (`libs/domain/src/consent.rs`, `assess`); `check.required("purpose", …)`
/// (`services/disclosure/src/validate.rs`, `disclosure`).
#[tokio::test]
async fn p03_what_is_unknown_or_failing_narrows_withholds_or_refuses() {
    let world = World::start().await;
    let police = world.police().register().await;
    let unverified = world.police().unverified().register().await;
    let without_agreement = world.police().agreeing_on(&[]).register().await;
    let case = world.case().victim().triaged().open().await;

    for unit in [&unverified, &without_agreement] {
        case.consent(unit, SITUATION).await;
        assert_eq!(outcome(&case.request(unit, SITUATION).await.unwrap()), Some(Outcome::Deny));
    }
    let mut pressed = events::consent(&case.victim, &police.id, police.purpose, SITUATION);
    pressed.speaking_freely = egide_wire::proto::egide::case::v1::Answer::Unknown.into();
    case.give(pressed).await;
    let mut unchecked = events::consent(&case.victim, &police.id, police.purpose, SITUATION);
    unchecked.understood = egide_wire::proto::egide::case::v1::Answer::No.into();
    case.give(unchecked).await;
    assert_eq!(
        outcome(&case.request(&police, SITUATION).await.unwrap()),
        Some(Outcome::Deny),
        "not free, not understood"
    );
    let mut aimless = case.asking(&police, SITUATION);
    aimless.purpose = 0;
    let refused = case.request_as(&who::supervisor(), aimless).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument, "a purpose is always given");

    let mut newer = case::command(&case.id, vec![events::situation(&case.victim)]).encode_to_vec();
    newer.extend([0xfa, 0x3f, 0x01, 0x78]); // field 1023, one byte, as a newer contract would send it
    let metadata = world.metadata(&who::responder());
    let path = "/egide.ledger.v1.LedgerService/Append";
    let answer = world.call(Role::Ledger, path, &metadata, newer.into(), Duration::from_secs(10)).await;
    assert_eq!(answer.code, Code::InvalidArgument, "an unknown field is refused, not dropped");
    let stranger = tonic::metadata::MetadataMap::new();
    let answer = world.call(Role::Ledger, path, &stranger, Vec::new().into(), Duration::from_secs(10)).await;
    assert_eq!(answer.code, Code::PermissionDenied, "a certificate alone gives no rights");
    let mut twice = metadata.clone();
    twice.insert("authorization", "Bearer a.b.c".parse().unwrap());
    let answer = world.call(Role::Ledger, path, &twice, Vec::new().into(), Duration::from_secs(10)).await;
    assert_eq!(answer.code, Code::Unauthenticated, "the certificate says who calls, and nothing beside it");
    let path = "/egide.ledger.v1.LedgerService/Purge";
    let answer = world.call(Role::Ledger, path, &metadata, Vec::new().into(), Duration::from_secs(10)).await;
    assert_eq!(answer.code, Code::PermissionDenied, "a method nobody has listed is nobody's");
    world.stop(|_| {}).await;
}

/// Seen to fail without each of `permitted.within(self.wanted)`, `.within(agreed)` and `.intersection(gate.ceiling)`
/// (`libs/domain/src/bases.rs`, `Search::grant`) and `.difference(taken_back)` (`libs/domain/src/consent.rs`,
/// `assess`); and, for the report, without the look for an entry of the mask in both `Opening::level`
/// (`services/ledger/src/mask.rs`) and `Rule::level` (`libs/redaction/src/redact.rs`), each of which holds without the
/// other.
#[tokio::test]
async fn p04_masks_only_narrow() {
    let world = World::start().await;
    let bounded = [DataCategory::Situation, DataCategory::Whereabouts, DataCategory::Identity, DataCategory::Finances];
    let police = world.police().agreeing_on(&bounded).register().await;
    let case = world.case().victim().triaged().open().await;
    case.append(&who::responder(), vec![events::finances(&case.victim, "4,000 dollars to Wrenfoot")]).await.unwrap();
    let given = [DataCategory::Situation, DataCategory::Identity, DataCategory::Contact, DataCategory::Finances];
    let consent = case.consent(&police, &given).await;
    let categories =
        |decided: &DisclosureDecided| -> BTreeSet<i32> { decided.mask.iter().map(|entry| entry.category).collect() };
    let wide = case.request(&police, &EVERYTHING).await.unwrap();
    let wide = decided_of(&wide);
    let expected = [DataCategory::Situation, DataCategory::Identity, DataCategory::Finances].map(i32::from);
    assert_eq!(categories(wide), BTreeSet::from(expected), "requested ∩ basis ∩ agreement");
    for entry in &wide.mask {
        let most = if entry.category() == DataCategory::Finances { MaskLevel::Generalised } else { MaskLevel::Whole };
        assert_eq!(entry.level(), most, "∩ purpose: what an investigation gets of finances is generalised");
    }
    let narrow = case.request(&police, &[DataCategory::Identity]).await.unwrap();
    assert_eq!(categories(decided_of(&narrow)), BTreeSet::from([DataCategory::Identity.into()]), "what is requested");
    let part = ConsentWithdrawn {
        categories: vec![DataCategory::Identity.into()],
        ..events::withdrawal(&case.victim, &consent)
    };
    case.append(&who::responder(), vec![Payload::ConsentWithdrawn(part)]).await.unwrap();
    let after = case.request(&police, &EVERYTHING).await.unwrap();
    let left = [DataCategory::Situation, DataCategory::Finances].map(i32::from);
    assert_eq!(categories(decided_of(&after)), BTreeSet::from(left));
    let report = police.fetch(&after.decision.unwrap().referral_id).await.unwrap();
    let report = String::from_utf8(report.report).unwrap();
    for withheld in ["Quillfeather", "555-0142", "Lanternfish", "Wrenfoot"] {
        assert!(!report.contains(withheld), "{withheld} is in no mask, or beyond its level");
    }
    world.stop(|_| {}).await;
}

/// Seen to fail without `.any(|stored| supersedes(&case_event(stored)))` (`services/ledger/src/read.rs`,
/// `Ledger::open_for_permit`), and with the case's events opened in `Ledger::append` (`services/ledger/src/ledger.rs`)
/// before a decision is committed.
#[tokio::test]
async fn p05_nothing_is_opened_before_the_permit_and_nothing_under_one_that_is_superseded() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, consent) = consented(&world, &police).await;
    destroy_keys(&world, &case.id).await;
    world.stop_role(Role::Ledger).await;
    world.start_role(Role::Ledger).await;
    let denied = case.request(&police, &[DataCategory::Health]).await.unwrap();
    assert_eq!(outcome(&denied), Some(Outcome::Deny), "a decision needs facts only, every key of the case is gone");

    let (case, _) = (world.case().victim().suspect().triaged().open().await, consent);
    let consent = case.consent(&police, PLACE_AND_SITUATION).await;
    let permitted = case.request(&police, PLACE_AND_SITUATION).await.unwrap();
    let position = permitted.decision.unwrap().position;
    // A release supersedes nothing that stands behind it; a withdrawal does.
    case.withdraw(&consent).await;
    assert_eq!(open_for_permit(&world, position).await, Err(Code::FailedPrecondition), "superseded by a withdrawal");
    world.stop(|_| {}).await;
}

/// Seen to fail without `is_sealed(&field)` (`libs/wire/src/split.rs`, `cut`); with `IDENTIFIES_NONE` on
/// `PersonIdentified.family_name`, or on `ReferralReleased.report`; with a log line that holds a request's bytes; and,
/// with `tracing::trace!(?request)` in `Ledger::append`, without `config.skip_debug` and `opaque_debug`
/// (`libs/wire/build.rs`).
#[tokio::test]
async fn p06_identifying_data_lives_in_two_places_only() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, _) = consented(&world, &police).await;
    let narrative = events::narrative(&[&case.victim], "she hides behind the Gooseberrying bakery at night");
    case.append(&who::responder(), vec![narrative]).await.unwrap();
    let referral = case.release(&police, PLACE_AND_SITUATION).await;
    let report = police.fetch(&referral).await.unwrap();
    let report = String::from_utf8(report.report).unwrap();
    assert!(report.contains("17 Lanternfish Way"), "what is permitted arrives");
    assert!(!report.contains("Gooseberrying") && !report.contains("Quillfeather"), "and nothing else");
    let mut needles = Needles::default();
    for marker in ["Quillfeather", "Brambleclaw", "17 Lanternfish Way", "+1-555-0142", "Gooseberrying"] {
        needles.add(marker, marker.as_bytes());
    }
    world
        .stop(|data| {
            let (found, bytes) = needles.find_below(data);
            assert!(bytes > 10_000, "the search read {bytes} bytes only");
            assert!(found.is_empty(), "{found:?}");
        })
        .await;
}

/// Seen to fail when `decide_with` (`libs/domain/src/decide.rs`) takes the clock's time for `now`, and with
/// `decided_at`, `case_revision`, `directory_revision`, `bases`, `mask` or `reasons` left out or changed in `decided`
/// (`libs/wire/src/convert/decision.rs`), or `policy_digest` in `Versions::stamp` (`services/disclosure/src/gate.rs`). The
/// report's bytes are replayed in `services/disclosure/tests/disclosure/replay.rs`.
#[tokio::test]
async fn p07_the_log_up_to_a_revision_gives_the_same_decision_for_ever() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, consent) = consented(&world, &police).await;
    case.release(&police, PLACE_AND_SITUATION).await;
    case.request(&police, &EVERYTHING).await.unwrap();
    case.withdraw(&consent).await;
    case.request(&police, PLACE_AND_SITUATION).await.unwrap();
    let policy = Policy::embedded().unwrap();
    let mut cases: BTreeMap<String, CaseFacts> = BTreeMap::new();
    let mut organizations: BTreeMap<String, OrganizationFacts> = BTreeMap::new();
    let mut replayed = 0;
    for entry in world.walk().await {
        let at = Timestamp(entry.recorded_at_ms);
        let stream = entry.event.stream_id.clone();
        match &entry.facts {
            Facts::Directory(_) => {
                let event = recorded_directory_event(&entry.event, entry.position, at);
                organizations.entry(stream).or_default().apply(&event);
            }
            Facts::Case(payload) => {
                let facts = cases.entry(stream).or_default();
                if let Payload::DisclosureDecided(recorded) = payload {
                    replay(recorded, facts, &organizations, &policy);
                    replayed += 1;
                }
                facts.apply(&recorded_case_event(&entry.event, entry.position, at));
            }
            Facts::Access(_) | Facts::House(_) => {}
        }
    }
    assert_eq!(replayed, 3);
    world.stop(|_| {}).await;
}

fn replay(
    recorded: &DisclosureDecided,
    facts: &CaseFacts,
    organizations: &BTreeMap<String, OrganizationFacts>,
    policy: &Policy,
) {
    let request = convert::request_from(recorded.request.as_ref().unwrap()).unwrap();
    let organization: OrganizationId = request.organization_id;
    let unit: UnitId = request.unit_id;
    let recipient = organizations.get(&organization.to_string()).and_then(|facts| facts.recipient(unit));
    let now = convert::timestamp(recorded.decided_at.as_ref().unwrap()).unwrap();
    let decision = decide(facts, &request, recipient.as_ref(), policy, now);
    let decision_id: DecisionId = recorded.decision_id.parse().unwrap();
    let (mask, bases) = convert::decided_from(recorded).unwrap();
    assert!(mask == decision.mask && bases == decision.bases, "{decision_id}: another mask or bases");
    // What `decided` forgot, or took from elsewhere, it would forget below as well.
    let seen = (facts.revision, organizations[&organization.to_string()].revision);
    assert_eq!((Revision(recorded.case_revision), Revision(recorded.directory_revision)), seen, "{decision_id}");
    let said = |reasons: &[Reason]| reasons.iter().map(|reason| reason.code).collect::<Vec<_>>();
    let reasons: Vec<Reason> = decision.reasons.iter().map(convert::reason).collect();
    assert_eq!(said(&recorded.reasons), said(&reasons), "{decision_id}: other reasons");
    assert_eq!(recorded.obligations.len(), decision.obligations.len(), "{decision_id}: other obligations");
    assert_eq!(recorded.expires_at, decision.expires_at.map(to_timestamp), "{decision_id}: another end");
    assert_eq!(recorded.policy_version, **policy.version(), "{decision_id}: another policy");
    let mut again = convert::decided(decision_id, &request, &decision);
    // What the domain does not know is taken over; everything else must come out the same, byte for byte.
    again.policy_digest.clone_from(&recorded.policy_digest);
    again.classification_digest.clone_from(&recorded.classification_digest);
    again.form.clone_from(&recorded.form);
    again.commitment.clone_from(&recorded.commitment);
    assert!(again.encode_to_vec() == recorded.encode_to_vec(), "decision {} comes out otherwise", recorded.decision_id);
    assert_eq!(recorded.policy_digest.len(), 32, "a decision names its policy by digest");
}

async fn raw_fetch(world: &World, unit: &Unit<'_>, referral_id: &str) -> (Answer, Duration) {
    let request = FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
    let metadata = world.metadata(&unit.liaison());
    let path = "/egide.disclosure.v1.ReferralService/FetchReferral";
    let begun = std::time::Instant::now();
    let body = request.encode_to_vec().into();
    let answer = world.call(Role::Disclosure, path, &metadata, body, Duration::from_secs(20)).await;
    (answer, begun.elapsed())
}

/// Seen to fail without `sleep_until(…)` (`services/disclosure/src/outside.rs`, `Gate::pad`); without `self.record(…)`
/// in `Gate::refuse` there, or with a second one, or with the referral's id in it; with another text or one more
/// header for what is refused (`services/disclosure/src/referral_service.rs`, `fetch_referral`); and without `unit_id
/// != referral.unit_id` (`services/disclosure/src/delivery.rs`, `Gate::deliverable`), `if referral.recalled`
/// (`libs/domain/src/delivery.rs`), `holds(until, asking.now)` (`libs/domain/src/consent.rs`, `assess`) or `if
/// recipient.suspended` (`libs/domain/src/decide.rs`).
#[tokio::test]
async fn p08_refusals_tell_no_cause() {
    let world = World::with(Plan { clock: hours_ahead, ..Plan::default() }).await;
    let police = world.police().register().await;
    let others = world.police().register().await;
    let suspended = world.police().register().await;
    let (case, consent) = consented(&world, &police).await;
    let withdrawn = case.release(&police, SITUATION).await;
    case.withdraw(&consent).await;
    let (case, _) = consented(&world, &police).await;
    let recalled = case.release(&police, SITUATION).await;
    let recall = ReferralRecalled { referral_id: recalled.clone(), reason: RecallReason::Error.into() };
    case.append(&who::supervisor(), vec![Payload::ReferralRecalled(recall)]).await.unwrap();
    let theirs = case.release(&police, SITUATION).await;
    case.consent(&suspended, SITUATION).await;
    let stopped = case.release(&suspended, SITUATION).await;
    suspended.suspend().await;
    let case = world.case().victim().triaged().open().await;
    let in_half_an_hour = to_timestamp(Timestamp(clock::now().0 + 1_800_000));
    let brief = events::consent(&case.victim, &police.id, police.purpose, SITUATION);
    case.give(ConsentGiven { expiry: Some(Expiry::ExpiresAt(in_half_an_hour)), ..brief }).await;
    let expired = case.release(&police, SITUATION).await;
    let (erased_case, _) = consented(&world, &police).await;
    let erased = erased_case.release(&police, SITUATION).await;
    destroy_keys(&world, &erased_case.id).await;
    world.stop_role(Role::Ledger).await;
    world.start_role(Role::Ledger).await;
    HOURS_AHEAD.store(1, Ordering::Relaxed);
    // The clock notes that its time is over, behind nobody's question.
    let noted = async || world.walk().await.iter().any(|told| told.event.kind == "disclosure.referral_expired");
    wait_until("the end of a referral is noted", PATIENCE, noted).await;
    let refused = case.request(&police, &[DataCategory::Health]).await.unwrap().decision.unwrap().decided.unwrap();

    let classes = [
        ("absent", &police, fresh_id()),
        ("refused", &police, refused.decision_id),
        ("withdrawn", &police, withdrawn),
        ("recalled", &police, recalled),
        ("expired", &police, expired),
        ("erased", &police, erased),
        ("suspended", &suspended, stopped),
        ("not-yours", &others, theirs),
    ];
    let mut answers: Vec<(&str, Vec<u8>)> = Vec::new();
    for (class, unit, referral) in &classes {
        let before = world.walk().await.len();
        let (answer, elapsed) = raw_fetch(&world, unit, referral).await;
        let log = world.walk().await;
        assert_eq!(log.len(), before + 1, "{class}: exactly one append stands behind it");
        let Facts::Access(Access::OutsiderRefused(access)) = &log[before].facts else { panic!("{class}: not logged") };
        assert!(!log[before].event.encode_to_vec().windows(36).any(|part| part == referral.as_bytes()), "{class}");
        assert_eq!(access.unit_id, unit.id);
        assert!(elapsed >= Duration::from_millis(250), "{class}: not padded ({elapsed:?})");
        assert_eq!(answer.code, Code::NotFound, "{class}");
        assert_eq!(answer.message, not_found_outside().message(), "{class}");
        answers.push((class, without_date(answer.bytes)));
    }
    for (class, bytes) in &answers {
        assert!(*bytes == answers[0].1, "{class} differs from {}", answers[0].0);
    }
    world.stop(|_| {}).await;
}

static HOURS_AHEAD: AtomicI64 = AtomicI64::new(0);

fn hours_ahead() -> Timestamp {
    Timestamp(clock::now().0 + HOURS_AHEAD.load(Ordering::Relaxed) * 3_600_000)
}

/// The date header tells the time, nothing else.
fn without_date(bytes: Vec<u8>) -> Vec<u8> {
    let Some(start) = bytes.windows(4).position(|part| part == b"date") else { return bytes };
    let end = bytes[start..].windows(3).position(|part| part == b"GMT").map_or(bytes.len(), |end| start + end + 3);
    [&bytes[..start], &bytes[end..]].concat()
}

/// Seen to fail without `self.keys.verify_at(…)` (`libs/eventlog/src/chain.rs`, `ChainVerifier::check_signature`): the
/// reader then waits for the next block in vain.
#[tokio::test]
async fn p09_a_forged_block_halts_every_reader() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, _) = consented(&world, &police).await;
    case.release(&police, SITUATION).await;
    let (url, user, password) = world.nats().await;
    let log = world.event_log();
    let last = log.last_number().await.unwrap();
    let genuine = log.read(last).await.unwrap().expect("the last block");
    let client = async_nats::ConnectOptions::with_user_and_password(user, password).connect(&url).await.unwrap();
    // The newest block once more, as the next of the chain and with its hash made to fit: only the signature does not.
    let mut signed =
        egide_wire::proto::egide::ledger::v1::SignedBlock::decode(genuine.bytes.clone()).expect("a signed block");
    let mut block = egide_wire::proto::egide::ledger::v1::Block::decode(signed.block.as_slice()).unwrap();
    let events = u64::try_from(block.commits.iter().map(|commit| commit.events.len()).sum::<usize>()).unwrap();
    block.number += 1;
    block.first_position += events;
    block.previous_hash.clone_from(&signed.hash);
    signed.block = block.encode_to_vec();
    signed.hash = egide_eventlog::block_hash(&signed.block).as_bytes().to_vec();
    let context = async_nats::jetstream::new(client);
    context.publish("cases.blocks", signed.encode_to_vec().into()).await.unwrap().await.expect("NATS takes anything");
    let mut follower = log.follow(log.genesis());
    let halted = within("a reader halts", async {
        loop {
            if let Err(halted) = follower.next_batch(64).await {
                return halted;
            }
        }
    })
    .await;
    assert!(halted.to_string().contains("signature"), "{halted}");
    let answer = case.request(&police, SITUATION).await;
    assert!(answer.is_err(), "nothing is decided on a log that does not verify");
}

async fn destroy_keys(world: &World, case_id: &str) {
    let (url, user, password) = world.nats().await;
    let connection = Connection::open(&ConnectionConfig::new(url).with_user(user, password)).await.unwrap();
    let bucket = KeyBucket::open(connection, &BucketConfig { create: false, replicas: 1 }).await.unwrap();
    let log = world.walk().await;
    let keys: BTreeSet<String> = log
        .iter()
        .filter(|entry| entry.event.stream_id == case_id)
        .flat_map(|entry| entry.event.sealed.iter().flat_map(|part| part.key_ids.clone()))
        .collect();
    assert!(!keys.is_empty());
    for key in keys {
        assert!(bucket.delete(&key).await.unwrap(), "{key} was there");
    }
}

/// Seen to fail with a copy kept: unwrapped keys that outlive the vault (`libs/vault/src/vault.rs`, `Vault::keep`), or
/// a report kept by the gate and given where `NotOpened::Erased` is `Undelivered::Refused`
/// (`services/disclosure/src/delivery.rs`, `Gate::open`); and when `Opened::Shredded` is an error
/// (`services/ledger/src/read.rs`, `Ledger::opened`), so that the history goes too.
#[tokio::test]
async fn p10_without_its_key_nothing_opens_and_the_history_stays() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, _) = consented(&world, &police).await;
    let referral = case.release(&police, PLACE_AND_SITUATION).await;
    police.fetch(&referral).await.expect("before");
    destroy_keys(&world, &case.id).await;
    world.stop_role(Role::Ledger).await;
    world.start_role(Role::Ledger).await;

    let page = case.read(&who::supervisor(), true).await.unwrap();
    let shredded = page.events.iter().filter(|event| event.open_state() == OpenState::Shredded).count();
    assert!(shredded > 0 && page.events.iter().all(|event| event.open_state() != OpenState::Opened));
    let still_there = page.events.iter().any(|event| {
        matches!(&event.payload, Some(Recorded::CaseEvent(event))
            if matches!(&event.payload, Some(Payload::SituationRecorded(SituationRecorded { exploitation, .. }))
                if !exploitation.is_empty()))
    });
    assert!(still_there, "the facts still decode");
    assert!(police.fetch(&referral).await.is_err(), "the stored report is gone with its people's keys");
    let request = ListDisclosuresRequest { reason: AccessReason::Audit.into(), ..ListDisclosuresRequest::default() };
    let history = world.audit(&who::compliance()).list_disclosures(request).await.unwrap().into_inner();
    assert!(history.disclosures.iter().any(|one| one.referral_id == referral), "what was disclosed to whom stays");
    world.stop(|_| {}).await;
}

/// Seen to fail without the row of `command_key(…)` (`services/ledger/src/model.rs`, `LedgerModel::apply`), without
/// `self.fingerprint == fingerprint.as_bytes()` (there, `CommandRow::has_fingerprint`), with `Answer::Unknown` taken
/// for stored (`libs/eventlog/src/append.rs`, `publish_until_known`), and with `"storage": "memory"`
/// (`libs/eventlog/src/log.rs`). What `sync_interval: always` is for, a power failure, cannot be seen here, where a
/// process is killed: that the server has it is checked at every start (`libs/servicekit/src/nats/monitor.rs`,
/// `judge`).
#[tokio::test]
async fn p11_acknowledged_means_durable_and_nothing_is_doubled() {
    let world = World::with(Plan { roles: &egide_tests::world::TWO_LEDGERS, ..Plan::default() }).await;
    let case = world.case().victim().triaged().open().await;
    // Commands keep coming while the server is killed and until it is back: so many at once that it never dies between two.
    let (halfway, crashed) = (tokio::sync::Notify::new(), std::cell::Cell::new(false));
    let lane = async |_: usize| {
        let mut acknowledged = Vec::new();
        while acknowledged.len() < 10 || !crashed.get() {
            let command = case::command(&case.id, vec![events::situation(&case.victim)]);
            let answer = world.append(&who::responder(), command.clone()).await.expect("acknowledged");
            acknowledged.push((command, case::position(&answer)));
            if acknowledged.len() == 5 {
                halfway.notify_one();
            }
        }
        acknowledged
    };
    let appending = futures_util::future::join_all((0..LANES).map(lane));
    let crashing = async {
        halfway.notified().await;
        world.crash_nats().await;
        crashed.set(true);
    };
    let (acknowledged, ()) = tokio::join!(appending, crashing);
    let acknowledged: Vec<(AppendRequest, u64)> = acknowledged.into_iter().flatten().collect();
    world.stop_role(Role::Ledger).await;
    world.start_role(Role::Ledger).await;
    for (command, position) in &acknowledged {
        let answer = world.append(&who::responder(), command.clone()).await.expect("the first result");
        assert!(answer.repeated_command);
        assert_eq!(case::position(&answer), *position);
        let other = world.second_ledger(&who::responder()).append(command.clone()).await.unwrap().into_inner();
        assert_eq!(case::position(&other), *position, "the other ledger knows it too");
    }
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for entry in world.walk().await {
        *found.entry(entry.command_id).or_default() += 1;
    }
    for (command, _) in &acknowledged {
        assert_eq!(found.get(&command.command_id), Some(&1), "exactly once");
    }
    let mut changed = acknowledged[0].0.clone();
    changed.correlation_id = fresh_id();
    let refused = world.append(&who::responder(), changed).await;
    assert_eq!(refused.unwrap_err().code(), Code::AlreadyExists, "the same id with other content is refused");
    world.stop(|_| {}).await;
}

/// Seen to fail without each of `self.0.record_access(…)` (`services/ledger/src/service.rs`, `read_case`),
/// `self.looks.record(…)` (`services/audit/src/service.rs`, all three methods), `self.0.record_list(…)`
/// (`services/disclosure/src/referral_service.rs`, `list_referrals`) and `self.record_look(…)`
/// (`services/disclosure/src/disclosure_service.rs`, both methods); and, the ledger being away, with the `?` behind
/// any of the latter three left out.
#[tokio::test]
async fn p12_looking_is_recorded_before_the_answer() {
    let world = World::start().await;
    let police = world.police().register().await;
    let (case, _) = consented(&world, &police).await;
    let looks = |log: &[egide_tests::log::Entry], scope: AccessScope| {
        let of_scope =
            |facts: &Facts| matches!(facts, Facts::Access(Access::AccessRecorded(access)) if access.scope() == scope);
        log.iter().filter(|entry| of_scope(&entry.facts)).count()
    };
    let denied = case.request(&police, &[DataCategory::Health]).await.unwrap();
    let (decision_id, reason) = (decided_of(&denied).decision_id.clone(), i32::from(AccessReason::Audit));
    let history = ListDisclosuresRequest { reason, ..ListDisclosuresRequest::default() };
    let one = GetDisclosureRequest { disclosure_id: decision_id.clone(), reason, ..GetDisclosureRequest::default() };
    let (case_id, subject_id) = (case.id.clone(), case.victim.clone());
    let account = AccountForPersonRequest { case_id, subject_id, reason, ..AccountForPersonRequest::default() };
    let decisions = ListDecisionsRequest { case_id: case.id.clone(), reason, ..ListDecisionsRequest::default() };
    let decision = GetDecisionRequest { decision_id, reason };
    let (mut audit, mut desk) = (world.audit(&who::compliance()), world.disclosure(&who::supervisor()));

    case.read(&who::supervisor(), true).await.unwrap();
    case.read(&who::responder(), false).await.unwrap();
    police.list().await.unwrap();
    audit.list_disclosures(history.clone()).await.unwrap();
    audit.get_disclosure(one.clone()).await.unwrap();
    audit.account_for_person(account.clone()).await.unwrap();
    desk.list_decisions(decisions.clone()).await.unwrap();
    desk.get_decision(decision.clone()).await.unwrap();
    let log = world.walk().await;
    let expected = [
        (AccessScope::CaseOpened, 1),
        (AccessScope::CaseFacts, 1),
        (AccessScope::ReferralList, 1),
        (AccessScope::History, 2),
        (AccessScope::Account, 1),
        (AccessScope::Decisions, 2),
    ];
    for (scope, count) in expected {
        assert_eq!(looks(&log, scope), count, "{}", scope.as_str_name());
    }
    let opened = log.iter().find(|entry| matches!(&entry.facts, Facts::Access(_))).unwrap();
    let actor = opened.event.actor.as_ref().unwrap();
    assert!(!actor.person.is_empty() && !actor.role.is_empty(), "who looked, and in which role");
    assert_eq!(opened.event.revision, 0, "looking never bumps a case's revision");

    let silent = ReadCaseRequest { case_id: case.id.clone(), open: true, ..ReadCaseRequest::default() };
    let refused = world.ledger(&who::supervisor()).read_case(silent).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument, "a look needs its reason");
    let refused = world.audit(&who::compliance()).list_disclosures(ListDisclosuresRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    let refused = case.read(&who::compliance(), true).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "compliance staff open nothing");
    assert_eq!(world.walk().await.len(), log.len(), "what was refused was not answered, and is no look");

    world.stop_role(Role::Ledger).await;
    let unrecorded = [
        audit.list_disclosures(history).await.map(drop),
        audit.get_disclosure(one).await.map(drop),
        audit.account_for_person(account).await.map(drop),
        desk.list_decisions(decisions).await.map(drop),
        desk.get_decision(decision).await.map(drop),
        world.referrals(&police.liaison()).list_referrals(ListReferralsRequest::default()).await.map(drop),
    ];
    for answer in unrecorded {
        assert_eq!(answer.unwrap_err().code(), Code::Unavailable, "what cannot be recorded is not answered");
    }
}
