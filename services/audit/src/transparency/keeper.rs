//! The one who signs checkpoints, and never takes one back: what was signed last stands on the disk before anybody sees it, and nothing
//! that is smaller, or has another root at the same size, is signed after it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use egide_crypto::digest::Digest;
use egide_crypto::sign::SigningKey;
use egide_projection::{ModelError, View};
use egide_servicekit::file::{self, PRIVATE};
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::note::{KeyName, Kind, Note, NoteKey};
use egide_tlog::proof;
use egide_tlog::tile::OfTiles;

use crate::model::leaves::{self, Tree};

/// The file of the checkpoint that was signed last: the position up to which the log was read for it, and the note.
const SIGNED_FILE: &str = "signed";
/// The file of the checkpoint that was published last.
const PUBLISHED_FILE: &str = "published";

/// Checkpoints cannot be signed any more, and somebody must look at why.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("`{}`: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stored checkpoint is none of ours.
    #[error("`{}` holds no checkpoint that a key of this log signed; find out who changed it", .0.display())]
    NotOurs(PathBuf),
    /// The tree became smaller.
    #[error("the history has `{found}` leaves, and a checkpoint of `{signed}` was signed: what it covered is gone")]
    Smaller {
        /// How many there are.
        found: u64,
        /// How many there were.
        signed: u64,
    },
    /// What was signed is not the beginning of the tree any more.
    #[error("the first `{0}` leaves of the history are not those that a checkpoint was signed over: it was rewritten")]
    Rewritten(u64),
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] ModelError),
    /// The text could not be signed.
    #[error("the checkpoint cannot be signed")]
    NotSigned,
    /// A task ended.
    #[error("the task that signs checkpoints ended")]
    Ended,
}

/// A checkpoint of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// How many leaves it covers.
    pub size: u64,
    /// Their root.
    pub root: Digest,
    /// The position up to which the log was read for it.
    pub position: u64,
    /// As it is handed out.
    pub note: Note,
}

/// What a view shows of the tree.
#[derive(Debug, Clone, Copy)]
struct Grown {
    size: u64,
    root: Digest,
    position: u64,
    /// The root of the leaves that the last checkpoint covers, where there are so many.
    root_of_last: Option<Digest>,
}

/// Signs checkpoints of one log, one at a time.
#[derive(Debug)]
pub struct Keeper {
    directory: PathBuf,
    origin: KeyName,
    key: Arc<SigningKey>,
    last: Option<Signed>,
    /// Whether the leaves of the last checkpoint were looked at since the start.
    seen: bool,
}

impl Keeper {
    /// Takes up where the last one stopped. `older` are further keys whose checkpoints count, of before the key was changed.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::NotOurs`].
    pub fn open(directory: PathBuf, origin: KeyName, key: Arc<SigningKey>, older: &[NoteKey]) -> Result<Self, Error> {
        file::private_folder(&directory).map_err(|source| Error::File { path: directory.clone(), source })?;
        let mut keeper = Self { directory, origin, key, last: None, seen: false };
        let path = keeper.directory.join(SIGNED_FILE);
        if let Some(text) = read(&path)? {
            let own = keeper.note_key();
            let keys: Vec<&NoteKey> = std::iter::once(&own).chain(older).collect();
            let last = read_signed(&text, &keeper.origin, &keys).ok_or(Error::NotOurs(path))?;
            keeper.last = Some(last);
        }
        Ok(keeper)
    }

    /// The key that checks what is signed here.
    #[must_use]
    pub fn note_key(&self) -> NoteKey {
        NoteKey::new(self.origin.clone(), Kind::Ed25519, self.key.public_key())
    }

    /// What was signed last.
    #[must_use]
    pub const fn last(&self) -> Option<&Signed> {
        self.last.as_ref()
    }

    /// Signs what a view shows, if it is more than was signed last. A new one is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::File`], after which it may be tried again; every other one is final.
    pub fn advance(&mut self, view: &View<'_>) -> Result<Option<&Signed>, Error> {
        let last = self.last.as_ref().map(|last| last.size);
        // Most blocks bring no leaf, and what stood there a moment ago is looked at again when the next one comes.
        if self.seen && last == Some(leaves::count(view)?) {
            return Ok(None);
        }
        let grown = look(view, last)?;
        let due = is_due(self.last.as_ref(), &grown)?;
        self.seen = grown.root_of_last.is_some();
        if due { self.sign(&grown).map(Some) } else { Ok(None) }
    }

    fn sign(&mut self, grown: &Grown) -> Result<&Signed, Error> {
        let checkpoint = Checkpoint::new(self.origin.clone(), grown.size, grown.root);
        let note = Note::sign(checkpoint.to_string(), &self.origin, &self.key).ok_or(Error::NotSigned)?;
        let signed = Signed { size: grown.size, root: grown.root, position: grown.position, note };
        self.write(SIGNED_FILE, &format!("{}\n{}", signed.position, signed.note))?;
        Ok(self.last.insert(signed))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.directory.join(name);
        file::replace(&path, text.as_bytes(), PRIVATE).map_err(|source| Error::File { path, source })
    }
}

