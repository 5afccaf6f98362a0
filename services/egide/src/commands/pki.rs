//! `egide pki`: the certificate authority of development.

use std::path::PathBuf;
use std::time::Duration;

use egide_servicekit::clock;
use egide_servicekit::identity::ServiceName;
use egide_servicekit::pki::{Authority, LIFETIME_MAX, Order, files_of, read_certificate, services_of, trust_domain_of};
use egide_servicekit::tls::uri_of;
use serde_json::json;

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::proofs;
use crate::times::second_of;

/// `egide pki init|issue|renew|show`.
#[derive(Clone, clap::Subcommand)]
pub(crate) enum Command {
    Init,
    Issue(Issue),
    Renew(Renew),
    Show,
}

/// `egide pki issue`.
#[derive(Clone, clap::Args)]
pub(crate) struct Issue {
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<ServiceName>,
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=LIFETIME_MAX.as_secs() / 3600))]
    hours: u64,
}

/// `egide pki renew`.
#[derive(Clone, clap::Args)]
pub(crate) struct Renew {
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    #[arg(long)]
    all: bool,
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreadable, "fail.tls").with("error", error)
}

pub(crate) fn run(out: &mut Output, global: &Global, command: &Command) -> Result<Exit, Failure> {
    let folder = proofs::folder(&global.data());
    match command {
        Command::Init => {
            let authority = Authority::open_or_make(&folder, &global.tls.trust_domain()?).map_err(refused)?;
            show(out, authority.folder().to_owned())
        }
        Command::Issue(issue) => {
            let authority = open(folder)?;
            for service in &issue.services {
                let lifetime = Duration::from_secs(issue.hours.saturating_mul(3600));
                authority.issue(&Order { lifetime, ..order(service, &issue.host) }).map_err(refused)?;
            }
            show(out, authority.folder().to_owned())
        }
        Command::Renew(renew) => {
            let authority = open(folder)?;
            for service in authority.services().map_err(refused)? {
                let order = order(&service, &renew.host);
                if renew.all {
                    authority.issue(&order).map_err(refused)?;
                } else {
                    authority.renew_if_due(&order).map_err(refused)?;
                }
            }
            show(out, authority.folder().to_owned())
        }
        Command::Show => show(out, folder),
    }
}

fn order(service: &ServiceName, hosts: &[String]) -> Order {
    hosts.iter().fold(Order::new(service.clone()), Order::with_host)
}

fn missing(folder: &std::path::Path) -> Failure {
    Failure::new(Exit::NotFound, "fail.no_authority").with("folder", folder.display())
}

fn open(folder: PathBuf) -> Result<Authority, Failure> {
    Authority::open(&folder).map_err(refused)?.ok_or_else(|| missing(&folder))
}

/// What stands in the folder: public parts only.
fn show(out: &mut Output, folder: PathBuf) -> Result<Exit, Failure> {
    let trust_domain = trust_domain_of(&folder).map_err(refused)?.ok_or_else(|| missing(&folder))?;
    let mut certificates = Vec::new();
    for service in services_of(&folder).map_err(refused)? {
        let files = files_of(&folder, &service);
        let certificate = read_certificate(&files.certificate).map_err(refused)?;
        certificates.push((service, files, certificate));
    }
    if out.is_json() {
        for (service, files, certificate) in &certificates {
            out.json(&json!({
                "identity": uri_of(&trust_domain, service),
                "serial": hex(&certificate.serial),
                "not_before": second_of(certificate.not_before_s),
                "not_after": second_of(certificate.not_after_s),
                "certificate": files.certificate,
                "key": files.key,
                "authorities": files.authorities,
            }))?;
        }
        return Ok(Exit::Ok);
    }
    let lang = out.lang;
    out.line(lang.fill("say.authority", &[("trust_domain", &trust_domain), ("folder", &folder.display())]))?;
    for (service, files, certificate) in &certificates {
        let key = match certificate.counts_at(clock::now_s()) {
            true => "say.certificate",
            false => "say.certificate_over",
        };
        let until = second_of(certificate.not_after_s);
        out.line(lang.fill(key, &[("service", service), ("until", &until), ("path", &files.certificate.display())]))?;
    }
    Ok(Exit::Ok)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
