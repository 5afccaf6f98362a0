//! Cases and recipients, as tests speak of them.

use std::future::Future;

use egide_testkit::fresh_id;
use egide_wire::classification::DataCategory;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    AgeBand, CaseEvent, Channel, ConsentGiven, Jurisdiction, Outcome, PersonRole, Purpose, RecipientKind, TriageLevel,
};
use egide_wire::proto::egide::directory::v1::{
    AgreementRecorded, OrganizationRegistered, RecipientSuspended, RecordAgreementRequest, RegisterOrganizationRequest,
    RegisterUnitRequest, SuspendRecipientRequest, SuspensionReason, UnitRegistered,
};
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeReferralRequest, FetchReferralRequest, ListReferralsRequest, Referral, ReferralSummary,
    RequestDisclosureRequest, RequestDisclosureResponse,
};
use egide_wire::proto::egide::ledger::v1::new_event::Payload as NewPayload;
use egide_wire::proto::egide::ledger::v1::{
    AppendRequest, AppendResponse, NewEvent, ReadCaseRequest, ReadCaseResponse, StreamExpectation,
};
use tonic::{Code, Status};

use crate::events;
use crate::who::{self, Who};
use crate::world::World;

/// Attempts at what a service asks to be repeated (`ABORTED`, `UNAVAILABLE`).
const ATTEMPTS: u32 = 50;

/// Calls again while the answer is to ask again, with a bound.
///
/// # Errors
/// The last answer.
pub async fn patiently<T, F: Future<Output = Result<T, Status>>>(mut call: impl FnMut() -> F) -> Result<T, Status> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match call().await {
            Err(status) if matches!(status.code(), Code::Aborted | Code::Unavailable) && attempts < ATTEMPTS => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            answer => return answer,
        }
    }
}

/// A command with events of one case; the command id is new.
#[must_use]
pub fn command(case_id: &str, payloads: Vec<Payload>) -> AppendRequest {
    let event = |payload| NewEvent {
        stream_id: case_id.to_owned(),
        payload: Some(NewPayload::CaseEvent(CaseEvent { payload: Some(payload) })),
        ..NewEvent::default()
    };
    AppendRequest {
        command_id: fresh_id(),
        events: payloads.into_iter().map(event).collect(),
        ..AppendRequest::default()
    }
}

/// A case that is being put together. Its ids are there from the start, so that events can speak of them.
pub struct CaseBuilder<'w> {
    world: &'w World,
    by: Who,
    jurisdiction: Jurisdiction,
    opening: Vec<Payload>,
    /// The case (UUID).
    pub id: String,
    /// The potential victim (UUID), who also called.
    pub victim: String,
    /// The suspect (UUID).
    pub suspect: String,
    /// The tip (UUID).
    pub tip: String,
}

impl<'w> CaseBuilder<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            by: who::responder(),
            jurisdiction: Jurisdiction::Bc,
            opening: Vec::new(),
            id: fresh_id(),
            victim: fresh_id(),
            suspect: fresh_id(),
            tip: fresh_id(),
        }
    }

    /// Emitted by somebody else than a responder on the telephone desk.
    #[must_use]
    pub fn by(mut self, who: Who) -> Self {
        self.by = who;
        self
    }

    /// Somewhere else than in British Columbia. Say so first.
    #[must_use]
    pub fn in_(mut self, jurisdiction: Jurisdiction) -> Self {
        self.jurisdiction = jurisdiction;
        self
    }

    /// With any event.
    #[must_use]
    pub fn with(mut self, payload: Payload) -> Self {
        self.opening.push(payload);
        self
    }

    /// With a potential victim of full age who called.
    #[must_use]
    pub fn victim(self) -> Self {
        self.victim_aged(AgeBand::From19)
    }

    /// With a potential victim of this age who called.
    #[must_use]
    pub fn victim_aged(self, band: AgeBand) -> Self {
        let roles = [PersonRole::PotentialVictim, PersonRole::Caller];
        let victim = self.victim.clone();
        let (tip, jurisdiction) = (self.tip.clone(), self.jurisdiction);
        self.with(events::person(&victim, &roles, "Marisol", "Quillfeather"))
            .with(events::age(&victim, band))
            .with(events::tip(&tip, Channel::Phone, &victim))
            .with(events::contact(&victim, "+1-555-0142"))
            .with(events::whereabouts(&victim, jurisdiction, "17 Lanternfish Way"))
            .with(events::situation(&victim))
    }

    /// With a suspect.
    #[must_use]
    pub fn suspect(self) -> Self {
        let suspect = self.suspect.clone();
        self.with(events::person(&suspect, &[PersonRole::Suspect], "", "Brambleclaw"))
            .with(events::suspect(&suspect, "The Ferret"))
    }

    /// Triaged as not urgent.
    #[must_use]
    pub fn triaged(self) -> Self {
        self.with(events::triage(TriageLevel::NotUrgent))
    }

    /// Opens the case: one command with everything said so far.
    ///
    /// # Panics
    /// When the ledger refuses it.
    pub async fn open(self) -> Case<'w> {
        let mut payloads = vec![events::opened(self.jurisdiction)];
        payloads.extend(self.opening);
        let case = Case { world: self.world, id: self.id, victim: self.victim, suspect: self.suspect, tip: self.tip };
        case.append(&self.by, payloads).await.expect("the case opens");
        case
    }
}

