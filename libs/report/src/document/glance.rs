//! What of a person is seen at a glance on the first page. All of it stands again, with its labels, among the details.

use super::words::Words;
use super::write::{labelled, values};
use crate::labels::NoLabel;
use crate::report::{PersonSection, RecordSection, ReportField};

const AGE: [&str; 2] = ["age_assessed.age_years", "age_assessed.band"];
/// The lines of an address.
const ADDRESS: [&[&str]; 3] = [
    &["whereabouts_recorded.place_name"],
    &["whereabouts_recorded.street", "whereabouts_recorded.room"],
    &["whereabouts_recorded.city", "whereabouts_recorded.jurisdiction", "whereabouts_recorded.postal_code"],
];
const FREE_TO_LEAVE: &str = "whereabouts_recorded.free_to_leave";
/// Numbers that say nothing without their label.
const NEEDS_LABEL: [&str; 1] = ["whereabouts_recorded.room"];
const PLACES_USED: &str = "suspect_described.places";
/// What happens, told without labels.
const MATTERS: [&str; 4] = [
    "situation_recorded.exploitation",
    "situation_recorded.sexual_exploitation",
    "situation_recorded.industry",
    "suspect_described.process_roles",
];
/// What an officer must know before going, told with labels.
const WARNINGS: [&str; 6] = [
    "situation_recorded.immediate_danger",
    "situation_recorded.means_of_control",
    "health_recorded.urgent_care_needed",
    "suspect_described.armed",
    "suspect_described.appearance",
    "suspect_described.vehicles",
];

/// One person, looked at briefly.
pub(super) struct Glance<'a> {
    pub(super) words: Words,
    pub(super) person: &'a PersonSection,
}

impl Glance<'_> {
    /// In years where that was let through, else in words.
    pub(super) fn age(&self) -> Result<Option<String>, NoLabel> {
        let field = AGE.iter().find_map(|path| self.newest(path));
        field.map(|field| Ok(values(self.words, field)?.join(", "))).transpose()
    }

    /// Where the person is, from the newest record as a whole: a street of one with the town of another is nowhere.
    pub(super) fn places(&self) -> Result<Vec<String>, NoLabel> {
        let mut lines = Vec::new();
        let newest = self.records("whereabouts").next();
        let find = |path: &str| newest.and_then(|record| record.fields.iter().find(|field| field.field == path));
        for line in ADDRESS {
            let mut parts = Vec::new();
            for path in line {
                if let Some(field) = find(path) {
                    let bare = !NEEDS_LABEL.contains(path);
                    let told = if bare { values(self.words, field)?.join(", ") } else { labelled(self.words, field)? };
                    // A town that was made coarser is its province, which is told already.
                    if !parts.contains(&told) {
                        parts.push(told);
                    }
                }
            }
            if !parts.is_empty() {
                lines.push(parts.join(", "));
            }
        }
        let rest = find(FREE_TO_LEAVE).into_iter().chain(self.newest(PLACES_USED));
        for field in rest {
            lines.push(labelled(self.words, field)?);
        }
        Ok(lines)
    }

    /// What happens to the person or is done by them, each from the newest record that tells it.
    pub(super) fn matters(&self) -> Result<Vec<String>, NoLabel> {
        let mut lines = Vec::new();
        for field in MATTERS.iter().filter_map(|path| self.newest(path)) {
            lines.push(values(self.words, field)?.join(", "));
        }
        for field in WARNINGS.iter().filter_map(|path| self.newest(path)) {
            lines.push(labelled(self.words, field)?);
        }
        Ok(lines)
    }

    fn records(&self, category: &str) -> impl Iterator<Item = &RecordSection> {
        self.person
            .categories
            .iter()
            .filter(move |section| section.category.code == category)
            .flat_map(|one| &one.records)
    }

    /// Records stand newest first.
    fn newest(&self, path: &str) -> Option<&ReportField> {
        let records = self.person.categories.iter().flat_map(|section| &section.records);
        records.flat_map(|record| &record.fields).find(|field| field.field == path)
    }
}
