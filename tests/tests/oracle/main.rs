//! Refusals tell no cause, by counting and by the clock (promise 8): calls of outsiders about what is absent, refused,
//! withdrawn, expired, erased and not theirs, a thousand of each by day and ten thousand with `EGIDE_NIGHTLY`, in an order
//! drawn by lot, many at a time. Every answer is the same `NOT_FOUND`, byte for byte; behind every call stands the same one
//! append; and no class can be told from another by how long its answers take.
//!
//! *How it is measured*: in this process, at the service's door: from the call to the last byte of its trailers, over a
//! connection of the loopback, with the padding of the product. An outsider measures the same and the network besides.
//! Classes are compared with one another in the same run and with nothing else; which call is made next is drawn by lot, so
//! that whatever else the machine does hits all alike. Nothing is trimmed: a stall counts for whom it hit.
//!
//! *What else is in the run*: the same calls at an instance that does not pad, to see what the padding hides and that it is
//! longer than that; and answers that are later by a known time, to see that a difference would be found.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise"
)]

mod welch;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use egide_domain::time::Timestamp;
use egide_servicekit::clock;
use egide_testkit::fresh_id;
use egide_tests::case::{Case, Unit};
use egide_tests::generate::Dice;
use egide_tests::log::Facts;
use egide_tests::raw::Answer;
use egide_tests::{Plan, Role, World, events, who};
use egide_wire::classification::DataCategory;
use egide_wire::convert::to_timestamp;
use egide_wire::proto::egide::audit::v1::access_event::Payload as Access;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::consent_given::Expiry;
use egide_wire::proto::egide::case::v1::{
    Answer as Said, ConsentGiven, IdentityProof, KeyShredded, ShredGround, ShredScope,
};
use egide_wire::proto::egide::disclosure::v1::{AcknowledgeReferralRequest, FetchReferralRequest};
use egide_wire::refusal::not_found_outside;
use prost::Message as _;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tracing::level_filters::LevelFilter;
use welch::{T_MAX, Times, standard_error, t};

/// Calls under way at once: few enough that what is behind a call is done long before its padding ends.
const LANES: usize = 64;
/// Calls of one account, less than half of what one person may look at once.
const CALLS_OF_ACCOUNT: usize = 50;
/// Of so many calls that are padded one more is made that is not.
const UNPADDED_ONE_IN: usize = 5;
/// By how much an answer is late that is to be told from the others: a fifth of the padding.
const LATE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(60);
const SITUATION: &[DataCategory] = &[DataCategory::Situation];

fn calls_of_each() -> usize {
    if std::env::var_os("EGIDE_NIGHTLY").is_some() { 10_000 } else { 1_000 }
}

/// Why there is nothing for whoever calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Absent,
    Refused,
    Withdrawn,
    Expired,
    Erased,
    NotYours,
}

const CLASSES: [Class; 6] =
    [Class::Absent, Class::Refused, Class::Withdrawn, Class::Expired, Class::Erased, Class::NotYours];

/// What an outsider can ask about a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Method {
    FetchReferral,
    AcknowledgeReferral,
}

const METHODS: [Method; 2] = [Method::FetchReferral, Method::AcknowledgeReferral];

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    /// As the product answers.
    Padded,
    /// As it would without its padding.
    Unpadded,
    /// As the product answers, and a known time later.
    Late,
}

type Kind = (Method, Manner, Class);

impl Method {
    const fn path(self) -> &'static str {
        match self {
            Self::FetchReferral => "/egide.disclosure.v1.ReferralService/FetchReferral",
            Self::AcknowledgeReferral => "/egide.disclosure.v1.ReferralService/AcknowledgeReferral",
        }
    }

    fn body(self, referral_id: &str) -> Bytes {
        let (command_id, referral_id) = (fresh_id(), referral_id.to_owned());
        match self {
            Self::FetchReferral => FetchReferralRequest { command_id, referral_id }.encode_to_vec().into(),
            Self::AcknowledgeReferral => AcknowledgeReferralRequest { command_id, referral_id }.encode_to_vec().into(),
        }
    }
}

static HOURS_AHEAD: AtomicI64 = AtomicI64::new(0);

