//! Accounts of liaisons, and signing in with their passkeys.

mod under_way;

use std::sync::Arc;

use egide_crypto::digest::sha256;
use egide_domain::ids::{OrganizationId, UnitId};
use egide_passkey::{Assertion, Passkey, Registering, SigningIn, Site};
use egide_projection::ModelError;
use egide_servicekit::clock;
use egide_servicekit::identity::{AccountName, Caller, LiaisonIssuer, Onward, PersonToken};
use egide_wire::proto::egide::directory::v1::liaison_service_server::LiaisonService;
use egide_wire::proto::egide::directory::v1::{
    BeginRegistrationRequest, BeginRegistrationResponse, BeginSignInRequest, BeginSignInResponse, EndSessionRequest,
    EndSessionResponse, FinishRegistrationRequest, FinishRegistrationResponse, FinishSignInRequest,
    FinishSignInResponse, GetOwnUnitRequest, GetOwnUnitResponse, InviteLiaisonRequest, InviteLiaisonResponse,
    LiaisonEntry, LiaisonInvited, LiaisonPasskeyAdded, LiaisonSignedIn, ListLiaisonsRequest, ListLiaisonsResponse,
    RenewSessionRequest, RenewSessionResponse, RevokeLiaisonRequest, RevokeLiaisonResponse, SignedIn, UnitEntry,
};
use egide_wire::refusal::{Violation, invalid};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use self::under_way::{SECRET_BYTES, UnderWay};
use crate::change::unreadable;
use crate::model::{self, liaisons};
use crate::service::{Directory, onward_of};
use crate::validate::{Change, Record};

/// Registrations and sign-ins under way at once; of more the oldest are forgotten.
const CEREMONIES_MAX: usize = 4_096;
/// Sessions at once; of more the oldest are forgotten.
const SESSIONS_MAX: usize = 4_096;
/// How long a session lasts, in seconds, whatever happens in it: half a shift.
pub(crate) const SESSION_S: i64 = 4 * 3600;

