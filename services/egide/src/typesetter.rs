//! The program apart that sets pages, as commands and roles look for it.

use std::path::Path;

use egide_servicekit::typesetter::{Missing, Typesetter};

use crate::exit::Exit;
use crate::failure::Failure;

/// The program at `named`, else beside this one.
///
/// # Errors
/// When there is none.
pub(crate) fn find(named: Option<&Path>) -> Result<Typesetter, Failure> {
    Typesetter::find(named).map_err(|missing| absent(&missing))
}

/// The same for a role, which goes without where none was named and none is there.
///
/// # Errors
/// When one was named and is not there.
pub(crate) fn find_if_there(named: Option<&Path>) -> Result<Option<Typesetter>, Failure> {
    match Typesetter::find(named) {
        Ok(typesetter) => Ok(Some(typesetter)),
        Err(missing) if named.is_some() => Err(absent(&missing)),
        Err(_) => Ok(None),
    }
}

fn absent(missing: &Missing) -> Failure {
    Failure::new(Exit::Unreadable, "fail.no_typeset").with("path", missing.place.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_named_must_be_there() {
        let nowhere = Path::new("/nowhere/egide-typeset");
        for failure in [find(Some(nowhere)).unwrap_err(), find_if_there(Some(nowhere)).unwrap_err()] {
            assert_eq!(failure.exit(), Exit::Unreadable);
            assert!(failure.to_string().contains("./ops/typeset"), "{failure}");
        }
    }
}
