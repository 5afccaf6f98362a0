//! Checks of the transparency log as an auditor makes them, who has the published keys and trusts nobody: the whole tree leaf by leaf,
//! and bundles, which stand by themselves.

use egide_audit::leaf;
use egide_crypto::digest::{Digest, sha256};
use egide_tlog::checkpoint::Checkpoint;
use egide_tlog::note::{Kind, Note, NoteKey};
use egide_tlog::proof::{self, includes};
use egide_tlog::tile::{Hashes, HashesMut, OfTiles};
use egide_tlog::tree::leaf_hash;
use egide_trust::PublishedKeys;
use egide_wire::descriptors::of;
use egide_wire::proto::egide::audit::v1::{Leaf, LeafOpening};
use egide_wire::proto::egide::case::v1::CaseEvent;
use egide_wire::proto::egide::directory::v1::DirectoryEvent;
use egide_wire::proto::egide::house::v1::HouseEvent;
use egide_wire::proto::egide::ledger::v1::Area;
use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most findings that are kept; how many there are is counted on.
pub const FINDINGS_MAX: usize = 1_000;
/// Longest line of a bundle, in bytes: room for the largest event and its proof.
const LINE_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// The form of bundles.
const VERSION: u32 = 1;

/// Something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// No key that counts signed the checkpoint.
    #[error("the checkpoint is signed by no published key that counts")]
    NotSigned,
    /// A witness that is asked for did not cosign.
    #[error("witness `{0}` did not cosign the published checkpoint")]
    NotCosigned(String),
    /// A leaf is missing, or stands elsewhere.
    #[error("leaf `{expected}` is due, and `{found}` stands there")]
    Order {
        /// The index that is due.
        expected: u64,
        /// The index that was found.
        found: u64,
    },
    /// A leaf was not made of what opens it.
    #[error("leaf `{index}` (position `{position}`) was not made of what is said to open it")]
    Opening {
        /// Which.
        index: u64,
        /// The position of its event, as it is said.
        position: u64,
    },
    /// A leaf stands before one whose event was recorded earlier.
    #[error("leaf `{0}` does not follow the one before in position and time")]
    Time(u64),
    /// A tile does not hold the hashes of its leaves.
    #[error("`{0}` does not hold the hashes of its leaves")]
    Tile(String),
    /// The root is another one.
    #[error("the leaves do not give the root that was signed for `{0}` of them")]
    Root(u64),
    /// There are fewer leaves than a checkpoint covers.
    #[error("there are `{found}` leaves, and a checkpoint covers `{signed}`")]
    Size {
        /// How many there are.
        found: u64,
        /// How many were signed.
        signed: u64,
    },
    /// A proof does not hold.
    #[error("the proof of leaf `{0}` does not hold")]
    Proof(u64),
    /// A line of a bundle is not as it was written.
    #[error("line `{0}` is not as it was written")]
    Line(u64),
    /// The bundle ends early, or goes on after its end.
    #[error("the bundle does not end as it was written")]
    End,
    /// The bundle does not reach the edge of its period.
    #[error("the bundle does not show that nothing is missing {0} its period")]
    Edge(&'static str),
    /// The service named a leaf that the log does not hold any more.
    #[error("{0}")]
    Lost(String),
}

/// What was found to be wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first ones.
    pub first: Vec<Finding>,
    /// How many there are.
    pub total: u64,
}

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.total == 0
    }

    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        self.total = self.total.saturating_add(1);
        if self.first.len() < FINDINGS_MAX {
            self.first.push(finding);
        }
    }

    fn require(&mut self, holds: bool, finding: impl FnOnce() -> Finding) {
        if !holds {
            self.add(finding());
        }
    }
}

/// Reads a checkpoint that a published key signed; `None` of anything else.
#[must_use]
pub fn signed_checkpoint(note: &Note, keys: &PublishedKeys) -> Option<Checkpoint> {
    let checkpoint: Checkpoint = note.text().parse().ok()?;
    let key = |public| NoteKey::new(checkpoint.origin.clone(), Kind::Ed25519, public);
    let signed = keys.of_history().any(|published| key(published.public_key).verify(note).is_ok());
    signed.then_some(checkpoint)
}

/// Whether a witness cosigned; a key of any other kind, such as a log's own, is none of a witness.
#[must_use]
pub fn cosigned(note: Option<&Note>, witness: &NoteKey) -> bool {
    witness.kind() == Kind::Cosignature && note.is_some_and(|note| witness.verify(note).is_ok())
}

