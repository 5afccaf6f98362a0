//! Plays a scenario, step by step.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use egide_crypto::sign::KeyRing;
use egide_domain::ids::UnitId;
use egide_servicekit::channel::{Authenticated, Upstream};
use egide_servicekit::clock;
use egide_servicekit::identity::{AccountName, Person, ServiceName};
use egide_trust::PublishedKeys;
use egide_wire::proto::egide::case::v1::{
    Basis, BasisKind, CaseEvent, DeliveryChannel, DisclosedOutsideSystem, DisclosureDecided, ExceptionKind, MaskEntry,
    Purpose, RecallReason, ReferralMode, ReferralRecalled, case_event,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::{
    OrganizationRegistered, RecordAgreementRequest, RegisterOrganizationRequest, RegisterUnitRequest,
    ReinstateRecipientRequest, SuspendRecipientRequest, UnitRegistered,
};
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use egide_wire::proto::egide::disclosure::v1::{
    AcknowledgeReferralRequest, DeliverReferralRequest, FetchReferralRequest, ListReferralsRequest, Referral,
    RequestDisclosureRequest,
};
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use serde_json::Value;
use tonic::{Code, Status};

use super::checks::{Answer, Checks, Difference, Row, status_shown};
use super::format::{
    Ack, Deliver, DirectoryChange, Disclose, Emit, ExpectDecision, Fetch, List, Presence, Recall, Scenario, Speaker,
    Step, Titles, record, step,
};
use super::symbols::Symbols;
use crate::acting::Identities;
use crate::endpoints::{Endpoints, Service};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::{Listed, parse};
use crate::retry::until_known;
use crate::session::id_or_new;
use crate::verify::verify;

/// The liaison of a step that names none.
const LIAISON: &str = "liaison.sample";
/// The service through which liaisons come.
const PORTAL: &str = "portal";
/// Referrals asked for at a time.
const PAGE: u32 = 200;

/// What came of one scenario.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Titles,
    /// Its requests.
    pub rows: Vec<Row>,
    /// How many checks were made.
    pub checks: usize,
    /// Those that did not hold.
    pub differences: Vec<Difference>,
    /// Its case.
    pub case_id: String,
    /// The referrals that were made.
    pub referrals: Vec<Made>,
}

/// A referral that a scenario led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The referral.
    pub referral_id: String,
    /// The unit it was released to.
    pub unit_id: String,
}

/// Told before each scenario: how many are done, and which comes.
pub type Progress<'a> = &'a dyn Fn(usize, &Scenario);

/// Plays scenarios against running services.
pub struct Player {
    endpoints: Endpoints,
    // One connection for each service and each caller: who calls stands in the certificate.
    upstreams: Mutex<BTreeMap<(&'static str, ServiceName), Upstream>>,
    identities: Identities,
    report_keys: KeyRing,
    pub(super) data: std::path::PathBuf,
    /// Makes the ids of this run other than those of every run before.
    run: String,
    names: BTreeMap<String, Titles>,
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player").field("run", &self.run).finish_non_exhaustive()
    }
}

/// A scenario cannot go on: an answer came that no expectation provides for.
pub(crate) struct Stop {
    pub(crate) what: String,
    pub(crate) actual: String,
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        Self { what: "answer".to_owned(), actual: status_shown(&status) }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { what: "player".to_owned(), actual: failure.to_string() }
    }
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self { what: "format".to_owned(), actual: problem }
    }
}

/// One scenario being played.
pub(crate) struct Play {
    pub(crate) symbols: Symbols,
    pub(crate) checks: Checks,
    pub(crate) rows: Vec<Row>,
    pub(crate) made: Vec<Made>,
    pub(crate) line: usize,
}