/// How liaisons sign in.
#[derive(Debug)]
pub struct SignIn {
    /// The portal, as browsers see it.
    pub site: Site,
    /// Vouches for who signed in.
    pub issuer: LiaisonIssuer,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Liaisons {
    directory: Directory,
    // None where nobody signs in.
    desk: Option<Arc<Desk>>,
}

#[derive(Debug)]
struct Desk {
    sign_in: SignIn,
    registering: UnderWay<(Registering, LiaisonInvited)>,
    signing_in: UnderWay<SigningIn>,
    sessions: UnderWay<Session>,
    // From reading a counter to recording it: one at a time.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Session {
    liaison_id: Uuid,
    credential_id: Vec<u8>,
    ends_at_s: i64,
}

impl Desk {
    /// A token for an account, and when it stops counting.
    fn token(&self, invitation: &LiaisonInvited, now_s: i64) -> Result<(String, i64), Status> {
        let account: AccountName = invitation.account.parse().map_err(|_| broken())?;
        let unit: UnitId = invitation.unit_id.parse().map_err(|_| broken())?;
        self.sign_in.issuer.mint(&account, unit, now_s).map_err(|_| broken())
    }
}

fn broken() -> Status {
    Status::internal("an account that was recorded is none; tell the directory's operators")
}

/// The one answer to everybody who has not signed in.
fn not_found() -> Status {
    Status::not_found("there is no such thing")
}

fn read_failed(error: &ModelError) -> Status {
    unreadable(error)
}

fn timestamp(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn is_over(end: Option<&prost_types::Timestamp>, now_s: i64) -> bool {
    end.is_none_or(|end| end.seconds <= now_s)
}

/// Whether an account is used: both passkeys there, not ended, not expired.
fn counts(entry: &LiaisonEntry, now_s: i64) -> Option<&LiaisonInvited> {
    let invitation = entry.invitation.as_ref()?;
    let usable = entry.revoked_at.is_none()
        && entry.passkeys.len() >= liaisons::PASSKEYS
        && !is_over(invitation.account_expires_at.as_ref(), now_s);
    usable.then_some(invitation)
}

impl Liaisons {
    pub(crate) fn new(directory: Directory, sign_in: Option<SignIn>) -> Self {
        let desk = sign_in.map(|sign_in| {
            Arc::new(Desk {
                sign_in,
                registering: UnderWay::new(CEREMONIES_MAX, i64::from(egide_passkey::CEREMONY_S)),
                signing_in: UnderWay::new(CEREMONIES_MAX, i64::from(egide_passkey::CEREMONY_S)),
                sessions: UnderWay::new(SESSIONS_MAX, SESSION_S),
                counting: tokio::sync::Mutex::new(()),
            })
        });
        Self { directory, desk }
    }

    fn desk(&self) -> Result<&Arc<Desk>, Status> {
        let nobody = "nobody signs in at this directory: start it with the portal's origin and the key for liaisons";
        self.desk.as_ref().ok_or_else(|| Status::failed_precondition(nobody))
    }

    /// Whether anything may go to the unit at all.
    fn is_suspended(&self, invitation: &LiaisonInvited) -> Result<bool, Status> {
        let Ok(organization) = invitation.organization_id.parse::<OrganizationId>() else { return Ok(true) };
        let entry = model::organization(&self.directory.view(), organization).map_err(|error| read_failed(&error))?;
        let Some(entry) = entry else { return Ok(true) };
        let is_it = |unit_id: &str| unit_id == invitation.unit_id;
        let unit = entry.units.iter().find(|unit| unit.unit.as_ref().is_some_and(|record| is_it(&record.unit_id)));
        Ok(entry.suspended || unit.is_none_or(|unit| unit.suspended))
    }

    /// The account of a passkey, if it is used and its unit may receive anything.
    fn account_of(&self, liaison_id: Uuid, now_s: i64) -> Result<LiaisonInvited, Status> {
        let entry = liaisons::liaison(&self.directory.view(), liaison_id).map_err(|error| read_failed(&error))?;
        let invitation = entry.as_ref().and_then(|entry| counts(entry, now_s)).cloned().ok_or_else(not_found)?;
        if self.is_suspended(&invitation)? { Err(not_found()) } else { Ok(invitation) }
    }

    /// Commits what an account did by itself, in its own name. What does not fit any more is the one refusal.
    async fn record<R: Record>(&self, desk: &Desk, account: &LiaisonInvited, record: R) -> Result<(), Status> {
        let change = Change::read(&Uuid::new_v4().to_string(), Some(record)).map_err(|_| not_found())?;
        let (token, _) = desk.token(account, clock::now_s())?;
        let token = PersonToken::new(&token).ok_or_else(broken)?;
        match self.directory.commit(&change, &Onward::of_person(token)).await {
            Ok(_) => Ok(()),
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) => {
                // Inside, the reason is told; it names rules and fields and nobody.
                tracing::warn!(code = ?status.code(), reason = status.message(), "what a liaison's account did does not fit");
                Err(not_found())
            }
            Err(status) => Err(status),
        }
    }

    fn vouch(
        desk: &Desk,
        secret: [u8; SECRET_BYTES],
        session: &Session,
        invitation: &LiaisonInvited,
        now_s: i64,
    ) -> Result<SignedIn, Status> {
        let (token, expires_at) = desk.token(invitation, now_s)?;
        Ok(SignedIn {
            session: secret.to_vec(),
            token,
            token_expires_at: timestamp(expires_at),
            session_ends_at: timestamp(session.ends_at_s),
            account: invitation.account.clone(),
        })
    }
}

fn kept(passkey: &liaisons::KeptPasskey) -> Passkey {
    Passkey {
        id: passkey.added.credential_id.clone(),
        key: passkey.added.public_key.clone(),
        state: passkey.state,
        transports: u8::try_from(passkey.added.transports).unwrap_or_default(),
    }
}

fn out_of_randomness(_: egide_crypto::random::RandomUnavailable) -> Status {
    Status::unavailable("the operating system gave no random bytes; try again")
}

#[tonic::async_trait]
impl LiaisonService for Liaisons {
    async fn invite_liaison(
        &self,
        request: Request<InviteLiaisonRequest>,
    ) -> Result<Response<InviteLiaisonResponse>, Status> {
        let onward = onward_of(&request)?;
        let InviteLiaisonRequest { command_id, invitation } = request.into_inner();
        let receipt = self.directory.change(&onward, &command_id, invitation).await?;
        Ok(Response::new(InviteLiaisonResponse { receipt }))
    }

    async fn revoke_liaison(
        &self,
        request: Request<RevokeLiaisonRequest>,
    ) -> Result<Response<RevokeLiaisonResponse>, Status> {
        let onward = onward_of(&request)?;
        let RevokeLiaisonRequest { command_id, revocation } = request.into_inner();
        let receipt = self.directory.change(&onward, &command_id, revocation).await?;
        Ok(Response::new(RevokeLiaisonResponse { receipt }))
    }

