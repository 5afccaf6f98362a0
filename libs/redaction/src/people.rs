//! The people of the case, as far as redaction needs to know them: facts only.

use egide_domain::facts::CaseFacts;
use egide_domain::ids::SubjectId;
use egide_domain::set::{Roles, Set};
use egide_domain::vocabulary::{ApproachRule, ContactPermission, DataCategory, PersonRole};

/// Whether and how a person may be approached. Travels with whatever could be used to approach them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafeContact {
    /// Whether the person may be contacted; no instruction means no.
    pub permission: ContactPermission,
    /// The rules to keep.
    pub rules: Set<ApproachRule>,
}

impl SafeContact {
    /// Nothing was said: do not contact.
    pub const NO_INSTRUCTION: Self = Self { permission: ContactPermission::DoNotContact, rules: Set::EMPTY };

    /// After a newer record: what it says of permission replaces what was there, rules included; a record without an
    /// instruction leaves the older one standing and adds its rules.
    #[must_use]
    pub const fn then(self, permission: Option<ContactPermission>, rules: Set<ApproachRule>) -> Self {
        match permission {
            Some(permission) => Self { permission, rules },
            None => Self { permission: self.permission, rules: self.rules.union(rules) },
        }
    }
}

/// A person of the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub subject_id: SubjectId,
    /// What the person is in the case.
    pub roles: Roles,
    /// Whether everything about the person stands under [`DataCategory::Suspects`].
    pub only_suspect: bool,
    /// Whether and how the person may be approached.
    pub safe_contact: SafeContact,
}

impl Person {
    /// Under which category a field of this person stands: everything about somebody who is only a suspect stands under
    /// suspects, whatever it says.
    #[must_use]
    pub const fn category_of(&self, category: DataCategory) -> DataCategory {
        if self.only_suspect { DataCategory::Suspects } else { category }
    }

    /// The roles that may be told. Never that somebody called: who brought the information does not leave.
    #[must_use]
    pub fn roles_told(&self) -> Roles {
        self.roles.without(PersonRole::Caller)
    }
}

/// The people of the case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People {
    /// INVARIANT: sorted by id, each person once.
    persons: Vec<Person>,
}

impl People {
    /// The people of a case, with their safe-contact instructions.
    #[must_use]
    pub fn from_facts(facts: &CaseFacts, safe_contact: impl Fn(SubjectId) -> Option<SafeContact>) -> Self {
        let person = |person: &egide_domain::facts::Person| Person {
            subject_id: person.subject_id,
            roles: person.roles,
            only_suspect: person.is_only_suspect(),
            safe_contact: safe_contact(person.subject_id).unwrap_or(SafeContact::NO_INSTRUCTION),
        };
        facts.persons.iter().map(person).collect()
    }

    /// A person; who is not known has no data that could leave.
    #[must_use]
    pub fn get(&self, subject_id: SubjectId) -> Option<&Person> {
        let place = self.persons.binary_search_by_key(&subject_id, |person| person.subject_id).ok()?;
        self.persons.get(place)
    }

    /// Everybody, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.persons.iter()
    }
}

impl FromIterator<Person> for People {
    /// Of two entries for one person the first stays.
    fn from_iter<I: IntoIterator<Item = Person>>(persons: I) -> Self {
        let mut persons: Vec<Person> = persons.into_iter().collect();
        persons.sort_by_key(|person| person.subject_id);
        persons.dedup_by_key(|person| person.subject_id);
        Self { persons }
    }
}
