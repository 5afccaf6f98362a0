//! Is the system whole? Every service is asked, and every read model must have read what was appended a moment before.

use std::time::Duration;

use egide_testkit::fresh_id;
use egide_wire::proto::egide::audit::v1::{AccessReason, GetDisclosureRequest};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{Outcome, Purpose};
use egide_wire::proto::egide::directory::v1::{GetOrganizationRequest, RegisterUnitRequest};
use egide_wire::proto::egide::disclosure::v1::FetchReferralRequest;
use egide_wire::proto::egide::ledger::v1::ReadCaseRequest;
use egide_wire::proto::egide::triage::v1::ListObligationsRequest;
use tokio::time::Instant;
use tonic::{Code, Response, Status};

use super::{Arena, Calls, Gone, Shared, WANTED, open_case, unit_record};
use crate::case::command;
use crate::events;
use crate::roles::Role;
use crate::who::{self, Who};

/// How long a system may take to be whole again after the last fault.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(60);

/// Asks, each time under other accounts; has a case of its own, which no client touches.
pub struct Probe {
    case: Arena,
    number: usize,
}

impl Probe {
    /// Opens its case.
    ///
    /// # Panics
    /// When that cannot be done.
    pub async fn new(shared: &Shared) -> Self {
        let case = open_case(shared, Role::Ledger).await.expect("a case opens");
        Self { case, number: 0 }
    }

    /// Waits until all of it is whole; tells how long that took.
    ///
    /// # Errors
    /// What is not, after [`WHOLE_WITHIN`].
    pub async fn whole(&mut self, shared: &Shared) -> Result<Duration, String> {
        self.number += 1;
        let began = Instant::now();
        let asking = Asking { shared, case: &self.case, number: self.number };
        match tokio::time::timeout(WHOLE_WITHIN, asking.everybody()).await {
            Ok(Ok(())) => Ok(began.elapsed()),
            Ok(Err((what, Gone::Refused(status)))) => Err(format!("{what}: {status:?}")),
            Ok(Err((what, Gone::GivenUp))) => Err(format!("{what}: nothing certain")),
            Err(_) => Err(format!("not whole after {WHOLE_WITHIN:?}")),
        }
    }
}

/// A case that no client touches, with a referral that was released and not fetched.
#[derive(Debug, Clone)]
pub struct Case {
    /// The case (UUID).
    pub case_id: String,
    /// Its potential victim (UUID).
    pub victim: String,
    /// The decision that permits it (UUID).
    pub decision_id: String,
    /// The referral (UUID).
    pub referral_id: String,
    /// Who may fetch it.
    pub liaison: Who,
}

impl Case {
    /// Opens it, consents, asks.
    ///
    /// # Panics
    /// When that cannot be done.
    pub async fn with_referral(shared: &Shared) -> Self {
        let case = open_case(shared, Role::Ledger).await.expect("a case opens");
        let asking = Asking { shared, case: &case, number: 0 };
        asking.append(Role::Ledger).await.expect("a consent is recorded");
        let (decision_id, referral_id) = asking.request().await.expect("it is decided");
        let liaison = who::liaison(&shared.recipient.unit_id);
        Self { case_id: case.case_id, victim: case.victim, decision_id, referral_id, liaison }
    }
}

struct Asking<'a> {
    shared: &'a Shared,
    case: &'a Arena,
    number: usize,
}

