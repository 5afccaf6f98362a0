//! `egide keys shred`: destroys keys, after it has said what is lost and what stays.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;
use egide_servicekit::identity::Role;
use egide_wire::classification::{SealUnder, event_class};
use egide_wire::descriptors::to_dynamic;
use egide_wire::proto::egide::audit::v1::AccessReason;
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{Answer, CaseEvent, IdentityProof, KeyShredded, ShredGround, ShredScope};
use egide_wire::proto::egide::ledger::v1::{OpenState, ReadCaseRequest, RecordedEvent, recorded_event};
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use uuid::Uuid;

use crate::commands::append::{self, append};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::value_of;
use crate::session::{Session, id_or_new};

/// Events asked for at a time.
const PAGE: u32 = 500;

/// `egide keys shred …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Person(Person),
    Narrative(Narrative),
    Case(Case),
}

/// What every shred says.
#[derive(Clone, clap::Args)]
pub(crate) struct Why {
    #[arg(long, required = true, value_parser = value_of::<ShredGround>())]
    ground: ShredGround,
    #[arg(long, value_parser = value_of::<IdentityProof>())]
    proof: Option<IdentityProof>,
    #[arg(long, value_parser = value_of::<Answer>())]
    speaking_freely: Option<Answer>,
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    command: append::Command,
}

/// `egide keys shred person CASE PERSON`.
#[derive(Clone, clap::Args)]
pub(crate) struct Person {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "PERSON")]
    person: Uuid,
    #[command(flatten)]
    why: Why,
}

/// `egide keys shred narrative CASE NARRATIVE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Narrative {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[arg(value_name = "NARRATIVE")]
    narrative: Uuid,
    #[command(flatten)]
    why: Why,
}

/// `egide keys shred case CASE`.
#[derive(Clone, clap::Args)]
pub(crate) struct Case {
    #[arg(value_name = "CASE")]
    case: Uuid,
    #[command(flatten)]
    why: Why,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    let (case, why, shred) = asked(command);
    if !why.yes {
        let reason = match why.ground {
            ShredGround::PersonAsked => AccessReason::PersonAsked,
            ShredGround::CourtOrder => AccessReason::Legal,
            ShredGround::Schedule | ShredGround::RecordedInError | ShredGround::Unspecified => {
                AccessReason::Supervision
            }
        };
        let events = facts_of(session, case, reason).await?;
        tell(session, &lost(&events, &shred)?)?;
        confirm(session)?;
    }
    let exit = append(session, &why.command, Role::Supervisor, case, Payload::KeyShredded(shred), None).await?;
    session.out.note(session.out.lang.text("say.closed_now"))?;
    Ok(exit)
}

fn asked(command: &Command) -> (Uuid, &Why, KeyShredded) {
    let shred = |scope: ShredScope, why: &Why| KeyShredded {
        scope: scope.into(),
        ground: why.ground.into(),
        proof: why.proof.unwrap_or_default().into(),
        speaking_freely: why.speaking_freely.unwrap_or_default().into(),
        ..KeyShredded::default()
    };
    match command {
        Command::Person(Person { case, person, why }) => {
            let subject_id = id_or_new(Some(*person));
            (*case, why, KeyShredded { subject_id, ..shred(ShredScope::Person, why) })
        }
        Command::Narrative(Narrative { case, narrative, why }) => {
            let narrative_id = id_or_new(Some(*narrative));
            (*case, why, KeyShredded { narrative_id, ..shred(ShredScope::Narrative, why) })
        }
        Command::Case(Case { case, why }) => (*case, why, shred(ShredScope::Case, why)),
    }
}

/// How many records can no longer be opened afterwards.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lost {
    records: usize,
    narratives: usize,
    reports: usize,
}

/// The facts of all events of a case, for a person who looks for this reason, which is recorded.
pub(super) async fn facts_of(
    session: &mut Session<'_>,
    case: Uuid,
    reason: AccessReason,
) -> Result<Vec<RecordedEvent>, Failure> {
    let mut client = session.ledger(Role::Supervisor)?;
    let mut events = Vec::new();
    let mut from_revision = 0;
    loop {
        let request = ReadCaseRequest {
            case_id: id_or_new(Some(case)),
            from_revision,
            page_size: PAGE,
            reason: reason.into(),
            ..ReadCaseRequest::default()
        };
        let page = session.out.waiting("say.waiting", client.read_case(request)).await?.into_inner();
        events.extend(page.events);
        if page.next_revision == 0 {
            return Ok(events);
        }
        from_revision = page.next_revision;
    }
}

/// What an event of a case says.
pub(super) fn payload(event: &RecordedEvent) -> Option<&Payload> {
    match &event.payload {
        Some(recorded_event::Payload::CaseEvent(event)) => event.payload.as_ref(),
        Some(
            recorded_event::Payload::DirectoryEvent(_)
            | recorded_event::Payload::AccessEvent(_)
            | recorded_event::Payload::HouseEvent(_),
        )
        | None => None,
    }
}

