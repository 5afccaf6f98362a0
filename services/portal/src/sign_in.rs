//! Signing in, using an invitation, signing out, help.

use askama::Template;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use egide_crypto::digest::sha256;
use egide_web::shell::Problem;
use egide_web::text::Tongue;
use egide_web::token::no_cookie;
use egide_wire::proto::egide::directory::v1::{
    BeginRegistrationRequest, BeginSignInRequest, FinishRegistrationRequest, FinishSignInRequest,
};
use http::StatusCode;
use tonic::{Code, Status};

use crate::router::{Asked, see, with_cookie};
use crate::site::{Liaison, Page, SESSION, Site};

/// Letters and digits of a one-time code.
const CODE_LETTERS: usize = 26;

/// Passkeys that an account needs.
const PASSKEYS: u32 = 2;

#[derive(Template)]
#[template(path = "passkey.html")]
struct PasskeyForm<'p> {
    t: Tongue<'p>,
    action: &'p str,
    kind: &'p str,
    asked: &'p str,
    token: &'p str,
    ceremony: &'p str,
    code: &'p str,
    next: &'p str,
    label: &'p str,
    failed: &'p str,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'p> {
    t: Tongue<'p>,
    again: bool,
    notice: Option<String>,
    refused: bool,
    passkey: &'p str,
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage<'p> {
    t: Tongue<'p>,
    token: &'p str,
    wrong: bool,
    missing: bool,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolPage<'p> {
    t: Tongue<'p>,
    number: String,
    account: &'p str,
    failed: bool,
    passkey: &'p str,
}

#[derive(Template)]
#[template(path = "enrolled.html")]
struct EnrolledPage<'p> {
    t: Tongue<'p>,
}

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage<'p> {
    t: Tongue<'p>,
    parts: [(&'static str, &'static str); 7],
}

/// What the page says above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Failed,
    Ended,
    Out,
}

fn token(site: &Site, asked: &Asked, liaison: Option<&Liaison>) -> String {
    site.tokens.of(liaison.map_or(&asked.guest, |liaison| &liaison.secret))
}

fn later(site: &Site, asked: &Asked, liaison: Option<&Liaison>, status: &Status) -> Response {
    tracing::warn!(code = ?status.code(), "the directory did not answer");
    site.problem(asked.lang, liaison, Problem::Later)
}

/// The page to sign in, or to sign in again before keys are changed.
pub(crate) async fn show(site: &Site, asked: &Asked, liaison: Option<&Liaison>) -> Response {
    let notice = match asked.query.as_str() {
        "why=ended" => Some(Notice::Ended),
        "why=out" => Some(Notice::Out),
        _ => None,
    };
    page(site, asked, liaison, notice).await
}

async fn page(site: &Site, asked: &Asked, liaison: Option<&Liaison>, notice: Option<Notice>) -> Response {
    if !site.attempts.admits(asked.address.network()) {
        return site.problem(asked.lang, liaison, Problem::Often);
    }
    let begun = match site.desk().begin_sign_in(BeginSignInRequest {}).await {
        Ok(begun) => begun.into_inner(),
        Err(status) => return later(site, asked, liaison, &status),
    };
    let t = site.tongue(asked.lang);
    let again = liaison.is_some();
    let form = PasskeyForm {
        t,
        action: &format!("/{}/sign-in", asked.lang.code()),
        kind: "get",
        asked: &begun.asked,
        token: &token(site, asked, liaison),
        ceremony: &URL_SAFE_NO_PAD.encode(&begun.ceremony),
        code: "",
        next: if again { "keys" } else { "" },
        label: &t.s("signin-button"),
        failed: &t.s("signin-failed"),
    };
    let (passkey, refused) = (form.render().unwrap_or_default(), notice == Some(Notice::Failed));
    let notice = notice.map(|notice| match notice {
        Notice::Failed => t.s("signin-failed"),
        Notice::Ended => t.s("signin-ended"),
        Notice::Out => t.s("signin-out"),
    });
    let content = SignInPage { t, again, notice, refused, passkey: &passkey }.render().unwrap_or_default();
    let title = t.s(if again { "signin-again-title" } else { "signin-title" });
    let status = if refused { StatusCode::FORBIDDEN } else { StatusCode::OK };
    site.page(asked.lang, liaison, &Page { status, title, content, path: "/sign-in", has_script: true })
}

/// What the device answered. Whoever is signed in already gets a session of its own again, and the old one ends.
pub(crate) async fn finish(site: &Site, asked: &Asked, liaison: Option<&Liaison>) -> Response {
    if !site.attempts.admits(asked.address.network()) {
        return site.problem(asked.lang, liaison, Problem::Often);
    }
    let ceremony = URL_SAFE_NO_PAD.decode(asked.form.get("ceremony")).unwrap_or_default();
    let request = FinishSignInRequest { ceremony, answer: asked.form.get("answer").as_bytes().to_vec() };
    let signed_in = match site.desk().finish_sign_in(request).await {
        Ok(answer) => answer.into_inner().signed_in.unwrap_or_default(),
        Err(status) if status.code() == Code::NotFound => {
            return page(site, asked, liaison, Some(Notice::Failed)).await;
        }
        Err(status) => return later(site, asked, liaison, &status),
    };
    let secret = match site.begin(signed_in) {
        Ok(secret) => secret,
        Err(status) => return later(site, asked, liaison, &status),
    };
    if let Some(liaison) = liaison {
        site.end(&liaison.secret).await;
    }
    let next = if asked.form.get("next") == "keys" { "keys" } else { "referrals" };
    with_cookie(see(&format!("/{}/{next}", asked.lang.code())), secret.cookie(SESSION))
}

