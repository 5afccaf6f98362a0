//! One message to a mailbox: the same few words for everybody, in both languages, the unit's first; no picture, no link.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egide_domain::notices::Mailbox;
use egide_domain::time::Timestamp;
use egide_domain::vocabulary::Language;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Category;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use rustls::pki_types::ServerName;

use crate::plan::{Attempt, Why};
use crate::roots::Roots;
use crate::{Error, MailConfig, MailSecurity};

/// The subject, in English first.
const SUBJECT_EN: &str = "Something waits for your unit / Quelque chose attend votre unité";
/// The subject, in French first.
const SUBJECT_FR: &str = "Quelque chose attend votre unité / Something waits for your unit";
const TEXT_EN: &str = "Something waits for your unit.\r\n\r\nLook where you usually do. This message says nothing more on purpose, and nobody reads answers to it.\r\n";
const TEXT_FR: &str = "Quelque chose attend votre unité.\r\n\r\nRegardez où vous le faites d’habitude. Ce message n’en dit pas plus, à dessein, et personne n’en lit les réponses.\r\n";
/// Letters of base64 on one line (RFC 2045).
const LINE: usize = 76;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// See the module.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    within: Duration,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailer(..)")
    }
}

impl Mailer {
    pub(crate) fn new(config: MailConfig, roots: &Roots, development: bool, within: Duration) -> Result<Self, Error> {
        let MailConfig { host, port, security, from, credentials } = config;
        let loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = match security {
            MailSecurity::None if development && loopback => Tls::None,
            MailSecurity::None => return Err(Error::MailInClear),
            MailSecurity::Tls => Tls::Wrapper(parameters(&host, roots)?),
            MailSecurity::StartTls => Tls::Required(parameters(&host, roots)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(within))
            .hello_name(ClientId::Domain(from.domain().to_owned()));
        if let Some((name, password)) = credentials {
            builder = builder.credentials(Credentials::new(name, password.as_str().to_owned()));
        }
        Ok(Self { transport: builder.build(), from, within })
    }

    /// What the mail server made of a message.
    pub(crate) async fn send(&self, to: &Mailbox, language: Language, id: &str, now: Timestamp) -> Attempt {
        let address = |mailbox: &Mailbox| Address::new(mailbox.local(), mailbox.domain()).ok();
        let envelope = address(&self.from).zip(address(to));
        let envelope = envelope.and_then(|(from, to)| Envelope::new(Some(from), vec![to]).ok());
        let Some(envelope) = envelope else { return Attempt::GivenUp(Why::Mailbox) };
        let text = message(&self.from, to, language, id, now);
        let sending = self.transport.send_raw(&envelope, text.as_bytes());
        match tokio::time::timeout(self.within, sending).await {
            Ok(Ok(_)) => Attempt::Taken,
            Ok(Err(error)) => of_error(&error),
            Err(_) => Attempt::NotTaken(Why::Late),
        }
    }
}

fn parameters(host: &str, roots: &Roots) -> Result<TlsParameters, Error> {
    let refused = |error: lettre::transport::smtp::Error| Error::Tls(error.to_string());
    if ServerName::try_from(host).is_err() {
        return Err(Error::Tls(format!("`{host}` is no name of a server")));
    }
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    for der in roots.iter() {
        builder = builder.add_root_certificate(Certificate::from_der(der.to_vec()).map_err(refused)?);
    }
    builder.build_rustls().map_err(refused)
}

/// A server's word that something will never do counts at once, unless it is about who we are: that is ours to mend, and until it
/// is mended it is tried again.
fn of_error(error: &lettre::transport::smtp::Error) -> Attempt {
    let code = error.status();
    let number = code.map(|code| code.to_string().parse().unwrap_or(0)).unwrap_or(0);
    match code {
        Some(code) if error.is_permanent() && code.category != Category::Unspecified3 => {
            Attempt::GivenUp(Why::Status(number))
        }
        Some(_) => Attempt::NotTaken(Why::Status(number)),
        None if error.is_tls() => Attempt::NotTaken(Why::Tls),
        None if error.is_timeout() => Attempt::NotTaken(Why::Late),
        None => Attempt::NotTaken(Why::Unreachable),
    }
}

/// The whole message. Mailboxes are such that nothing in them ends a line.
pub(crate) fn message(from: &Mailbox, to: &Mailbox, language: Language, id: &str, now: Timestamp) -> String {
    let (subject, first, second) = match language {
        Language::French => (SUBJECT_FR, TEXT_FR, TEXT_EN),
        Language::English | Language::Other => (SUBJECT_EN, TEXT_EN, TEXT_FR),
    };
    let mut text = String::new();
    let headers: [(&str, String); 9] = [
        ("Date", date(now.0.div_euclid(1_000))),
        ("From", format!("<{from}>")),
        ("To", format!("<{to}>")),
        ("Message-ID", format!("<{id}@{}>", from.domain())),
        ("Subject", encoded(subject)),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "base64".to_owned()),
    ];
    for (name, value) in headers {
        text.extend([name, ": ", &value, "\r\n"]);
    }
    text.push_str("\r\n");
    let body = STANDARD.encode(format!("{first}\r\n-- -- --\r\n\r\n{second}"));
    for line in body.as_bytes().chunks(LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push_str("\r\n");
    }
    text
}

/// A fixed text as encoded words (RFC 2047), broken between words so that none is too long.
fn encoded(text: &str) -> String {
    let halves: Vec<&str> = text.split_inclusive(" / ").collect();
    let words: Vec<String> = halves.iter().map(|half| format!("=?UTF-8?B?{}?=", STANDARD.encode(half))).collect();
    words.join("\r\n ")
}

/// `Mon, 23 Nov 2026 02:00:00 +0000` (RFC 5322).
fn date(timestamp_s: i64) -> String {
    let text = crate::webhook::instant(timestamp_s);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let weekday = usize::try_from(timestamp_s.div_euclid(86_400).rem_euclid(7)).ok().and_then(|day| DAYS.get(day));
    let (weekday, month) = (weekday.copied().unwrap_or_default(), month.copied().unwrap_or_default());
    format!("{weekday}, {} {month} {} {} +0000", part(8, 10), part(0, 4), part(11, 19))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_mail_has_it() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(1_795_305_600), "Sat, 22 Nov 2026 00:00:00 +0000".replace("Sat", "Sun"));
    }

    #[test]
    fn the_units_language_comes_first_and_nothing_else_differs() {
        let (from, to) = (Mailbox::parse("line@example.ca").unwrap(), Mailbox::parse("desk@example.org").unwrap());
        let body = |language| {
            let text = message(&from, &to, language, "notice_1", Timestamp(0));
            assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 100), "{text}");
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("Message-ID: <notice_1@example.ca>"), "{head}");
            String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap()
        };
        assert!(body(Language::French).starts_with(TEXT_FR) && body(Language::French).ends_with(TEXT_EN));
        assert!(body(Language::English).starts_with(TEXT_EN) && body(Language::Other).ends_with(TEXT_FR));
    }
}
