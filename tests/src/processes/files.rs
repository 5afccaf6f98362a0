//! What an installation finds when it starts: keys, published keys, ports.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use egide_crypto::random::random_bytes;
use egide_crypto::sign::{KeyRing, SigningKey};
use egide_crypto::wrap::KeyEncryptionKey;
use egide_servicekit::clock;
use egide_trust::{Draft, RootKey, Use};

/// Ports that the system never gives away by itself (`ip_local_port_range` begins at 32768): one that a killed process
/// listened on is free when it comes back.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// An address on loopback that nobody listens on, and that no other test of this run gets.
pub(super) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).expect("below ten thousand");
    for _ in PORTS {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(spread) % (PORTS.end - PORTS.start);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free");
}

/// The keys of an installation: a folder for each ledger, which has a signing key of its own, and what both publish.
pub(super) struct Keys {
    /// Folders, one for each ledger.
    pub(super) folders: Vec<PathBuf>,
    /// `verification-keys.json`, signed by the root.
    pub(super) published: PathBuf,
    /// The root's public key.
    pub(super) root: PathBuf,
    /// Keys whose blocks count.
    pub(super) ring: KeyRing,
}

impl Keys {
    pub(super) fn make(data: &Path, ledgers: usize) -> Self {
        let epoch = "1".parse().expect("the name of an epoch");
        let wrapping = KeyEncryptionKey::generate(epoch).expect("a key").to_base64();
        let (report, report_document) = SigningKey::generate().expect("a key");
        let secret = random_bytes::<32>().expect("random bytes");
        let (root, _) = SigningKey::generate().expect("a key");
        let (mut ring, mut draft) = (KeyRing::new(), Draft::first());
        draft.add_key(Use::Report, report.public_key(), "disclosure", None).expect("a first key");
        let (history, history_document) = SigningKey::generate().expect("a key");
        draft.add_key(Use::History, history.public_key(), "audit", None).expect("keys that differ");
        let folders = (1..=ledgers).map(|number| data.join(format!("keys-{number}"))).collect::<Vec<_>>();
        for folder in &folders {
            let (ledger, document) = SigningKey::generate().expect("a key");
            ring.insert(ledger.public_key(), None, None).expect("keys that differ");
            draft.add_key(Use::Ledger, ledger.public_key(), "ledger", None).expect("keys that differ");
            fs::create_dir_all(folder).expect("a folder for keys");
            private(&folder.join("key-encryption.key"), wrapping.as_bytes());
            private(&folder.join("ledger-signing.key"), &document);
            private(&folder.join("report-signing.key"), &report_document);
            private(&folder.join("history-signing.key"), &history_document);
            private(&folder.join("disclosure-secret.key"), &secret);
        }
        let published = data.join("verification-keys.json");
        let (_, signed) = draft.sign(&root, clock::now().0).expect("a trust file");
        fs::write(&published, signed).expect("published keys");
        let place = data.join("root.pub");
        fs::write(&place, RootKey::new(root.public_key()).to_string()).expect("the root's public key");
        Self { folders, published, root: place, ring }
    }
}

/// Writes a file that only its owner may read.
pub(super) fn private(path: &Path, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.create_new(true).write(true).mode(0o600).open(path).expect("a new file");
    file.write_all(bytes).expect("room on the disk");
}