/// Checks leaves one after another: that each was made of what opens it, and follows the one before.
#[derive(Debug)]
pub struct Order {
    next: u64,
    last: Option<(u64, Option<(i64, i32)>)>,
}

impl Order {
    /// Leaves from an index on.
    #[must_use]
    pub const fn from(index: u64) -> Self {
        Self { next: index, last: None }
    }

    /// Checks the next one.
    pub fn check(&mut self, leaf: &Leaf, findings: &mut Findings) {
        let unopened = LeafOpening::default();
        let opening = leaf.opening.as_ref().unwrap_or(&unopened);
        findings.require(leaf.index == self.next, || Finding::Order { expected: self.next, found: leaf.index });
        let (index, position) = (leaf.index, opening.position);
        findings.require(leaf::of(opening).as_slice() == leaf.leaf, || Finding::Opening { index, position });
        let here = (position, time(opening.recorded_at));
        let follows = self.last.is_none_or(|(position, recorded)| position < here.0 && recorded <= here.1);
        findings.require(follows, || Finding::Time(index));
        self.next = leaf.index.saturating_add(1);
        self.last = Some(here);
    }
}

fn time(time: Option<Timestamp>) -> Option<(i64, i32)> {
    time.map(|time| (time.seconds, time.nanos))
}

/// A period: from a moment on, until before another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// In milliseconds since 1970; from the beginning when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// In milliseconds since 1970, exclusive; to the end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

impl Period {
    fn is_before(&self, at_ms: i64) -> bool {
        self.from_ms.is_some_and(|from| at_ms < from)
    }

    fn is_after(&self, at_ms: i64) -> bool {
        self.until_ms.is_some_and(|until| at_ms >= until)
    }
}

/// When the event of a leaf was recorded, in milliseconds since 1970.
#[must_use]
pub fn recorded_at_ms(leaf: &Leaf) -> i64 {
    let recorded_at = leaf.opening.as_ref().and_then(|opening| opening.recorded_at).unwrap_or_default();
    recorded_at.seconds.saturating_mul(1_000).saturating_add(i64::from(recorded_at.nanos / 1_000_000))
}

/// The first line of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    egide_bundle: u32,
    /// Which period it is about.
    pub period: Period,
    /// The checkpoint that all proofs lead to, a signed note.
    pub checkpoint: String,
    /// The newest checkpoint that was published, with the cosignatures of witnesses; empty where there was none.
    pub published: String,
    /// The proof from there to `checkpoint`, hashes in hexadecimal digits.
    pub published_proof: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    leaf: Value,
    /// What its facts say, for people: made of the facts, and compared with them when it is checked.
    facts: Value,
    proof: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    leaves: u64,
    /// SHA-256 over everything before this line.
    sha256: Digest,
}

/// Writes a bundle, line by line.
#[derive(Debug, Default)]
pub struct Bundle {
    bytes: Vec<u8>,
    leaves: u64,
}

impl Bundle {
    /// Begins one. `hashes` are those of the whole tree.
    #[must_use]
    pub fn begin<H: Hashes>(period: Period, note: &Note, published: Option<&Note>, hashes: &H) -> Option<Self> {
        let size = |note: &Note| note.text().parse::<Checkpoint>().ok().map(|checkpoint| checkpoint.size);
        let published_proof = match published {
            Some(published) => proof::consistency(&OfTiles(hashes), size(published)?, size(note)?).ok()??,
            None => Vec::new(),
        };
        let head = Head {
            egide_bundle: VERSION,
            period,
            checkpoint: note.to_string(),
            published: published.map(ToString::to_string).unwrap_or_default(),
            published_proof,
        };
        let mut bundle = Self::default();
        bundle.write(&head)?;
        Some(bundle)
    }

    /// Adds a leaf with its proof.
    #[must_use]
    pub fn add<H: Hashes>(&mut self, leaf: &Leaf, size: u64, hashes: &H) -> Option<()> {
        let proof = proof::inclusion(&OfTiles(hashes), leaf.index, size).ok()??;
        let facts = readable(leaf.opening.as_ref()?);
        self.leaves = self.leaves.saturating_add(1);
        self.write(&Line { leaf: json(leaf)?, facts, proof })
    }

