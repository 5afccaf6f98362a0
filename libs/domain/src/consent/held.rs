//! What still holds a consent back, for whoever just recorded it: told before anybody asks for a disclosure, so without a
//! recipient. What could hold it back for some recipient it means is told too.

use super::{Holds, Taker, denial, giver, is_voice_about_suspects};
use crate::event::{ConsentGiven, RecipientScope};
use crate::facts::{CaseFacts, ConsentAct, ConsentRecord};
use crate::ids::{ConsentId, SubjectId};
use crate::policy::Policy;
use crate::set::{Categories, Purposes, Set};
use crate::time::Timestamp;
use crate::vocabulary::{ConsentKind, DataCategory, ReasonCode};

/// What holds a category of a consent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldBy {
    /// A denial that stands; a newer record that names it in `supersedes` would let the category go.
    Denial(ConsentId),
    /// What keeps the record itself from counting.
    Itself(ReasonCode),
}

/// A category that a consent permits and that does not go, yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldBack {
    /// The category.
    pub category: DataCategory,
    /// By what.
    pub by: HeldBy,
}

/// What still holds a consent back, category by category; nothing for a record that is not known. Without a recipient, what
/// is said to a unit may be held back by what is said to an organisation or a class: both are told.
#[must_use]
pub fn held_back(facts: &CaseFacts, consent_id: ConsentId, policy: &Policy, now: Timestamp) -> Vec<HeldBack> {
    let mut held = Vec::new();
    for record in &facts.consents {
        if let ConsentAct::Given(given) = &record.act
            && given.consent_id == consent_id
        {
            Holding { facts, record, given, policy, now }.tell(&mut held);
        }
    }
    held.sort_unstable();
    held.dedup();
    held
}

struct Holding<'a> {
    facts: &'a CaseFacts,
    record: &'a ConsentRecord,
    given: &'a ConsentGiven,
    policy: &'a Policy,
    now: Timestamp,
}

impl Holding<'_> {
    fn tell(&self, held: &mut Vec<HeldBack>) {
        let Self { facts, record, given, policy, now } = *self;
        let own = Holds::of(facts, record, given, &Taker::all(facts), policy, now, None);
        let said = given.permitted.union(given.about_bringer);
        let mut say =
            |categories: Categories, by| held.extend(categories.iter().map(|category| HeldBack { category, by }));
        for code in own.failures.iter().chain(self.meant_for_nobody().iter()) {
            say(said, HeldBy::Itself(code));
        }
        say(said.intersection(own.taken_back), HeldBy::Itself(ReasonCode::ConsentWithdrawn));
        if self.is_minor_alone() {
            let whole = giver::speaks_of_giver_only(given);
            let alone = if whole { said } else { given.about_bringer };
            say(alone, HeldBy::Itself(ReasonCode::ConsentMinorAlone));
        }
        // What its giver denies, and of suspects what anybody denies who is heard about them.
        let about_giver = match given.kind {
            Some(ConsentKind::Report) => given.about_bringer.union(said.intersection(suspects())),
            Some(ConsentKind::DataSubject) | None => said,
        };
        for person in &facts.persons {
            let theirs = if Some(person.subject_id) == given.subject_id {
                about_giver
            } else if is_voice_about_suspects(facts, person) {
                said.intersection(suspects())
            } else {
                continue;
            };
            for (denial, categories) in self.denials(person.subject_id) {
                say(categories.intersection(theirs), HeldBy::Denial(denial));
            }
        }
        // Of what one record permits and denies, it denies.
        say(said.intersection(given.denied), HeldBy::Denial(given.consent_id));
    }

    fn denials(&self, whose: SubjectId) -> impl Iterator<Item = (ConsentId, Categories)> {
        let Self { record, given, .. } = *self;
        let meant = overlapping(given.recipient, given.purposes);
        let theirs = self.facts.consents.iter().filter_map(move |other| denial(other, &meant));
        theirs.filter(move |denial| denial.subject_id == whose).filter_map(move |denial| {
            let named = given.subject_id == Some(whose) && given.supersedes.contains(&denial.consent_id);
            let beaten = named && record.revision > denial.revision;
            (!beaten).then_some((denial.consent_id, denial.categories))
        })
    }

    /// What makes it a consent for no recipient or no purpose at all.
    fn meant_for_nobody(&self) -> Set<ReasonCode> {
        let mut codes = Set::EMPTY;
        if matches!(self.given.recipient, None | Some(RecipientScope::Anyone)) {
            codes.insert(ReasonCode::ConsentOtherRecipient);
        }
        if self.given.purposes.is_empty() {
            codes.insert(ReasonCode::ConsentOtherPurpose);
        }
        codes
    }

    fn is_minor_alone(&self) -> bool {
        let (facts, given) = (self.facts, self.given);
        let giver = given.subject_id.and_then(|giver| facts.person(giver));
        // What one organisation or unit is stands in the directory: any kind may be it.
        let to = |kind| match given.recipient {
            Some(RecipientScope::Kind(named) | RecipientScope::KindInRegion(named, _)) => kind == named,
            Some(RecipientScope::Organization(_) | RecipientScope::Unit(_) | RecipientScope::Anyone) | None => true,
        };
        let why = |purpose| given.purposes.contains(purpose);
        giver::is_minor_alone(facts, given, giver, self.policy, self.now, to, why)
    }
}

fn suspects() -> Categories {
    Categories::only(DataCategory::Suspects)
}

/// Whether a denial to that scope, for those purposes, can mean a recipient this permission means.
fn overlapping(
    permitted: Option<RecipientScope>,
    purposes: Purposes,
) -> impl Fn(Option<RecipientScope>, Purposes) -> bool {
    move |denied, denied_purposes| {
        let why = denied_purposes.is_empty() || denied_purposes.intersects(purposes);
        why && match (permitted, denied) {
            (None | Some(RecipientScope::Anyone), _) | (_, None | Some(RecipientScope::Anyone)) => true,
            (Some(permitted), Some(denied)) => may_mean_the_same(permitted, denied),
        }
    }
}

fn may_mean_the_same(permitted: RecipientScope, denied: RecipientScope) -> bool {
    use RecipientScope::{Anyone, Kind, KindInRegion, Organization, Unit};
    match (permitted, denied) {
        (Unit(one), Unit(two)) => one == two,
        (Organization(one), Organization(two)) => one == two,
        (KindInRegion(one, here), KindInRegion(two, there)) => one == two && here.intersects(there),
        (Kind(one) | KindInRegion(one, _), Kind(two) | KindInRegion(two, _)) => one == two,
        // Which unit belongs to which organisation, and what each of them is, stands in the directory.
        (Unit(_) | Organization(_), Kind(_) | KindInRegion(..)) | (Unit(_), Organization(_)) => true,
        (Kind(_) | KindInRegion(..), Unit(_) | Organization(_)) | (Organization(_), Unit(_)) => true,
        (Anyone, _) | (_, Anyone) => true,
    }
}
