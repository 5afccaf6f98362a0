//! Checkpoints: how many leaves a log has and their root, as a text that is signed (C2SP tlog-checkpoint).

use std::fmt;
use std::str::FromStr;

use egide_crypto::digest::Digest;

use crate::note::{KeyName, NoteError};
use crate::{base64, read_decimal, read_hash};

/// A signed tree head, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is: the same for ever.
    pub origin: KeyName,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// Further lines that others may have added; ours have none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extensions.
    #[must_use]
    pub const fn new(origin: KeyName, size: u64, root: Digest) -> Self {
        Self { origin, size, root, extensions: Vec::new() }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, base64(self.root.as_bytes()))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Reads the text of a note.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let read = || {
            let mut lines = text.strip_suffix('\n')?.split('\n');
            let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
            let extensions: Vec<String> = lines.map(str::to_owned).collect();
            let size = read_decimal(size)?;
            let fits = extensions.iter().all(|line| !line.is_empty());
            fits.then_some(Self { origin: origin.parse().ok()?, size, root: read_hash(root)?, extensions })
        };
        read().ok_or(NoteError::NotANote)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let checkpoint: Checkpoint = TEXT.parse().unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.to_string(), TEXT);
        let extended = format!("{TEXT}an extension\n");
        assert_eq!(extended.parse::<Checkpoint>().unwrap().to_string(), extended);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "".to_owned(),
            TEXT.trim_end().to_owned(),
            format!("{TEXT}\n"),
            TEXT.replace("20852163", "020852163"),
            TEXT.replace("20852163", "+20852163"),
            TEXT.replace("20852163", ""),
            TEXT.replace("20852163", "20852163000000000000"),
            TEXT.replace("q2I=", "q2J="),
            TEXT.replace("q2I=", ""),
            TEXT.replace("example.com/behind-the-sofa", ""),
        ] {
            assert_eq!(text.parse::<Checkpoint>(), Err(NoteError::NotANote), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn strangers_texts_are_read_or_refused(text in "([a-z./]{0,9}\n){0,2}[0-9]{0,21}\n[A-Za-z0-9+/]{40,44}=?\n(\\PC{0,5}\n){0,2}") {
            if let Ok(checkpoint) = text.parse::<Checkpoint>() {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
