//! Blind indexes: under which terms somebody of a case is found, as HMACs that say nothing without the ledger's key.
//!
//! An entry of the bucket `FIND` is its key alone: `<HMAC of the term>.<case>.<person>`. It is durable before the block that
//! makes it true is published, and is believed only as far as the log bears it out, so that one whose block was refused
//! reveals nothing. A number's entry is claimed by whoever creates it first: `number.<HMAC>`, with the case as its value, and
//! `<HMAC>.<case>.<person or nobody>.number`, by which it is found again when the person or the case is erased.

use std::collections::BTreeSet;

use egide_crypto::digest::{Digest, Fingerprinter};
use egide_domain::ids::{CaseId, SubjectId};
use egide_eventlog::{Bucket, BucketError, Creation, Listing};
use egide_vault::KeyName;
use egide_wire::proto::egide::case::v1::case_event::Payload as CasePayload;
use egide_wire::proto::egide::case::v1::{ContactRecorded, PersonIdentified};
use egide_wire::proto::egide::ledger::v1::AppendRequest;
use egide_wire::proto::egide::ledger::v1::new_event::Payload;
use futures_util::future::try_join_all;
use zeroize::Zeroizing;

use super::fold;
use super::number::CaseNumber;

/// Stands for the person where a number stands for nobody in particular.
const NOBODY: &str = "nobody";
/// Ends the entry by which a number is found again.
const NUMBER: &str = ".number";
/// The value of an entry whose key says everything.
const PRESENT: &[u8] = b"1";
/// Rounds in which the entries of one person or case are dropped; each takes up to 4,096.
const DROP_ROUNDS_MAX: usize = 256;
/// Entries written or removed at once.
const AT_ONCE: usize = 16;

/// By what somebody is found.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Term {
    Phone(Zeroizing<String>),
    Name(Zeroizing<String>),
}

impl Term {
    /// The terms of a telephone number; none when it is none.
    pub(super) fn of_phone(phone: &str) -> Vec<Self> {
        fold::phone(phone).map(Self::Phone).into_iter().collect()
    }

    /// The terms of a name as it was said.
    pub(super) fn of_name(name: &str) -> Vec<Self> {
        fold::said_name(name).into_iter().map(Self::Name).collect()
    }

    /// The terms by which whoever an event is about is found.
    pub(super) fn of_event(payload: &CasePayload) -> Vec<Self> {
        let mut terms = Vec::new();
        if let CasePayload::PersonIdentified(PersonIdentified { given_names, family_name, aliases, .. }) = payload {
            terms.extend(fold::recorded_name(given_names, family_name).into_iter().map(Self::Name));
            terms.extend(aliases.iter().flat_map(|alias| Self::of_name(alias)));
        }
        if let CasePayload::ContactRecorded(ContactRecorded { phones, .. }) = payload {
            terms.extend(phones.iter().flat_map(|phone| Self::of_phone(phone)));
        }
        terms
    }
}

/// Whom a term leads to, as far as the index knows.
pub(crate) type People = BTreeSet<(CaseId, SubjectId)>;

/// See the module.
pub(crate) struct Index {
    bucket: Bucket,
    fingerprinter: Fingerprinter,
}

impl Index {
    pub(crate) const fn new(bucket: Bucket, fingerprinter: Fingerprinter) -> Self {
        Self { bucket, fingerprinter }
    }

