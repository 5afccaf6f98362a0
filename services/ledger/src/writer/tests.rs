//! Blocks in the making, and the projection they lead to, without NATS: what is appended is sealed and verified as the log
//! would do it.

use super::*;
use crate::command::{Command, CommandEvent, DecidedOn, Expected, Recipient, uuid_v7};
use crate::model::{StreamId, event_at, events, head_of};
use egide_crypto::digest::sha256;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_domain::house::HOUSE_STREAM;
use egide_domain::ids::CommandId;
use egide_eventlog::{RawBlock, SealedBlock, VerifiedBlock};
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::*;
use egide_wire::proto::egide::directory::v1::directory_event::Payload as DirectoryPayload;
use egide_wire::proto::egide::directory::v1::{DirectoryEvent, OrganizationRegistered};
use egide_wire::proto::egide::house::v1::house_event::Payload as HousePayload;
use egide_wire::proto::egide::house::v1::{HouseEvent, PolicyAdopted, ShiftStarted};
use egide_wire::proto::egide::ledger::v1::Commit;
use egide_wire::proto::egide::ledger::v1::{Area, Event};
use prost::Message as _;
use std::collections::HashMap;
use std::ops::ControlFlow;
use tempfile::TempDir;
use tonic::Code;

#[path = "tests_of_shreds.rs"]
mod of_shreds;

const INCARNATION: &str = "01900000-0000-7000-8000-00000000000f";
const CASE: &str = "01900000-0000-7000-8000-000000000001";
const OTHER_CASE: &str = "01900000-0000-7000-8000-000000000002";
const ORGANIZATION: &str = "01900000-0000-7000-8000-000000000003";
const PERSON: &str = "01900000-0000-7000-8000-000000000004";
const NOW: Timestamp = Timestamp(1_795_305_600_000);
const POLICY: [u8; 32] = [4; 32];
const ROOM: usize = 1_000_000;

struct World {
    projection: Projection<LedgerModel>,
    cache: StateCache,
    ahead: Ahead,
    policy: Policy,
    signing_key: SigningKey,
    keys: KeyRing,
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let (signing_key, _) = SigningKey::generate().unwrap();
        let mut keys = KeyRing::new();
        keys.insert(signing_key.public_key(), None, None).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let projection = Projection::open(directory.path().join("p"), LedgerModel, INCARNATION).unwrap();
        let (cache, policy) = (StateCache::new(16), Policy::embedded().unwrap());
        Self { projection, cache, ahead: Ahead::default(), policy, signing_key, keys, directory }
    }

    fn draft_in(&mut self, commands: &[Command], now: Timestamp, room: usize) -> Draft {
        let view = self.projection.view_behind();
        self.ahead.settle(view.head().number());
        draft(commands, &Newest::new(&view, &self.ahead), &mut self.cache, &self.policy, now, room).unwrap()
    }

    fn draft(&mut self, commands: &[Command]) -> Draft {
        self.draft_in(commands, NOW, ROOM)
    }

    /// Appends the draft as the log would, and applies it.
    fn append(&mut self, draft: Draft) -> VerifiedBlock {
        let (block, states) = self.accepted(draft);
        self.projection.applied(&block).unwrap();
        states.into_iter().for_each(|(stream, state)| self.cache.insert(stream, state));
        block
    }

    /// Appends the draft as the log would; its rows are still to come.
    fn append_ahead(&mut self, draft: Draft) -> VerifiedBlock {
        let (block, states) = self.accepted(draft);
        let row = |(first, commit)| CommandRow::of(&block, first, commit);
        let id = |commit: &Commit| (commit.emitter.clone(), commit.command_id.parse().unwrap());
        let commands: Vec<_> = block.commits().map(|(first, commit)| (id(commit), row((first, commit)))).collect();
        self.ahead.push(block.head_after(), commands, states);
        block
    }

    fn accepted(&self, draft: Draft) -> (VerifiedBlock, HashMap<StreamId, state::StreamState>) {
        let Draft { head, recorded_at, commits, states, .. } = draft;
        let sealed = SealedBlock::seal(&head, recorded_at.0, "an instance", commits, &self.signing_key);
        let raw = RawBlock { sequence: sealed.number(), foreign_header: None, bytes: sealed.bytes().clone() };
        (ChainVerifier::new(head, self.keys.clone()).verify(&raw).unwrap(), states)
    }

    /// What becomes of each command, in a word; what is to be appended is.
    fn write(&mut self, commands: &[Command]) -> Vec<String> {
        let draft = self.draft(commands);
        let words = words(&draft);
        if !draft.commits.is_empty() {
            self.append(draft);
        }
        words
    }

    fn revision(&self, stream: &str) -> u64 {
        head_of(&self.projection.view(), StreamId::parse(stream).unwrap()).unwrap().map_or(0, |head| head.revision)
    }
}

