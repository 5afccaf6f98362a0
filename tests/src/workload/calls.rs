//! One call as a client makes it: with a deadline, and again with the same id until its outcome is known.

use std::error::Error as _;
use std::time::Duration;

use egide_testkit::fresh_id;
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::case::v1::{DisclosureDecided, Purpose};
use egide_wire::proto::egide::disclosure::v1::{Decision, RequestDisclosureRequest};
use egide_wire::proto::egide::ledger::v1::{Acknowledgement, AppendRequest};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request, Response, Status};

use super::Shared;
use crate::roles::Role;
use crate::who::Who;

/// What a client waits for one answer.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// A client that heard nothing certain for so long stops asking; no fault here lasts nearly as long.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(90);
/// Beyond the deadline nothing is waited for, even if the connection does not notice it.
const GRACE: Duration = Duration::from_secs(1);
/// First pause between two tries; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// Why a client has no result.
#[derive(Debug)]
pub enum Gone {
    /// It stopped asking.
    GivenUp,
    /// It was told no.
    Refused(Status),
}

/// How one client calls.
#[derive(Clone, Copy)]
pub struct Calls<'a> {
    shared: &'a Shared,
    patience: Duration,
    deadline: Duration,
}

impl<'a> Calls<'a> {
    /// Calls that go on for so long.
    #[must_use]
    pub const fn new(shared: &'a Shared, patience: Duration) -> Self {
        Self { shared, patience, deadline: DEADLINE }
    }

    /// The same with another deadline.
    #[must_use]
    pub const fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// A request with the deadline.
    pub fn within<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        request
    }

    /// Calls until the outcome is known.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn until_known<T, F>(&self, role: Role, mut call: impl FnMut() -> F) -> Result<T, Gone>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let end = Instant::now() + self.patience;
        let mut pause = PAUSE_FIRST;
        loop {
            let status = match timeout(self.deadline + GRACE, call()).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("nothing came"),
            };
            if !is_to_be_repeated(&status) {
                return Err(Gone::Refused(status));
            }
            self.shared.count(&format!("{} said {:?}", role.name(), status.code()));
            if Instant::now() >= end {
                return Err(Gone::GivenUp);
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Appends a command, each time through the ledger that `through` says, and remembers what was acknowledged.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn append(
        &self,
        who: &Who,
        command: AppendRequest,
        through: &mut (dyn FnMut() -> Role + Send),
    ) -> Result<Acknowledgement, Gone> {
        let installation = &self.shared.installation;
        let calling = || {
            let mut ledger = installation.ledger(through(), who);
            let request = self.within(command.clone());
            async move { ledger.append(request).await }
        };
        let answer = self.until_known(Role::Ledger, calling).await?;
        let acknowledgement = answer.acknowledgement.expect("an answer acknowledges");
        let remembered = self.shared.memory().acknowledge(&who.service, acknowledgement.clone());
        if let Err(twice) = remembered {
            self.shared.surprise(twice);
        }
        Ok(acknowledgement)
    }

    /// Asks that something of a case be disclosed to the unit that all share; the decision, and what was decided.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn request_disclosure(
        &self,
        who: &Who,
        case_id: &str,
        purpose: Purpose,
        categories: &[DataCategory],
    ) -> Result<(Decision, DisclosureDecided), Gone> {
        let request = RequestDisclosureRequest {
            command_id: fresh_id(),
            case_id: case_id.to_owned(),
            unit_id: self.shared.recipient.unit_id.clone(),
            purpose: purpose.into(),
            categories: categories.iter().copied().map(Into::into).collect(),
            ..RequestDisclosureRequest::default()
        };
        let asking = || async {
            self.shared.installation.disclosure(who).request_disclosure(self.within(request.clone())).await
        };
        let answer = self.until_known(Role::Disclosure, asking).await?;
        let mut decision = answer.decision.expect("an answer holds the decision");
        let decided = decision.decided.take().expect("a decision says what was decided");
        Ok((decision, decided))
    }
}

/// Whether the contract says to ask again, or nobody answered: what our own side of the connection makes up has a source.
fn is_to_be_repeated(status: &Status) -> bool {
    status.source().is_some()
        || matches!(
            status.code(),
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted | Code::ResourceExhausted
        )
}
