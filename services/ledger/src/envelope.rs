//! Sealing and opening the identifying fields of an event, bound to the place where the event stands.
//!
//! The associated data is final for ever: what is in the log was sealed with it. It is [`AAD_DOMAIN`] preceded by its length,
//! the number of parts, and the parts, each preceded by its length (lengths and number: 64 bits, big-endian), in this order:
//!
//! 1. schema version of the payload (32 bits, big-endian)
//! 2. incarnation of the log (text of the UUID)
//! 3. area (32 bits, big-endian: the number in the contract)
//! 4. stream (text of the UUID)
//! 5. kind
//! 6. event id (text of the UUID)
//! 7. command id (text of the UUID)
//! 8. emitter: the service that sent the command
//! 9. person: the account, empty when a service acted by itself
//! 10. digest of the facts (32 bytes, [`facts_digest`])
//! 11. key scope (32 bits, big-endian: the number in the contract)
//! 12. and on: the ids of the data keys, in their order

use std::sync::Arc;

use egide_crypto::digest::{Digest, sha256_parts};
use egide_crypto::seal::{DataKey, JoinError, OpenError, SealError, SealedRecord, open, seal};
use egide_domain::ids::CaseId;
use egide_projection::ModelError;
use egide_vault::{KeyName, ParseKeyNameError};
use egide_wire::classification::SealUnder;
use egide_wire::context;
use egide_wire::proto::egide::ledger::v1::{Event, KeyScope, SealedPart};
use prost_reflect::DynamicMessage;
use zeroize::Zeroizing;

use crate::keyring::Keyring;

/// First part of all associated data.
const AAD_DOMAIN: &str = "egide/aad/v1";

