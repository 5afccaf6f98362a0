//! `egide emergency`: three in the morning. One command from "somebody is in danger" to a script that can be read to a
//! dispatcher: glass is broken, the emergency service is asked for, the referral is delivered by voice.
//!
//! Every step has an id that follows from the command's, so the same command may be given again whenever its outcome is not
//! known, and nothing happens twice.

use egide_domain::age::Majority;
use egide_domain::facts::{CaseFacts, Person};
use egide_domain::vocabulary as domain;
use egide_domain::{Categories, Policy, Roles};
use egide_servicekit::clock;
use egide_servicekit::identity::Role;
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{
    Basis, BasisKind, CaseEvent, DeliveryChannel, ExceptionAsserted, ExceptionGround, ExceptionKind, Purpose,
    ReferralMode,
};
use egide_wire::proto::egide::disclosure::v1::{
    DeliverReferralRequest, DeliverReferralResponse, RequestDisclosureRequest,
};
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use serde_json::json;
use uuid::Uuid;

use super::append::{repeatable, send};
use super::case_facts;
use super::decision;
use super::referrals::show_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new, words_given};

/// Domain of the ids of the command's steps.
const STEPS: &str = "egide/emergency/v1";
/// Who is reached, before anybody is: whoever answers at the directory's number.
const WHOEVER_ANSWERS: &str = "dispatcher";

/// `egide emergency CASE --unit UNIT --danger GROUND --line TEXT`.
#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(long, value_name = "GROUND", required = true, value_parser = value_of::<ExceptionGround>())]
    danger: ExceptionGround,
    #[arg(long, value_name = "TEXT", required = true)]
    line: String,
    #[arg(long)]
    minor: bool,
    #[arg(long, value_delimiter = ',')]
    person: Vec<Uuid>,
    #[arg(long, value_name = "TEXT", default_value = WHOEVER_ANSWERS)]
    received_by: String,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// What is to be done, worked out before anything is asked.
struct Emergency {
    command: Uuid,
    case_id: String,
    unit_id: String,
    kind: ExceptionKind,
    purpose: Purpose,
    categories: Vec<i32>,
    people: Vec<String>,
}

pub(crate) async fn run(session: &mut Session<'_>, args: &Args) -> Result<Exit, Failure> {
    let unit = session.unit().ok_or_else(|| Failure::new(Exit::Usage, "fail.emergency_without_unit"))?;
    let known = case_facts::read(session, Role::Supervisor, args.case, AccessReason::WorkingTheCase).await?;
    let emergency = Emergency::of(args, unit, &known.facts)?;
    let done = emergency.carry_out(session, args).await;
    let done = repeatable(session, &emergency.command.hyphenated().to_string(), done)?;
    match done {
        Done::Refused(decided) => {
            decision::show(session.out, &decided)?;
            session.out.note(session.out.lang.text("say.denied_next"))?;
            Ok(Exit::Refused)
        }
        Done::Delivered { exception, referral, response } => {
            show(session, args, &exception, &referral, &response)?;
            Ok(Exit::Ok)
        }
    }
}

/// What came of it.
enum Done {
    Refused(Box<egide_wire::proto::egide::disclosure::v1::Decision>),
    Delivered { exception: String, referral: String, response: Box<DeliverReferralResponse> },
}

impl Emergency {
    fn of(args: &Args, unit: Uuid, facts: &CaseFacts) -> Result<Self, Failure> {
        let (kind, purpose) = match args.minor {
            true => (ExceptionKind::Minor, Purpose::ChildProtection),
            false => (ExceptionKind::ImminentDanger, Purpose::EmergencyResponse),
        };
        let policy =
            Policy::embedded().map_err(|error| Failure::new(Exit::Unexpected, "fail.config").with("error", error))?;
        let named: Vec<String> = args.person.iter().map(|person| id_or_new(Some(*person))).collect();
        let people = if named.is_empty() { in_danger(facts, args.minor, &policy) } else { named };
        if people.is_empty() {
            return Err(Failure::new(Exit::Usage, "fail.nobody_in_danger"));
        }
        Ok(Self {
            command: args.command_id.unwrap_or_else(Uuid::new_v4),
            case_id: id_or_new(Some(args.case)),
            unit_id: id_or_new(Some(unit)),
            kind,
            purpose,
            categories: categories(kind, purpose, &policy),
            people,
        })
    }

