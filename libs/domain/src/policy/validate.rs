//! What no table may say: each check with the path of what it refuses.

use super::approval::CONSENT_CONDITION;
use super::error::Fault;
use super::rows::{CeilingRow, ExceptionRecipient, ExceptionRule, LocalHours, Periods, StatutoryAgreement};
use super::{Tables, never_released, on_own_consent_only};
use crate::set::{Categories, Purposes, Reach, Set};
use crate::vocabulary::{
    DataCategory, ExceptionKind, InstrumentKind, Jurisdiction, MaskLevel, Purpose, RecipientKind, Role,
};

/// What the contract tells people "only in daytime" means.
const DAYTIME: LocalHours = LocalHours { from: 8, until: 18 };
/// What it tells them "only after 21:00" means.
const EVENING: LocalHours = LocalHours { from: 21, until: 24 };

impl Tables {
    pub(super) fn validate(&self) -> Result<(), Fault> {
        if self.version.is_empty() {
            return Err(Fault::new("version", "must not be empty"));
        }
        self.validate_periods()?;
        self.validate_ceilings()?;
        self.validate_narrow_rules()?;
        self.validate_exceptions()?;
        self.validate_agreements()?;
        self.validate_hours()?;
        self.validate_mature_minors()?;
        self.validate_approvals()
    }

    fn validate_periods(&self) -> Result<(), Fault> {
        let Periods {
            consent_default,
            decision_life,
            break_glass_review,
            inform_person,
            phone_recipient,
            fetch_referral,
            notify_unit,
            statutory_report,
            register_entry,
            record_wishes,
            no_tip_off_review,
            age_assessment,
        } = self.periods;
        let all = [
            ("consent_default_hours", consent_default),
            ("decision_life_hours", decision_life),
            ("break_glass_review_hours", break_glass_review),
            ("inform_person_hours", inform_person),
            ("phone_recipient_hours", phone_recipient),
            ("fetch_referral_hours", fetch_referral),
            ("notify_unit_hours", notify_unit),
            ("statutory_report_hours", statutory_report),
            ("register_entry_hours", register_entry),
            ("record_wishes_hours", record_wishes),
            ("no_tip_off_review_hours", no_tip_off_review),
            ("age_assessment_hours", age_assessment),
        ];
        match all.iter().find(|(_, period)| period.0 <= 0) {
            Some((name, _)) => Err(Fault::new(format!("periods.{name}"), "must be longer than nothing")),
            None => Ok(()),
        }
    }

    fn validate_ceilings(&self) -> Result<(), Fault> {
        for (place, row) in self.ceilings.iter().enumerate() {
            let path = || format!("ceilings[{place}]");
            releasable(row.ceiling, || format!("{}.ceiling", path()))?;
            if row.ceiling.level(DataCategory::Narrative).is_some_and(|level| level != MaskLevel::Whole) {
                let why = "a narrative leaves whole, as it was attested, or not at all";
                return Err(Fault::new(format!("{}.ceiling", path()), why));
            }
            let same = |other: &&CeilingRow| other.purpose == row.purpose && other.recipient == row.recipient;
            if self.ceilings.iter().filter(same).count() > 1 {
                return Err(Fault::new(path(), "purpose and recipient stand in two rows"));
            }
        }
        Ok(())
    }

    fn validate_narrow_rules(&self) -> Result<(), Fault> {
        let anonymous = Reach::up_to(MaskLevel::FactsOnly, [DataCategory::Situation, DataCategory::Suspects].into());
        if self.anonymous.intersection(anonymous) != self.anonymous {
            let why = "anonymous content is facts of situation and suspects at most";
            return Err(Fault::new("anonymous", why));
        }
        let narrow = Categories::from([DataCategory::Situation, DataCategory::Whereabouts]);
        if !self.report_consent.potential_victim.categories().is_subset(narrow) {
            let why = "report consent reaches situation and whereabouts at most; identity has a switch of its own";
            return Err(Fault::new("report_consent.potential_victim", why));
        }
        Ok(())
    }

