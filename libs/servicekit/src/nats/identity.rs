//! Who connects to NATS, and what each may do there: the whole of it, as data. What is not named here is refused.
//!
//! JetStream stands in an account of its own (`LOG`) in which nobody is but the administrative identity. The ledger and
//! every reading role have accounts of their own, into which each imports exactly what it needs. Within one account a
//! request's reply subject is as good as a right to publish there: a ledger in JetStream's account could store a stream's
//! new configuration as a key, have it read out with `$JS.API.STREAM.UPDATE.CASES` as the reply subject, and so change or
//! delete the log, whatever its permissions say. Between accounts no reply subject leads anywhere, and no subscription sees
//! another's messages.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use egide_crypto::random::random_bytes;
use nkeys::{KeyPair, KeyPairType};
use zeroize::Zeroizing;

use super::Error;
use crate::key_file;

/// The log's stream.
const LOG: &str = "CASES";
/// The subject that blocks are written to: the ledger's alone.
const BLOCKS: &str = "cases.blocks";
/// The subject on which the server says that a block was stored: headers only, and never believed.
const STORED: &str = "cases.stored";
/// Streams of the ledger's own that hold single entries, as JetStream names those of key-value buckets.
const BUCKETS: [&str; 2] = ["KEYS", "FIND"];
/// The ways to read a stream. The first answers with a batch of messages.
const READING: [&str; 3] = ["DIRECT.GET", "STREAM.INFO", "STREAM.MSG.GET"];
/// What every server of a cluster says about itself, asked through the system's account.
pub const SERVERS_SUBJECT: &str = "$SYS.REQ.SERVER.PING.VARZ";
/// Under which subjects JetStream's own account has its API.
const API: &str = "$JS.API";
/// Under which subjects the roles' accounts import it.
const API_OF_ROLES: &str = "LOG.API";

/// How long the server waits for the next answer of a batch before it forgets who asked, in seconds.
const BATCH_WITHIN_S: u32 = 5;

/// The server's own account.
pub(super) const SYSTEM_ACCOUNT: &str = "SYS";
/// The account with JetStream. The folder of its streams is named after it.
pub const LOG_ACCOUNT: &str = "LOG";
/// The ledger's.
const LEDGER_ACCOUNT: &str = "LEDGER";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rights {
    System,
    Administrator,
    Ledger,
    Reader,
}

/// One user of NATS. All instances of a role are the same user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    name: &'static str,
    account: &'static str,
    rights: Rights,
}

impl Identity {
    /// The servers' own account: for whoever runs the servers, never for a role.
    pub const SYSTEM: Self = Self { name: "system", account: SYSTEM_ACCOUNT, rights: Rights::System };
    /// Creates and changes streams, for `egide provision` alone; kept offline.
    pub const ADMINISTRATOR: Self = Self { name: "administrator", account: LOG_ACCOUNT, rights: Rights::Administrator };
    /// The only one who writes.
    pub const LEDGER: Self = Self { name: "ledger", account: LEDGER_ACCOUNT, rights: Rights::Ledger };

    /// The gate.
    pub const DISCLOSURE: Self = Self::reader("disclosure", "DISCLOSURE");
    /// The history.
    pub const AUDIT: Self = Self::reader("audit", "AUDIT");
    /// The directory.
    pub const DIRECTORY: Self = Self::reader("directory", "DIRECTORY");
    /// What waits.
    pub const TRIAGE: Self = Self::reader("triage", "TRIAGE");
    /// Nobody's role: for checking the log.
    pub const READER: Self = Self::reader("reader", "READER");

    /// Those who read the log and nothing else, each in an account of its own. `reader` is nobody's role: it is for
    /// checking the log (`egide log verify`).
    pub const READERS: [Self; 6] = [
        Self::DISCLOSURE,
        Self::AUDIT,
        Self::DIRECTORY,
        Self::TRIAGE,
        Self::reader("statistics", "STATISTICS"),
        Self::READER,
    ];

    const fn reader(name: &'static str, account: &'static str) -> Self {
        Self { name, account, rights: Rights::Reader }
    }

