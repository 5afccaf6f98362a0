//! What must hold of a line of a batch, whatever stands in it: an answer with its id, its text and places within the text, or a
//! refusal that says nothing of it.

use serde_json::Value;

use super::{language_of, line};

/// Checks one line.
///
/// # Panics
/// If anything does not hold.
pub(crate) fn check(input: &[u8]) {
    let answered = match line::answer(input, language_of) {
        Ok(answered) => serde_json::to_string(&answered).expect("an answer is JSON"),
        Err((_, reason)) => {
            // The reason is a name, never a piece of the line.
            assert!(format!("{reason:?}").bytes().all(|byte| byte.is_ascii_alphabetic()));
            return;
        }
    };
    assert!(!answered.contains('\n'), "an answer is one line");
    let told: Value = serde_json::from_str(&answered).expect("an answer is JSON");
    assert!(told["deidentified_text"].is_string());
    // A field that is passed over may hold what a value cannot.
    let Ok(asked) = serde_json::from_slice::<Value>(input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input)) else {
        return;
    };
    assert_eq!(told["id"], asked["id"], "an answer has the id of its line");
    let length = asked["text"].as_str().expect("a text was asked").chars().count() as u64;
    let people = asked["known_persons"].as_array().expect("a list was asked").len() as u64;
    let mut reached = 0;
    for span in told["spans"].as_array().expect("spans are a list") {
        let (start, end) = (span["start"].as_u64().expect("a place"), span["end"].as_u64().expect("a place"));
        assert!(reached <= start && start < end && end <= length, "a span overlaps, is empty, or stands outside");
        assert!(span["person"].is_null() || span["person"].as_u64().is_some_and(|person| person < people));
        assert!(span["type"].as_str().is_some_and(|kind| !kind.is_empty()));
        reached = end;
    }
}