fn words(draft: &Draft) -> Vec<String> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Append(index) => format!("append {index}"),
        Verdict::RepeatOfDraft(index) => format!("repeats {index} here"),
        Verdict::Repeat(row) => format!("repeats block {}", row.block_number),
        Verdict::Refused(status) => format!("{:?}", status.code()),
        Verdict::Later => "later".to_owned(),
    };
    draft.verdicts.iter().map(word).collect()
}

fn command(number: u8, events: Vec<Event>) -> Command {
    let mut command = Command {
        id: CommandId([number; 16]),
        emitter: "cli".into(),
        fingerprint: sha256(&[number]),
        events: events
            .into_iter()
            .map(|event| CommandEvent { event, path: "case_event.x".into(), decided_on: None, under: None })
            .collect(),
        ..Command::for_tests()
    };
    command.bytes = 400 * command.events.len();
    command
}

fn event(area: Area, stream: &str, kind: &str, facts: Vec<u8>) -> Event {
    Event {
        event_id: uuid_v7(NOW).unwrap(),
        area: area.into(),
        stream_id: stream.into(),
        kind: kind.into(),
        schema_version: 1,
        occurred_at: Some(to_timestamp(NOW)),
        actor: Some(Actor { person: "amelie.roy".into(), role: "responder".into(), ..Actor::default() }),
        facts,
        ..Event::default()
    }
}

fn in_case(stream: &str, kind: &str, payload: Payload) -> Event {
    event(Area::Case, stream, kind, CaseEvent { payload: Some(payload) }.encode_to_vec())
}

fn opened(stream: &str) -> Event {
    in_case(stream, "case.opened", Payload::CaseOpened(CaseOpened { channel: 1, ..CaseOpened::default() }))
}

fn identified(stream: &str) -> Event {
    let person = PersonIdentified { subject_id: PERSON.into(), roles: vec![1], ..PersonIdentified::default() };
    in_case(stream, "case.person_identified", Payload::PersonIdentified(person))
}

fn triaged(stream: &str) -> Event {
    in_case(stream, "case.triage_assessed", Payload::TriageAssessed(TriageAssessed { level: 1 }))
}

fn situated(stream: &str) -> Event {
    let situation = SituationRecorded { subject_id: PERSON.into(), status: 1, ..SituationRecorded::default() };
    in_case(stream, "case.situation_recorded", Payload::SituationRecorded(situation))
}

fn registered() -> Event {
    let organization = OrganizationRegistered { organization_id: ORGANIZATION.into(), kind: 4, ..Default::default() };
    let payload = DirectoryEvent { payload: Some(DirectoryPayload::OrganizationRegistered(organization)) };
    event(Area::Directory, ORGANIZATION, "directory.organization_registered", payload.encode_to_vec())
}

fn adopted(digest: [u8; 32]) -> Event {
    let adopted = PolicyAdopted { version: "1".into(), digest: digest.to_vec(), files: Vec::new() };
    let payload = HouseEvent { payload: Some(HousePayload::PolicyAdopted(adopted)) };
    event(Area::House, HOUSE_STREAM, "policy.adopted", payload.encode_to_vec())
}

fn denied(case_revision: u64, directory_revision: u64) -> CommandEvent {
    let decided = DisclosureDecided {
        decision_id: "01900000-0000-7000-8000-000000000009".into(),
        request: Some(RequestRecord {
            unit_id: PERSON.into(),
            organization_id: ORGANIZATION.into(),
            ..RequestRecord::default()
        }),
        outcome: 2,
        decided_at: Some(to_timestamp(NOW)),
        case_revision,
        directory_revision,
        ..DisclosureDecided::default()
    };
    let recipient = Recipient::Organization(StreamId::parse(ORGANIZATION).unwrap());
    CommandEvent {
        event: in_case(CASE, "disclosure.decided", Payload::DisclosureDecided(decided)),
        path: "case_event.disclosure_decided".into(),
        decided_on: Some(DecidedOn { recipient, directory_revision }),
        under: Some(POLICY.to_vec()),
    }
}

