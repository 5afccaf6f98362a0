//! What is read: one JSON document of a known version. Whatever is not known here is refused, so that a page never lacks
//! something the sender meant. Nothing here implements `Debug`: it carries what people told.

use serde::{Deserialize, Serialize};
use typst::foundations::Datetime;

/// The version that is understood.
pub(crate) const SCHEMA: &str = "egide.document/1";

/// What a document may hold at most.
pub(crate) const BLOCKS_MAX: usize = 4_096;
/// Cells, items and values of one block.
pub(crate) const PARTS_MAX: usize = 4_096;

/// A document. The same type is written by `libs/report/src/document.rs`; the golden files there are set here in tests.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) schema: String,
    pub(crate) layout: Layout,
    pub(crate) language: Language,
    /// What a reader's program shows as the name of the file.
    pub(crate) title: String,
    /// `2026-11-22`.
    pub(crate) date: String,
    /// Stands at the top of every page.
    pub(crate) marking: String,
    pub(crate) footer: Footer,
    /// Added at the end where a sign was replaced by its code point.
    pub(crate) unshown: String,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layout {
    /// For screen and print.
    Page,
    /// Large, black and white, without areas of grey.
    Fax,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Language {
    En,
    Fr,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Footer {
    pub(crate) text: String,
    /// Before the number of the page.
    pub(crate) page: String,
    /// Between it and the number of pages.
    pub(crate) of: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Block {
    /// A heading; level 1 is the document's own.
    Heading { level: u8, text: String },
    /// One line that is seen first. Strong: inverted.
    Banner { strong: bool, text: String },
    /// A paragraph.
    Paragraph { text: String },
    /// A list without order.
    List { items: Vec<String> },
    /// Steps in a frame.
    Steps { heading: String, items: Vec<String> },
    /// Labels, each with its values.
    Facts { rows: Vec<Fact> },
    /// A table whose first row and first column say what the cells are.
    Table { header: Vec<String>, rows: Vec<Vec<String>> },
    /// How many pages there are, as a fact.
    Pages { label: String },
    /// What follows begins on a new page.
    PageBreak {},
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) values: Vec<String>,
}

impl Document {
    /// Whether it is one that can be set: version, date, shape of tables, amounts.
    pub(crate) fn is_understood(&self) -> bool {
        self.schema == SCHEMA
            && is_date(&self.date)
            && !self.title.trim().is_empty()
            && self.blocks.len() <= BLOCKS_MAX
            && matches!(self.blocks.iter().find_map(heading_level), Some(1))
            && headings_descend(&self.blocks)
            && self.blocks.iter().all(Block::is_understood)
    }

    /// Changes every text that is shown.
    pub(crate) fn for_each_text(&mut self, mut change: impl FnMut(&mut String)) {
        let Self { schema: _, layout: _, language: _, title, date: _, marking, footer, unshown, blocks } = self;
        [title, marking, &mut footer.text, &mut footer.page, &mut footer.of, unshown].into_iter().for_each(&mut change);
        for block in blocks {
            match block {
                Block::Heading { text, .. } | Block::Banner { text, .. } | Block::Paragraph { text } => change(text),
                Block::List { items } => items.iter_mut().for_each(&mut change),
                Block::Steps { heading, items } => {
                    change(heading);
                    items.iter_mut().for_each(&mut change);
                }
                Block::Facts { rows } => {
                    for Fact { label, values } in rows {
                        change(label);
                        values.iter_mut().for_each(&mut change);
                    }
                }
                Block::Table { header, rows } => {
                    header.iter_mut().chain(rows.iter_mut().flatten()).for_each(&mut change);
                }
                Block::Pages { label } => change(label),
                Block::PageBreak {} => {}
            }
        }
    }
}

impl Block {
    fn is_understood(&self) -> bool {
        match self {
            Self::Heading { level, text } => (1..=4).contains(level) && !text.trim().is_empty(),
            Self::List { items } | Self::Steps { items, .. } => (1..=PARTS_MAX).contains(&items.len()),
            Self::Facts { rows } => {
                let values: usize = rows.iter().map(|row| row.values.len()).sum();
                !rows.is_empty() && rows.len().saturating_add(values) <= PARTS_MAX
            }
            Self::Table { header, rows } => {
                (1..=6).contains(&header.len())
                    && (1..=PARTS_MAX).contains(&rows.len())
                    && rows.iter().all(|row| row.len() == header.len())
            }
            Self::Banner { .. } | Self::Paragraph { .. } | Self::Pages { .. } | Self::PageBreak {} => true,
        }
    }
}

fn heading_level(block: &Block) -> Option<u8> {
    if let Block::Heading { level, .. } = block { Some(*level) } else { None }
}

/// PDF/UA-1, 7.4.2: no level is left out on the way down; and there is one of level 1.
fn headings_descend(blocks: &[Block]) -> bool {
    let levels: Vec<u8> = blocks.iter().filter_map(heading_level).collect();
    let steps = levels.windows(2).all(|pair| matches!(pair, [above, below] if *below <= above.saturating_add(1)));
    steps && levels.iter().filter(|level| **level == 1).count() == 1
}

/// A day of the calendar, `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let digits = [(year, 4), (month, 2), (day, 2)];
    let well_formed =
        digits.iter().all(|(part, length)| part.len() == *length && part.bytes().all(|b| b.is_ascii_digit()));
    let numbers = (year.parse::<i32>(), month.parse::<u8>(), day.parse::<u8>());
    match numbers {
        (Ok(year), Ok(month), Ok(day)) => well_formed && Datetime::from_ymd(year, month, day).is_some(),
        (Err(_), _, _) | (_, Err(_), _) | (_, _, Err(_)) => false,
    }
}