/// The checkpoint that was published last, and keeps being so across starts.
#[derive(Debug)]
pub(super) struct Published {
    path: PathBuf,
}

impl Published {
    /// In the directory of a keeper.
    pub(super) fn of(keeper: &Keeper) -> Self {
        Self { path: keeper.directory.join(PUBLISHED_FILE) }
    }

    /// What was published last by this log's `key`; whatever else stands there counts for nothing and is replaced.
    pub(super) fn read(&self, key: &NoteKey) -> Result<Option<Note>, Error> {
        let note = read(&self.path)?.and_then(|text| text.parse::<Note>().ok());
        Ok(note.filter(|note| key.verify(note).is_ok()))
    }

    /// Keeps one before it is published.
    pub(super) fn write(&self, note: &Note) -> Result<(), Error> {
        let failed = |source| Error::File { path: self.path.clone(), source };
        file::replace(&self.path, note.to_string().as_bytes(), PRIVATE).map_err(failed)
    }
}

fn read(path: &std::path::Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    }
}

fn read_signed(text: &str, origin: &KeyName, keys: &[&NoteKey]) -> Option<Signed> {
    let (position, note) = text.split_once('\n')?;
    let note: Note = note.parse().ok()?;
    let checkpoint: Checkpoint = note.text().parse().ok()?;
    let counts = checkpoint.origin == *origin && keys.iter().any(|key| key.verify(&note).is_ok());
    let position = position.parse().ok()?;
    counts.then_some(Signed { size: checkpoint.size, root: checkpoint.root, position, note })
}

fn look(view: &View<'_>, last: Option<u64>) -> Result<Grown, Error> {
    let size = leaves::count(view)?;
    let tree = Tree(view);
    let nodes = OfTiles(&tree);
    let root_of = |size| proof::root(&nodes, size);
    let root_of_last = last.filter(|last| *last <= size).map(root_of).transpose()?;
    Ok(Grown { size, root: root_of(size)?, position: view.position(), root_of_last })
}

