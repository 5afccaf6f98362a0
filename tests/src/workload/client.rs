//! One client.

use std::sync::Arc;
use std::time::Duration;

use egide_crypto::digest::sha256;
use egide_servicekit::clock;
use egide_testkit::fresh_id;
use egide_wire::proto::egide::audit::v1::{AccessReason, GetDisclosureRequest};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{ConsentWithdrawn, Outcome, Purpose};
use egide_wire::proto::egide::directory::v1::RegisterUnitRequest;
use egide_wire::proto::egide::disclosure::v1::{AcknowledgeReferralRequest, FetchReferralRequest, GetDecisionRequest};
use egide_wire::proto::egide::ledger::v1::{AppendRequest, ReadCaseRequest};
use tonic::Code;

use super::{ACTIONS_PER_CASE, Arena, Calls, DEADLINE, GIVEN_UP_AFTER, Gone, Shared, WANTED, open_case, unit_record};
use crate::case::command;
use crate::events;
use crate::generate::Dice;
use crate::history::{Decided, Fetched};
use crate::roles::Role;
use crate::who::{self, Who};

/// Of the newest consents and referrals one is taken.
const NEWEST: usize = 6;
/// One person may look so often at once; then the client takes another account.
const ACTIONS_PER_ACCOUNT: usize = 60;
/// Deadlines that some calls have: too short for anything that meets a fault.
const SHORT: Duration = Duration::from_millis(400);

/// See the module.
pub struct Client {
    shared: Arc<Shared>,
    number: usize,
    dice: Dice,
    actions: usize,
}

impl Client {
    pub(super) const fn new(shared: Arc<Shared>, number: usize, dice: Dice) -> Self {
        Self { shared, number, dice, actions: 0 }
    }

    /// Acts until told to stop.
    pub(super) async fn work(mut self) {
        while !self.shared.stopping() {
            self.act().await;
            self.actions += 1;
        }
    }

    async fn act(&mut self) {
        let (place, arena) = self.arena().await;
        let deed = match self.dice.below(100) {
            0..12 => ("append", self.note(&arena).await),
            12..24 => ("withdraw", self.withdraw(&arena).await),
            24..44 => ("give", self.give(place, &arena).await),
            44..64 => ("request", self.request(place, &arena).await),
            64..82 => ("fetch", self.fetch(&arena).await),
            82..86 => ("acknowledge", self.acknowledge(&arena).await),
            86..90 => ("read", self.read(&arena).await),
            90..94 => ("get decision", self.get_decision(&arena).await),
            94..98 => ("audit", self.get_disclosure(&arena).await),
            _ => ("directory", self.renew_unit().await),
        };
        match deed {
            (what, Ok(true)) => self.shared.count(what),
            (what, Ok(false)) => self.shared.count(&format!("{what}: nothing to do")),
            (what, Err(Gone::GivenUp)) => {
                self.shared.surprise(format!("{what}: nothing certain for {GIVEN_UP_AFTER:?}"))
            }
            (what, Err(Gone::Refused(status))) => self.shared.surprise(format!("{what}: {status:?}")),
        }
    }

    /// A case to act on; a fresh one in the place of one that has grown long.
    async fn arena(&mut self) -> (usize, Arena) {
        let (place, arena, full) = {
            let mut arenas = self.shared.arenas();
            let place = self.dice.below(arenas.len());
            let arena = &mut arenas[place];
            arena.actions += 1;
            (place, arena.clone(), arena.actions == ACTIONS_PER_CASE)
        };
        if full {
            let ledger = self.a_ledger();
            match open_case(&self.shared, ledger).await {
                Ok(fresh) => self.shared.arenas()[place] = fresh,
                Err(gone) => self.shared.surprise(format!("a case does not open: {gone:?}")),
            }
        }
        (place, arena)
    }

    fn a_ledger(&mut self) -> Role {
        let second = self.shared.installation.plan().ledgers > 1 && self.dice.percent(50);
        if second { Role::SecondLedger } else { Role::Ledger }
    }

