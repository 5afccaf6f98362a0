//! Opening for a committed permit and for a committed delivery: exactly what they cover, while they count.

use egide_crypto::digest::sha256;
use egide_domain::time::Timestamp;
use egide_servicekit::clock;
use egide_testkit::{MovedClock, adopt_policy, fresh_id, policy_digest};
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::audit::v1::{AccessEvent, AccessReason, AccessRecorded, AccessScope};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as Directory;
use egide_wire::proto::egide::directory::v1::{DirectoryEvent, OrganizationRegistered, RecipientSuspended};
use egide_wire::proto::egide::ledger::v1::{
    Acknowledgement, AppendRequest, NewEvent, OpenForDeliveryRequest, OpenForPermitRequest, OpenForReplayRequest,
    OpenForReplayResponse, OpenState, RecordedEvent, new_event,
};
use tonic::{Code, Status};

use crate::house::*;
use crate::shreds::shredded;

const HOUR_MS: i64 = 3_600_000;

/// A case with a potential victim and a suspect, and a decision about it.
struct Story {
    case: String,
    victim: String,
    suspect: String,
    unit: String,
    organization: String,
}

impl Story {
    async fn tell(desk: &mut Client) -> Self {
        let ids = || fresh_id();
        let story = Self { case: ids(), victim: ids(), suspect: ids(), unit: ids(), organization: ids() };
        let whereabouts = WhereaboutsRecorded {
            subject_id: story.victim.clone(),
            jurisdiction: Jurisdiction::On.into(),
            city: "Marker City".to_owned(),
            ..WhereaboutsRecorded::default()
        };
        let told = NarrativeRecorded {
            narrative_id: fresh_id(),
            subject_ids: vec![story.victim.clone()],
            text: "a narrative".to_owned(),
            ..NarrativeRecorded::default()
        };
        acknowledged(
            desk,
            vec![
                opened(&story.case),
                identified(&story.case, &story.victim, PersonRole::PotentialVictim, "Victim"),
                identified(&story.case, &story.suspect, PersonRole::Suspect, "Suspect"),
                new_event(&story.case, Payload::WhereaboutsRecorded(whereabouts)),
                situated(&story.case, &story.victim),
                new_event(&story.case, Payload::NarrativeRecorded(told)),
            ],
        )
        .await;
        story
    }

    /// A permit on the case as [`Story::tell`] leaves it: the victim's identity whole, the situation as facts only.
    fn permit(&self) -> DisclosureDecided {
        let entry = |category: DataCategory, level: MaskLevel| MaskEntry {
            subject_id: self.victim.clone(),
            category: category.into(),
            level: level.into(),
            bases: vec![0],
            ..MaskEntry::default()
        };
        DisclosureDecided {
            decision_id: fresh_id(),
            request: Some(RequestRecord {
                unit_id: self.unit.clone(),
                organization_id: self.organization.clone(),
                ..RequestRecord::default()
            }),
            outcome: Outcome::Permit.into(),
            bases: vec![Basis { kind: BasisKind::Consent.into(), reference_id: fresh_id(), exception: 0 }],
            mask: vec![
                entry(DataCategory::Identity, MaskLevel::Whole),
                entry(DataCategory::Situation, MaskLevel::FactsOnly),
            ],
            decided_at: at(clock::now()),
            expires_at: at(Timestamp(clock::now().0 + HOUR_MS)),
            case_revision: 6,
            policy_version: "test".to_owned(),
            policy_digest: policy_digest(),
            classification_digest: vec![2; 32],
            form: "investigating-agency/1".to_owned(),
            ..DisclosureDecided::default()
        }
    }