/// Whether a checkpoint of what there is now must follow the last one.
fn is_due(last: Option<&Signed>, grown: &Grown) -> Result<bool, Error> {
    let Some(last) = last else { return Ok(true) };
    match grown.root_of_last {
        Some(root) if root != last.root => Err(Error::Rewritten(last.size)),
        Some(_) => Ok(grown.size > last.size),
        // Rows that are built again from the first block have not come so far yet.
        None if grown.position < last.position => Ok(false),
        None => Err(Error::Smaller { found: grown.size, signed: last.size }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use egide_eventlog::VerifiedBlock;
    use egide_projection::{Projection, ReadModel, Rows};

    use super::*;
    use crate::model::{History, keys};
    use crate::story::{INCARNATION, Story, delivery};

    struct Stage {
        directory: tempfile::TempDir,
        document: Vec<u8>,
    }

    impl Stage {
        fn set() -> Self {
            let (_, document) = SigningKey::generate().unwrap();
            Self { directory: tempfile::tempdir().unwrap(), document: document.to_vec() }
        }

        fn keeper(&self) -> Result<Keeper, Error> {
            let key = SigningKey::from_pkcs8(&self.document).unwrap().into();
            Keeper::open(self.directory.path().join("log"), "example.org/log".parse().unwrap(), key, &[])
        }

        fn file(&self) -> PathBuf {
            self.directory.path().join("log").join(SIGNED_FILE)
        }
    }

    fn story(leaves: usize) -> Story {
        let mut story = Story::of_one_case();
        for _ in 0..leaves {
            story.happens(1, delivery(1));
        }
        story
    }

    #[test]
    fn a_checkpoint_is_signed_for_what_is_new_and_taken_up_after_every_start() {
        let stage = Stage::set();
        let mut story = story(0);
        let mut keeper = stage.keeper().unwrap();
        let empty = keeper.advance(&story.history.view()).unwrap().unwrap().clone();
        assert_eq!((empty.size, empty.root), (0, egide_tlog::tree::empty_root()));
        assert!(keeper.advance(&story.history.view()).unwrap().is_none());
        story.happens(1, delivery(1));
        let one = keeper.advance(&story.history.view()).unwrap().unwrap().clone();
        assert_eq!((one.size, keeper.note_key().verify(&one.note)), (1, Ok(0)));
        let mut again = stage.keeper().unwrap();
        assert_eq!(again.last(), Some(&one));
        assert!(again.advance(&story.history.view()).unwrap().is_none());
    }

    #[test]
    fn a_smaller_history_and_a_rewritten_one_are_never_signed() {
        let stage = Stage::set();
        let mut long = story(3);
        stage.keeper().unwrap().advance(&long.history.view()).unwrap().unwrap();
        // As long as the log was not read so far again, there is nothing to say.
        let short = story(1);
        assert!(stage.keeper().unwrap().advance(&short.history.view()).unwrap().is_none());
        let mut other = story(1);
        (0..4).for_each(|_| other.open_case(2, &[]));
        let smaller = stage.keeper().unwrap().advance(&other.history.view()).unwrap_err();
        assert!(matches!(smaller, Error::Smaller { found: 1, signed: 3 }));
        // The same events, recorded a moment later.
        let mut late = Story::of_one_case();
        late.passes(1);
        for _ in 0..4 {
            late.happens(1, delivery(1));
        }
        let rewritten = stage.keeper().unwrap().advance(&late.history.view()).unwrap_err();
        assert!(matches!(rewritten, Error::Rewritten(3)));
        long.happens(1, delivery(1));
        assert_eq!(stage.keeper().unwrap().advance(&long.history.view()).unwrap().unwrap().size, 4);
    }

    /// The history as it is, with one row changed when it is written.
    struct Changed(Vec<u8>);

    impl ReadModel for Changed {
        const NAME: &'static str = History::NAME;
        const VERSION: u32 = History::VERSION;

        fn apply(&self, block: &VerifiedBlock, rows: &mut Rows<'_>) -> Result<(), ModelError> {
            let before = rows.get(&self.0)?;
            History.apply(block, rows)?;
            if let Some(mut row) = rows.get(&self.0)?.filter(|_| before.is_none()) {
                let first = row.first_mut().unwrap();
                *first ^= 1;
                rows.insert(&self.0, row);
            }
            Ok(())
        }
    }

    #[test]
    fn no_hash_of_the_tree_can_be_changed_below_a_checkpoint() {
        let stage = Stage::set();
        let story = story(5);
        stage.keeper().unwrap().advance(&story.history.view()).unwrap().unwrap();
        let directory = tempfile::tempdir().unwrap();
        for number in 0..5 {
            let changed = Changed(keys::hash(0, number));
            let changed = Projection::open(directory.path().join(number.to_string()), changed, INCARNATION).unwrap();
            for block in story.blocks() {
                changed.applied(block).unwrap();
            }
            let noticed = stage.keeper().unwrap().advance(&changed.view()).unwrap_err();
            assert!(matches!(noticed, Error::Rewritten(5)), "{noticed}");
        }
    }

    #[test]
    fn nothing_is_handed_out_that_is_not_on_the_disk_and_a_stop_anywhere_leaves_the_one_before() {
        let stage = Stage::set();
        let mut story = story(1);
        let mut keeper = stage.keeper().unwrap();
        let first = keeper.advance(&story.history.view()).unwrap().unwrap().clone();
        story.happens(1, delivery(1));
        // Stopped while it was written: a draft lies beside, and counts for nothing.
        fs::write(stage.file().with_file_name(".1234.new"), b"half").unwrap();
        assert_eq!(stage.keeper().unwrap().last(), Some(&first));
        // The disk refuses: nothing was signed as far as anybody can see.
        let folder = stage.file().parent().unwrap().to_owned();
        let moved = folder.with_file_name("elsewhere");
        fs::rename(&folder, &moved).unwrap();
        assert!(matches!(keeper.advance(&story.history.view()), Err(Error::File { .. })));
        assert_eq!(keeper.last(), Some(&first));
        fs::rename(&moved, &folder).unwrap();
        // Stopped after it was written and before it was handed out: the next start hands it out.
        let second = keeper.advance(&story.history.view()).unwrap().unwrap().clone();
        drop(keeper);
        assert_eq!((stage.keeper().unwrap().last(), second.size), (Some(&second), 2));
        assert_eq!(fs::metadata(stage.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn every_flipped_bit_of_what_was_signed_last_is_refused() {
        let stage = Stage::set();
        let story = story(2);
        stage.keeper().unwrap().advance(&story.history.view()).unwrap().unwrap();
        let bytes = fs::read(stage.file()).unwrap();
        // The position only says from when on a smaller tree is wrong; everything after it is signed.
        let note = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        for at in note..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 8);
            fs::write(stage.file(), other).unwrap();
            assert!(matches!(stage.keeper(), Err(Error::NotOurs(_) | Error::File { .. })), "{at}");
        }
        fs::write(stage.file(), &bytes).unwrap();
        let open = |older: &[NoteKey]| {
            let (key, _) = SigningKey::generate().unwrap();
            Keeper::open(stage.directory.path().join("log"), "example.org/log".parse().unwrap(), key.into(), older)
        };
        assert!(matches!(open(&[]), Err(Error::NotOurs(_))));
        let older = stage.keeper().unwrap().note_key();
        assert_eq!(open(&[older]).unwrap().last().unwrap().size, 2);
    }
}