/// Ends the session.
pub(crate) async fn sign_out(site: &Site, asked: &Asked, liaison: &Liaison) -> Response {
    site.end(&liaison.secret).await;
    with_cookie(see(&format!("/{}/sign-in?why=out", asked.lang.code())), no_cookie(SESSION))
}

/// Asks for the code.
pub(crate) fn invitation(site: &Site, asked: &Asked) -> Response {
    ask_for_code(site, asked, false, false)
}

fn ask_for_code(site: &Site, asked: &Asked, wrong: bool, missing: bool) -> Response {
    let t = site.tongue(asked.lang);
    let token = token(site, asked, None);
    let content = InvitationPage { t, token: &token, wrong, missing }.render().unwrap_or_default();
    let status = if wrong || missing { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Page { status, title: t.s("invite-title"), content, path: "/invitation", has_script: false };
    site.page(asked.lang, None, &page)
}

/// A code as it is digested: capitals, digits; nothing else counts.
fn plain_code(typed: &str) -> Option<String> {
    let code: String =
        typed.chars().filter(char::is_ascii_alphanumeric).map(|sign| sign.to_ascii_uppercase()).collect();
    (code.len() == CODE_LETTERS).then_some(code)
}

/// The first page with the code: which passkey is next.
pub(crate) async fn use_invitation(site: &Site, asked: &Asked) -> Response {
    if asked.form.get("code").trim().is_empty() {
        return ask_for_code(site, asked, false, true);
    }
    enrol(site, asked, false).await
}

async fn enrol(site: &Site, asked: &Asked, failed: bool) -> Response {
    if !site.attempts.admits(asked.address.network()) {
        return site.problem(asked.lang, None, Problem::Often);
    }
    let Some(code) = plain_code(asked.form.get("code")) else { return ask_for_code(site, asked, true, false) };
    let request = BeginRegistrationRequest { code_digest: sha256(code.as_bytes()).as_bytes().to_vec() };
    let begun = match site.desk().begin_registration(request).await {
        Ok(begun) => begun.into_inner(),
        Err(status) if status.code() == Code::NotFound => return ask_for_code(site, asked, true, false),
        Err(status) => return later(site, asked, None, &status),
    };
    let t = site.tongue(asked.lang);
    let is_first = begun.passkeys == 0;
    let form = PasskeyForm {
        t,
        action: &format!("/{}/invitation/passkey", asked.lang.code()),
        kind: "create",
        asked: &begun.asked,
        token: &token(site, asked, None),
        ceremony: &URL_SAFE_NO_PAD.encode(&begun.ceremony),
        code: &code,
        next: "",
        label: &t.s("enrol-button"),
        failed: &t.s("enrol-failed"),
    };
    let passkey = form.render().unwrap_or_default();
    let number = begun.passkeys.saturating_add(1).to_string();
    let content = EnrolPage { t, number, account: &begun.account, failed, passkey: &passkey };
    let content = content.render().unwrap_or_default();
    let title = t.s(if is_first { "enrol-first-title" } else { "enrol-second-title" });
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    site.page(asked.lang, None, &Page { status, title, content, path: "/invitation", has_script: true })
}

/// What the device answered: the next passkey, or the end.
pub(crate) async fn register(site: &Site, asked: &Asked) -> Response {
    if !site.attempts.admits(asked.address.network()) {
        return site.problem(asked.lang, None, Problem::Often);
    }
    let ceremony = URL_SAFE_NO_PAD.decode(asked.form.get("ceremony")).unwrap_or_default();
    let request = FinishRegistrationRequest { ceremony, answer: asked.form.get("answer").as_bytes().to_vec() };
    match site.desk().finish_registration(request).await {
        Ok(answer) if answer.get_ref().passkeys >= PASSKEYS => {
            let t = site.tongue(asked.lang);
            let content = EnrolledPage { t }.render().unwrap_or_default();
            let title = t.s("enrol-done-title");
            let page = Page { status: StatusCode::OK, title, content, path: "/invitation", has_script: false };
            site.page(asked.lang, None, &page)
        }
        Ok(_) => enrol(site, asked, false).await,
        Err(status) if status.code() == Code::NotFound => enrol(site, asked, true).await,
        Err(status) => later(site, asked, None, &status),
    }
}

/// Help.
pub(crate) fn help(site: &Site, asked: &Asked, liaison: Option<&Liaison>) -> Response {
    let t = site.tongue(asked.lang);
    let parts = [
        ("help-what-title", "help-what"),
        ("help-read-title", "help-read"),
        ("help-verify-title", "help-verify"),
        ("help-recall-title", "help-recall"),
        ("help-gone-title", "help-gone"),
        ("help-device-title", "help-device"),
        ("help-contact-title", "help-contact"),
    ];
    let content = HelpPage { t, parts }.render().unwrap_or_default();
    let page = Page { status: StatusCode::OK, title: t.s("help-title"), content, path: "/help", has_script: false };
    site.page(asked.lang, liaison, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_however_it_is_typed() {
        let code = "K7QX2M4T9FHNK7QX2M4T9FHNAB";
        for typed in [code, "k7qx-2m4t-9fhn-k7qx-2m4t-9fhn-ab", " K7QX 2M4T 9FHN K7QX 2M4T 9FHN AB\n"] {
            assert_eq!(plain_code(typed).as_deref(), Some(code), "{typed}");
        }
        assert!(plain_code("K7QX").is_none() && plain_code(&code.repeat(2)).is_none());
    }
}