    fn calls<'a>(&mut self, shared: &'a Shared) -> Calls<'a> {
        let deadline = if self.dice.percent(20) { SHORT } else { DEADLINE };
        Calls::new(shared, GIVEN_UP_AFTER).with_deadline(deadline)
    }

    /// This client's own account of somebody.
    fn account(&self, mut who: Who) -> Who {
        if let Some((account, _, _)) = &mut who.person {
            *account = format!("{account}.{}.{}", self.number, self.actions / ACTIONS_PER_ACCOUNT);
        }
        who
    }

    /// Appends, and now and then repeats what was acknowledged already: the answer must be the same.
    async fn append(&mut self, command: AppendRequest) -> Result<(), Gone> {
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let who = self.account(who::responder());
        let times = if self.dice.percent(15) { 2 } else { 1 };
        for _ in 0..times {
            calls.append(&who, command.clone(), &mut || self.a_ledger()).await?;
        }
        Ok(())
    }

    async fn note(&mut self, arena: &Arena) -> Result<bool, Gone> {
        self.append(command(&arena.case_id, vec![events::situation(&arena.victim)])).await?;
        Ok(true)
    }

    async fn withdraw(&mut self, arena: &Arena) -> Result<bool, Gone> {
        let Some(consent) = self.newest(&arena.consents) else { return Ok(false) };
        let withdrawn = match self.dice.below(10) {
            0 => ConsentWithdrawn { subject_id: arena.victim.clone(), ..ConsentWithdrawn::default() },
            1..=3 => {
                let categories = vec![(*self.dice.pick(&WANTED)).into()];
                ConsentWithdrawn { categories, ..events::withdrawal(&arena.victim, &consent) }
            }
            _ => events::withdrawal(&arena.victim, &consent),
        };
        self.append(command(&arena.case_id, vec![Payload::ConsentWithdrawn(withdrawn)])).await?;
        Ok(true)
    }

    async fn give(&mut self, place: usize, arena: &Arena) -> Result<bool, Gone> {
        let unit = &self.shared.recipient.unit_id;
        let mut consent = events::consent(&arena.victim, unit, Purpose::Investigation, &WANTED);
        consent.standing = self.dice.percent(80);
        let id = consent.consent_id.clone();
        self.append(command(&arena.case_id, vec![Payload::ConsentGiven(consent)])).await?;
        self.know(place, arena, |arena| arena.consents.push(id));
        Ok(true)
    }

    async fn request(&mut self, place: usize, arena: &Arena) -> Result<bool, Gone> {
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let who = self.account(who::supervisor());
        let asking = calls.request_disclosure(&who, &arena.case_id, Purpose::Investigation, &WANTED);
        let (decision, decided) = asking.await?;
        let (decision_id, outcome) = (decided.decision_id.clone(), decided.outcome());
        let told = Decided { decision_id: decision_id.clone(), position: decision.position, outcome };
        shared.memory().decide(told);
        shared.count(if outcome == Outcome::Permit { "permitted" } else { "denied" });
        self.know(place, arena, |arena| {
            arena.decisions.push(decision_id);
            arena.referrals.extend(Some(decision.referral_id).filter(|id| !id.is_empty()));
        });
        Ok(true)
    }

    async fn fetch(&mut self, arena: &Arena) -> Result<bool, Gone> {
        let Some(referral_id) = self.newest(&arena.referrals) else { return Ok(false) };
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let request = FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.clone() };
        let who = self.account(who::liaison(&shared.recipient.unit_id));
        let fetching =
            || async { shared.installation.referrals(&who).fetch_referral(calls.within(request.clone())).await };
        let referral = match calls.until_known(Role::Disclosure, fetching).await {
            Ok(answer) => answer.referral.expect("an answer holds the referral"),
            Err(Gone::Refused(status)) if status.code() == Code::NotFound => {
                shared.count("not found");
                return Ok(true);
            }
            Err(gone) => return Err(gone),
        };
        if referral.referral_id != referral_id
            || sha256(&referral.report).as_bytes() != referral.report_digest.as_slice()
        {
            shared.surprise(format!("referral {referral_id} came as something else"));
        }
        let answered_at_ms = clock::now().0;
        shared.memory().fetch(Fetched { referral_id, report_digest: referral.report_digest, answered_at_ms });
        shared.count("fetched");
        Ok(true)
    }

    async fn acknowledge(&mut self, arena: &Arena) -> Result<bool, Gone> {
        let Some(referral_id) = self.newest(&arena.referrals) else { return Ok(false) };
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let request = AcknowledgeReferralRequest { command_id: fresh_id(), referral_id };
        let who = self.account(who::liaison(&shared.recipient.unit_id));
        let acknowledging =
            || async { shared.installation.referrals(&who).acknowledge_referral(calls.within(request.clone())).await };
        match calls.until_known(Role::Disclosure, acknowledging).await {
            Ok(_) => Ok(true),
            // Not delivered, or withdrawn meanwhile.
            Err(Gone::Refused(status)) if status.code() == Code::NotFound => Ok(true),
            Err(gone) => Err(gone),
        }
    }

    async fn read(&mut self, arena: &Arena) -> Result<bool, Gone> {
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let request = ReadCaseRequest {
            case_id: arena.case_id.clone(),
            page_size: 50,
            open: true,
            reason: AccessReason::WorkingTheCase.into(),
            ..ReadCaseRequest::default()
        };
        let (who, role) = (self.account(who::responder()), self.a_ledger());
        let reading =
            || async { shared.installation.ledger(role, &who).read_case(calls.within(request.clone())).await };
        match calls.until_known(role, reading).await {
            Ok(page) => Ok(!page.events.is_empty()),
            // The other ledger may not have read of the case yet.
            Err(Gone::Refused(status)) if status.code() == Code::NotFound && arena.actions < NEWEST => Ok(false),
            Err(gone) => Err(gone),
        }
    }

    async fn get_decision(&mut self, arena: &Arena) -> Result<bool, Gone> {
        let Some(decision_id) = self.newest(&arena.decisions) else { return Ok(false) };
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let request = GetDecisionRequest { decision_id, reason: AccessReason::Supervision.into() };
        let who = self.account(who::supervisor());
        let asking =
            || async { shared.installation.disclosure(&who).get_decision(calls.within(request.clone())).await };
        calls.until_known(Role::Disclosure, asking).await?;
        Ok(true)
    }

    async fn get_disclosure(&mut self, arena: &Arena) -> Result<bool, Gone> {
        let Some(disclosure_id) = self.newest(&arena.decisions) else { return Ok(false) };
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let request = GetDisclosureRequest {
            disclosure_id,
            reason: AccessReason::Audit.into(),
            ..GetDisclosureRequest::default()
        };
        let who = self.account(who::compliance());
        let looking = || async { shared.installation.audit(&who).get_disclosure(calls.within(request.clone())).await };
        calls.until_known(Role::Audit, looking).await?;
        Ok(true)
    }

    /// The unit's record is renewed as it is: the organisation's stream moves under the decisions made on it.
    async fn renew_unit(&mut self) -> Result<bool, Gone> {
        let shared = Arc::clone(&self.shared);
        let calls = self.calls(&shared);
        let unit = unit_record(&shared.recipient.organization_id, &shared.recipient.unit_id);
        let request = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit) };
        let who = self.account(who::specialist());
        let renewing =
            || async { shared.installation.directory(&who).register_unit(calls.within(request.clone())).await };
        calls.until_known(Role::Directory, renewing).await?;
        Ok(true)
    }

    /// Tells the others, unless the case has made room for another.
    fn know(&self, place: usize, arena: &Arena, learn: impl FnOnce(&mut Arena)) {
        let mut arenas = self.shared.arenas();
        if arenas[place].case_id == arena.case_id {
            learn(&mut arenas[place]);
        }
    }

    fn newest(&mut self, list: &[String]) -> Option<String> {
        let from = list.len().saturating_sub(NEWEST);
        (from < list.len()).then(|| self.dice.pick(&list[from..]).clone())
    }
}
