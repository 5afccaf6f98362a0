//! Headers that every answer has, whatever it is.

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

/// Nothing from elsewhere, nothing inline, nothing evaluated, framed by nobody.
pub const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types";

const ALWAYS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    // Not `no-referrer`: browsers would then send forms with the origin `null`.
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), usb=(), interest-cohort=(), publickey-credentials-create=(self), publickey-credentials-get=(self)",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive"),
];

/// Two years, as browsers' lists ask.
const TRANSPORT: &str = "max-age=63072000; includeSubDomains";

/// Puts them on. Nothing is kept anywhere unless the answer itself says otherwise.
pub fn secure(response: &mut Response, is_https: bool) {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_them_and_none_allows_inline_or_eval() {
        let mut response = Response::default();
        secure(&mut response, true);
        for (name, _) in ALWAYS {
            assert!(response.headers().contains_key(&name), "{name}");
        }
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[STRICT_TRANSPORT_SECURITY], TRANSPORT);
        assert!(
            !CONTENT_POLICY.contains("unsafe") && !CONTENT_POLICY.contains('*') && !CONTENT_POLICY.contains("http")
        );
    }
}
