//! The client's side: what a call carries so that the other side knows who calls.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::issuer::{DevIssuer, IssuerError, Minted};
use super::{PERSON_HEADER, Person, SERVICE_HEADER, ServiceName};
use crate::clock;

/// A person's token, to send on as it came. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonToken(MetadataValue<Ascii>);

impl PersonToken {
    /// A token as an issuer gave it; `None` when it cannot stand in a header.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        sensitive(token).map(Self)
    }

    /// The token, to be handed to the person it belongs to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Debug for PersonToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonToken(..)")
    }
}

/// Marked sensitive, so that neither `Debug` nor HTTP/2 header tables keep it.
fn sensitive(text: &str) -> Option<MetadataValue<Ascii>> {
    let mut value: MetadataValue<Ascii> = text.parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// When the answer to a request must be there. In the extensions of every request that came through the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

/// What a request hands on to the calls made for it: the person, and the deadline.
#[derive(Debug, Clone, Default)]
pub struct Onward {
    person: Option<PersonToken>,
    deadline: Option<Deadline>,
}

impl Onward {
    /// What `request` hands on.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Self {
        let extensions = request.extensions();
        Self { person: extensions.get().cloned(), deadline: extensions.get().copied() }
    }

    /// For somebody whom this process itself vouches for.
    #[must_use]
    pub const fn of_person(token: PersonToken) -> Self {
        Self { person: Some(token), deadline: None }
    }

    /// The same person without the deadline, for what must be finished whether or not somebody still waits for it.
    #[must_use]
    pub fn without_deadline(self) -> Self {
        Self { person: self.person, deadline: None }
    }
}

/// What this process calls others with: a tonic interceptor.
#[derive(Debug, Clone)]
pub struct Credentials {
    // None where the certificate says who calls.
    service: Option<Arc<Source>>,
    person: Option<Arc<Source>>,
    deadline: Option<Deadline>,
}

impl Credentials {
    /// Calls as the service of the connection's certificate.
    #[must_use]
    pub const fn by_certificate() -> Self {
        Self { service: None, person: None, deadline: None }
    }

    /// The same without a token of the service.
    #[must_use]
    pub(crate) fn without_service_token(&self) -> Self {
        Self { service: None, ..self.clone() }
    }

    /// Calls as `service`, with tokens that `issuer` mints and that are renewed in time.
    #[must_use]
    pub fn minted(issuer: Arc<DevIssuer>, service: ServiceName) -> Self {
        let source = Source::Minted { issuer, subject: Subject::Service(service), newest: Mutex::new(None) };
        Self { service: Some(Arc::new(source)), person: None, deadline: None }
    }

    /// Calls with a service token that somebody else issued; `None` when it cannot stand in a header.
    #[must_use]
    pub fn fixed(service_token: &str) -> Option<Self> {
        let value = sensitive(&format!("Bearer {service_token}"))?;
        Some(Self { service: Some(Arc::new(Source::Fixed(value))), person: None, deadline: None })
    }

    /// The same, for the person of this token.
    #[must_use]
    pub fn for_person(&self, token: PersonToken) -> Self {
        Self { person: Some(Arc::new(Source::Fixed(token.0))), ..self.clone() }
    }

    /// The same, for this person, with tokens that `issuer` mints and that are renewed in time.
    #[must_use]
    pub fn for_minted_person(&self, issuer: Arc<DevIssuer>, person: Person) -> Self {
        let source = Source::Minted { issuer, subject: Subject::Person(person), newest: Mutex::new(None) };
        Self { person: Some(Arc::new(source)), ..self.clone() }
    }

    /// The same, with the person and deadline of the request that makes this call necessary, and no other person.
    #[must_use]
    pub fn onward(&self, onward: &Onward) -> Self {
        let person = onward.person.clone().map(|token| Arc::new(Source::Fixed(token.0)));
        Self { service: self.service.clone(), person, deadline: onward.deadline }
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let now_s = clock::now_s();
        if let Some(service) = &self.service {
            request.metadata_mut().insert(SERVICE_HEADER, service.value(now_s)?);
        }
        if let Some(person) = &self.person {
            request.metadata_mut().insert(PERSON_HEADER, person.value(now_s)?);
        }
        if let Some(Deadline(deadline)) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err(Status::deadline_exceeded("no time was left to make this call"));
            }
            request.set_timeout(left);
        }
        Ok(request)
    }
}

