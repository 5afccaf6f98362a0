//! The policy tables, read from their JSON.

use egide_domain::vocabulary::{
    DataCategory, ExceptionGround, ExceptionKind, InstrumentKind, Jurisdiction, MaskLevel, Purpose, RecipientKind, Role,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// For each category how much of it.
pub(crate) type Levels = BTreeMap<DataCategory, MaskLevel>;

/// One kind of recipient that an exception reaches.
pub(crate) struct Reached {
    pub(crate) recipient: RecipientKind,
    pub(crate) purpose: Purpose,
    pub(crate) ceiling: Levels,
    pub(crate) jurisdiction_required: bool,
    pub(crate) break_glass: bool,
    pub(crate) minors_only: bool,
}

/// An instrument that is a basis.
pub(crate) struct InstrumentRow {
    pub(crate) instrument: InstrumentKind,
    pub(crate) recipients: BTreeSet<RecipientKind>,
    pub(crate) no_tip_off: bool,
}

/// One exception's rules.
pub(crate) struct ExceptionRow {
    pub(crate) life: i64,
    pub(crate) grounds: BTreeSet<ExceptionGround>,
    pub(crate) responder_alone: bool,
    pub(crate) reached: Vec<Reached>,
    pub(crate) instruments: Vec<InstrumentRow>,
}

/// One statute row.
pub(crate) struct Statute {
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) mandatory_below: Option<i64>,
    pub(crate) optional_below: Option<i64>,
    pub(crate) recipients: BTreeSet<RecipientKind>,
    pub(crate) from: Option<i64>,
    pub(crate) until: Option<i64>,
    pub(crate) verified: bool,
}

/// One provision of a regime that the hotline names as its own.
pub(crate) struct Provision {
    pub(crate) everywhere: bool,
    pub(crate) jurisdictions: BTreeSet<Jurisdiction>,
    pub(crate) exceptions: BTreeSet<ExceptionKind>,
    pub(crate) obliges: BTreeSet<String>,
    pub(crate) standing: Standing,
}

/// A row under which young people consent alone.
pub(crate) struct MatureMinor {
    pub(crate) purposes: BTreeSet<Purpose>,
    pub(crate) recipients: BTreeSet<RecipientKind>,
    pub(crate) jurisdictions: BTreeSet<Jurisdiction>,
    pub(crate) from_age: i64,
    pub(crate) standing: Standing,
}

/// What needs an approval, and whose.
pub(crate) struct Approval {
    pub(crate) id: String,
    pub(crate) recipients: BTreeSet<RecipientKind>,
    pub(crate) purposes: BTreeSet<Purpose>,
    pub(crate) bases: BTreeSet<String>,
    pub(crate) categories: BTreeSet<DataCategory>,
    pub(crate) roles: BTreeSet<Role>,
    pub(crate) life: i64,
}

/// Whether a row counts: verified, and from when to when.
pub(crate) struct Standing {
    pub(crate) verified: bool,
    pub(crate) from: Option<i64>,
    pub(crate) until: Option<i64>,
}

