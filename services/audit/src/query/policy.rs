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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Story, Told};

    #[test]
    fn an_adopted_policy_is_found_whole_by_its_digest_and_no_other() {
        let shipped = LoadedPolicy::embedded().unwrap();
        let mut story = Story::begin();
        assert!(policy(&story.history.view(), shipped.digest()).unwrap().is_none());
        story.tell(Told::adopted(&shipped, shipped.digest().as_bytes()));
        let found = policy(&story.history.view(), shipped.digest()).unwrap().unwrap();
        assert_eq!((found.files(), found.policy()), (shipped.files(), shipped.policy()));
        assert!(policy(&story.history.view(), &Digest::from_bytes([1; 32])).unwrap().is_none());
    }

    #[test]
    fn what_stands_under_another_digest_than_its_own_is_no_policy() {
        let shipped = LoadedPolicy::embedded().unwrap();
        let mut story = Story::begin();
        story.tell(Told::adopted(&shipped, &[7; 32]));
        let found = policy(&story.history.view(), &Digest::from_bytes([7; 32]));
        assert_eq!(found.unwrap_err(), Error::Policy);
    }
}
