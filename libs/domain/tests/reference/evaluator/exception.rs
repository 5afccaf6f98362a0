//! The three mandatory exceptions, and the statute rows.

use super::case::{Case, Exception, Majority, Person, is_defence_subpoena, supervises};
use super::consent::Asked;
use super::tables::{Levels, Statute};
use egide_domain::ids::SubjectId;
use egide_domain::vocabulary::{DataCategory, ExceptionKind, MaskLevel, RecipientKind};

impl Asked<'_> {
    fn alive(&self, exception: &Exception) -> bool {
        let life = self.tables.exception(exception.asserted.kind).life;
        !exception.lifted && exception.at.checked_add(life).is_some_and(|end| self.now < end)
    }

    /// Acting alone: a supervisor's break-glass, not confirmed yet, within the period of its review.
    pub(crate) fn acts_alone(&self, exception: &Exception) -> bool {
        !exception.confirmed
            && exception.asserted.break_glass
            && supervises(&exception.by)
            && self.now < exception.at + self.tables.period("break_glass_review")
    }

    /// Whether the instrument is complete, of a kind that is a basis, and names this recipient.
    fn instrument_holds(&self, exception: &Exception, kind: RecipientKind) -> bool {
        let Some(instrument) = &exception.asserted.instrument else { return false };
        let rows = &self.tables.exception(ExceptionKind::LegalRequirement).instruments;
        let complete = !instrument.issuer.is_empty()
            && !instrument.issued_on.is_empty()
            && instrument.document_digest.is_some()
            && !instrument.scope.is_empty();
        complete
            && instrument.unit_id == Some(self.unit.unit.unit_id)
            && rows.iter().any(|row| Some(row.instrument) == instrument.kind && row.recipients.contains(&kind))
    }

    /// How far an exception reaches into the data of a person it names.
    pub(crate) fn reach(&self, exception: &Exception, subject_id: SubjectId, person: &Person) -> Levels {
        let mut reach = Levels::new();
        let Some(kind) = self.unit.kind() else { return reach };
        let asserted = &exception.asserted;
        let rule = self.tables.exception(asserted.kind);
        let standing = self.alive(exception)
            && asserted.subject_ids.contains(&subject_id)
            && asserted.grounds.iter().any(|ground| rule.grounds.contains(&ground))
            && !is_defence_subpoena(asserted);
        if !standing {
            return reach;
        }
        let minor = person.majority(self.tables, self.now) == Majority::Minor;
        let here = self.unit.has_jurisdiction(&self.case.places_of(person));
        for row in &rule.reached {
            let reached = row.recipient == kind
                && row.purpose == self.purpose
                && (here || !row.jurisdiction_required)
                && (minor || !row.minors_only)
                && (exception.confirmed || (row.break_glass && self.acts_alone(exception)))
                && (asserted.kind != ExceptionKind::LegalRequirement || self.instrument_holds(exception, kind));
            if reached {
                widen(&mut reach, &row.ceiling);
            }
        }
        let statute = asserted.kind == ExceptionKind::Minor
            && minor
            && here
            && exception.confirmed
            && self.purpose == self.tables.statute_purpose
            && self.statutes_for(person).any(|row| row.recipients.contains(&kind) && self.mandatory(row, person));
        if statute {
            widen(&mut reach, &self.tables.statute_ceiling);
        }
        if asserted.kind == ExceptionKind::LegalRequirement
            && let Some(instrument) = &asserted.instrument
        {
            reach.retain(|category, _| instrument.scope.contains(*category));
        }
        reach
    }

    /// Verified rows in force where the person is.
    pub(crate) fn statutes_for<'a>(&'a self, person: &Person) -> impl Iterator<Item = &'a Statute> {
        let places = self.case.places_of(person);
        self.tables.statutes.iter().filter(move |row| {
            row.verified
                && places.contains(&row.jurisdiction)
                && row.from.is_none_or(|from| from <= self.now)
                && row.until.is_none_or(|until| self.now < until)
        })
    }

    /// Whether a report about the person is a duty under the row, by the lowest age possible.
    pub(crate) fn mandatory(&self, row: &Statute, person: &Person) -> bool {
        let lowest = person.years(self.tables, self.now).map(|(lowest, _)| lowest);
        row.mandatory_below.zip(lowest).is_some_and(|(below, lowest)| lowest < below)
    }

    /// Whether a report about the person is optional under the row.
    pub(crate) fn optional(&self, row: &Statute, person: &Person) -> bool {
        let lowest = person.years(self.tables, self.now).map(|(lowest, _)| lowest);
        !self.mandatory(row, person) && row.optional_below.zip(lowest).is_some_and(|(below, lowest)| lowest < below)
    }
}

/// The higher level of both, category by category.
pub(crate) fn widen(reach: &mut Levels, by: &Levels) {
    for (category, level) in by {
        let known = reach.entry(*category).or_insert(*level);
        *known = (*known).max(*level);
    }
}

/// The lower level of both; what one lacks is gone.
pub(crate) fn lower(one: &Levels, other: &Levels) -> Levels {
    let both = |(category, level): (&DataCategory, &MaskLevel)| {
        other.get(category).map(|bound| (*category, (*level).min(*bound)))
    };
    one.iter().filter_map(both).collect()
}

/// A case's exceptions of which something reaches a person.
pub(crate) fn of(case: &Case) -> impl Iterator<Item = &Exception> {
    case.exceptions.values()
}