impl Asking<'_> {
    async fn everybody(&self) -> Result<(), (&'static str, Gone)> {
        let mut position = 0;
        for role in self.ledgers() {
            position = self.append(role).await.map_err(|gone| ("append", gone))?;
        }
        for role in self.ledgers() {
            self.read(role, position).await.map_err(|gone| ("read", gone))?;
        }
        self.directory().await.map_err(|gone| ("directory", gone))?;
        let (decision_id, referral_id) = self.request().await.map_err(|gone| ("request", gone))?;
        self.fetch(referral_id).await.map_err(|gone| ("fetch", gone))?;
        self.audit(decision_id).await.map_err(|gone| ("audit", gone))?;
        self.triage().await.map_err(|gone| ("triage", gone))
    }

    fn ledgers(&self) -> impl Iterator<Item = Role> {
        [Role::Ledger, Role::SecondLedger].into_iter().take(self.shared.installation.plan().ledgers)
    }

    fn account(&self, mut who: Who) -> Who {
        if let Some((account, _, _)) = &mut who.person {
            *account = format!("{account}.probe.{}", self.number);
        }
        who
    }

    fn calls(&self) -> Calls<'_> {
        Calls::new(self.shared, WHOLE_WITHIN)
    }

    async fn append(&self, role: Role) -> Result<u64, Gone> {
        let consent =
            events::consent(&self.case.victim, &self.shared.recipient.unit_id, Purpose::Investigation, &WANTED);
        let command = command(&self.case.case_id, vec![Payload::ConsentGiven(consent)]);
        let acknowledgement = self.calls().append(&self.account(who::responder()), command, &mut || role).await?;
        Ok(acknowledgement.events.last().map_or(0, |event| event.position))
    }

    /// A page that holds all up to a position.
    async fn read(&self, role: Role, position: u64) -> Result<(), Gone> {
        let request = ReadCaseRequest {
            case_id: self.case.case_id.clone(),
            page_size: 10,
            open: true,
            reason: AccessReason::WorkingTheCase.into(),
            min_position: position,
            ..ReadCaseRequest::default()
        };
        let (calls, who) = (self.calls(), self.account(who::responder()));
        let reading = || async {
            let answer = self.shared.installation.ledger(role, &who).read_case(calls.within(request.clone())).await;
            // It has not read so far yet.
            answer.map_err(|status| again_if(Code::FailedPrecondition, status))
        };
        calls.until_known(role, reading).await.map(drop)
    }

    async fn directory(&self) -> Result<(), Gone> {
        let (calls, who) = (self.calls(), self.account(who::specialist()));
        let organization_id = self.shared.recipient.organization_id.clone();
        let unit = unit_record(&organization_id, &self.shared.recipient.unit_id);
        let renewal = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit) };
        let directory = || self.shared.installation.directory(&who);
        let renewing = || async { directory().register_unit(calls.within(renewal.clone())).await };
        let receipt = calls.until_known(Role::Directory, renewing).await?.receipt.expect("an answer holds the receipt");
        let asked = GetOrganizationRequest { organization_id };
        let asking = || async {
            let answer = directory().get_organization(calls.within(asked.clone())).await?;
            let entry = answer.get_ref().entry.as_ref();
            let renewed = entry.is_some_and(|entry| entry.revision >= receipt.revision);
            if renewed { Ok(answer) } else { Err(Status::unavailable("the directory is behind")) }
        };
        calls.until_known(Role::Directory, asking).await.map(drop)
    }

    async fn request(&self) -> Result<(String, String), Gone> {
        let (calls, who) = (self.calls(), self.account(who::supervisor()));
        let asking = calls.request_disclosure(&who, &self.case.case_id, Purpose::Investigation, &WANTED);
        let (decision, decided) = asking.await?;
        assert!(decided.outcome() == Outcome::Permit, "a consent given a moment ago does not permit");
        Ok((decided.decision_id, decision.referral_id))
    }

    async fn fetch(&self, referral_id: String) -> Result<(), Gone> {
        let (calls, who) = (self.calls(), self.account(who::liaison(&self.shared.recipient.unit_id)));
        let request = FetchReferralRequest { command_id: fresh_id(), referral_id };
        let fetching =
            || async { self.shared.installation.referrals(&who).fetch_referral(calls.within(request.clone())).await };
        calls.until_known(Role::Disclosure, fetching).await.map(drop)
    }

    async fn audit(&self, disclosure_id: String) -> Result<(), Gone> {
        let (calls, who) = (self.calls(), self.account(who::compliance()));
        let request = GetDisclosureRequest {
            disclosure_id,
            reason: AccessReason::Audit.into(),
            ..GetDisclosureRequest::default()
        };
        let looking = || async {
            let answer: Response<_> =
                self.shared.installation.audit(&who).get_disclosure(calls.within(request.clone())).await?;
            let disclosure = answer.get_ref().disclosure.as_ref();
            let delivered =
                disclosure.is_some_and(|told| told.steps.iter().any(|step| step.kind == "disclosure.delivered"));
            if delivered { Ok(answer) } else { Err(Status::unavailable("the history is behind")) }
        };
        calls.until_known(Role::Audit, looking).await.map(drop)
    }

    /// Triage answers after it has read its own look, and with it everything before.
    async fn triage(&self) -> Result<(), Gone> {
        let (calls, who) = (self.calls(), self.account(who::supervisor()));
        let request = ListObligationsRequest {
            case_id: self.case.case_id.clone(),
            page_size: 10,
            reason: AccessReason::Supervision.into(),
            ..ListObligationsRequest::default()
        };
        let looking =
            || async { self.shared.installation.triage(&who).list_obligations(calls.within(request.clone())).await };
        calls.until_known(Role::Triage, looking).await.map(drop)
    }
}

fn again_if(code: Code, status: Status) -> Status {
    if status.code() == code { Status::unavailable("not yet") } else { status }
}
