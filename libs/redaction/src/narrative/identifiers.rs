//! Identifiers: what leads to somebody without naming them. Numbers by their forms (the rows of
//! `canadian-identifiers.tsv`), by the words beside them, and, under all, by their length; telephones in words; addresses
//! on networks and in streets; rooms, births and ages.
//!
//! Every recogniser reports what it finds, whatever others found in the same place; a checksum makes a label surer and
//! never excuses a number. Dates of events, clock times, amounts, counts, routes and exits stay.

mod ages;
mod births;
mod checksums;
mod codes;
mod corners;
mod handles;
mod labelled;
pub(super) mod lexicon;
mod rooms;
mod runs;
mod spoken;
mod streets;
mod web;
mod words;

use super::words::Words;
use super::{Folded, Hit};
use words::{Finds, Text};

pub(super) fn find(folded: &Folded<'_>, words: &Words, hits: &mut Vec<Hit>) {
    let text = Text::new(folded, words);
    let mut finds = Finds::new(hits);
    runs::find(&text, &mut finds);
    codes::find(&text, &mut finds);
    labelled::find(&text, &mut finds);
    spoken::find(&text, &mut finds);
    web::find(&text, &mut finds);
    handles::find(&text, &mut finds);
    streets::find(&text, &mut finds);
    rooms::find(&text, &mut finds);
    births::find(&text, &mut finds);
    ages::find(&text, &mut finds);
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