impl Player {
    /// A player for the services at `endpoints`, in development mode; `run` makes its ids unlike those of other runs.
    ///
    /// # Errors
    /// When a service is missing, or the development issuer cannot be used.
    pub(crate) fn new(
        data: &std::path::Path,
        endpoints: &Endpoints,
        identities: Identities,
        report_keys: KeyRing,
        run: &str,
    ) -> Result<Self, Failure> {
        for service in [Service::Ledger, Service::Disclosure, Service::Audit, Service::Directory, Service::Triage] {
            let missing = || {
                Failure::new(Exit::Unavailable, "fail.no_endpoint")
                    .with("service", service.name())
                    .with("data", data.display())
            };
            endpoints.of(service).ok_or_else(missing)?;
        }
        let (endpoints, run, data) = (endpoints.clone(), run.to_owned(), data.to_owned());
        Ok(Self { endpoints, upstreams: Mutex::default(), identities, report_keys, data, run, names: BTreeMap::new() })
    }

    /// Plays them all, in order.
    pub async fn play(&mut self, scenarios: &[Scenario], progress: Progress<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (done, scenario) in scenarios.iter().enumerate() {
            progress(done, scenario);
            outcomes.push(self.one(scenario).await);
        }
        outcomes
    }

    async fn one(&mut self, scenario: &Scenario) -> Outcome {
        let symbols = Symbols::new(&self.run, &scenario.name, clock::now_s());
        let mut play = Play { symbols, checks: Checks::default(), rows: Vec::new(), made: Vec::new(), line: 0 };
        for line in &scenario.steps {
            play.line = line.number;
            play.symbols.set_now(clock::now_s());
            if let Err(stop) = self.step(&mut play, &line.value).await {
                play.checks.count += 1;
                play.checks.differ(line.number, &stop.what, "–", stop.actual);
                break;
            }
        }
        Outcome {
            name: scenario.name.clone(),
            title: scenario.title.clone(),
            rows: play.rows,
            checks: play.checks.count,
            differences: play.checks.differences,
            case_id: play.symbols.id("case"),
            referrals: play.made,
        }
    }

    async fn step(&mut self, play: &mut Play, value: &Value) -> Result<(), Stop> {
        match step(value, &play.symbols)? {
            Step::Directory(change) => self.directory(play, &change).await,
            Step::Emit(emit) => self.emit(play, &emit).await,
            Step::Disclose(disclose) => self.disclose(play, &disclose).await,
            Step::Preview(preview) => self.preview(play, &preview).await,
            Step::Approve(approve) => self.approve(play, &approve).await,
            Step::Attest(attest) => self.attest(play, &attest).await,
            Step::Replay(replay) => self.replay(play, &replay).await,
            Step::EncryptionKey(key) => self.encryption_key(play, &key).await,
            Step::Pack(pack) => self.pack(play, &pack).await,
            Step::FetchPackage(fetch) => self.fetch_package(play, &fetch).await,
            Step::Told(told) => self.told(play, &told).await,
            Step::Fetch(fetch) => self.fetch(play, &fetch).await,
            Step::Ack(ack) => self.acknowledge(play, &ack).await,
            Step::AckRecall(ack) => self.acknowledge_recall(play, &ack).await,
            Step::List(list) => self.list(play, &list).await,
            Step::Deliver(deliver) => self.deliver(play, &deliver).await,
            Step::Recall(recall) => self.recall(play, &recall).await,
            Step::History(history) => self.history(play, &history).await,
            Step::Account(account) => self.account(play, &account).await,
            Step::Number(number) => self.number(play, &number).await,
            Step::Find(find) => self.find(play, &find).await,
            Step::Withdraw(withdraw) => self.withdraw(play, &withdraw).await,
            Step::Consent(consent) => self.consent(play, &consent).await,
            Step::Obligations(obligations) => self.obligations(play, &obligations).await,
            Step::Reviews(reviews) => self.reviews(play, &reviews).await,
            Step::Shift(shift) => self.shift(play, &shift).await,
            Step::Wait(wait) => {
                tokio::time::sleep(Duration::from_secs(wait.seconds)).await;
                Ok(())
            }
        }
    }