/// A case that is open.
#[derive(Clone)]
pub struct Case<'w> {
    world: &'w World,
    /// The case (UUID).
    pub id: String,
    /// The potential victim (UUID).
    pub victim: String,
    /// The suspect (UUID).
    pub suspect: String,
    /// The tip (UUID).
    pub tip: String,
}

impl Case<'_> {
    /// Appends events of this case as one command; asks again where it is told to, with the same command id.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn append(&self, who: &Who, payloads: Vec<Payload>) -> Result<AppendResponse, Status> {
        self.world.append(who, command(&self.id, payloads)).await
    }

    /// Appends events only if the case is at this revision.
    ///
    /// # Errors
    /// The ledger's refusal; `ABORTED` when the case has moved.
    pub async fn append_at(&self, who: &Who, revision: u64, payloads: Vec<Payload>) -> Result<AppendResponse, Status> {
        let expected = vec![StreamExpectation { stream_id: self.id.clone(), revision }];
        let request = AppendRequest { expected, ..command(&self.id, payloads) };
        self.world.ledger(who).append(request).await.map(tonic::Response::into_inner)
    }

    /// Records the potential victim's standing consent to a unit, for the unit's first purpose. Tells the record's id.
    ///
    /// # Panics
    /// When the ledger refuses it.
    pub async fn consent(&self, unit: &Unit<'_>, permitted: &[DataCategory]) -> String {
        self.give(events::consent(&self.victim, &unit.id, unit.purpose, permitted)).await
    }

    /// Records a consent. Tells the record's id.
    ///
    /// # Panics
    /// When the ledger refuses it.
    pub async fn give(&self, consent: ConsentGiven) -> String {
        let id = consent.consent_id.clone();
        self.append(&who::responder(), vec![Payload::ConsentGiven(consent)]).await.expect("a consent is recorded");
        id
    }

    /// Records the withdrawal of a consent of the potential victim's, whole. Tells its position in the log.
    ///
    /// # Panics
    /// When the ledger refuses it.
    pub async fn withdraw(&self, consent_id: &str) -> u64 {
        let withdrawal = Payload::ConsentWithdrawn(events::withdrawal(&self.victim, consent_id));
        let answer = self.append(&who::responder(), vec![withdrawal]).await.expect("taking back needs nothing");
        position(&answer)
    }

    /// What a supervisor would ask for a unit: these categories of everybody, for the unit's first purpose.
    #[must_use]
    pub fn asking(&self, unit: &Unit<'_>, categories: &[DataCategory]) -> RequestDisclosureRequest {
        RequestDisclosureRequest {
            command_id: fresh_id(),
            case_id: self.id.clone(),
            unit_id: unit.id.clone(),
            purpose: unit.purpose.into(),
            categories: categories.iter().copied().map(Into::into).collect(),
            ..RequestDisclosureRequest::default()
        }
    }

    /// A supervisor asks, again where told to.
    ///
    /// # Errors
    /// The disclosure service's refusal to decide; a denial is an answer.
    pub async fn request(
        &self,
        unit: &Unit<'_>,
        categories: &[DataCategory],
    ) -> Result<RequestDisclosureResponse, Status> {
        self.request_as(&who::supervisor(), self.asking(unit, categories)).await
    }

    /// Somebody asks anything, again where told to.
    ///
    /// # Errors
    /// As [`Case::request`].
    pub async fn request_as(
        &self,
        who: &Who,
        request: RequestDisclosureRequest,
    ) -> Result<RequestDisclosureResponse, Status> {
        patiently(|| async {
            let answer = self.world.disclosure(who).request_disclosure(request.clone()).await;
            answer.map(tonic::Response::into_inner)
        })
        .await
    }

    /// A supervisor asks, and it is permitted. Tells the referral (UUID).
    ///
    /// # Panics
    /// When it is not.
    pub async fn release(&self, unit: &Unit<'_>, categories: &[DataCategory]) -> String {
        let answer = self.request(unit, categories).await.expect("the gate decides");
        assert!(outcome(&answer) == Some(Outcome::Permit), "denied: {}", reasons(&answer));
        answer.decision.expect("a decision").referral_id
    }

    /// Reads the first page of the case.
    ///
    /// # Errors
    /// The ledger's refusal.
    pub async fn read(&self, who: &Who, open: bool) -> Result<ReadCaseResponse, Status> {
        let request = ReadCaseRequest {
            case_id: self.id.clone(),
            page_size: 500,
            open,
            reason: AccessReason::WorkingTheCase.into(),
            ..ReadCaseRequest::default()
        };
        patiently(|| async { self.world.ledger(who).read_case(request.clone()).await.map(tonic::Response::into_inner) })
            .await
    }
}