    /// Ends it: its bytes.
    #[must_use]
    pub fn end(mut self) -> Option<Vec<u8>> {
        let tail = Tail { leaves: self.leaves, sha256: sha256(&self.bytes) };
        self.write(&tail)?;
        Some(self.bytes)
    }

    fn write(&mut self, line: &impl Serialize) -> Option<()> {
        serde_json::to_writer(&mut self.bytes, line).ok()?;
        self.bytes.push(b'\n');
        Some(())
    }
}

fn json<M: Message + Name>(message: &M) -> Option<Value> {
    serde_json::to_value(egide_wire::descriptors::to_dynamic(message).ok()?).ok()
}

fn message<M: Message + Name + Default>(value: &Value) -> Option<M> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(of::<M>(), value, &options).ok()?;
    M::decode(message.encode_to_vec().as_slice()).ok()
}

/// The facts of an event as people read them; nothing of an event that this version cannot read.
fn readable(opening: &LeafOpening) -> Value {
    fn decoded<M: Message + Name + Default>(facts: &[u8]) -> Option<Value> {
        json(&M::decode(facts).ok()?)
    }
    let facts = opening.facts.as_slice();
    let read = match Area::try_from(opening.area) {
        Ok(Area::Case) => decoded::<CaseEvent>(facts),
        Ok(Area::Directory) => decoded::<DirectoryEvent>(facts),
        Ok(Area::House) => decoded::<HouseEvent>(facts),
        Ok(Area::Access | Area::Unspecified) | Err(_) => None,
    };
    read.unwrap_or(Value::Null)
}

/// A bundle that was gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBundle {
    /// Which period it is about.
    pub period: Period,
    /// The checkpoint, if a published key signed it.
    pub checkpoint: Option<Checkpoint>,
    /// How many leaves there are in the period.
    pub leaves: u64,
    /// What is wrong.
    pub findings: Findings,
}

/// Checks a bundle offline: every line is as it was written, every leaf was made of what opens it and stands in the tree that a published
/// key signed, none is missing within its period, and all of `witnesses` cosigned. `None` of what is no bundle at all.
#[must_use]
pub fn check_bundle(bytes: &[u8], keys: &PublishedKeys, witnesses: &[NoteKey]) -> Option<CheckedBundle> {
    let mut findings = Findings::default();
    let (first, rest) = split_line(bytes)?;
    let head: Head = serde_json::from_slice(first).ok().filter(|head: &Head| head.egide_bundle == VERSION)?;
    findings.require(same(first, &head), || Finding::Line(1));
    let checkpoint = head.checkpoint.parse::<Note>().ok().and_then(|note| signed_checkpoint(&note, keys));
    let Some(checkpoint) = checkpoint else {
        findings.add(Finding::NotSigned);
        return Some(CheckedBundle { period: head.period, checkpoint: None, leaves: 0, findings });
    };
    check_published(&head, &checkpoint, keys, witnesses, &mut findings);
    let leaves = check_lines(bytes, rest, &head.period, &checkpoint, &mut findings);
    Some(CheckedBundle { period: head.period, checkpoint: Some(checkpoint), leaves, findings })
}

fn check_published(
    head: &Head,
    checkpoint: &Checkpoint,
    keys: &PublishedKeys,
    witnesses: &[NoteKey],
    findings: &mut Findings,
) {
    let note = head.published.parse::<Note>().ok();
    for witness in witnesses {
        findings.require(cosigned(note.as_ref(), witness), || Finding::NotCosigned(witness.name().to_string()));
    }
    if head.published.is_empty() {
        return;
    }
    let Some(published) = note.and_then(|note| signed_checkpoint(&note, keys)) else {
        return findings.add(Finding::NotSigned);
    };
    let (old, new) = (&published, checkpoint);
    let extends = proof::extends(old.size, &old.root, new.size, &new.root, &head.published_proof);
    findings.require(extends && old.origin == new.origin, || Finding::Root(published.size));
}

