//! Checking an export with nothing but its files and the key: every record that was changed, left out, moved or put in is named.

use std::collections::{BTreeMap, BTreeSet};

use egide_crypto::digest::{Digest, sha256};
use egide_wire::proto::egide::audit::v1::ExportFormat;

use super::{Entry, Manifest, VERSION, entry_digest, file_name, no_entry, record};

/// Most findings told of one chunk.
pub const FINDINGS_MAX: usize = 100;

/// Something that is wrong with an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The manifest is of a form that this version does not know.
    #[error("the manifest has a form that this version does not know")]
    Form,
    /// An entry is not the one that comes next.
    #[error("entry `{0}` was changed, left out, moved or put in")]
    Entry(u64),
    /// The manifest speaks of other entries, chunks or records.
    #[error("the manifest names `{named}` {what}, and there are `{found}`")]
    Count {
        /// What is counted.
        what: &'static str,
        /// What the manifest says.
        named: u64,
        /// What there is.
        found: u64,
    },
    /// The last entry is not the one that the manifest names.
    #[error("the last entry is not the one that the manifest names")]
    LastEntry,
    /// A file is not there.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A file has nothing to do with the export.
    #[error("`{0}` does not belong to the export")]
    Stranger(String),
    /// The digests of a chunk were changed; its records are as they were.
    #[error("the digests beside `{0}` were changed")]
    Sums(String),
    /// The header of a chunk was changed.
    #[error("`{0}`: the header was changed")]
    Header(String),
    /// A record was changed.
    #[error("`{file}`, line {line}: the record at position `{position}` was changed")]
    Changed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// Where the record stands in the log.
        position: u64,
    },
    /// A record was left out.
    #[error("`{file}`: the record at position `{position}` was left out")]
    LeftOut {
        /// The file.
        file: String,
        /// Where the record stands in the log.
        position: u64,
    },
    /// A record was put in.
    #[error("`{file}`, line {line}: a record was put in")]
    PutIn {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A record stands at another place.
    #[error("`{file}`, line {line}: the record at position `{position}` was moved")]
    Moved {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// Where the record stands in the log.
        position: u64,
    },
    /// A chunk was changed, and so were its digests.
    #[error("`{0}` was changed, and the digests that would tell where were changed, too")]
    Both(String),
}

/// Goes through the entries of an export, chunk by chunk.
#[derive(Debug)]
pub struct Checker {
    manifest: Manifest,
    format: ExportFormat,
    last_entry: Digest,
    chunks: u64,
    records: u64,
    below: Option<u64>,
}

impl Checker {
    /// A checker against this manifest, whose signature was checked.
    ///
    /// # Errors
    /// [`Finding::Form`].
    pub fn new(manifest: Manifest) -> Result<Self, Finding> {
        let formats = [ExportFormat::Csv, ExportFormat::Jsonl];
        let format = formats.into_iter().find(|format| record::extension(*format) == manifest.format);
        let format = format.filter(|_| manifest.version == VERSION).ok_or(Finding::Form)?;
        Ok(Self { manifest, format, last_entry: no_entry(), chunks: 0, records: 0, below: None })
    }

    /// The next entry, as its bytes; the chunk it speaks of.
    ///
    /// # Errors
    /// [`Finding::Entry`].
    pub fn entry(&mut self, bytes: &[u8]) -> Result<Entry, Finding> {
        let number = self.chunks.saturating_add(1);
        let wrong = || Finding::Entry(number);
        let entry: Entry = serde_json::from_slice(bytes).map_err(|_| wrong())?;
        let follows = entry.number == number
            && entry.previous == self.last_entry
            && entry.file == file_name(number, self.format)
            && entry.first_position >= entry.last_position
            && entry.first_position <= self.manifest.position_last
            && self.below.is_none_or(|below| entry.first_position < below);
        if !follows {
            return Err(wrong());
        }
        (self.chunks, self.records) = (number, self.records.saturating_add(entry.records));
        (self.last_entry, self.below) = (entry_digest(bytes), Some(entry.last_position));
        Ok(entry)
    }

    /// What is wrong with a chunk's content and digests.
    #[must_use]
    pub fn chunk(&self, entry: &Entry, content: &[u8], sums: &[u8]) -> Vec<Finding> {
        let file = || entry.file.clone();
        let is_content = sha256(content) == entry.content_sha256;
        let is_sums = sha256(sums) == entry.sums_sha256;
        match (is_content, is_sums) {
            (true, true) => Vec::new(),
            (true, false) => vec![Finding::Sums(file())],
            (false, false) => vec![Finding::Both(file())],
            (false, true) => {
                let mut found = self.compare(&entry.file, content, sums);
                if found.is_empty() {
                    // Something between the lines, which no record's digest covers.
                    found.push(Finding::Header(file()));
                }
                found.truncate(FINDINGS_MAX);
                found
            }
        }
    }