fn expecting(mut command: Command, stream: &str, revision: u64) -> Command {
    command.expected.push(Expected { stream: StreamId::parse(stream).unwrap(), revision });
    command
}

#[test]
fn what_is_admitted_earlier_in_a_block_counts_for_what_comes_later_in_it() {
    let mut world = World::new();
    let commands = [
        command(1, vec![situated(CASE)]),
        command(2, vec![opened(CASE), identified(CASE)]),
        command(3, vec![situated(CASE)]),
        command(4, vec![opened(CASE)]),
    ];
    assert_eq!(world.write(&commands), ["FailedPrecondition", "append 0", "append 1", "FailedPrecondition"]);
    assert_eq!(world.revision(CASE), 3);
}

#[test]
fn a_repeated_command_gets_its_first_result_and_other_content_is_refused() {
    let mut world = World::new();
    let other_content = || Command { fingerprint: sha256(b"other"), ..command(1, vec![opened(CASE)]) };
    let by_another = || Command { emitter: "case-desk".into(), ..command(1, vec![opened(OTHER_CASE)]) };
    let again = || command(1, vec![opened(CASE)]);
    assert_eq!(
        world.write(&[again(), again(), other_content(), by_another()]),
        ["append 0", "repeats 0 here", "AlreadyExists", "append 1"]
    );
    assert_eq!(world.write(&[again(), other_content()]), ["repeats block 1", "AlreadyExists"]);
}

#[test]
fn a_rebuilt_projection_still_knows_every_command_and_state() {
    let mut world = World::new();
    let block = {
        let draft = world.draft(&[command(1, vec![opened(CASE), identified(CASE)])]);
        world.append(draft)
    };
    let rebuilt = Projection::open(world.directory.path().join("rebuilt"), LedgerModel, INCARNATION).unwrap();
    rebuilt.applied(&block).unwrap();
    world.projection = rebuilt;
    world.cache = StateCache::new(16);
    let repeated = command(1, vec![opened(CASE), identified(CASE)]);
    assert_eq!(world.write(&[repeated, command(2, vec![situated(CASE)])]), ["repeats block 1", "append 0"]);
}

#[test]
fn what_is_not_among_the_rows_yet_counts_all_the_same() {
    let mut world = World::new();
    let opening = || command(1, vec![opened(CASE), identified(CASE)]);
    let draft = world.draft(&[opening()]);
    let first = world.append_ahead(draft);
    let draft = world.draft(&[expecting(command(2, vec![triaged(CASE)]), CASE, 2)]);
    let second = world.append_ahead(draft);
    assert_eq!((first.number(), second.number(), second.first_position()), (1, 2, 3));
    let next = || {
        [
            opening(),
            Command { fingerprint: sha256(b"other"), ..command(2, vec![triaged(CASE)]) },
            expecting(command(3, vec![triaged(CASE)]), CASE, 2),
            command(4, vec![opened(CASE)]),
            command(5, vec![event(Area::Directory, CASE, "directory.organization_registered", Vec::new())]),
            expecting(command(6, vec![situated(CASE)]), CASE, 3),
        ]
    };
    let expected =
        ["repeats block 1", "AlreadyExists", "Aborted", "FailedPrecondition", "FailedPrecondition", "append 0"];
    assert_eq!(words(&world.draft(&next())), expected);
    assert_eq!(world.projection.head().number(), 0, "no row was written for it");
    world.projection.applied(&first).unwrap();
    assert_eq!(words(&world.draft(&next())), expected, "with half of the rows");
    world.projection.applied(&second).unwrap();
    assert_eq!(words(&world.draft(&next())), expected, "with all of them");
    world.ahead = Ahead::default();
    assert_eq!(words(&world.draft(&next())), expected, "and with nothing but rows");
}

#[test]
fn a_stream_must_be_at_the_revision_expected() {
    let mut world = World::new();
    let open = || expecting(command(1, vec![opened(CASE)]), CASE, 0);
    assert_eq!(world.write(&[open()]), ["append 0"]);
    let next = |number, revision| expecting(command(number, vec![triaged(CASE)]), CASE, revision);
    assert_eq!(
        world.write(&[next(2, 0), next(3, 1), next(4, 1), next(5, 2)]),
        ["Aborted", "append 0", "Aborted", "append 1"]
    );
}

