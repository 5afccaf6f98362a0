//! Which policy a process works under: a folder's, or the one that is built in.

use std::path::PathBuf;

use egide_servicekit::policy::{Error, LoadedPolicy};

use crate::exit::Exit;
use crate::failure::Failure;

/// Where the policy is.
#[derive(Clone, clap::Args)]
pub(crate) struct PolicyArgs {
    #[arg(long, id = "policy_folder", value_name = "DIR", env = "EGIDE_POLICY", value_hint = clap::ValueHint::DirPath)]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    /// Reads and validates it whole.
    pub(crate) fn load(&self) -> Result<LoadedPolicy, Failure> {
        match &self.policy {
            Some(folder) => LoadedPolicy::read(folder),
            None => LoadedPolicy::embedded().map_err(Error::from),
        }
        .map_err(refused)
    }
}

/// A bad file stops everything, and says which, where and why.
pub(crate) fn refused(error: Error) -> Failure {
    Failure::new(Exit::Usage, "fail.policy").with("error", error)
}
