//! Finding markers in bytes: as they are, and in the spellings in which they could have been carried off.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Bytes of a spelling by which it is looked up; no spelling is shorter.
const KEY_BYTES: usize = 8;
/// Bits of the filter in front of the look-up, by the first three bytes of a window.
const FILTER_BITS: usize = 1 << 16;

/// Markers to be found.
pub struct Needles {
    spellings: BTreeMap<[u8; KEY_BYTES], Vec<Spelling>>,
    /// No window can match whose place here is false: the look-up is rarely reached.
    filter: Vec<bool>,
}

struct Spelling {
    bytes: Vec<u8>,
    needle: String,
    form: &'static str,
}

/// A marker that was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Which, by the name it was given.
    pub needle: String,
    /// In which spelling.
    pub form: &'static str,
    /// Where.
    pub offset: usize,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at {}", self.needle, self.form, self.offset)
    }
}

impl Default for Needles {
    fn default() -> Self {
        Self { spellings: BTreeMap::new(), filter: vec![false; FILTER_BITS] }
    }
}

impl Needles {
    /// Adds a marker under a name: its bytes and their other spellings.
    ///
    /// # Panics
    /// When it is so short that a spelling could be met by chance.
    pub fn add(&mut self, name: &str, marker: &[u8]) {
        assert!(marker.len() > KEY_BYTES, "`{name}` is too short for a marker");
        for (form, bytes) in spellings(marker) {
            let key: [u8; KEY_BYTES] = bytes[..KEY_BYTES].try_into().expect("as long as that");
            self.filter[place(&bytes)] = true;
            let same = self.spellings.entry(key).or_default();
            if same.iter().all(|known| known.bytes != bytes) {
                same.push(Spelling { bytes, needle: name.to_owned(), form });
            }
        }
    }

    /// Every marker that stands anywhere in the bytes.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        for offset in 0..bytes.len().saturating_sub(KEY_BYTES - 1) {
            let rest = &bytes[offset..];
            if !self.filter[place(rest)] {
                continue;
            }
            let Some(candidates) = self.spellings.get(&rest[..KEY_BYTES]) else { continue };
            for spelling in candidates.iter().filter(|spelling| rest.starts_with(&spelling.bytes)) {
                found.push(Found { needle: spelling.needle.clone(), form: spelling.form, offset });
            }
        }
        found
    }

    /// The names of the markers in the bytes.
    #[must_use]
    pub fn names(&self, bytes: &[u8]) -> BTreeSet<String> {
        self.find(bytes).into_iter().map(|found| found.needle).collect()
    }

    /// Every marker in the name or the content of any file below a folder, with the file; and how many bytes were read.
    ///
    /// # Panics
    /// When something below the folder cannot be read and still is there.
    #[must_use]
    pub fn find_below(&self, folder: &Path) -> (Vec<(PathBuf, Found)>, u64) {
        let (mut found, mut read) = (Vec::new(), 0);
        for path in files_below(folder) {
            let name = path.to_string_lossy().into_owned();
            found.extend(self.find(name.as_bytes()).into_iter().map(|hit| (path.clone(), hit)));
            match fs::read(&path) {
                Ok(bytes) => {
                    read += bytes.len() as u64;
                    found.extend(self.find(&bytes).into_iter().map(|hit| (path.clone(), hit)));
                }
                // A running server takes its scratch files away under our hands.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => panic!("`{}`: {error}", path.display()),
            }
        }
        (found, read)
    }
}