    fn release(&self, decision_id: &str, report: &[u8]) -> ReferralReleased {
        ReferralReleased {
            referral_id: fresh_id(),
            decision_id: decision_id.to_owned(),
            unit_id: self.unit.clone(),
            organization_id: self.organization.clone(),
            subject_ids: vec![self.victim.clone()],
            form: "investigating-agency/1".to_owned(),
            report_digest: sha256(report).as_bytes().to_vec(),
            key_id: "ed-0123456789abcdef".to_owned(),
            report: report.to_vec(),
            signature: vec![7; 64],
            commitment_salt: vec![8; 32],
            ..ReferralReleased::default()
        }
    }

    fn delivery(&self, released: &ReferralReleased, case_revision: u64) -> ReferralDelivered {
        ReferralDelivered {
            delivery_id: fresh_id(),
            referral_id: released.referral_id.clone(),
            decision_id: released.decision_id.clone(),
            unit_id: self.unit.clone(),
            channel: DeliveryChannel::Portal.into(),
            report_digest: released.report_digest.clone(),
            decided_at: at(clock::now()),
            expires_at: at(Timestamp(clock::now().0 + HOUR_MS)),
            case_revision,
            policy_version: "test".to_owned(),
            ..ReferralDelivered::default()
        }
    }
}

/// Appends one event of the case; its position.
async fn position(client: &mut Client, case: &str, payload: Payload) -> u64 {
    acknowledged(client, vec![new_event(case, payload)]).await.events[0].position
}

async fn open(client: &mut Client, position: u64) -> Result<Vec<RecordedEvent>, Status> {
    Ok(client.open_for_permit(OpenForPermitRequest { position }).await?.into_inner().events)
}

#[tokio::test]
async fn a_permit_opens_exactly_its_mask_of_what_stood_at_its_revision() {
    let (house, url) = House::with_policy().await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let mut disclosure = house.service(&url, "disclosure");
    let permit = position(&mut disclosure, &story.case, Payload::DisclosureDecided(story.permit())).await;
    acknowledged(&mut desk, vec![situated(&story.case, &story.victim)]).await;
    let answer = disclosure.open_for_permit(OpenForPermitRequest { position: permit }).await.unwrap().into_inner();
    assert_eq!(answer.revision, 6);
    let kinds: Vec<_> = answer.events.iter().map(|event| (event.revision, event.kind.as_str())).collect();
    assert_eq!(kinds, [(2, "case.person_identified"), (5, "case.situation_recorded")]);
    assert_eq!(family_name(&answer.events[0]), "Victim");
    assert!(answer.events[0].open_state() == OpenState::Opened);
    let Payload::SituationRecorded(situation) = payload(&answer.events[1]) else { panic!("the situation") };
    assert_eq!((situation.exploitation.len(), situation.since.as_str()), (1, ""), "facts only opens nothing");
    assert!(answer.events[1].open_state() == OpenState::Sealed);
    house.world.stop().await;
}

#[tokio::test]
async fn nothing_but_a_committed_permit_opens_anything_and_for_nobody_but_the_disclosure_service() {
    let (house, url) = House::with_policy().await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let mut disclosure = house.service(&url, "disclosure");
    let denied = DisclosureDecided {
        outcome: Outcome::Deny.into(),
        bases: Vec::new(),
        mask: Vec::new(),
        expires_at: None,
        reasons: vec![Reason { code: ReasonCode::NoConsent.into(), ..Reason::default() }],
        ..story.permit()
    };
    let denial = position(&mut disclosure, &story.case, Payload::DisclosureDecided(denied)).await;
    for position in [0, 1, 2, denial, 99] {
        assert_eq!(open(&mut disclosure, position).await.unwrap_err().code(), Code::NotFound, "{position}");
    }
    assert_eq!(open(&mut desk, denial).await.unwrap_err().code(), Code::PermissionDenied);
    house.world.stop().await;
}

