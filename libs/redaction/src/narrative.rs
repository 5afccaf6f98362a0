//! De-identification of narratives, English and French: what tells who somebody is goes, what tells what happened stays.
//! Several finders look at the folded text (`fold`) and say what they found; overlapping finds are masked
//! together, only the label is chosen (`merge`); and the result is looked at once more before anybody sees it. Whatever
//! goes wrong on the way refuses the text ([`Refusal`]): it stays withheld whole.
//!
//! *In scope*: people of the case by their names ([`people`]), numbers and other identifiers (`identifiers`), names nobody
//! listed (`unknown`), all of them pure, deterministic and in time linear in the text.
//!
//! *Out of scope*: who reviews, who attests, and that only attested text leaves; what a reviewer changes is made here ([`review`]).

mod fold;
mod identifiers;
mod kind;
mod lexicon;
mod merge;
pub mod people;
mod placeholder;
pub mod review;
mod unknown;
mod words;

pub use fold::Folded;
pub use kind::Kind;

use core::ops::Range;
use merge::Hit;

/// The language a narrative is written in, and its replacements with it. Notes mix both, so every finder knows both and asks
/// for neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
}

/// What somebody is in the narrative's case, as the replacement says it. That somebody called is never said, so a caller who
/// is nothing else is [`Part::Unsaid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A potential victim.
    PotentialVictim,
    /// A child.
    Child,
    /// A suspect.
    Suspect,
    /// Anybody else.
    Unsaid,
}

/// Somebody of the case whose names are known.
#[derive(Clone)]
pub struct KnownPerson {
    /// The name, given and family names in either order.
    pub name: String,
    /// Other names, nicknames, handles and spellings.
    pub aliases: Vec<String>,
    /// What they are, said beside their letter.
    pub part: Part,
    /// Whether the names may stay: the mask lets them through.
    pub kept: bool,
}

/// Something that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where in the narrative, in Unicode scalar values.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// Which of the known people it names, by place in the list.
    pub person: Option<usize>,
    /// Where its replacement stands in the result, in Unicode scalar values.
    pub replaced: Range<usize>,
}

/// A narrative after de-identification. No `Debug`: a text is what a person told, also with its names gone.
#[derive(Clone)]
pub struct Deidentified {
    /// The text.
    pub text: String,
    /// What was replaced, in order; spans do not overlap.
    pub spans: Vec<Span>,
}

/// Why a narrative was not de-identified: it stays withheld whole. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Longer than [`LONGEST`].
    #[error("the narrative is longer than {LONGEST} bytes: split it")]
    TooLong,
    /// A name is longer than [`people::LONGEST_NAME`], or there are more than [`people::MOST_NAMES`].
    #[error("a known person's names are too long or too many")]
    Names,
    /// Places in the folded text did not lead back to the narrative.
    #[error("places in the text do not lead back to the narrative: withhold it and report this")]
    Offsets,
    /// A known name or an identifier could still be found in the result.
    #[error("something that had to go could still be found in the result: withhold it and report this")]
    Left,
}

/// The version of the rules: of the same narrative, names and lists, the same version makes the same text.
pub const VERSION: &str = "egide-deidentify/1";

/// The word lists, for their digest, in a fixed order.
#[must_use]
pub const fn word_lists() -> [&'static str; 10] {
    lexicon::LISTS
}

/// The longest narrative that is looked at, in bytes.
pub const LONGEST: usize = 16 << 20;

/// How often a text is looked at. The first look finds nearly everything, the second nothing or what the first uncovered.
const MOST_LOOKS: usize = 6;

/// Replaces everything in a narrative that tells who somebody is. What comes out is what goes in, byte for byte, but for the
/// spans; and looked at again, nothing more is found in it.
///
/// # Errors
/// [`Refusal`]; nothing of the narrative may leave then.
pub fn deidentify(text: &str, language: Language, people: &[KnownPerson]) -> Result<Deidentified, Refusal> {
    if text.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    looks(text, language, people, &people::People::new(people, text.len())?)
}

/// The people of a case whose names are made ready once for all its narratives.
pub struct Case {
    people: Vec<KnownPerson>,
    names: people::People,
}

impl Case {
    /// Makes the names ready.
    ///
    /// # Errors
    /// [`Refusal::Names`] if they are too many, or one is too long.
    pub fn new(people: Vec<KnownPerson>) -> Result<Self, Refusal> {
        let names = people::People::new(&people, LONGEST)?;
        Ok(Self { people, names })
    }

    /// What [`deidentify`] says of a narrative and these people.
    ///
    /// # Errors
    /// [`Refusal`]; nothing of the narrative may leave then.
    pub fn deidentify(&self, text: &str, language: Language) -> Result<Deidentified, Refusal> {
        if text.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        looks(text, language, &self.people, &self.names)
    }
}

fn looks(
    text: &str,
    language: Language,
    people: &[KnownPerson],
    names: &people::People,
) -> Result<Deidentified, Refusal> {
    let mut draft = merge::Draft::new(text);
    for _ in 0..MOST_LOOKS {
        if !look(&mut draft, names, language, people)? {
            return Ok(draft.write(language, people).0);
        }
    }
    Err(Refusal::Left)
}

/// Looks for everything in the draft as it is, and masks it; whether there was anything.
fn look(
    draft: &mut merge::Draft<'_>,
    names: &people::People,
    language: Language,
    people: &[KnownPerson],
) -> Result<bool, Refusal> {
    let (shown, pieces) = draft.write(language, people);
    let text = shown.text;
    if text.len() > LONGEST.saturating_mul(2) {
        return Err(Refusal::TooLong);
    }
    let folded = Folded::new(&text);
    let words = words::Words::new(&folded);
    let mut hits = Vec::new();
    let kept = names.find(&folded, &words, &mut hits)?;
    unknown::find(&folded, &words, &kept, &mut hits);
    identifiers::find(&folded, &words, &mut hits);
    draft.mask(&folded, &pieces, names, &words, hits)
}
