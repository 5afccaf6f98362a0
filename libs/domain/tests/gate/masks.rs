//! Masks by themselves: what two have in common, and that each entry stands once.

use crate::story::*;
use egide_domain::event::DataPeriod;
use egide_domain::vocabulary::{DataCategory, DataCategory::*, MaskLevel};
use egide_domain::{Bases, Categories, Mask, MaskEntry, Timestamp};

fn entry(category: DataCategory, level: MaskLevel, period: Option<(i64, i64)>) -> MaskEntry {
    let period = period.map(|(from, until)| DataPeriod { from: Some(Timestamp(from)), until: Some(Timestamp(until)) });
    MaskEntry { subject_id: VICTIM, category, level, bases: Bases::default().with(0), period }
}

#[test]
fn what_two_masks_share_is_at_the_lower_level_in_the_time_of_both() {
    let one = Mask::from(vec![
        entry(Contact, MaskLevel::Whole, Some((10, 30))),
        entry(Situation, MaskLevel::FactsOnly, None),
        entry(Health, MaskLevel::Whole, Some((10, 20))),
        entry(Identity, MaskLevel::Whole, None),
    ]);
    let other = Mask::from(vec![
        entry(Contact, MaskLevel::Generalised, Some((20, 40))),
        entry(Situation, MaskLevel::Whole, Some((1, 2))),
        entry(Health, MaskLevel::Whole, Some((20, 30))),
    ]);
    let shared = vec![
        entry(Contact, MaskLevel::Generalised.min(MaskLevel::Whole), Some((20, 30))),
        entry(Situation, MaskLevel::FactsOnly.min(MaskLevel::Whole), Some((1, 2))),
    ];
    assert_eq!(one.intersection(&other), Mask::from(shared), "nothing is left of two times that do not meet");
    assert_eq!(one.intersection(&one), one);
    assert!(one.intersection(&Mask::empty()).is_empty());
}

#[test]
fn an_entry_stands_once_at_the_lower_level_in_the_time_of_both() {
    let twice = vec![
        entry(Contact, MaskLevel::Whole, Some((10, 30))),
        entry(Situation, MaskLevel::Whole, None),
        entry(Contact, MaskLevel::Generalised, Some((20, 40))),
    ];
    let mask = Mask::from(twice);
    assert_eq!(mask.entries().len(), 2);
    let contact = mask.entry(VICTIM, Contact).unwrap();
    let lower = MaskLevel::Whole.min(MaskLevel::Generalised);
    assert_eq!((contact.level, contact.period), (lower, entry(Contact, lower, Some((20, 30))).period));
    let entries = Vec::<MaskEntry>::from(mask.clone());
    assert_eq!(entries, mask.entries());
    assert_eq!(entries.len(), 2);
}

#[test]
fn sets_and_bases_are_shown_by_what_is_in_them() {
    assert!(format!("{:?}", Categories::from([Contact])).contains("Contact"));
    assert!(format!("{:?}", Bases::default().with(7)).contains('7'));
}