fn hours_ahead() -> Timestamp {
    Timestamp(clock::now().0 + HOURS_AHEAD.load(Ordering::Relaxed) * 3_600_000)
}

/// The referrals that are asked for, and who asks: for each class its unit and its referral.
struct Subjects {
    unit: BTreeMap<Class, String>,
    referral: BTreeMap<Class, String>,
}

async fn consented<'w>(world: &'w World, unit: &Unit<'_>) -> (Case<'w>, String) {
    let case = world.case().victim().triaged().open().await;
    let consent = case.consent(unit, SITUATION).await;
    (case, consent)
}

/// One referral for each class, each released, and then not to be had for its own reason.
async fn subjects(world: &World) -> Subjects {
    let police = world.police().register().await;
    let others = world.police().register().await;
    let mut referral = BTreeMap::from([(Class::Absent, fresh_id())]);

    let (case, _) = consented(world, &police).await;
    referral.insert(Class::Refused, case.release(&police, SITUATION).await);
    let refusal = events::refusal(&case.victim, &police.id, SITUATION);
    case.append(&who::responder(), vec![Payload::ConsentRefused(refusal)]).await.unwrap();

    let (case, consent) = consented(world, &police).await;
    referral.insert(Class::Withdrawn, case.release(&police, SITUATION).await);
    case.withdraw(&consent).await;

    let case = world.case().victim().triaged().open().await;
    let in_half_an_hour = to_timestamp(Timestamp(clock::now().0 + 1_800_000));
    let brief = events::consent(&case.victim, &police.id, police.purpose, SITUATION);
    case.give(ConsentGiven { expiry: Some(Expiry::ExpiresAt(in_half_an_hour)), ..brief }).await;
    referral.insert(Class::Expired, case.release(&police, SITUATION).await);

    let (case, _) = consented(world, &police).await;
    referral.insert(Class::Erased, case.release(&police, SITUATION).await);
    let shredded = KeyShredded {
        scope: ShredScope::Person.into(),
        subject_id: case.victim.clone(),
        ground: ShredGround::PersonAsked.into(),
        proof: IdentityProof::Phrase.into(),
        speaking_freely: Said::Yes.into(),
        ..KeyShredded::default()
    };
    case.append(&who::supervisor(), vec![Payload::KeyShredded(shredded)]).await.unwrap();

    let (case, _) = consented(world, &police).await;
    let theirs = case.release(&police, SITUATION).await;
    referral.insert(Class::NotYours, theirs);

    HOURS_AHEAD.store(1, Ordering::Relaxed);
    let unit = CLASSES.map(|class| (class, if class == Class::NotYours { &others } else { &police }.id.clone()));
    Subjects { unit: unit.into(), referral }
}

/// All calls of the run, in an order drawn by lot.
fn deck(each: usize) -> Vec<Kind> {
    let mut deck = Vec::new();
    for method in METHODS {
        for class in CLASSES {
            deck.extend(std::iter::repeat_n((method, Manner::Padded, class), each));
            deck.extend(std::iter::repeat_n((method, Manner::Unpadded, class), each / UNPADDED_ONE_IN));
        }
        deck.extend(std::iter::repeat_n((method, Manner::Late, Class::Absent), each));
    }
    let mut dice = Dice::new(u64::try_from(clock::now().0).unwrap());
    for place in (1..deck.len()).rev() {
        deck.swap(place, dice.below(place + 1));
    }
    deck
}

/// Somebody of the unit who has looked less often than one person may. All accounts have names of the same length, and are
/// given out as they are needed: none of them tells what it is used for.
struct Accounts<'w> {
    world: &'w World,
    given: AtomicUsize,
    current: Mutex<BTreeMap<Kind, (usize, String, MetadataMap)>>,
    /// What each account was used for, and how often.
    used: Mutex<BTreeMap<String, (Kind, usize)>>,
}

impl Accounts<'_> {
    fn of(&self, kind: Kind, unit_id: &str) -> MetadataMap {
        let mut current = self.current.lock().unwrap();
        let account = current.entry(kind).or_insert_with(|| self.fresh(unit_id));
        if account.0 == CALLS_OF_ACCOUNT {
            *account = self.fresh(unit_id);
        }
        account.0 += 1;
        self.used.lock().unwrap().entry(account.1.clone()).or_insert((kind, 0)).1 += 1;
        account.2.clone()
    }

    fn fresh(&self, unit_id: &str) -> (usize, String, MetadataMap) {
        let mut who = who::liaison(unit_id);
        let name = format!("liaison.{:05}", self.given.fetch_add(1, Ordering::Relaxed));
        if let Some((account, _, _)) = &mut who.person {
            account.clone_from(&name);
        }
        (0, name, self.world.metadata(&who))
    }
}

