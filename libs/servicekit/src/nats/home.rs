//! The server's folder: what stands in it, who may read it, and the configuration written there at every start.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{
    Addresses, Error, NatsChildConfig,
    server::{NatsFiles, NatsServer},
};
use crate::file::{self, PRIVATE};

/// How much of a log's end is read to say why a server would not start, in bytes.
const LOG_TAIL_BYTES: u64 = 8 * 1024;

/// The files of one server.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) directory: PathBuf,
    pub(super) config: PathBuf,
    pub(super) store: PathBuf,
    pub(super) log: PathBuf,
    pub(super) stderr: PathBuf,
    pub(super) pid: PathBuf,
    pub(super) ports: PathBuf,
    pub(super) lock: PathBuf,
}

impl Home {
    /// Makes `<directory>/nats/`, for this user only. Paths inside are absolute and without links, because the
    /// configuration's path is how a server of ours is recognised after a crash.
    pub(super) fn create(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(at(directory))?;
        let nats = directory.canonicalize().map_err(at(directory))?.join("nats");
        let home = Self {
            directory: directory.to_owned(),
            config: nats.join("server.conf"),
            store: nats.join("store"),
            log: nats.join("server.log"),
            stderr: nats.join("server.stderr"),
            pid: nats.join("server.pid"),
            ports: nats.join("ports"),
            lock: nats.join("lock"),
        };
        for folder in [&nats, &home.ports] {
            file::private_folder(folder).map_err(at(folder))?;
        }
        Ok(home)
    }

    /// Takes the directory for this process. The system gives it back when the process ends, however it ends.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let lock = private_file(&self.lock)?;
        match lock.try_lock() {
            Ok(()) => Ok(Lock(lock)),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { directory: self.directory.clone() }),
            Err(TryLockError::Error(source)) => Err(Error::Directory { path: self.lock.clone(), source }),
        }
    }

    pub(super) fn write_config(&self, config: &NatsChildConfig, wanted: Addresses) -> Result<(), Error> {
        let text = config_text(self, config, wanted)?;
        file::replace(&self.config, text.as_bytes(), PRIVATE).map_err(at(&self.config))
    }

    /// The ports file is named after the process, so those of earlier runs are only in the way.
    pub(super) fn forget_ports(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.ports).map_err(at(&self.ports))? {
            let path = entry.map_err(at(&self.ports))?.path();
            fs::remove_file(&path).map_err(at(&path))?;
        }
        Ok(())
    }

    /// What the server wrote last: its own word for why it ended, else its last line.
    pub(super) fn last_words(&self) -> String {
        let lines: Vec<String> =
            [&self.log, &self.stderr].into_iter().filter_map(|path| tail(path).ok()).flatten().collect();
        let fatal = lines.iter().rev().find(|line| line.contains("[FTL]") || line.contains("[ERR]"));
        fatal.or(lines.last()).cloned().unwrap_or_else(|| "it wrote nothing".to_owned())
    }
}

/// The directory, taken.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Gives the lock back in so many words: closing the file alone would leave it with any process that is being
    /// started at this moment, which shares our files until it runs its own program.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the data directory could not be given back");
        }
    }
}

/// Opens a file for writing that only this user may read, making it where it is missing.
pub(super) fn private_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).open(path).map_err(at(path))
}

fn tail(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    |source| Error::Directory { path, source }
}

/// The configuration of the embedded server.
pub(super) fn config_text(home: &Home, config: &NatsChildConfig, wanted: Addresses) -> Result<String, Error> {
    let server = NatsServer {
        name: "egide".to_owned(),
        listen: wanted.client.to_string(),
        monitor: Some(wanted.monitor),
        store: home.store.clone(),
        max_file_store_bytes: config.max_file_store_bytes,
        store_key_variable: None,
        max_payload_bytes: config.max_payload_bytes,
        identities: config.identities.clone(),
        tls: config.tls.clone(),
        cluster: None,
        files: Some(NatsFiles { pid: home.pid.clone(), ports: home.ports.clone(), log: home.log.clone() }),
        master: config.master.clone(),
    };
    Ok(format!("# Written by egide at every start; changes here are lost.\n{}", server.configuration()?))
}
