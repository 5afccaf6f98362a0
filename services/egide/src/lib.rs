//! The `egide` program: every role in one process (`egide up`), any role alone (`egide serve`), the client commands, and the
//! player of the sample.
//!
//! *In scope*: the command line and what it prints, in English and French; starting and ending roles; playing the sample;
//! checking a referral offline. Start reading at [`run`].
//!
//! *Out of scope*: what the services do (each in its own crate), the shape of a process (`egide-servicekit`), the contract
//! (`egide-wire`). Nothing here decides whether anything may leave.

mod acting;
pub mod audited;
mod cli;
mod commands;
pub mod endpoints;
pub mod exit;
pub mod failure;
pub mod help;
mod history_log;
mod keys;
pub mod listed;
mod nats;
mod new_file;
mod notifier;
mod output;
mod paged;
mod policy;
mod portal;
mod proofs;
mod retry;
mod roles;
pub mod sample;
mod serve;
mod session;
pub mod text;
mod times;
mod trust_file;
mod typesetter;
mod up;
pub mod verify;
pub mod witness;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

/// Runs one command line, the program's name first, and says how it ended.
#[must_use]
pub fn run(arguments: &[OsString]) -> ExitCode {
    let lang = help::lang_of(arguments, |name| std::env::var(name).ok());
    let parsed =
        help::localised(lang).try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_a_command(&error, lang),
    };
    let lang = cli.global.lang.unwrap_or(lang);
    let mut out = Output::standard(lang, cli.global.json, cli.global.quiet);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(cli, &mut out)),
        Err(error) => Err(Failure::from(error)),
    };
    let exit = ended.unwrap_or_else(|failure| {
        // Nobody is left to tell when standard error is closed; the exit code still tells.
        drop(out.failure(&failure));
        failure.exit()
    });
    exit.into()
}

async fn dispatch(cli: Cli, out: &mut Output) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    // What needs no service comes first: it works without a data directory.
    match &command {
        Command::Completions(args) => return commands::completions::run(args, out.lang),
        Command::Verify(args) => return commands::verify_file::run(out, &global, args),
        Command::Notice(command) => return commands::notice::run(out, &global, command),
        Command::Pdf(args) => return commands::pdf::run(out, &global, args).await,
        Command::Deidentify(args) => return commands::deidentify::run(out, args),
        Command::Token(args) => return commands::token::run(out, &global, args),
        Command::Trust(command) => return commands::trust::run(out, &global, command),
        Command::Keys(commands::keys::Command::Published(args)) => {
            return commands::published::run(out, &global, args);
        }
        Command::Audit(command) => {
            if let commands::audit::Command::VerifyBundle(args) = command.as_ref() {
                return commands::audit::verify_bundle(out, &global, args);
            }
        }
        Command::Log(command) => return commands::log::run(out, &global, command).await,
        Command::Pki(command) => return commands::pki::run(out, &global, command),
        Command::Policy(command) => return commands::policy::run(out, global, command).await,
        Command::Up(args) => return up::run(out, &global, args).await,
        Command::Serve(args) => return serve::run(out, &global, args).await,
        Command::Provision(command) => return commands::provision::run(out, &global, command).await,
        Command::Emit(_)
        | Command::Case(_)
        | Command::Consent(_)
        | Command::Exception(_)
        | Command::Authority(_)
        | Command::Wishes(_)
        | Command::Emergency(_)
        | Command::Contact(_)
        | Command::Obligations(_)
        | Command::Reviews(_)
        | Command::Outside(_)
        | Command::Narrative(_)
        | Command::Disclose(_)
        | Command::Preview(_)
        | Command::Decision(_)
        | Command::Approval(_)
        | Command::Deliver(_)
        | Command::Package(_)
        | Command::Recall(_)
        | Command::Find(_)
        | Command::Withdraw(_)
        | Command::Referrals(_)
        | Command::History(_)
        | Command::Replay(_)
        | Command::Account(_)
        | Command::Keys(_)
        | Command::Hold(_)
        | Command::Shift(_)
        | Command::Directory(_) => {}
    }
    let mut session = Session::open(global, out)?;
    match &command {
        Command::Emit(args) => commands::emit::run(&mut session, args).await,
        Command::Case(args) => commands::case::run(&mut session, args).await,
        Command::Consent(args) => commands::consent::run(&mut session, args).await,
        Command::Exception(args) => commands::exception::run(&mut session, args).await,
        Command::Authority(args) => commands::authority::run(&mut session, args).await,
        Command::Wishes(args) => commands::authority::wishes(&mut session, args).await,
        Command::Emergency(args) => commands::emergency::run(&mut session, args).await,
        Command::Contact(args) => commands::contact::run(&mut session, args).await,
        Command::Obligations(args) => commands::obligations::run(&mut session, args).await,
        Command::Reviews(args) => commands::reviews::run(&mut session, args).await,
        Command::Outside(args) => commands::reviews::outside(&mut session, args).await,
        Command::Narrative(args) => commands::narrative::run(&mut session, args).await,
        Command::Disclose(args) => commands::disclose::run(&mut session, args).await,
        Command::Preview(args) => commands::explain::preview(&mut session, args).await,
        Command::Decision(args) => commands::explain::run(&mut session, args).await,
        Command::Approval(args) => commands::approval::run(&mut session, args).await,
        Command::Deliver(args) => commands::deliver::run(&mut session, args).await,
        Command::Package(args) => commands::package::run(&mut session, args).await,
        Command::Recall(args) => commands::recall::run(&mut session, args).await,
        Command::Find(args) => commands::callers::find(&mut session, args).await,
        Command::Withdraw(args) => commands::callers::withdraw(&mut session, args).await,
        Command::Referrals(args) => commands::referrals::run(&mut session, args).await,
        Command::History(args) => commands::history::run(&mut session, args).await,
        Command::Replay(args) => commands::replay::run(&mut session, args).await,
        Command::Audit(command) => commands::audit::run(&mut session, command).await,
        Command::Account(args) => commands::account::run(&mut session, args).await,
        Command::Keys(args) => commands::keys::run(&mut session, args).await,
        Command::Hold(args) => commands::hold::run(&mut session, args).await,
        Command::Shift(args) => commands::shift::run(&mut session, args).await,
        Command::Directory(args) => commands::directory::run(&mut session, args).await,
        Command::Completions(_)
        | Command::Verify(_)
        | Command::Notice(_)
        | Command::Pdf(_)
        | Command::Deidentify(_)
        | Command::Token(_)
        | Command::Trust(_)
        | Command::Log(_)
        | Command::Pki(_)
        | Command::Policy(_)
        | Command::Up(_)
        | Command::Serve(_)
        | Command::Provision(_) => Ok(Exit::Ok),
    }
}

/// Help and version are results; everything else is a mistake.
fn not_a_command(error: &clap::Error, lang: text::Lang) -> ExitCode {
    use std::io::Write as _;
    let shown = error.render().to_string();
    let (exit, written) = match error.kind() == ErrorKind::DisplayHelp || error.kind() == ErrorKind::DisplayVersion {
        true => (Exit::Ok, write!(std::io::stdout(), "{shown}")),
        false => (Exit::Usage, writeln!(std::io::stderr(), "{}", help::mistake(error, lang))),
    };
    if written.is_err() { Exit::Unexpected.into() } else { exit.into() }
}
