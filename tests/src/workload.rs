//! Clients under faults: they append, give and take back consent, ask, fetch, acknowledge and read, each call with a
//! deadline, each command again with the same id until its outcome is known. What they were told goes into a
//! [`Memory`], for [`crate::history::check`].
//!
//! What each client wants follows from one seed; what it meets does not, for faults and threads have a time of their own.
//! So the same seed makes the same wishes in the same order, and the same faults, not the same log.

mod calls;
mod client;
mod owed;
mod probe;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egide_testkit::fresh_id;
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    AgeBand, Channel, Jurisdiction, PersonRole, Purpose, RecipientKind, TriageLevel,
};
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, OrganizationRegistered, RecordAgreementRequest, RegisterOrganizationRequest,
    RegisterUnitRequest, UnitRegistered,
};
use tokio::task::JoinSet;

pub use calls::{Calls, DEADLINE, GIVEN_UP_AFTER, Gone};
pub use client::Client;
pub use owed::Owed;
pub use probe::{Case, Probe, WHOLE_WITHIN};

use crate::case::{EVERYTHING, command};
use crate::events;
use crate::generate::Dice;
use crate::history::Memory;
use crate::processes::Installation;
use crate::roles::Role;
use crate::who;

/// What clients ask for.
pub const WANTED: [DataCategory; 2] = [DataCategory::Situation, DataCategory::Whereabouts];
/// Cases at the same time.
const CASES: usize = 4;
/// After so many actions on one case clients move on to a fresh one, so that histories stay as long as those of real cases.
const ACTIONS_PER_CASE: usize = 150;

/// The recipient of everything.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The organisation (UUID).
    pub organization_id: String,
    /// Its unit (UUID).
    pub unit_id: String,
}

/// A case under work, and what is known of it.
#[derive(Debug, Clone)]
pub struct Arena {
    /// The case (UUID).
    pub case_id: String,
    /// Its potential victim (UUID).
    pub victim: String,
    /// Consents that were recorded.
    pub consents: Vec<String>,
    /// Referrals that were released.
    pub referrals: Vec<String>,
    /// Decisions that were made.
    pub decisions: Vec<String>,
    actions: usize,
}

/// What all clients share.
pub struct Shared {
    /// The system.
    pub installation: Installation,
    /// Whom everything is disclosed to.
    pub recipient: Recipient,
    memory: Mutex<Memory>,
    arenas: Mutex<Vec<Arena>>,
    tally: Mutex<BTreeMap<String, u64>>,
    surprises: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

impl Shared {
    /// What clients were told.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// Counts something that happened.
    pub fn count(&self, what: &str) {
        *lock(&self.tally).entry(what.to_owned()).or_default() += 1;
    }

    /// Notes an answer that nobody should ever get.
    pub fn surprise(&self, what: String) {
        lock(&self.surprises).push(what);
    }

    fn arenas(&self) -> MutexGuard<'_, Vec<Arena>> {
        lock(&self.arenas)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Clients at work on an installation.
pub struct Workload {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

impl Workload {
    /// Registers a recipient, opens cases, and lets `clients` loose.
    ///
    /// # Panics
    /// When the system does not answer before there is any fault.
    pub async fn start(installation: Installation, seed: u64, clients: usize) -> Self {
        let recipient = Recipient { organization_id: fresh_id(), unit_id: fresh_id() };
        let shared = Arc::new(Shared {
            installation,
            recipient,
            memory: Mutex::default(),
            arenas: Mutex::default(),
            tally: Mutex::default(),
            surprises: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        register(&shared).await;
        for place in 0..CASES {
            let arena = open_case(&shared, Role::Ledger).await.expect("a case opens before there is any fault");
            shared.arenas().insert(place, arena);
        }
        let mut working = JoinSet::new();
        for number in 0..clients {
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(u64::try_from(number).expect("a number"));
            let client = Client::new(Arc::clone(&shared), number, Dice::new(seed));
            working.spawn(client.work());
        }
        Self { shared, clients: working }
    }

    /// The system.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.shared.installation
    }

    /// What clients share.
    #[must_use]
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How often what happened so far.
    #[must_use]
    pub fn tally(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.tally).clone()
    }