/// Checks the lines after the first one; how many leaves lie within the period.
fn check_lines(
    bytes: &[u8],
    mut rest: &[u8],
    period: &Period,
    checkpoint: &Checkpoint,
    findings: &mut Findings,
) -> u64 {
    let mut number = 1_u64;
    let (mut within, mut count, mut order, mut edges) = (0_u64, 0_u64, None::<Order>, Edges::default());
    let mut ended = false;
    while let Some((line, after)) = split_line(rest) {
        number = number.saturating_add(1);
        if after.is_empty() {
            let before = bytes.len().checked_sub(rest.len()).and_then(|at| bytes.get(..at)).unwrap_or_default();
            let tail: Option<Tail> = serde_json::from_slice(line).ok().filter(|tail| same(line, tail));
            ended = tail.is_some_and(|tail| tail.leaves == count && tail.sha256 == sha256(before));
            break;
        }
        rest = after;
        count = count.saturating_add(1);
        let Some((leaf, proof)) = read_leaf(line) else {
            findings.add(Finding::Line(number));
            continue;
        };
        order.get_or_insert_with(|| Order::from(leaf.index)).check(&leaf, findings);
        let (size, root) = (checkpoint.size, &checkpoint.root);
        let included = includes(leaf.index, size, &leaf_hash(&leaf.leaf), &proof, root);
        findings.require(included, || Finding::Proof(leaf.index));
        within = within.saturating_add(u64::from(edges.pass(&leaf, period)));
    }
    findings.require(ended, || Finding::End);
    edges.check(period, checkpoint.size, findings);
    within
}

/// Whether a bundle reaches the edges of its period: the leaf before its first one and the one after its last one are in it, or
/// there is none. Recorded times never go back, so between them nothing of the period can be missing.
#[derive(Default)]
struct Edges {
    first: Option<(u64, bool)>,
    last: Option<(u64, bool)>,
}

impl Edges {
    /// Whether a leaf lies within the period.
    fn pass(&mut self, leaf: &Leaf, period: &Period) -> bool {
        let at_ms = recorded_at_ms(leaf);
        let (before, after) = (period.is_before(at_ms), period.is_after(at_ms));
        self.first.get_or_insert((leaf.index, before));
        self.last = Some((leaf.index, after));
        !before && !after
    }

    fn check(&self, period: &Period, size: u64, findings: &mut Findings) {
        let begins = self.first.map_or(size == 0, |(index, before)| index == 0 || before);
        let ends = self.last.map_or(size == 0, |(index, after)| index.saturating_add(1) == size || after);
        findings.require(begins, || Finding::Edge("before"));
        findings.require(ends, || Finding::Edge("after"));
        let open = period.from_ms.zip(period.until_ms).is_some_and(|(from, until)| from > until);
        findings.require(!open, || Finding::Edge("within"));
    }
}

fn read_leaf(line: &[u8]) -> Option<(Leaf, Vec<Digest>)> {
    let read: Line = serde_json::from_slice(line).ok()?;
    let leaf: Leaf = message(&read.leaf)?;
    let written = Line { leaf: json(&leaf)?, facts: readable(leaf.opening.as_ref()?), proof: read.proof };
    same(line, &written).then_some((leaf, written.proof))
}

/// Whether bytes are what writing this gives.
fn same(bytes: &[u8], written: &impl Serialize) -> bool {
    serde_json::to_vec(written).is_ok_and(|written| written == bytes)
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(at)?;
    Some((line, rest.get(1..)?))
}

/// All hashes of a tree at its tile levels, in memory: 33 bytes a leaf.
#[derive(Debug, Default)]
pub struct InMemory(Vec<Vec<Digest>>);

impl HashesMut for InMemory {
    fn put(&mut self, level: u8, _: u64, hash: Digest) {
        let level = usize::from(level);
        while self.0.len() <= level {
            self.0.push(Vec::new());
        }
        if let Some(hashes) = self.0.get_mut(level) {
            // Hashes of one level come in their order.
            hashes.push(hash);
        }
    }
}

impl Hashes for InMemory {
    type Error = ();

