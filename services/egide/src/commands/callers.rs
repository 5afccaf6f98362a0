//! `egide case number`, `egide find`, `egide withdraw`: for whoever speaks with a caller. What a caller says is read from a
//! file or from standard input, never from the command line, which every process of the machine can see.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::ledger::v1::{
    AssignNumberRequest, ChoosePhraseRequest, FindCasesRequest, FindCasesResponse, FoundCase, RecogniseCallerRequest,
    WithdrawByCallerRequest,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::append::repeatable;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::output::Output;
use crate::session::{Session, id_or_new};

/// A file, or `-` for standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Input,
    File(PathBuf),
}

impl FromStr for Said {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Input } else { Self::File(text.into()) })
    }
}

impl Said {
    /// What was said, without the end of its line.
    fn read(&self) -> Result<Zeroizing<String>, Failure> {
        let mut text = Zeroizing::new(match self {
            Self::Input => std::io::read_to_string(std::io::stdin())?,
            Self::File(path) => read(path)?,
        });
        let kept = text.trim_end_matches(['\n', '\r']).len();
        text.truncate(kept);
        Ok(text)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}

/// Reads what was said, where anything was.
fn words(said: Option<&Said>) -> Result<String, Failure> {
    said.map_or_else(|| Ok(String::new()), |said| Ok(said.read()?.to_string()))
}

/// `egide case number CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Number {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, required = true, value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
    #[arg(long, value_name = "PERSON")]
    person: Option<Uuid>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    phrase: Option<Said>,
    #[arg(long, value_name = "FILE", requires = "phrase", value_hint = clap::ValueHint::FilePath)]
    current_phrase: Option<Said>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// What a caller says of themself, and why it is asked.
#[derive(Clone, clap::Args)]
struct Told {
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["phone", "name"])]
    number: Option<String>,
    #[arg(long, value_name = "FILE", requires = "number", value_hint = clap::ValueHint::FilePath)]
    phrase: Option<Said>,
    #[arg(long, value_name = "FILE", required_unless_present_any = ["number", "name"], value_hint = clap::ValueHint::FilePath)]
    phone: Option<Said>,
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    name: Option<Said>,
    #[arg(long, required = true, value_parser = value_of::<AccessReason>())]
    reason: AccessReason,
}

/// `egide find`: a number finds nothing without its phrase.
#[derive(Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("recognised").arg("number").requires("phrase"))]
pub(crate) struct Find {
    #[command(flatten)]
    told: Told,
}

/// `egide withdraw`: a number alone is enough.
#[derive(Clone, clap::Args)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    told: Told,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn number(session: &mut Session<'_>, args: &Number) -> Result<Exit, Failure> {
    let client = session.callers(Role::Responder)?;
    let command_id = id_or_new(args.command_id);
    let subject_id = args.person.map(|person| id_or_new(Some(person))).unwrap_or_default();
    let request = AssignNumberRequest {
        command_id: command_id.clone(),
        case_id: id_or_new(Some(args.case)),
        subject_id: subject_id.clone(),
        reason: i32::from(args.reason),
    };
    let sent = session
        .until_known(|| {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.assign_number(request).await }
        })
        .await;
    let answer = repeatable(session, &command_id, sent)?;
    if let Some(phrase) = &args.phrase {
        let request = ChoosePhraseRequest {
            command_id: command_id.clone(),
            case_id: request.case_id,
            subject_id,
            phrase: phrase.read()?.to_string(),
            current_phrase: words(args.current_phrase.as_ref())?,
        };
        let sent = session
            .until_known(|| {
                let (mut client, request) = (client.clone(), request.clone());
                async move { client.choose_phrase(request).await }
            })
            .await;
        repeatable(session, &command_id, sent)?;
    }
    if session.out.is_json() {
        session.out.message(&answer)?;
        return Ok(Exit::Ok);
    }
    session.out.field("head.number", &answer.number)?;
    let said = match (&args.phrase, answer.known_before) {
        (Some(_), _) => "say.phrase_chosen",
        (None, false) => "say.number_assigned",
        (None, true) => "say.number_known",
    };
    session.out.note(session.out.lang.text(said))?;
    Ok(Exit::Ok)
}

