//! The rules of the gate, from the prose. Sets are `BTreeSet`s, tables are read from their JSON here, and nothing is clever.

pub(crate) mod case;
pub(crate) mod consent;
pub(crate) mod contact;
pub(crate) mod delivery;
pub(crate) mod exception;
pub(crate) mod owed;
pub(crate) mod recipient;
pub(crate) mod stories;
pub(crate) mod tables;
pub(crate) mod verdict;
