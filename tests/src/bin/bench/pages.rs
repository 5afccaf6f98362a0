//! The first page of filtered histories, in histories of growing length, beside reading as many rows of the same size from bare
//! sled; and building such a history, beside writing the same rows into sled.
//!
//! The history is built from signed blocks that are made here, so that a million disclosures need no server. What is measured is
//! the question at the service: looking through the index, reading and decoding what fits; the look that is recorded before it costs one
//! durable append on top, which has a row of its own.

use std::path::Path;
use std::time::Instant;

use egide_audit::History;
use egide_audit::query::filter::Filter;
use egide_audit::query::history;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_domain::ids::CaseId;
use egide_eventlog::{ChainVerifier, Head, RawBlock, SealedBlock};
use egide_projection::Projection;
use egide_wire::proto::egide::audit::v1::DisclosureFilter;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Actor, Basis, BasisKind, CaseEvent, DeliveryChannel, DisclosureDecided, ExceptionKind, MaskEntry, MaskLevel,
    Outcome, Purpose, Reason, ReasonCode, ReferralDelivered, ReferralReleased, RequestRecord,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::ledger::v1::{Area, Commit, Event, StreamExtent};
use prost::Message as _;
use prost_types::Timestamp;

use crate::figures::Figures;
use crate::{say, scaled};

/// Disclosures, when nothing else is asked for.
const LENGTHS: [usize; 3] = [10_000, 100_000, 1_000_000];
const INCARNATION: &str = "0b7a4a0e-9a53-4f0a-8f0e-3f8b1f6d2c11";
/// Events in a block: as many as wait together under load.
const EVENTS: usize = 500;
/// How often each question is asked.
const TIMES: usize = 200;
/// Disclosures on a page.
const PAGE: usize = 50;
/// Disclosures of one case.
const OF_A_CASE: usize = 5;
/// 2026-01-01T00:00:00Z.
const BEGAN_MS: i64 = 1_767_225_600_000;
/// Between two blocks.
const PACE_MS: i64 = 60_000;

/// Measures all lengths once.
pub(crate) fn measure(figures: &mut Figures) {
    let folder = tempfile::tempdir().expect("a folder");
    // As the service does when it starts.
    egide_audit::query::words::prepare();
    let asked = std::env::var("EGIDE_BENCH_DISCLOSURES");
    let lengths = asked.map_or_else(
        |_| LENGTHS.map(scaled).to_vec(),
        |text| text.split(',').map(|number| number.parse().expect("a number of disclosures")).collect(),
    );
    for length in lengths {
        say(&format!("a history of {length} disclosures"));
        of_length(length, &folder.path().join(length.to_string()), figures);
    }
}

fn id(kind: u8, number: usize) -> String {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    CaseId(bytes).to_string()
}