    fn validate_exceptions(&self) -> Result<(), Fault> {
        for kind in ExceptionKind::ALL {
            if self.exceptions.iter().filter(|rule| rule.kind == *kind).count() != 1 {
                return Err(Fault::new("exceptions", "each of the three kinds stands in it exactly once"));
            }
        }
        for (place, rule) in self.exceptions.iter().enumerate() {
            let path = |field: &str| format!("exceptions[{place}].{field}");
            if rule.life.0 <= 0 {
                return Err(Fault::new(path("life_hours"), "must be longer than nothing"));
            }
            if rule.grounds.is_empty() {
                return Err(Fault::new(path("grounds"), "an exception needs grounds"));
            }
            if rule.recipients.is_empty() {
                return Err(Fault::new(path("recipients"), "an exception reaches somebody"));
            }
            let legal = rule.kind == ExceptionKind::LegalRequirement;
            if legal == rule.instruments.is_empty() {
                return Err(Fault::new(path("instruments"), "a legal requirement has some, no other has any"));
            }
            if rule.responder_alone && !rule.recipients.iter().any(|row| row.break_glass) {
                let why = "a responder acts alone only where glass may be broken";
                return Err(Fault::new(path("responder_alone"), why));
            }
            for (row, recipient) in rule.recipients.iter().enumerate() {
                self.validate_exception_recipient(rule, recipient, || path(&format!("recipients[{row}]")))?;
            }
            validate_instruments(rule, || path("instruments"))?;
        }
        on_exception(self.statute_recipients.ceiling, || "statute_recipients.ceiling".to_owned())?;
        without_status_and_money(self.statute_recipients.ceiling, || "statute_recipients.ceiling".to_owned())
    }

    fn validate_exception_recipient(
        &self,
        rule: &ExceptionRule,
        row: &ExceptionRecipient,
        path: impl Fn() -> String,
    ) -> Result<(), Fault> {
        on_exception(row.ceiling, || format!("{}.ceiling", path()))?;
        let same = |other: &&ExceptionRecipient| other.recipient == row.recipient && other.purpose == row.purpose;
        if rule.recipients.iter().filter(same).count() > 1 {
            return Err(Fault::new(path(), "recipient and purpose stand in two rows"));
        }
        if !self.has_ceiling(row.purpose, row.recipient) {
            return Err(Fault::new(path(), "no row of `ceilings` for this recipient and purpose"));
        }
        match rule.kind {
            ExceptionKind::LegalRequirement if row.break_glass => {
                Err(Fault::new(format!("{}.break_glass", path()), "a legal requirement takes two people"))
            }
            ExceptionKind::LegalRequirement if row.purpose != Purpose::LegalObligation => {
                Err(Fault::new(format!("{}.purpose", path()), "a legal requirement is its own purpose"))
            }
            ExceptionKind::LegalRequirement => Ok(()),
            ExceptionKind::Minor | ExceptionKind::ImminentDanger => {
                without_status_and_money(row.ceiling, || format!("{}.ceiling", path()))
            }
        }
    }

    fn validate_agreements(&self) -> Result<(), Fault> {
        for (place, row) in self.statutory_agreements.iter().enumerate() {
            if row.categories.intersects(on_own_consent_only()) {
                let path = format!("statutory_agreements[{place}].categories");
                return Err(Fault::new(path, ON_OWN_CONSENT));
            }
            let overlaps = |other: &&StatutoryAgreement| {
                other.recipient == row.recipient && other.purposes.intersects(row.purposes)
            };
            if self.statutory_agreements.iter().filter(overlaps).count() > 1 {
                let path = format!("statutory_agreements[{place}]");
                return Err(Fault::new(path, "recipient and purpose stand in two rows"));
            }
        }
        Ok(())
    }
}

impl Tables {
    /// What people are told their rules mean ("only in daytime", "only after 21:00") is kept, whatever the table says.
    fn validate_hours(&self) -> Result<(), Fault> {
        let bounds = [("daytime", self.daytime, DAYTIME), ("evening", self.evening, EVENING)];
        for (name, hours, at_most) in bounds {
            if hours.until <= hours.from {
                return Err(Fault::new(name, "must end after it begins"));
            }
            if hours.from < at_most.from || at_most.until < hours.until {
                let why = "must lie within what people are told: daytime 8 to 18, evening 21 to 24";
                return Err(Fault::new(name, why));
            }
        }
        Ok(())
    }

