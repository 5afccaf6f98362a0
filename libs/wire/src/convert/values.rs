//! Value lists: contract numbers ↔ domain values. Matched both ways by name, so that a value added on one side does not
//! compile until somebody has decided what it means on the other.

use egide_domain::vocabulary as domain;

use crate::proto::egide::{case, classification, directory};

/// A number, text or shape that this version cannot read. Whoever meets one narrows or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` cannot be read")]
pub struct Unreadable {
    /// The field's name.
    pub field: &'static str,
}

/// A domain value list with its numbers in the contract.
pub trait Listed: Sized + Copy {
    /// Reads a number: `None` for unspecified.
    ///
    /// # Errors
    /// [`Unreadable`] for a number this version does not know.
    fn read(number: i32) -> Result<Option<Self>, Unreadable>;

    /// The number in the contract.
    fn number(self) -> i32;
}

/// The number of a value, 0 when absent.
pub fn number<T: Listed>(value: Option<T>) -> i32 {
    value.map_or(0, T::number)
}

/// Reads a list of numbers; unspecified members are unreadable.
///
/// # Errors
/// [`Unreadable`] for a number that is unspecified or unknown.
pub fn read_all<T: Listed, C: FromIterator<T>>(numbers: &[i32], field: &'static str) -> Result<C, Unreadable> {
    numbers.iter().map(|number| T::read(*number)?.ok_or(Unreadable { field })).collect()
}

macro_rules! listed {
    ($($area:ident :: $list:ident { $($value:ident),+ $(,)? })+) => {$(
        impl Listed for domain::$list {
            fn read(number: i32) -> Result<Option<Self>, Unreadable> {
                match $area::v1::$list::try_from(number) {
                    Ok($area::v1::$list::Unspecified) => Ok(None),
                    $(Ok($area::v1::$list::$value) => Ok(Some(Self::$value)),)+
                    Err(_) => Err(Unreadable { field: stringify!($list) }),
                }
            }

            fn number(self) -> i32 {
                match self { $(Self::$value => $area::v1::$list::$value as i32,)+ }
            }
        }
    )+};
}

