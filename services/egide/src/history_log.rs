//! Options of the transparency log of the audit role.

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use egide_audit::transparency::{Settings, Witness};
use egide_tlog::note::{KeyName, Kind, NoteKey};

use crate::failure::Failure;
use crate::keys::KeyFolder;

/// Where checkpoints stand among the marks of an instance: they, too, say how far it saw the log.
const FOLDER: &str = "history";

/// See the module.
#[derive(Clone, clap::Args)]
pub(crate) struct HistoryArgs {
    #[arg(long, value_name = "NAME", env = "EGIDE_HISTORY_NAME", default_value = "egide.local/history")]
    history_name: KeyName,
    #[arg(long, value_name = "ADDRESS", env = "EGIDE_HISTORY_LISTEN")]
    history_listen: Option<SocketAddr>,
    #[arg(long, value_name = "SECONDS", env = "EGIDE_HISTORY_EVERY", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    history_every: u32,
    #[arg(
        long = "history-witness",
        id = "history_witness",
        value_name = "URL=KEY",
        env = "EGIDE_HISTORY_WITNESS",
        value_delimiter = ','
    )]
    witnesses: Vec<WitnessAt>,
}

/// `http://witness.example:4620=witness.example+1a2b3c4d+BA…`.
#[derive(Debug, Clone)]
struct WitnessAt(Witness);

impl FromStr for WitnessAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "http://witness.example:4620=witness.example+1a2b3c4d+BA…".to_owned();
        let (url, key) = text.split_once('=').ok_or_else(expected)?;
        let key: NoteKey = key.parse().map_err(|_| expected())?;
        let fits = url.starts_with("http://") && key.kind() == Kind::Cosignature;
        fits.then(|| Self(Witness { url: url.to_owned(), key })).ok_or_else(expected)
    }
}

impl HistoryArgs {
    /// What the audit role is given; `marks` is the folder of its instance's marks.
    pub(crate) fn settings(&self, keys: KeyFolder<'_>, marks: &Path) -> Result<Settings, Failure> {
        Ok(Settings {
            directory: marks.join(FOLDER),
            key: keys.history_signing()?.into(),
            name: self.history_name.clone(),
            publish_every: Duration::from_secs(u64::from(self.history_every)),
            listen: self.history_listen,
            witnesses: self.witnesses.iter().map(|witness| witness.0.clone()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use egide_crypto::sign::SigningKey;

    use super::*;

    #[test]
    fn a_witness_has_an_address_and_a_key_that_cosigns() {
        let key = |kind| {
            let (key, _) = SigningKey::generate().unwrap();
            NoteKey::new("witness.example".parse().unwrap(), kind, key.public_key()).to_string()
        };
        let read = |url: &str, kind| format!("{url}={}", key(kind)).parse::<WitnessAt>();
        assert_eq!(
            read("http://witness.example:4620", Kind::Cosignature).unwrap().0.url,
            "http://witness.example:4620"
        );
        assert!(read("http://witness.example:4620", Kind::Ed25519).is_err());
        assert!(read("https://witness.example", Kind::Cosignature).is_err());
        assert!("http://witness.example".parse::<WitnessAt>().is_err());
    }
}
