//! Who calls. A [`Caller`] is a service, and the person for whom it calls, if any; how that was proved stays in here.
//!
//! The service is the one its certificate names ([`crate::tls`]); a service token over such a connection is refused. The person is
//! proved by a token (a JSON Web Token, audience [`AUDIENCE`]) in `egide-person`, forwarded from hop to hop and checked by the
//! service that acts. Only where insecurity was asked for expressly, services too are proved by tokens, in
//! `authorization: Bearer …`.

mod caller;
mod credentials;
mod issuer;
mod liaisons;
mod verifier;

pub use caller::{AccountName, BadName, Caller, Person, Role, ServiceName};
pub use credentials::{Credentials, Deadline, Onward, PersonToken};
pub use issuer::{DevIssuer, ISSUER as DEVELOPMENT_ISSUER, IssuerError};
pub use liaisons::{ISSUER as LIAISONS_ISSUER, LIFETIME_S as LIAISON_LIFETIME_S, LiaisonIssuer};
pub use verifier::{Peer, Unproved, Verifier};

/// The audience every token must be meant for.
pub const AUDIENCE: &str = "egide";
/// Header of the token of the calling service, after `Bearer `.
pub const SERVICE_HEADER: &str = "authorization";
/// Header of the token of the person for whom it calls.
pub const PERSON_HEADER: &str = "egide-person";
/// Longest life of a person's token, in seconds: a shift.
pub const PERSON_LIFETIME_MAX_S: u32 = 12 * 3600;
/// Longest life of a service's token, in seconds: a day.
pub const SERVICE_LIFETIME_MAX_S: u32 = 24 * 3600;