    /// A service as somebody sees it.
    fn service(
        &self,
        service: Service,
        caller: &ServiceName,
        person: Option<Person>,
    ) -> Result<Authenticated, Failure> {
        let credentials = self.identities.credentials(caller, person)?;
        let upstream = self.upstream(service, caller)?;
        Ok(upstream.with_credentials(credentials).as_service())
    }

    fn upstream(&self, service: Service, caller: &ServiceName) -> Result<Upstream, Failure> {
        let mut upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (service.name(), caller.clone());
        if let Some(upstream) = upstreams.get(&key) {
            return Ok(upstream.clone());
        }
        let missing =
            || Failure::new(Exit::Unexpected, "fail.no_endpoint").with("service", service.name()).with("data", "–");
        let url = self.endpoints.of(service).ok_or_else(missing)?;
        let (credentials, security) = (self.identities.credentials(caller, None)?, self.identities.security(caller)?);
        let upstream = Upstream::new(service.name(), url, service_name(service.name())?, &security, credentials)
            .map_err(|error| {
                Failure::new(Exit::Usage, "fail.url").with("service", service.name()).with("error", error)
            })?;
        upstreams.insert(key, upstream.clone());
        Ok(upstream)
    }

    /// A service as the speaker of a step sees it.
    pub(crate) fn as_speaker(&self, service: Service, speaker: &str) -> Result<Authenticated, Stop> {
        let speaker: Speaker = speaker.parse().map_err(|error: super::speaker::BadSpeaker| error.to_string())?;
        Ok(self.service(service, &speaker.service, speaker.person)?)
    }

    /// The referral service as a liaison of a unit sees it.
    pub(super) fn as_liaison(
        &self,
        unit: &str,
        account: Option<&str>,
    ) -> Result<ReferralServiceClient<Authenticated>, Stop> {
        let bad = || format!("`{unit}` is no unit");
        let unit: UnitId = unit.parse().map_err(|_| bad())?;
        let account: AccountName = account.unwrap_or(LIAISON).parse().map_err(|_| bad())?;
        let person = Person::liaison(account, unit);
        let service = self.service(Service::Disclosure, &service_name(PORTAL)?, Some(person))?;
        Ok(ReferralServiceClient::new(service))
    }

    pub(super) fn recipient(&self, unit: &str) -> Option<Titles> {
        self.names.get(unit).cloned()
    }

    async fn directory(&mut self, play: &mut Play, change: &DirectoryChange) -> Result<(), Stop> {
        let client = DirectoryServiceClient::new(self.as_speaker(Service::Directory, &change.speaker)?);
        let command_id = id_or_new(None);
        // One of them is there: the file was checked when it was read.
        if let Some(value) = &change.organization {
            let organization: OrganizationRegistered = record(value)?;
            let names = Titles { en: organization.name_en.clone(), fr: organization.name_fr.clone() };
            self.names.insert(organization.organization_id.clone(), names);
            let organization = Some(organization);
            let request = RegisterOrganizationRequest { command_id, organization };
            until_known(|| {
                client_call(&client, &request, |mut client, request| async move {
                    client.register_organization(request).await
                })
            })
            .await?;
        } else if let Some(value) = &change.unit {
            let unit: UnitRegistered = record(value)?;
            let of = self.names.get(&unit.organization_id);
            let names = Titles { en: unit.name_en.clone(), fr: unit.name_fr.clone() };
            let names = of.map_or(names.clone(), |of| Titles {
                en: format!("{}, {}", of.en, names.en),
                fr: format!("{}, {}", of.fr, names.fr),
            });
            self.names.insert(unit.unit_id.clone(), names);
            let request = RegisterUnitRequest { command_id, unit: Some(unit) };
            until_known(|| {
                client_call(&client, &request, |mut client, request| async move { client.register_unit(request).await })
            })
            .await?;
        } else if let Some(value) = &change.agreement {
            let request = RecordAgreementRequest { command_id, agreement: Some(record(value)?) };
            until_known(|| {
                client_call(
                    &client,
                    &request,
                    |mut client, request| async move { client.record_agreement(request).await },
                )
            })
            .await?;
        } else if let Some(value) = &change.suspension {
            let request = SuspendRecipientRequest { command_id, suspension: Some(record(value)?) };
            until_known(|| {
                client_call(
                    &client,
                    &request,
                    |mut client, request| async move { client.suspend_recipient(request).await },
                )
            })
            .await?;
        } else if let Some(value) = &change.reinstatement {
            let request = ReinstateRecipientRequest { command_id, reinstatement: Some(record(value)?) };
            until_known(|| {
                client_call(&client, &request, |mut client, request| async move {
                    client.reinstate_recipient(request).await
                })
            })
            .await?;
        }
        play.checks.count += 1;
        Ok(())
    }