    /// Which records differ, where their digests are what they were.
    fn compare(&self, file: &str, content: &[u8], sums: &[u8]) -> Vec<Finding> {
        let expected: Vec<(u64, Digest)> = String::from_utf8_lossy(sums).lines().filter_map(sum).collect();
        let mut lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
        let header = record::header(self.format);
        let mut found = Vec::new();
        let headers = usize::from(!header.is_empty());
        if headers > 0 {
            match lines.first() {
                Some(line) if *line == header.as_bytes() => lines.rotate_left(1),
                // It was left out, and a record stands there.
                Some(line) if expected.iter().any(|(_, digest)| *digest == sha256(line)) => {
                    found.push(Finding::Header(file.to_owned()));
                    lines.push(&[]);
                }
                Some(_) => {
                    found.push(Finding::Header(file.to_owned()));
                    lines.rotate_left(1);
                }
                None => {
                    found.push(Finding::Header(file.to_owned()));
                    lines.push(&[]);
                }
            }
            // What the header was is last now.
            lines.truncate(lines.len().saturating_sub(1));
        }
        let digests: Vec<Digest> = lines.iter().map(|line| sha256(line)).collect();
        found.extend(differences(file, &expected, &digests, headers));
        found
    }

    /// What is wrong at the end.
    #[must_use]
    pub fn finish(self) -> Vec<Finding> {
        let mut found = Vec::new();
        for (what, named, counted) in
            [("chunks", self.manifest.chunks, self.chunks), ("records", self.manifest.records, self.records)]
        {
            if named != counted {
                found.push(Finding::Count { what, named, found: counted });
            }
        }
        if self.last_entry != self.manifest.last_entry {
            found.push(Finding::LastEntry);
        }
        found
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// A position and a digest in a line of sums.
fn sum(line: &str) -> Option<(u64, Digest)> {
    let (position, digest) = line.split_once(' ')?;
    Some((position.parse().ok()?, digest.parse().ok()?))
}

/// What became of the records that are expected. A record that stands nowhere at all and has a stranger at its own place was
/// changed; the rest of the strangers were put in, the rest of the missing left out; what is there and not in its order was moved.
fn differences(file: &str, expected: &[(u64, Digest)], found: &[Digest], headers: usize) -> Vec<Finding> {
    let file = || file.to_owned();
    let places: BTreeMap<Digest, usize> =
        expected.iter().enumerate().map(|(index, (_, digest))| (*digest, index)).collect();
    let present: BTreeSet<usize> = found.iter().filter_map(|digest| places.get(digest).copied()).collect();
    let mut findings = Vec::new();
    let (mut changed, mut seen) = (BTreeSet::new(), BTreeSet::new());
    // Where the next record is due, counted over the expected ones.
    let mut due = 0_usize;
    for (index, digest) in found.iter().enumerate() {
        let line = index + headers + 1;
        match places.get(digest) {
            Some(place) if !seen.insert(*place) => findings.push(Finding::PutIn { file: file(), line }),
            Some(place) if *place < due => {
                let position = expected.get(*place).map_or(0, |(position, _)| *position);
                findings.push(Finding::Moved { file: file(), line, position });
            }
            Some(place) => due = place + 1,
            None => {
                // The first missing one from here on, unless one that is there comes before it.
                match expected.get(due) {
                    Some((position, _)) if !present.contains(&due) => {
                        changed.insert(due);
                        due += 1;
                        findings.push(Finding::Changed { file: file(), line, position: *position });
                    }
                    Some(_) | None => findings.push(Finding::PutIn { file: file(), line }),
                }
            }
        }
    }
    let missing = expected.iter().enumerate().filter(|(index, _)| !present.contains(index) && !changed.contains(index));
    findings.extend(missing.map(|(_, (position, _))| Finding::LeftOut { file: file(), position: *position }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(format: ExportFormat, records: &[&str]) -> (Entry, Vec<u8>, Vec<u8>) {
        let mut content = record::header(format);
        let mut sums = String::new();
        for (position, text) in (1_u64..=100).rev().zip(records) {
            let line = format!("{text}\n");
            sums.push_str(&format!("{position} {}\n", sha256(line.as_bytes())));
            content.push_str(&line);
        }
        let records = u64::try_from(records.len()).unwrap();
        let entry = Entry {
            number: 1,
            file: file_name(1, format),
            records,
            first_position: 100,
            last_position: 101 - records,
            content_sha256: sha256(content.as_bytes()),
            sums_sha256: sha256(sums.as_bytes()),
            as_of: 100,
            previous: no_entry(),
        };
        (entry, content.into_bytes(), sums.into_bytes())
    }

    fn manifest(entries: &[Vec<u8>], records: u64, format: &str) -> Manifest {
        Manifest {
            version: VERSION,
            log: "log".to_owned(),
            filter: serde_json::Value::Null,
            format: format.to_owned(),
            position_last: 100,
            chunks: u64::try_from(entries.len()).unwrap(),
            records,
            last_entry: entries.last().map_or_else(no_entry, |entry| entry_digest(entry)),
            contract_sha256: no_entry(),
            policy_sha256: None,
        }
    }

    fn told(lines: &[&str]) -> Vec<String> {
        let (entry, content, sums) = chunk(ExportFormat::Csv, &["a", "b", "c", "d"]);
        let checker = Checker::new(manifest(&[], 0, "csv")).unwrap();
        assert_eq!(checker.chunk(&entry, &content, &sums), []);
        let mut other = record::header(ExportFormat::Csv);
        lines.iter().for_each(|line| other.push_str(&format!("{line}\n")));
        checker.chunk(&entry, other.as_bytes(), &sums).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_record_that_was_changed_left_out_moved_or_put_in_is_named() {
        assert_eq!(told(&["a", "B", "c", "d"]), ["`000001.csv`, line 3: the record at position `99` was changed"]);
        assert_eq!(told(&["a", "c", "d"]), ["`000001.csv`: the record at position `99` was left out"]);
        assert_eq!(told(&["a", "b", "c"]), ["`000001.csv`: the record at position `97` was left out"]);
        assert_eq!(told(&["a", "b", "x", "c", "d"]), ["`000001.csv`, line 4: a record was put in"]);
        assert_eq!(told(&["a", "b", "b", "c", "d"]), ["`000001.csv`, line 4: a record was put in"]);
        assert_eq!(told(&["b", "a", "c", "d"]), ["`000001.csv`, line 3: the record at position `100` was moved"]);
        assert_eq!(told(&["a", "b", "c", "d", "x"]), ["`000001.csv`, line 6: a record was put in"]);
    }

    #[test]
    fn every_flipped_byte_of_a_chunk_is_found() {
        let (entry, content, sums) = chunk(ExportFormat::Csv, &["a", "b"]);
        let checker = Checker::new(manifest(&[], 0, "csv")).unwrap();
        for index in 0..content.len() {
            let mut flipped = content.clone();
            flipped[index] ^= 1;
            assert_ne!(checker.chunk(&entry, &flipped, &sums), [], "{index}");
        }
        for index in 0..sums.len() {
            let mut flipped = sums.clone();
            flipped[index] ^= 1;
            assert_eq!(checker.chunk(&entry, &content, &flipped), [Finding::Sums("000001.csv".to_owned())]);
            assert_eq!(checker.chunk(&entry, b"x", &flipped), [Finding::Both("000001.csv".to_owned())]);
        }
    }

    #[test]
    fn entries_follow_one_another_to_the_one_the_manifest_names() {
        let (first, ..) = chunk(ExportFormat::Jsonl, &["a", "b"]);
        let one = serde_json::to_vec(&first).unwrap();
        let second = Entry {
            number: 2,
            file: file_name(2, ExportFormat::Jsonl),
            first_position: 50,
            last_position: 49,
            previous: entry_digest(&one),
            ..first
        };
        let two = serde_json::to_vec(&second).unwrap();
        let entries = [one.clone(), two.clone()];
        let checker = || Checker::new(manifest(&entries, 4, "jsonl")).unwrap();

        let mut whole = checker();
        assert!(whole.entry(&one).is_ok() && whole.entry(&two).is_ok());
        assert_eq!(whole.finish(), []);

        assert_eq!(checker().entry(&two), Err(Finding::Entry(1)), "left out, or moved");
        let mut twice = checker();
        assert!(twice.entry(&one).is_ok());
        assert_eq!(twice.entry(&one), Err(Finding::Entry(2)), "put in");
        let mut short = checker();
        assert!(short.entry(&one).is_ok());
        let expected = [
            Finding::Count { what: "chunks", named: 2, found: 1 },
            Finding::Count { what: "records", named: 4, found: 2 },
            Finding::LastEntry,
        ];
        assert_eq!(short.finish(), expected);
        for index in 0..one.len() {
            let mut flipped = one.clone();
            flipped[index] ^= 1;
            let mut checker = checker();
            assert!(checker.entry(&flipped).is_err() || checker.entry(&two).is_err(), "{index}");
        }
        assert_eq!(Checker::new(Manifest { version: 2, ..manifest(&[], 0, "csv") }).unwrap_err(), Finding::Form);
    }
}
