//! The sample: scenarios in JSON Lines (`sample/FORMAT.md`), played through the same gRPC as anyone's, with what must come of
//! each.

mod callers;
mod checks;
mod embedded;
mod format;
mod narratives;
mod notices;
mod packages;
mod player;
mod read_back;
mod safeguards;
mod shifts;
mod speaker;
mod summary;
mod symbols;
mod waiting;

pub use self::checks::{Answer, Difference, Row};
pub use self::format::{FormatError, Scenario, Titles};
pub use self::player::{Made, Outcome, Player, Progress};
pub(crate) use self::summary::show;

/// The scenarios embedded in this binary, in the order in which they are played.
///
/// # Errors
/// The first line that is not as `sample/FORMAT.md` says; a test reads all of them.
pub fn scenarios() -> Result<Vec<Scenario>, FormatError> {
    embedded::FILES.iter().map(|(name, text)| Scenario::read(name, text)).collect()
}

#[cfg(test)]
mod tests;
