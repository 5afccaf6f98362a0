//! What stands in the rows, and under which keys.

use egide_wire::proto::egide::ledger::v1::Event;

/// An event as it stands in the log, without what is sealed.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct EventRow {
    #[prost(uint64, tag = "1")]
    pub(crate) position: u64,
    #[prost(int64, tag = "2")]
    pub(crate) recorded_at_ms: i64,
    #[prost(message, optional, tag = "3")]
    pub(crate) event: Option<Event>,
}

/// Where a decision is, and what it led to.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct DecisionRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) case_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(crate) revision: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) position: u64,
    /// Empty when there is none.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) referral_id: Vec<u8>,
}

/// How a referral stands.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ReferralRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) case_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) decision_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) unit_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) organization_id: Vec<u8>,
    /// Where it was released.
    #[prost(uint64, tag = "5")]
    pub(crate) position: u64,
    #[prost(int64, tag = "6")]
    pub(crate) released_at_ms: i64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) report_digest: Vec<u8>,
    #[prost(string, tag = "8")]
    pub(crate) key_id: String,
    #[prost(bool, tag = "9")]
    pub(crate) urgent: bool,
    #[prost(string, tag = "10")]
    pub(crate) supplementary_to: String,
    /// First delivery.
    #[prost(int64, optional, tag = "11")]
    pub(crate) delivered_at_ms: Option<i64>,
    /// First receipt.
    #[prost(int64, optional, tag = "12")]
    pub(crate) acknowledged_at_ms: Option<i64>,
    /// First recall.
    #[prost(int64, optional, tag = "13")]
    pub(crate) recalled_at_ms: Option<i64>,
    /// First receipt of a recall.
    #[prost(int64, optional, tag = "14")]
    pub(crate) recall_acknowledged_at_ms: Option<i64>,
}

/// Where a request for approval is.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ApprovalRow {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) case_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(crate) revision: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) position: u64,
}

macro_rules! opaque_debug {
    ($($row:ident),+) => {$(
        impl std::fmt::Debug for $row {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($row), "(..)"))
            }
        }
    )+};
}

opaque_debug!(EventRow, DecisionRow, ReferralRow, ApprovalRow);

pub(crate) mod key {
    //! Keys.

    use egide_domain::ids::{ApprovalId, CaseId, DecisionId, DeliveryId, OrganizationId, ReferralId, UnitId};

    fn of(kind: u8, id: &[u8; 16], number: Option<u64>) -> Vec<u8> {
        let mut key = Vec::with_capacity(25);
        key.push(kind);
        key.extend_from_slice(id);
        if let Some(number) = number {
            key.extend_from_slice(&number.to_be_bytes());
        }
        key
    }

    pub(crate) fn case_event(case_id: CaseId, revision: u64) -> Vec<u8> {
        of(b'e', case_id.as_bytes(), Some(revision))
    }

    pub(crate) fn directory_event(organization_id: OrganizationId, revision: u64) -> Vec<u8> {
        of(b'd', organization_id.as_bytes(), Some(revision))
    }

    pub(crate) fn unit(unit_id: UnitId) -> Vec<u8> {
        of(b'u', unit_id.as_bytes(), None)
    }

    pub(crate) fn decision(decision_id: DecisionId) -> Vec<u8> {
        of(b'k', decision_id.as_bytes(), None)
    }

    pub(crate) fn decision_of_case(case_id: CaseId, position: u64) -> Vec<u8> {
        of(b'l', case_id.as_bytes(), Some(position))
    }

    pub(crate) fn referral(referral_id: ReferralId) -> Vec<u8> {
        of(b'r', referral_id.as_bytes(), None)
    }

    pub(crate) fn referral_of_unit(unit_id: UnitId, position: u64) -> Vec<u8> {
        of(b'w', unit_id.as_bytes(), Some(position))
    }

    pub(crate) fn policy(digest: &[u8]) -> Vec<u8> {
        [b"p".as_slice(), digest].concat()
    }

    pub(crate) fn delivery(delivery_id: DeliveryId) -> Vec<u8> {
        of(b'v', delivery_id.as_bytes(), None)
    }

    pub(crate) fn recall_of_unit(unit_id: UnitId, position: u64) -> Vec<u8> {
        of(b'c', unit_id.as_bytes(), Some(position))
    }

    pub(crate) fn approval(approval_id: ApprovalId) -> Vec<u8> {
        of(b'a', approval_id.as_bytes(), None)
    }

    pub(crate) fn open_approval(position: u64) -> Vec<u8> {
        [b"o".as_slice(), &position.to_be_bytes()].concat()
    }

    /// Before all decisions, which stand case by case, in each in the log's order.
    pub(crate) fn decisions_begin() -> Vec<u8> {
        vec![b'l']
    }

    /// Behind all decisions.
    pub(crate) fn decisions_end() -> Vec<u8> {
        vec![b'l' + 1]
    }

    /// The number at the end of a key.
    pub(crate) fn number(key: &[u8]) -> Option<u64> {
        key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }
}
