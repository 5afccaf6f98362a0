//! Markers: words that occur nowhere else, put where identifying data goes, and looked for afterwards where none may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use egide_crypto::random::random_bytes;

/// Letters of a run's prefix: 16 of 26 letters are never met by chance.
const PREFIX_LETTERS: usize = 16;
/// Digits of a run's number prefix.
const PREFIX_DIGITS: usize = 12;

/// A marker that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// In which file, or what the bytes were called.
    pub place: String,
    /// At which byte.
    pub offset: usize,
    /// In which form: `text`, `digits`, `base64`, `hex`, `utf-16`.
    pub form: &'static str,
}

/// Makes the markers of one run. All of them begin alike, so that one search finds any of them.
#[derive(Debug)]
pub struct Markers {
    letters: String,
    digits: String,
    next: AtomicU32,
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    form: &'static str,
    // Lower case; compared without case.
    bytes: Vec<u8>,
}

impl Markers {
    /// Markers nobody has seen before.
    ///
    /// # Panics
    /// When the system gives no random bytes.
    #[must_use]
    pub fn new() -> Self {
        let random = random_bytes::<{ PREFIX_LETTERS + PREFIX_DIGITS }>().expect("random bytes");
        let (letters, digits) = random.split_at(PREFIX_LETTERS);
        let letters: String = letters.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        let digits: String = digits.iter().map(|byte| char::from(b'1' + byte % 9)).collect();
        let patterns = patterns(&letters, &digits);
        Self { letters, digits, next: AtomicU32::new(0), patterns }
    }

    /// A new marker of lower-case letters, for names and texts.
    #[must_use]
    pub fn word(&self) -> String {
        let mut number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut word = self.letters.clone();
        for _ in 0..7 {
            word.push(char::from_digit(10 + number % 26, 36).unwrap_or('a'));
            number /= 26;
        }
        word
    }

    /// A new marker of digits, for official numbers and the like.
    #[must_use]
    pub fn digits(&self) -> String {
        format!("{}{:010}", self.digits, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Every marker in `bytes`, which are called `place`: as text in either case, as digits, in base64 at any alignment,
    /// in hexadecimal, in UTF-16.
    #[must_use]
    pub fn find_in(&self, place: &str, bytes: &[u8]) -> Vec<Found> {
        let lower = bytes.to_ascii_lowercase();
        let mut found = BTreeSet::new();
        for pattern in &self.patterns {
            for offset in occurrences(&lower, &pattern.bytes) {
                found.insert(Found { place: place.to_owned(), offset, form: pattern.form });
            }
        }
        found.into_iter().collect()
    }

    /// Every marker in the files below `directory`, names of files included.
    ///
    /// # Panics
    /// When a file that stays there cannot be read.
    #[must_use]
    pub fn find_below(&self, directory: &Path) -> Vec<Found> {
        let mut found = Vec::new();
        let mut folders = vec![directory.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder can be listed") {
                let path = entry.expect("a folder can be listed").path();
                let name = path.display().to_string();
                found.extend(self.find_in(&format!("name of {name}"), name.as_bytes()));
                if path.is_symlink() {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(bytes) = read(&path) {
                    found.extend(self.find_in(&name, &bytes));
                }
            }
        }
        found
    }
}

impl Default for Markers {
    fn default() -> Self {
        Self::new()
    }
}

/// A file that goes away while we look at it is none.
fn read(path: &PathBuf) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("`{}`: {error}", path.display()),
    }
}

