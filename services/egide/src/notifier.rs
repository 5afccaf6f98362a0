//! How the notifier is set up: the mail server, who vouches for receivers, and its key.

use std::path::PathBuf;

use clap::ValueEnum;
use egide_domain::notices::Mailbox;
use egide_notifier::{MailConfig, MailSecurity};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// The port for mail that is submitted with `STARTTLS` (RFC 6409).
const SUBMISSION: u16 = 587;
/// The port for mail over TLS (RFC 8314).
const SUBMISSIONS: u16 = 465;

/// Settings of the notifier.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct NotifierArgs {
    #[arg(long, value_name = "HOST[:PORT]", env = "EGIDE_SMTP", requires = "mail_from")]
    smtp: Option<String>,
    #[arg(long, value_name = "HOW", value_enum, default_value = "starttls", requires = "smtp")]
    smtp_security: SmtpSecurity,
    #[arg(long, value_name = "NAME", requires = "smtp_password_file")]
    smtp_user: Option<String>,
    #[arg(long, value_name = "FILE", requires = "smtp_user", value_hint = clap::ValueHint::FilePath)]
    smtp_password_file: Option<PathBuf>,
    #[arg(long, value_name = "MAILBOX", env = "EGIDE_MAIL_FROM")]
    mail_from: Option<String>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    notice_authorities: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SmtpSecurity {
    Tls,
    #[default]
    Starttls,
    None,
}

impl NotifierArgs {
    /// Authorities beside the system's.
    pub(crate) fn authorities(&self) -> Option<PathBuf> {
        self.notice_authorities.clone()
    }

    /// The mail server, if one is named.
    pub(crate) fn mail(&self) -> Result<Option<MailConfig>, Failure> {
        let (Some(server), Some(from)) = (&self.smtp, &self.mail_from) else { return Ok(None) };
        let refused = |error: String| Failure::new(Exit::Usage, "fail.mail").with("error", error);
        let (security, usual) = match self.smtp_security {
            SmtpSecurity::Tls => (MailSecurity::Tls, SUBMISSIONS),
            SmtpSecurity::Starttls => (MailSecurity::StartTls, SUBMISSION),
            SmtpSecurity::None => (MailSecurity::None, SUBMISSION),
        };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| refused(format!("`{port}` is no port")))?),
            None => (server.as_str(), usual),
        };
        let from = Mailbox::parse(from).map_err(|error| refused(format!("--mail-from {error}")))?;
        let credentials = match (&self.smtp_user, &self.smtp_password_file) {
            (Some(name), Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
                let password = Zeroizing::new(text);
                Some((name.clone(), Zeroizing::new(password.trim_end_matches(['\r', '\n']).to_owned())))
            }
            (_, _) => None,
        };
        Ok(Some(MailConfig { host: host.to_owned(), port, security, from, credentials }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_has_the_port_of_its_kind_unless_one_is_named() {
        let named = |smtp: &str, smtp_security| NotifierArgs {
            smtp: Some(smtp.to_owned()),
            smtp_security,
            mail_from: Some("line@example.ca".to_owned()),
            ..NotifierArgs::default()
        };
        let mail = |args: &NotifierArgs| args.mail().map(|mail| mail.map(|mail| (mail.host, mail.port)));
        let of = |smtp, security| mail(&named(smtp, security)).unwrap().unwrap();
        assert_eq!(of("mail.example.ca", SmtpSecurity::Starttls), ("mail.example.ca".to_owned(), 587));
        assert_eq!(of("mail.example.ca", SmtpSecurity::Tls), ("mail.example.ca".to_owned(), 465));
        assert_eq!(of("127.0.0.1:2525", SmtpSecurity::None), ("127.0.0.1".to_owned(), 2525));
        assert_eq!(mail(&NotifierArgs::default()).unwrap(), None);
        assert_eq!(mail(&named("mail.example.ca:x", SmtpSecurity::Tls)).unwrap_err().exit(), Exit::Usage);
        let nobody = NotifierArgs { mail_from: Some("line".to_owned()), ..named("mail.example.ca", SmtpSecurity::Tls) };
        assert_eq!(mail(&nobody).unwrap_err().exit(), Exit::Usage);
    }
}
