//! A report as a document for people: what `egide-typeset` makes a PDF of. The same content, nothing added but fixed words,
//! nothing lost. Nothing here implements `Debug`: it carries what people told.

mod glance;
mod words;
mod write;

use serde::Serialize;

use crate::labels::NoLabel;
use crate::report::{NotWritable, Report};
use words::Words;
use write::Writer;

/// The version of this format; `egide-typeset` refuses any other.
const SCHEMA: &str = "egide.document/1";

/// How the pages are to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// For screen and print.
    Page,
    /// For a fax machine: large type in black and white, behind a cover page that names nobody.
    Fax,
}

impl Layout {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Page, Self::Fax];
}

/// A document. Made by [`Document::of`] alone; the program that sets it reads the same shape (`services/typeset`).
///
/// Its first page is ordered by what an officer needs at night: what is asked, how urgent it is, how people may be contacted,
/// who, where, what; then what may be done with it, how to check it, how to answer.
#[derive(Serialize)]
pub struct Document {
    schema: &'static str,
    layout: Layout,
    language: &'static str,
    title: String,
    date: String,
    marking: String,
    footer: Footer,
    unshown: String,
    blocks: Vec<Block>,
}

#[derive(Serialize)]
struct Footer {
    text: String,
    page: String,
    of: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Block {
    Heading { level: u8, text: String },
    Banner { strong: bool, text: String },
    Paragraph { text: String },
    List { items: Vec<String> },
    Steps { heading: String, items: Vec<String> },
    Facts { rows: Vec<Fact> },
    Table { header: Vec<String>, rows: Vec<Vec<String>> },
    Pages { label: String },
    PageBreak {},
}

#[derive(Serialize)]
struct Fact {
    label: String,
    values: Vec<String>,
}

impl Document {
    /// Writes a report as a document. `digest` is the SHA-256 of its canonical bytes, which the pages tell the reader to
    /// compare.
    ///
    /// # Errors
    /// [`NoLabel`] where the report's language or form is none of ours, or a fixed word is missing.
    pub fn of(report: &Report, digest: &[u8; 32], layout: Layout) -> Result<Self, NoLabel> {
        let words = Words::of(report)?;
        let digest = hex_groups(digest);
        let begins: String = digest.chars().take(BEGINS).collect();
        let footer =
            words.fixed("footer.text")?.replace("{referral}", &report.referral_id).replace("{digest}", &begins);
        let mut writer = Writer { words, report, digest, blocks: Vec::new() };
        if layout == Layout::Fax {
            writer.cover()?;
        }
        writer.first_page()?;
        writer.details()?;
        writer.particulars()?;
        Ok(Self {
            schema: SCHEMA,
            layout,
            language: words.language().tag(),
            title: format!("{}, {}", words.label(&report.form.title), report.case_reference),
            date: report.issued_on.clone(),
            marking: words.fixed("marking")?,
            footer: Footer { text: footer, page: words.fixed("footer.page")?, of: words.fixed("footer.of")? },
            unshown: words.fixed("unshown")?,
            blocks: writer.blocks,
        })
    }

    /// The bytes that `egide-typeset` is fed: canonical JSON (RFC 8785), the same for the same report.
    ///
    /// # Errors
    /// [`NotWritable`]: never for a document that was made here.
    pub fn to_json(&self) -> Result<Vec<u8>, NotWritable> {
        serde_json_canonicalizer::to_vec(self).map_err(|_| NotWritable)
    }
}

/// Signs of a grouped digest that the foot of each page shows: sixteen digits, enough to tell two referrals apart.
const BEGINS: usize = 19;

/// Hexadecimal in groups of four, as it can be compared by eye and read aloud.
fn hex_groups(digest: &[u8; 32]) -> String {
    let groups: Vec<String> =
        digest.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    groups.join(" ")
}
