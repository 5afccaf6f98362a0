//! From the bytes of a document to the bytes of a PDF.

use typst::diag::Warned;
use typst::foundations::Smart;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::document::{Block, Document};
use crate::fonts::Fonts;
use crate::world::Closed;

/// Bytes of a document that is read: a stored report has as many at most.
pub(crate) const INPUT_BYTES_MAX: usize = 256 * 1024;
/// Pages of a document that is set.
pub(crate) const PAGES_MAX: usize = 64;

/// Why there is no PDF. No text of these holds anything of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Not JSON, or not of this shape.
    #[error("line {line}, column {column}: not a document of `egide.document/1`")]
    NotADocument {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
    /// Of this shape, but with something in it that is not known or cannot be shown.
    #[error("the document has another version, no date, headings that leave out a level, or an empty or uneven part")]
    NotUnderstood,
    /// More bytes than are read.
    #[error("the document is larger than {INPUT_BYTES_MAX} bytes")]
    TooLarge,
    /// More pages than are set.
    #[error("the document has more than {PAGES_MAX} pages")]
    TooManyPages,
    /// The typesetter refused or warned: a fault of this program.
    #[error("the document could not be set: this is a fault of egide-typeset, report it with its version")]
    NotSet,
}

/// Sets a document: PDF/A-2a and PDF/UA-1, the same bytes for the same document.
///
/// # Errors
/// [`Error`]
pub(crate) fn typeset(input: &[u8]) -> Result<Vec<u8>, Error> {
    if input.len() > INPUT_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    let mut document: Document = serde_json::from_slice(input)
        .map_err(|error| Error::NotADocument { line: error.line(), column: error.column() })?;
    if !document.is_understood() {
        return Err(Error::NotUnderstood);
    }
    let fonts = Fonts::load().ok_or(Error::NotSet)?;
    show_every_sign(&mut document, &fonts);
    set(&document, &fonts)
}

/// Replaces what cannot be shown, and then says so at the end.
fn show_every_sign(document: &mut Document, fonts: &Fonts) {
    let mut any = false;
    document.for_each_text(|text| {
        let (shown, replaced) = fonts.shown(text);
        *text = shown;
        any |= replaced;
    });
    if any {
        document.blocks.push(Block::Paragraph { text: document.unshown.clone() });
    }
}

fn set(document: &Document, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    let world = Closed::new(document, fonts).map_err(|_| Error::NotSet)?;
    let Warned { output, warnings } = typst::compile::<PagedDocument>(&world);
    #[cfg(test)]
    for diagnostic in output.iter().flat_map(|_| &warnings).chain(output.as_ref().err().into_iter().flatten()) {
        eprintln!("typst: {}", diagnostic.message);
    }
    // A warning is something that is not as the template means it: a font that is missing, a layout that does not settle.
    let pages = output.map_err(|_| Error::NotSet)?;
    if !warnings.is_empty() {
        return Err(Error::NotSet);
    }
    if pages.pages().len() > PAGES_MAX {
        return Err(Error::TooManyPages);
    }
    let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1]).map_err(|_| Error::NotSet)?;
    let options = PdfOptions {
        ident: Smart::Custom(document.footer.text.clone()),
        creator: Smart::Custom(Some(format!("egide-typeset {}", env!("CARGO_PKG_VERSION")))),
        standards,
        ..PdfOptions::default()
    };
    let pdf = typst_pdf::pdf(&pages, &options);
    #[cfg(test)]
    for diagnostic in pdf.as_ref().err().into_iter().flatten() {
        eprintln!("typst-pdf: {}", diagnostic.message);
    }
    pdf.map_err(|_| Error::NotSet)
}