    async fn emit(&self, play: &mut Play, emit: &Emit) -> Result<(), Stop> {
        let stream_id = emit.case.clone().unwrap_or_else(|| play.symbols.id("case"));
        let occurred_at = emit.occurred_at.as_ref().map(|time| time.parse()).transpose();
        let occurred_at = occurred_at.map_err(|_| "`occurred_at` is no time".to_owned())?;
        let mut events = Vec::new();
        for event in &emit.events {
            let payload = Some(new_event::Payload::CaseEvent(record(event)?));
            events.push(NewEvent { stream_id: stream_id.clone(), occurred_at, payload, ..NewEvent::default() });
        }
        let told_outside = told_outside(&events);
        let request = AppendRequest { command_id: id_or_new(None), events, ..AppendRequest::default() };
        let answer = self.append(&emit.speaker, &request).await?;
        match (&emit.expect_error, answer) {
            (None, Ok(())) => {
                play.checks.count += 1;
                if let Some(outside) = told_outside {
                    self.show_told_outside(play, &outside);
                }
            }
            (None, Err(status)) => return Err(status.into()),
            (Some(expected), answer) => {
                let before = play.checks.differences.len();
                let actual = match &answer {
                    Ok(()) => {
                        play.checks.check(play.line, "expect_error.code", false, &expected.code, "OK");
                        Answer::Accepted
                    }
                    Err(status) => {
                        play.checks.error(play.line, expected, status);
                        Answer::Refused
                    }
                };
                let about = Some(Titles { en: expected.code.clone(), fr: expected.code.clone() });
                play.row("emit", about, Answer::Refused, actual, before);
            }
        }
        Ok(())
    }

    /// What was said outside the system is never refused; it stands in the summary beside what went through it.
    fn show_told_outside(&self, play: &mut Play, outside: &DisclosedOutsideSystem) {
        let before = play.checks.differences.len();
        play.row("outside", self.recipient(&outside.unit_id), Answer::Accepted, Answer::Accepted, before);
        if let Some(row) = play.rows.last_mut() {
            let told = outside.categories.iter();
            row.mask = told.map(|category| MaskEntry { category: *category, ..MaskEntry::default() }).collect();
        }
    }

    pub(super) async fn append(&self, speaker: &str, request: &AppendRequest) -> Result<Result<(), Status>, Stop> {
        let client = LedgerServiceClient::new(self.as_speaker(Service::Ledger, speaker)?);
        let answer = until_known(|| {
            client_call(&client, request, |mut client, request| async move { client.append(request).await })
        });
        Ok(answer.await.map(drop))
    }

    async fn recall(&self, play: &mut Play, recall: &Recall) -> Result<(), Stop> {
        let reason = listed::<RecallReason>(&recall.reason)?;
        let payload =
            case_event::Payload::ReferralRecalled(ReferralRecalled { referral_id: recall.referral.clone(), reason });
        let event = CaseEvent { payload: Some(payload) };
        let stream_id = recall.case.clone().unwrap_or_else(|| play.symbols.id("case"));
        let payload = Some(new_event::Payload::CaseEvent(event));
        let events = vec![NewEvent { stream_id, payload, ..NewEvent::default() }];
        let request = AppendRequest { command_id: id_or_new(None), events, ..AppendRequest::default() };
        self.append(&recall.speaker, &request).await??;
        play.checks.count += 1;
        Ok(())
    }

