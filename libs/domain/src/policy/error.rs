//! Why policy files are refused, and where: the file, the line and the column of what is wrong.

use super::place;

/// Why policy files are refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A table is no JSON of the expected form.
    #[error("`{file}` line {line}, column {column}: {why}")]
    Form {
        /// The file's name, for instance `policy.json`.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What was expected there.
        why: String,
    },
    /// A value contradicts another or a promise.
    #[error("`{file}` line {line}, column {column}: `{path}`: {why}")]
    Value {
        /// The file's name.
        file: String,
        /// Where, from the root of the table.
        path: String,
        /// The line on which that value begins, from 1; of what is around it where it is absent.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// Why.
        why: &'static str,
    },
    /// A file is missing, unknown or unusable as a whole.
    #[error("`{file}`: {why}")]
    File {
        /// The file's name.
        file: String,
        /// Why.
        why: &'static str,
    },
}

/// A value that cannot stand, before it is known where in the text it stands.
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) why: &'static str,
}

impl Fault {
    pub(crate) fn new(path: impl Into<String>, why: &'static str) -> Self {
        Self { path: path.into(), why }
    }

    /// The same, seen from what it stands in.
    pub(crate) fn within(self, outer: &str) -> Self {
        Self { path: format!("{outer}.{}", self.path), why: self.why }
    }

    /// Says where it stands in a text that was read as JSON before.
    pub(crate) fn in_file(self, file: &str, text: &str) -> PolicyError {
        let (line, column) = place::of(text, &self.path);
        PolicyError::Value { file: file.to_owned(), path: self.path, line, column, why: self.why }
    }
}

/// Reads a table's form.
pub(crate) fn read<'t, T: serde::Deserialize<'t>>(file: &str, text: &'t str) -> Result<T, PolicyError> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        // What it says of the place is said by ours.
        let why = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said).to_owned();
        PolicyError::Form { file: file.to_owned(), line, column: column.max(1), why }
    })
}
