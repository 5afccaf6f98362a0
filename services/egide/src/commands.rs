//! The client commands, one module each.

pub(crate) mod account;
pub(crate) mod append;
pub(crate) mod callers;
pub(crate) mod case;
pub(crate) mod completions;
pub(crate) mod consent;
pub(crate) mod decision;
pub(crate) mod deliver;
pub(crate) mod directory;
pub(crate) mod disclose;
pub(crate) mod emit;
pub(crate) mod exception;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod pki;
pub(crate) mod policy;
pub(crate) mod provision;
pub(crate) mod recall;
pub(crate) mod referrals;
pub(crate) mod shift;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod verify_file;