fn patterns(letters: &str, digits: &str) -> Vec<Pattern> {
    let mut patterns = vec![
        Pattern { form: "text", bytes: letters.as_bytes().to_vec() },
        Pattern { form: "digits", bytes: digits.as_bytes().to_vec() },
    ];
    for prefix in [letters, digits] {
        let hex: String = prefix.bytes().map(|byte| format!("{byte:02x}")).collect();
        patterns.push(Pattern { form: "hex", bytes: hex.into_bytes() });
        let utf_16: Vec<u8> = prefix.bytes().flat_map(|byte| [byte, 0]).collect();
        // Without the last zero: found in either byte order.
        patterns.push(Pattern { form: "utf-16", bytes: utf_16.into_iter().rev().skip(1).rev().collect() });
        for alignment in 0..3 {
            patterns.push(Pattern { form: "base64", bytes: base64_core(prefix.as_bytes(), alignment) });
        }
    }
    patterns
}

/// The part of base64 that is the same whatever stands before (`alignment` bytes) and after.
fn base64_core(prefix: &[u8], alignment: usize) -> Vec<u8> {
    let padded: Vec<u8> = std::iter::repeat_n(0, alignment).chain(prefix.iter().copied()).collect();
    let whole = padded.len() / 3 * 3;
    let encoded = STANDARD_NO_PAD.encode(padded.get(..whole).unwrap_or_default());
    let skipped = if alignment == 0 { 0 } else { 4 };
    encoded.get(skipped..).unwrap_or_default().to_ascii_lowercase().into_bytes()
}

fn occurrences(bytes: &[u8], pattern: &[u8]) -> Vec<usize> {
    let Some((first, rest)) = pattern.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    let mut from = 0;
    // Searching for the first byte is what the standard library does fast.
    while let Some(step) = bytes.get(from..).and_then(|tail| tail.iter().position(|byte| byte == first)) {
        let at = from + step;
        if bytes.get(at + 1..).is_some_and(|tail| tail.starts_with(rest)) {
            found.push(at);
        }
        from = at + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(markers: &Markers, bytes: &[u8]) -> Vec<&'static str> {
        markers.find_in("here", bytes).into_iter().map(|found| found.form).collect()
    }

    #[test]
    fn markers_differ_within_a_run_and_between_runs() {
        let (one, other) = (Markers::new(), Markers::new());
        let words: BTreeSet<String> = (0..2000).map(|_| one.word()).collect();
        assert_eq!(words.len(), 2000);
        assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
        assert_ne!(one.digits(), one.digits());
        assert!(other.find_in("here", words.iter().map(String::as_str).collect::<String>().as_bytes()).is_empty());
    }

    #[test]
    fn a_marker_is_found_in_every_form_and_at_any_place() {
        let markers = Markers::new();
        let word = markers.word();
        for before in ["", "x", "xy", "xyz", "wxyz"] {
            let text = format!("{before}{word} and more");
            assert_eq!(forms(&markers, text.as_bytes()), ["text"]);
            assert_eq!(forms(&markers, text.to_ascii_uppercase().as_bytes()), ["text"]);
            assert_eq!(forms(&markers, STANDARD_NO_PAD.encode(&text).as_bytes()), ["base64"], "{before}");
            let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(forms(&markers, hex.as_bytes()), ["hex"]);
            for order in [u16::to_le_bytes, u16::to_be_bytes] {
                let wide: Vec<u8> = text.encode_utf16().flat_map(order).collect();
                assert_eq!(forms(&markers, &wide), ["utf-16"]);
            }
        }
        assert_eq!(forms(&markers, format!("0{}9", markers.digits()).as_bytes()), ["digits"]);
        assert!(forms(&markers, b"nothing of the kind").is_empty());
    }

    #[test]
    fn files_and_their_names_are_searched_all_the_way_down() {
        let markers = Markers::new();
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("one/two");
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join("clean"), "nothing").unwrap();
        assert!(markers.find_below(directory.path()).is_empty());
        fs::write(below.join("leak"), format!("...{}", markers.word())).unwrap();
        fs::write(below.join(markers.word()), "").unwrap();
        let mut places: Vec<_> = markers.find_below(directory.path()).into_iter().map(|found| found.place).collect();
        places.sort();
        assert_eq!(places.len(), 2);
        assert!(places[0].ends_with("leak") && places[1].starts_with("name of "), "{places:?}");
    }
}
