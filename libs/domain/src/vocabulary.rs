//! Value lists, mirroring the contract by name. The contract's "unspecified" has no counterpart: absence is an `Option`.

/// A name that is in no value list. The name itself is not repeated: it may come from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown `{list}`: use one of the names of the contract")]
pub struct UnknownName {
    /// The value list that was looked in.
    pub list: &'static str,
}

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $list:ident { $($(#[$member_doc:meta])* $member:ident = $name:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $list {
            $($(#[$member_doc])* #[serde(rename = $name)] $member,)+
        }

        impl $list {
            /// Every value, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$member,)+];

            /// The contract's name in lower snake case, without the list's prefix.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$member => $name,)+ }
            }
        }

        impl $crate::set::Member for $list {
            const MEMBERS: &'static [Self] = Self::ALL;

            fn bit(self) -> u64 {
                1 << (self as u8)
            }
        }

        impl std::fmt::Display for $list {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $list {
            type Err = $crate::vocabulary::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$member),)+
                    _ => Err($crate::vocabulary::UnknownName { list: stringify!($list) }),
                }
            }
        }
    )+};
}

pub(crate) use vocabulary;

mod decision;
mod safeguards;

pub use decision::{BasisKind, MaskLevel, ObligationKind, Outcome, ReasonCode, ReferralMode};
pub use safeguards::{
    ApprovalOutcome, Authority, ConsentCapacity, ConsentCondition, ContactMeans, ContactOutcome, ContactPurpose,
    NoticeGround, NoticeMeans, NoticeOutcome, ObligationReason, ObligationState, OutsideReviewOutcome, RejectionReason,
    YoungWish,
};

