//! The house's records over gRPC: which policies were adopted, who is on shift. They are written like everything else, through
//! `Append`; who may call what, the access table says.

use std::sync::Arc;

use egide_crypto::digest::Digest;
use egide_domain::house::{AdoptedPolicy, HOUSE_STREAM, HouseFacts, Shift};
use egide_wire::convert::{recorded_house_event, to_actor, to_timestamp};
use egide_wire::proto::egide::house::v1 as proto;
use egide_wire::proto::egide::house::v1::house_event::Payload;
use egide_wire::proto::egide::house::v1::house_service_server::HouseService;
use egide_wire::proto::egide::house::v1::{
    GetHouseRequest, GetHouseResponse, GetPolicyRequest, GetPolicyResponse, HouseEvent, PolicyAdopted,
};
use egide_wire::refusal::{Violation, invalid};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::ledger::Ledger;
use crate::model::{StoredEvent, StreamId};
use crate::read::not_found;

/// See the module.
#[derive(Clone)]
pub(crate) struct HouseApi(pub(crate) Arc<Ledger>);

#[tonic::async_trait]
impl HouseService for HouseApi {
    async fn get_house(&self, _request: Request<GetHouseRequest>) -> Result<Response<GetHouseResponse>, Status> {
        let _place = self.0.room.for_reading()?;
        self.0.newest().await?;
        let facts = fold(&self.records()?);
        let now = (self.0.clock)();
        Ok(Response::new(GetHouseResponse {
            policies: facts.policies.iter().map(adopted_policy).collect(),
            shifts: facts.on_shift(now).map(shift).collect(),
        }))
    }

    async fn get_policy(&self, request: Request<GetPolicyRequest>) -> Result<Response<GetPolicyResponse>, Status> {
        let digest = Digest::try_from(request.get_ref().digest.as_slice())
            .map_err(|_| invalid(vec![Violation::new("digest", "has not exactly 32 bytes")]))?;
        let _place = self.0.room.for_reading()?;
        self.0.newest().await?;
        let records = self.records()?;
        let facts = fold(&records);
        let known = facts.policies.iter().find(|policy| policy.adopted.digest == *digest.as_bytes());
        let stored = known.and_then(|known| records.iter().find(|stored| stored.position == known.position.0));
        let (known, adopted) = known.zip(stored.and_then(adopted_by)).ok_or_else(not_found)?;
        Ok(Response::new(GetPolicyResponse { policy: Some(adopted_policy(known)), files: adopted.files }))
    }
}

impl HouseApi {
    fn records(&self) -> Result<Vec<StoredEvent>, Status> {
        self.0.events_in(StreamId::parse(HOUSE_STREAM).ok_or_else(not_found)?)
    }
}

fn fold(records: &[StoredEvent]) -> HouseFacts {
    let mut facts = HouseFacts::default();
    for stored in records {
        facts.apply(&recorded_house_event(&stored.event, stored.position, stored.recorded_at));
    }
    facts
}

fn adopted_by(stored: &StoredEvent) -> Option<PolicyAdopted> {
    match HouseEvent::decode(stored.event.facts.as_slice()).ok()?.payload? {
        Payload::PolicyAdopted(adopted) => Some(adopted),
        Payload::ShiftStarted(_) | Payload::ShiftEnded(_) => None,
    }
}

fn adopted_policy(policy: &AdoptedPolicy) -> proto::AdoptedPolicy {
    proto::AdoptedPolicy {
        version: policy.adopted.version.to_string(),
        digest: policy.adopted.digest.to_vec(),
        adopted_at: Some(to_timestamp(policy.at)),
        adopted_by: Some(to_actor(&policy.by, "")),
        position: policy.position.0,
    }
}

fn shift(shift: &Shift) -> proto::Shift {
    proto::Shift {
        actor: Some(to_actor(&shift.by, "")),
        since: Some(to_timestamp(shift.since)),
        until: Some(to_timestamp(shift.until)),
    }
}