    /// Makes everybody a request speaks of findable. When this returns, every entry is durable.
    pub(crate) async fn keep(&self, request: &AppendRequest) -> Result<(), BucketError> {
        let mut entries = BTreeSet::new();
        for event in &request.events {
            let Some(Payload::CaseEvent(case_event)) = &event.payload else { continue };
            let Some(payload) = &case_event.payload else { continue };
            let (Some(case), Some(subject)) = (event.stream_id.parse().ok(), subject_of(payload)) else { continue };
            entries.extend(Term::of_event(payload).iter().map(|term| self.entry(term, case, subject)));
        }
        let entries: Vec<_> = entries.into_iter().collect();
        for some in entries.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|entry| self.bucket.create_if_absent(entry, PRESENT.into()))).await?;
        }
        Ok(())
    }

    /// Whom these terms lead to, any of them; and whether there are more than are looked at.
    pub(super) async fn people(&self, terms: &[Term]) -> Result<(People, bool), BucketError> {
        let listings =
            terms.iter().map(async |term| self.bucket.list(&format!("{}.*.*", blind(&self.fingerprinter, term))).await);
        let mut people = People::new();
        let mut more = false;
        for listing in try_join_all(listings).await? {
            more |= listing.more;
            people.extend(listing.keys.iter().filter_map(|key| match owner_of(key)? {
                KeyName::Subject { case, subject } => Some((case, subject)),
                KeyName::Narrative { .. } | KeyName::Case { .. } | KeyName::Fingerprints | KeyName::Index => None,
            }));
        }
        Ok((people, more))
    }

    /// Claims a number for a case; whether it was free. Durable before this returns.
    pub(super) async fn claim(
        &self,
        number: &CaseNumber,
        case: CaseId,
        subject: Option<SubjectId>,
    ) -> Result<bool, BucketError> {
        let blind = self.blind_number(number);
        // First what lets it be found again: a claim that nobody can find could never be dropped.
        let back = format!("{blind}.{case}.{}{NUMBER}", person(subject));
        self.bucket.create_if_absent(&back, PRESENT.into()).await?;
        match self.bucket.create_if_absent(&claim_key(&blind), case.to_string().into()).await? {
            Creation::Created => Ok(true),
            Creation::Existing(_) | Creation::Erased => {
                self.bucket.remove(&back).await?;
                Ok(false)
            }
        }
    }

    /// The case that claimed a number.
    pub(super) async fn case_of(&self, number: &CaseNumber) -> Result<Option<CaseId>, BucketError> {
        let value = self.bucket.get(&claim_key(&self.blind_number(number))).await?;
        Ok(value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok()))
    }

    /// Drops every entry of a person, or of a case and everybody in it, from where it is stored. Repeating it is harmless.
    ///
    /// # Errors
    /// [`BucketError`]: some entries may still be there.
    pub(crate) async fn drop_entries(&self, case: CaseId, subject: Option<SubjectId>) -> Result<(), BucketError> {
        let who = subject.map_or_else(|| "*".to_owned(), |subject| subject.to_string());
        self.drop_all(&format!("*.{case}.{who}{NUMBER}")).await?;
        self.drop_all(&format!("*.{case}.{who}")).await
    }

    async fn drop_all(&self, pattern: &str) -> Result<(), BucketError> {
        for _ in 0..DROP_ROUNDS_MAX {
            let listing = self.bucket.list(pattern).await?;
            self.drop_keys(&listing.keys).await?;
            if !listing.more {
                return Ok(());
            }
        }
        Err(BucketError::Unavailable)
    }

    /// The keys of all entries but the first `offset`, as many as come at once; [`owner_of`] says whose they are.
    pub(crate) async fn keys_from(&self, offset: usize) -> Result<Listing, BucketError> {
        self.bucket.list_from(offset).await
    }

    /// Drops these entries, and with a number its claim. Repeating it is harmless.
    ///
    /// # Errors
    /// [`BucketError`]: some of them may still be there.
    pub(crate) async fn drop_keys(&self, keys: &[String]) -> Result<(), BucketError> {
        for some in keys.chunks(AT_ONCE) {
            try_join_all(some.iter().map(async |key| {
                if let (true, Some((blind, _))) = (key.ends_with(NUMBER), key.split_once('.')) {
                    // A number is never given twice: a mark without content stays in its place.
                    self.bucket.delete(&claim_key(blind)).await?;
                }
                self.bucket.remove(key).await
            }))
            .await?;
        }
        Ok(())
    }

    fn entry(&self, term: &Term, case: CaseId, subject: SubjectId) -> String {
        format!("{}.{case}.{subject}", blind(&self.fingerprinter, term))
    }

    fn blind_number(&self, number: &CaseNumber) -> String {
        self.fingerprinter.fingerprint_parts("egide/find/number/v1", &[number.digits().as_bytes()]).to_string()
    }
}

