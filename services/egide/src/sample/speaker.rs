//! Who acts in a step: `SERVICE` or `SERVICE/ROLE[+ROLE…]:ACCOUNT`.

use std::str::FromStr;

use egide_servicekit::identity::{Person, ServiceName};

use crate::acting::Acting;

/// A service, and the person for whom it calls.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    pub(crate) service: ServiceName,
    pub(crate) person: Option<Person>,
}

/// Not `SERVICE` or `SERVICE/ROLE:ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not SERVICE or SERVICE/ROLE:ACCOUNT")]
pub(crate) struct BadSpeaker(String);

impl FromStr for Speaker {
    type Err = BadSpeaker;

    fn from_str(text: &str) -> Result<Self, BadSpeaker> {
        let bad = || BadSpeaker(text.to_owned());
        let (service, person) = match text.split_once('/') {
            Some((service, person)) => (service, Some(person)),
            None => (text, None),
        };
        let acting: Option<Acting> = person.map(str::parse).transpose().map_err(|_| bad())?;
        Ok(Self {
            service: service.parse().map_err(|_| bad())?,
            person: acting.map(|acting| acting.person(None)).transpose().map_err(|_| bad())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_speaks_for_itself_or_for_a_person() {
        assert!("web-form".parse::<Speaker>().unwrap().person.is_none());
        assert!("case-desk/responder+supervisor:noor.haddad".parse::<Speaker>().unwrap().person.is_some());
        for text in ["", "Case Desk", "case-desk/king:a", "portal/liaison:a"] {
            assert!(text.parse::<Speaker>().is_err(), "{text}");
        }
    }
}