    /// Everybody.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::SYSTEM, Self::ADMINISTRATOR, Self::LEDGER].into_iter().chain(Self::READERS)
    }

    /// The one of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|identity| identity.name == name)
    }

    /// Lower-case letters: the role's own name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The account.
    #[must_use]
    pub const fn account(self) -> &'static str {
        self.account
    }

    /// Under which subjects JetStream's API stands in the account.
    #[must_use]
    pub const fn api_prefix(self) -> &'static str {
        match self.rights {
            Rights::System | Rights::Administrator => API,
            Rights::Ledger | Rights::Reader => API_OF_ROLES,
        }
    }

    /// Under which subjects replies come back.
    #[must_use]
    pub fn inbox_prefix(self) -> String {
        format!("_INBOX_{}", self.name)
    }

    /// What it asks of JetStream's account, as that account calls it.
    fn asks(self) -> Vec<String> {
        let reading = |stream: &str| READING.map(|way| format!("{API}.{way}.{stream}"));
        match self.rights {
            Rights::System | Rights::Administrator => Vec::new(),
            Rights::Reader => reading(LOG).to_vec(),
            Rights::Ledger => {
                let mut subjects = vec![BLOCKS.to_owned()];
                subjects.extend(reading(LOG));
                for bucket in BUCKETS {
                    subjects.push(format!("$KV.{bucket}.>"));
                    subjects.extend(reading(&format!("KV_{bucket}")));
                    subjects.push(format!("{API}.STREAM.MSG.DELETE.KV_{bucket}"));
                }
                subjects
            }
        }
    }

    /// Subjects it may publish to; nothing else.
    #[must_use]
    pub fn publishes(self) -> Vec<String> {
        match self.rights {
            Rights::System => vec![">".to_owned()],
            // No stream's own subject is among them, but whoever may change streams could get around that too.
            Rights::Administrator => vec![format!("{API}.>")],
            Rights::Reader => self.asks().iter().map(|subject| imported(subject)).collect(),
            Rights::Ledger => {
                let asked = self.asks();
                asked.iter().map(|subject| imported(subject)).chain([SERVERS_SUBJECT.to_owned()]).collect()
            }
        }
    }

    /// Subjects it may subscribe to; nothing else.
    #[must_use]
    pub fn subscribes(self) -> Vec<String> {
        let inbox = format!("{}.>", self.inbox_prefix());
        match self.rights {
            Rights::System => vec![">".to_owned()],
            Rights::Administrator => vec![inbox],
            Rights::Ledger | Rights::Reader => vec![inbox, STORED.to_owned()],
        }
    }

    /// The file of its seed in a folder of seeds.
    #[must_use]
    pub fn seed_path(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.seed", self.name))
    }
}

/// The public keys of all identities: what a server knows them by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys(BTreeMap<&'static str, String>);

impl PublicKeys {
    /// The keys whose seeds stand in `folder`, each in a file of its own (0600); missing ones are made.
    ///
    /// # Errors
    /// [`Error::Seed`] if a file cannot be used.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let mut keys = BTreeMap::new();
        for identity in Identity::all() {
            let path = identity.seed_path(folder);
            let seed = key_file::read_or_make(&path, make_seed)?;
            let pair = std::str::from_utf8(&seed).ok().and_then(|seed| KeyPair::from_seed(seed.trim()).ok());
            let pair = pair.filter(|pair| pair.key_pair_type() == KeyPairType::User);
            let pair = pair.ok_or_else(|| Error::NoSeed { path: path.clone() })?;
            keys.insert(identity.name, pair.public_key());
        }
        Ok(Self(keys))
    }

    /// The public key of an identity: `U…`.
    #[must_use]
    pub fn of(&self, identity: Identity) -> &str {
        self.0.get(identity.name).map(String::as_str).unwrap_or_default()
    }
}

/// Why no seed could be made.
#[derive(Debug)]
struct NotMade;

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gives no random bytes")
    }
}

