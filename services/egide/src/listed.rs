//! The value lists of the contract as words on a command line and in tables.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use egide_wire::descriptors::pool;
use egide_wire::proto::egide::audit::v1::{AccessReason, AccessScope};
use egide_wire::proto::egide::case::v1 as case;
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::directory::v1::{LiaisonRevocation, SuspensionReason};
use egide_wire::proto::egide::disclosure::v1::MarkReason;
use egide_wire::proto::egide::triage::v1::ReviewKind;

/// A generated enumeration.
pub trait Listed: Copy + Send + Sync + 'static {
    /// Its full name in the contract, for instance `egide.case.v1.Purpose`.
    const NAME: &'static str;
    /// The value with this full name, for instance `PURPOSE_INVESTIGATION`.
    fn from_full_name(name: &str) -> Option<Self>;
    /// The value with this number.
    fn from_number(number: i32) -> Option<Self>;
    /// The full name of this value.
    fn full_name(self) -> &'static str;
}

macro_rules! listed {
    ($($type:ty => $name:literal),* $(,)?) => {
        $(impl Listed for $type {
            const NAME: &'static str = $name;
            fn from_full_name(name: &str) -> Option<Self> {
                Self::from_str_name(name)
            }
            fn from_number(number: i32) -> Option<Self> {
                Self::try_from(number).ok()
            }
            fn full_name(self) -> &'static str {
                self.as_str_name()
            }
        })*

        /// Every enumeration that people see as words.
        #[cfg(test)]
        pub(crate) const NAMES: &[&str] = &[$($name),*];
    };
}

listed! {
    AccessReason => "egide.audit.v1.AccessReason",
    AccessScope => "egide.audit.v1.AccessScope",
    DataCategory => "egide.classification.v1.DataCategory",
    LiaisonRevocation => "egide.directory.v1.LiaisonRevocation",
    SuspensionReason => "egide.directory.v1.SuspensionReason",
    ReviewKind => "egide.triage.v1.ReviewKind",
    case::AgeBand => "egide.case.v1.AgeBand",
    case::Answer => "egide.case.v1.Answer",
    case::ApprovalOutcome => "egide.case.v1.ApprovalOutcome",
    case::ApproachRule => "egide.case.v1.ApproachRule",
    case::NarrativeWithholdReason => "egide.case.v1.NarrativeWithholdReason",
    case::UnmaskReason => "egide.case.v1.UnmaskReason",
    MarkReason => "egide.disclosure.v1.MarkReason",
    case::Authority => "egide.case.v1.Authority",
    case::BasisKind => "egide.case.v1.BasisKind",
    case::ConsentCapacity => "egide.case.v1.ConsentCapacity",
    case::ConsentCondition => "egide.case.v1.ConsentCondition",
    case::ConsentKind => "egide.case.v1.ConsentKind",
    case::ConsentMethod => "egide.case.v1.ConsentMethod",
    case::ContactMeans => "egide.case.v1.ContactMeans",
    case::ContactOutcome => "egide.case.v1.ContactOutcome",
    case::ContactPermission => "egide.case.v1.ContactPermission",
    case::ContactPurpose => "egide.case.v1.ContactPurpose",
    case::DeliveryChannel => "egide.case.v1.DeliveryChannel",
    case::ExceptionGround => "egide.case.v1.ExceptionGround",
    case::ExceptionKind => "egide.case.v1.ExceptionKind",
    case::HoldGround => "egide.case.v1.HoldGround",
    case::HoldLiftReason => "egide.case.v1.HoldLiftReason",
    case::IdentityProof => "egide.case.v1.IdentityProof",
    case::InstrumentKind => "egide.case.v1.InstrumentKind",
    case::Jurisdiction => "egide.case.v1.Jurisdiction",
    case::Language => "egide.case.v1.Language",
    case::LiftReason => "egide.case.v1.LiftReason",
    case::MaskLevel => "egide.case.v1.MaskLevel",
    case::ObligationKind => "egide.case.v1.ObligationKind",
    case::ObligationReason => "egide.case.v1.ObligationReason",
    case::ObligationState => "egide.case.v1.ObligationState",
    case::Outcome => "egide.case.v1.Outcome",
    case::OutsideReviewOutcome => "egide.case.v1.OutsideReviewOutcome",
    case::Purpose => "egide.case.v1.Purpose",
    case::RejectionReason => "egide.case.v1.RejectionReason",
    case::ReasonCode => "egide.case.v1.ReasonCode",
    case::RecallReason => "egide.case.v1.RecallReason",
    case::RecipientKind => "egide.case.v1.RecipientKind",
    case::ReferralMode => "egide.case.v1.ReferralMode",
    case::ShredGround => "egide.case.v1.ShredGround",
    case::YoungWish => "egide.case.v1.YoungWish",
}

/// No mask ever releases it and no consent names it, so nobody is offered it.
const NEVER_ASKED_FOR: &str = "DATA_CATEGORY_RECORD_KEEPING";

/// What every value's full name begins with, for instance `PURPOSE_`.
pub(crate) fn prefix(enumeration: &str) -> String {
    let zero = pool().get_enum_by_name(enumeration).map(|descriptor| descriptor.default_value().name().to_owned());
    zero.as_deref().and_then(|name| name.strip_suffix("UNSPECIFIED")).unwrap_or_default().to_owned()
}

/// The short names of an enumeration without the one that says nothing, as on a command line: `child-protection`.
fn short_names<E: Listed>() -> Vec<String> {
    let prefix = prefix(E::NAME);
    let Some(descriptor) = pool().get_enum_by_name(E::NAME) else { return Vec::new() };
    let short = |name: &str| name.strip_prefix(&prefix).map(|short| short.to_ascii_lowercase().replace('_', "-"));
    let offered = descriptor.values().filter(|value| value.number() != 0 && value.name() != NEVER_ASKED_FOR);
    offered.filter_map(|value| short(value.name())).collect()
}

/// Reads a short name, with dashes or underscores, in either case, or a full one.
pub fn parse<E: Listed>(text: &str) -> Option<E> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    E::from_full_name(&format!("{}{name}", prefix(E::NAME))).or_else(|| E::from_full_name(&name))
}

/// A command-line parser that knows, lists and completes the values of an enumeration.
pub(crate) fn value_of<E: Listed>() -> impl TypedValueParser<Value = E> {
    let values = short_names::<E>().into_iter().map(|name| {
        let underscored = name.replace('-', "_");
        PossibleValue::new(name).alias(underscored)
    });
    PossibleValuesParser::new(values).try_map(|text| parse::<E>(&text).ok_or_else(|| format!("no value `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    #[test]
    fn every_value_has_a_word_in_both_languages() {
        for name in NAMES {
            for value in pool().get_enum_by_name(name).unwrap().values() {
                for lang in Lang::ALL {
                    assert!(lang.find(value.name()).is_some(), "`{}` has no word in {}", value.name(), lang.code());
                }
            }
        }
    }

    #[test]
    fn short_and_full_names_are_read() {
        let is_protection = |text| parse(text) == Some(case::Purpose::ChildProtection);
        assert!(is_protection("child-protection"));
        assert!(is_protection("CHILD_PROTECTION"));
        assert!(is_protection("PURPOSE_CHILD_PROTECTION"));
        assert!(parse::<case::Purpose>("gossip").is_none());
        assert!(short_names::<case::Purpose>().contains(&"child-protection".to_owned()));
        assert!(!short_names::<case::Purpose>().contains(&"unspecified".to_owned()));
    }
}
