//! A referral as a page: the document that PDFs are made of, block by block.

use askama::Template;
use egide_crypto::digest::sha256;
use egide_report::{Document, Layout, Report};
use serde::Deserialize;

/// The document as pages are made of it.
#[derive(Deserialize)]
struct Read {
    language: String,
    marking: String,
    blocks: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Block {
    Heading { level: u8, text: String },
    Banner { strong: bool, text: String },
    Paragraph { text: String },
    List { items: Vec<String> },
    Steps { heading: String, items: Vec<String> },
    Facts { rows: Vec<Fact> },
    Table { header: Vec<String>, rows: Vec<Vec<String>> },
    Pages {},
    PageBreak {},
}

#[derive(Deserialize)]
struct Fact {
    label: String,
    values: Vec<String>,
}

#[derive(Template)]
#[template(path = "block.html")]
struct BlockPage<'b> {
    block: &'b Block,
}

/// Headings stand below the page's own.
fn below(level: &u8) -> u8 {
    level.saturating_add(1).clamp(2, 6)
}

/// A document whose blocks are HTML.
pub(crate) struct Shown {
    pub(crate) language: String,
    pub(crate) marking: String,
    pub(crate) blocks: Vec<String>,
}

/// The bytes of the document of a report; none where this version cannot write one.
pub(crate) fn document(report: &[u8]) -> Option<Vec<u8>> {
    let read = Report::from_canonical_json(report).ok()?;
    let document = Document::of(&read, sha256(report).as_bytes(), Layout::Page).ok()?;
    document.to_json().ok()
}

/// A report as a page.
pub(crate) fn shown(report: &[u8]) -> Option<Shown> {
    let read: Read = serde_json::from_slice(&document(report)?).ok()?;
    let blocks: Option<Vec<String>> = read.blocks.iter().map(|block| BlockPage { block }.render().ok()).collect();
    Some(Shown { language: read.language, marking: read.marking, blocks: blocks? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_a_document_stands_on_the_page_and_nothing_of_it_is_taken_for_html() {
        let golden = include_bytes!("../../../libs/report/tests/golden/investigating-agency-1.fr.document.json");
        let read: Read = serde_json::from_slice(golden).unwrap();
        let page: String = read.blocks.iter().map(|block| BlockPage { block }.render().unwrap()).collect();
        for block in &read.blocks {
            let texts: Vec<&String> = match block {
                Block::Heading { text, .. } | Block::Banner { text, .. } | Block::Paragraph { text } => vec![text],
                Block::List { items } => items.iter().collect(),
                Block::Steps { heading, items } => items.iter().chain([heading]).collect(),
                Block::Facts { rows } => rows.iter().flat_map(|row| row.values.iter().chain([&row.label])).collect(),
                Block::Table { header, rows } => header.iter().chain(rows.iter().flatten()).collect(),
                Block::Pages {} | Block::PageBreak {} => vec![],
            };
            for text in texts {
                let escaped = text
                    .replace('&', "&#38;")
                    .replace('<', "&#60;")
                    .replace('>', "&#62;")
                    .replace('"', "&#34;")
                    .replace('\'', "&#39;");
                assert!(page.contains(&escaped), "{text}");
            }
        }
        let hostile = Block::Facts {
            rows: vec![Fact { label: "<b>".to_owned(), values: vec!["<script>alert(1)</script>".to_owned()] }],
        };
        let page = BlockPage { block: &hostile }.render().unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    }
}