/// What the run has seen.
#[derive(Default)]
struct Seen {
    times: BTreeMap<Kind, Times>,
    /// Every answer there was, without its date, and how often.
    answers: BTreeMap<Vec<u8>, usize>,
    other_codes: BTreeMap<String, usize>,
}

async fn one_call(world: &World, subjects: &Subjects, accounts: &Accounts<'_>, kind: Kind) -> (Answer, Duration) {
    let (method, manner, class) = kind;
    let metadata = accounts.of(kind, &subjects.unit[&class]);
    let body = method.body(&subjects.referral[&class]);
    let role = if manner == Manner::Unpadded { Role::SecondDisclosure } else { Role::Disclosure };
    let began_at = Instant::now();
    let answer = world.call(role, method.path(), &metadata, body, PATIENCE).await;
    if manner == Manner::Late {
        tokio::time::sleep(LATE).await;
    }
    (answer, began_at.elapsed())
}

async fn run(world: &World, subjects: &Subjects, accounts: &Accounts<'_>, deck: &[Kind]) -> Seen {
    let (seen, next) = (Mutex::new(Seen::default()), AtomicUsize::new(0));
    let lane = async || {
        while let Some(kind) = deck.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (answer, elapsed) = one_call(world, subjects, accounts, *kind).await;
            let mut seen = seen.lock().unwrap();
            seen.times.entry(*kind).or_default().add(elapsed);
            if answer.code != Code::NotFound {
                *seen.other_codes.entry(format!("{:?} of {kind:?}: {}", answer.code, answer.message)).or_default() += 1;
            }
            *seen.answers.entry(without_date(answer.bytes)).or_default() += 1;
        }
    };
    futures_util::future::join_all((0..LANES).map(|_| lane())).await;
    seen.into_inner().unwrap()
}

/// The date header tells the time, nothing else.
fn without_date(bytes: Vec<u8>) -> Vec<u8> {
    let Some(start) = bytes.windows(4).position(|part| part == b"date") else { return bytes };
    let end = bytes[start..].windows(3).position(|part| part == b"GMT").map_or(bytes.len(), |end| start + end + 3);
    [&bytes[..start], &bytes[end..]].concat()
}

/// Behind every call stands one append, of the same kind, and in the run nothing else was appended.
async fn check_appends(world: &World, before: usize, accounts: &Accounts<'_>, calls: usize) {
    let log = world.walk().await;
    let appended = &log[before..];
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let used = accounts.used.lock().unwrap();
    for entry in appended {
        let Facts::Access(Access::OutsiderRefused(refused)) = &entry.facts else {
            panic!("{} was appended during the run", entry.kind())
        };
        let account = entry.event.actor.as_ref().unwrap().person.as_str();
        let ((method, _, _), _) = used[account];
        assert_eq!(refused.method, format!("{method:?}"), "another method is recorded than was called");
        *found.entry(account).or_default() += 1;
    }
    for (account, (kind, made)) in used.iter() {
        assert_eq!(found.get(account.as_str()), Some(made), "{kind:?}: not one append for each call");
    }
    assert_eq!(appended.len(), calls);
}

/// The two classes of a manner that lie furthest apart.
fn furthest(seen: &Seen, method: Method, manner: Manner) -> (f64, Class, Class) {
    let mut furthest = (0.0, Class::Absent, Class::Absent);
    for (place, one) in CLASSES.into_iter().enumerate() {
        for other in CLASSES.into_iter().skip(place + 1) {
            let apart = t(&seen.times[&(method, manner, one)], &seen.times[&(method, manner, other)]);
            if apart > furthest.0 {
                furthest = (apart, one, other);
            }
        }
    }
    furthest
}

