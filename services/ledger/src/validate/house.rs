//! What is wrong with a house event, as far as its bytes tell.

use egide_servicekit::policy::LoadedPolicy;
use egide_wire::convert::files_of;
use egide_wire::proto::egide::house::v1::PolicyAdopted;
use egide_wire::proto::egide::house::v1::house_event::Payload;

use super::fields::Checker;

pub(super) fn check(payload: &Payload, path: &str, check: &mut Checker) {
    match payload {
        Payload::PolicyAdopted(adopted) => adopts(adopted, path, check),
        // Who, and until when: the house's state says whether that can be.
        Payload::ShiftStarted(_) | Payload::ShiftEnded(_) => {}
    }
}

/// A policy that could not be decided under never stands in the log: its files are read and digested here as they would be there.
fn adopts(adopted: &PolicyAdopted, path: &str, check: &mut Checker) {
    let read = files_of(&adopted.files).and_then(LoadedPolicy::from_files);
    let policy = match read {
        Ok(policy) => policy,
        // A policy is about nobody: what is wrong with it may be said.
        Err(error) => return check.refuse(format!("{path}.files"), format!("cannot be decided under: {error}")),
    };
    if adopted.digest != policy.digest().as_bytes() {
        check.refuse(format!("{path}.digest"), "is not the digest of the files");
    }
    if adopted.version != **policy.policy().version() {
        check.refuse(format!("{path}.version"), "is not the version that the table names");
    }
}