#[tokio::test]
async fn a_withdrawal_stops_the_opening_and_a_new_report_of_the_same_situation_does_not() {
    let (house, url) = House::with_policy().await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let mut disclosure = house.service(&url, "disclosure");
    let permit = position(&mut disclosure, &story.case, Payload::DisclosureDecided(story.permit())).await;
    acknowledged(&mut desk, vec![situated(&story.case, &story.victim)]).await;
    assert!(open(&mut disclosure, permit).await.is_ok());
    let withdrawn = ConsentWithdrawn { subject_id: story.victim.clone(), ..ConsentWithdrawn::default() };
    acknowledged(&mut desk, vec![new_event(&story.case, Payload::ConsentWithdrawn(withdrawn))]).await;
    assert_eq!(rules(&open(&mut disclosure, permit).await.unwrap_err()), ["decision_superseded"]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_withdrawal_at_one_ledger_stops_the_opening_at_the_other() {
    let mut house = House::new().await;
    let urls = [house.start("one", clock::now).await, house.start("two", clock::now).await];
    adopt_policy(&house.world, &urls[0]).await;
    let mut desk = house.responder(&urls[0]);
    let mut disclosure = house.service(&urls[1], "disclosure");
    for _ in 0..10 {
        let story = Story::tell(&mut desk).await;
        let permit = position(&mut disclosure, &story.case, Payload::DisclosureDecided(story.permit())).await;
        let withdrawn = Payload::ConsentWithdrawn(ConsentWithdrawn::default());
        acknowledged(&mut desk, vec![new_event(&story.case, withdrawn)]).await;
        assert_eq!(rules(&open(&mut disclosure, permit).await.unwrap_err()), ["decision_superseded"]);
    }
    house.world.stop().await;
}

#[tokio::test]
async fn an_expired_permit_opens_nothing() {
    static CLOCK: MovedClock = MovedClock::new();
    let (house, url) = House::with_policy_at(|| CLOCK.now()).await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let mut disclosure = house.service(&url, "disclosure");
    let permit = position(&mut disclosure, &story.case, Payload::DisclosureDecided(story.permit())).await;
    CLOCK.be_ahead(HOUR_MS - 60_000);
    assert!(open(&mut disclosure, permit).await.is_ok());
    CLOCK.be_ahead(HOUR_MS);
    assert_eq!(rules(&open(&mut disclosure, permit).await.unwrap_err()), ["decision_expired"]);
    house.world.stop().await;
}

#[tokio::test]
async fn after_a_persons_key_is_gone_a_permit_opens_no_more_than_facts() {
    let (mut house, url) = House::with_policy().await;
    let story = Story::tell(&mut house.responder(&url)).await;
    let permit = Payload::DisclosureDecided(story.permit());
    let permit = position(&mut house.service(&url, "disclosure"), &story.case, permit).await;
    house.stop_ledger().await;
    assert!(house.bucket().await.delete(&format!("subject.{}.{}", story.case, story.victim)).await.unwrap());
    let url = house.start("ledger", clock::now).await;
    let events = open(&mut house.service(&url, "disclosure"), permit).await.unwrap();
    // What the person is in the case is a fact of the situation, which the mask covers.
    let states: Vec<_> = events.iter().map(|event| (event.revision, event.open_state())).collect();
    assert!(states == [(2, OpenState::Shredded), (5, OpenState::Sealed)]);
    assert_eq!(family_name(&events[0]), "");
    house.world.stop().await;
}

#[tokio::test]
async fn a_delivery_opens_its_report_at_once_and_not_later() {
    static CLOCK: MovedClock = MovedClock::new();
    let (house, url) = House::with_policy_at(|| CLOCK.now()).await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let mut disclosure = house.service(&url, "disclosure");
    let decided = story.permit();
    let permit = position(&mut disclosure, &story.case, Payload::DisclosureDecided(decided.clone())).await;
    let released = story.release(&decided.decision_id, b"{\"a report\":1}");
    let release = position(&mut disclosure, &story.case, Payload::ReferralReleased(released.clone())).await;
    let delivered = story.delivery(&released, 8);
    let delivery = position(&mut disclosure, &story.case, Payload::ReferralDelivered(delivered)).await;
    let request = |position| OpenForDeliveryRequest { position };
    let answer = disclosure.open_for_delivery(request(delivery)).await.unwrap().into_inner();
    assert_eq!((answer.report, answer.signature), (released.report.clone(), released.signature.clone()));
    assert_eq!(answer.key_id, released.key_id);
    for position in [permit, release, 99] {
        assert_eq!(disclosure.open_for_delivery(request(position)).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(desk.open_for_delivery(request(delivery)).await.unwrap_err().code(), Code::PermissionDenied);
    CLOCK.be_ahead(6_000);
    let late = disclosure.open_for_delivery(request(delivery)).await.unwrap_err();
    assert_eq!(rules(&late), ["delivery_too_late"]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_delivery_that_reaches_the_ledger_late_is_not_committed() {
    static CLOCK: MovedClock = MovedClock::new();
    let (house, url) = House::with_policy_at(|| CLOCK.now()).await;
    let story = Story::tell(&mut house.responder(&url)).await;
    let mut disclosure = house.service(&url, "disclosure");
    let decided = story.permit();
    position(&mut disclosure, &story.case, Payload::DisclosureDecided(decided.clone())).await;
    let released = story.release(&decided.decision_id, b"{\"a report\":1}");
    position(&mut disclosure, &story.case, Payload::ReferralReleased(released.clone())).await;
    // Decided while the consent had two seconds left, sent at once, and held up on its way for three and for six.
    let made_at = clock::now();
    let delivered = |life_ms: i64| {
        let (decided_at, expires_at) = (at(made_at), at(Timestamp(made_at.0 + life_ms)));
        let delivered = ReferralDelivered { decided_at, expires_at, ..story.delivery(&released, 8) };
        command(vec![new_event(&story.case, Payload::ReferralDelivered(delivered))])
    };
    let ends_soon = delivered(2_000);
    CLOCK.be_ahead(3_000);
    let late = append(&mut disclosure, &ends_soon).await.unwrap_err();
    assert_eq!(rules(&late), ["decision_expired"]);
    CLOCK.be_ahead(6_000);
    let late = append(&mut disclosure, &delivered(HOUR_MS)).await.unwrap_err();
    assert_eq!(rules(&late), ["decided_too_long_ago"]);
    // What was refused holds no place: decided again, it is delivered at the same revision.
    let again = ReferralDelivered { decided_at: at(CLOCK.now()), ..story.delivery(&released, 8) };
    let again = command(vec![new_event(&story.case, Payload::ReferralDelivered(again))]);
    assert!(append(&mut disclosure, &again).await.is_ok());
    // And what was delivered in time stays so, whenever its command is repeated.
    CLOCK.be_ahead(60_000);
    assert!(append(&mut disclosure, &again).await.is_ok());
    house.world.stop().await;
}

#[tokio::test]
async fn a_report_is_gone_with_the_key_of_any_person_in_it() {
    let (mut house, url) = House::with_policy().await;
    let story = Story::tell(&mut house.responder(&url)).await;
    let mut disclosure = house.service(&url, "disclosure");
    let decided = story.permit();
    position(&mut disclosure, &story.case, Payload::DisclosureDecided(decided.clone())).await;
    let released = story.release(&decided.decision_id, b"{}");
    position(&mut disclosure, &story.case, Payload::ReferralReleased(released.clone())).await;
    let before = Payload::ReferralDelivered(story.delivery(&released, 8));
    let delivery = position(&mut disclosure, &story.case, before).await;
    house.stop_ledger().await;
    assert!(house.bucket().await.delete(&format!("subject.{}.{}", story.case, story.victim)).await.unwrap());
    let url = house.start("ledger", clock::now).await;
    let mut disclosure = house.service(&url, "disclosure");
    let status = disclosure.open_for_delivery(OpenForDeliveryRequest { position: delivery }).await.unwrap_err();
    assert_eq!(rules(&status), ["data_erased"]);
    // Nor does the history tell of a delivery that cannot happen.
    let after = Payload::ReferralDelivered(story.delivery(&released, 9));
    let status = append(&mut disclosure, &command(vec![new_event(&story.case, after)])).await.unwrap_err();
    assert_eq!(rules(&status), ["data_erased"]);
    house.world.stop().await;
}

fn in_directory(stream_id: &str, payload: Directory) -> NewEvent {
    let payload = DirectoryEvent { payload: Some(payload) };
    NewEvent {
        stream_id: stream_id.to_owned(),
        payload: Some(new_event::Payload::DirectoryEvent(payload)),
        ..NewEvent::default()
    }
}

#[tokio::test]
async fn a_suspension_stops_a_decision_that_was_made_before_it() {
    let (house, url) = House::with_policy().await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let specialist = house.world.identity().person("directory", "lou.bell", &["partnership_specialist"], None);
    let mut directory = house.client(&url, specialist);
    let registered = OrganizationRegistered {
        organization_id: story.organization.clone(),
        name_en: "A service".to_owned(),
        kind: RecipientKind::SupportService.into(),
        ..OrganizationRegistered::default()
    };
    let registered = in_directory(&story.organization, Directory::OrganizationRegistered(registered));
    acknowledged(&mut directory, vec![registered]).await;
    let suspended =
        RecipientSuspended { organization_id: story.organization.clone(), reason: 1, ..RecipientSuspended::default() };
    acknowledged(&mut directory, vec![in_directory(&story.organization, Directory::RecipientSuspended(suspended))])
        .await;
    let mut disclosure = house.service(&url, "disclosure");
    let decided_on = |directory_revision| DisclosureDecided { directory_revision, ..story.permit() };
    let decide = |decided| command(vec![new_event(&story.case, Payload::DisclosureDecided(decided))]);
    let before = append(&mut disclosure, &decide(decided_on(1))).await.unwrap_err();
    assert_eq!(before.code(), Code::Aborted);
    assert!(append(&mut disclosure, &decide(decided_on(2))).await.is_ok());
    let moved = append(&mut disclosure, &decide(decided_on(2))).await.unwrap_err();
    assert_eq!(moved.code(), Code::Aborted, "the case has moved: {moved}");
    house.world.stop().await;
}

/// The disclosure service, for somebody.
fn for_person(house: &House, url: &str, account: &str, role: &str) -> Client {
    house.client(url, house.world.identity().person("disclosure", account, &[role], None))
}

fn at_replays(case: &str) -> AccessRecorded {
    AccessRecorded {
        scope: AccessScope::Replay.into(),
        reason: AccessReason::Audit.into(),
        case_id: case.to_owned(),
        ..AccessRecorded::default()
    }
}

/// Records a look; what is asked for under it.
async fn looking(client: &mut Client, look: AccessRecorded, position: u64) -> OpenForReplayRequest {
    let payload = AccessEvent { payload: Some(Access::AccessRecorded(look.clone())) };
    let event = NewEvent { payload: Some(new_event::Payload::AccessEvent(payload)), ..NewEvent::default() };
    let request = AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() };
    append(client, &request).await.unwrap();
    OpenForReplayRequest { position, look_command_id: request.command_id, look: Some(look) }
}

async fn replay(client: &mut Client, request: &OpenForReplayRequest) -> Result<OpenForReplayResponse, Status> {
    Ok(client.open_for_replay(request.clone()).await?.into_inner())
}

/// A released report of the story; the acknowledgement of its decision, what that opened, and where its release stands.
async fn released(house: &House, url: &str, story: &Story) -> (Acknowledgement, Vec<RecordedEvent>, u64) {
    let mut disclosure = house.service(url, "disclosure");
    let decided = story.permit();
    let permit = vec![new_event(&story.case, Payload::DisclosureDecided(decided.clone()))];
    let acknowledged = acknowledged(&mut disclosure, permit).await;
    let events = open(&mut disclosure, acknowledged.events[0].position).await.unwrap();
    let release = story.release(&decided.decision_id, b"{\"a report\":1}");
    let release = position(&mut disclosure, &story.case, Payload::ReferralReleased(release)).await;
    (acknowledged, events, release)
}

#[tokio::test]
async fn a_replay_opens_what_the_permit_did_and_the_report_whatever_was_withdrawn_since() {
    static CLOCK: MovedClock = MovedClock::new();
    let (house, url) = House::with_policy_at(|| CLOCK.now()).await;
    let mut desk = house.responder(&url);
    let story = Story::tell(&mut desk).await;
    let (acknowledged_then, events, release) = released(&house, &url, &story).await;
    let withdrawn = Payload::ConsentWithdrawn(ConsentWithdrawn::default());
    acknowledged(&mut desk, vec![new_event(&story.case, withdrawn), situated(&story.case, &story.victim)]).await;
    CLOCK.be_ahead(2 * HOUR_MS);

    let mut auditor = for_person(&house, &url, "jo.chen", "compliance");
    for case in [story.case.as_str(), ""] {
        let asked = looking(&mut auditor, at_replays(case), release).await;
        let answer = replay(&mut auditor, &asked).await.unwrap();
        assert_eq!(answer.events, events);
        assert_eq!(answer.report, b"{\"a report\":1}");
        assert_eq!(answer.acknowledgement.as_ref(), Some(&acknowledged_then));
    }
    // The same look serves until the longest token would be over.
    let asked = looking(&mut auditor, at_replays(""), release).await;
    CLOCK.be_ahead(13 * HOUR_MS);
    assert!(replay(&mut auditor, &asked).await.is_ok());
    CLOCK.be_ahead(15 * HOUR_MS);
    assert_eq!(rules(&replay(&mut auditor, &asked).await.unwrap_err()), ["look_not_recorded"]);
    house.world.stop().await;
}

#[tokio::test]
async fn a_replay_opens_nothing_without_its_own_recorded_look_and_for_nobody_who_may_not_replay() {
    let (house, url) = House::with_policy().await;
    let mut desk = house.responder(&url);
    let (story, other) = (Story::tell(&mut desk).await, Story::tell(&mut desk).await);
    let (decided, _, release) = released(&house, &url, &story).await;
    let mut auditor = for_person(&house, &url, "jo.chen", "compliance");
    let asked = looking(&mut auditor, at_replays(&story.case), release).await;
    assert!(replay(&mut auditor, &asked).await.is_ok());
    for position in [0, 1, decided.events[0].position, 99] {
        let nothing = OpenForReplayRequest { position, ..asked.clone() };
        assert_eq!(replay(&mut auditor, &nothing).await.unwrap_err().code(), Code::NotFound, "{position}");
    }

    let elsewhere = looking(&mut auditor, at_replays(&other.case), release).await;
    let decisions = AccessRecorded { scope: AccessScope::Decisions.into(), ..at_replays(&story.case) };
    let decisions = looking(&mut auditor, decisions, release).await;
    let never = OpenForReplayRequest { look_command_id: fresh_id(), ..asked.clone() };
    let mut otherwise = asked.clone();
    otherwise.look.as_mut().unwrap().reason = AccessReason::Legal.into();
    for unrecorded in [&elsewhere, &decisions, &never, &otherwise] {
        assert_eq!(rules(&replay(&mut auditor, unrecorded).await.unwrap_err()), ["look_not_recorded"]);
    }
    // Nobody opens under somebody else's look, nor under that of another service.
    let mut supervisor = for_person(&house, &url, "marc.gagnon", "supervisor");
    assert_eq!(rules(&replay(&mut supervisor, &asked).await.unwrap_err()), ["look_not_recorded"]);
    let audit = house.world.identity().person("audit", "marc.gagnon", &["supervisor"], None);
    let of_audit = looking(&mut house.client(&url, audit), at_replays(&story.case), release).await;
    assert_eq!(rules(&replay(&mut supervisor, &of_audit).await.unwrap_err()), ["look_not_recorded"]);
    let own = looking(&mut supervisor, at_replays(&story.case), release).await;
    assert!(replay(&mut supervisor, &own).await.is_ok());

    for mut stranger in [
        for_person(&house, &url, "amelie.roy", "responder"),
        for_person(&house, &url, "r.viewer", "reviewer"),
        house.supervisor(&url),
        house.compliance(&url),
    ] {
        assert_eq!(replay(&mut stranger, &asked).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let alone = replay(&mut house.service(&url, "disclosure"), &asked).await.unwrap_err();
    assert_ne!(alone.code(), Code::Ok);
    for wrong in [
        OpenForReplayRequest { look_command_id: "x".to_owned(), ..asked.clone() },
        OpenForReplayRequest { look: None, ..asked.clone() },
        OpenForReplayRequest { look: Some(AccessRecorded { reason: 0, ..at_replays("") }), ..asked.clone() },
        OpenForReplayRequest { look: Some(AccessRecorded { reason: 99, ..at_replays("") }), ..asked },
    ] {
        assert_eq!(replay(&mut auditor, &wrong).await.unwrap_err().code(), Code::InvalidArgument);
    }
    house.world.stop().await;
}

#[tokio::test]
async fn nothing_of_a_report_is_opened_for_a_replay_once_anybody_in_its_mask_is_erased() {
    let (mut house, url) = House::with_policy().await;
    let mut desk = house.responder(&url);
    let [shredded_one, suspect, deleted] =
        [Story::tell(&mut desk).await, Story::tell(&mut desk).await, Story::tell(&mut desk).await];
    let (_, _, first) = released(&house, &url, &shredded_one).await;
    // A mask that lets something of the suspect through, in a report that does not speak of them.
    let mut decided = suspect.permit();
    let entry = MaskEntry { subject_id: suspect.suspect.clone(), ..decided.mask[0].clone() };
    decided.mask.push(MaskEntry {
        category: DataCategory::Suspects.into(),
        level: MaskLevel::FactsOnly.into(),
        ..entry
    });
    let mut disclosure = house.service(&url, "disclosure");
    position(&mut disclosure, &suspect.case, Payload::DisclosureDecided(decided.clone())).await;
    let second = Payload::ReferralReleased(suspect.release(&decided.decision_id, b"{}"));
    let second = position(&mut disclosure, &suspect.case, second).await;
    let (_, _, third) = released(&house, &url, &deleted).await;
    let mut auditor = for_person(&house, &url, "jo.chen", "compliance");
    for release in [first, second, third] {
        let asked = looking(&mut auditor, at_replays(""), release).await;
        assert!(replay(&mut auditor, &asked).await.is_ok());
    }
    let person = ShredScope::Person;
    let mut supervisor = house.supervisor(&url);
    for (case, subject) in [(&shredded_one.case, &shredded_one.victim), (&suspect.case, &suspect.suspect)] {
        acknowledged(&mut supervisor, vec![shredded(case, person, subject)]).await;
    }
    house.stop_ledger().await;
    assert!(house.bucket().await.delete(&format!("subject.{}.{}", deleted.case, deleted.victim)).await.unwrap());
    let url = house.start("ledger", clock::now).await;
    let mut auditor = for_person(&house, &url, "jo.chen", "compliance");
    for release in [first, second, third] {
        let asked = looking(&mut auditor, at_replays(""), release).await;
        assert_eq!(rules(&replay(&mut auditor, &asked).await.unwrap_err()), ["data_erased"]);
    }
    house.world.stop().await;
}
