//! What a site needs before it has a page: connections within limits, headers that browsers obey, who is signed in, whose form it
//! is, how often somebody may ask, texts in two languages, files that never change, and the frame around every page.
//!
//! *In scope*: HTTP/1.1 with or without TLS ([`server`]), headers ([`headers`]), where a request came from ([`origin`]), sessions and
//! form tokens ([`session`], [`token`]), rate limits ([`limit`]), forms ([`form`]), Fluent ([`text`]), static files ([`asset`]), the
//! frame and its error pages ([`shell`]).
//!
//! *Out of scope*: any page, any call to a service, how somebody proves who they are.

pub mod asset;
pub mod form;
pub mod headers;
pub mod limit;
pub mod origin;
pub mod server;
pub mod session;
pub mod shell;
pub mod text;
pub mod token;