    fn validate_mature_minors(&self) -> Result<(), Fault> {
        for (place, row) in self.mature_minors.iter().enumerate() {
            let twice = self.mature_minors.iter().filter(|other| other.id == row.id).count() > 1;
            let refuse = |field: &str, why| Err(Fault::new(format!("mature_minors[{place}].{field}"), why));
            if row.id.is_empty() || twice {
                return refuse("id", "must be there and stand once");
            }
            if row.purposes != Purposes::only(Purpose::SupportService) {
                return refuse("purposes", "a mature minor consents alone to support services only");
            }
            if row.recipients.is_empty()
                || !row.recipients.iter().all(|kind| self.has_ceiling(Purpose::SupportService, kind))
            {
                return refuse("recipients", "names kinds that have a row of `ceilings` for support services");
            }
            if row.jurisdictions.is_empty() || row.jurisdictions.contains(Jurisdiction::Abroad) {
                return refuse("jurisdictions", "names provinces and territories");
            }
            if !(12..=17).contains(&row.from_age) {
                return refuse("from_age", "must be from 12 to 17 years");
            }
            row.standing.validate().map_err(|fault| fault.within(&format!("mature_minors[{place}].standing")))?;
        }
        Ok(())
    }

    fn validate_approvals(&self) -> Result<(), Fault> {
        const ROLES: &str = "names supervisors, reviewers or compliance staff";
        const LIFE: &str = "must be longer than nothing";
        let approvers = Set::from([Role::Supervisor, Role::Reviewer, Role::Compliance]);
        let roles_fit = |roles: Set<Role>| !roles.is_empty() && roles.is_subset(approvers);
        if !roles_fit(self.approval_on_condition.roles) {
            return Err(Fault::new("approval_on_condition.roles", ROLES));
        }
        if self.approval_on_condition.life.0 <= 0 {
            return Err(Fault::new("approval_on_condition.life_hours", LIFE));
        }
        for (place, row) in self.approvals.iter().enumerate() {
            let twice = self.approvals.iter().filter(|other| other.id == row.id).count() > 1;
            let refuse = |field: &str, why| Err(Fault::new(format!("approvals[{place}].{field}"), why));
            if row.id.is_empty() || twice || &*row.id == CONSENT_CONDITION {
                return refuse("id", "must be there, stand once, and not be `consent-condition`");
            }
            let empty = [
                ("recipients", row.recipients.is_empty()),
                ("purposes", row.purposes.is_empty()),
                ("bases", row.bases.is_empty()),
                ("categories", row.categories.is_empty()),
            ];
            if let Some((field, _)) = empty.iter().find(|(_, empty)| *empty) {
                return refuse(field, "must not be empty: the row would never apply");
            }
            if row.categories.intersects(never_released()) {
                return refuse("categories", "record keeping is never released");
            }
            if !roles_fit(row.roles) {
                return refuse("roles", ROLES);
            }
            if row.life.0 <= 0 {
                return refuse("life_hours", LIFE);
            }
        }
        Ok(())
    }

    fn has_ceiling(&self, purpose: Purpose, recipient: RecipientKind) -> bool {
        self.ceilings.iter().any(|row| row.purpose == purpose && row.recipient == recipient)
    }
}

fn validate_instruments(rule: &ExceptionRule, path: impl Fn() -> String) -> Result<(), Fault> {
    for row in &rule.instruments {
        if rule.instruments.iter().filter(|other| other.instrument == row.instrument).count() > 1 {
            return Err(Fault::new(path(), "an instrument stands in two rows"));
        }
        match row.instrument {
            InstrumentKind::DefenceSubpoena => {
                return Err(Fault::new(path(), "a subpoena of the defence is never a basis"));
            }
            InstrumentKind::CourtOrder if row.recipients != Set::only(RecipientKind::Court) => {
                return Err(Fault::new(path(), "a court order names the court as recipient"));
            }
            InstrumentKind::CourtOrder | InstrumentKind::ProductionOrder | InstrumentKind::Warrant => {}
        }
    }
    Ok(())
}

fn releasable(ceiling: Reach, path: impl Fn() -> String) -> Result<(), Fault> {
    if ceiling.categories().intersects(never_released()) {
        return Err(Fault::new(path(), "record keeping is never released"));
    }
    Ok(())
}

/// Why no exception reaches a narrative.
const ON_OWN_CONSENT: &str = "a narrative leaves on somebody's own consent only, record keeping never";

fn on_exception(ceiling: Reach, path: impl Fn() -> String) -> Result<(), Fault> {
    if ceiling.categories().intersects(on_own_consent_only()) {
        return Err(Fault::new(path(), ON_OWN_CONSENT));
    }
    Ok(())
}

fn without_status_and_money(ceiling: Reach, path: impl Fn() -> String) -> Result<(), Fault> {
    if ceiling.categories().intersects([DataCategory::Immigration, DataCategory::Finances].into()) {
        return Err(Fault::new(path(), "immigration and finances never leave under this exception"));
    }
    Ok(())
}