/// The position of a command's last event.
///
/// # Panics
/// When the answer acknowledges nothing.
#[must_use]
pub fn position(answer: &AppendResponse) -> u64 {
    let acknowledgement = answer.acknowledgement.as_ref().expect("an acknowledgement");
    acknowledgement.events.last().expect("an event").position
}

/// Whether a request was permitted or denied.
#[must_use]
pub fn outcome(answer: &RequestDisclosureResponse) -> Option<Outcome> {
    Some(answer.decision.as_ref()?.decided.as_ref()?.outcome())
}

/// The reasons of a decision, for the message of a test that fails.
#[must_use]
pub fn reasons(answer: &RequestDisclosureResponse) -> String {
    let decided = answer.decision.as_ref().and_then(|decision| decision.decided.as_ref());
    let names = decided.iter().flat_map(|decided| &decided.reasons).map(|reason| reason.code().as_str_name());
    names.collect::<Vec<_>>().join(", ")
}

/// A recipient that is being put together: an organisation with one unit and one agreement.
pub struct RecipientBuilder<'w> {
    world: &'w World,
    kind: RecipientKind,
    purposes: Vec<Purpose>,
    jurisdictions: Vec<Jurisdiction>,
    categories: Vec<DataCategory>,
    verified: bool,
    anonymous_only: bool,
}

impl<'w> RecipientBuilder<'w> {
    pub(crate) fn new(world: &'w World, kind: RecipientKind, purposes: &[Purpose]) -> Self {
        Self {
            world,
            kind,
            purposes: purposes.to_vec(),
            jurisdictions: vec![Jurisdiction::Bc],
            categories: EVERYTHING.to_vec(),
            verified: true,
            anonymous_only: false,
        }
    }

    /// Somewhere else than in British Columbia.
    #[must_use]
    pub fn in_(mut self, jurisdictions: &[Jurisdiction]) -> Self {
        self.jurisdictions = jurisdictions.to_vec();
        self
    }

    /// With an agreement about these categories only; none at all: without an agreement.
    #[must_use]
    pub fn agreeing_on(mut self, categories: &[DataCategory]) -> Self {
        self.categories = categories.to_vec();
        self
    }

