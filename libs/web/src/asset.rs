//! Static files, built in. The path has the file's digest in it, so that browsers keep them for good and never an old one.

use axum::response::Response;
use egide_crypto::digest::sha256;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

/// Where they stand.
pub const PREFIX: &str = "/assets/";
/// Hexadecimal digits of the digest in a path.
const DIGITS: usize = 16;

/// The style of every page.
const STYLE: &[u8] = include_bytes!("../assets/site.css");

/// What browsers show beside the title: a shield.
const ICON: &[u8] = br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 2 4 7v8c0 8 5 13 12 15 7-2 12-7 12-15V7z" fill="#0f4c5c"/><path d="M9 16l5 5 9-10" fill="none" stroke="#fff" stroke-width="3"/></svg>"##;

/// One file.
#[derive(Debug, Clone)]
pub struct Asset {
    path: String,
    kind: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    /// A file of this name and kind (a media type).
    #[must_use]
    pub fn new(name: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let digest: String = sha256(bytes).to_string().chars().take(DIGITS).collect();
        Self { path: format!("{PREFIX}{digest}/{name}"), kind, bytes }
    }

    /// The style of every page.
    #[must_use]
    pub fn style() -> Self {
        Self::new("site.css", "text/css; charset=utf-8", STYLE)
    }

    /// What browsers show beside the title.
    #[must_use]
    pub fn icon() -> Self {
        Self::new("icon.svg", "image/svg+xml", ICON)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The file at a path, if it is one of these.
#[must_use]
pub fn answer(assets: &[Asset], path: &str) -> Option<Response> {
    let asset = assets.iter().find(|asset| asset.path == path)?;
    let mut response = Response::new(axum::body::Body::from(asset.bytes));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_its_digest_and_nothing_else_is() {
        let style = Asset::style();
        let assets = [style.clone()];
        assert!(style.path().starts_with("/assets/") && style.path().ends_with("/site.css"));
        assert!(answer(&assets, style.path()).is_some());
        for other in ["/assets/site.css", "/assets/0000000000000000/site.css", "/assets/../Cargo.toml", "/assets/"] {
            assert!(answer(&assets, other).is_none(), "{other}");
        }
    }
}
