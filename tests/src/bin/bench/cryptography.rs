//! Processor time of what proves, seals and signs one append, beside the bare primitives on the same bytes.
//!
//! *In scope*: proof of who calls (the certificate's name, the person's token found good before), splitting and sealing the
//! event, the acknowledgement's signature, and the commit's share of encoding, hashing and signing its block. *Out of scope*:
//! TLS (a handshake is made once for a connection), and everything that is no cryptography.
//!
//! Measured is time on the processor, not on the clock: other work on the machine does not count.

use std::hint::black_box;

use egide_crypto::random::random_bytes;
use egide_crypto::seal::DataKey;
use egide_crypto::sign::SigningKey;
use egide_domain::time::Timestamp;
use egide_eventlog::{Head, SealedBlock};
use egide_ledger::Cryptography;
use egide_servicekit::clock;
use egide_servicekit::identity::{Caller, Peer, Verifier};
use egide_testkit::{TestIdentity, fresh_id};
use egide_tests::World;
use egide_tests::case::command;
use egide_tests::events;
use egide_tests::who;
use egide_tests::world::CERTIFICATE_OF;
use egide_wire::proto::egide::case::v1::Jurisdiction;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, Commit};
use http::HeaderMap;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::figures::Figures;

/// How long each thing is measured, in nanoseconds, however small everything else is made: many of the kernel's ticks.
const MEASURED_NS: u64 = 300_000_000;
/// Appends between two looks at the time.
const AT_ONCE: usize = 512;
/// Commits of a block when a client is alone, and when sixty-four are not.
const BLOCKS: [usize; 2] = [1, 64];
/// The service that calls.
const SERVICE: &str = "telephony-desk";

/// Measures one run.
pub(crate) fn measure(world: &World, figures: &mut Figures) {
    let work = Work::new(world);
    for in_block in BLOCKS {
        let block = if in_block == 1 { "alone in its block".to_owned() } else { format!("{in_block} in a block") };
        let append = per_append(in_block, || work.append(in_block));
        let floor = per_append(in_block, || work.floor(in_block));
        let name = format!("proof, sealing and signing of an append, {block}");
        figures.add(&name, "µs of CPU", append, "bare SHA-256 of the token, AES-256-GCM, Ed25519", floor);
    }
    let proved = per_append(1, || drop(black_box(work.caller())));
    let hashed = per_append(1, || {
        black_box(digest(&SHA256, &work.token));
    });
    figures.add("  of which proof of who calls", "µs of CPU", proved, "bare SHA-256 of the token", hashed);
    let caller = work.caller();
    let sealed = per_append(1, || drop(black_box(work.commit(&caller))));
    let encrypted = per_append(1, || work.encrypt());
    figures.add("  of which splitting and sealing", "µs of CPU", sealed, "bare AES-256-GCM", encrypted);
    let commit = work.commit(&caller);
    let acknowledged = per_append(1, || drop(black_box(work.ours.acknowledge(&commit))));
    let signed = per_append(1, || work.sign());
    figures.add("  of which the acknowledgement", "µs of CPU", acknowledged, "bare Ed25519", signed);
}

/// Microseconds on the processor for one of the appends that `work` makes `in_block` of.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn per_append(in_block: usize, mut work: impl FnMut()) -> f64 {
    let before = on_processor_ns();
    let mut appends = 0_usize;
    loop {
        (0..AT_ONCE.div_ceil(in_block)).for_each(|_| work());
        appends += AT_ONCE.div_ceil(in_block) * in_block;
        let took = on_processor_ns().saturating_sub(before);
        if took > MEASURED_NS {
            return took as f64 / 1e3 / appends as f64;
        }
    }
}

/// How long this thread has been on a processor, in nanoseconds; as exact as the kernel's tick (milliseconds).
pub(crate) fn on_processor_ns() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel tells a thread's times");
    times.split_whitespace().next().and_then(|time| time.parse().ok()).expect("the first is time on the processor")
}

struct Work {
    verifier: std::sync::Arc<Verifier>,
    peer: Peer,
    headers: HeaderMap,
    token: Vec<u8>,
    request: AppendRequest,
    ours: Cryptography,
    head: Head,
    instance: String,
    key: Ed25519KeyPair,
    cipher: LessSafeKey,
    /// As much as is sealed in the request's event.
    identifying: Vec<u8>,
}

impl Work {
    fn new(world: &World) -> Self {
        let who = who::staff(SERVICE, "responder.0", &["responder"]);
        let mut metadata = world.metadata(&who);
        metadata.remove(CERTIFICATE_OF);
        let case = fresh_id();
        let event = events::whereabouts(&fresh_id(), Jurisdiction::Bc, &"17 Lanternfish Way, second floor ".repeat(6));
        let head = world.event_log().genesis();
        let (signing_key, _) = SigningKey::generate().expect("a key");
        let ours = Cryptography::new(head.incarnation(), signing_key, DataKey::generate().expect("a key"));
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let cipher = UnboundKey::new(&AES_256_GCM, &random_bytes::<32>().expect("a key")).expect("a key");
        let mut work = Self {
            verifier: TestIdentity::in_directory(world.data()).verifier_of("ledger"),
            peer: Peer::Service(SERVICE.parse().expect("the name of a service")),
            headers: metadata.into_headers(),
            token: world.person_token(&who).expect("a token").into_bytes(),
            request: command(&case, vec![event]),
            ours,
            head,
            instance: fresh_id(),
            key: Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key"),
            cipher: LessSafeKey::new(cipher),
            identifying: Vec::new(),
        };
        let sealed = work.commit(&work.caller()).events.remove(0).sealed.remove(0).ciphertext.len();
        work.identifying = vec![0x5a; sealed.saturating_sub(AES_256_GCM.tag_len())];
        work
    }

    fn caller(&self) -> Caller {
        self.verifier.caller(&self.peer, &self.headers, clock::now_s()).expect("a caller").0
    }

    fn commit(&self, caller: &Caller) -> Commit {
        let now: Timestamp = clock::now();
        self.ours.seal(&self.request, caller, now).expect("it is sealed")
    }

    /// So many appends that become one block.
    fn append(&self, in_block: usize) {
        let commits: Vec<Commit> = (0..in_block).map(|_| self.commit(&self.caller())).collect();
        commits.iter().for_each(|commit| drop(black_box(self.ours.acknowledge(commit))));
        black_box(SealedBlock::seal(&self.head, 0, &self.instance, commits, self.ours.signing_key()));
    }

    /// The same number of times what nobody could do without.
    fn floor(&self, in_block: usize) {
        for _ in 0..in_block {
            black_box(digest(&SHA256, &self.token));
            self.encrypt();
            self.sign();
        }
        self.sign();
    }

    fn encrypt(&self) {
        let mut buffer = self.identifying.clone();
        let nonce = Nonce::assume_unique_for_key(random_bytes().expect("a nonce"));
        self.cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut buffer).expect("it is encrypted");
        black_box(buffer);
    }

    fn sign(&self) {
        black_box(self.key.sign(&self.identifying));
    }
}
