//! What all pages share: services, sessions, limits, texts, the frame.

use std::time::{Duration, Instant};

use askama::Template;
use axum::response::Response;
use egide_servicekit::channel::{Authenticated, Upstream};
use egide_servicekit::clock;
use egide_servicekit::identity::{Credentials, PersonToken};
use egide_servicekit::typesetter::Typesetter;
use egide_web::asset::Asset;
use egide_web::limit::Limit;
use egide_web::session::Sessions;
use egide_web::shell::{Link, Problem, ProblemPage, Shell, SignedIn as Bar, html};
use egide_web::text::{Lang, Texts, Tongue};
use egide_web::token::{FormTokens, Secret};
use egide_wire::proto::egide::directory::v1::directory_service_client::DirectoryServiceClient;
use egide_wire::proto::egide::directory::v1::liaison_service_client::LiaisonServiceClient;
use egide_wire::proto::egide::directory::v1::{
    EndSessionRequest, GetOwnUnitRequest, GetOwnUnitResponse, RenewSessionRequest, SignedIn,
};
use egide_wire::proto::egide::disclosure::v1::referral_service_client::ReferralServiceClient;
use http::StatusCode;
use tonic::{Code, Status};

use crate::Error;

const ENGLISH: &str = include_str!("../texts/portal.en.ftl");
const FRENCH: &str = include_str!("../texts/portal.fr.ftl");
const SCRIPT: &[u8] = include_bytes!("../assets/passkey.js");

/// The cookie of somebody who signed in.
pub(crate) const SESSION: &str = "__Host-egide";
/// The cookie of anybody who was shown a form.
pub(crate) const GUEST: &str = "__Host-egide-guest";

/// A session ends when nothing happened for so long …
const IDLE: Duration = Duration::from_secs(15 * 60);
/// … and after so long whatever happens; the directory says the same.
const WHOLE: Duration = Duration::from_secs(4 * 3600);
/// Sessions at once.
const SESSIONS_MAX: usize = 4_096;
/// A token that has no more than this left is renewed first, in seconds.
const RENEW_S: i64 = 120;
/// Whoever changes keys signed in so recently.
pub(crate) const RECENT: Duration = Duration::from_secs(5 * 60);
/// Requests of one address at once, and then one each so often.
const ADDRESS: (u32, Duration) = (120, Duration::from_millis(100));
/// Attempts to sign in or to use an invitation, of one address.
const ATTEMPTS: (u32, Duration) = (30, Duration::from_secs(2));
/// Requests of one account.
const ACCOUNT: (u32, Duration) = (60, Duration::from_millis(500));
/// Addresses and accounts that are counted.
const COUNTED_MAX: usize = 16_384;

/// Somebody who signed in. Not shown by `Debug`, for it holds their token.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) account: String,
    directory: Vec<u8>,
    token: String,
    token_expires_s: i64,
    since: Instant,
}

impl Session {
    pub(crate) fn of(signed_in: SignedIn) -> Self {
        Self {
            account: signed_in.account,
            directory: signed_in.session,
            token: signed_in.token,
            token_expires_s: signed_in.token_expires_at.map_or(0, |end| end.seconds),
            since: Instant::now(),
        }
    }

    /// Whether they signed in a moment ago.
    pub(crate) fn is_recent(&self) -> bool {
        self.since.elapsed() < RECENT
    }
}

/// Somebody with a session, as one request needs them.
#[derive(Clone)]
pub(crate) struct Liaison {
    pub(crate) secret: Secret,
    pub(crate) session: Session,
}

/// See the module.
pub(crate) struct Site {
    pub(crate) origin: String,
    directory: Upstream,
    disclosure: Upstream,
    credentials: Credentials,
    pub(crate) typeset: Option<Typesetter>,
    texts: Texts,
    pub(crate) assets: Vec<Asset>,
    icon: String,
    style: String,
    script: String,
    pub(crate) tokens: FormTokens,
    sessions: Sessions<Session>,
    pub(crate) addresses: Limit<[u8; 16]>,
    pub(crate) attempts: Limit<[u8; 16]>,
    pub(crate) accounts: Limit<String>,
}

/// A page within the frame.
pub(crate) struct Page<'p> {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) content: String,
    /// The path behind the language of the same page in the other one.
    pub(crate) path: &'p str,
    pub(crate) has_script: bool,
}

impl Site {
    pub(crate) fn new(
        origin: String,
        directory: Upstream,
        disclosure: Upstream,
        credentials: Credentials,
        typeset: Option<Typesetter>,
    ) -> Result<Self, Error> {
        let (icon, style, script) =
            (Asset::icon(), Asset::style(), Asset::new("passkey.js", "text/javascript; charset=utf-8", SCRIPT));
        Ok(Self {
            origin,
            directory,
            disclosure,
            credentials,
            typeset,
            texts: Texts::new(ENGLISH, FRENCH)?,
            icon: icon.path().to_owned(),
            style: style.path().to_owned(),
            script: script.path().to_owned(),
            assets: vec![icon, style, script],
            tokens: FormTokens::generate()?,
            sessions: Sessions::new(IDLE, WHOLE, SESSIONS_MAX),
            addresses: Limit::new(ADDRESS.0, ADDRESS.1, COUNTED_MAX),
            attempts: Limit::new(ATTEMPTS.0, ATTEMPTS.1, COUNTED_MAX),
            accounts: Limit::new(ACCOUNT.0, ACCOUNT.1, COUNTED_MAX),
        })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    pub(crate) const fn tongue(&self, lang: Lang) -> Tongue<'_> {
        self.texts.in_lang(lang)
    }

