//! The policies that were adopted, each whole as it stands in the log.

use egide_crypto::digest::Digest;
use egide_projection::View;
use egide_servicekit::policy::LoadedPolicy;
use egide_wire::convert::adopted_files;

use super::Error;
use crate::model::keys;

/// The policy of this digest; `None` when none was adopted.
///
/// # Errors
/// The rows cannot be read, or what was adopted is no policy for this version.
pub fn policy(view: &View<'_>, digest: &Digest) -> Result<Option<LoadedPolicy>, Error> {
    let Some(facts) = view.get(&keys::policy(digest.as_bytes()))? else { return Ok(None) };
    let files = adopted_files(&facts).map_err(|_| Error::Policy)?;
    let adopted = LoadedPolicy::from_files(files).map_err(|_| Error::Policy)?;
    if adopted.digest() == digest { Ok(Some(adopted)) } else { Err(Error::Policy) }
}
