//! What every client command needs: where the services are, in whose name it speaks, where results go.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use egide_servicekit::channel::{Authenticated, Upstream};
use egide_servicekit::identity::{Person, Role, ServiceName};
use egide_wire::proto::egide::audit::v1::audit_service_client::AuditServiceClient;
use egide_wire::proto::egide::audit::v1::history_service_client::HistoryServiceClient;
use egide_wire::proto::egide::audit::v1::transparency_service_client::TransparencyServiceClient;
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::liaison_service_client::LiaisonServiceClient;
use egide_wire::proto::egide::disclosure::v1::disclosure_service_client::DisclosureServiceClient;
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use egide_wire::proto::egide::house::v1::house_service_client::HouseServiceClient;
use egide_wire::proto::egide::ledger::v1::caller_service_client::CallerServiceClient;
use egide_wire::proto::egide::ledger::v1::key_service_client::KeyServiceClient;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::triage::v1::triage_service_client::TriageServiceClient;
use tonic::Status;
use uuid::Uuid;

use crate::acting::{Acting, Identities};
use crate::cli::Global;
use crate::endpoints::{Endpoints, Service};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::proofs::Proofs;
use crate::retry::until_known;

/// The services a command talks to, and how.
pub(crate) struct Session<'a> {
    pub(crate) out: &'a mut Output,
    global: Global,
    endpoints: Endpoints,
    development: bool,
    // Found when first needed: what is missing besides is told first.
    identities: OnceLock<Identities>,
}

impl<'a> Session<'a> {
    pub(crate) fn open(global: Global, out: &'a mut Output) -> Result<Self, Failure> {
        let data = global.data();
        let found = Endpoints::read(&data)?;
        // Without the file there is no development issuer to look for either: opening it would make one.
        let development = found.is_some() && !has_token();
        let endpoints = global.urls.over(found.unwrap_or_default());
        Ok(Self { out, global, endpoints, development, identities: OnceLock::new() })
    }

    /// Options of every command.
    pub(crate) const fn global(&self) -> &Global {
        &self.global
    }

    /// A service as seen by a person in `role`, unless `--as` says otherwise.
    fn upstream(&self, service: Service, role: Role) -> Result<Authenticated, Failure> {
        let acting = self.global.acting.clone().or_else(|| Acting::in_role(role));
        let person = acting.map(|acting| acting.person(self.global.unit)).transpose()?;
        self.upstream_as(service, &self.global.service, person)
    }

