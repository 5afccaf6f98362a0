//! Sixty-four clients withdraw, consent again, request and fetch on the same few cases; afterwards the log is walked in its
//! order: nothing permitted, released or delivered rests on a consent withdrawn before it. The checker
//! ([`egide_tests::history`]) is written from the words of the promise, and knows nothing of the gate.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egide_crypto::digest::sha256;
use egide_testkit::fresh_id;
use egide_tests::case::{Case, Unit, command, outcome};
use egide_tests::generate::Dice;
use egide_tests::history::{Rules, step_of};
use egide_tests::who::{self, Who};
use egide_tests::world::TWO_LEDGERS;
use egide_tests::{Plan, World, events, watch};
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{ConsentWithdrawn, Outcome};
use egide_wire::proto::egide::disclosure::v1::FetchReferralRequest;
use egide_wire::proto::egide::ledger::v1::AppendRequest;
use tonic::Code;
use tracing::level_filters::LevelFilter;

const CLIENTS: usize = 64;
/// Cases that are fought over at the same time.
const CASES_AT_ONCE: usize = 4;
/// Rounds after which the clients move on to fresh cases, so that histories stay as long as those of real cases.
const ROUNDS_PER_CASES: usize = 500;
/// Of the newest referrals of a case one is fetched.
const NEWEST: usize = 6;
const WANTED: [DataCategory; 2] = [DataCategory::Situation, DataCategory::Whereabouts];
const PATIENCE: Duration = Duration::from_secs(900);

fn rounds() -> usize {
    std::env::var("EGIDE_RACE_ROUNDS").map_or(10_000, |text| text.parse().expect("EGIDE_RACE_ROUNDS is a number"))
}

// ---- the race -------------------------------------------------------------------------------------------------------

/// What the clients know about one case.
struct Arena<'w> {
    case: Case<'w>,
    consents: Mutex<Vec<String>>,
    referrals: Mutex<Vec<String>>,
}

/// What came of the rounds, as the clients saw it.
#[derive(Debug, Default)]
struct Tally {
    withdrawn: AtomicU64,
    given: AtomicU64,
    permitted: AtomicU64,
    denied: AtomicU64,
    moved_too_often: AtomicU64,
    fetched: AtomicU64,
    not_found: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn newest(list: &Mutex<Vec<String>>, dice: &mut Dice, among: usize) -> Option<String> {
    let list = list.lock().unwrap();
    let from = list.len().saturating_sub(among);
    (from < list.len()).then(|| dice.pick(&list[from..]).clone())
}

struct Client<'w> {
    world: &'w World,
    unit: &'w Unit<'w>,
    tally: &'w Tally,
    number: usize,
    dice: Dice,
}

