//! Whether somebody may be contacted (ARCHITECTURE.md, "What is owed afterwards", 19). The clocks of Canada are reckoned here from
//! their offsets and from the days they are put forward and back, for the years 2012 to 2025.

use super::case::{Case, Person};
use super::tables::{DAY, HOUR, Tables};
use egide_domain::vocabulary::{ApproachRule, ContactMeans, ContactPermission, Jurisdiction};
use std::collections::BTreeSet;

const MINUTE: i64 = HOUR / 60;

/// A clock: minutes from UTC in winter, and whether it is put forward in summer.
type Clock = (i64, bool);

const NEWFOUNDLAND: Clock = (-210, true);
const ATLANTIC: Clock = (-240, true);
const ATLANTIC_ALL_YEAR: Clock = (-240, false);
const EASTERN: Clock = (-300, true);
const EASTERN_ALL_YEAR: Clock = (-300, false);
const CENTRAL: Clock = (-360, true);
const CENTRAL_ALL_YEAR: Clock = (-360, false);
const MOUNTAIN: Clock = (-420, true);
const MOUNTAIN_ALL_YEAR: Clock = (-420, false);
const PACIFIC: Clock = (-480, true);

/// The clocks of a place; abroad nobody knows.
fn clocks(place: Jurisdiction) -> Option<&'static [Clock]> {
    Some(match place {
        Jurisdiction::Nl => &[NEWFOUNDLAND, ATLANTIC],
        Jurisdiction::Ns | Jurisdiction::Nb | Jurisdiction::Pe => &[ATLANTIC],
        // The Lower North Shore, and the islands in the Gulf.
        Jurisdiction::Qc => &[EASTERN, ATLANTIC_ALL_YEAR, ATLANTIC],
        // Kenora, and Atikokan.
        Jurisdiction::On => &[EASTERN, CENTRAL, EASTERN_ALL_YEAR],
        Jurisdiction::Mb => &[CENTRAL],
        // Lloydminster goes with Alberta, Creighton with Manitoba.
        Jurisdiction::Sk => &[CENTRAL_ALL_YEAR, MOUNTAIN, CENTRAL],
        Jurisdiction::Ab | Jurisdiction::Nt => &[MOUNTAIN],
        // Cranbrook, and the Peace River.
        Jurisdiction::Bc => &[PACIFIC, MOUNTAIN, MOUNTAIN_ALL_YEAR],
        Jurisdiction::Yt => &[MOUNTAIN_ALL_YEAR],
        // Iqaluit, Rankin Inlet, Cambridge Bay, Coral Harbour.
        Jurisdiction::Nu => &[EASTERN, CENTRAL, MOUNTAIN, EASTERN_ALL_YEAR],
        Jurisdiction::Abroad => return None,
    })
}

/// The days from 1970-01-01 to the n-th Sunday of a month.
fn sunday(year: i64, month: &str, which: i64) -> i64 {
    let first = super::tables::midnight(&format!("{year}-{month}-01")) / DAY;
    // 1970-01-04 was a Sunday.
    let to_sunday = (3 - first).rem_euclid(7);
    first + to_sunday + 7 * (which - 1)
}

/// The minute of the day that a clock shows. It is put forward on the second Sunday of March and back on the first of
/// November, at two in the morning by itself.
fn minute_of_day((offset, summer): Clock, now: i64) -> i64 {
    let minutes = now.div_euclid(MINUTE) + offset;
    let year = (2012..=2026).rev().find(|year| super::tables::midnight(&format!("{year}-01-01")) <= minutes * MINUTE);
    let year = year.expect("an instant from 2012 on");
    let forward = sunday(year, "03", 2) * 1440 + 120;
    // Two in the morning by summer time is one by winter time.
    let back = sunday(year, "11", 1) * 1440 + 60;
    let summer = summer && forward <= minutes && minutes < back;
    (minutes + if summer { 60 } else { 0 }).rem_euclid(1440)
}

/// Whether a means is one that a rule forbids.
fn forbidden(rule: ApproachRule, means: ContactMeans) -> bool {
    match rule {
        ApproachRule::NoVoiceMail => means == ContactMeans::VoiceMail,
        ApproachRule::NoTextMessage => means == ContactMeans::TextMessage,
        ApproachRule::PhoneIsWatched => {
            matches!(means, ContactMeans::Call | ContactMeans::VoiceMail | ContactMeans::TextMessage)
        }
        ApproachRule::DaytimeOnly
        | ApproachRule::After21Only
        | ApproachRule::NoUniform
        | ApproachRule::DoNotMentionLine
        | ApproachRule::SpeakAlone
        | ApproachRule::OutsideInterpreter => false,
    }
}

/// The rules that whoever contacts the person now by these means keeps to; `None`: they may not.
pub(crate) fn cleared(
    case: &Case,
    person: &Person,
    means: ContactMeans,
    tables: &Tables,
    now: i64,
) -> Option<BTreeSet<ApproachRule>> {
    let said_yes = matches!(person.contact, Some(ContactPermission::MayContact | ContactPermission::UnderRules));
    if person.erased || case.erased || !said_yes || person.approach.iter().any(|rule| forbidden(*rule, means)) {
        return None;
    }
    // No hour is one of the day and of the night.
    if [ApproachRule::DaytimeOnly, ApproachRule::After21Only].iter().all(|rule| person.approach.contains(rule)) {
        return None;
    }
    let mut places = case.places_of(person);
    if places.is_empty() {
        places = Jurisdiction::ALL.iter().copied().filter(|place| *place != Jurisdiction::Abroad).collect();
    }
    for (rule, (from, until)) in
        [(ApproachRule::DaytimeOnly, tables.daytime), (ApproachRule::After21Only, tables.evening)]
    {
        if !person.approach.contains(&rule) {
            continue;
        }
        for place in &places {
            let inside = |clock: &Clock| (from * 60..until * 60).contains(&minute_of_day(*clock, now));
            if !clocks(*place)?.iter().all(inside) {
                return None;
            }
        }
    }
    Some(person.approach.clone())
}
