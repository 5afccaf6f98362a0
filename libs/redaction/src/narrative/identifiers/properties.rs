//! What holds of every identifier of a form, not only of those somebody thought of.

use super::{find, tests::hits};
use crate::narrative::{Folded, words::Words};
use core::ops::Range;
use proptest::{prelude::*, string::string_regex};
use std::time::{Duration, Instant};

/// Every row of the list of Canadian identifiers that needs no word beside it, as expressions identifiers are made from.
const FORMS: &[(&str, &str)] = &[
    ("SIN", r"[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{3}"),
    ("HC_ON", r"[0-9]{4}[ -]?[0-9]{3}[ -]?[0-9]{3}-?[a-z]{2}"),
    ("HC_QC", r"[b-df-hj-np-tv-z]{4} ?[0-9]{2} ?(0[1-9]|1[0-2]|5[1-9]|6[0-2]) ?(0[1-9]|[12][0-9]|3[01]) ?[0-9]{2}"),
    ("HC_BC", r"9[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}"),
    ("HC_AB", r"[0-9]{5}[ -]?[0-9]{4}"),
    ("HC_NL", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}"),
    ("HC_PE", r"[0-9]{8}"),
    ("HC_NT", r"[a-z][0-9]{7}"),
    ("DL_ON", r"[a-z][0-9]{4}[ -]?[0-9]{5}[ -]?[0-9]{5}"),
    ("DL_QC", r"[a-z][0-9]{4}[ -]?[0-9]{6}[ -]?[0-9]{2}"),
    ("DL_NS", r"[a-z]{5}[0-9]{9}"),
    ("DL_NL", r"[a-z][0-9]{9}"),
    ("DL_MB", r"[a-z0-9]{2}-?[a-z0-9]{2}-?[a-z0-9]{2}-?[a-z][0-9]{3}[a-z]{2}"),
    ("DL_AB", r"[0-9]{6}-?[0-9]{3}"),
    ("PASSPORT_CA", r"[a-z]{2}[0-9]{6}|[b-df-hj-np-tv-z]{2} [0-9]{6}|[a-z][0-9]{6} ?[b-df-hj-np-tv-z]{2}"),
    ("PASSPORT_OTHER", r"[a-z]{1,2}[0-9]{6,8}"),
    ("UCI", r"[0-9]{2}-?[0-9]{4}-?[0-9]{4}|[3-9][0-9]{3}-[0-9]{4}"),
    ("POSTAL", r"[abceghj-nprstvxy][0-9][abceghj-nprstv-z][ -]?[0-9][abceghj-nprstv-z][0-9]"),
    (
        "PHONE_NANP",
        r"(\+?1[ .-]?)?\(?[2-9][0-9]{2}\)?[ ./-]{0,2}[2-9][0-9]{2}[ .-]?[0-9]{4}([ ,]?(x|ext\.?|poste) ?[0-9]{1,5})?",
    ),
    ("PHONE_ABROAD", r"\+[2-9][0-9]( [0-9]{2}){4,5}"),
    ("PHONE_SPELLED", r"((zero|one|two|three|four|five|six|seven|eight|nine)[ ,-] ?){6,9}(one|two)"),
    (
        "PHONE_SPELLED_FR",
        r"((zero|un|deux|trois|quatre|cinq|sept|huit|neuf|dix|vingt|trente|cent)[ ,-] ?){6,9}(un|deux)",
    ),
    ("PLATE_LLL", r"[bcdfghjklmnpqrstvwxz]{4}[ -]?[0-9]{3}|[bcfghjlnpqrvwxz]{3}[ -]?[0-9]{3,4}"),
    ("PLATE_QC", r"[a-z][0-9]{2} ?[bcfghjlnpqrvwxz]{3}"),
    ("PLATE_BC_SK", r"[a-z]{2}[0-9] ?[0-9]{2}[a-z]|[0-9]{3} [bcfghjlnpqrvwxz]{3}"),
    ("STATUS_CARD", r"[0-9]{10}"),
    ("FPS", r"[0-9]{6}[a-z]"),
    ("BANK_CA", r"[0-9]{5}[ -][0-9]{3}[ -][0-9]{7,12}"),
    ("CREDIT_CARD", r"[0-9]([ -]?[0-9]){12,18}"),
    ("IBAN", r"(gb[0-9]{2} [a-z]{4}( [0-9]{4}){3} [0-9]{2})|(de[0-9]{2}( [0-9]{4}){4} [0-9]{2})|(fr[0-9]{25})"),
    ("EMAIL", r"[a-z0-9][a-z0-9._+-]{0,12}@[a-z][a-z0-9]{1,8}(\.[a-z]{2,8}){1,2}"),
    ("EMAIL_SPELLED", r"[bcdfghj]{3,8} (at|arobase) (gmail|hotmail|example) (dot|point) (com|ca|org)"),
    ("URL", r"https?://[a-z0-9]{1,8}\.[a-z]{2,4}(/[a-z0-9=?&]{1,8}){0,3}"),
    ("HANDLE", r"@[b-df-hj-np-tv-z]{2,8}[0-9_]{0,3}"),
    ("IPV4", r"(25[0-5]|1[0-9]{2}|[1-9][0-9]?)(\.(25[0-5]|1[0-9]{2}|[1-9]?[0-9])){3}"),
    ("IPV6", r"[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}"),
    ("MAC", r"[0-9a-f]{2}(:[0-9a-f]{2}){5}"),
    ("UUID", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("LONG", r"[4-9]([ ./-]{0,2}[4-9]){6,30}"),
    ("ROOM", r"(room|rm|chambre|apt|appt|unit|suite) ?#? ?[1-9][0-9]{0,3}[bcd]?"),
    ("AGE", r"[1-9][0-9]?([ -](years?|yrs?)[ -]old|yo| y/o| ans|ans)"),
    (
        "ADDRESS",
        r"[1-9][0-9]{1,4} [bcdfghj]{4,8} (street|st|ave|avenue|road|rd|blvd)|[1-9][0-9]{0,3},? rue (des |du |de la )?[bcdfghj]{4,8}",
    ),
    ("BIRTH", r"born (on )?(19[0-9]{2}-(0[1-9]|1[0-2])-[0-2][1-8]|[1-9] (march|may|mai|avril) (19|20)[0-3][0-9])"),
];

const BEFORE: &[&str] = &["", "(", "she wrote ", "le numero: ", "and then, ", "\n", "voila \u{200b}"];
const AFTER: &[&str] = &["", ".", ") ", " and left", ", puis rien", "\n", " ?"];

/// Whether hits together cover a range of the text.
fn is_covered(text: &str, wanted: &Range<usize>) -> bool {
    let mut at = wanted.start;
    for (range, _) in hits(text) {
        if range.start <= at && range.end > at {
            at = range.end;
        }
    }
    at >= wanted.end
}

#[test]
fn an_identifier_of_any_form_is_found_whole_wherever_it_stands() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 80, ..ProptestConfig::default() });
    for (name, form) in FORMS {
        let strategy = (string_regex(form).expect("a form"), 0..BEFORE.len(), 0..AFTER.len(), any::<bool>());
        let outcome = runner.run(&strategy, |(identifier, before, after, capitals)| {
            let identifier = if capitals { identifier.to_uppercase() } else { identifier };
            let identifier = identifier.trim_end();
            let text = format!("{}{identifier}{}", BEFORE[before], AFTER[after]);
            // A word of birth stays, its date goes.
            let skipped = identifier
                .to_lowercase()
                .strip_prefix("born")
                .map_or(0, |rest| identifier.len() - rest.trim_start().trim_start_matches("on ").len());
            let wanted = BEFORE[before].len() + skipped..BEFORE[before].len() + identifier.len();
            prop_assert!(is_covered(&text, &wanted), "{name}: {text:?} {:?}", hits(&text));
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn the_work_is_linear_in_text_made_to_be_slow() {
    /// Of each text, in bytes. Were the work quadratic, this would take hours.
    const SIZE: usize = 50_000;
    let started = Instant::now();
    for piece in [
        "1",
        "a1",
        "@",
        "-",
        "a@",
        "1 ",
        "1.",
        "a.",
        ":",
        "://",
        "a:",
        "one ",
        "rue ",
        "rue de ",
        "a ",
        "17 ",
        "room ",
        "room 1 ",
        "insta ",
        "st ",
        "Maple ",
        "x_",
        "1-",
        "ab12 ",
        "gb82",
        "gb82 ",
        "corner of a and ",
        "dot com ",
        "at ",
        "plate ",
        "plate a",
        "mars ",
        "born ",
        "5/5/",
        "ending in ",
        "1 and ",
        "a.com/",
        "1420 maple ",
        "(",
        "deadbeef",
        "1a2b",
        "aaaa 1",
        "#1",
        "1:1:",
        "ans ",
        "514-",
        "a@ ",
        "\u{645}",
    ] {
        let text = piece.repeat(SIZE / piece.len());
        let folded = Folded::new(&text);
        find(&folded, &Words::new(&folded), &mut Vec::new());
        assert!(started.elapsed() < Duration::from_secs(120), "{piece:?}");
    }
}
