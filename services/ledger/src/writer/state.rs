//! What is known of a stream at its newest revision.

use egide_domain::directory::{OrganizationFacts, admit_directory};
use egide_domain::facts::CaseFacts;
use egide_domain::house::{HouseFacts, admit_house, admit_in_house};
use egide_domain::ids::{HoldId, OrganizationId, ReferralId};
use egide_domain::policy::Policy;
use egide_domain::time::Timestamp;
use egide_domain::{Violation, admit};
use egide_projection::{ModelError, View};
use egide_vault::KeyName;
use egide_wire::convert::{recorded_case_event, recorded_directory_event, recorded_house_event};
use egide_wire::proto::egide::ledger::v1::{Area, Event};
use std::ops::ControlFlow;

use crate::closed;
use crate::envelope::key_names;
use crate::model::{self, StreamHead, StreamId};

/// Facts of a case, of an organisation, or of the house.
#[derive(Clone)]
pub(crate) enum StreamState {
    Case(Box<CaseFacts>),
    Directory(Box<OrganizationFacts>),
    House(Box<HouseFacts>),
}

/// What the house's records say, for an event of a case that depends on them.
#[derive(Default)]
pub(crate) struct InHouse {
    pub(crate) facts: HouseFacts,
    /// Under which policy the event was decided; empty for what is no decision.
    pub(crate) policy_digest: Vec<u8>,
}

/// An event was not admitted.
pub(crate) enum NotAdmitted {
    /// The stream belongs to another area.
    OtherArea,
    /// The stream's facts do not admit it.
    Violations(Vec<Violation>),
}

impl StreamState {
    /// The state of a stream in which nothing has happened; `None` for events that belong to no stream.
    pub(crate) fn empty(area: Area) -> Option<Self> {
        match area {
            Area::Case => Some(Self::Case(Box::default())),
            Area::Directory => Some(Self::Directory(Box::default())),
            Area::House => Some(Self::House(Box::default())),
            Area::Access | Area::Unspecified => None,
        }
    }

    /// Folds the stream's events, as they stand in the projection.
    pub(crate) fn fold(view: &View<'_>, stream: StreamId, head: StreamHead) -> Result<Self, ModelError> {
        let mut state = Self::empty(head.area).ok_or(ModelError::Row)?;
        model::events(view, stream, 1, |stored| {
            state.apply(&stored.event, stored.position, stored.recorded_at);
            ControlFlow::Continue(())
        })?;
        if state.revision() == head.revision { Ok(state) } else { Err(ModelError::Row) }
    }

    pub(crate) fn revision(&self) -> u64 {
        match self {
            Self::Case(facts) => facts.revision.0,
            Self::Directory(facts) => facts.revision.0,
            Self::House(facts) => facts.revision.0,
        }
    }

    /// Takes in one more event of the stream, without asking whether it is admitted.
    fn apply(&mut self, event: &Event, position: u64, recorded_at: Timestamp) {
        match self {
            Self::Case(facts) => facts.apply(&recorded_case_event(event, position, recorded_at)),
            Self::Directory(facts) => facts.apply(&recorded_directory_event(event, position, recorded_at)),
            Self::House(facts) => facts.apply(&recorded_house_event(event, position, recorded_at)),
        }
    }

    /// Takes in one more event if the facts admit it, and the house's for an event of a case that depends on them.
    pub(crate) fn admit(
        &mut self,
        event: &Event,
        position: u64,
        recorded_at: Timestamp,
        policy: &Policy,
        in_house: Option<&InHouse>,
    ) -> Result<(), NotAdmitted> {
        match (self, event.area()) {
            (Self::Case(facts), Area::Case) => {
                let recorded = recorded_case_event(event, position, recorded_at);
                admit(facts, &recorded.event, &recorded.actor, policy, recorded_at).map_err(NotAdmitted::Violations)?;
                let (event, actor) = (&recorded.event, &recorded.actor);
                // Where nobody asked the house, nothing is adopted there.
                let nothing = InHouse::default();
                let InHouse { facts: house, policy_digest } = in_house.unwrap_or(&nothing);
                admit_in_house(house, event, policy_digest, actor, recorded_at).map_err(NotAdmitted::Violations)?;
                facts.apply(&recorded);
                Ok(())
            }
            (Self::Directory(facts), Area::Directory) => {
                let recorded = recorded_directory_event(event, position, recorded_at);
                admit_directory(facts, &recorded.event, &recorded.actor, recorded_at)
                    .map_err(NotAdmitted::Violations)?;
                facts.apply(&recorded);
                Ok(())
            }
            (Self::House(facts), Area::House) => {
                let recorded = recorded_house_event(event, position, recorded_at);
                admit_house(facts, &recorded.event, &recorded.actor, recorded_at).map_err(NotAdmitted::Violations)?;
                facts.apply(&recorded);
                Ok(())
            }
            (
                Self::Case(_) | Self::Directory(_) | Self::House(_),
                Area::Case | Area::Directory | Area::House | Area::Access | Area::Unspecified,
            ) => Err(NotAdmitted::OtherArea),
        }
    }

    /// Whether something in an event is sealed under a key that is closed here, or under one of another stream: whoever
    /// sealed it did not know of the shred, and lost the race against it. The facts say the same as the rows of
    /// [`crate::closed`], which follow from the same events, and hold what the block being made closes too.
    pub(crate) fn closes_keys_of(&self, event: &Event) -> bool {
        let mut names = event.sealed.iter().flat_map(key_names);
        match self {
            Self::Case(facts) => {
                !names.all(|name| name.is_ok_and(|name| event.stream_id == case_text(name) && is_open(facts, name)))
            }
            // No event of the directory or of the house is sealed.
            Self::Directory(_) | Self::House(_) => names.next().is_some(),
        }
    }

    /// The legal holds that stand.
    pub(crate) fn standing_holds(&self) -> Vec<HoldId> {
        match self {
            Self::Case(facts) => facts.standing_holds().map(|hold| hold.hold_id).collect(),
            Self::Directory(_) | Self::House(_) => Vec::new(),
        }
    }

    /// The organisation to which a referral of this case was released.
    pub(crate) fn recipient_of(&self, referral: ReferralId) -> Option<OrganizationId> {
        match self {
            Self::Case(facts) => facts.referral(referral).map(|known| known.released.organization_id),
            Self::Directory(_) | Self::House(_) => None,
        }
    }
}

fn case_text(name: KeyName) -> String {
    closed::case_of(name).map(|case| case.to_string()).unwrap_or_default()
}

fn is_open(facts: &CaseFacts, name: KeyName) -> bool {
    match name {
        KeyName::Subject { subject, .. } => !facts.is_erased(subject),
        KeyName::Narrative { narrative, .. } => {
            !facts.erased && facts.narrative(narrative).is_none_or(|known| !known.erased)
        }
        KeyName::Case { .. } => !facts.erased,
        KeyName::Fingerprints | KeyName::Index => false,
    }
}