    /// The directory for nobody: before somebody signed in.
    pub(crate) fn desk(&self) -> LiaisonServiceClient<Authenticated> {
        LiaisonServiceClient::new(self.directory.with_credentials(self.credentials.clone()).as_service())
    }

    fn credentials_of(&self, liaison: &Liaison) -> Result<Credentials, Status> {
        let token = PersonToken::new(&liaison.session.token);
        let token = token.ok_or_else(|| Status::internal("the directory gave a token that cannot be sent"))?;
        Ok(self.credentials.for_person(token))
    }

    /// The unit of somebody who signed in.
    pub(crate) async fn own_unit(&self, liaison: &Liaison) -> Result<GetOwnUnitResponse, Status> {
        let upstream = self.directory.with_credentials(self.credentials_of(liaison)?);
        let answer = LiaisonServiceClient::new(upstream.as_service()).get_own_unit(GetOwnUnitRequest {}).await?;
        Ok(answer.into_inner())
    }

    /// The directory for somebody who signed in.
    pub(crate) fn keys_of(&self, liaison: &Liaison) -> Result<DirectoryServiceClient<Authenticated>, Status> {
        let upstream = self.directory.with_credentials(self.credentials_of(liaison)?);
        Ok(DirectoryServiceClient::new(upstream.as_service()))
    }

    /// Referrals for somebody who signed in.
    pub(crate) fn referrals_of(&self, liaison: &Liaison) -> Result<ReferralServiceClient<Authenticated>, Status> {
        let upstream = self.disclosure.with_credentials(self.credentials_of(liaison)?);
        let client = ReferralServiceClient::new(upstream.as_service());
        Ok(client)
    }

    /// Begins a session.
    pub(crate) fn begin(&self, signed_in: SignedIn) -> Result<Secret, Status> {
        let begun = self.sessions.begin(Session::of(signed_in));
        begun.map_err(|_| Status::unavailable("the operating system gave no random bytes; try again"))
    }

    /// Ends one, here and at the directory.
    pub(crate) async fn end(&self, secret: &Secret) {
        if let Some(session) = self.sessions.end(secret)
            && let Err(status) = self.desk().end_session(EndSessionRequest { session: session.directory }).await
        {
            // It ends there by itself, and here it has.
            tracing::warn!(code = ?status.code(), "a session that ended here goes on at the directory for a while");
        }
    }

    /// Who a secret's session belongs to, with a token that counts for a while. `None`: nobody, any more.
    pub(crate) async fn liaison(&self, secret: Secret) -> Result<Option<Liaison>, Status> {
        let Some(session) = self.sessions.get(&secret) else { return Ok(None) };
        let mut liaison = Liaison { secret, session };
        if liaison.session.token_expires_s.saturating_sub(clock::now_s()) > RENEW_S {
            return Ok(Some(liaison));
        }
        let request = RenewSessionRequest { session: liaison.session.directory.clone() };
        match self.desk().renew_session(request).await {
            Ok(answer) => {
                let renewed = answer.into_inner().signed_in.unwrap_or_default();
                liaison.session = Session { since: liaison.session.since, ..Session::of(renewed) };
                self.sessions.set(&liaison.secret, liaison.session.clone());
                Ok(Some(liaison))
            }
            Err(status) if status.code() == Code::NotFound => {
                self.sessions.end(&liaison.secret);
                Ok(None)
            }
            Err(status) => Err(status),
        }
    }

    /// A page in its frame.
    pub(crate) fn page(&self, lang: Lang, liaison: Option<&Liaison>, page: &Page<'_>) -> Response {
        let t = self.tongue(lang);
        let here = |name: &str| page.path.starts_with(name);
        let code = lang.code();
        let menu: Vec<Link> = [("/referrals", "menu-referrals"), ("/keys", "menu-keys"), ("/help", "menu-help")]
            .map(|(path, key)| Link { href: format!("/{code}{path}"), text: t.s(key), here: here(path) })
            .into();
        let bar = liaison.map(|liaison| Bar {
            account: liaison.session.account.clone(),
            sign_out: format!("/{code}/sign-out"),
            token: self.tokens.of(&liaison.secret),
        });
        let shell = Shell {
            t,
            title: &page.title,
            site: &t.s("site-name"),
            home: &format!("/{code}"),
            other: &format!("/{}{}", lang.other().code(), page.path),
            icon: &self.icon,
            style: &self.style,
            script: page.has_script.then_some(self.script.as_str()),
            menu: &menu,
            signed_in: bar.as_ref(),
            content: &page.content,
        };
        html(page.status, shell.render().unwrap_or_default())
    }

    /// The page about a problem: the same whatever was asked for.
    pub(crate) fn problem(&self, lang: Lang, liaison: Option<&Liaison>, problem: Problem) -> Response {
        let t = self.tongue(lang);
        let home = format!("/{}", lang.code());
        let content = ProblemPage { t, problem, home: &home }.render().unwrap_or_default();
        let page =
            Page { status: problem.status(), title: t.s(problem.keys().0), content, path: "", has_script: false };
        self.page(lang, liaison, &page)
    }

    /// The page about what a service refused. What is absent, refused, withdrawn and not theirs is one.
    pub(crate) fn refused(&self, lang: Lang, liaison: &Liaison, status: &Status) -> Response {
        let problem = match status.code() {
            Code::NotFound | Code::PermissionDenied | Code::Unauthenticated => Problem::NotFound,
            Code::InvalidArgument | Code::AlreadyExists => Problem::Request,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Problem::Later,
        };
        if problem == Problem::Later {
            tracing::warn!(code = ?status.code(), "a page could not be shown");
        }
        self.problem(lang, Some(liaison), problem)
    }
}