vocabulary! {
    /// What somebody is in the organisation when they act. Roles are given by the service that authenticates.
    Role {
        /// Answers the line.
        Responder = "responder",
        /// Reviews tips, confirms exceptions.
        Supervisor = "supervisor",
        /// Reviews narratives.
        Reviewer = "reviewer",
        /// Privacy officer or auditor.
        Compliance = "compliance",
        /// Receives referrals for a recipient.
        Liaison = "liaison",
        /// Keeps the referral directory.
        PartnershipSpecialist = "partnership_specialist",
        /// Runs the system.
        Operator = "operator",
    }

    /// What a person on a phone can be asked about. A field without a category is withheld from everybody.
    DataCategory {
        /// Who somebody is: names, birth date, official numbers.
        Identity = "identity",
        /// How somebody can be reached.
        Contact = "contact",
        /// Where somebody is or stays.
        Whereabouts = "whereabouts",
        /// What is happening: exploitation, control, danger.
        Situation = "situation",
        /// Physical and mental health.
        Health = "health",
        /// Status and documents in Canada.
        Immigration = "immigration",
        /// Money, debts, accounts.
        Finances = "finances",
        /// Whoever is said to exploit: everything about a person whose only role is suspect.
        Suspects = "suspects",
        /// Other people who are mentioned.
        OtherPeople = "other_people",
        /// What was told, in words.
        Narrative = "narrative",
        /// Ids, times, versions, and everything else the record needs about itself; no mask ever releases it.
        RecordKeeping = "record_keeping",
    }

    /// How contact was made with the hotline.
    Channel {
        /// A telephone call.
        Phone = "phone",
        /// The web form.
        WebForm = "web_form",
        /// E-mail.
        Email = "email",
        /// Text or web chat.
        Chat = "chat",
        /// In person.
        InPerson = "in_person",
    }

    /// Language, as coarse as statistics need it.
    Language {
        /// English.
        English = "english",
        /// French.
        French = "french",
        /// Any other language.
        Other = "other",
    }

    /// A place as coarse as a fact may be: province, territory, abroad.
    Jurisdiction {
        /// Alberta.
        Ab = "ab",
        /// British Columbia.
        Bc = "bc",
        /// Manitoba.
        Mb = "mb",
        /// New Brunswick.
        Nb = "nb",
        /// Newfoundland and Labrador.
        Nl = "nl",
        /// Nova Scotia.
        Ns = "ns",
        /// Northwest Territories.
        Nt = "nt",
        /// Nunavut.
        Nu = "nu",
        /// Ontario.
        On = "on",
        /// Prince Edward Island.
        Pe = "pe",
        /// Quebec.
        Qc = "qc",
        /// Saskatchewan.
        Sk = "sk",
        /// Yukon.
        Yt = "yt",
        /// Outside Canada.
        Abroad = "abroad",
    }

    /// What a person is in a case; one person can hold several roles.
    PersonRole {
        /// A potential victim.
        PotentialVictim = "potential_victim",
        /// Whoever called or wrote.
        Caller = "caller",
        /// Somebody else who is mentioned.
        ThirdParty = "third_party",
        /// Somebody said to exploit.
        Suspect = "suspect",
        /// A child of a person of the case.
        Child = "child",
    }

    /// Yes, no, or not known; absent is not known.
    Answer {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// Asked, and not known.
        Unknown = "unknown",
    }

    /// Age as coarse as statutes need it: child-protection duties end at 16, 18 or 19 after the province or territory.
    AgeBand {
        /// Under 16.
        Under16 = "under_16",
        /// 16 or 17.
        From16To17 = "from_16_to_17",
        /// 18.
        Exactly18 = "exactly_18",
        /// 19 or older.
        From19 = "from_19",
        /// Believed under 18, no more is known.
        Minor = "minor",
        /// Believed 18 or older, no more is known.
        Adult = "adult",
    }

    /// How an age was arrived at.
    AgeMethod {
        /// The person said so.
        SelfReported = "self_reported",
        /// Somebody else said so.
        ReportedByOther = "reported_by_other",
        /// A document.
        Document = "document",
        /// The responder's judgement.
        Judgement = "judgement",
    }

    /// Whether a person may be contacted at all; no instruction means no.
    ContactPermission {
        /// Do not contact.
        DoNotContact = "do_not_contact",
        /// May be contacted under the rules given.
        UnderRules = "under_rules",
        /// May be contacted.
        MayContact = "may_contact",
    }

    /// Coded rules for approaching a person; they travel with identity, contact and whereabouts.
    ApproachRule {
        /// No uniform and no marked vehicle.
        NoUniform = "no_uniform",
        /// Do not mention the hotline.
        DoNotMentionLine = "do_not_mention_line",
        /// Leave no voice mail.
        NoVoiceMail = "no_voice_mail",
        /// Send no text message.
        NoTextMessage = "no_text_message",
        /// Speak with the person alone.
        SpeakAlone = "speak_alone",
        /// Only in daytime (08:00 to 18:00 local time).
        DaytimeOnly = "daytime_only",
        /// Only after 21:00 local time.
        After21Only = "after_21_only",
        /// Bring an interpreter from outside the person's community.
        OutsideInterpreter = "outside_interpreter",
        /// The suspect watches the telephone.
        PhoneIsWatched = "phone_is_watched",
    }

    /// How urgent a case is.
    TriageLevel {
        /// A supervisor starts a response plan while the caller is on the line; every case with a minor is urgent.
        Urgent = "urgent",
        /// Reviewed and, where fit, reported within 24 hours of receipt.
        NotUrgent = "not_urgent",
        /// Not enough information; may not be reported.
        Insufficient = "insufficient",
    }

    /// A supervisor's answer to a tip.
    ReviewOutcome {
        /// It may go to an investigating agency.
        Report = "report",
        /// It may not be reported.
        DoNotReport = "do_not_report",
    }

    /// Why a recipient gets something; always given.
    Purpose {
        /// Investigation of an offence.
        Investigation = "investigation",
        /// Protection of a child.
        ChildProtection = "child_protection",
        /// Emergency response.
        EmergencyResponse = "emergency_response",
        /// A support service for the person.
        SupportService = "support_service",
        /// Answer to a legal instrument.
        LegalObligation = "legal_obligation",
    }

    /// What a recipient is.
    RecipientKind {
        /// A police service or unit that investigates.
        InvestigatingAgency = "investigating_agency",
        /// A child-protection authority.
        ChildProtection = "child_protection",
        /// An emergency service: dispatch, ambulance.
        EmergencyService = "emergency_service",
        /// A support service: shelter, health, legal aid, a coordinator inside a police unit.
        SupportService = "support_service",
        /// A partner hotline abroad.
        ForeignHotline = "foreign_hotline",
        /// A line that may only ever receive anonymous content.
        AnonymousTipLine = "anonymous_tip_line",
        /// A court.
        Court = "court",
    }

    /// The three mandatory exceptions; there is no fourth.
    ExceptionKind {
        /// Suspected abuse of a person under 18.
        Minor = "minor",
        /// Imminent danger to the caller or to others.
        ImminentDanger = "imminent_danger",
        /// A legal instrument that compels.
        LegalRequirement = "legal_requirement",
    }

    /// On what grounds an exception is asserted.
    ExceptionGround {
        /// Suspected abuse or exploitation of a person under 18.
        SuspectedAbuse = "suspected_abuse",
        /// Threat to life.
        ThreatToLife = "threat_to_life",
        /// Violence under way or announced.
        Violence = "violence",
        /// Held against their will.
        Confinement = "confinement",
        /// Medical emergency.
        MedicalEmergency = "medical_emergency",
        /// A legal instrument.
        Instrument = "instrument",
    }

    /// Kind of legal instrument.
    InstrumentKind {
        /// A production order (Criminal Code).
        ProductionOrder = "production_order",
        /// A search warrant.
        Warrant = "warrant",
        /// An order of a court that names the court as recipient (Criminal Code, s. 278.1 and following).
        CourtOrder = "court_order",
        /// A subpoena of the defence: a hold and a refusal, never a basis.
        DefenceSubpoena = "defence_subpoena",
    }

    /// How a consent was obtained.
    ConsentMethod {
        /// Spoken.
        Spoken = "spoken",
        /// Written.
        Written = "written",
        /// In a chat.
        Chat = "chat",
    }

    /// What a consent reaches.
    ConsentKind {
        /// A data subject about their own data.
        DataSubject = "data_subject",
        /// The wish of whoever brought the information that it be reported.
        Report = "report",
    }

    /// Who consents.
    GrantorKind {
        /// The data subject.
        Self_ = "self",
        /// A lawful representative; counts only after their authority is verified.
        Representative = "representative",
    }

    /// How a referral reaches its recipient.
    DeliveryChannel {
        /// The portal.
        Portal = "portal",
        /// An encrypted package.
        Package = "package",
        /// gRPC.
        Grpc = "grpc",
        /// Voice, called back on the number in the directory.
        Voice = "voice",
        /// Fax.
        Fax = "fax",
        /// Courier.
        Courier = "courier",
        /// Warm hand-over: the person is connected directly.
        WarmHandOver = "warm_hand_over",
    }

    /// Why a case was closed (HTCDS case status).
    CaseClosure {
        /// Closed.
        Closed = "closed",
        /// Closed and referred.
        ClosedReferred = "closed_referred",
    }

    /// Why a released referral was recalled.
    RecallReason {
        /// Sent to the wrong recipient.
        WrongRecipient = "wrong_recipient",
        /// It carried an error.
        Error = "error",
        /// Consent was withdrawn.
        ConsentWithdrawn = "consent_withdrawn",
        /// A newer referral replaces it.
        Superseded = "superseded",
        /// It was wrong and is corrected by a supplementary one.
        Correction = "correction",
    }

    /// Why an exception was lifted.
    LiftReason {
        /// The danger has passed.
        DangerPassed = "danger_passed",
        /// It was asserted in error.
        AssertedInError = "asserted_in_error",
        /// The instrument was set aside or answered.
        InstrumentEnded = "instrument_ended",
        /// Broken glass that a second person found not justified.
        NotJustified = "not_justified",
    }

    /// Whose data keys are shredded.
    ShredScope {
        /// One person's, and those of every narrative that speaks of the person.
        Person = "person",
        /// One narrative's.
        Narrative = "narrative",
        /// The case's own, everybody's and every narrative's.
        Case = "case",
    }

    /// Why data keys are shredded.
    ShredGround {
        /// The person asked for it.
        PersonAsked = "person_asked",
        /// The case was closed and the policy's period is over.
        Schedule = "schedule",
        /// It was recorded in error.
        RecordedInError = "recorded_in_error",
        /// A court or an authority ordered it.
        CourtOrder = "court_order",
    }

    /// How it was made sure that somebody who asks is the person.
    IdentityProof {
        /// They knew the phrase they chose when the case was opened.
        Phrase = "phrase",
        /// A supervisor verified who they are.
        Supervisor = "supervisor",
    }

    /// Why a case is held.
    HoldGround {
        /// A demand or order to preserve data (Criminal Code, ss. 487.012 and 487.013).
        Preservation = "preservation",
        /// A subpoena, of the defence or anybody else's.
        Subpoena = "subpoena",
        /// A proceeding that is under way or to be expected.
        Proceeding = "proceeding",
        /// A request for access or a complaint that is not answered yet.
        RequestPending = "request_pending",
    }

    /// Why a hold was lifted.
    HoldLiftReason {
        /// What it was placed for is over.
        Ended = "ended",
        /// A court set it aside.
        SetAside = "set_aside",
        /// It was placed in error.
        PlacedInError = "placed_in_error",
    }

    /// Why a recipient was suspended.
    SuspensionReason {
        /// Information was misused or lost.
        Misuse = "misuse",
        /// The agreement ended.
        AgreementEnded = "agreement_ended",
        /// The recipient asked for it.
        OwnRequest = "own_request",
        /// The record was not confirmed in time.
        NotConfirmed = "not_confirmed",
    }
}