    async fn list_liaisons(
        &self,
        request: Request<ListLiaisonsRequest>,
    ) -> Result<Response<ListLiaisonsResponse>, Status> {
        let organization_id = request.into_inner().organization_id;
        organization_id
            .parse::<OrganizationId>()
            .map_err(|_| invalid(vec![Violation::new("organization_id", "is no uuid in lower case with hyphens")]))?;
        self.directory.caught_up().await?;
        let found = liaisons::of_organization(&self.directory.view(), &organization_id);
        let mut liaisons = found.map_err(|error| read_failed(&error))?;
        for invitation in liaisons.iter_mut().filter_map(|entry| entry.invitation.as_mut()) {
            invitation.code_digest.clear();
        }
        Ok(Response::new(ListLiaisonsResponse { liaisons }))
    }

    async fn begin_registration(
        &self,
        request: Request<BeginRegistrationRequest>,
    ) -> Result<Response<BeginRegistrationResponse>, Status> {
        let desk = self.desk()?;
        let now_s = clock::now_s();
        self.directory.caught_up().await?;
        let (entry, known) = {
            let view = self.directory.view();
            let entry = liaisons::invited_by(&view, &request.get_ref().code_digest);
            let entry = entry.map_err(|error| read_failed(&error))?.ok_or_else(not_found)?;
            let mut known = Vec::new();
            for passkey in &entry.passkeys {
                let row = liaisons::passkey(&view, &passkey.credential_id).map_err(|error| read_failed(&error))?;
                known.extend(row.as_ref().map(kept));
            }
            (entry, known)
        };
        let invitation = entry.invitation.clone().ok_or_else(not_found)?;
        let over = is_over(invitation.code_expires_at.as_ref(), now_s)
            || is_over(invitation.account_expires_at.as_ref(), now_s)
            || !liaisons::takes_passkey(&entry, &request.get_ref().code_digest);
        if over || self.is_suspended(&invitation)? {
            return Err(not_found());
        }
        let holder: Uuid = invitation.liaison_id.parse().map_err(|_| not_found())?;
        let begun = desk.sign_in.site.begin_registration(*holder.as_bytes(), &invitation.account, &known);
        let (under_way, asked) = begun.map_err(|_| not_found())?;
        let account = invitation.account.clone();
        let ceremony = desk.registering.keep((under_way, invitation), now_s).map_err(out_of_randomness)?.to_vec();
        let passkeys = u32::try_from(entry.passkeys.len()).unwrap_or(u32::MAX);
        Ok(Response::new(BeginRegistrationResponse { ceremony, asked, account, passkeys }))
    }

    async fn finish_registration(
        &self,
        request: Request<FinishRegistrationRequest>,
    ) -> Result<Response<FinishRegistrationResponse>, Status> {
        let desk = self.desk()?;
        let FinishRegistrationRequest { ceremony, answer } = request.into_inner();
        let taken = desk.registering.take(&ceremony, clock::now_s()).ok_or_else(not_found)?;
        let (under_way, invitation) = taken;
        let passkey = desk.sign_in.site.finish_registration(under_way, &answer).map_err(|refused| {
            tracing::warn!(%refused, "a passkey was not registered");
            not_found()
        })?;
        let liaison: Uuid = invitation.liaison_id.parse().map_err(|_| not_found())?;
        let added = LiaisonPasskeyAdded {
            organization_id: invitation.organization_id.clone(),
            unit_id: invitation.unit_id.clone(),
            liaison_id: invitation.liaison_id.clone(),
            code_digest: invitation.code_digest.clone(),
            credential_id: passkey.id,
            public_key: passkey.key,
            state: passkey.state.to_vec(),
            transports: passkey.transports.into(),
        };
        self.record(desk, &invitation, added).await?;
        let entry = liaisons::liaison(&self.directory.view(), liaison).map_err(|error| read_failed(&error))?;
        let passkeys = entry.map_or(0, |entry| u32::try_from(entry.passkeys.len()).unwrap_or(u32::MAX));
        Ok(Response::new(FinishRegistrationResponse { passkeys }))
    }

    async fn begin_sign_in(&self, _: Request<BeginSignInRequest>) -> Result<Response<BeginSignInResponse>, Status> {
        let desk = self.desk()?;
        let (under_way, asked) = desk.sign_in.site.begin_sign_in().map_err(|_| not_found())?;
        let ceremony = desk.signing_in.keep(under_way, clock::now_s()).map_err(out_of_randomness)?.to_vec();
        Ok(Response::new(BeginSignInResponse { ceremony, asked }))
    }

