//! The frame around every page, and the pages that say what to do when there is none.

use askama::Template;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::text::Tongue;

/// A link of the menu.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where to.
    pub href: String,
    /// What it says.
    pub text: String,
    /// Whether it is this page.
    pub here: bool,
}

/// Who is signed in, and how they end it.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What they are called here.
    pub account: String,
    /// Where the form that ends it goes.
    pub sign_out: String,
    /// Its token.
    pub token: String,
}

/// The frame. Nothing in it is taken for HTML but `content`, which a template wrote.
#[derive(Template)]
#[template(path = "shell.html")]
pub struct Shell<'p> {
    /// The texts.
    pub t: Tongue<'p>,
    /// The title of the page: never anything about anybody.
    pub title: &'p str,
    /// The name of the site.
    pub site: &'p str,
    /// The start page.
    pub home: &'p str,
    /// The same page in the other language.
    pub other: &'p str,
    /// The picture that browsers show beside the title.
    pub icon: &'p str,
    /// The style.
    pub style: &'p str,
    /// The script, on the pages that need one.
    pub script: Option<&'p str>,
    /// The menu.
    pub menu: &'p [Link],
    /// Who is signed in.
    pub signed_in: Option<&'p SignedIn>,
    /// The page.
    pub content: &'p str,
}

impl std::fmt::Debug for Shell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").field("title", &self.title).finish_non_exhaustive()
    }
}

/// What went wrong, as far as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Nothing here, or not theirs.
    NotFound,
    /// A form that is not from a page of this session.
    Form,
    /// A request that makes no sense.
    Request,
    /// Too many.
    Often,
    /// Something behind the site.
    Later,
}

impl Problem {
    /// Its status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Form => StatusCode::FORBIDDEN,
            Self::Request => StatusCode::BAD_REQUEST,
            Self::Often => StatusCode::TOO_MANY_REQUESTS,
            Self::Later => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The keys of its title and its text.
    #[must_use]
    pub const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound => ("error-not-found-title", "error-not-found-text"),
            Self::Form => ("error-form-title", "error-form-text"),
            Self::Request => ("error-request-title", "error-request-text"),
            Self::Often => ("error-often-title", "error-often-text"),
            Self::Later => ("error-later-title", "error-later-text"),
        }
    }
}

/// The content of the page about a problem. It is the same whoever asks and whatever for.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct ProblemPage<'p> {
    /// The texts.
    pub t: Tongue<'p>,
    /// What it is.
    pub problem: Problem,
    /// The start page.
    pub home: &'p str,
}

/// An answer that is a page.
#[must_use]
pub fn html(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// An answer in a few words, where there is no page to show it on.
#[must_use]
pub fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(axum::body::Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