#[derive(Debug)]
enum Subject {
    Service(ServiceName),
    Person(Person),
}

/// Where the value of one header comes from. `Debug` shows no token: values are sensitive, `Minted` hides its own.
#[derive(Debug)]
enum Source {
    Fixed(MetadataValue<Ascii>),
    Minted { issuer: Arc<DevIssuer>, subject: Subject, newest: Mutex<Option<Ready>> },
}

#[derive(Debug, Clone)]
struct Ready {
    value: MetadataValue<Ascii>,
    renew_at_s: i64,
}

impl Source {
    fn value(&self, now_s: i64) -> Result<MetadataValue<Ascii>, Status> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Minted { issuer, subject, newest } => {
                let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(ready) = newest.as_ref().filter(|ready| now_s < ready.renew_at_s) {
                    return Ok(ready.value.clone());
                }
                let ready = mint(issuer, subject, now_s)
                    .map_err(|error| Status::internal(format!("no token could be issued for this call: {error}")))?;
                let value = ready.value.clone();
                *newest = Some(ready);
                Ok(value)
            }
        }
    }
}

fn mint(issuer: &DevIssuer, subject: &Subject, now_s: i64) -> Result<Ready, IssuerError> {
    let (minted, header) = match subject {
        Subject::Service(service) => {
            let minted = issuer.mint_service(service, now_s)?;
            let header = format!("Bearer {}", minted.token);
            (minted, header)
        }
        Subject::Person(person) => {
            let minted = issuer.mint_person(person, now_s)?;
            let header = minted.token.clone();
            (minted, header)
        }
    };
    let value = sensitive(&header).ok_or(IssuerError::Unsendable)?;
    Ok(Ready { value, renew_at_s: renew_at_s(&minted) })
}

/// Less than a quarter of its life left: time for a new one.
fn renew_at_s(minted: &Minted) -> i64 {
    minted.expires_at_s - (minted.expires_at_s - minted.issued_at_s) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_S: i64 = 3600;

    fn source(issuer: &Arc<DevIssuer>) -> Source {
        let subject = Subject::Service("case-desk".parse().unwrap());
        Source::Minted { issuer: Arc::clone(issuer), subject, newest: Mutex::new(None) }
    }

    #[test]
    fn a_token_is_kept_until_a_quarter_of_its_life_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let issuer = Arc::new(DevIssuer::open(directory.path()).unwrap());
        let source = source(&issuer);
        let first = source.value(0).unwrap();
        assert_eq!(source.value(18 * HOUR_S - 1).unwrap(), first);
        assert_ne!(source.value(18 * HOUR_S).unwrap(), first);
    }

    #[test]
    fn debug_shows_no_token() {
        let directory = tempfile::tempdir().unwrap();
        let issuer = Arc::new(DevIssuer::open(directory.path()).unwrap());
        let person = Person::staff("amelie.roy".parse().unwrap(), []).unwrap();
        let token = issuer.person_token(&person).unwrap();
        let credentials = Credentials::minted(issuer, "case-desk".parse().unwrap()).for_person(token.clone());
        let request = credentials.clone().call(Request::new(())).unwrap();
        let shown = format!("{credentials:?} {token:?} {request:?}");
        assert!(!shown.contains("eyJ") && !shown.contains("amelie"), "{shown}");
    }

    #[test]
    fn a_call_without_time_left_is_not_made() {
        let onward = Onward { person: None, deadline: Some(Deadline(Instant::now())) };
        let mut credentials = Credentials::fixed("token").unwrap().onward(&onward);
        assert_eq!(credentials.call(Request::new(())).unwrap_err().code(), tonic::Code::DeadlineExceeded);
    }

    #[test]
    fn onward_replaces_the_person() {
        let credentials = Credentials::fixed("token").unwrap().for_person(PersonToken::new("somebody").unwrap());
        let request = credentials.onward(&Onward::default()).call(Request::new(())).unwrap();
        assert!(request.metadata().get(PERSON_HEADER).is_none());
    }
}
