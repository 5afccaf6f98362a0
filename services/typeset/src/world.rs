//! The world typst sees: one source, built in, the document as data, the fonts. No file, no package, no clock, no network.

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Dict, Duration, IntoValue as _};
use typst::syntax::{FileId, Source};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Feature, Library, LibraryExt as _, World};

use crate::document::Document;
use crate::fonts::Fonts;

/// How a document looks. The only text that is read as typst's markup.
const TEMPLATE: &str = include_str!("document.typ");

/// A world with nothing in it but one document.
pub(crate) struct Closed<'a> {
    library: LazyHash<Library>,
    source: Source,
    fonts: &'a Fonts,
}

impl<'a> Closed<'a> {
    /// The document arrives as a value of `sys.inputs`: a text in it is a text, whatever signs it holds.
    ///
    /// # Errors
    /// Never for a document that was read here.
    pub(crate) fn new(document: &Document, fonts: &'a Fonts) -> serde_json::Result<Self> {
        let value: Dict = serde_json::from_value(serde_json::to_value(document)?)?;
        let inputs: Dict = [("document".into(), value.into_value())].into_iter().collect();
        // Cells that say what their row is.
        let features = [Feature::A11yExtras].into_iter().collect();
        let library = Library::builder().with_inputs(inputs).with_features(features).build();
        Ok(Self { library: LazyHash::new(library), source: Source::detached(TEMPLATE), fonts })
    }
}

impl World for Closed<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.fonts.book()
    }

    fn main(&self) -> FileId {
        self.source.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.source.id() { Ok(self.source.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, _id: FileId) -> FileResult<Bytes> {
        Err(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}