    async fn finish_sign_in(
        &self,
        request: Request<FinishSignInRequest>,
    ) -> Result<Response<FinishSignInResponse>, Status> {
        let desk = self.desk()?;
        let now_s = clock::now_s();
        let FinishSignInRequest { ceremony, answer } = request.into_inner();
        let under_way = desk.signing_in.take(&ceremony, now_s).ok_or_else(not_found)?;
        let answer = Assertion::read(&answer).map_err(|_| not_found())?;
        let holder = Uuid::from_bytes(answer.holder());
        self.directory.caught_up().await?;
        let _alone = desk.counting.lock().await;
        let known = liaisons::passkey(&self.directory.view(), &answer.passkey_id());
        let known = known.map_err(|error| read_failed(&error))?.ok_or_else(not_found)?;
        if known.added.liaison_id != holder.to_string() {
            return Err(not_found());
        }
        let invitation = self.account_of(holder, now_s)?;
        let proved = desk.sign_in.site.finish_sign_in(under_way, &answer, &kept(&known)).map_err(|refused| {
            tracing::warn!(%refused, "somebody was not signed in");
            not_found()
        })?;
        let recorded = LiaisonSignedIn {
            organization_id: invitation.organization_id.clone(),
            unit_id: invitation.unit_id.clone(),
            liaison_id: invitation.liaison_id.clone(),
            credential_id: proved.id.clone(),
            state: proved.state.to_vec(),
        };
        self.record(desk, &invitation, recorded).await?;
        let session =
            Session { liaison_id: holder, credential_id: proved.id, ends_at_s: now_s.saturating_add(SESSION_S) };
        let secret = desk.sessions.keep(session.clone(), now_s).map_err(out_of_randomness)?;
        let signed_in = Self::vouch(desk, secret, &session, &invitation, now_s)?;
        Ok(Response::new(FinishSignInResponse { signed_in: Some(signed_in) }))
    }

    async fn renew_session(
        &self,
        request: Request<RenewSessionRequest>,
    ) -> Result<Response<RenewSessionResponse>, Status> {
        let desk = self.desk()?;
        let now_s = clock::now_s();
        let secret: [u8; SECRET_BYTES] = request.get_ref().session.as_slice().try_into().map_err(|_| not_found())?;
        let session = desk.sessions.get(&secret, now_s).ok_or_else(not_found)?;
        let known = liaisons::passkey(&self.directory.view(), &session.credential_id);
        known.map_err(|error| read_failed(&error))?.ok_or_else(not_found)?;
        let invitation = self.account_of(session.liaison_id, now_s)?;
        let signed_in = Self::vouch(desk, secret, &session, &invitation, now_s)?;
        Ok(Response::new(RenewSessionResponse { signed_in: Some(signed_in) }))
    }

    async fn end_session(&self, request: Request<EndSessionRequest>) -> Result<Response<EndSessionResponse>, Status> {
        drop(self.desk()?.sessions.take(&request.get_ref().session, clock::now_s()));
        Ok(Response::new(EndSessionResponse {}))
    }

    async fn get_own_unit(&self, request: Request<GetOwnUnitRequest>) -> Result<Response<GetOwnUnitResponse>, Status> {
        let unit_id = Caller::of(&request)?.person()?.unit().ok_or_else(not_found)?;
        self.directory.caught_up().await?;
        let view = self.directory.view();
        let owner = model::organization_of_unit(&view, unit_id).map_err(|error| read_failed(&error))?;
        let entry = model::organization(&view, owner.ok_or_else(not_found)?).map_err(|error| read_failed(&error))?;
        let entry = entry.ok_or_else(not_found)?;
        let organization = entry.organization.unwrap_or_default();
        let is_own = |record: &str| record == unit_id.to_string();
        let unit = entry.units.into_iter().find(|unit| unit.unit.as_ref().is_some_and(|unit| is_own(&unit.unit_id)));
        // Where the unit is told that something waits is for the staff who keep it and for the notifier.
        let unit = unit.map(|unit| UnitEntry { notification_addresses: Vec::new(), ..unit });
        Ok(Response::new(GetOwnUnitResponse {
            organization_id: organization.organization_id,
            organization_name_en: organization.name_en,
            organization_name_fr: organization.name_fr,
            unit: Some(unit.ok_or_else(not_found)?),
        }))
    }
}

/// The name under which a secret is kept.
fn name_of(secret: &[u8]) -> egide_crypto::digest::Digest {
    sha256(secret)
}