impl Standing {
    pub(crate) fn counts(&self, now: i64) -> bool {
        self.verified && self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// What stands in for an agreement where an exception is the basis.
pub(crate) struct StandIn {
    pub(crate) recipient: RecipientKind,
    pub(crate) purposes: BTreeSet<Purpose>,
    pub(crate) categories: BTreeSet<DataCategory>,
}

/// All tables.
pub(crate) struct Tables {
    periods: BTreeMap<String, i64>,
    ceilings: BTreeMap<(Purpose, RecipientKind), Levels>,
    pub(crate) anonymous: Levels,
    pub(crate) report_victim: Levels,
    pub(crate) report_victim_identity: bool,
    exceptions: BTreeMap<ExceptionKind, ExceptionRow>,
    pub(crate) stand_ins: Vec<StandIn>,
    pub(crate) statute_purpose: Purpose,
    pub(crate) statute_ceiling: Levels,
    pub(crate) statutes: Vec<Statute>,
    /// Of the regimes that are named.
    pub(crate) provisions: Vec<Provision>,
    pub(crate) mature_minors: Vec<MatureMinor>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) condition_roles: BTreeSet<Role>,
    pub(crate) condition_life: i64,
    /// From which hour until which people are contacted in daytime, and in the evening.
    pub(crate) daytime: (i64, i64),
    pub(crate) evening: (i64, i64),
}

fn one<T: FromStr>(value: &Value) -> T {
    let text = value.as_str().expect("a name");
    text.parse().ok().unwrap_or_else(|| panic!("`{text}` is a name of the contract"))
}

fn many<T: FromStr + Ord>(value: &Value) -> BTreeSet<T> {
    value.as_array().expect("a list").iter().map(one).collect()
}

fn levels(value: &Value) -> Levels {
    let level = |name: &str| name.parse::<DataCategory>().expect("a category");
    value.as_object().expect("an object").iter().map(|(name, value)| (level(name), one(value))).collect()
}

/// Days since 1970-01-01, counted one by one.
pub(crate) fn midnight(date: &str) -> i64 {
    let parts: Vec<i64> = date.split('-').map(|part| part.parse().expect("a number")).collect();
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = |year: i64, month: i64| match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let years: i64 = (1970..parts[0]).map(|year| 365 + i64::from(leap(year))).sum();
    let months: i64 = (1..parts[1]).map(|month| length(parts[0], month)).sum();
    (years + months + parts[2] - 1) * DAY
}

fn instrument(row: &Value) -> InstrumentRow {
    InstrumentRow {
        instrument: one(&row["instrument"]),
        recipients: many(&row["recipients"]),
        no_tip_off: row["no_tip_off"] == true,
    }
}

fn reached(row: &Value) -> Reached {
    Reached {
        recipient: one(&row["recipient"]),
        purpose: one(&row["purpose"]),
        ceiling: levels(&row["ceiling"]),
        jurisdiction_required: row["jurisdiction_required"] == true,
        break_glass: row["break_glass"] == true,
        minors_only: row["minors_only"] == true,
    }
}

fn exception(row: &Value) -> (ExceptionKind, ExceptionRow) {
    let list = |name: &str| row[name].as_array().map_or(&[][..], Vec::as_slice);
    let rule = ExceptionRow {
        life: row["life_hours"].as_i64().expect("hours") * HOUR,
        grounds: many(&row["grounds"]),
        responder_alone: row["responder_alone"] == true,
        reached: list("recipients").iter().map(reached).collect(),
        instruments: list("instruments").iter().map(instrument).collect(),
    };
    (one(&row["kind"]), rule)
}

fn statute(row: &Value) -> Statute {
    Statute {
        jurisdiction: one(&row["jurisdiction"]),
        mandatory_below: row["mandatory_below"].as_i64(),
        optional_below: row["optional_below"].as_i64(),
        recipients: many(&row["recipients"]),
        from: row["effective_from"].as_str().map(midnight),
        until: row["effective_until"].as_str().map(midnight),
        verified: row["verified"] == true,
    }
}

fn standing(row: &Value) -> Standing {
    Standing {
        verified: row["verified"] == true,
        from: row["effective_from"].as_str().map(midnight),
        until: row["effective_until"].as_str().map(midnight),
    }
}

fn provision(row: &Value) -> Provision {
    Provision {
        everywhere: row["everywhere"] == true,
        jurisdictions: many(&row["jurisdictions"]),
        exceptions: many(&row["exceptions"]),
        obliges: many(&row["obliges"]),
        standing: standing(&row["standing"]),
    }
}

fn mature_minor(row: &Value) -> MatureMinor {
    MatureMinor {
        purposes: many(&row["purposes"]),
        recipients: many(&row["recipients"]),
        jurisdictions: many(&row["jurisdictions"]),
        from_age: row["from_age"].as_i64().expect("years"),
        standing: standing(&row["standing"]),
    }
}

fn approval(row: &Value) -> Approval {
    Approval {
        id: one(&row["id"]),
        recipients: many(&row["recipients"]),
        purposes: many(&row["purposes"]),
        bases: many(&row["bases"]),
        categories: many(&row["categories"]),
        roles: many(&row["roles"]),
        life: row["life_hours"].as_i64().expect("hours") * HOUR,
    }
}

impl Tables {
    pub(crate) fn read(policy: &Value, statutes: &Value, regimes: &Value) -> Self {
        let list = |table: &Value, name: &str| table[name].as_array().expect("a list").clone();
        let hours = |name: &str| {
            let hour = |bound: &str| policy[name][bound].as_i64().expect("an hour");
            (hour("from"), hour("until"))
        };
        let periods = policy["periods"].as_object().expect("an object");
        Self {
            periods: periods
                .iter()
                .map(|(name, hours)| (name.clone(), hours.as_i64().expect("hours") * HOUR))
                .collect(),
            ceilings: list(policy, "ceilings")
                .iter()
                .map(|row| ((one(&row["purpose"]), one(&row["recipient"])), levels(&row["ceiling"])))
                .collect(),
            anonymous: levels(&policy["anonymous"]),
            report_victim: levels(&policy["report_consent"]["potential_victim"]),
            report_victim_identity: policy["report_consent"]["potential_victim_identity"] == true,
            exceptions: list(policy, "exceptions").iter().map(exception).collect(),
            stand_ins: list(policy, "statutory_agreements")
                .iter()
                .map(|row| StandIn {
                    recipient: one(&row["recipient"]),
                    purposes: many(&row["purposes"]),
                    categories: many(&row["categories"]),
                })
                .collect(),
            statute_purpose: one(&policy["statute_recipients"]["purpose"]),
            statute_ceiling: levels(&policy["statute_recipients"]["ceiling"]),
            mature_minors: list(policy, "mature_minors").iter().map(mature_minor).collect(),
            approvals: list(policy, "approvals").iter().map(approval).collect(),
            condition_roles: many(&policy["approval_on_condition"]["roles"]),
            condition_life: policy["approval_on_condition"]["life_hours"].as_i64().expect("hours") * HOUR,
            daytime: hours("daytime"),
            evening: hours("evening"),
            statutes: list(statutes, "rows").iter().map(statute).collect(),
            provisions: {
                let named = list(regimes, "named");
                list(regimes, "rows").iter().filter(|row| named.contains(&row["regime"])).map(provision).collect()
            },
        }
    }

    /// A period, by its name in the table without `_hours`.
    pub(crate) fn period(&self, name: &str) -> i64 {
        self.periods[&format!("{name}_hours")]
    }

    /// What a kind of recipient may get for a purpose at most; no row: nothing.
    pub(crate) fn ceiling(&self, purpose: Purpose, recipient: RecipientKind) -> Levels {
        self.ceilings.get(&(purpose, recipient)).cloned().unwrap_or_default()
    }

    /// Whether the tables say anything about this purpose and kind.
    pub(crate) fn has_ceiling(&self, purpose: Purpose, recipient: RecipientKind) -> bool {
        self.ceilings.contains_key(&(purpose, recipient))
    }

    pub(crate) fn exception(&self, kind: ExceptionKind) -> &ExceptionRow {
        &self.exceptions[&kind]
    }

    /// The categories that stand in for an agreement; no row: none.
    pub(crate) fn stand_in(&self, purpose: Purpose, recipient: RecipientKind) -> BTreeSet<DataCategory> {
        let fits = |row: &&StandIn| row.recipient == recipient && row.purposes.contains(&purpose);
        self.stand_ins.iter().filter(fits).flat_map(|row| row.categories.iter().copied()).collect()
    }
}
