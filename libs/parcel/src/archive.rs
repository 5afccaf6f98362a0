//! The archive: a tar (POSIX ustar) of known parts, each at most once, in one order, in one spelling.
//!
//! It is written here in a page instead of with a crate for archives, because reading is the point: whatever is read is written
//! again and must come out the same, so that no header, no padding and no end of it can be another. Any `tar` opens it.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

const BLOCK: usize = 512;
/// Two empty blocks end an archive.
const END: usize = 2 * BLOCK;
/// Readable by its owner alone, once unpacked.
const MODE: &[u8; 8] = b"0000600\0";
const KIBIBYTE: usize = 1_024;

/// A part of a package, in the order of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What is in the package.
    Manifest,
    /// Its signature.
    ManifestSignature,
    /// The report.
    Referral,
    /// Its signature.
    ReferralSignature,
    /// The report for people; not in every package.
    Pdf,
}

impl Part {
    /// All parts, in the order of the archive.
    pub const ALL: [Self; 5] =
        [Self::Manifest, Self::ManifestSignature, Self::Referral, Self::ReferralSignature, Self::Pdf];

    /// The name of its file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest.json",
            Self::ManifestSignature => "manifest.json.sig",
            Self::Referral => "referral.json",
            Self::ReferralSignature => "referral.json.sig",
            Self::Pdf => "referral.pdf",
        }
    }

    /// Most bytes it has.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Manifest | Self::ManifestSignature | Self::ReferralSignature => 16 * KIBIBYTE,
            Self::Referral => KIBIBYTE * KIBIBYTE,
            Self::Pdf => 2 * KIBIBYTE * KIBIBYTE,
        }
    }

    /// Whether every package has it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        !matches!(self, Self::Pdf)
    }

    /// The part of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// The bytes are no archive of a package. Names that are in it are not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It holds a file that no package has.
    #[error("it holds a file that no package has, or something that is no plain file")]
    Unknown,
    /// A part is too large.
    #[error("`{name}` is larger than a package has it", name = .0.name())]
    TooLarge(Part),
    /// A part is missing.
    #[error("`{name}` is missing", name = .0.name())]
    Missing(Part),
    /// It is torn, or not as it was written.
    #[error("it is torn, or not as it was written: archived again by another program, or changed")]
    NotAsWritten,
}

/// The bytes of parts.
pub(crate) type Parts = BTreeMap<Part, Zeroizing<Vec<u8>>>;

/// Every part that a package must have is there, and none is too large.
pub(crate) fn complete(parts: &Parts) -> Result<(), ArchiveError> {
    if let Some((part, _)) = parts.iter().find(|(part, bytes)| bytes.len() > part.bytes_max()) {
        return Err(ArchiveError::TooLarge(*part));
    }
    let missing = Part::ALL.into_iter().find(|part| part.is_required() && !parts.contains_key(part));
    missing.map_or(Ok(()), |part| Err(ArchiveError::Missing(part)))
}

/// The archive of these parts: the same bytes for the same parts, always.
pub(crate) fn write(parts: &Parts) -> Zeroizing<Vec<u8>> {
    let room = parts.values().map(|bytes| BLOCK.saturating_add(padded(bytes.len()))).sum::<usize>();
    // Never grows: a copy left behind would not be wiped.
    let mut archive = Zeroizing::new(Vec::with_capacity(room.saturating_add(END)));
    for (part, bytes) in parts {
        archive.extend_from_slice(&header(*part, bytes.len()));
        archive.extend_from_slice(bytes);
        let padding = padded(bytes.len()).saturating_sub(bytes.len());
        archive.extend(std::iter::repeat_n(0, padding));
    }
    archive.extend(std::iter::repeat_n(0, END));
    archive
}

/// Reads exactly what [`write`] writes.
pub(crate) fn read(archive: &[u8]) -> Result<Parts, ArchiveError> {
    let mut parts = Parts::new();
    let mut rest = archive;
    loop {
        let (block, after) = rest.split_first_chunk::<BLOCK>().ok_or(ArchiveError::NotAsWritten)?;
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let part = part_of(block)?;
        let size = size_of(block).ok_or(ArchiveError::NotAsWritten)?;
        if size > part.bytes_max() {
            return Err(ArchiveError::TooLarge(part));
        }
        let bytes = after.get(..size).ok_or(ArchiveError::NotAsWritten)?;
        if parts.insert(part, Zeroizing::new(bytes.to_vec())).is_some() {
            return Err(ArchiveError::NotAsWritten);
        }
        rest = after.get(padded(size)..).ok_or(ArchiveError::NotAsWritten)?;
    }
    complete(&parts)?;
    if write(&parts).as_slice() == archive { Ok(parts) } else { Err(ArchiveError::NotAsWritten) }
}

/// Up to the next block.
const fn padded(bytes: usize) -> usize {
    bytes.div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn header(part: Part, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    put(&mut header, 0, part.name().as_bytes());
    put(&mut header, 100, MODE);
    // Owner, group, time of change: nobody's, 1970.
    put(&mut header, 108, b"0000000\0");
    put(&mut header, 116, b"0000000\0");
    put(&mut header, 124, format!("{size:011o}\0").as_bytes());
    put(&mut header, 136, b"00000000000\0");
    // The checksum counts itself as spaces.
    put(&mut header, 148, b"        ");
    put(&mut header, 156, b"0");
    put(&mut header, 257, b"ustar\x0000");
    put(&mut header, 329, b"0000000\0");
    put(&mut header, 337, b"0000000\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

fn part_of(header: &[u8; BLOCK]) -> Result<Part, ArchiveError> {
    let name: Vec<u8> = header.iter().take(100).copied().take_while(|byte| *byte != 0).collect();
    std::str::from_utf8(&name).ok().and_then(Part::of_name).ok_or(ArchiveError::Unknown)
}

fn size_of(header: &[u8; BLOCK]) -> Option<usize> {
    let digits = header.get(124..135)?;
    digits.iter().try_fold(0_usize, |size, digit| match digit {
        b'0'..=b'7' => size.checked_mul(8)?.checked_add(usize::from(digit - b'0')),
        _ => None,
    })
}
