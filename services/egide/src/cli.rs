//! The command line: its tree, and the words it is explained with.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use egide_servicekit::identity::ServiceName;
use uuid::Uuid;

use crate::acting::Acting;
use crate::commands::{
    account, approval, audit, authority, callers, case, completions, consent, contact, deidentify, deliver, directory,
    disclose, emergency, emit, exception, explain, history, hold, keys, log, narrative, notice, obligations, package,
    pdf, pki, policy, provision, recall, referrals, replay, reviews, shift, token, trust, verify_file,
};
use crate::endpoints::Endpoints;
use crate::proofs::TlsArgs;
use crate::serve;
use crate::text::Lang;
use crate::up;

/// The whole command line. Help texts stand in `texts/help.*.json`, put in by [`crate::help::localised`].
#[derive(Parser)]
#[command(
    name = "egide",
    version,
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Up(up::Args),
    Serve(Box<serve::Args>),
    #[command(subcommand)]
    Provision(provision::Command),
    Emit(emit::Args),
    #[command(subcommand)]
    Case(case::Command),
    #[command(subcommand)]
    Consent(consent::Command),
    #[command(subcommand)]
    Exception(exception::Command),
    #[command(subcommand)]
    Authority(authority::Command),
    #[command(subcommand)]
    Wishes(authority::Wishes),
    Emergency(emergency::Args),
    #[command(subcommand)]
    Contact(contact::Command),
    #[command(subcommand)]
    Obligations(obligations::Command),
    #[command(subcommand)]
    Reviews(reviews::Command),
    #[command(subcommand)]
    Outside(reviews::Outside),
    #[command(subcommand)]
    Narrative(narrative::Command),
    Disclose(disclose::Args),
    Preview(explain::Preview),
    #[command(subcommand)]
    Decision(explain::Command),
    #[command(subcommand)]
    Approval(approval::Command),
    Deliver(deliver::Args),
    Package(package::Args),
    Recall(recall::Args),
    Find(callers::Find),
    Withdraw(callers::Withdraw),
    #[command(subcommand)]
    Referrals(referrals::Command),
    History(Box<history::Args>),
    Replay(replay::Args),
    #[command(subcommand)]
    Log(log::Command),
    Account(account::Args),
    #[command(subcommand)]
    Audit(Box<audit::Command>),
    #[command(subcommand)]
    Keys(keys::Command),
    #[command(subcommand)]
    Hold(hold::Command),
    #[command(subcommand)]
    Policy(policy::Command),
    #[command(subcommand)]
    Shift(shift::Command),
    #[command(subcommand)]
    Directory(directory::Command),
    Verify(verify_file::Args),
    #[command(subcommand)]
    Notice(notice::Command),
    Pdf(Box<pdf::Args>),
    Deidentify(deidentify::Args),
    Token(token::Args),
    #[command(subcommand)]
    Trust(trust::Command),
    #[command(subcommand)]
    Pki(pki::Command),
    Completions(completions::Args),
}

/// Options of every command.
#[derive(Clone, Args)]
pub(crate) struct Global {
    #[arg(long, global = true, value_name = "DIR", env = "EGIDE_DATA", value_hint = clap::ValueHint::DirPath)]
    data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) urls: Urls,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[arg(long = "as", id = "as", global = true, value_name = "ROLE[:ACCOUNT]")]
    pub(crate) acting: Option<Acting>,
    #[arg(long, global = true, value_name = "UNIT")]
    pub(crate) unit: Option<Uuid>,
    #[arg(long, global = true, value_name = "SERVICE", default_value = "cli")]
    pub(crate) service: ServiceName,
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, global = true, value_name = "LANG", value_parser = lang())]
    pub(crate) lang: Option<Lang>,
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Where services are, said on the command line.
#[derive(Clone, Args)]
pub(crate) struct Urls {
    #[arg(long, global = true, value_name = "URL", env = "EGIDE_LEDGER", value_hint = clap::ValueHint::Url)]
    ledger: Option<String>,
    #[arg(long, global = true, value_name = "URL", env = "EGIDE_DISCLOSURE", value_hint = clap::ValueHint::Url)]
    disclosure: Option<String>,
    #[arg(long, id = "audit_url", global = true, value_name = "URL", env = "EGIDE_AUDIT", value_hint = clap::ValueHint::Url)]
    audit: Option<String>,
    #[arg(long, global = true, value_name = "URL", env = "EGIDE_TRIAGE", value_hint = clap::ValueHint::Url)]
    triage: Option<String>,
    #[arg(long, id = "directory_url", global = true, value_name = "URL", env = "EGIDE_DIRECTORY", value_hint = clap::ValueHint::Url)]
    directory: Option<String>,
}

impl Global {
    /// The data directory: `./data` unless said otherwise.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| PathBuf::from("data"))
    }
}

impl Urls {
    /// What was said here, and for the rest what was found.
    pub(crate) fn over(&self, found: Endpoints) -> Endpoints {
        Endpoints {
            ledger: self.ledger.clone().or(found.ledger),
            disclosure: self.disclosure.clone().or(found.disclosure),
            audit: self.audit.clone().or(found.audit),
            directory: self.directory.clone().or(found.directory),
            triage: self.triage.clone().or(found.triage),
            portal: found.portal,
            metrics: found.metrics,
            nats: found.nats,
        }
    }
}

fn lang() -> impl clap::builder::TypedValueParser<Value = Lang> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(Lang::ALL.map(Lang::code))
        .try_map(|code| Lang::from_locale(&code).ok_or_else(|| format!("no language `{code}`")))
}