    /// Lets the clients finish what they are at, and gives the installation back with what they remember.
    ///
    /// # Panics
    /// When a client panicked, met an answer that nobody should get, or does not come to an end.
    pub async fn stop(mut self) -> (Installation, Memory, BTreeMap<String, u64>) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let finished = async {
            while let Some(client) = self.clients.join_next().await {
                client.expect("a client does not panic");
            }
        };
        tokio::time::timeout(GIVEN_UP_AFTER * 3, finished).await.expect("clients come to an end");
        let shared = Arc::into_inner(self.shared).expect("clients are gone");
        let surprises = shared.surprises.into_inner().unwrap_or_else(PoisonError::into_inner);
        let tally = shared.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert!(surprises.is_empty(), "answers that nobody should get: {surprises:#?}; {tally:?}");
        let memory = shared.memory.into_inner().unwrap_or_else(PoisonError::into_inner);
        (shared.installation, memory, tally)
    }
}

/// An organisation with one unit and an agreement about everything.
async fn register(shared: &Shared) {
    let calls = Calls::new(shared, GIVEN_UP_AFTER);
    let specialist = who::specialist();
    let Recipient { organization_id, unit_id } = shared.recipient.clone();
    let organization = RegisterOrganizationRequest {
        command_id: fresh_id(),
        organization: Some(OrganizationRegistered {
            organization_id: organization_id.clone(),
            name_en: "Coast City Police".to_owned(),
            name_fr: "Police de Coast City".to_owned(),
            kind: RecipientKind::InvestigatingAgency.into(),
            verified: true,
            jurisdictions: vec![Jurisdiction::Bc.into()],
            ..OrganizationRegistered::default()
        }),
    };
    let directory = || shared.installation.directory(&specialist);
    let answer = calls.until_known(Role::Directory, || async {
        directory().register_organization(calls.within(organization.clone())).await
    });
    answer.await.expect("an organisation is registered");
    let unit = RegisterUnitRequest { command_id: fresh_id(), unit: Some(unit_record(&organization_id, &unit_id)) };
    let answer =
        calls.until_known(Role::Directory, || async { directory().register_unit(calls.within(unit.clone())).await });
    answer.await.expect("a unit is registered");
    let agreement = RecordAgreementRequest {
        command_id: fresh_id(),
        agreement: Some(AgreementRecorded {
            agreement_id: fresh_id(),
            organization_id,
            purposes: vec![Purpose::Investigation.into()],
            categories: EVERYTHING.iter().copied().map(Into::into).collect(),
            ..AgreementRecorded::default()
        }),
    };
    let answer = calls
        .until_known(Role::Directory, || async { directory().record_agreement(calls.within(agreement.clone())).await });
    answer.await.expect("an agreement is recorded");
}

fn unit_record(organization_id: &str, unit_id: &str) -> UnitRegistered {
    UnitRegistered {
        unit_id: unit_id.to_owned(),
        organization_id: organization_id.to_owned(),
        name_en: "Counter-Exploitation Unit".to_owned(),
        name_fr: "Unité de lutte contre l’exploitation".to_owned(),
        kind: RecipientKind::InvestigatingAgency.into(),
        purposes: vec![Purpose::Investigation.into(), Purpose::LegalObligation.into()],
        jurisdictions: vec![Jurisdiction::Bc.into()],
        callback_number: "+1-555-0110".to_owned(),
        ..UnitRegistered::default()
    }
}

/// Opens a case with a potential victim, through a ledger.
async fn open_case(shared: &Shared, ledger: Role) -> Result<Arena, Gone> {
    let (case_id, victim, tip) = (fresh_id(), fresh_id(), fresh_id());
    let roles = [PersonRole::PotentialVictim, PersonRole::Caller];
    let opening: Vec<Payload> = vec![
        events::opened(Jurisdiction::Bc),
        events::person(&victim, &roles, "Marisol", "Quillfeather"),
        events::age(&victim, AgeBand::From19),
        events::tip(&tip, Channel::Phone, &victim),
        events::whereabouts(&victim, Jurisdiction::Bc, "17 Lanternfish Way"),
        events::situation(&victim),
        events::triage(TriageLevel::NotUrgent),
    ];
    let calls = Calls::new(shared, GIVEN_UP_AFTER);
    calls.append(&who::responder(), command(&case_id, opening), &mut || ledger).await?;
    Ok(Arena { case_id, victim, consents: Vec::new(), referrals: Vec::new(), decisions: Vec::new(), actions: 0 })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