pub(crate) async fn find(session: &mut Session<'_>, Find { told: args }: &Find) -> Result<Exit, Failure> {
    let mut client = session.callers(Role::Responder)?;
    let reason = i32::from(args.reason);
    let answer = match &args.number {
        Some(number) => {
            let phrase = words(args.phrase.as_ref())?;
            let request = RecogniseCallerRequest { number: number.clone(), phrase, reason };
            let answer = session.out.waiting("say.waiting", client.recognise_caller(request)).await?.into_inner();
            FindCasesResponse { candidates: answer.found.into_iter().collect(), more: false }
        }
        None => {
            let (phone, name) = (words(args.phone.as_ref())?, words(args.name.as_ref())?);
            let request = FindCasesRequest { phone, name, reason };
            session.out.waiting("say.waiting", client.find_cases(request)).await?.into_inner()
        }
    };
    if session.out.is_json() {
        session.out.message(&answer)?;
        return Ok(Exit::Ok);
    }
    show(session.out, &answer.candidates)?;
    if answer.more {
        session.out.note(session.out.lang.text("say.more_candidates"))?;
    }
    Ok(Exit::Ok)
}

fn show(out: &mut Output, candidates: &[FoundCase]) -> Result<(), Failure> {
    let lang = out.lang;
    let mut table = out.table(&["head.case", "head.person", "head.opened", "head.jurisdiction", "head.state"], 3);
    for found in candidates {
        let state = if found.closed { "say.case_closed" } else { "say.case_open" };
        let jurisdiction = lang.find(found.jurisdiction().as_str_name()).unwrap_or_default();
        table.add_row([
            found.case_id.as_str(),
            found.subject_id.as_str(),
            found.opened_month.as_str(),
            jurisdiction,
            lang.text(state),
        ]);
    }
    out.show(&table, "say.no_candidates")
}

pub(crate) async fn withdraw(session: &mut Session<'_>, args: &Withdraw) -> Result<Exit, Failure> {
    let client = session.callers(Role::Responder)?;
    let Withdraw { told: args, command_id } = args;
    let request = WithdrawByCallerRequest {
        command_id: id_or_new(*command_id),
        number: args.number.clone().unwrap_or_default(),
        phrase: words(args.phrase.as_ref())?,
        phone: words(args.phone.as_ref())?,
        name: words(args.name.as_ref())?,
        reason: i32::from(args.reason),
    };
    let sent = session
        .until_known(|| {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.withdraw_by_caller(request).await }
        })
        .await;
    let answer = repeatable(session, &request.command_id, sent)?;
    if session.out.is_json() {
        session.out.message(&answer)?;
    } else {
        session.out.line(session.out.lang.text("say.withdrawal_taken"))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_finds_nothing_without_its_phrase_and_withdraws_without() {
        let parsed = |words: &str| {
            let command = crate::help::localised(crate::text::Lang::English);
            command.try_get_matches_from(format!("egide {words} --reason working-the-case").split(' ')).is_ok()
        };
        assert!(!parsed("find --number 1") && parsed("find --number 1 --phrase -"));
        assert!(parsed("find --phone -") && parsed("find --name -") && !parsed("find"));
        assert!(parsed("withdraw --number 1") && parsed("withdraw --phone - --name -") && !parsed("withdraw"));
        for command in ["find", "withdraw"] {
            assert!(!parsed(&format!("{command} --phrase -")), "{command}: a phrase says nothing by itself");
            assert!(!parsed(&format!("{command} --number 1 --phrase - --phone -")), "{command}");
        }
    }

    #[test]
    fn what_was_said_comes_from_a_file_or_from_standard_input() {
        assert_eq!("-".parse(), Ok(Said::Input));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "trois hérons bleus\r\n").unwrap();
        let said: Said = file.path().to_str().unwrap().parse().unwrap();
        assert_eq!(said.read().unwrap().as_str(), "trois hérons bleus");
        let missing: Said = "trois hérons bleus".parse().unwrap();
        assert_eq!(missing.read().unwrap_err().exit(), Exit::Unreadable, "words are taken for a file's name");
    }
}