    fn upstream_as(
        &self,
        service: Service,
        caller: &ServiceName,
        person: Option<Person>,
    ) -> Result<Authenticated, Failure> {
        let missing = || {
            Failure::new(Exit::Unavailable, "fail.no_endpoint")
                .with("service", service.name())
                .with("data", self.global.data().display())
        };
        let url = self.endpoints.of(service).ok_or_else(missing)?;
        let identities = self.identities()?;
        let credentials = identities.credentials(caller, person)?;
        let refused = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Usage, "fail.url").with("service", service.name()).with("error", error)
        };
        let expected = service.name().parse().map_err(|error| refused(&error))?;
        let upstream = Upstream::new(service.name(), url, expected, &identities.security(caller)?, credentials)
            .map_err(|error| refused(&error))?;
        Ok(upstream.as_service())
    }

    fn identities(&self) -> Result<&Identities, Failure> {
        if let Some(identities) = self.identities.get() {
            return Ok(identities);
        }
        let data = self.global.data();
        let proofs = Arc::new(Proofs::find(&self.global.tls, &data)?);
        let identities = match self.development {
            true => Identities::of_development(&data, proofs)?,
            false => Identities::of_environment(None, proofs),
        };
        Ok(self.identities.get_or_init(|| identities))
    }

    pub(crate) fn ledger(&self, role: Role) -> Result<LedgerServiceClient<Authenticated>, Failure> {
        Ok(LedgerServiceClient::new(self.upstream(Service::Ledger, role)?))
    }

    pub(crate) fn callers(&self, role: Role) -> Result<CallerServiceClient<Authenticated>, Failure> {
        Ok(CallerServiceClient::new(self.upstream(Service::Ledger, role)?))
    }

    pub(crate) fn keys(&self, role: Role) -> Result<KeyServiceClient<Authenticated>, Failure> {
        Ok(KeyServiceClient::new(self.upstream(Service::Ledger, role)?))
    }

    pub(crate) fn house(&self, role: Role) -> Result<HouseServiceClient<Authenticated>, Failure> {
        Ok(HouseServiceClient::new(self.upstream(Service::Ledger, role)?))
    }

    /// The ledger as a service sees it that acts for nobody; `--service` names another than `fallback`.
    pub(crate) fn ledger_as_service(&self, fallback: &str) -> Result<LedgerServiceClient<Authenticated>, Failure> {
        let given = &self.global.service;
        let caller = if *given == "cli" { fallback.parse().unwrap_or_else(|_| given.clone()) } else { given.clone() };
        Ok(LedgerServiceClient::new(self.upstream_as(Service::Ledger, &caller, None)?))
    }

    /// The unit named with `--unit`.
    pub(crate) const fn unit(&self) -> Option<Uuid> {
        self.global.unit
    }

    pub(crate) fn triage(&self) -> Result<TriageServiceClient<Authenticated>, Failure> {
        Ok(TriageServiceClient::new(self.upstream(Service::Triage, Role::Supervisor)?))
    }

    pub(crate) fn disclosure(&self, role: Role) -> Result<DisclosureServiceClient<Authenticated>, Failure> {
        Ok(DisclosureServiceClient::new(self.upstream(Service::Disclosure, role)?))
    }

    pub(crate) fn referrals(&self) -> Result<ReferralServiceClient<Authenticated>, Failure> {
        Ok(ReferralServiceClient::new(self.upstream(Service::Disclosure, Role::Liaison)?))
    }

    pub(crate) fn audit(&self) -> Result<AuditServiceClient<Authenticated>, Failure> {
        Ok(AuditServiceClient::new(self.upstream(Service::Audit, Role::Compliance)?))
    }

    pub(crate) fn liaisons(&self) -> Result<LiaisonServiceClient<Authenticated>, Failure> {
        Ok(LiaisonServiceClient::new(self.upstream(Service::Directory, Role::PartnershipSpecialist)?))
    }

    pub(crate) fn history(&self) -> Result<HistoryServiceClient<Authenticated>, Failure> {
        Ok(HistoryServiceClient::new(self.upstream(Service::Audit, Role::Compliance)?))
    }

    pub(crate) fn transparency(&self) -> Result<TransparencyServiceClient<Authenticated>, Failure> {
        Ok(TransparencyServiceClient::new(self.upstream(Service::Audit, Role::Compliance)?))
    }

    pub(crate) fn directory(&self) -> Result<DirectoryServiceClient<Authenticated>, Failure> {
        Ok(DirectoryServiceClient::new(self.upstream(Service::Directory, Role::PartnershipSpecialist)?))
    }

    /// Sends a request again while its outcome is not known. The request carries its command id, so nothing happens twice.
    pub(crate) async fn until_known<T, F>(&self, call: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        Ok(self.out.waiting("say.waiting", until_known(call)).await?)
    }
}

fn has_token() -> bool {
    use crate::acting::{PERSON_TOKEN, SERVICE_TOKEN};
    [SERVICE_TOKEN, PERSON_TOKEN].into_iter().any(|name| std::env::var(name).is_ok_and(|token| !token.is_empty()))
}

/// The id given on the command line, or a new one, in the contract's form.
pub(crate) fn id_or_new(id: Option<Uuid>) -> String {
    id.unwrap_or_else(Uuid::new_v4).hyphenated().to_string()
}

/// Text given on the command line: itself, `@FILE`, or `-` for standard input, so that what is confidential need not stand
/// in the list of processes or the shell's history.
pub(crate) fn words_given(text: &str) -> Result<String, Failure> {
    let read = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| Failure::file(Path::new(path), &error))?,
        None if text == "-" => std::io::read_to_string(std::io::stdin())?,
        None => return Ok(text.to_owned()),
    };
    Ok(read.trim_end_matches(['\n', '\r']).to_owned())
}

/// The same for text that need not be given; empty without.
pub(crate) fn words_if_given(text: Option<&str>) -> Result<String, Failure> {
    text.map_or_else(|| Ok(String::new()), words_given)
}
