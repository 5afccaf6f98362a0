//! The forms: one per kind of recipient, versioned. A form fixes heading, order and what is particular to it; it never adds
//! anything to what redaction let through.

use egide_domain::vocabulary::{DataCategory, RecipientKind};

/// A form. Its id stands in decision, release and report; a change of what a form shows is a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For police services and units that investigate.
    InvestigatingAgency,
    /// For child-protection authorities.
    ChildProtection,
    /// For emergency services.
    Emergency,
    /// For support services.
    SupportService,
    /// For partner hotlines abroad, anonymous tip lines and courts.
    Partner,
}

/// A name that is no form's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown form: use one of `investigating-agency/1`, `child-protection/1`, `emergency/1`, `support-service/1`, `partner/1`"
)]
pub struct UnknownForm;

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] =
        [Self::InvestigatingAgency, Self::ChildProtection, Self::Emergency, Self::SupportService, Self::Partner];

    /// The form of a kind of recipient; unknown kinds receive nothing, and would get the plainest form.
    #[must_use]
    pub const fn of(kind: Option<RecipientKind>) -> Self {
        match kind {
            Some(RecipientKind::InvestigatingAgency) => Self::InvestigatingAgency,
            Some(RecipientKind::ChildProtection) => Self::ChildProtection,
            Some(RecipientKind::EmergencyService) => Self::Emergency,
            Some(RecipientKind::SupportService) => Self::SupportService,
            Some(RecipientKind::ForeignHotline | RecipientKind::AnonymousTipLine | RecipientKind::Court) | None => {
                Self::Partner
            }
        }
    }

    /// Its id with its version.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::InvestigatingAgency => "investigating-agency/1",
            Self::ChildProtection => "child-protection/1",
            Self::Emergency => "emergency/1",
            Self::SupportService => "support-service/1",
            Self::Partner => "partner/1",
        }
    }

    /// What the reader needs first comes first.
    #[must_use]
    pub const fn order(self) -> [DataCategory; 9] {
        use DataCategory::{
            Contact, Finances, Health, Identity, Immigration, OtherPeople, Situation, Suspects, Whereabouts,
        };
        match self {
            Self::InvestigatingAgency | Self::Partner => {
                [Situation, Suspects, Whereabouts, Identity, Contact, OtherPeople, Health, Immigration, Finances]
            }
            Self::ChildProtection => {
                [Identity, Whereabouts, Situation, Contact, Health, Suspects, OtherPeople, Immigration, Finances]
            }
            Self::Emergency => {
                [Whereabouts, Situation, Health, Suspects, Identity, Contact, OtherPeople, Immigration, Finances]
            }
            Self::SupportService => {
                [Contact, Identity, Situation, Whereabouts, Health, Immigration, Finances, OtherPeople, Suspects]
            }
        }
    }

    /// Whether it carries the line written to be sent to an emergency service.
    #[must_use]
    pub const fn carries_line(self) -> bool {
        matches!(self, Self::Emergency)
    }
}

impl std::str::FromStr for Form {
    type Err = UnknownForm;

    fn from_str(id: &str) -> Result<Self, UnknownForm> {
        Self::ALL.into_iter().find(|form| form.id() == id).ok_or(UnknownForm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_domain::Categories;

    #[test]
    fn a_form_shows_every_category_that_can_leave_exactly_once() {
        // What was told stands with what is about several people together.
        let never = Categories::from([DataCategory::Narrative, DataCategory::RecordKeeping]);
        for form in Form::ALL {
            let shown: Categories = form.order().into_iter().collect();
            assert!(shown == Categories::all().difference(never), "{form:?}");
            assert_eq!(form.id().parse(), Ok(form));
        }
    }
}