#[test]
fn a_command_over_two_cases_is_appended_whole_or_not_at_all() {
    let mut world = World::new();
    world.write(&[command(1, vec![opened(CASE)])]);
    let both = |number| command(number, vec![opened(OTHER_CASE), triaged(CASE)]);
    assert_eq!(world.write(&[expecting(both(2), CASE, 7)]), ["Aborted"]);
    assert_eq!((world.revision(CASE), world.revision(OTHER_CASE)), (1, 0));
    let half_refused = command(3, vec![triaged(CASE), triaged(OTHER_CASE)]);
    assert_eq!(world.write(&[half_refused, both(4)]), ["FailedPrecondition", "append 0"]);
    assert_eq!((world.revision(CASE), world.revision(OTHER_CASE)), (2, 1));
}

#[test]
fn a_decision_is_committed_on_the_directory_it_was_made_on_or_not_at_all() {
    let mut world = World::new();
    world.write(&[
        command(1, vec![opened(CASE), triaged(CASE)]),
        command(2, vec![registered()]),
        command(9, vec![adopted(POLICY)]),
    ]);
    let decide = |number, case_revision, directory_revision| Command {
        events: vec![denied(case_revision, directory_revision)],
        ..command(number, Vec::new())
    };
    let words = world.write(&[decide(3, 2, 0), decide(4, 1, 1), decide(5, 2, 1)]);
    assert_eq!(words, ["Aborted", "Aborted", "append 0"]);
}

#[test]
fn a_decision_is_committed_under_an_adopted_policy_or_not_at_all() {
    let mut world = World::new();
    world.write(&[command(1, vec![opened(CASE)]), command(2, vec![registered()])]);
    let decide = |number, revision| Command { events: vec![denied(revision, 1)], ..command(number, Vec::new()) };
    assert_eq!(world.write(&[decide(3, 1)]), ["FailedPrecondition"]);
    assert_eq!(world.write(&[command(4, vec![adopted([5; 32])]), decide(5, 1)]), ["append 0", "FailedPrecondition"]);
    let nothing_is_said = || {
        let mut event = denied(1, 1);
        event.under = None;
        Command { events: vec![event], ..command(6, Vec::new()) }
    };
    // What is adopted in the same block, before it, counts; and adopted twice it is refused.
    let commands =
        [command(7, vec![adopted(POLICY)]), nothing_is_said(), decide(8, 1), command(9, vec![adopted(POLICY)])];
    let expected = ["append 0", "FailedPrecondition", "append 1", "FailedPrecondition"];
    assert_eq!(world.write(&commands), expected);
    assert_eq!(world.revision(HOUSE_STREAM), 2);
    world.cache = StateCache::new(16);
    let again = world.write(&[command(10, vec![adopted(POLICY)])]);
    assert_eq!(again, ["FailedPrecondition"], "read again from the rows");
}

#[test]
fn a_responder_breaks_no_glass_beside_a_supervisor_on_shift() {
    let mut world = World::new();
    world.write(&[command(1, vec![opened(CASE), identified(CASE)])]);
    let mut started = event(Area::House, HOUSE_STREAM, "staff.shift_started", Vec::new());
    let until = Some(to_timestamp(Timestamp(NOW.0 + 3_600_000)));
    started.facts = HouseEvent { payload: Some(HousePayload::ShiftStarted(ShiftStarted { until })) }.encode_to_vec();
    started.actor = Some(Actor { person: "marc.gagnon".into(), role: "supervisor".into(), ..Actor::default() });
    let alone = |number: u8| {
        let asserted = ExceptionAsserted {
            exception_id: format!("01900000-0000-7000-8000-0000000001{number:02}"),
            kind: 2,
            grounds: vec![3],
            subject_ids: vec![PERSON.into()],
            break_glass: true,
            ..ExceptionAsserted::default()
        };
        let event = in_case(CASE, "case.exception_asserted", Payload::ExceptionAsserted(asserted));
        let event = CommandEvent { event, path: "x".into(), decided_on: None, under: Some(Vec::new()) };
        Command { events: vec![event], ..command(number, Vec::new()) }
    };
    assert_eq!(
        world.write(&[alone(2), command(3, vec![started]), alone(4)]),
        ["append 0", "append 1", "FailedPrecondition"]
    );
    let later = Timestamp(NOW.0 + 3_600_000);
    let draft = world.draft_in(&[alone(5)], later, ROOM);
    assert_eq!(words(&draft), ["append 0"], "the shift is over");
}

