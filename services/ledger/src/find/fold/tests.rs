use super::*;
use proptest::prelude::*;

/// Whether somebody recorded so is found when the name is said so.
fn found(given_names: &str, family_name: &str, said: &str) -> bool {
    let recorded = recorded_name(given_names, family_name);
    said_name(said).iter().any(|term| recorded.contains(term))
}

#[test]
fn a_name_is_found_however_it_is_said() {
    for (given, family, said) in [
        ("Émilie", "Côté-Roy", "emilie cote roy"),
        ("Émilie", "Côté-Roy", "ROY, Emilie"),
        ("Émilie", "Côté-Roy", "Émilie Côté"),
        ("E\u{301}milie", "Co\u{302}te\u{301}", "Émilie Côté"),
        ("Jean", "St-Pierre", "Jean Saint Pierre"),
        ("Jean", "Saint-Pierre", "jean st. pierre"),
        ("Anne", "Ste-Marie", "Anne Sainte-Marie"),
        ("Jean", "Saintpierre", "Jean St Pierre"),
        ("Luc", "d'Amours", "Luc Damours"),
        ("Luc", "Damours", "Luc D’Amours"),
        ("Luc", "D'Amours", "Luc Amours"),
        ("Guy", "Le Blanc", "Guy Leblanc"),
        ("Guy", "LeBlanc", "Guy Le Blanc"),
        ("Ana", "de la Cruz", "Ana Delacruz"),
        ("Ana", "de la Cruz", "ana cruz"),
        ("Pieter", "van den Berg", "Pieter Vandenberg"),
        ("Sean", "O'Brien", "sean obrien"),
        ("Ewan", "MacDonald", "Ewan McDonald"),
        ("Ewan", "Mac Donald", "Ewan McDonald"),
        ("Marie-Ève", "Œuvrard", "marie eve oeuvrard"),
        ("Jörg", "Groß", "Jorg Gross"),
        ("Thị Hương", "Nguyễn", "nguyen huong"),
        ("Łukasz", "Wójcik", "lukasz wojcik"),
        ("Mme Line", "Roy", "Madame Line Roy"),
        ("", "Tremblay", "TREMBLAY"),
        ("Ирина", "Йовчева", "ирина йовчева"),
    ] {
        assert!(found(given, family, said), "{given} {family}: {said}");
    }
}

#[test]
fn another_name_is_not_found() {
    for (given, family, said) in [
        ("Émilie", "Côté-Roy", "Émilie Tremblay"),
        ("Émilie", "Côté-Roy", "Côté Roy"),
        ("Jean", "St-Pierre", "Jean Pierre"),
        ("Émilie", "Roy", "Roy"),
        ("Émilie", "Roy", "Émilie"),
        ("Guy", "Leblanc", "Guy Blanc"),
        ("", "", ""),
        ("Ann", "Lee", ""),
    ] {
        assert!(!found(given, family, said), "{given} {family}: {said}");
    }
}

#[test]
fn a_telephone_number_is_one_however_it_is_written() {
    let expected = "16135550123";
    for text in [
        "613-555-0123",
        "(613) 555 0123",
        "+1 613 555-0123",
        "1.613.555.0123",
        "613 555-0123 poste 12",
        "613-555-0123 x12",
        "613-555-0123, 12",
        "tel: 613 555 0123",
        "0111 613 555 0123",
        "６１３ ５５５ ０１２３",
    ] {
        assert_eq!(phone(text).as_deref().map(String::as_str), Some(expected), "{text}");
    }
    assert_eq!(phone("+44 (0)20 7946 0000").as_deref().map(String::as_str), Some("442079460000"));
    assert_eq!(phone("011 44 20 7946 0000").as_deref().map(String::as_str), Some("442079460000"));
    assert_eq!(phone("555-0123").as_deref().map(String::as_str), Some("5550123"));
    for text in ["", "911", "none", "12345678901234567890"] {
        assert!(phone(text).is_none(), "{text}");
    }
}

#[test]
fn a_phrase_is_what_was_said() {
    let expected = "troisheronsbleus7";
    for text in ["Trois hérons bleus, 7", "trois  herons-bleus 7!", "TROIS HÉRONS BLEUS 7"] {
        assert_eq!(phrase(text).as_str(), expected, "{text}");
    }
    assert_eq!(phrase("cœur").as_str(), "coeur");
    assert_ne!(phrase("trois hérons blancs 7").as_str(), expected);
}

fn word() -> impl Strategy<Value = String> {
    "[a-zéèêëàâîïôûùçœA-ZÉÈÀÇ]{5,10}"
}

/// Writes a name as somebody else might.
fn rewritten(text: &str, upper: bool, decomposed: bool, between: &str) -> String {
    let text = if upper { text.to_uppercase() } else { text.to_lowercase() };
    let normalized = DecomposingNormalizerBorrowed::new_nfkd();
    let text = if decomposed { normalized.normalize(&text).into_owned() } else { text };
    text.split([' ', '-']).collect::<Vec<_>>().join(between)
}

proptest! {
    #[test]
    fn case_accents_order_and_hyphens_never_matter(
        given in prop::collection::vec(word(), 1..3),
        family in prop::collection::vec(word(), 1..3),
        upper: bool,
        decomposed: bool,
        swapped: bool,
        between in prop::sample::select(vec![" ", "-", "  ", ". ", "–"]),
    ) {
        let (given, family) = (given.join("-"), family.join(" "));
        let said = if swapped { format!("{family} {given}") } else { format!("{given} {family}") };
        let said = rewritten(&said, upper, decomposed, between);
        // A name of nothing but particles and titles has no words to be found by.
        if !recorded_name(&given, &family).is_empty() && !said_name(&said).is_empty() {
            prop_assert!(found(&given, &family, &said), "{given} {family}: {said}");
        }
    }

    #[test]
    fn whatever_is_said_gives_a_bounded_number_of_terms(name in ".{0,300}", other in ".{0,300}") {
        prop_assert!(said_name(&name).len() <= NAME_TERMS_MAX);
        prop_assert!(recorded_name(&name, &other).len() <= NAME_TERMS_MAX);
        let _ = (phone(&name), phrase(&name));
    }

    #[test]
    fn a_phrase_is_what_it_was_when_it_is_folded_again(text in ".{0,80}") {
        prop_assert_eq!(phrase(&phrase(&text)), phrase(&text));
    }

    #[test]
    fn ten_digits_are_one_number_with_and_without_the_country_code(digits in "[2-9][0-9]{2}55501[0-9]{2}") {
        let whole = phone(&digits);
        prop_assert_eq!(&whole, &phone(&format!("+1 {digits}")));
        prop_assert_eq!(&whole, &phone(&format!("1-{digits} ext. 9")));
        prop_assert!(whole.is_some());
    }
}