fn make_seed() -> Result<Zeroizing<Vec<u8>>, NotMade> {
    let random = Zeroizing::new(random_bytes::<32>().map_err(|_| NotMade)?);
    let pair = KeyPair::new_from_raw(KeyPairType::User, *random).map_err(|_| NotMade)?;
    pair.seed().map(|seed| Zeroizing::new(seed.into_bytes())).map_err(|_| NotMade)
}

/// What a subject of JetStream's account is called in a role's account.
fn imported(subject: &str) -> String {
    match subject.strip_prefix(API) {
        Some(operation) => format!("{API_OF_ROLES}{operation}"),
        None => subject.to_owned(),
    }
}

/// Those who have a part in the log, each in an account of its own.
fn roles() -> impl Iterator<Item = Identity> {
    [Identity::LEDGER].into_iter().chain(Identity::READERS)
}

/// The accounts, as a server's configuration says them. `master` may do everything in JetStream's account.
pub(super) fn accounts(keys: &PublicKeys, master: Option<&super::NatsCredentials>) -> String {
    let everyone = roles().map(Identity::account).collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "system_account: {SYSTEM_ACCOUNT}\naccounts {{\n  {SYSTEM_ACCOUNT} {{\n    users: [\n{}    ]\n    exports: [\n      \
         {{ service: \"{SERVERS_SUBJECT}\", response_type: stream, accounts: [{LEDGER_ACCOUNT}] }}\n    ]\n  }}\n",
        user(Identity::SYSTEM, keys)
    );
    text.push_str(&format!("  {LOG_ACCOUNT} {{\n    jetstream: enabled\n    users: [\n"));
    text.push_str(&user(Identity::ADMINISTRATOR, keys));
    if let Some(super::NatsCredentials { user, password }) = master {
        text.push_str(&format!("      {{ user: \"{user}\", password: \"{password}\" }}\n"));
    }
    text.push_str("    ]\n    exports: [\n");
    for subject in Identity::LEDGER.asks() {
        let asking: Vec<&str> = roles().filter(|role| role.asks().contains(&subject)).map(Identity::account).collect();
        text.push_str(&format!(
            "      {{ service: \"{subject}\", {}, accounts: [{}] }}\n",
            response(&subject),
            asking.join(", ")
        ));
    }
    text.push_str(&format!("      {{ stream: \"{STORED}\", accounts: [{everyone}] }}\n    ]\n  }}\n"));
    for role in roles() {
        text.push_str(&format!("  {} {{\n    users: [\n{}    ]\n    imports: [\n", role.account, user(role, keys)));
        for subject in role.asks() {
            text.push_str(&format!(
                "      {{ service: {{ account: {LOG_ACCOUNT}, subject: \"{subject}\" }}, to: \"{}\" }}\n",
                imported(&subject)
            ));
        }
        if role == Identity::LEDGER {
            text.push_str(&format!(
                "      {{ service: {{ account: {SYSTEM_ACCOUNT}, subject: \"{SERVERS_SUBJECT}\" }} }}\n"
            ));
        }
        text.push_str(&format!(
            "      {{ stream: {{ account: {LOG_ACCOUNT}, subject: \"{STORED}\" }} }}\n    ]\n  }}\n"
        ));
    }
    text.push_str("}\n");
    text
}

/// A batch is many answers to one request; the server remembers for the threshold whom they go to.
fn response(subject: &str) -> String {
    if subject.contains(".DIRECT.GET.") {
        format!("response_type: stream, threshold: \"{BATCH_WITHIN_S}s\"")
    } else {
        "response_type: singleton".to_owned()
    }
}

fn user(identity: Identity, keys: &PublicKeys) -> String {
    let list =
        |subjects: Vec<String>| subjects.iter().map(|subject| format!("\"{subject}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "      # {}\n      {{ nkey: {}, permissions: {{\n        publish: {{ allow: [{}] }}\n        subscribe: {{ allow: [{}] }} }} }}\n",
        identity.name,
        keys.of(identity),
        list(identity.publishes()),
        list(identity.subscribes()),
    )
}
