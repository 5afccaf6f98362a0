//! One event of a case, appended.

use egide_servicekit::identity::Role;
use egide_wire::proto::egide::case::v1::{CaseEvent, case_event};
use egide_wire::proto::egide::ledger::v1::{Acknowledgement, AppendRequest, AppendResponse, NewEvent, new_event};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, id_or_new};

/// Options of every command that appends one event.
#[derive(Clone, clap::Args)]
pub(crate) struct Command {
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse, allow_hyphen_values = true)]
    occurred_at: Option<Timestamp>,
}

impl Command {
    /// The command's id: the one given, or a new one. Ask once for each command.
    pub(crate) fn id(&self) -> String {
        id_or_new(self.command_id)
    }

    pub(crate) const fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }
}

/// Appends `payload` to a case as somebody in `role`, tells where it stands (and, after `record`, how it is called), and
/// with which id a lost command is repeated.
pub(crate) async fn append(
    session: &mut Session<'_>,
    command: &Command,
    role: Role,
    case: Uuid,
    payload: case_event::Payload,
    record: Option<(&str, &str)>,
) -> Result<Exit, Failure> {
    let event = CaseEvent { payload: Some(payload) };
    let request = AppendRequest {
        command_id: id_or_new(command.command_id),
        events: vec![NewEvent {
            stream_id: case.hyphenated().to_string(),
            occurred_at: command.occurred_at,
            payload: Some(new_event::Payload::CaseEvent(event)),
            ..NewEvent::default()
        }],
        ..AppendRequest::default()
    };
    let response = send(session, role, &request).await?;
    if session.out.is_json() {
        session.out.message(&response)?;
    } else {
        show(session, response.acknowledgement.as_ref())?;
        if let Some((name, id)) = record {
            session.out.field(name, id)?;
        }
    }
    Ok(Exit::Ok)
}

/// Where each event of a commit stands.
pub(crate) fn show(session: &mut Session<'_>, acknowledgement: Option<&Acknowledgement>) -> Result<(), Failure> {
    let lang = session.out.lang;
    for event in acknowledgement.iter().flat_map(|acknowledgement| &acknowledgement.events) {
        let place: [(&str, &dyn std::fmt::Display); 3] =
            [("case", &event.stream_id), ("revision", &event.revision), ("position", &event.position)];
        session.out.line(lang.fill("say.appended", &place))?;
    }
    Ok(())
}

/// Sends one command, again while its outcome is not known; a failure that leaves it open names the command id.
pub(crate) async fn send(
    session: &mut Session<'_>,
    role: Role,
    request: &AppendRequest,
) -> Result<AppendResponse, Failure> {
    let client = session.ledger(role)?;
    let call = || {
        let mut client = client.clone();
        let request = request.clone();
        async move { client.append(request).await }
    };
    let sent = session.until_known(call).await;
    repeatable(session, &request.command_id, sent)
}

/// Adds, where the outcome is not known, with which id to repeat the command.
pub(crate) fn repeatable<T>(
    session: &mut Session<'_>,
    command_id: &str,
    sent: Result<T, Failure>,
) -> Result<T, Failure> {
    if sent.as_ref().is_err_and(|failure| failure.exit() == Exit::Unavailable) {
        let note = session.out.lang.fill("say.repeat_with", &[("command_id", &command_id)]);
        session.out.note(note)?;
    }
    sent
}
