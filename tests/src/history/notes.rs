//! What the clock notes of what is owed: each thing once, however often whoever notes it dies.

use std::collections::BTreeSet;

use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{ApprovalOutcome, ObligationState};

use crate::log::{Entry, Facts};

/// Of what was noted as overdue: decision (UUID) and kind.
pub type Overdue = BTreeSet<(String, i32)>;

/// Goes through what was noted by the clock; what became overdue.
///
/// # Errors
/// What was noted twice, or in the wrong order.
pub fn notes(log: &[Entry]) -> Result<Overdue, String> {
    let mut seen = BTreeSet::new();
    let mut overdue = Overdue::new();
    for entry in log {
        match &entry.facts {
            Facts::Case(Payload::ObligationNoted(noted)) => {
                let state = noted.state();
                if !matches!(state, ObligationState::Due | ObligationState::Overdue) {
                    continue;
                }
                let of = (noted.decision_id.clone(), noted.kind, noted.subject_id.clone());
                if !seen.insert((of.clone(), noted.state)) {
                    return Err(format!("an obligation of {} was noted twice alike", noted.decision_id));
                }
                if state == ObligationState::Overdue {
                    overdue.insert((of.0, of.1));
                } else if seen.contains(&(of, ObligationState::Overdue.into())) {
                    return Err(format!(
                        "an obligation of {} was noted as due after it was overdue",
                        noted.decision_id
                    ));
                }
            }
            Facts::Case(Payload::ApprovalDecided(decided)) if decided.outcome() == ApprovalOutcome::Expired => {
                if !seen.insert(((decided.approval_id.clone(), 0, String::new()), decided.outcome)) {
                    return Err(format!("approval {} expired twice", decided.approval_id));
                }
            }
            Facts::Case(_) | Facts::Directory(_) | Facts::Access(_) | Facts::House(_) => {}
        }
    }
    Ok(overdue)
}
