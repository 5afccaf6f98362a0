//! What a reviewer can change of a draft, what nobody can, and what is marked for a second look.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use egide_redaction::narrative::review::{Edits, MOST_EDITS, MarkKind, NotReviewed, marks, review};
use egide_redaction::narrative::{Kind, KnownPerson, Language, Part, deidentify};
use std::ops::Range;

use Language::{English, French};

const TOLD: &str =
    "Marie Tremblay said that Boss Kowalchuk keeps the papers. She works at the Blue Lantern every night.";

fn people() -> Vec<KnownPerson> {
    let known = |name: &str, part| KnownPerson { name: name.to_owned(), aliases: Vec::new(), part, kept: true };
    vec![known("Marie Tremblay", Part::PotentialVictim)]
}

/// Where a piece of the narrative stands, in scalar values.
fn place(of: &str, piece: &str) -> Range<usize> {
    let start = of.split(piece).next().unwrap().chars().count();
    start..start + piece.chars().count()
}

fn span(of: &str, kind: Kind) -> Range<usize> {
    deidentify(of, English, &unkept()).unwrap().spans.into_iter().find(|span| span.kind == kind).unwrap().range
}

fn unkept() -> Vec<KnownPerson> {
    people().into_iter().map(|person| KnownPerson { kept: false, ..person }).collect()
}

fn masking(ranges: &[Range<usize>]) -> Edits {
    Edits { mask: ranges.to_vec(), unmask: Vec::new() }
}

fn unmasking(ranges: &[Range<usize>]) -> Edits {
    Edits { mask: Vec::new(), unmask: ranges.to_vec() }
}

fn reviewed(edits: &Edits) -> Result<String, NotReviewed> {
    review(TOLD, English, &people(), edits).map(|reviewed| reviewed.text)
}

#[test]
fn without_edits_the_text_is_the_draft_and_no_name_of_the_case_stays_whatever_may_leave_of_them() {
    let text = reviewed(&Edits::default()).unwrap();
    assert_eq!(text, deidentify(TOLD, English, &unkept()).unwrap().text);
    assert!(!text.contains("Marie") && !text.contains("Tremblay") && !text.contains("Kowalchuk"), "{text}");
    assert!(text.contains("keeps the papers"), "{text}");
}

#[test]
fn what_a_reviewer_masks_is_gone_and_says_so_in_the_language_of_the_text() {
    let text = reviewed(&masking(&[place(TOLD, "every night")])).unwrap();
    assert!(text.ends_with("[removed]."), "{text}");
    let told = "Elle travaille chaque nuit au comptoir du fond.";
    let edits = masking(&[place(told, "au comptoir du fond")]);
    let text = review(told, French, &people(), &edits).unwrap().text;
    assert_eq!(text, "Elle travaille chaque nuit [retiré].");
}

#[test]
fn a_mask_takes_whatever_it_touches_and_the_replacements_within_it() {
    let whole = 0..place(TOLD, " She works").start;
    let text = reviewed(&masking(&[whole.clone(), place(TOLD, "papers. She")])).unwrap();
    assert!(text.starts_with("[removed] works at"), "{text}");
    let reviewed = review(TOLD, English, &people(), &masking(&[whole])).unwrap();
    assert!(reviewed.spans.iter().all(|span| span.person.is_none()));
}

#[test]
fn a_word_that_nobody_is_called_by_is_put_back_and_a_person_of_the_case_never() {
    let text = reviewed(&unmasking(&[span(TOLD, Kind::Name)])).unwrap();
    assert!(text.contains("Kowalchuk"), "{text}");
    assert_eq!(reviewed(&unmasking(&[span(TOLD, Kind::Person)])), Err(NotReviewed::KnownPerson));
    // Put back and masked by hand: masked.
    let both = Edits { mask: vec![place(TOLD, "Kowalchuk")], unmask: vec![span(TOLD, Kind::Name)] };
    assert!(!reviewed(&both).unwrap().contains("Kowalchuk"));
}

#[test]
fn places_must_be_places_of_the_narrative() {
    let length = TOLD.chars().count();
    for nowhere in [3..3, length..length + 1, 5..length + 1, Range { start: 9, end: 2 }] {
        assert_eq!(reviewed(&masking(&[nowhere])), Err(NotReviewed::NoPlace));
    }
    let name = span(TOLD, Kind::Name);
    for other in [name.start..name.end - 1, name.start..name.end + 1, 0..1] {
        assert_eq!(reviewed(&unmasking(&[other])), Err(NotReviewed::NoReplacement));
    }
    let many = vec![0..1; MOST_EDITS + 1];
    assert_eq!(reviewed(&masking(&many)), Err(NotReviewed::TooMany));
}

/// What is masked by hand may bring together what stood apart.
#[test]
fn what_is_left_is_looked_at_again_as_if_it_were_new() {
    let told = "Call 613 and then 555 and then 0142 and ask for nobody.";
    let apart = [place(told, " and then 555")];
    let found = review(told, English, &people(), &masking(&apart));
    assert!(found.is_ok(), "a replacement stands between");
    let told = "Mar told me that ie Tremblay was there.";
    let edits = masking(&[place(told, " told me that ")]);
    let text = review(told, English, &people(), &edits).map(|reviewed| reviewed.text).unwrap_or_default();
    assert!(!text.contains("Tremblay"), "{text}");
}

/// Among so many small letters capitals tell nothing, and the draft has no reason to mask a plate; what is left has one.
#[test]
fn what_masking_uncovers_is_refused() {
    let filler = "she slept and she cooked and she wept ".repeat(20);
    let told = format!("There is {filler}and 123 RED on it.");
    assert!(deidentify(&told, English, &people()).unwrap().spans.is_empty());
    let reviewed = review(&told, English, &people(), &masking(&[place(&told, &filler)]));
    assert_eq!(reviewed.err(), Some(NotReviewed::Left));
}

#[test]
fn of_nothing_but_replacements_nothing_is_told() {
    let all = 0..TOLD.chars().count();
    assert_eq!(reviewed(&masking(&[all])), Err(NotReviewed::Nothing));
    assert_eq!(review("Marie Tremblay.", English, &people(), &Edits::default()).err(), Some(NotReviewed::Nothing));
}

#[test]
fn capitals_numbers_and_first_names_are_marked_and_replacements_are_not() {
    let text = "[Person A] met him at the Lantern at 9. later marie came é";
    let found: Vec<(String, MarkKind)> = marks(text)
        .into_iter()
        .map(|mark| (text.chars().skip(mark.range.start).take(mark.range.len()).collect(), mark.kind))
        .collect();
    let expected = [
        ("Lantern".to_owned(), MarkKind::Capital),
        ("9".to_owned(), MarkKind::Number),
        ("marie".to_owned(), MarkKind::FirstName),
    ];
    assert_eq!(found, expected);
}
