//! What may be asked for, and what comes before every page: limits, where the request came from, whose form it is.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use egide_web::asset;
use egide_web::form::Form;
use egide_web::headers;
use egide_web::origin;
use egide_web::server::{Address, body};
use egide_web::shell::{Problem, plain};
use egide_web::text::Lang;
use egide_web::token::Secret;
use http::header::{ACCEPT_LANGUAGE, ALLOW, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use crate::site::{GUEST, Liaison, SESSION, Site};
use crate::{keys, referrals, sign_in};

/// Longest path that is looked at.
const PATH_BYTES_MAX: usize = 512;

/// A request that may be answered.
pub(crate) struct Asked {
    pub(crate) lang: Lang,
    /// Whether something is to be done; otherwise read.
    pub(crate) posts: bool,
    pub(crate) query: String,
    /// Empty where nothing is to be done.
    pub(crate) form: Form,
    /// Of whoever is not signed in: their cookie, new where they had none.
    pub(crate) guest: Secret,
    pub(crate) address: Address,
}

/// The site.
pub(crate) fn router(site: Arc<Site>) -> Router {
    Router::new().fallback(move |request: Request<Body>| {
        let site = Arc::clone(&site);
        async move {
            let mut response = answer(&site, request).await;
            headers::secure(&mut response, site.is_https());
            response
        }
    })
}

/// To another page, by reading it.
pub(crate) fn see(to: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::try_from(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// Sets a cookie with an answer.
pub(crate) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn accepted(headers: &HeaderMap) -> Lang {
    Lang::accepted(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

async fn answer(site: &Site, request: Request<Body>) -> Response {
    let address = request.extensions().get::<Address>().copied();
    let Some(address) = address else { return plain(StatusCode::INTERNAL_SERVER_ERROR, "no address\n") };
    if !site.addresses.admits(address.network()) {
        return plain(StatusCode::TOO_MANY_REQUESTS, "wait a minute\n");
    }
    let path = request.uri().path().to_owned();
    if path.len() > PATH_BYTES_MAX || request.uri().authority().is_some() {
        return plain(StatusCode::BAD_REQUEST, "no such address\n");
    }
    if let Err(error) = origin::check(request.method(), request.headers(), &site.origin) {
        tracing::info!(%error, "a request was refused");
        let lang = accepted(request.headers());
        return match error {
            origin::NotOurs::Host => plain(StatusCode::MISDIRECTED_REQUEST, "another host\n"),
            origin::NotOurs::Site => site.problem(lang, None, Problem::Form),
        };
    }
    let posts = match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::POST => true,
        _ => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "read, or send a form\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            return response;
        }
    };
    if path.starts_with(asset::PREFIX) {
        let found = if posts { None } else { asset::answer(&site.assets, &path) };
        return found.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, "not found\n"));
    }
    let mut parts = path.split('/').skip(1);
    let first = parts.next().unwrap_or_default();
    if first.is_empty() && !posts {
        return see(&format!("/{}", accepted(request.headers()).code()));
    }
    let Some(lang) = Lang::of(first) else {
        return site.problem(accepted(request.headers()), None, Problem::NotFound);
    };
    let rest: Vec<String> = parts.map(str::to_owned).collect();
    let secret = Secret::in_cookie(request.headers(), SESSION);
    let guest = Secret::in_cookie(request.headers(), GUEST);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = match body(request).await {
        Ok((_, body)) => body,
        Err(refused) => return refused,
    };
    let form = if posts { Form::read(&body) } else { Ok(Form::default()) };
    let Ok(form) = form else { return site.problem(lang, None, Problem::Request) };
    let had_session = secret.is_some();
    let liaison = match secret {
        Some(secret) => match site.liaison(secret).await {
            Ok(liaison) => liaison,
            Err(status) => {
                tracing::warn!(code = ?status.code(), "a session could not be renewed");
                return site.problem(lang, None, Problem::Later);
            }
        },
        None => None,
    };
    let Ok(new) = Secret::generate() else { return site.problem(lang, None, Problem::Later) };
    let holder = liaison.as_ref().map(|liaison| &liaison.secret).or(guest.as_ref());
    if posts && !holder.is_some_and(|holder| site.tokens.fits(holder, form.get("token"))) {
        // A session that ended is the usual reason: then signing in is what helps.
        return match had_session && liaison.is_none() {
            true => see(&format!("/{}/sign-in?why=ended", lang.code())),
            false => site.problem(lang, liaison.as_ref(), Problem::Form),
        };
    }
    let is_new = guest.is_none() && liaison.is_none();
    let guest = guest.unwrap_or(new);
    let cookie = if is_new { guest.cookie(GUEST) } else { None };
    let asked = Asked { lang, posts, query, form, guest, address };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let response = match liaison {
        Some(liaison) => signed_in(site, &asked, &rest, &liaison).await,
        None => outside(site, &asked, &rest, had_session).await,
    };
    with_cookie(response, cookie)
}

/// What somebody who has not signed in may ask for. Everything else leads to signing in, whether it exists or not.
async fn outside(site: &Site, asked: &Asked, path: &[&str], had_session: bool) -> Response {
    match (asked.posts, path) {
        (false, [] | [""] | ["sign-in"]) => sign_in::show(site, asked, None).await,
        (true, ["sign-in"]) => sign_in::finish(site, asked, None).await,
        (false, ["invitation"]) => sign_in::invitation(site, asked),
        (true, ["invitation"]) => sign_in::use_invitation(site, asked).await,
        (true, ["invitation", "passkey"]) => sign_in::register(site, asked).await,
        (false, ["help"]) => sign_in::help(site, asked, None),
        _ if had_session => see(&format!("/{}/sign-in?why=ended", asked.lang.code())),
        _ => see(&format!("/{}/sign-in", asked.lang.code())),
    }
}

/// What a liaison may ask for.
async fn signed_in(site: &Site, asked: &Asked, path: &[&str], liaison: &Liaison) -> Response {
    if !site.accounts.admits(liaison.session.account.clone()) {
        return site.problem(asked.lang, Some(liaison), Problem::Often);
    }
    match (asked.posts, path) {
        (false, [] | [""]) => see(&format!("/{}/referrals", asked.lang.code())),
        (false, ["sign-in"]) => sign_in::show(site, asked, Some(liaison)).await,
        (true, ["sign-in"]) => sign_in::finish(site, asked, Some(liaison)).await,
        (true, ["sign-out"]) => sign_in::sign_out(site, asked, liaison).await,
        (false, ["help"]) => sign_in::help(site, asked, Some(liaison)),
        (false, ["referrals"]) => referrals::list(site, asked, liaison).await,
        (false, ["referrals", id]) => referrals::show(site, asked, liaison, id).await,
        (true, ["referrals", id, action]) => referrals::act(site, asked, liaison, id, action).await,
        (false, ["keys"]) => keys::show(site, asked, liaison, None).await,
        (true, ["keys", "add"]) => keys::add(site, asked, liaison).await,
        (true, ["keys", "remove"]) => keys::remove(site, asked, liaison).await,
        _ => site.problem(asked.lang, Some(liaison), Problem::NotFound),
    }
}
