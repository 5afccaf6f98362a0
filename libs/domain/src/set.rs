//! Sets over the value lists, as bits: the algebra of masks is intersections, unions and differences of them.

use crate::vocabulary::{DataCategory, Jurisdiction, MaskLevel, PersonRole, Purpose};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A value of a value list with fewer than 64 values.
pub trait Member: Copy + 'static {
    /// Every value, in order.
    const MEMBERS: &'static [Self];

    /// The bit that stands for this value: that of its place in [`Self::MEMBERS`].
    fn bit(self) -> u64;
}

/// A set of values of one value list.
pub struct Set<T> {
    bits: u64,
    list: PhantomData<T>,
}

/// A set of data categories.
pub type Categories = Set<DataCategory>;
/// A set of purposes.
pub type Purposes = Set<Purpose>;
/// A set of provinces and territories.
pub type Jurisdictions = Set<Jurisdiction>;
/// What a person is in a case.
pub type Roles = Set<PersonRole>;

impl<T> Set<T> {
    /// The empty set.
    pub const EMPTY: Self = Self { bits: 0, list: PhantomData };

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// How many values are in it.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.bits.count_ones()
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, list: PhantomData }
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits, list: PhantomData }
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self { bits: self.bits & !other.bits, list: PhantomData }
    }

    /// Whether everything in it is in the other too.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.bits & !other.bits == 0
    }

    /// Whether something is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }
}

impl<T: Member> Set<T> {
    /// Everything of the value list.
    #[must_use]
    pub fn all() -> Self {
        T::MEMBERS.iter().copied().collect()
    }

    /// One value.
    #[must_use]
    pub fn only(value: T) -> Self {
        Self { bits: value.bit(), list: PhantomData }
    }

    /// Whether the value is in it.
    #[must_use]
    pub fn contains(self, value: T) -> bool {
        self.bits & value.bit() != 0
    }

    /// Adds a value.
    pub fn insert(&mut self, value: T) {
        self.bits |= value.bit();
    }

    /// Without this value.
    #[must_use]
    pub fn without(self, value: T) -> Self {
        Self { bits: self.bits & !value.bit(), list: PhantomData }
    }

    /// Its values, in the order of the value list.
    pub fn iter(self) -> impl Iterator<Item = T> {
        bits(self.bits).filter_map(|place| T::MEMBERS.get(place as usize).copied())
    }
}

/// The places of the bits that are set, ascending. Of most sets few are.
pub(crate) fn bits(mut left: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let place = left.trailing_zeros();
        // The lowest bit that is set goes; without one there is no place.
        left &= left.checked_sub(1)?;
        Some(place)
    })
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Set<T> {}

impl<T> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}

impl<T> Eq for Set<T> {}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<T: Member> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut set = Self::EMPTY;
        for value in values {
            set.insert(value);
        }
        set
    }
}

impl<T: Member, const N: usize> From<[T; N]> for Set<T> {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Member + fmt::Debug> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Member + Serialize> Serialize for Set<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Member + Deserialize<'de>> Deserialize<'de> for Set<T> {
    /// A list in which a value stands twice is refused: it is a slip of whoever wrote it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<T>::deserialize(deserializer)?;
        let mut set = Self::EMPTY;
        for value in values {
            if set.contains(value) {
                return Err(D::Error::custom("a value stands twice in a list that is a set"));
            }
            set.insert(value);
        }
        Ok(set)
    }
}

/// How far something reaches: for each data category a level, or nothing.
///
/// INVARIANT: whole ⊆ generalised ⊆ facts, so that intersection is the lower and union the higher level everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    facts: Categories,
    generalised: Categories,
    whole: Categories,
}

impl Reach {
    /// Nothing at all.
    pub const NOTHING: Self =
        Self { facts: Categories::EMPTY, generalised: Categories::EMPTY, whole: Categories::EMPTY };

    /// These categories up to this level.
    #[must_use]
    pub const fn up_to(level: MaskLevel, categories: Categories) -> Self {
        match level {
            MaskLevel::FactsOnly => {
                Self { facts: categories, generalised: Categories::EMPTY, whole: Categories::EMPTY }
            }
            MaskLevel::Generalised => Self { facts: categories, generalised: categories, whole: Categories::EMPTY },
            MaskLevel::Whole => Self { facts: categories, generalised: categories, whole: categories },
        }
    }