    /// An id that follows from the command's.
    fn id(&self, step: &str) -> String {
        let digest = egide_crypto::digest::sha256_parts(STEPS, &[self.command.as_bytes(), step.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest.as_bytes()).for_each(|(byte, from)| *byte = *from);
        uuid::Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string()
    }

    async fn carry_out(&self, session: &mut Session<'_>, args: &Args) -> Result<Done, Failure> {
        let exception = self.id("exception");
        send(session, Role::Supervisor, &self.assertion(&exception, args)?).await?;
        let disclosure = session.disclosure(Role::Supervisor)?;
        let request = self.request(&exception);
        let call = || {
            let mut client = disclosure.clone();
            let request = request.clone();
            async move { client.request_disclosure(request).await }
        };
        let decided = session.until_known(call).await?.decision;
        let decided = decided.ok_or_else(|| Failure::new(Exit::Unexpected, "fail.contract"))?;
        if decided.referral_id.is_empty() {
            return Ok(Done::Refused(Box::new(decided)));
        }
        let referral = decided.referral_id;
        let request = DeliverReferralRequest {
            command_id: self.id("deliver"),
            referral_id: referral.clone(),
            channel: DeliveryChannel::Voice.into(),
            received_by: words_given(&args.received_by)?,
            spoken: Vec::new(),
        };
        let call = || {
            let mut client = disclosure.clone();
            let request = request.clone();
            async move { client.deliver_referral(request).await }
        };
        let response = Box::new(session.until_known(call).await?);
        Ok(Done::Delivered { exception, referral, response })
    }

    fn assertion(&self, exception: &str, args: &Args) -> Result<AppendRequest, Failure> {
        let asserted = ExceptionAsserted {
            exception_id: exception.to_owned(),
            kind: self.kind.into(),
            subject_ids: self.people.clone(),
            grounds: vec![args.danger.into()],
            line_to_send: words_given(&args.line)?,
            break_glass: true,
            ..ExceptionAsserted::default()
        };
        let event = CaseEvent { payload: Some(Payload::ExceptionAsserted(asserted)) };
        Ok(AppendRequest {
            command_id: self.id("assert"),
            events: vec![NewEvent {
                stream_id: self.case_id.clone(),
                payload: Some(new_event::Payload::CaseEvent(event)),
                ..NewEvent::default()
            }],
            ..AppendRequest::default()
        })
    }

    fn request(&self, exception: &str) -> RequestDisclosureRequest {
        let basis = Basis {
            kind: BasisKind::Exception.into(),
            reference_id: exception.to_owned(),
            exception: self.kind.into(),
        };
        RequestDisclosureRequest {
            command_id: self.id("disclose"),
            case_id: self.case_id.clone(),
            unit_id: self.unit_id.clone(),
            purpose: self.purpose.into(),
            categories: self.categories.clone(),
            subject_ids: Vec::new(),
            relies_on: vec![basis],
            mode: ReferralMode::Written.into(),
            ..RequestDisclosureRequest::default()
        }
    }
}

/// Whom the danger concerns when nobody is named: potential victims and children, and where it is about a minor those of them
/// who are not known to be adults. A caller who is neither is not told of.
fn in_danger(facts: &CaseFacts, minor: bool, policy: &Policy) -> Vec<String> {
    let now = clock::now();
    let concerned = Roles::from([domain::PersonRole::PotentialVictim, domain::PersonRole::Child]);
    let may_be = |person: &&Person| !minor || person.majority_at(now, policy) != Majority::Adult;
    let people = facts.persons.iter().filter(|person| person.roles.intersects(concerned) && !person.erased);
    people.filter(may_be).map(|person| person.subject_id.to_string()).collect()
}

/// Everything that the policy lets whoever comes at once have under this exception; the gate narrows it to the unit.
fn categories(kind: ExceptionKind, purpose: Purpose, policy: &Policy) -> Vec<i32> {
    let kind = domain::ExceptionKind::read(kind.into()).ok().flatten();
    let rows = kind.and_then(|kind| policy.exception(kind)).into_iter().flat_map(|rule| &rule.recipients);
    let rows = rows.filter(|row| row.break_glass && row.purpose.number() == i32::from(purpose));
    let reached = rows.fold(Categories::EMPTY, |reached, row| reached.union(row.ceiling.categories()));
    reached.iter().map(domain::DataCategory::number).collect()
}

/// The number first, then what to say: read under stress, on a narrow screen.
fn show(
    session: &mut Session<'_>,
    args: &Args,
    exception: &str,
    referral: &str,
    response: &DeliverReferralResponse,
) -> Result<(), Failure> {
    if session.out.is_json() {
        return session.out.json(&json!({
            "exception_id": exception,
            "referral_id": referral,
            "callback_number": response.callback_number,
            "script": response.script,
        }));
    }
    let lang = session.out.lang;
    let number = match response.callback_number.as_str() {
        "" => lang.text("say.no_callback"),
        number => number,
    };
    session.out.line(format!(">>> {} {number}", lang.text("say.call_now")))?;
    session.out.line("")?;
    for line in response.script.lines() {
        show_line(session.out, line)?;
    }
    session.out.line("")?;
    session.out.line("<<<")?;
    session.out.note(lang.fill("say.asserted", &[("case", &args.case), ("exception", &exception)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_at_once_is_asked_where_and_what_and_never_for_narratives() {
        for (kind, purpose) in [
            (ExceptionKind::ImminentDanger, Purpose::EmergencyResponse),
            (ExceptionKind::Minor, Purpose::ChildProtection),
        ] {
            let categories = categories(kind, purpose, &Policy::embedded().unwrap());
            assert!(categories.contains(&domain::DataCategory::Whereabouts.number()));
            assert!(!categories.contains(&domain::DataCategory::Narrative.number()));
        }
    }

    #[test]
    fn the_same_command_has_the_same_steps_and_another_has_others() {
        let emergency = |command| Emergency {
            command: Uuid::from_bytes([command; 16]),
            case_id: String::new(),
            unit_id: String::new(),
            kind: ExceptionKind::Minor,
            purpose: Purpose::ChildProtection,
            categories: Vec::new(),
            people: Vec::new(),
        };
        assert_eq!(emergency(1).id("assert"), emergency(1).id("assert"));
        assert_ne!(emergency(1).id("assert"), emergency(1).id("deliver"));
        assert_ne!(emergency(1).id("assert"), emergency(2).id("assert"));
    }
}