fn print(seen: &Seen) {
    for ((method, manner, class), times) in &seen.times {
        println!(
            "{method:?} {manner:?} {class:?}: {} calls, mean {:.3} ms, deviation {:.3}, from {:.3} to {:.3}",
            times.count(),
            times.mean(),
            times.deviation(),
            times.min(),
            times.max(),
        );
    }
}

/// Says something past the capture of tests that pass.
fn say(line: &str) {
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// Nobody can tell by the clock; and who is late can be told.
fn check_times(seen: &Seen, padding: Duration) {
    let padding_ms = padding.as_secs_f64() * 1e3;
    for method in METHODS {
        let (apart, one, other) = furthest(seen, method, Manner::Padded);
        let (unpadded, some, some_other) = furthest(seen, method, Manner::Unpadded);
        let of = |manner, class| seen.times[&(method, manner, class)];
        let late = t(&of(Manner::Late, Class::Absent), &of(Manner::Padded, Class::Absent));
        let bare = t(&of(Manner::Unpadded, Class::Absent), &of(Manner::Padded, Class::Absent));
        let least = T_MAX * standard_error(&of(Manner::Padded, one), &of(Manner::Padded, other));
        let longest = CLASSES.into_iter().map(|class| of(Manner::Unpadded, class).max()).fold(0.0, f64::max);
        say(&format!(
            "{method:?}: {} calls of each class, at most t = {apart:.2} between any two ({one:?}, {other:?}), {least:.2} ms would \
             have been seen; without padding t = {unpadded:.2} ({some:?}, {some_other:?}), {longest:.0} ms at most behind a \
             call; an answer that is {LATE:?} late: t = {late:.1}; one without padding: t = {bare:.1}\n",
            of(Manner::Padded, one).count(),
        ));
        for class in CLASSES {
            assert!(of(Manner::Padded, class).min() >= padding_ms, "{method:?} {class:?}: answered before its time");
            // What is behind a call is done before the padding ends, for whatever class: the padding hides it.
            let (behind, fastest) = (of(Manner::Unpadded, class).mean(), of(Manner::Padded, class).min());
            assert!(behind < fastest, "{method:?} {class:?}: takes {behind} ms, which {fastest} ms do not hide");
        }
        assert!(apart < T_MAX, "{method:?}: {one:?} and {other:?} can be told apart, t = {apart:.2}");
        assert!(late > T_MAX, "{method:?}: {LATE:?} more would not have been found, t = {late:.2}");
        assert!(bare > T_MAX, "{method:?}: an answer without padding would not have been found, t = {bare:.2}");
    }
}

/// Seen to fail without `self.pad(…)` in `Gate::refuse` (`services/disclosure/src/outside.rs`), for all or for one class; with
/// a second `self.record(…)`, a header more, or five milliseconds more for one class
/// (`services/disclosure/src/referral_service.rs`, `fetch_referral`; by a thousand calls the last gave t = 13).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p08_no_refusal_can_be_told_from_another_by_bytes_by_appends_or_by_time() {
    let roles = &[Role::Ledger, Role::Directory, Role::Disclosure, Role::SecondDisclosure];
    let plan = Plan { roles, clock: hours_ahead, level: LevelFilter::WARN, ..Plan::default() };
    let padding = plan.refuse_after;
    let world = World::with(Plan { refuse_after_second: Duration::ZERO, ..plan }).await;
    let subjects = subjects(&world).await;
    let accounts =
        Accounts { world: &world, given: AtomicUsize::new(0), current: Mutex::default(), used: Mutex::default() };
    let deck = deck(calls_of_each());
    let before = world.walk().await.len();

    let seen = run(&world, &subjects, &accounts, &deck).await;

    print(&seen);
    assert!(seen.other_codes.is_empty(), "other answers than the one refusal: {:?}", seen.other_codes);
    let kinds: Vec<_> = seen.answers.iter().map(|(bytes, times)| (bytes.len(), *times)).collect();
    assert_eq!(kinds.len(), 1, "all answers are the same bytes, which they are not: {kinds:?} (length, how often)");
    let answer = seen.answers.keys().next().unwrap();
    let message = not_found_outside();
    assert!(answer.windows(message.message().len()).any(|part| part == message.message().as_bytes()));
    check_appends(&world, before, &accounts, deck.len()).await;
    check_times(&seen, padding);
    world.stop(|_| {}).await;
}
