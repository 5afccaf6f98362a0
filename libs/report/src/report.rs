//! The report itself, as it is written. Nothing here implements `Debug`: it carries what people told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The version of this format.
pub const SCHEMA: &str = "egide.report/1";

/// A report. Made by [`Report::compose`] from a redacted case, or read back from the bytes of one.
///
/// INVARIANT: its bytes are those of [`Report::to_canonical_json`], and reading these gives the same report.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub(crate) schema: String,
    pub(crate) form: FormHeading,
    pub(crate) language: String,
    /// The version of the labels.
    pub(crate) labels: String,
    pub(crate) referral_id: String,
    pub(crate) case_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supplementary_to: Option<String>,
    pub(crate) recipient: RecipientHeading,
    pub(crate) purpose: Coded,
    pub(crate) urgent: Urgency,
    /// What it rests on, in words, each once.
    pub(crate) basis: Vec<Coded>,
    /// A date, nothing finer.
    pub(crate) issued_on: String,
    pub(crate) people: Vec<PersonSection>,
    /// What is about several people together.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) together: Vec<ReportField>,
    pub(crate) onward_use: Vec<Coded>,
    pub(crate) verify: Verification,
    /// 32 random bytes, base64: the digest tells nothing to whoever guesses at the content.
    pub(crate) salt: String,
}

/// A code for machines with its label for people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coded {
    pub(crate) code: String,
    pub(crate) label: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormHeading {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) intro: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipientHeading {
    pub(crate) organization: String,
    pub(crate) unit: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Urgency {
    pub(crate) urgent: bool,
    pub(crate) label: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonSection {
    /// `Person A`: holds inside this report only.
    pub(crate) name: String,
    /// Holds in every report to the same unit.
    pub(crate) code: String,
    pub(crate) roles: Vec<Coded>,
    pub(crate) categories: Vec<CategorySection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) safe_contact: Option<SafeContactSection>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CategorySection {
    pub(crate) category: Coded,
    /// What was recorded, newest first.
    pub(crate) records: Vec<RecordSection>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordSection {
    /// The month it was recorded in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) month: Option<String>,
    pub(crate) fields: Vec<ReportField>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportField {
    /// Path in the contract.
    pub(crate) field: String,
    pub(crate) label: String,
    pub(crate) values: Vec<ReportValue>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ReportValue {
    /// As told.
    Text { text: String },
    /// As told. A text, since JSON numbers are not exact everywhere.
    Number { number: String },
    /// Yes or no.
    Flag { flag: bool, label: String },
    /// A value of the contract.
    Code { code: String, label: String },
    /// Several fields that belong together.
    Record { fields: Vec<ReportField> },
    /// Made coarser than it was told.
    Coarse { code: String, label: String },
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SafeContactSection {
    pub(crate) permission: Coded,
    pub(crate) rules: Vec<Coded>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verification {
    pub(crate) digest: String,
    pub(crate) signature: String,
    pub(crate) context: String,
    pub(crate) key_id: String,
    pub(crate) how: String,
}

/// Whether bytes say of themselves that they are a report of another version of this format.
#[must_use]
pub fn is_of_other_version(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Versioned {
        schema: String,
    }
    let family = SCHEMA.split_once('/').map(|(family, _)| family);
    let read: Result<Versioned, _> = serde_json::from_slice(bytes);
    read.is_ok_and(|report| {
        report.schema != SCHEMA && report.schema.split_once('/').map(|(family, _)| family) == family
    })
}

/// Bytes that are no report of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseReportError {
    /// They are no such JSON.
    #[error("not a report: is the file whole, and of this version (`egide.report/1`)?")]
    NotAReport,
    /// They are, but in another spelling than the canonical one, which alone is signed.
    #[error("not in canonical form (rfc 8785): the file was changed after it was made")]
    NotCanonical,
}

/// The report could not be written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("report cannot be written as canonical json")]
pub struct NotWritable;

impl Report {
    /// Its bytes: canonical JSON (RFC 8785), UTF-8. These are digested, signed, stored and delivered.
    ///
    /// # Errors
    /// [`NotWritable`]: never for a report that was composed or read here.
    pub fn to_canonical_json(&self) -> Result<Vec<u8>, NotWritable> {
        serde_json_canonicalizer::to_vec(self).map_err(|_| NotWritable)
    }

    /// Reads a report back from exactly the bytes that were written.
    ///
    /// # Errors
    /// [`ParseReportError`]
    pub fn from_canonical_json(bytes: &[u8]) -> Result<Self, ParseReportError> {
        let report: Self = serde_json::from_slice(bytes).map_err(|_| ParseReportError::NotAReport)?;
        if report.schema != SCHEMA {
            return Err(ParseReportError::NotAReport);
        }
        match report.to_canonical_json() {
            Ok(canonical) if canonical == bytes => Ok(report),
            Ok(_) | Err(NotWritable) => Err(ParseReportError::NotCanonical),
        }
    }

    /// The referral it belongs to, as written in it.
    #[must_use]
    pub fn referral_id(&self) -> &str {
        &self.referral_id
    }

    /// The tag of its language.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The form's id.
    #[must_use]
    pub fn form(&self) -> &str {
        &self.form.id
    }

    /// The day it was issued, as written in it: `2026-11-22`.
    #[must_use]
    pub fn issued_on(&self) -> &str {
        &self.issued_on
    }

    /// The version of its labels.
    #[must_use]
    pub fn labels(&self) -> &str {
        &self.labels
    }

    /// The random bytes in it; `None` when they are none that were made here.
    #[must_use]
    pub fn salt(&self) -> Option<[u8; 32]> {
        STANDARD.decode(&self.salt).ok()?.try_into().ok()
    }

    /// The id of the key that is to sign it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.verify.key_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_says_so_itself_and_anything_else_is_none() {
        assert!(is_of_other_version(br#"{"schema":"egide.report/0","people":[]}"#));
        assert!(is_of_other_version(br#"{"schema":"egide.report/2"}"#));
        for none in [
            &br#"{"schema":"egide.report/1"}"#[..],
            br#"{"schema":"egide.report"}"#,
            br#"{"schema":"another/2"}"#,
            br#"{}"#,
            br#"egide.report/2"#,
            b"",
        ] {
            assert!(!is_of_other_version(none), "{}", String::from_utf8_lossy(none));
        }
    }
}