listed! {
    classification::DataCategory { Identity, Contact, Whereabouts, Situation, Health, Immigration, Finances, Suspects, OtherPeople, Narrative, RecordKeeping }
    case::Channel { Phone, WebForm, Email, Chat, InPerson }
    case::Language { English, French, Other }
    case::Jurisdiction { Ab, Bc, Mb, Nb, Nl, Ns, Nt, Nu, On, Pe, Qc, Sk, Yt, Abroad }
    case::PersonRole { PotentialVictim, Caller, ThirdParty, Suspect, Child }
    case::Answer { Yes, No, Unknown }
    case::AgeBand { Under16, From16To17, Exactly18, From19, Minor, Adult }
    case::AgeMethod { SelfReported, ReportedByOther, Document, Judgement }
    case::ContactPermission { DoNotContact, UnderRules, MayContact }
    case::ApproachRule { NoUniform, DoNotMentionLine, NoVoiceMail, NoTextMessage, SpeakAlone, DaytimeOnly, After21Only, OutsideInterpreter, PhoneIsWatched }
    case::TriageLevel { Urgent, NotUrgent, Insufficient }
    case::ReviewOutcome { Report, DoNotReport }
    case::Purpose { Investigation, ChildProtection, EmergencyResponse, SupportService, LegalObligation }
    case::RecipientKind { InvestigatingAgency, ChildProtection, EmergencyService, SupportService, ForeignHotline, AnonymousTipLine, Court }
    case::ExceptionKind { Minor, ImminentDanger, LegalRequirement }
    case::ExceptionGround { SuspectedAbuse, ThreatToLife, Violence, Confinement, MedicalEmergency, Instrument }
    case::InstrumentKind { ProductionOrder, Warrant, CourtOrder, DefenceSubpoena }
    case::ConsentMethod { Spoken, Written, Chat }
    case::ConsentKind { DataSubject, Report }
    case::GrantorKind { Self_, Representative }
    case::ConsentCapacity { Adult, MatureMinor, Doubtful }
    case::Authority { ParentOrGuardian, CourtAppointed, PowerOfAttorney, ChildProtectionAgency }
    case::ConsentCondition { OnlyWhenUrgent, WithApproval, TellMeAfterwards }
    case::ApprovalOutcome { Granted, Rejected, Expired }
    case::RejectionReason { NotNeeded, TooMuch, WrongRecipient, NotSafe, AskThePerson }
    case::ObligationState { Due, Met, Deferred, Impossible, Overdue }
    case::ObligationReason { Done, Unsafe, Nameless, NoWayToReach, NoLongerOwed }
    case::ContactMeans { Call, VoiceMail, TextMessage, Email, Letter, InPerson }
    case::ContactPurpose { CallBack, Notice, FollowUp }
    case::ContactOutcome { Reached, NotReached, MessageLeft, SomebodyElse, BrokenOff }
    case::OutsideReviewOutcome { Justified, Mistake, Breach }
    case::YoungWish { Report, NoReport, Undecided, NotAsked }
    case::NoticeGround { Released, Recalled }
    case::NoticeMeans { Webhook, Email }
    case::NoticeOutcome { Sent, GivenUp }
    case::DeliveryChannel { Portal, Package, Grpc, Voice, Fax, Courier, WarmHandOver }
    case::CaseClosure { Closed, ClosedReferred }
    case::RecallReason { WrongRecipient, Error, ConsentWithdrawn, Superseded, Correction }
    case::LiftReason { DangerPassed, AssertedInError, InstrumentEnded, NotJustified }
    case::ShredScope { Person, Narrative, Case }
    case::ShredGround { PersonAsked, Schedule, RecordedInError, CourtOrder }
    case::IdentityProof { Phrase, Supervisor }
    case::HoldGround { Preservation, Subpoena, Proceeding, RequestPending }
    case::HoldLiftReason { Ended, SetAside, PlacedInError }
    case::BasisKind { Consent, ReportConsent, Exception }
    case::Outcome { Permit, Deny }
    case::MaskLevel { FactsOnly, Generalised, Whole }
    case::ReferralMode { Written, WarmHandOver }
    case::ReasonCode { RecipientUnknown, RecipientUnverified, RecipientSuspended, PurposeMissing, PurposeNotOfUnit, NoAgreement, CategoryNotInAgreement, CategoryNotOfPurpose, CaseClosed, CaseUnknown, RecordUnreadable, CaseAbroad, OutsideJurisdiction, TipNotReviewed, TipNotToReport, TriageInsufficient, NotTriaged, NoConsent, ConsentDenies, ConsentWithdrawn, ConsentExpired, ConsentNotYet, ConsentOtherRecipient, ConsentOtherPurpose, ConsentNotFree, ConsentNotUnderstood, RepresentativeUnverified, ConsentUsed, ReportConsentCeiling, VictimRecordOutranks, BringerProtected, NoException, ExceptionUnconfirmed, ExceptionExpired, ExceptionLifted, ExceptionOtherRecipient, ExceptionCeiling, NotAMinor, DefenceSubpoena, InstrumentIncomplete, AnonymousOnly, NarrativeWithheld, SupplementaryOtherAgency, SupplementaryUnknown, CategoryNotReleasable, SubjectUnknown, CoveredByConsent, CoveredByReportConsent, CoveredByException, StatuteRowApplies, StatuteRowUnverified, DataErased, ApprovalRequired, ApprovalInvalid, ConsentMinorAlone, ConsentCapacity, ConsentDataPeriod, ConsentCondition, RepresentativeIsSuspect, Approved, NarrativeNotAttested }
    case::ObligationKind { InformPerson, ReviewBreakGlass, PhoneRecipient, EnterInRegister, ReportToChildProtection, AnswerInstrument, NoTipOff, SafeContact, RecordWishes }
    directory::SuspensionReason { Misuse, AgreementEnded, OwnRequest, NotConfirmed }
}
