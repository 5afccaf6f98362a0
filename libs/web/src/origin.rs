//! Where a request came from, as far as the browser says.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};

/// The request is not for this site, or a page of another one made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// It names another host, none, or several: a name that somebody pointed at us.
    #[error("the request is for another host")]
    Host,
    /// Another site's page sends a form, or asks for something else than a page.
    #[error("another site's page made the request")]
    Site,
}

fn single<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a request may be looked at. What changes something needs the site's own origin, said by the browser; reading may be begun
/// elsewhere only by following a link.
///
/// # Errors
/// [`NotOurs`].
pub fn check(method: &Method, headers: &HeaderMap, origin: &str) -> Result<(), NotOurs> {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    if single(headers, &HOST) != Some(host) {
        return Err(NotOurs::Host);
    }
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("cross-site"));
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if reads {
        let elsewhere = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
        let follows_link = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
            && headers.get("sec-fetch-dest").is_some_and(|to| to == "document");
        return if elsewhere && !follows_link { Err(NotOurs::Site) } else { Ok(()) };
    }
    let own = single(headers, &ORIGIN) == Some(origin) && site.is_none_or(|site| site == "same-origin");
    if own { Ok(()) } else { Err(NotOurs::Site) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    const OWN: &str = "https://portal.example";

    fn asked(method: Method, headers: &[(&'static str, &'static str)]) -> Result<(), NotOurs> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&method, &map, OWN)
    }

    #[test]
    fn a_form_comes_from_our_own_page() {
        let host = ("host", "portal.example");
        let post = |more: &[(&'static str, &'static str)]| asked(Method::POST, &[&[host], more].concat());
        assert!(post(&[("origin", OWN)]).is_ok());
        assert!(post(&[("origin", OWN), ("sec-fetch-site", "same-origin")]).is_ok());
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://portal.example.net")],
            &[("origin", "http://portal.example")],
            &[("origin", OWN), ("origin", OWN)],
            &[("origin", OWN), ("sec-fetch-site", "cross-site")],
            &[("origin", OWN), ("sec-fetch-site", "same-site")],
            &[("origin", OWN), ("sec-fetch-site", "none")],
        ] {
            assert_eq!(post(bad), Err(NotOurs::Site), "{bad:?}");
        }
    }

    #[test]
    fn another_host_is_not_ours_and_a_link_may_be_followed() {
        assert_eq!(asked(Method::GET, &[]), Err(NotOurs::Host));
        assert_eq!(asked(Method::GET, &[("host", "10.0.0.1")]), Err(NotOurs::Host));
        assert_eq!(asked(Method::GET, &[("host", "portal.example"), ("host", "x")]), Err(NotOurs::Host));
        let host = ("host", "portal.example");
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(asked(Method::GET, &[&[host], &link[..]].concat()).is_ok());
        let frame = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        assert_eq!(asked(Method::GET, &[&[host], &frame[..]].concat()), Err(NotOurs::Site));
        let image = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
        assert_eq!(asked(Method::GET, &[&[host], &image[..]].concat()), Err(NotOurs::Site));
    }
}