fn claim_key(blind: &str) -> String {
    format!("number.{blind}")
}

fn person(subject: Option<SubjectId>) -> String {
    subject.map_or_else(|| NOBODY.to_owned(), |subject| subject.to_string())
}

/// Under whose key stands what an entry was made of; `None` for the claim of a number, which another entry leads to.
pub(crate) fn owner_of(key: &str) -> Option<KeyName> {
    let mut parts = key.split('.').skip(1);
    let (case, person) = (parts.next()?.parse().ok()?, parts.next()?);
    match person {
        NOBODY => Some(KeyName::Case { case }),
        subject => Some(KeyName::Subject { case, subject: subject.parse().ok()? }),
    }
}

fn subject_of(payload: &CasePayload) -> Option<SubjectId> {
    if let CasePayload::PersonIdentified(event) = payload {
        return event.subject_id.parse().ok();
    }
    if let CasePayload::ContactRecorded(event) = payload {
        return event.subject_id.parse().ok();
    }
    None
}

/// The term as the bucket knows it; each kind of term in a domain of its own.
fn blind(fingerprinter: &Fingerprinter, term: &Term) -> Digest {
    let (domain, text) = match term {
        Term::Phone(text) => ("egide/find/phone/v1", text),
        Term::Name(text) => ("egide/find/name/v1", text),
    };
    fingerprinter.fingerprint_parts(domain, &[text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_crypto::digest::{sha256, sha256_parts};
    use egide_wire::proto::egide::case::v1::TriageAssessed;

    #[test]
    fn a_term_is_blind_without_the_key_and_each_kind_by_itself() {
        let key = Fingerprinter::new(&[7; 32]);
        let text = || Zeroizing::new("16135550123".to_owned());
        let (phone, name) = (Term::Phone(text()), Term::Name(text()));
        assert_eq!(blind(&key, &phone), blind(&key, &phone));
        assert_ne!(blind(&key, &phone), blind(&key, &name));
        assert_ne!(blind(&key, &phone), blind(&Fingerprinter::new(&[8; 32]), &phone));
        for unkeyed in [sha256(b"16135550123"), sha256_parts("egide/find/phone/v1", &[b"16135550123"])] {
            assert_ne!(blind(&key, &phone), unkeyed);
        }
    }

    #[test]
    fn people_are_found_by_names_aliases_and_numbers_and_by_nothing_else() {
        let person = PersonIdentified {
            given_names: "Ana".into(),
            family_name: "Cruz".into(),
            aliases: vec!["Luna Sol".into(), "Lulu".into()],
            birth_date: "2001-02-03".into(),
            ..PersonIdentified::default()
        };
        let terms = Term::of_event(&CasePayload::PersonIdentified(person));
        let names = ["ana cruz", "luna sol", "lulu"].map(|name| Term::Name(Zeroizing::new(name.to_owned())));
        assert!(terms == names);
        let contact = ContactRecorded {
            phones: vec!["613 555-0123".into(), "+1 613 555 0123".into()],
            emails: vec!["ana@example.org".into()],
            ..ContactRecorded::default()
        };
        let terms = Term::of_event(&CasePayload::ContactRecorded(contact));
        let phone = Term::Phone(Zeroizing::new("16135550123".to_owned()));
        assert!(terms.iter().all(|term| *term == phone) && terms.len() == 2);
        assert!(Term::of_event(&CasePayload::TriageAssessed(TriageAssessed::default())).is_empty());
    }
}
