//! Data keys as far as the log lets them be used: what a shred closed is closed here, whatever bucket and cache still hold.

use std::sync::Arc;

use egide_crypto::seal::DataKey;
use egide_projection::Projection;
use egide_vault::{KeyName, Vault};

use crate::closed;
use crate::envelope::Error;
use crate::model::LedgerModel;

/// See the module.
#[derive(Clone)]
pub(crate) struct Keyring {
    vault: Arc<Vault>,
    projection: Projection<LedgerModel>,
}

impl Keyring {
    pub(crate) fn new(vault: Arc<Vault>, projection: Projection<LedgerModel>) -> Self {
        Self { vault, projection }
    }

    /// The key to seal under. A key that is closed by an event this instance does not know yet, or has not applied yet, is
    /// given all the same: the writer refuses what is sealed under it, at the fence.
    pub(crate) async fn for_sealing(&self, name: KeyName) -> Result<Arc<DataKey>, Error> {
        if closed::is_closed(&self.projection.view_behind(), name)? {
            return Err(Error::Vault(egide_vault::Error::Destroyed { name }));
        }
        Ok(self.vault.key_for(name).await?)
    }

    /// The key to open with; `None` when it is closed or gone.
    pub(crate) async fn for_opening(&self, name: KeyName) -> Result<Option<Arc<DataKey>>, Error> {
        if self.is_closed(name)? {
            return Ok(None);
        }
        Ok(self.vault.existing(name).await?)
    }

    /// Whether an event that is applied here closed the key.
    pub(crate) fn is_closed(&self, name: KeyName) -> Result<bool, Error> {
        Ok(closed::is_closed(&self.projection.view(), name)?)
    }
}