/// All files below a folder, in the order of their names.
///
/// # Panics
/// When a folder cannot be read and still is there.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => panic!("`{}`: {error}", folder.display()),
        };
        for entry in entries {
            let entry = entry.expect("an entry of a folder");
            let kind = entry.file_type().expect("its type");
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Where a window stands in the filter.
fn place(window: &[u8]) -> usize {
    let [one, two, three] = [0, 1, 2].map(|index| usize::from(window[index]));
    (one << 8 ^ two << 4 ^ three.wrapping_mul(0x9E5)) % FILTER_BITS
}

fn spellings(marker: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let swapped =
        |byte: u8| if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
    let cases: [(&'static str, Vec<u8>); 4] = [
        ("as it is", marker.to_vec()),
        ("in lower case", marker.to_ascii_lowercase()),
        ("in upper case", marker.to_ascii_uppercase()),
        ("in the other case", marker.iter().copied().map(swapped).collect()),
    ];
    let mut all = Vec::new();
    for (form, bytes) in cases {
        all.push((form, bytes.clone()));
        all.push(("backwards", bytes.iter().rev().copied().collect()));
        all.push(("as UTF-16", bytes.iter().flat_map(|byte| [*byte, 0]).collect()));
        all.push(("in hexadecimal", hex(&bytes)));
        all.push(("in upper-case hexadecimal", hex(&bytes).to_ascii_uppercase()));
        all.push(("as a list of numbers", numbers(&bytes)));
        for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            all.extend(base64_inside(engine, &bytes).into_iter().map(|bytes| ("in base64", bytes)));
        }
    }
    all.retain(|(_, bytes)| bytes.len() >= KEY_BYTES);
    all
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// As `Debug` shows bytes.
fn numbers(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into_bytes()
}

/// What of the encoding does not depend on what stands before and after: base64 takes three bytes at a time, and the
/// marker may begin at any of them.
fn base64_inside(engine: &base64::engine::GeneralPurpose, bytes: &[u8]) -> Vec<Vec<u8>> {
    (0..3)
        .filter_map(|skipped| {
            let rest = &bytes[skipped..];
            let whole = &rest[..rest.len() / 3 * 3];
            let encoded = engine.encode(whole).into_bytes();
            (encoded.len() >= KEY_BYTES).then_some(encoded)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &[u8] = b"QuillMarmaladeFeather";

    fn needles() -> Needles {
        let mut needles = Needles::default();
        needles.add("family_name", MARKER);
        needles
    }

    fn form_of(bytes: &[u8]) -> &'static str {
        needles().find(bytes).first().expect("found").form
    }

    #[test]
    fn a_marker_is_found_as_it_is_wherever_it_stands() {
        let mut bytes = vec![0xff; 1000];
        bytes.extend_from_slice(MARKER);
        let found = needles().find(&bytes);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].needle.as_str(), found[0].form, found[0].offset), ("family_name", "as it is", 1000));
    }

    #[test]
    fn a_marker_is_found_in_every_other_spelling() {
        let text = String::from_utf8(MARKER.to_vec()).unwrap();
        assert_eq!(form_of(text.to_uppercase().as_bytes()), "in upper case");
        assert_eq!(form_of(b"qUILLmARMALADEfEATHER"), "in the other case");
        assert_eq!(form_of(text.chars().rev().collect::<String>().as_bytes()), "backwards");
        assert_eq!(form_of(&hex(MARKER)), "in hexadecimal");
        assert_eq!(form_of(&hex(MARKER).to_ascii_uppercase()), "in upper-case hexadecimal");
        assert_eq!(form_of(format!("{MARKER:?}").as_bytes()), "as a list of numbers");
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(form_of(&utf16), "as UTF-16");
        for before in ["", "a", "ab", "abc"] {
            for engine in [&STANDARD, &URL_SAFE] {
                let encoded = engine.encode(format!("{before}{text} and more"));
                assert_eq!(form_of(encoded.as_bytes()), "in base64", "{before}");
            }
        }
    }

    #[test]
    fn what_only_resembles_a_marker_is_not_found() {
        for text in ["", "Quill", "QuillMarmaladeFeathe", "QuillMarmalade Feather"] {
            assert!(needles().find(text.as_bytes()).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_short_marker_such_as_a_date_is_found_too() {
        let mut needles = Needles::default();
        needles.add("birth_date", b"1887-03-09");
        for text in ["on 1887-03-09.", "313838372d30332d3039", &STANDARD.encode("b=1887-03-09;")] {
            assert_eq!(needles.names(text.as_bytes()).len(), 1, "{text}");
        }
    }

    #[test]
    fn files_are_searched_by_name_and_content() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [b"xx".as_slice(), MARKER].concat()).unwrap();
        fs::write(folder.path().join("QuillMarmaladeFeather.txt"), "nothing").unwrap();
        let (found, read) = needles().find_below(folder.path());
        assert_eq!((found.len(), read), (2, 30));
    }
}