#[test]
fn a_case_and_an_organisation_never_share_a_stream() {
    let mut world = World::new();
    world.write(&[command(1, vec![registered()])]);
    assert_eq!(world.write(&[command(2, vec![opened(ORGANIZATION)])]), ["FailedPrecondition"]);
}

#[test]
fn what_finds_no_room_waits_and_nothing_overtakes_it() {
    let mut world = World::new();
    let commands = [
        command(1, vec![opened(CASE)]),
        command(2, vec![triaged(CASE), triaged(CASE), triaged(CASE)]),
        command(3, vec![triaged(CASE)]),
    ];
    let draft = world.draft_in(&commands, NOW, 512 + 1_500);
    assert_eq!(words(&draft), ["append 0", "later", "later"]);
}

#[test]
fn the_time_of_recording_never_goes_back_and_nothing_happens_after_it() {
    let mut world = World::new();
    let draft = world.draft_in(&[command(1, vec![opened(CASE)])], NOW, ROOM);
    world.append(draft);
    let mut ahead = triaged(CASE);
    ahead.occurred_at = Some(to_timestamp(Timestamp(NOW.0 + 4_000)));
    let earlier = Timestamp(NOW.0 - 60_000);
    let draft = world.draft_in(&[command(2, vec![ahead])], earlier, ROOM);
    assert_eq!(draft.recorded_at, NOW);
    assert_eq!(draft.commits[0].events[0].occurred_at, Some(to_timestamp(NOW)));
}

#[test]
fn looking_belongs_to_no_stream_and_bumps_nothing() {
    let mut world = World::new();
    let looked = event(Area::Access, "", "access.recorded", Vec::new());
    assert_eq!(world.write(&[command(1, vec![opened(CASE)]), command(2, vec![looked])]), ["append 0", "append 1"]);
    assert_eq!(world.revision(CASE), 1);
    assert!(event_at(&world.projection.view(), 2).unwrap().is_none());
}

#[test]
fn events_are_found_by_position_and_by_revision_whatever_block_they_came_in() {
    let mut world = World::new();
    world.write(&[
        command(1, vec![opened(CASE), opened(OTHER_CASE), triaged(CASE)]),
        command(2, vec![triaged(OTHER_CASE)]),
    ]);
    world.write(&[command(3, vec![triaged(CASE), triaged(CASE)])]);
    let view = world.projection.view();
    let found: Vec<_> = (0..8)
        .map(|position| event_at(&view, position).unwrap().map(|found| (found.event.stream_id, found.event.revision)))
        .collect();
    let at = |case: &str, revision| Some((case.to_owned(), revision));
    let expected =
        [None, at(CASE, 1), at(OTHER_CASE, 1), at(CASE, 2), at(OTHER_CASE, 2), at(CASE, 3), at(CASE, 4), None];
    assert_eq!(found, expected);
    for from in 1..=5 {
        let mut revisions = Vec::new();
        events(&view, StreamId::parse(CASE).unwrap(), from, |stored| {
            revisions.push(stored.event.revision);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(revisions, (from..=4).collect::<Vec<_>>(), "from {from}");
    }
}

#[test]
fn a_block_whose_revisions_do_not_follow_stops_the_projection() {
    let mut world = World::new();
    let first = world.draft(&[command(1, vec![opened(CASE)])]);
    let mut second = world.draft(&[command(2, vec![opened(CASE)])]);
    let block = world.append(first);
    second.head = block.head_after().clone();
    let sealed = SealedBlock::seal(&second.head, NOW.0, "an instance", second.commits, &world.signing_key);
    let raw = RawBlock { sequence: sealed.number(), foreign_header: None, bytes: sealed.bytes().clone() };
    let forged = ChainVerifier::new(second.head, world.keys.clone()).verify(&raw).unwrap();
    assert!(matches!(world.projection.applied(&forged), Err(ProjectionError::Model { .. })));
    assert_eq!(world.revision(CASE), 1);
}

#[test]
fn refusals_name_the_rule_and_the_field_and_not_what_was_given() {
    let mut world = World::new();
    let draft = world.draft(&[command(1, vec![situated(CASE)])]);
    let [Verdict::Refused(status)] = draft.verdicts.as_slice() else { panic!("the case is not open") };
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "case_unknown: `events[0].case_event.x`: the case was not opened; open it first");
}
