//! The three mandatory exceptions, and the statute rows.

use super::case::{Case, Exception, Majority, Person, is_defence_subpoena, responds, supervises};
use super::consent::Asked;
use super::tables::{Levels, Statute};
use egide_domain::ids::SubjectId;
use egide_domain::vocabulary::{DataCategory, ExceptionGround, ExceptionKind, MaskLevel, RecipientKind};

impl Asked<'_> {
    fn alive(&self, exception: &Exception) -> bool {
        let life = self.tables.exception(exception.asserted.kind).life;
        !exception.lifted && exception.at.checked_add(life).is_some_and(|end| self.now < end)
    }

    /// Until when it supports anything, exclusive: the end of its life, and of the time for its review while it acts alone.
    pub(crate) fn exception_end(&self, exception: &Exception) -> Option<i64> {
        let life = exception.at + self.tables.exception(exception.asserted.kind).life;
        let review = exception.at + self.tables.period("break_glass_review");
        Some(if exception.confirmed { life } else { life.min(review) })
    }

    /// Acting alone: a supervisor's break-glass, or a responder's where the tables say so, not confirmed yet, within the period of its review.
    pub(crate) fn acts_alone(&self, exception: &Exception) -> bool {
        !exception.confirmed
            && exception.asserted.break_glass
            && (supervises(&exception.by)
                || (self.tables.exception(exception.asserted.kind).responder_alone && responds(&exception.by)))
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

    /// Whether somebody's age is one that is asked for. Not knowing it is enough for the exception of that name alone, on
    /// the ground of suspected abuse, with a supervisor behind it who asserted or confirmed it.
    fn young_enough(&self, exception: &Exception, person: &Person) -> bool {
        let asserted = &exception.asserted;
        match person.majority(self.tables, self.now) {
            Majority::Minor => true,
            Majority::Adult => false,
            Majority::Unknown => {
                asserted.kind == ExceptionKind::Minor
                    && asserted.grounds.contains(ExceptionGround::SuspectedAbuse)
                    && (exception.confirmed || supervises(&exception.by))
            }
        }
    }

    /// Whether an exception speaks of a person under a row that does or does not ask for people under 18. A suspect goes with
    /// the people in danger who are named; under an instrument, where the suspect is named.
    fn speaks_of(&self, exception: &Exception, subject_id: SubjectId, person: &Person, minors_only: bool) -> bool {
        let asserted = &exception.asserted;
        let fits = |person: &Person| !minors_only || self.young_enough(exception, person);
        if person.only_suspect() && asserted.kind != ExceptionKind::LegalRequirement {
            let named = asserted.subject_ids.iter().filter_map(|id| self.case.people.get(id));
            return named.into_iter().any(|named| brings_along(named) && fits(named));
        }
        asserted.subject_ids.contains(&subject_id) && (person.only_suspect() || fits(person))
    }

    /// How far an exception reaches into a person's data.
    pub(crate) fn reach(&self, exception: &Exception, subject_id: SubjectId, person: &Person) -> Levels {
        let mut reach = Levels::new();
        let Some(kind) = self.unit.kind() else { return reach };
        let asserted = &exception.asserted;
        let rule = self.tables.exception(asserted.kind);
        let standing = self.alive(exception)
            && asserted.grounds.iter().any(|ground| rule.grounds.contains(&ground))
            && !is_defence_subpoena(asserted);
        if !standing {
            return reach;
        }
        let here = self.unit.has_jurisdiction(&self.case.places_of(person));
        for row in &rule.reached {
            let reached = row.recipient == kind
                && row.purpose == self.purpose
                && self.speaks_of(exception, subject_id, person, row.minors_only)
                && (here || !row.jurisdiction_required)
                && (exception.confirmed || (row.break_glass && self.acts_alone(exception)))
                && (asserted.kind != ExceptionKind::LegalRequirement || self.instrument_holds(exception, kind));
            if reached {
                widen(&mut reach, &row.ceiling);
            }
        }
        // Where the hotline's own rule says nothing, a statute row may add the recipient.
        let own_rule = rule.reached.iter().any(|row| row.recipient == kind && row.purpose == self.purpose);
        let statute = asserted.kind == ExceptionKind::Minor
            && !own_rule
            && here
            && exception.confirmed
            && self.purpose == self.tables.statute_purpose
            && self.statute_speaks_of(exception, subject_id, person, kind);
        if statute {
            widen(&mut reach, &self.tables.statute_ceiling);
        }
        if asserted.kind == ExceptionKind::LegalRequirement
            && let Some(instrument) = &asserted.instrument
        {
            reach.retain(|category, _| instrument.scope.contains(*category));
        }
        // What is told about suspects concerns suspects: about anybody else it leaves on their own consent only.
        reach.retain(|category, _| (*category == DataCategory::Suspects) == person.only_suspect());
        reach
    }

    /// Whether a row demands a report about the person to this kind of recipient; a suspect goes with whom it is about. An
    /// age nobody knows (also one that was known once) counts as under 18 here, for so it was asserted.
    fn statute_speaks_of(
        &self,
        exception: &Exception,
        subject_id: SubjectId,
        person: &Person,
        kind: RecipientKind,
    ) -> bool {
        let demanded = |person: &Person| {
            let known = person.majority(self.tables, self.now) != Majority::Unknown;
            let years = person.years(self.tables, self.now).filter(|_| known);
            let (_, highest) = years.unwrap_or((0, 17));
            let demands = |row: &Statute| row.mandatory_below.is_some_and(|below| highest < below);
            self.young_enough(exception, person)
                && self.statutes_for(person).any(|row| row.recipients.contains(&kind) && demands(row))
        };
        let named = &exception.asserted.subject_ids;
        if person.only_suspect() {
            let people = named.iter().filter_map(|id| self.case.people.get(id));
            return people.into_iter().any(|named| brings_along(named) && demanded(named));
        }
        named.contains(&subject_id) && demanded(person)
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

    /// Whether a report about the person is certainly a duty under the row.
    pub(crate) fn mandatory(&self, row: &Statute, person: &Person) -> bool {
        let highest = person.years(self.tables, self.now).map(|(_, highest)| highest);
        row.mandatory_below.zip(highest).is_some_and(|(below, highest)| highest < below)
    }

    /// Whether a report about the person is certainly optional under the row.
    pub(crate) fn optional(&self, row: &Statute, person: &Person) -> bool {
        let Some((lowest, highest)) = person.years(self.tables, self.now) else { return false };
        row.mandatory_below.is_some_and(|below| lowest >= below)
            && row.optional_below.is_some_and(|below| highest < below)
    }
}

/// Whether suspects are reached with this person: not with other suspects, nor with somebody who stands in the case only
/// because their data was erased.
fn brings_along(person: &Person) -> bool {
    !(person.only_suspect() || person.erased && person.roles.is_empty())
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