    fn hashes(&self, level: u8, first: u64, count: u16) -> Result<Vec<Digest>, ()> {
        let first = usize::try_from(first).map_err(drop)?;
        let end = first.checked_add(usize::from(count)).ok_or(())?;
        self.0.get(usize::from(level)).and_then(|hashes| hashes.get(first..end)).map(<[_]>::to_vec).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use egide_crypto::sign::SigningKey;
    use egide_tlog::note::KeyName;
    use egide_tlog::tile;
    use egide_tlog::tree::Frontier;
    use egide_trust::{Draft, RootKey, Use};
    use egide_wire::proto::egide::case::v1::case_event::Payload;
    use egide_wire::proto::egide::case::v1::{DisclosureDecided, ReferralRecalled};

    use super::*;

    const BEGINS_S: i64 = 1_795_305_600;

    struct Stage {
        keys: PublishedKeys,
        witness: NoteKey,
        note: Note,
        published: Note,
        leaves: Vec<Leaf>,
        hashes: InMemory,
    }

    /// An event each second, of two kinds.
    fn leaf(index: u64) -> Leaf {
        let payload = if index.is_multiple_of(2) {
            Payload::DisclosureDecided(DisclosureDecided {
                decision_id: format!("{index}"),
                ..DisclosureDecided::default()
            })
        } else {
            Payload::ReferralRecalled(ReferralRecalled {
                referral_id: format!("{index}"),
                ..ReferralRecalled::default()
            })
        };
        let opening = LeafOpening {
            salt: vec![7; 32],
            position: 10 + 2 * index,
            recorded_at: Some(Timestamp { seconds: BEGINS_S + i64::try_from(index).unwrap(), nanos: 0 }),
            area: Area::Case.into(),
            kind: "disclosure.decided".into(),
            facts: CaseEvent { payload: Some(payload) }.encode_to_vec(),
            ..LeafOpening::default()
        };
        Leaf { index, leaf: leaf::of(&opening).to_vec(), opening: Some(opening) }
    }

    impl Stage {
        fn set(size: u64, published: u64) -> Self {
            let [root, key, cosigner] = [(); 3].map(|()| SigningKey::generate().unwrap().0);
            let mut draft = Draft::first();
            draft.add_key(Use::History, key.public_key(), "audit", None).unwrap();
            let (trust, _) = draft.sign(&root, 0).unwrap();
            let keys = PublishedKeys::of_trust(&trust, &RootKey::new(root.public_key()), "2026-11-23".parse().unwrap());
            let name: KeyName = "example.org/log".parse().unwrap();
            let at: KeyName = "witness.example".parse().unwrap();
            let (mut tree, mut hashes, mut notes) = (Frontier::new(), InMemory::default(), Vec::new());
            let leaves: Vec<Leaf> = (0..size).map(leaf).collect();
            let sign = |tree: &Frontier| {
                let checkpoint = Checkpoint::new(name.clone(), tree.size(), tree.root());
                Note::sign(checkpoint.to_string(), &name, &key).unwrap()
            };
            notes.push(sign(&tree));
            for leaf in &leaves {
                let hash = leaf_hash(&leaf.leaf);
                tree.push(hash);
                tile::append(&mut hashes, leaf.index, hash).unwrap();
                notes.push(sign(&tree));
            }
            let mut published = notes[usize::try_from(published).unwrap()].clone();
            published.add(published.cosign(&at, &cosigner, 7).unwrap()).unwrap();
            let witness = NoteKey::new(at, Kind::Cosignature, cosigner.public_key());
            Self { keys, witness, note: notes.pop().unwrap(), published, leaves, hashes }
        }

        fn bundle(&self, period: Period, of: std::ops::Range<usize>) -> Vec<u8> {
            let mut bundle = Bundle::begin(period, &self.note, Some(&self.published), &self.hashes).unwrap();
            let size = u64::try_from(self.leaves.len()).unwrap();
            self.leaves[of].iter().for_each(|leaf| bundle.add(leaf, size, &self.hashes).unwrap());
            bundle.end().unwrap()
        }

        fn check(&self, bytes: &[u8]) -> Vec<Finding> {
            let checked = check_bundle(bytes, &self.keys, std::slice::from_ref(&self.witness));
            checked.map_or_else(|| vec![Finding::Line(0)], |checked| checked.findings.first)
        }
    }

    fn seconds(from: i64, until: i64) -> Period {
        let ms = |second: i64| Some((BEGINS_S + second) * 1_000);
        Period { from_ms: ms(from), until_ms: ms(until) }
    }

    #[test]
    fn a_bundle_shows_its_period_whole_and_by_itself() {
        let stage = Stage::set(300, 257);
        let whole = stage.bundle(Period::default(), 0..300);
        let checked = check_bundle(&whole, &stage.keys, std::slice::from_ref(&stage.witness)).unwrap();
        assert_eq!((checked.findings.first, checked.leaves), (Vec::new(), 300));
        // The leaf before and the one after are in it, and count for neither.
        let some = stage.bundle(seconds(10, 20), 9..21);
        let checked = check_bundle(&some, &stage.keys, &[]).unwrap();
        assert_eq!((checked.findings.first, checked.leaves), (Vec::new(), 10));
        let text = String::from_utf8(some.clone()).unwrap();
        assert!(text.contains("\"decisionId\":\"10\""), "people can read what the facts say");
        assert_eq!(stage.check(&stage.bundle(seconds(10, 20), 10..21)), [Finding::Edge("before")]);
        assert_eq!(stage.check(&stage.bundle(seconds(10, 20), 9..20)), [Finding::Edge("after")]);
        assert!(stage.check(&stage.bundle(seconds(20, 10), 9..21)).contains(&Finding::Edge("within")));
        let empty = Stage::set(0, 0);
        assert_eq!(empty.check(&empty.bundle(Period::default(), 0..0)), []);
        let stranger = NoteKey::new("other.example".parse().unwrap(), Kind::Cosignature, *stage.witness.key());
        let checked = check_bundle(&some, &stage.keys, &[stranger]).unwrap();
        assert_eq!(checked.findings.first, [Finding::NotCosigned("other.example".into())]);
        assert_eq!(check_bundle(&some, &Stage::set(0, 0).keys, &[]).unwrap().findings.first, [Finding::NotSigned]);
        assert_eq!(check_bundle(b"{}\n", &stage.keys, &[]), None);
    }

    #[test]
    fn every_flipped_byte_of_a_bundle_is_noticed() {
        let stage = Stage::set(6, 4);
        let bytes = stage.bundle(seconds(1, 5), 0..6);
        assert_eq!(stage.check(&bytes), []);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 7);
            assert_ne!(stage.check(&other), [], "byte {at}");
        }
        for length in 0..bytes.len() {
            assert_ne!(stage.check(&bytes[..length]), [], "{length} bytes");
        }
        assert_ne!(stage.check(&[&bytes[..], b"\n"].concat()), []);
    }

    /// Whoever changes a bundle can write a new last line as well; what it says is not what holds it together.
    fn with(bytes: &[u8], change: impl FnOnce(&mut Vec<String>)) -> Vec<u8> {
        let mut lines: Vec<String> = std::str::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
        lines.pop();
        change(&mut lines);
        let mut text = lines.join("\n");
        text.push('\n');
        let leaves = u64::try_from(lines.len() - 1).unwrap();
        let tail = Tail { leaves, sha256: sha256(text.as_bytes()) };
        text.push_str(&serde_json::to_string(&tail).unwrap());
        text.push('\n');
        text.into_bytes()
    }

    #[test]
    fn what_is_dropped_repeated_reordered_inserted_or_told_otherwise_is_named_whatever_the_last_line_says() {
        let stage = Stage::set(8, 8);
        let bytes = stage.bundle(Period::default(), 0..8);
        let check = |change: fn(&mut Vec<String>)| stage.check(&with(&bytes, change));
        assert_eq!(check(|_| ()), []);
        assert_eq!(check(|lines| drop(lines.remove(4))), [Finding::Order { expected: 3, found: 4 }]);
        assert_eq!(check(|lines| drop(lines.remove(1))), [Finding::Edge("before")]);
        assert_eq!(check(|lines| drop(lines.pop())), [Finding::Edge("after")]);
        let twice = check(|lines| lines.insert(3, lines[2].clone()));
        assert!(twice.contains(&Finding::Order { expected: 2, found: 1 }) && twice.contains(&Finding::Time(1)));
        let swapped = check(|lines| lines.swap(3, 4));
        assert!(swapped.contains(&Finding::Order { expected: 2, found: 3 }));
        assert_eq!(
            check(|lines| lines[3] = lines[3].replace("\"decisionId\":\"2\"", "\"decisionId\":\"9\"")),
            [Finding::Line(4), Finding::Order { expected: 2, found: 3 },]
        );
        // Another event in its place, with everything but the proof made anew.
        let mut other = leaf(2);
        other.opening.as_mut().unwrap().salt = vec![8; 32];
        let opened_otherwise = other.clone();
        other.leaf = leaf::of(other.opening.as_ref().unwrap()).to_vec();
        for (other, found) in
            [(opened_otherwise, Finding::Opening { index: 2, position: 14 }), (other, Finding::Proof(2))]
        {
            let proof = proof::inclusion(&OfTiles(&stage.hashes), 2, 8).unwrap().unwrap();
            let facts = readable(other.opening.as_ref().unwrap());
            let line = serde_json::to_string(&Line { leaf: json(&other).unwrap(), facts, proof }).unwrap();
            assert_eq!(stage.check(&with(&bytes, |lines| lines[3] = line)), [found]);
        }
    }
}
