//! What is overdue: noted by the clock, until something meets it or somebody notes otherwise. The rules of what meets an
//! obligation by itself are `egide_domain::obligations`'; told again here is what of them can happen after its time was over.

use egide_domain::ids::{ExceptionId, SubjectId};
use egide_projection::ModelError;
use egide_wire::proto::egide::case::v1::{
    BasisKind, DeliveryChannel, DisclosureDecided, ExceptionAsserted, ObligationKind, ObligationNoted, ObligationState,
    RecipientKind, WishesRecorded,
};
use prost::Message as _;

use super::{Criteria, DisclosureRow, Scribe, keys, post};
use crate::model::codes::{Code, List};
use crate::model::row::{ExceptionRow, Owed};
use crate::query::filter::Criterion;

impl Scribe<'_, '_, '_> {
    pub(in crate::model) fn exception_asserted(&mut self, asserted: &ExceptionAsserted) -> Result<(), ModelError> {
        let Ok(exception_id) = asserted.exception_id.parse::<ExceptionId>() else { return Ok(()) };
        let instrument = asserted.instrument.as_ref().map_or(0, |instrument| instrument.kind);
        let grounds = asserted.grounds.iter().map(|ground| Code::new(List::Ground, *ground));
        let codes = grounds.chain([Code::new(List::Instrument, instrument)]).filter(|code| code.number != 0);
        let (codes, break_glass) = (codes.map(Code::packed).collect(), asserted.break_glass);
        let key = keys::exception(self.place.case_id, exception_id);
        // An exception's id is taken once.
        if self.rows.get(&key)?.is_none() {
            self.rows.insert(&key, ExceptionRow { codes, break_glass, reviewed: false }.encode_to_vec());
        }
        Ok(())
    }

    /// The exceptions a decision rests on, as far as they are known.
    pub(super) fn exceptions_of(&self, decided: &DisclosureDecided) -> Result<Vec<ExceptionRow>, ModelError> {
        let bases = decided.bases.iter().filter(|basis| basis.kind == i32::from(BasisKind::Exception));
        let ids = bases.filter_map(|basis| basis.reference_id.parse::<ExceptionId>().ok());
        let rows = ids.map(|id| self.rows.get(&keys::exception(self.place.case_id, id)));
        let read = rows.filter_map(|row| match row {
            Ok(row) => row.map(|bytes| ExceptionRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)),
            Err(error) => Some(Err(error.into())),
        });
        read.collect()
    }

    /// A second person said something of an exception.
    pub(super) fn exception_reviewed(&mut self, exception_id: ExceptionId) -> Result<(), ModelError> {
        let key = keys::exception(self.place.case_id, exception_id);
        let Some(bytes) = self.rows.get(&key)? else { return Ok(()) };
        let row = ExceptionRow::decode(bytes.as_slice()).map_err(|_| ModelError::Row)?;
        self.rows.insert(&key, ExceptionRow { reviewed: true, ..row }.encode_to_vec());
        Ok(())
    }

    /// An obligation was noted.
    pub(super) fn noted(&mut self, at: u64, noted: &ObligationNoted) -> Result<(), ModelError> {
        let mut criteria = Criteria::default();
        criteria.code(List::ObligationState, noted.state);
        self.post_all(&criteria, at)?;
        let owed = Owed { kind: noted.kind, subject_id: noted.subject_id.clone() };
        let mut row = self.row(at)?;
        match noted.state() {
            ObligationState::Overdue if !row.overdue.contains(&owed) => row.overdue.push(owed),
            ObligationState::Met | ObligationState::Deferred | ObligationState::Impossible => {
                row.overdue.retain(|other| *other != owed);
            }
            ObligationState::Overdue | ObligationState::Due | ObligationState::Unspecified => return Ok(()),
        }
        self.put_overdue(at, &row)
    }

    /// What is overdue of a decision whose referral was delivered.
    pub(super) fn met_by_delivery(
        &mut self,
        channel: DeliveryChannel,
        at: u64,
        row: &DisclosureRow,
    ) -> Result<(), ModelError> {
        if !row.overdue.is_empty() {
            let by_voice = channel == DeliveryChannel::Voice;
            self.met(at, |owed| {
                owed.kind() == Some(ObligationKind::AnswerInstrument)
                    || (by_voice && owed.kind() == Some(ObligationKind::PhoneRecipient))
            })?;
        }
        let Some(decided) = row.disclosure.as_ref().and_then(|disclosure| disclosure.decided.as_ref()) else {
            return Ok(());
        };
        if decided.recipient_kind() != RecipientKind::ChildProtection {
            return Ok(());
        }
        let spoken_of: Vec<SubjectId> = decided.mask.iter().filter_map(|entry| entry.subject_id.parse().ok()).collect();
        self.met_in_case(|owed| {
            owed.kind() == Some(ObligationKind::ReportToChildProtection)
                && owed.subject_id.parse().is_ok_and(|subject_id| spoken_of.contains(&subject_id))
        })
    }

    /// A review of broken glass is met when all of what a decision rests on was reviewed.
    pub(super) fn met_by_review(&mut self, at: u64) -> Result<(), ModelError> {
        let row = self.row(at)?;
        let Some(decided) = row.disclosure.as_ref().and_then(|disclosure| disclosure.decided.as_ref()) else {
            return Ok(());
        };
        let open = self.exceptions_of(decided)?.iter().any(|exception| exception.break_glass && !exception.reviewed);
        self.met(at, |owed| !open && owed.kind() == Some(ObligationKind::ReviewBreakGlass))
    }

    pub(in crate::model) fn wishes_recorded(&mut self, wishes: &WishesRecorded) -> Result<(), ModelError> {
        self.met_in_case(|owed| {
            owed.kind() == Some(ObligationKind::RecordWishes) && owed.subject_id == wishes.subject_id
        })
    }

    /// What meets something of whatever disclosure of the case.
    fn met_in_case(&mut self, is_met: impl Fn(&Owed) -> bool) -> Result<(), ModelError> {
        for (key, _) in self.rows.prefix(&keys::overdue(self.place.case_id))? {
            self.met(keys::position_of(&key).ok_or(ModelError::Row)?, &is_met)?;
        }
        Ok(())
    }

    fn met(&mut self, at: u64, is_met: impl Fn(&Owed) -> bool) -> Result<(), ModelError> {
        let mut row = self.row(at)?;
        let before = row.overdue.len();
        row.overdue.retain(|owed| !is_met(owed));
        if row.overdue.len() == before { Ok(()) } else { self.put_overdue(at, &row) }
    }

    /// Writes a row whose list of what is overdue has changed.
    fn put_overdue(&mut self, at: u64, row: &DisclosureRow) -> Result<(), ModelError> {
        self.put_row(at, row);
        let key = keys::at(keys::overdue(self.place.case_id), at);
        if row.overdue.is_empty() {
            self.rows.remove(&key)
        } else {
            self.rows.insert(&key, Vec::new())
        }
        post(self.rows, keys::postings(&Criterion::Overdue), at, !row.overdue.is_empty())
    }
}

impl Owed {
    fn kind(&self) -> Option<ObligationKind> {
        ObligationKind::try_from(self.kind).ok()
    }
}