/// What of these events is sealed under keys that this shred closes.
fn lost(events: &[RecordedEvent], shred: &KeyShredded) -> Result<Lost, Failure> {
    let mut lost = Lost::default();
    for event in events.iter().filter(|event| event.open_state() != OpenState::Unspecified) {
        let Some(payload) = payload(event) else { continue };
        let message = message_of(payload.clone())?;
        let whole = shred.scope() == ShredScope::Case;
        let seal_under = event_class(&message.descriptor()).map_or(SealUnder::Unspecified, |class| class.seal_under());
        let about = |field: &str, id: &str| names(&message, field, id);
        let (count, goes) = match seal_under {
            SealUnder::Subject => (&mut lost.records, about("subject_id", &shred.subject_id)),
            SealUnder::Narrative => {
                let told_of = about("subject_ids", &shred.subject_id);
                (&mut lost.narratives, told_of || about("narrative_id", &shred.narrative_id))
            }
            SealUnder::Everybody => (&mut lost.reports, about("subject_ids", &shred.subject_id)),
            SealUnder::Case | SealUnder::Unspecified => (&mut lost.records, false),
        };
        *count += usize::from(goes || whole);
    }
    Ok(lost)
}

/// The message inside a payload.
fn message_of(payload: Payload) -> Result<DynamicMessage, Failure> {
    let unknown = || Failure::new(Exit::Unexpected, "fail.contract");
    let event = to_dynamic(&CaseEvent { payload: Some(payload) }).map_err(|_| unknown())?;
    let inner = event.fields().next().and_then(|(_, value)| value.as_message().cloned());
    inner.ok_or_else(unknown)
}

/// Whether a field holds this id, alone or among others.
fn names(message: &DynamicMessage, field: &str, id: &str) -> bool {
    let Some(value) = message.get_field_by_name(field) else { return false };
    let items = value.as_list().unwrap_or(std::slice::from_ref(&*value));
    !id.is_empty() && items.iter().any(|item| item.as_str() == Some(id))
}

fn tell(session: &mut Session<'_>, lost: &Lost) -> Result<(), Failure> {
    let lang = session.out.lang;
    let places: [(&str, &dyn std::fmt::Display); 3] =
        [("records", &lost.records), ("narratives", &lost.narratives), ("reports", &lost.reports)];
    session.out.ask(lang.fill("say.shred_loses", &places))?;
    session.out.ask(lang.text("say.shred_keeps"))
}

/// Only a typed yes goes on; where nobody can type, `--yes` is needed.
fn confirm(session: &mut Session<'_>) -> Result<(), Failure> {
    let refused = || Failure::new(Exit::Usage, "fail.unconfirmed");
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    let lang = session.out.lang;
    session.out.ask(lang.text("say.type_yes"))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case(lang.text("word.yes")) { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_wire::proto::egide::case::v1::{NarrativeRecorded, PersonIdentified, ReferralReleased, TriageAssessed};

    const ONE: &str = "01900000-0000-7000-8000-000000000001";
    const TWO: &str = "01900000-0000-7000-8000-000000000002";
    const TOLD: &str = "01900000-0000-7000-8000-000000000003";

    fn event(payload: Payload, state: OpenState) -> RecordedEvent {
        let event = CaseEvent { payload: Some(payload) };
        RecordedEvent {
            payload: Some(recorded_event::Payload::CaseEvent(event)),
            open_state: state.into(),
            ..RecordedEvent::default()
        }
    }

    fn person(id: &str) -> RecordedEvent {
        let person = PersonIdentified { subject_id: id.to_owned(), ..PersonIdentified::default() };
        event(Payload::PersonIdentified(person), OpenState::Sealed)
    }

    fn events() -> Vec<RecordedEvent> {
        let told = |id: &str, people: &[&str]| {
            let subject_ids = people.iter().map(|id| (*id).to_owned()).collect();
            let told = NarrativeRecorded { narrative_id: id.to_owned(), subject_ids, ..NarrativeRecorded::default() };
            event(Payload::NarrativeRecorded(told), OpenState::Sealed)
        };
        let released = ReferralReleased { subject_ids: vec![ONE.to_owned(), TWO.to_owned()], ..Default::default() };
        vec![
            person(ONE),
            person(ONE),
            person(TWO),
            told(TOLD, &[ONE, TWO]),
            told(ONE, &[TWO]),
            event(Payload::ReferralReleased(released), OpenState::Sealed),
            event(Payload::TriageAssessed(TriageAssessed::default()), OpenState::Unspecified),
        ]
    }

    #[test]
    fn what_is_lost_is_counted_by_whose_keys_go() {
        let shred = |scope: ShredScope, subject: &str, narrative: &str| KeyShredded {
            scope: scope.into(),
            subject_id: subject.to_owned(),
            narrative_id: narrative.to_owned(),
            ..KeyShredded::default()
        };
        let lost = |shred: KeyShredded| super::lost(&events(), &shred).unwrap();
        assert_eq!(lost(shred(ShredScope::Person, ONE, "")), Lost { records: 2, narratives: 1, reports: 1 });
        assert_eq!(lost(shred(ShredScope::Narrative, "", TOLD)), Lost { records: 0, narratives: 1, reports: 0 });
        assert_eq!(lost(shred(ShredScope::Case, "", "")), Lost { records: 3, narratives: 2, reports: 1 });
    }
}
