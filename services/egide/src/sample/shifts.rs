//! Who is on shift: while a supervisor is, nobody else breaks glass alone.

use egide_domain::house::HOUSE_STREAM;
use egide_wire::proto::egide::house::v1::house_event::Payload;
use egide_wire::proto::egide::house::v1::{HouseEvent, ShiftEnded, ShiftStarted};
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};
use prost_types::Timestamp;
use serde::Deserialize;

use super::player::{Play, Player, Stop};
use crate::session::id_or_new;

/// See `FORMAT.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shift {
    #[serde(rename = "as")]
    pub(crate) speaker: String,
    pub(crate) until: Option<String>,
}

impl Shift {
    pub(crate) fn check(&self) -> Result<(), String> {
        self.end().map(drop)
    }

    /// When it will end; `None`: it ends now.
    fn end(&self) -> Result<Option<Timestamp>, String> {
        let until = self.until.as_ref().map(|time| time.parse());
        until.transpose().map_err(|_| "`until` is no time".to_owned())
    }
}

impl Player {
    pub(super) async fn shift(&self, play: &mut Play, shift: &Shift) -> Result<(), Stop> {
        let payload = match shift.end()? {
            Some(until) => Payload::ShiftStarted(ShiftStarted { until: Some(until) }),
            None => Payload::ShiftEnded(ShiftEnded {}),
        };
        let event = NewEvent {
            stream_id: HOUSE_STREAM.to_owned(),
            payload: Some(new_event::Payload::HouseEvent(HouseEvent { payload: Some(payload) })),
            ..NewEvent::default()
        };
        let request = AppendRequest { command_id: id_or_new(None), events: vec![event], ..AppendRequest::default() };
        self.append(&shift.speaker, &request).await??;
        play.checks.count += 1;
        Ok(())
    }
}
