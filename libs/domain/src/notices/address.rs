//! Addresses at which units are told that something waits for them: only what can be nothing else is taken, so that no address
//! ends a header, names a user, or sends a notice in clear over a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 512;
/// Longest name of a host, in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Longest part of a host's name between dots, in bytes.
const LABEL_BYTES_MAX: usize = 63;
/// Longest mailbox, in bytes (RFC 5321, with its angle brackets taken off).
const MAILBOX_BYTES_MAX: usize = 254;
/// Longest part before the `@`, in bytes.
const LOCAL_BYTES_MAX: usize = 64;

/// A text that is no address. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("is missing")]
    Empty,
    /// It is too long.
    #[error("is too long: a URL has at most 512 bytes, a mailbox 254")]
    TooLong,
    /// Some sign has no place in an address.
    #[error("holds a space or a sign that has no place in an address; write it as it stands on the wire, in ASCII")]
    Sign,
    /// It is neither `https://` nor, to this machine, `http://`.
    #[error("does not begin with `https://`; `http://` is for this machine alone, in development")]
    Scheme,
    /// It names a user or a password.
    #[error("names a user: a receiver knows us by our signature")]
    User,
    /// It has a fragment.
    #[error("has a fragment (`#`), which is never sent")]
    Fragment,
    /// The host is none, or its port is no number.
    #[error("has no host that can be reached, or a port that is no number")]
    Host,
    /// It is no mailbox.
    #[error("is no mailbox such as `duty-desk@example.ca`, without quotes, comments and other scripts")]
    Mailbox,
}

/// The URL of a receiver: `https://` anywhere, or `http://` to this machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookUrl {
    text: String,
    encrypted: bool,
    host: String,
    authority: String,
    port: u16,
    target: String,
}

impl WebhookUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`AddressError`]; nothing of the text is repeated.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > URL_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        let (encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(AddressError::Scheme),
        };
        if rest.contains('#') {
            return Err(AddressError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(AddressError::Sign)?;
        if authority.contains('@') {
            return Err(AddressError::User);
        }
        let (host, port) = host_and_port(authority)?;
        if !is_target(path) {
            return Err(AddressError::Sign);
        }
        let url = Self {
            text: text.to_owned(),
            encrypted,
            port: port.unwrap_or(if encrypted { 443 } else { 80 }),
            host,
            authority: authority.to_owned(),
            target: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        };
        if encrypted || url.is_loopback() { Ok(url) } else { Err(AddressError::Scheme) }
    }

    /// The text it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached over TLS; otherwise it is this machine.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The host without brackets: a name, or an address of IP.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and port as they stand in the URL, for the header `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The port, by the scheme where none is named.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What is asked for of the host: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether it is this machine, by its words alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookUrl(..)")
    }
}

/// The mailbox of a desk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mailbox {
    local: String,
    domain: String,
}

impl Mailbox {
    /// Reads a mailbox: letters, digits and signs of a dot-atom (RFC 5322), `@`, and the name of a host.
    ///
    /// # Errors
    /// [`AddressError`]; nothing of the text is repeated.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > MAILBOX_BYTES_MAX {
            return Err(AddressError::TooLong);
        }
        let (local, domain) = text.split_once('@').ok_or(AddressError::Mailbox)?;
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        let atom = |part: &str| !part.is_empty() && part.bytes().all(sign);
        let local_fits = local.len() <= LOCAL_BYTES_MAX && local.split('.').all(atom);
        let domain_fits = is_name(domain) && (domain.contains('.') || is_loopback(domain));
        if local_fits && domain_fits {
            Ok(Self { local: local.to_owned(), domain: domain.to_ascii_lowercase() })
        } else {
            Err(AddressError::Mailbox)
        }
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The host behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox(..)")
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), AddressError> {
    let (host, rest, fits) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(AddressError::Host)?;
            (host, rest, host.parse::<Ipv6Addr>().is_ok())
        }
        None => {
            let (host, rest) =
                authority.split_at_checked(authority.find(':').unwrap_or(authority.len())).ok_or(AddressError::Host)?;
            // All digits and dots: an address in full, or nothing that everybody reads alike.
            let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            (host, rest, if numeric { host.parse::<Ipv4Addr>().is_ok() } else { is_name(host) })
        }
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            Some(digits.parse::<u16>().ok().filter(|port| plain && *port > 0).ok_or(AddressError::Host)?)
        }
        None if rest.is_empty() => None,
        None => return Err(AddressError::Host),
    };
    if fits { Ok((host.to_ascii_lowercase(), port)) } else { Err(AddressError::Host) }
}

