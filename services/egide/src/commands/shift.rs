//! `egide shift`: who is on shift. While a supervisor is, nobody else breaks glass alone.

use clap::Subcommand;
use egide_domain::house::HOUSE_STREAM;
use egide_servicekit::clock;
use egide_servicekit::identity::Role;
use egide_wire::proto::egide::house::v1::house_event::Payload;
use egide_wire::proto::egide::house::v1::{GetHouseRequest, HouseEvent, ShiftEnded, ShiftStarted};
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use prost_types::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::append;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, id_or_new};
use crate::times::minute;

/// How long a shift lasts when nothing is said.
const SHIFT_S: i64 = 8 * 3_600;

/// `egide shift …`.
#[derive(Clone, Subcommand)]
pub(crate) enum Command {
    Start(Start),
    End(End),
    Show,
}

/// `egide shift start`.
#[derive(Clone, clap::Args)]
pub(crate) struct Start {
    #[arg(long, value_name = "TIME", value_parser = crate::times::parse)]
    until: Option<Timestamp>,
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

/// `egide shift end`.
#[derive(Clone, clap::Args)]
pub(crate) struct End {
    #[arg(long, value_name = "ID")]
    command_id: Option<Uuid>,
}

pub(crate) async fn run(session: &mut Session<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Start(args) => {
            let usual = Timestamp { seconds: clock::now_s().saturating_add(SHIFT_S), nanos: 0 };
            let until = args.until.unwrap_or(usual);
            record(session, args.command_id, Payload::ShiftStarted(ShiftStarted { until: Some(until) })).await?;
            let said = session.out.lang.fill("say.shift_started", &[("until", &minute(Some(&until)))]);
            tell(session, said)
        }
        Command::End(args) => {
            record(session, args.command_id, Payload::ShiftEnded(ShiftEnded {})).await?;
            let said = session.out.lang.text("say.shift_ended").to_owned();
            tell(session, said)
        }
        Command::Show => show(session).await,
    }
}

fn tell(session: &mut Session<'_>, said: String) -> Result<Exit, Failure> {
    if !session.out.is_json() {
        session.out.line(said)?;
    }
    Ok(Exit::Ok)
}

async fn record(session: &mut Session<'_>, command_id: Option<Uuid>, payload: Payload) -> Result<(), Failure> {
    let event = NewEvent {
        stream_id: HOUSE_STREAM.to_owned(),
        payload: Some(new_event::Payload::HouseEvent(HouseEvent { payload: Some(payload) })),
        ..NewEvent::default()
    };
    let command_id = id_or_new(command_id);
    let request = AppendRequest { command_id, events: vec![event], ..AppendRequest::default() };
    let response = append::send(session, Role::Supervisor, &request).await?;
    if session.out.is_json() { session.out.message(&response) } else { Ok(()) }
}

async fn show(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let client = session.house(Role::Supervisor)?;
    let call = || {
        let mut client = client.clone();
        async move { client.get_house(GetHouseRequest {}).await }
    };
    let shifts = session.until_known(call).await?.shifts;
    let who = |shift: &egide_wire::proto::egide::house::v1::Shift| {
        let actor = shift.actor.clone().unwrap_or_default();
        (actor.person, actor.role)
    };
    if session.out.is_json() {
        let rows = shifts.iter().map(|shift| {
            let (account, role) = who(shift);
            json!({
                "account": account, "role": role,
                "since": shift.since.as_ref().map(ToString::to_string),
                "until": shift.until.as_ref().map(ToString::to_string),
            })
        });
        session.out.json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Ok);
    }
    let lang = session.out.lang;
    let mut table = session.out.table(&["head.who", "head.role", "head.since", "head.until"], 0);
    for shift in &shifts {
        let (account, role) = who(shift);
        let role = lang.text(&format!("policy.role_{}", role.to_uppercase())).to_owned();
        table.add_row([account, role, minute(shift.since.as_ref()), minute(shift.until.as_ref())]);
    }
    session.out.show(&table, "say.no_shift")?;
    Ok(Exit::Ok)
}
