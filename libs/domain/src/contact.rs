//! Whether a person may be contacted now, by some means: by their own instructions, and by the clock of where they are.

use crate::facts::{CaseFacts, Person};
use crate::policy::{LocalHours, Policy};
use crate::set::{Jurisdictions, Set};
use crate::time::Timestamp;
use crate::vocabulary::{ApproachRule, ContactMeans, ContactPermission, Jurisdiction};
use jiff::tz::{TimeZone, get};

/// What whoever contacts the person keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instructions {
    /// The person's coded rules, all of them.
    pub rules: Set<ApproachRule>,
}

/// Why a person may not be contacted so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSafe {
    /// Nothing was said about it.
    #[error("there is no instruction that allows contact")]
    NoInstruction,
    /// The person said no.
    #[error("the person is not to be contacted")]
    DoNotContact,
    /// The person's data was erased.
    #[error("the person's data was erased")]
    Erased,
    /// A rule forbids this means.
    #[error("a rule of the person forbids this means of contact")]
    Means,
    /// A rule allows contact at other hours only, somewhere the person may be.
    #[error("a rule of the person allows contact at other hours only")]
    Hours,
    /// The person is abroad, and nobody knows whose clock counts.
    #[error("a rule of the person speaks of the hour, and the person is abroad")]
    Abroad,
}

/// Whether a person may be contacted now by these means, and what to keep to then. Deny by default.
///
/// # Errors
/// [`NotSafe`], the first thing that forbids it.
pub fn may_contact(
    person: &Person,
    facts: &CaseFacts,
    means: ContactMeans,
    now: Timestamp,
    policy: &Policy,
) -> Result<Instructions, NotSafe> {
    match person.contact {
        None => return Err(NotSafe::NoInstruction),
        Some(ContactPermission::DoNotContact) => return Err(NotSafe::DoNotContact),
        // Rules recorded with or after "may be contacted" are kept, too.
        Some(ContactPermission::UnderRules | ContactPermission::MayContact) => {}
    }
    if facts.is_erased(person.subject_id) {
        return Err(NotSafe::Erased);
    }
    let rules = person.contact_rules;
    if rules.intersects(forbidding(means)) {
        return Err(NotSafe::Means);
    }
    let places = facts.places_of(person);
    let bound = [(ApproachRule::DaytimeOnly, policy.daytime()), (ApproachRule::After21Only, policy.evening())];
    for (_, hours) in bound.into_iter().filter(|(rule, _)| rules.contains(*rule)) {
        if places.contains(Jurisdiction::Abroad) {
            return Err(NotSafe::Abroad);
        }
        if !everywhere_within(hours, places, now) {
            return Err(NotSafe::Hours);
        }
    }
    // Hours of the night are none of the day, whatever the tables say.
    if bound.iter().all(|(rule, _)| rules.contains(*rule)) {
        return Err(NotSafe::Hours);
    }
    Ok(Instructions { rules })
}

/// The rules that forbid a means.
fn forbidding(means: ContactMeans) -> Set<ApproachRule> {
    match means {
        ContactMeans::Call => Set::only(ApproachRule::PhoneIsWatched),
        ContactMeans::VoiceMail => Set::from([ApproachRule::PhoneIsWatched, ApproachRule::NoVoiceMail]),
        ContactMeans::TextMessage => Set::from([ApproachRule::PhoneIsWatched, ApproachRule::NoTextMessage]),
        ContactMeans::Email | ContactMeans::Letter | ContactMeans::InPerson => Set::EMPTY,
    }
}

/// Whether it is such an hour in every time zone of these places; of all of Canada where none is known.
fn everywhere_within(hours: LocalHours, places: Jurisdictions, now: Timestamp) -> bool {
    let Ok(now) = jiff::Timestamp::from_millisecond(now.0) else { return false };
    let places = if places.is_empty() { Jurisdictions::all() } else { places };
    let zones = places.iter().flat_map(zones_of);
    zones.into_iter().all(|zone| u8::try_from(zone.to_datetime(now).hour()).is_ok_and(|hour| hours.contains(hour)))
}

/// The time zones of a province or territory, by the tz database; a place that is in two by custom has both.
fn zones_of(place: Jurisdiction) -> &'static [TimeZone] {
    static AB: &[TimeZone] = &[get!("America/Edmonton")];
    static BC: &[TimeZone] = &[
        get!("America/Vancouver"),
        get!("America/Edmonton"),
        get!("America/Creston"),
        get!("America/Dawson_Creek"),
        get!("America/Fort_Nelson"),
    ];
    static MB: &[TimeZone] = &[get!("America/Winnipeg")];
    static NB: &[TimeZone] = &[get!("America/Moncton")];
    static NL: &[TimeZone] = &[get!("America/St_Johns"), get!("America/Goose_Bay")];
    static NS: &[TimeZone] = &[get!("America/Halifax"), get!("America/Glace_Bay")];
    static NT: &[TimeZone] = &[get!("America/Edmonton"), get!("America/Inuvik")];
    static NU: &[TimeZone] = &[
        get!("America/Iqaluit"),
        get!("America/Resolute"),
        get!("America/Rankin_Inlet"),
        get!("America/Cambridge_Bay"),
        get!("America/Atikokan"),
    ];
    static ON: &[TimeZone] = &[get!("America/Toronto"), get!("America/Winnipeg"), get!("America/Atikokan")];
    static PE: &[TimeZone] = &[get!("America/Halifax")];
    static QC: &[TimeZone] = &[get!("America/Toronto"), get!("America/Halifax"), get!("America/Blanc-Sablon")];
    // Lloydminster goes with Alberta, Creighton with Manitoba.
    static SK: &[TimeZone] =
        &[get!("America/Regina"), get!("America/Swift_Current"), get!("America/Edmonton"), get!("America/Winnipeg")];
    static YT: &[TimeZone] = &[get!("America/Whitehorse"), get!("America/Dawson")];
    match place {
        Jurisdiction::Ab => AB,
        Jurisdiction::Bc => BC,
        Jurisdiction::Mb => MB,
        Jurisdiction::Nb => NB,
        Jurisdiction::Nl => NL,
        Jurisdiction::Ns => NS,
        Jurisdiction::Nt => NT,
        Jurisdiction::Nu => NU,
        Jurisdiction::On => ON,
        Jurisdiction::Pe => PE,
        Jurisdiction::Qc => QC,
        Jurisdiction::Sk => SK,
        Jurisdiction::Yt => YT,
        Jurisdiction::Abroad => &[],
    }
}
