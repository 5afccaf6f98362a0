//! How old somebody can be at an instant, from a band that was assessed once. A band counts for the policy's period; after
//! it, only what time has made certain.

use crate::facts::Person;
use crate::policy::Policy;
use crate::time::{Millis, Timestamp};
use crate::vocabulary::AgeBand;

/// A year, in the hours the tables count with.
const YEAR: Millis = Millis::from_hours(8_766);
/// From this age somebody is an adult here, whatever the place.
const ADULT: u8 = 18;

/// Whether somebody is under 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Majority {
    /// Under 18.
    Minor,
    /// 18 or older.
    Adult,
    /// Not known.
    Unknown,
}

/// The ages somebody can have, in full years, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// The youngest.
    pub lowest: u8,
    /// The oldest; absent: no bound.
    pub highest: Option<u8>,
}

impl Ages {
    /// Any age under 18.
    pub const UNDER_18: Self = Self { lowest: 0, highest: Some(17) };

    /// The ages of a band, when it was assessed.
    #[must_use]
    pub const fn of(band: AgeBand) -> Self {
        match band {
            AgeBand::Under16 => Self { lowest: 0, highest: Some(15) },
            AgeBand::From16To17 => Self { lowest: 16, highest: Some(17) },
            AgeBand::Minor => Self::UNDER_18,
            AgeBand::Exactly18 => Self { lowest: 18, highest: Some(18) },
            AgeBand::From19 => Self { lowest: 19, highest: None },
            AgeBand::Adult => Self { lowest: 18, highest: None },
        }
    }

    /// The ages this many full years later: whoever had a birthday coming may be one year older than that.
    const fn later(self, full_years: u8) -> Self {
        let highest = match self.highest {
            Some(highest) => Some(highest.saturating_add(full_years).saturating_add(1)),
            None => None,
        };
        Self { lowest: self.lowest.saturating_add(full_years), highest }
    }

    /// Whether all of them, or none, are under 18.
    #[must_use]
    pub const fn majority(self) -> Majority {
        match self.highest {
            _ if self.lowest >= ADULT => Majority::Adult,
            Some(highest) if highest < ADULT => Majority::Minor,
            Some(_) | None => Majority::Unknown,
        }
    }
}

/// Whether a band is one of people under 18.
pub(crate) const fn is_minor(band: AgeBand) -> bool {
    matches!(Ages::of(band).majority(), Majority::Minor)
}

impl Person {
    /// How old the person can be at an instant; `None`: never assessed, or newly not known.
    #[must_use]
    pub fn ages_at(&self, now: Timestamp, policy: &Policy) -> Option<Ages> {
        let (band, assessed_at) = (self.age?, self.age_assessed_at?);
        let ages = Ages::of(band);
        let counts_until = assessed_at.checked_add(policy.periods().age_assessment);
        if counts_until.is_some_and(|until| now < until) {
            return Some(ages);
        }
        let full_years = now.0.saturating_sub(assessed_at.0).max(0) / YEAR.0;
        Some(ages.later(u8::try_from(full_years).unwrap_or(u8::MAX)))
    }

    /// Whether the person is under 18 at an instant, as far as that is certain.
    #[must_use]
    pub fn majority_at(&self, now: Timestamp, policy: &Policy) -> Majority {
        self.ages_at(now, policy).map_or(Majority::Unknown, Ages::majority)
    }
}