    async fn disclose(&self, play: &mut Play, disclose: &Disclose) -> Result<(), Stop> {
        let request = request(play, disclose)?;
        let client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &disclose.speaker)?);
        let answer = until_known(|| {
            client_call(
                &client,
                &request,
                |mut client, request| async move { client.request_disclosure(request).await },
            )
        });
        let answer = answer.await;
        let before = play.checks.differences.len();
        let recipient = self.recipient(&disclose.unit);
        let (Some(expected), Ok(response)) = (&disclose.expect, &answer) else {
            return play.refused("disclose", recipient, disclose.expect_error.as_ref(), answer.map(drop));
        };
        let decision = response.decision.as_ref();
        let decided = decision.and_then(|decision| decision.decided.as_ref());
        let (Some(decision), Some(decided)) = (decision, decided) else {
            return Err("the answer holds no decision".to_owned().into());
        };
        if !decision.referral_id.is_empty() {
            let (referral_id, unit_id) = (decision.referral_id.clone(), disclose.unit.clone());
            play.made.push(Made { referral_id, unit_id });
        }
        if let Some(name) = &disclose.name {
            play.capture(name, decided, &decision.referral_id);
            if !response.approval_id.is_empty() {
                play.symbols.capture(name, "approval", &response.approval_id);
            }
        }
        play.decided("disclose", recipient, expected, decided, before);
        Ok(())
    }

    async fn fetch(&self, play: &mut Play, fetch: &Fetch) -> Result<(), Stop> {
        let client = self.as_liaison(&fetch.unit, fetch.account.as_deref())?;
        let request = FetchReferralRequest { command_id: id_or_new(None), referral_id: fetch.referral.clone() };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.fetch_referral(request).await })
        });
        let before = play.checks.differences.len();
        let referral = match answer.await {
            Ok(response) => Some(response.referral.unwrap_or_default()),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status.into()),
        };
        let actual = if referral.is_some() { Presence::Found } else { Presence::NotFound };
        play.checks.same(play.line, "expect", presence(fetch.expect), presence(actual));
        if let (Some(referral), Presence::Found) = (&referral, fetch.expect) {
            self.check_report(play, fetch, referral);
        }
        play.row("fetch", self.recipient(&fetch.unit), answer_of(fetch.expect), answer_of(actual), before);
        Ok(())
    }

    fn check_report(&self, play: &mut Play, fetch: &Fetch, referral: &Referral) {
        let line = play.line;
        let told = match verify(referral, &PublishedKeys::of_ring(&self.report_keys)) {
            Ok(_) => "genuine".to_owned(),
            Err(failure) => failure.to_string(),
        };
        play.checks.same(line, "signature", "genuine", &told);
        play.checks.same(line, "referral_id", &fetch.referral, &referral.referral_id);
        let report: Value = serde_json::from_slice(&referral.report).unwrap_or_default();
        for (pointer, expected) in &fetch.report {
            let actual = report.pointer(pointer).cloned().unwrap_or_default();
            play.checks.check(line, &format!("report {pointer}"), *expected == actual, expected, &actual);
        }
        let text = String::from_utf8_lossy(&referral.report);
        play.words(&text, &fetch.present, &fetch.absent);
    }

    async fn acknowledge(&self, play: &mut Play, ack: &Ack) -> Result<(), Stop> {
        let client = self.as_liaison(&ack.unit, ack.account.as_deref())?;
        let request = AcknowledgeReferralRequest { command_id: id_or_new(None), referral_id: ack.referral.clone() };
        let answer =
            until_known(|| {
                client_call(&client, &request, |mut client, request| async move {
                    client.acknowledge_referral(request).await
                })
            });
        let actual = match answer.await {
            Ok(_) => Presence::Found,
            Err(status) if status.code() == Code::NotFound => Presence::NotFound,
            Err(status) => return Err(status.into()),
        };
        play.checks.same(play.line, "expect", presence(ack.expect), presence(actual));
        Ok(())
    }

    async fn list(&self, play: &mut Play, list: &List) -> Result<(), Stop> {
        let mut client = self.as_liaison(&list.unit, list.account.as_deref())?;
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListReferralsRequest { page_size: PAGE, page_token };
            let page = client.list_referrals(request).await?.into_inner();
            found.extend(page.referrals.into_iter().map(|referral| referral.referral_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let shown = found.join(", ");
        for referral in &list.contains {
            play.checks.check(play.line, "contains", found.contains(referral), referral, &shown);
        }
        for referral in &list.lacks {
            play.checks.check(play.line, "lacks", !found.contains(referral), referral, &shown);
        }
        Ok(())
    }

    async fn deliver(&self, play: &mut Play, deliver: &Deliver) -> Result<(), Stop> {
        let client = DisclosureServiceClient::new(self.as_speaker(Service::Disclosure, &deliver.speaker)?);
        let request = DeliverReferralRequest {
            command_id: id_or_new(None),
            referral_id: deliver.referral.clone(),
            channel: listed::<DeliveryChannel>(&deliver.channel)?,
            received_by: deliver.received_by.clone(),
            spoken: deliver.spoken.iter().map(|category| listed::<DataCategory>(category)).collect::<Result<_, _>>()?,
        };
        let answer = until_known(|| {
            client_call(&client, &request, |mut client, request| async move { client.deliver_referral(request).await })
        });
        let answer = answer.await;
        let before = play.checks.differences.len();
        let made = play.made.iter().find(|made| made.referral_id == deliver.referral);
        let recipient = made.and_then(|made| self.recipient(&made.unit_id));
        let (Some(expected), Ok(response)) = (&deliver.expect, &answer) else {
            return play.refused("deliver", recipient, deliver.expect_error.as_ref(), answer.map(drop));
        };
        if let Some(callback) = &expected.callback {
            play.checks.same(play.line, "callback", callback, &response.callback_number);
        }
        play.checks.check(play.line, "script", !response.script.is_empty(), "a script", "none");
        play.words(&response.script, &expected.present, &expected.absent);
        play.row("deliver", recipient, Answer::Told, Answer::Told, before);
        Ok(())
    }
}

impl Play {
    /// Lets later steps say what became of a step.
    pub(super) fn capture(&mut self, name: &str, decided: &DisclosureDecided, referral_id: &str) {
        self.symbols.capture(name, "decision", &decided.decision_id);
        if !referral_id.is_empty() {
            self.symbols.capture(name, "referral", referral_id);
        }
    }

    /// A decision, checked and shown.
    pub(super) fn decided(
        &mut self,
        what: &'static str,
        recipient: Option<Titles>,
        expected: &ExpectDecision,
        decided: &DisclosureDecided,
        before: usize,
    ) {
        self.checks.decision(self.line, expected, decided);
        let answer = |permit: bool| if permit { Answer::Permit } else { Answer::Deny };
        let expected = answer(expected.outcome == "permit");
        let actual = answer(crate::commands::decision::is_permit(decided));
        self.row(what, recipient, expected, actual, before);
        if let Some(row) = self.rows.last_mut() {
            row.bases.clone_from(&decided.bases);
            row.mask.clone_from(&decided.mask);
        }
    }

    pub(super) fn row(
        &mut self,
        what: &'static str,
        about: Option<Titles>,
        expected: Answer,
        actual: Answer,
        before: usize,
    ) {
        let is_as_expected = self.checks.differences.len() == before;
        self.rows.push(Row { what, about, expected, actual, bases: Vec::new(), mask: Vec::new(), is_as_expected });
    }

    /// An answer that was, or should have been, an error.
    pub(super) fn refused(
        &mut self,
        what: &'static str,
        recipient: Option<Titles>,
        expected: Option<&super::format::ExpectError>,
        answer: Result<(), Status>,
    ) -> Result<(), Stop> {
        let before = self.checks.differences.len();
        let (expected, actual) = match (expected, answer) {
            (None, Ok(())) => return Ok(()),
            (None, Err(status)) => return Err(status.into()),
            (Some(expected), Ok(())) => {
                self.checks.check(self.line, "expect_error.code", false, &expected.code, "OK");
                (Answer::Refused, Answer::Accepted)
            }
            (Some(expected), Err(status)) => {
                self.checks.error(self.line, expected, &status);
                (Answer::Refused, Answer::Refused)
            }
        };
        self.row(what, recipient, expected, actual, before);
        Ok(())
    }

    /// Words that must, and must not, stand in a text. The text itself is never shown: it is about people.
    pub(super) fn words(&mut self, text: &str, present: &[String], absent: &[String]) {
        for word in present {
            self.checks.check(self.line, "present", text.contains(word.as_str()), word, "–");
        }
        for word in absent {
            self.checks.check(self.line, "absent", !text.contains(word.as_str()), format!("– {word}"), word);
        }
    }
}

/// The first event about something said outside the system, if there is one.
fn told_outside(events: &[NewEvent]) -> Option<DisclosedOutsideSystem> {
    events.iter().find_map(|event| match &event.payload {
        Some(new_event::Payload::CaseEvent(CaseEvent {
            payload: Some(case_event::Payload::DisclosedOutsideSystem(outside)),
        })) => Some(outside.clone()),
        Some(_) | None => None,
    })
}

/// Calls with clones, so that the call can be made again.
pub(super) fn client_call<C: Clone, R: Clone, F>(client: &C, request: &R, call: impl Fn(C, R) -> F) -> F {
    call(client.clone(), request.clone())
}

fn request(play: &Play, disclose: &Disclose) -> Result<RequestDisclosureRequest, String> {
    let mut relies_on = Vec::new();
    for basis in &disclose.relies_on {
        relies_on.push(Basis {
            kind: listed::<BasisKind>(&basis.kind)?,
            reference_id: basis.reference_id.clone(),
            exception: basis.exception.as_deref().map(listed::<ExceptionKind>).transpose()?.unwrap_or_default(),
        });
    }
    Ok(RequestDisclosureRequest {
        command_id: id_or_new(None),
        case_id: disclose.case.clone().unwrap_or_else(|| play.symbols.id("case")),
        unit_id: disclose.unit.clone(),
        purpose: listed::<Purpose>(&disclose.purpose)?,
        categories: disclose.categories.iter().map(|one| listed::<DataCategory>(one)).collect::<Result<_, _>>()?,
        subject_ids: disclose.people.clone(),
        relies_on,
        mode: listed::<ReferralMode>(disclose.mode.as_deref().unwrap_or("written"))?,
        supplementary_to: disclose.supplementary_to.clone().unwrap_or_default(),
    })
}

/// The number of a value that the format names without its prefix.
pub(crate) fn listed<E: Listed + Into<i32>>(name: &str) -> Result<i32, String> {
    parse::<E>(name).map(Into::into).ok_or_else(|| format!("`{name}` is no {}", E::NAME))
}

pub(super) const fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Found => "found",
        Presence::NotFound => "not_found",
    }
}

const fn answer_of(presence: Presence) -> Answer {
    match presence {
        Presence::Found => Answer::Found,
        Presence::NotFound => Answer::NotFound,
    }
}

fn service_name(name: &str) -> Result<ServiceName, Failure> {
    name.parse().map_err(|error| Failure::new(Exit::Unexpected, "fail.service_name").with("error", error))
}