impl Client<'_> {
    async fn round(&mut self, arena: &Arena<'_>) {
        match self.dice.below(100) {
            0..20 => self.withdraw(arena).await,
            20..40 => self.give(arena).await,
            40..65 => self.request(arena).await,
            _ => self.fetch(arena).await,
        }
    }

    /// Through either ledger: there is one order all the same.
    async fn append(&mut self, request: AppendRequest) {
        let who = who::responder();
        let second = self.dice.percent(50);
        loop {
            let ledger = || if second { self.world.second_ledger(&who) } else { self.world.ledger(&who) };
            match ledger().append(request.clone()).await {
                Ok(_) => return,
                Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                Err(status) => panic!("giving and taking back is never refused: {status:?}"),
            }
        }
    }

    async fn withdraw(&mut self, arena: &Arena<'_>) {
        let Some(consent) = newest(&arena.consents, &mut self.dice, NEWEST) else { return self.give(arena).await };
        let person = &arena.case.victim;
        let withdrawn = match self.dice.below(10) {
            0 => ConsentWithdrawn { subject_id: person.clone(), ..ConsentWithdrawn::default() },
            1..=3 => {
                let categories = vec![(*self.dice.pick(&WANTED)).into()];
                ConsentWithdrawn { categories, ..events::withdrawal(person, &consent) }
            }
            _ => events::withdrawal(person, &consent),
        };
        self.append(command(&arena.case.id, vec![Payload::ConsentWithdrawn(withdrawn)])).await;
        count(&self.tally.withdrawn);
    }

    async fn give(&mut self, arena: &Arena<'_>) {
        let permitted: &[DataCategory] = if self.dice.percent(70) { &WANTED } else { &WANTED[..1] };
        let mut consent = events::consent(&arena.case.victim, &self.unit.id, self.unit.purpose, permitted);
        consent.standing = self.dice.percent(80);
        let id = consent.consent_id.clone();
        self.append(command(&arena.case.id, vec![Payload::ConsentGiven(consent)])).await;
        arena.consents.lock().unwrap().push(id);
        count(&self.tally.given);
    }

    async fn request(&mut self, arena: &Arena<'_>) {
        let request = arena.case.asking(self.unit, &WANTED);
        let answer = loop {
            match self.world.disclosure(&who::supervisor()).request_disclosure(request.clone()).await {
                Ok(answer) => break answer.into_inner(),
                Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                Err(status) if status.code() == Code::Aborted => return count(&self.tally.moved_too_often),
                Err(status) => panic!("a request is decided: {status:?}"),
            }
        };
        if outcome(&answer) == Some(Outcome::Permit) {
            let referral = answer.decision.unwrap().referral_id;
            arena.referrals.lock().unwrap().push(referral);
            count(&self.tally.permitted);
        } else {
            count(&self.tally.denied);
        }
    }

    async fn fetch(&mut self, arena: &Arena<'_>) {
        let Some(referral_id) = newest(&arena.referrals, &mut self.dice, NEWEST) else {
            return self.request(arena).await;
        };
        let request = FetchReferralRequest { command_id: fresh_id(), referral_id };
        let who = self.liaison();
        loop {
            match self.world.referrals(&who).fetch_referral(request.clone()).await {
                Ok(answer) => {
                    let referral = answer.into_inner().referral.expect("an answer holds the referral");
                    assert_eq!(referral.referral_id, request.referral_id);
                    assert_eq!(sha256(&referral.report).as_bytes().as_slice(), referral.report_digest);
                    return count(&self.tally.fetched);
                }
                Err(status) if status.code() == Code::NotFound => return count(&self.tally.not_found),
                Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                Err(status) => panic!("a fetch gives the referral or the one refusal: {status:?}"),
            }
        }
    }

    /// Each client is a liaison of its own, for what one person is refused is limited.
    fn liaison(&self) -> Who {
        let mut who = self.unit.liaison();
        if let Some((account, _, _)) = &mut who.person {
            *account = format!("liaison.{}", self.number);
        }
        who
    }
}

async fn race(world: &World, rounds: usize) -> Tally {
    let unit = world.police().register().await;
    let groups = rounds.div_ceil(ROUNDS_PER_CASES);
    let mut arenas = Vec::new();
    for _ in 0..groups * CASES_AT_ONCE {
        let case = world.case().victim().triaged().open().await;
        arenas.push(Arena { case, consents: Mutex::default(), referrals: Mutex::default() });
    }
    let (tally, next) = (Tally::default(), AtomicU64::new(0));
    let client = async |number: usize| {
        let seed = u64::try_from(number).unwrap();
        let mut client = Client { world, unit: &unit, tally: &tally, number, dice: Dice::new(seed) };
        loop {
            let round = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
            if round >= rounds {
                return;
            }
            let case = round / ROUNDS_PER_CASES * CASES_AT_ONCE + client.dice.below(CASES_AT_ONCE);
            client.round(&arenas[case]).await;
        }
    };
    let clients = (0..CLIENTS).map(client);
    tokio::time::timeout(PATIENCE, futures_util::future::join_all(clients)).await.expect("the race ends");
    tally
}

#[tokio::test]
async fn nothing_permitted_released_or_delivered_rests_on_a_consent_withdrawn_before_it() {
    let rounds = rounds();
    let refuse_after = Duration::from_millis(20);
    let plan = Plan { roles: &TWO_LEDGERS, level: LevelFilter::WARN, refuse_after, ..Plan::default() };
    let world = World::with(plan).await;
    let tally = race(&world, rounds).await;
    let log = world.walk().await;
    let seen = Rules::check(log.iter().filter_map(step_of)).unwrap_or_else(|error| panic!("{error}"));
    println!("{rounds} rounds: {tally:?}; in the log: {seen:?}");

    let [fetched, not_found, permitted, denied, withdrawn] =
        [&tally.fetched, &tally.not_found, &tally.permitted, &tally.denied, &tally.withdrawn]
            .map(|counter| usize::try_from(counter.load(Ordering::Relaxed)).unwrap());
    // What was answered stands in the log.
    assert_eq!(seen.withdrawals, withdrawn);
    assert!(seen.deliveries >= fetched, "{} deliveries, {fetched} fetched", seen.deliveries);
    assert!(seen.releases >= permitted, "{} releases, {permitted} permitted", seen.releases);
    // The race was one: everything happened, and withdrawals did get in between.
    for (what, happened) in
        [("permits", permitted), ("denials", denied), ("deliveries", fetched), ("refused fetches", not_found)]
    {
        assert!(happened >= rounds / 100, "only {happened} {what} in {rounds} rounds");
    }
    assert_eq!(watch::panics(), 0);
}