/// The name of a host: letters, digits and hyphens between dots. Other scripts stand there as Punycode.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= HOST_BYTES_MAX && host.split('.').all(label)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Path and query of RFC 3986, every percent sign with its two digits.
fn is_target(path: &str) -> bool {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => [bytes.next(), bytes.next()].iter().flatten().filter(|byte| byte.is_ascii_hexdigit()).count() == 2,
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_in_its_parts() {
        let url = WebhookUrl::parse("https://Desk.Example.ca:8443/hooks/a%20b?x=1").unwrap();
        assert_eq!((url.host(), url.port(), url.target()), ("desk.example.ca", 8443, "/hooks/a%20b?x=1"));
        assert_eq!((url.authority(), url.is_encrypted(), url.is_loopback()), ("Desk.Example.ca:8443", true, false));
        let bare = WebhookUrl::parse("https://desk.example.ca?x").unwrap();
        assert_eq!((bare.port(), bare.target()), (443, "/?x"));
        for here in ["http://127.0.0.1:9/x", "http://[::1]/", "http://localhost"] {
            assert!(WebhookUrl::parse(here).unwrap().is_loopback(), "{here}");
        }
        assert_eq!(format!("{url:?}"), "WebhookUrl(..)");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_url() {
        let refused = [
            ("", AddressError::Empty),
            ("ftp://desk.example.ca", AddressError::Scheme),
            ("HTTPS://desk.example.ca", AddressError::Scheme),
            ("http://desk.example.ca", AddressError::Scheme),
            ("http://127.0.0.1.example.ca/", AddressError::Scheme),
            ("https://user@desk.example.ca", AddressError::User),
            ("https://user:pass@desk.example.ca/", AddressError::User),
            ("https://desk.example.ca/#part", AddressError::Fragment),
            ("https://", AddressError::Host),
            ("https:///path", AddressError::Host),
            ("https://desk.example.ca:", AddressError::Host),
            ("https://desk.example.ca:0", AddressError::Host),
            ("https://desk.example.ca:+443", AddressError::Host),
            ("https://desk.example.ca:65536", AddressError::Host),
            ("https://127.1/", AddressError::Host),
            ("https://[::1", AddressError::Host),
            ("https://[::1]x/", AddressError::Host),
            ("https://d\u{e9}sk.example.ca", AddressError::Host),
            ("https://desk.example.ca\\@other/", AddressError::User),
            ("https://desk.example.ca/a b", AddressError::Sign),
            ("https://desk.example.ca/\r\nHost: x", AddressError::Sign),
            ("https://desk.example.ca/%2", AddressError::Sign),
            ("https://desk.example.ca/%zz", AddressError::Sign),
        ];
        for (text, error) in refused {
            assert_eq!(WebhookUrl::parse(text), Err(error), "{text}");
        }
        let long = format!("https://desk.example.ca/{}", "x".repeat(URL_BYTES_MAX));
        assert_eq!(WebhookUrl::parse(&long), Err(AddressError::TooLong));
    }

    #[test]
    fn a_mailbox_is_a_plain_one() {
        let desk = Mailbox::parse("Duty.Desk+egide@Example.CA").unwrap();
        assert_eq!(desk.to_string(), "Duty.Desk+egide@example.ca");
        assert!(Mailbox::parse("desk@localhost").is_ok());
        for text in [
            "desk",
            "@example.ca",
            "desk@",
            "desk@example",
            "a..b@example.ca",
            ".a@example.ca",
            "\"a b\"@example.ca",
            "a@b@example.ca",
            "desk@example.ca\r\nBcc: x@example.ca",
            "desk@example.ca,other@example.ca",
            "<desk@example.ca>",
            "desk@[127.0.0.1]",
            "d\u{e9}sk@example.ca",
            "desk@-example.ca",
        ] {
            assert_eq!(Mailbox::parse(text), Err(AddressError::Mailbox), "{text}");
        }
        assert_eq!(Mailbox::parse(&format!("{}@example.ca", "x".repeat(65))), Err(AddressError::Mailbox));
        assert_eq!(Mailbox::parse(&format!("x@{}.ca", "x".repeat(300))), Err(AddressError::TooLong));
        assert_eq!(format!("{desk:?}"), "Mailbox(..)");
    }
}