    /// Not verified by anybody.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.verified = false;
        self
    }

    /// For what identifies nobody only.
    #[must_use]
    pub fn anonymous_only(mut self) -> Self {
        self.anonymous_only = true;
        self
    }

    /// Registers organisation, unit and agreement.
    ///
    /// # Panics
    /// When the directory refuses one of them.
    pub async fn register(self) -> Unit<'w> {
        let purpose = self.purposes.first().copied().expect("a unit has a purpose");
        let unit = Unit { world: self.world, organization_id: fresh_id(), id: fresh_id(), purpose };
        let jurisdictions: Vec<i32> = self.jurisdictions.iter().copied().map(Into::into).collect();
        let purposes: Vec<i32> = self.purposes.iter().copied().map(Into::into).collect();
        let organization = RegisterOrganizationRequest {
            command_id: fresh_id(),
            organization: Some(OrganizationRegistered {
                organization_id: unit.organization_id.clone(),
                name_en: "Coast City Services".to_owned(),
                name_fr: "Services de Coast City".to_owned(),
                kind: self.kind.into(),
                verified: self.verified,
                jurisdictions: jurisdictions.clone(),
                anonymous_only: self.anonymous_only,
                ..OrganizationRegistered::default()
            }),
        };
        let registered = UnitRegistered {
            unit_id: unit.id.clone(),
            organization_id: unit.organization_id.clone(),
            name_en: "Intake".to_owned(),
            name_fr: "Accueil".to_owned(),
            kind: self.kind.into(),
            purposes: purposes.clone(),
            jurisdictions,
            anonymous_only: self.anonymous_only,
            callback_number: "+1-555-0110".to_owned(),
            ..UnitRegistered::default()
        };
        let registered = RegisterUnitRequest { command_id: fresh_id(), unit: Some(registered) };
        let directory = || self.world.directory(&who::specialist());
        let registering = || async { directory().register_organization(organization.clone()).await };
        patiently(registering).await.expect("an organisation is registered");
        let registering = || async { directory().register_unit(registered.clone()).await };
        patiently(registering).await.expect("a unit is registered");
        if !self.categories.is_empty() {
            let agreement = RecordAgreementRequest {
                command_id: fresh_id(),
                agreement: Some(AgreementRecorded {
                    agreement_id: fresh_id(),
                    organization_id: unit.organization_id.clone(),
                    purposes,
                    categories: self.categories.iter().copied().map(Into::into).collect(),
                    ..AgreementRecorded::default()
                }),
            };
            let recording = || async { directory().record_agreement(agreement.clone()).await };
            patiently(recording).await.expect("an agreement is recorded");
        }
        unit
    }
}

/// Everything a person can be asked about, but narratives.
pub const EVERYTHING: [DataCategory; 9] = [
    DataCategory::Identity,
    DataCategory::Contact,
    DataCategory::Whereabouts,
    DataCategory::Situation,
    DataCategory::Health,
    DataCategory::Immigration,
    DataCategory::Finances,
    DataCategory::Suspects,
    DataCategory::OtherPeople,
];

/// A registered recipient unit.
#[derive(Clone)]
pub struct Unit<'w> {
    world: &'w World,
    /// Its organisation (UUID).
    pub organization_id: String,
    /// The unit (UUID).
    pub id: String,
    /// Its first purpose.
    pub purpose: Purpose,
}

impl Unit<'_> {
    /// Its liaison.
    #[must_use]
    pub fn liaison(&self) -> Who {
        who::liaison(&self.id)
    }

    /// Its liaison fetches a referral.
    ///
    /// # Errors
    /// The one refusal there is, but for `UNAVAILABLE` after asking again and again.
    pub async fn fetch(&self, referral_id: &str) -> Result<Referral, Status> {
        let request = FetchReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
        let who = self.liaison();
        let answer = patiently(|| async { self.world.referrals(&who).fetch_referral(request.clone()).await }).await?;
        Ok(answer.into_inner().referral.expect("an answer holds the referral"))
    }

    /// Its liaison lists the first page of what waits.
    ///
    /// # Errors
    /// The disclosure service's refusal.
    pub async fn list(&self) -> Result<Vec<ReferralSummary>, Status> {
        let who = self.liaison();
        let request = ListReferralsRequest { page_size: 200, page_token: String::new() };
        let answer = patiently(|| async { self.world.referrals(&who).list_referrals(request.clone()).await }).await?;
        Ok(answer.into_inner().referrals)
    }

    /// Its liaison acknowledges a referral.
    ///
    /// # Errors
    /// The disclosure service's refusal.
    pub async fn acknowledge(&self, referral_id: &str) -> Result<(), Status> {
        let request = AcknowledgeReferralRequest { command_id: fresh_id(), referral_id: referral_id.to_owned() };
        let who = self.liaison();
        patiently(|| async { self.world.referrals(&who).acknowledge_referral(request.clone()).await }).await.map(drop)
    }

    /// A partnership specialist suspends the whole organisation.
    ///
    /// # Panics
    /// When the directory refuses it.
    pub async fn suspend(&self) {
        let suspension = RecipientSuspended {
            organization_id: self.organization_id.clone(),
            unit_id: String::new(),
            reason: SuspensionReason::Misuse.into(),
        };
        let request = SuspendRecipientRequest { command_id: fresh_id(), suspension: Some(suspension) };
        let directory = || self.world.directory(&who::specialist());
        patiently(|| async { directory().suspend_recipient(request.clone()).await }).await.expect("a suspension");
    }
}