/// An event could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A data key could not be had.
    #[error(transparent)]
    Vault(#[from] egide_vault::Error),
    /// It cannot be read whether a key is closed.
    #[error(transparent)]
    Projection(#[from] ModelError),
    /// There is something to seal, and the contract does not say under which key.
    #[error("the contract names no key for what identifies somebody in `{kind}`")]
    NoKeyNamed {
        /// The event's kind.
        kind: String,
    },
    /// The cipher refused.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Several keys could not be made one.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A sealed part is not one that a ledger writes.
    #[error("a sealed part is malformed")]
    Malformed,
    /// A sealed part does not open although its keys are there.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What an event's place is made of besides the event itself.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) incarnation: &'a str,
    pub(crate) command_id: &'a str,
    pub(crate) emitter: &'a str,
}

/// What came of opening an event.
pub(crate) enum Opened {
    /// Nothing was sealed.
    NothingSealed,
    /// The identifying fields, encoded as the payload's message type.
    Identifying(Zeroizing<Vec<u8>>),
    /// A key is gone.
    Shredded,
}

/// SHA-256 of an event's facts as they stand in the log.
pub(crate) fn facts_digest(facts: &[u8]) -> Digest {
    sha256_parts(context::FACTS, &[facts])
}

/// Seals `identifying` into `event`, whose other fields but its revision and times are final. When this returns, every
/// key that was used is durable.
pub(crate) async fn seal_into(
    event: &mut Event,
    identifying: &[u8],
    seal_under: SealUnder,
    payload: &DynamicMessage,
    place: Place<'_>,
    keyring: &Keyring,
) -> Result<(), Error> {
    let case: CaseId = event.stream_id.parse().map_err(|_| Error::Malformed)?;
    let (scope, names) =
        key_names_for(seal_under, payload, case).ok_or_else(|| Error::NoKeyNamed { kind: event.kind.clone() })?;
    let mut keys = Vec::with_capacity(names.len());
    for name in &names {
        keys.push(keyring.for_sealing(*name).await?);
    }
    seal_under_keys(event, identifying, (scope, &names), &keys, place)
}

/// The same with these keys, which have these names.
pub(crate) fn seal_under_keys(
    event: &mut Event,
    identifying: &[u8],
    (scope, names): (KeyScope, &[KeyName]),
    keys: &[Arc<DataKey>],
    place: Place<'_>,
) -> Result<(), Error> {
    let key_ids: Vec<String> = names.iter().map(ToString::to_string).collect();
    let record = with_key(scope, &key_ids, keys, |key| {
        Ok(seal(key, &associated_data(event, place, scope, &key_ids), identifying)?)
    })?;
    event.sealed.push(SealedPart {
        scope: scope.into(),
        key_ids,
        salt: record.salt.to_vec(),
        nonce: record.nonce.to_vec(),
        ciphertext: record.ciphertext,
        key_commitment: record.commitment.to_vec(),
    });
    Ok(())
}

/// Opens everything that is sealed in `event`, if none of its keys is closed, neither before nor after.
pub(crate) async fn open_event(event: &Event, place: Place<'_>, keyring: &Keyring) -> Result<Opened, Error> {
    if event.sealed.is_empty() {
        return Ok(Opened::NothingSealed);
    }
    // Parts are encodings of one message type: one after the other they are the encoding of all their fields.
    let mut identifying = Zeroizing::new(Vec::new());
    for part in &event.sealed {
        let Some(keys) = existing_keys(part, keyring).await? else { return Ok(Opened::Shredded) };
        let record = record(part).ok_or(Error::Malformed)?;
        let aad = associated_data(event, place, part.scope(), &part.key_ids);
        let opened = with_key(part.scope(), &part.key_ids, &keys, |key| Ok(open(key, &record, &aad)?))?;
        // Grown to its size at once: a buffer that grows by itself leaves copies behind.
        let mut joined = Zeroizing::new(Vec::with_capacity(identifying.len() + opened.len()));
        joined.extend_from_slice(&identifying);
        joined.extend_from_slice(&opened);
        identifying = joined;
    }
    // A shred that was applied while we opened comes before the answer.
    Ok(if is_closed(event, keyring)? { Opened::Shredded } else { Opened::Identifying(identifying) })
}

/// Whether an event that is applied here closed one of the keys under which something in `event` is sealed.
pub(crate) fn is_closed(event: &Event, keyring: &Keyring) -> Result<bool, Error> {
    for name in event.sealed.iter().flat_map(key_names) {
        if keyring.is_closed(name.map_err(|_| Error::Malformed)?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The keys of a part; `None` when one of them is gone.
async fn existing_keys(part: &SealedPart, keyring: &Keyring) -> Result<Option<Vec<Arc<DataKey>>>, Error> {
    let mut keys = Vec::with_capacity(part.key_ids.len());
    for name in key_names(part) {
        match keyring.for_opening(name.map_err(|_| Error::Malformed)?).await? {
            Some(key) => keys.push(key),
            None => return Ok(None),
        }
    }
    Ok(Some(keys))
}

/// The names of the keys of a part.
pub(crate) fn key_names(part: &SealedPart) -> impl Iterator<Item = Result<KeyName, ParseKeyNameError>> {
    part.key_ids.iter().map(|id| id.parse())
}

fn record(part: &SealedPart) -> Option<SealedRecord> {
    Some(SealedRecord {
        salt: part.salt.as_slice().try_into().ok()?,
        nonce: part.nonce.as_slice().try_into().ok()?,
        ciphertext: part.ciphertext.clone(),
        commitment: part.key_commitment.as_slice().try_into().ok()?,
    })
}

/// Runs `use_key` with the one key of a part, or with the key that needs all of several people's.
fn with_key<T>(
    scope: KeyScope,
    key_ids: &[String],
    keys: &[Arc<DataKey>],
    use_key: impl FnOnce(&DataKey) -> Result<T, Error>,
) -> Result<T, Error> {
    match (scope, keys) {
        (KeyScope::Subject | KeyScope::Narrative | KeyScope::Case, [key]) => use_key(key),
        (KeyScope::Everybody, keys) => {
            let named: Vec<(&str, &DataKey)> =
                key_ids.iter().map(String::as_str).zip(keys.iter().map(Arc::as_ref)).collect();
            use_key(&DataKey::join(&named)?)
        }
        (KeyScope::Unspecified | KeyScope::Subject | KeyScope::Narrative | KeyScope::Case, _) => Err(Error::Malformed),
    }
}

/// Under which keys a payload is sealed, in the order of their ids. What belongs to nobody that is named belongs to the
/// case. `None` when the contract names no key, or somebody who cannot be read.
pub(crate) fn key_names_for(
    seal_under: SealUnder,
    payload: &DynamicMessage,
    case: CaseId,
) -> Option<(KeyScope, Vec<KeyName>)> {
    match seal_under {
        SealUnder::Unspecified => None,
        SealUnder::Case => Some((KeyScope::Case, vec![KeyName::Case { case }])),
        SealUnder::Subject => match text(payload, "subject_id")?.as_str() {
            "" => Some((KeyScope::Case, vec![KeyName::Case { case }])),
            subject => Some((KeyScope::Subject, vec![KeyName::Subject { case, subject: subject.parse().ok()? }])),
        },
        SealUnder::Narrative => {
            let narrative = text(payload, "narrative_id")?.parse().ok()?;
            Some((KeyScope::Narrative, vec![KeyName::Narrative { case, narrative }]))
        }
        SealUnder::Everybody => {
            let value = payload.get_field_by_name("subject_ids")?;
            let subjects = value.as_list()?.iter().map(|subject| subject.as_str()?.parse().ok());
            let mut names: Vec<KeyName> = subjects
                .map(|subject| subject.map(|subject| KeyName::Subject { case, subject }))
                .collect::<Option<_>>()?;
            if names.is_empty() {
                return Some((KeyScope::Case, vec![KeyName::Case { case }]));
            }
            names.sort_by_key(ToString::to_string);
            names.dedup();
            Some((KeyScope::Everybody, names))
        }
    }
}

fn text(payload: &DynamicMessage, field: &str) -> Option<String> {
    payload.get_field_by_name(field)?.as_str().map(str::to_owned)
}

/// See the module: final for ever.
fn associated_data(event: &Event, place: Place<'_>, scope: KeyScope, key_ids: &[String]) -> Vec<u8> {
    let person = event.actor.as_ref().map(|actor| actor.person.as_str()).unwrap_or_default();
    let schema_version = event.schema_version.to_be_bytes();
    let area = event.area.to_be_bytes();
    let facts_digest = facts_digest(&event.facts);
    let scope = i32::from(scope).to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![
        &schema_version,
        place.incarnation.as_bytes(),
        &area,
        event.stream_id.as_bytes(),
        event.kind.as_bytes(),
        event.event_id.as_bytes(),
        place.command_id.as_bytes(),
        place.emitter.as_bytes(),
        person.as_bytes(),
        facts_digest.as_bytes(),
        &scope,
    ];
    parts.extend(key_ids.iter().map(String::as_bytes));
    let mut data = Vec::new();
    prefixed(AAD_DOMAIN.as_bytes(), &mut data);
    data.extend_from_slice(&(parts.len() as u64).to_be_bytes());
    for part in parts {
        prefixed(part, &mut data);
    }
    data
}

fn prefixed(part: &[u8], data: &mut Vec<u8>) {
    data.extend_from_slice(&(part.len() as u64).to_be_bytes());
    data.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_crypto::digest::sha256;
    use egide_wire::descriptors::to_dynamic;
    use egide_wire::proto::egide::case::v1::{Actor, ConsentGiven, NarrativeRecorded, ReferralReleased};
    use egide_wire::proto::egide::ledger::v1::Area;

    const CASE: CaseId = CaseId([1; 16]);
    const ONE: &str = "02020202-0202-0202-0202-020202020202";
    const TWO: &str = "03030303-0303-0303-0303-030303030303";

    fn event() -> Event {
        Event {
            event_id: "0192abcd-ef00-7fff-8000-010203040506".into(),
            area: Area::Case.into(),
            stream_id: CASE.to_string(),
            revision: 7,
            kind: "case.person_identified".into(),
            schema_version: 1,
            actor: Some(Actor { service: "cli".into(), person: "amelie.roy".into(), ..Actor::default() }),
            facts: b"facts".to_vec(),
            ..Event::default()
        }
    }

    const PLACE: Place<'_> = Place {
        incarnation: "0192abcd-ef00-7fff-8000-0102030405aa",
        command_id: "0192abcd-ef00-7fff-8000-0102030405bb",
        emitter: "cli",
    };

    fn key_ids() -> Vec<String> {
        vec!["case.01010101-0101-0101-0101-010101010101".to_owned()]
    }

    #[test]
    fn associated_data_is_what_it_was_when_the_first_event_was_sealed() {
        let data = associated_data(&event(), PLACE, KeyScope::Case, &key_ids());
        let mut expected = Vec::new();
        for (index, part) in [
            &b"egide/aad/v1"[..],
            &[0, 0, 0, 1],
            b"0192abcd-ef00-7fff-8000-0102030405aa",
            &[0, 0, 0, 1],
            b"01010101-0101-0101-0101-010101010101",
            b"case.person_identified",
            b"0192abcd-ef00-7fff-8000-010203040506",
            b"0192abcd-ef00-7fff-8000-0102030405bb",
            b"cli",
            b"amelie.roy",
            sha256_parts("egide/facts/v1", &[b"facts"]).as_bytes(),
            &[0, 0, 0, 3],
            b"case.01010101-0101-0101-0101-010101010101",
        ]
        .into_iter()
        .enumerate()
        {
            expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, u8::try_from(part.len()).unwrap()]);
            expected.extend_from_slice(part);
            if index == 0 {
                expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 12]);
            }
        }
        assert_eq!(data, expected);
        assert_eq!(sha256(&data).to_string(), "7ec5fb5af91c934ce69d0cdbd29222196b6bdecb5b94bfb02e621e08bc38bee7");
    }

    #[test]
    fn whatever_says_where_an_event_stands_changes_its_associated_data() {
        let base = associated_data(&event(), PLACE, KeyScope::Case, &key_ids());
        let changed = |change: fn(&mut Event)| {
            let mut event = event();
            change(&mut event);
            associated_data(&event, PLACE, KeyScope::Case, &key_ids())
        };
        let others = [
            changed(|event| event.event_id.push('x')),
            changed(|event| event.area = Area::Directory.into()),
            changed(|event| event.stream_id = ONE.into()),
            changed(|event| event.kind = "case.age_assessed".into()),
            changed(|event| event.schema_version = 2),
            changed(|event| event.actor = None),
            changed(|event| event.facts.push(0)),
            associated_data(&event(), Place { incarnation: "x", ..PLACE }, KeyScope::Case, &key_ids()),
            associated_data(&event(), Place { command_id: "x", ..PLACE }, KeyScope::Case, &key_ids()),
            associated_data(&event(), Place { emitter: "x", ..PLACE }, KeyScope::Case, &key_ids()),
            associated_data(&event(), PLACE, KeyScope::Everybody, &key_ids()),
            associated_data(&event(), PLACE, KeyScope::Case, &["case.x".into()]),
        ];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(*other, base, "{index}");
        }
        // The revision is bound by the block's signature: it is not known yet when an event is sealed.
        assert_eq!(changed(|event| event.revision = 8), base);
    }

    #[test]
    fn what_names_nobody_is_sealed_under_the_key_of_the_case() {
        let consent = to_dynamic(&ConsentGiven::default()).unwrap();
        let release = to_dynamic(&ReferralReleased::default()).unwrap();
        let of_the_case = Some((KeyScope::Case, vec![KeyName::Case { case: CASE }]));
        assert!(key_names_for(SealUnder::Subject, &consent, CASE) == of_the_case);
        assert!(key_names_for(SealUnder::Everybody, &release, CASE) == of_the_case);
        assert!(key_names_for(SealUnder::Unspecified, &release, CASE).is_none());
    }

    #[test]
    fn text_that_joins_several_people_needs_the_keys_of_all_of_them_in_order() {
        let subject_ids = vec![TWO.to_owned(), ONE.to_owned()];
        let release = to_dynamic(&ReferralReleased { subject_ids, ..ReferralReleased::default() }).unwrap();
        let name = |subject: &str| KeyName::Subject { case: CASE, subject: subject.parse().unwrap() };
        let expected = Some((KeyScope::Everybody, vec![name(ONE), name(TWO)]));
        assert!(key_names_for(SealUnder::Everybody, &release, CASE) == expected);
    }

    #[test]
    fn a_narrative_has_a_key_of_its_own() {
        let narrative = NarrativeRecorded { narrative_id: ONE.into(), ..NarrativeRecorded::default() };
        let narrative = to_dynamic(&narrative).unwrap();
        let expected = KeyName::Narrative { case: CASE, narrative: ONE.parse().unwrap() };
        assert!(key_names_for(SealUnder::Narrative, &narrative, CASE) == Some((KeyScope::Narrative, vec![expected])));
    }
}