    /// These categories, whole.
    #[must_use]
    pub const fn whole(categories: Categories) -> Self {
        Self::up_to(MaskLevel::Whole, categories)
    }

    /// The lower level of both, for each category.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self {
            facts: self.facts.intersection(other.facts),
            generalised: self.generalised.intersection(other.generalised),
            whole: self.whole.intersection(other.whole),
        }
    }

    /// The higher level of both, for each category.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            facts: self.facts.union(other.facts),
            generalised: self.generalised.union(other.generalised),
            whole: self.whole.union(other.whole),
        }
    }

    /// Only these categories.
    #[must_use]
    pub const fn within(self, categories: Categories) -> Self {
        self.intersection(Self::whole(categories))
    }

    /// The categories of which anything is reached.
    #[must_use]
    pub const fn categories(self) -> Categories {
        self.facts
    }

    /// How much of a category is reached.
    #[must_use]
    pub fn level(self, category: DataCategory) -> Option<MaskLevel> {
        if self.whole.contains(category) {
            Some(MaskLevel::Whole)
        } else if self.generalised.contains(category) {
            Some(MaskLevel::Generalised)
        } else if self.facts.contains(category) {
            Some(MaskLevel::FactsOnly)
        } else {
            None
        }
    }

    /// Whether nothing is reached.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        self.facts.is_empty()
    }
}

/// Written as an object from category to level, as in `{"identity": "whole"}`.
impl<'de> Deserialize<'de> for Reach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Levels;

        impl<'de> serde::de::Visitor<'de> for Levels {
            type Value = Reach;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from data category to mask level")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Reach, A::Error> {
                let mut reach = Reach::NOTHING;
                while let Some((category, level)) = map.next_entry::<DataCategory, MaskLevel>()? {
                    if reach.categories().contains(category) {
                        return Err(A::Error::custom("a category stands twice"));
                    }
                    reach = reach.union(Reach::up_to(level, Categories::only(category)));
                }
                Ok(reach)
            }
        }

        deserializer.deserialize_map(Levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataCategory::{Contact, Health, Identity};

    #[test]
    fn intersection_is_the_lower_level_and_union_the_higher() {
        let one = Reach::up_to(MaskLevel::Generalised, Categories::from([Identity, Contact]));
        let other = Reach::whole(Categories::from([Contact, Health]));
        assert_eq!(one.intersection(other).level(Contact), Some(MaskLevel::Generalised));
        assert_eq!(one.intersection(other).level(Identity), None);
        assert_eq!(one.union(other).level(Contact), Some(MaskLevel::Whole));
        assert_eq!(one.union(other).level(Identity), Some(MaskLevel::Generalised));
    }

    #[test]
    fn a_set_is_written_as_a_list_of_names() {
        let set = Categories::from([Health, Identity]);
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["identity","health"]"#);
        assert_eq!(serde_json::from_str::<Categories>(r#"["health","identity"]"#).unwrap(), set);
        assert!(serde_json::from_str::<Categories>(r#"["health","health"]"#).is_err());
    }

    #[test]
    fn what_is_no_reach_is_refused_with_what_was_expected() {
        let error = serde_json::from_str::<Reach>("[]").unwrap_err().to_string();
        assert!(error.contains("an object from data category to mask level"), "{error}");
        assert!(serde_json::from_str::<Reach>(r#"{"health":"whole","health":"whole"}"#).is_err());
    }

    #[test]
    fn a_set_gives_its_values_in_the_order_of_the_list() {
        assert_eq!(Categories::EMPTY.iter().next(), None);
        assert!(Categories::from([Health, Identity]).iter().eq([Identity, Health]));
        assert!(Categories::all().iter().eq(DataCategory::ALL.iter().copied()));
        assert!(crate::vocabulary::ReasonCode::ALL.iter().copied().eq(Set::all().iter()));
        assert!(bits(u64::MAX).eq(0..64));
        assert!(bits(1 << 63 | 1).eq([0, 63]));
    }

    #[test]
    fn every_value_list_fits_into_a_set() {
        assert!(crate::vocabulary::ReasonCode::ALL.len() < 64);
        assert_eq!(Categories::all().len(), 11);
    }
}
