//! The policy that tests work under: the shipped one, and how it is adopted in a log.

use std::sync::LazyLock;

use egide_domain::house::HOUSE_STREAM;
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::convert::policy_adopted;
use egide_wire::proto::egide::ledger::v1::ledger_service_client::LedgerServiceClient;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, NewEvent, new_event};

use crate::{TestWorld, fresh_id, within};

static SHIPPED: LazyLock<LoadedPolicy> = LazyLock::new(|| LoadedPolicy::embedded().expect("the shipped policy"));

/// The shipped policy.
#[must_use]
pub fn policy() -> LoadedPolicy {
    SHIPPED.clone()
}

/// The digest of the shipped policy, as decisions name it.
#[must_use]
pub fn policy_digest() -> Vec<u8> {
    SHIPPED.digest().as_bytes().to_vec()
}

/// The digest of one of the shipped wordings, as consents name it.
///
/// # Panics
/// When there is no such wording.
#[must_use]
pub fn wording_digest(name: &str) -> Vec<u8> {
    SHIPPED.wording_digest(name).expect("a wording of the shipped policy").as_bytes().to_vec()
}

/// The command by which the shipped policy is adopted; compliance sends it, through the console. Its id is new.
#[must_use]
pub fn adoption() -> AppendRequest {
    adoption_of(&SHIPPED)
}

/// The same for any policy.
#[must_use]
pub fn adoption_of(policy: &LoadedPolicy) -> AppendRequest {
    let event = policy_adopted(policy.policy().version(), policy.digest().as_bytes(), policy.files());
    let event = NewEvent {
        stream_id: HOUSE_STREAM.to_owned(),
        payload: Some(new_event::Payload::HouseEvent(event)),
        ..NewEvent::default()
    };
    AppendRequest { command_id: fresh_id(), events: vec![event], ..AppendRequest::default() }
}

/// Has the shipped policy adopted at a ledger without TLS.
///
/// # Panics
/// When the ledger refuses.
pub async fn adopt_policy(world: &TestWorld, ledger_url: &str) {
    adopt(world, ledger_url, &SHIPPED).await;
}

/// The same for any policy.
///
/// # Panics
/// When the ledger refuses.
pub async fn adopt(world: &TestWorld, ledger_url: &str, policy: &LoadedPolicy) {
    let credentials = world.identity().person("console", "chloe.cote", &["compliance"], None);
    let mut ledger = LedgerServiceClient::new(world.upstream(ledger_url, credentials).as_service());
    within("the policy to be adopted", ledger.append(adoption_of(policy))).await.expect("the policy is adopted");
}
