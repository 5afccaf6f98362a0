//! Finding a caller's case. Giving needs proof: a number that the ledger gave and a phrase that the caller chose. Taking
//! back needs little: a telephone number or a name will do, through blind indexes that only the ledger's key can read.
//!
//! What is searched by is never written anywhere: an access event says what kind of thing it was.

mod attempts;
mod caller;
mod fold;
mod index;
mod number;
mod phrase;
mod service;
mod withdraw;

pub(crate) use attempts::AttemptsRow;
pub(crate) use caller::out_of_reach;
pub(crate) use index::{Index, owner_of};
pub(crate) use phrase::Stretching;
pub(crate) use service::CallerApi;