fn of_length(length: usize, folder: &Path, figures: &mut Figures) {
    let history = Projection::open(folder, History, INCARNATION).expect("a projection");
    let mut log = Log::begin();
    let mut applying = 0.0;
    for first in (0..length).step_by(EVENTS / 3) {
        let events = (first..length.min(first + EVENTS / 3)).flat_map(disclosure).collect();
        let block = log.block(events);
        let began = Instant::now();
        history.applied(&block).expect("a block is applied");
        applying += began.elapsed().as_secs_f64();
    }
    let floor = floor(length, &folder.with_extension("bare"));
    let events = log.events;
    figures.add(
        &format!("history of {length} built"),
        "events/s",
        crate::appends::events_per_second(events, applying),
        "bare sled batches of one row a disclosure",
        crate::appends::events_per_second(events, floor.writing),
    );
    let mut all = Vec::new();
    for (name, filter) in questions(length) {
        let filter = Filter::read(&filter).expect("a filter");
        let mut times: Vec<f64> = (0..TIMES).map(|_| ask(&history, &filter)).collect();
        times.sort_by(f64::total_cmp);
        say(&format!("  {name}: p50 {:.3} ms, p99 {:.3} ms", at(&times, 50) / 1e3, at(&times, 99) / 1e3));
        all.push((at(&times, 50), at(&times, 99)));
    }
    let worst = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(0.0, f64::max);
    let bare = "bare range of as many rows in sled";
    figures.add(
        &format!("first page of {length}, p50 of the slowest filter"),
        "µs",
        worst(|page| page.0),
        bare,
        floor.p50,
    );
    figures.add(
        &format!("first page of {length}, p99 of the slowest filter"),
        "µs",
        worst(|page| page.1),
        bare,
        floor.p99,
    );
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Microseconds.
fn ask(history: &Projection<History>, filter: &Filter) -> f64 {
    let began = Instant::now();
    let page = history::list(&history.view(), filter, None, PAGE).expect("a page");
    std::hint::black_box(page);
    began.elapsed().as_secs_f64() * 1e6
}

/// Every filter by itself, the usual combinations, and some that meet hardly ever or never.
fn questions(length: usize) -> Vec<(&'static str, DisclosureFilter)> {
    let none = DisclosureFilter::default;
    let (exception, deny) = (BasisKind::Exception.into(), Outcome::Deny.into());
    let health = vec![DataCategory::Health.into()];
    let actor = |number| format!("actor.{number}");
    let middle = |part: i64| {
        let blocks = i64::try_from(length / (EVENTS / 3)).expect("blocks");
        Some(Timestamp { seconds: (BEGAN_MS + PACE_MS * blocks * part / 10) / 1_000, nanos: 0 })
    };
    vec![
        ("everything", none()),
        ("a case", DisclosureFilter { case_id: id(1, length / OF_A_CASE / 2), ..none() }),
        ("a person", DisclosureFilter { subject_id: id(2, 3), ..none() }),
        ("a unit", DisclosureFilter { unit_id: id(3, 5), ..none() }),
        ("a unit's refusals", DisclosureFilter { unit_id: id(3, 8), outcome: deny, ..none() }),
        ("an actor's exceptions", DisclosureFilter { actor: actor(10), basis: exception, ..none() }),
        (
            "health, in a tenth",
            DisclosureFilter { categories: health.clone(), from: middle(4), until: middle(5), ..none() },
        ),
        ("words", DisclosureFilter { text: "santé permis".to_owned(), ..none() }),
        ("many labels", DisclosureFilter { text: "con not per".to_owned(), ..none() }),
        ("overdue", DisclosureFilter { overdue: true, ..none() }),
        ("refused on an exception: never", DisclosureFilter { basis: exception, outcome: deny, ..none() }),
        (
            "three that hardly meet",
            DisclosureFilter { actor: actor(31), categories: health, unit_id: id(3, 11), ..none() },
        ),
    ]
}

/// Every fourth is refused; every tenth of the others rests on an exception; every seventh lets health through.
fn disclosure(number: usize) -> Vec<(usize, usize, Payload)> {
    let case = number / OF_A_CASE;
    let (unit_id, subject) = (id(3, number % 40), id(2, case));
    let categories = [DataCategory::Identity, DataCategory::Situation];
    let health = number.is_multiple_of(7).then_some(DataCategory::Health);
    let categories: Vec<i32> = categories.into_iter().chain(health).map(i32::from).collect();
    let request = RequestRecord {
        unit_id: unit_id.clone(),
        organization_id: id(4, number % 40 / 2),
        purpose: Purpose::Investigation.into(),
        categories: categories.clone(),
        subject_ids: vec![subject.clone()],
        ..RequestRecord::default()
    };
    let decision_id = id(5, number);
    let decided = DisclosureDecided {
        decision_id: decision_id.clone(),
        request: Some(request),
        form: "investigating-agency/1".to_owned(),
        policy_version: "bench".to_owned(),
        ..DisclosureDecided::default()
    };
    let actor = number % 60;
    if number.is_multiple_of(4) {
        let reason = Reason { code: ReasonCode::NoConsent.into(), subject_id: subject, ..Reason::default() };
        let refused = DisclosureDecided { outcome: Outcome::Deny.into(), reasons: vec![reason; 6], ..decided };
        return vec![(case, actor, Payload::DisclosureDecided(refused))];
    }
    let basis = if number.is_multiple_of(10) {
        let exception = ExceptionKind::ImminentDanger.into();
        Basis { kind: BasisKind::Exception.into(), reference_id: id(7, number), exception }
    } else {
        Basis { kind: BasisKind::Consent.into(), reference_id: id(7, number), ..Basis::default() }
    };
    let entry = |category: &i32| MaskEntry {
        subject_id: subject.clone(),
        category: *category,
        level: MaskLevel::Whole.into(),
        bases: vec![0],
        ..MaskEntry::default()
    };
    let mask = categories.iter().map(entry).collect();
    let permitted = DisclosureDecided { outcome: Outcome::Permit.into(), bases: vec![basis], mask, ..decided };
    let referral_id = id(6, number);
    let released = ReferralReleased {
        referral_id: referral_id.clone(),
        decision_id: decision_id.clone(),
        unit_id: unit_id.clone(),
        subject_ids: vec![subject.clone()],
        report_digest: vec![7; 32],
        ..ReferralReleased::default()
    };
    let delivered = ReferralDelivered {
        delivery_id: id(8, number),
        referral_id,
        decision_id,
        unit_id,
        channel: DeliveryChannel::Portal.into(),
        ..ReferralDelivered::default()
    };
    vec![
        (case, actor, Payload::DisclosureDecided(permitted)),
        (case, actor, Payload::ReferralReleased(released)),
        (case, actor, Payload::ReferralDelivered(delivered)),
    ]
}

/// A log made by hand.
struct Log {
    key: SigningKey,
    verifier: ChainVerifier,
    head: Head,
    now_ms: i64,
    revision: (usize, u64),
    events: usize,
}

impl Log {
    fn begin() -> Self {
        let (key, _) = SigningKey::generate().expect("a key");
        let mut keys = KeyRing::new();
        keys.insert(key.public_key(), None, None).expect("a ring of one key");
        let head = Head::genesis(INCARNATION);
        let verifier = ChainVerifier::new(head.clone(), keys);
        Self { key, verifier, head, now_ms: BEGAN_MS, revision: (usize::MAX, 0), events: 0 }
    }

    fn block(&mut self, events: Vec<(usize, usize, Payload)>) -> egide_eventlog::VerifiedBlock {
        self.now_ms += PACE_MS;
        self.events += events.len();
        let commits = events.into_iter().map(|(case, actor, payload)| self.commit(case, actor, payload)).collect();
        let sealed = SealedBlock::seal(&self.head, self.now_ms, "instance", commits, &self.key);
        let raw = RawBlock { sequence: sealed.number(), foreign_header: None, bytes: sealed.bytes().clone() };
        let block = self.verifier.verify(&raw).expect("a block that was just sealed");
        self.head = block.head_after().clone();
        block
    }

    /// Cases come one after another.
    fn commit(&mut self, case: usize, actor: usize, payload: Payload) -> Commit {
        let revision = if self.revision.0 == case { self.revision.1 + 1 } else { 1 };
        self.revision = (case, revision);
        let kind = if matches!(payload, Payload::DisclosureDecided(_)) {
            "disclosure.decided"
        } else if matches!(payload, Payload::ReferralReleased(_)) {
            "disclosure.released"
        } else {
            "disclosure.delivered"
        };
        let stream_id = id(1, case);
        let event = Event {
            event_id: id(9, self.events),
            area: Area::Case.into(),
            stream_id: stream_id.clone(),
            revision,
            kind: kind.to_owned(),
            schema_version: 1,
            actor: Some(Actor {
                service: "disclosure".to_owned(),
                person: format!("actor.{actor}"),
                role: "responder".to_owned(),
                ..Actor::default()
            }),
            facts: CaseEvent { payload: Some(payload) }.encode_to_vec(),
            ..Event::default()
        };
        Commit {
            command_id: id(10, self.events),
            emitter: "disclosure".to_owned(),
            fingerprint: vec![0; 32],
            events: vec![event],
            streams: vec![StreamExtent { stream_id, first_revision: revision, count: 1 }],
        }
    }
}

struct Floor {
    /// Microseconds for one page.
    p50: f64,
    p99: f64,
    /// Seconds for all rows.
    writing: f64,
}

/// As many rows as disclosures, of about their size, with nothing of ours around them.
fn floor(length: usize, folder: &Path) -> Floor {
    let store = sled::open(folder).expect("a store");
    let began = Instant::now();
    for first in (0..length).step_by(EVENTS) {
        let mut batch = sled::Batch::default();
        for number in first..length.min(first + EVENTS) {
            batch.insert(&number.to_be_bytes(), vec![7_u8; 600]);
        }
        store.apply_batch(batch).expect("a batch is written");
    }
    let writing = began.elapsed().as_secs_f64();
    let page = || {
        let began = Instant::now();
        let rows: Vec<_> = store.iter().rev().take(PAGE).map(|row| row.expect("a row").1).collect();
        std::hint::black_box(rows);
        began.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = (0..TIMES).map(|_| page()).collect();
    times.sort_by(f64::total_cmp);
    Floor { p50: at(&times, 50), p99: at(&times, 99), writing }
}
