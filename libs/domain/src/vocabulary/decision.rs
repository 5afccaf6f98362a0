//! The words of a decision.

vocabulary! {
    /// What a decision rests on.
    BasisKind {
        /// A data subject's consent.
        Consent = "consent",
        /// A report consent with a supervisor's decision.
        ReportConsent = "report_consent",
        /// A mandatory exception.
        Exception = "exception",
    }

    /// Permit or deny.
    Outcome {
        /// Permitted, for exactly the mask.
        Permit = "permit",
        /// Denied.
        Deny = "deny",
    }

    /// How much of a category a mask lets through.
    MaskLevel {
        /// Only what identifies nobody.
        FactsOnly = "facts_only",
        /// Generalised.
        Generalised = "generalised",
        /// Whole.
        Whole = "whole",
    }

    /// How a person is connected with the recipient.
    ReferralMode {
        /// A written referral.
        Written = "written",
        /// A warm hand-over: the person is connected directly.
        WarmHandOver = "warm_hand_over",
    }

    /// Why a decision is what it is. Reasons are complete inside and never leave.
    ReasonCode {
        /// The recipient is not in the directory.
        RecipientUnknown = "recipient_unknown",
        /// The recipient is not verified.
        RecipientUnverified = "recipient_unverified",
        /// The recipient is suspended.
        RecipientSuspended = "recipient_suspended",
        /// The request names no purpose.
        PurposeMissing = "purpose_missing",
        /// The unit may not receive anything for this purpose.
        PurposeNotOfUnit = "purpose_not_of_unit",
        /// No agreement in force covers this purpose.
        NoAgreement = "no_agreement",
        /// The agreement does not cover this category.
        CategoryNotInAgreement = "category_not_in_agreement",
        /// The purpose does not reach this category.
        CategoryNotOfPurpose = "category_not_of_purpose",
        /// The case is closed.
        CaseClosed = "case_closed",
        /// The case is not known.
        CaseUnknown = "case_unknown",
        /// The case holds a record that cannot be read.
        RecordUnreadable = "record_unreadable",
        /// A case abroad can be referred, not reported.
        CaseAbroad = "case_abroad",
        /// The recipient has no jurisdiction where the case is.
        OutsideJurisdiction = "outside_jurisdiction",
        /// The tip came by web form or e-mail and waits for a supervisor.
        TipNotReviewed = "tip_not_reviewed",
        /// A supervisor decided that the tip is not reported.
        TipNotToReport = "tip_not_to_report",
        /// The information is insufficient.
        TriageInsufficient = "triage_insufficient",
        /// The case is not triaged yet.
        NotTriaged = "not_triaged",
        /// No consent covers it.
        NoConsent = "no_consent",
        /// A consent denies it.
        ConsentDenies = "consent_denies",
        /// The consent was withdrawn.
        ConsentWithdrawn = "consent_withdrawn",
        /// The consent has expired.
        ConsentExpired = "consent_expired",
        /// The consent does not hold yet.
        ConsentNotYet = "consent_not_yet",
        /// The consent names another recipient.
        ConsentOtherRecipient = "consent_other_recipient",
        /// The consent names another purpose.
        ConsentOtherPurpose = "consent_other_purpose",
        /// The person could not speak freely.
        ConsentNotFree = "consent_not_free",
        /// Understanding was not checked.
        ConsentNotUnderstood = "consent_not_understood",
        /// The representative's authority is not verified.
        RepresentativeUnverified = "representative_unverified",
        /// The consent was for one disclosure and is used.
        ConsentUsed = "consent_used",
        /// A report consent does not reach this category.
        ReportConsentCeiling = "report_consent_ceiling",
        /// The potential victim's own record outranks the report consent.
        VictimRecordOutranks = "victim_record_outranks",
        /// Nothing about the bringer goes out that they did not allow.
        BringerProtected = "bringer_protected",
        /// No exception covers it.
        NoException = "no_exception",
        /// The exception waits for its confirmation.
        ExceptionUnconfirmed = "exception_unconfirmed",
        /// The exception has expired.
        ExceptionExpired = "exception_expired",
        /// The exception was lifted.
        ExceptionLifted = "exception_lifted",
        /// The exception does not reach this recipient.
        ExceptionOtherRecipient = "exception_other_recipient",
        /// The exception does not reach this category.
        ExceptionCeiling = "exception_ceiling",
        /// The person is not known to be under 18.
        NotAMinor = "not_a_minor",
        /// A subpoena of the defence is a hold and a refusal.
        DefenceSubpoena = "defence_subpoena",
        /// The instrument is incomplete.
        InstrumentIncomplete = "instrument_incomplete",
        /// The recipient may only receive anonymous content.
        AnonymousOnly = "anonymous_only",
        /// Narratives are withheld.
        NarrativeWithheld = "narrative_withheld",
        /// A supplementary referral goes only to the agency that holds the first.
        SupplementaryOtherAgency = "supplementary_other_agency",
        /// The first referral is not known, or was recalled.
        SupplementaryUnknown = "supplementary_unknown",
        /// The category cannot be released.
        CategoryNotReleasable = "category_not_releasable",
        /// Nobody asked about is a person of the case.
        SubjectUnknown = "subject_unknown",
        /// A consent covers it.
        CoveredByConsent = "covered_by_consent",
        /// A report consent covers it.
        CoveredByReportConsent = "covered_by_report_consent",
        /// An exception covers it.
        CoveredByException = "covered_by_exception",
        /// A statute row adds this duty or recipient.
        StatuteRowApplies = "statute_row_applies",
        /// A statute row is unverified and adds nothing.
        StatuteRowUnverified = "statute_row_unverified",
        /// The data was erased.
        DataErased = "data_erased",
        /// Somebody must approve it first.
        ApprovalRequired = "approval_required",
        /// The approval named does not cover this.
        ApprovalInvalid = "approval_invalid",
        /// Somebody under 18 cannot consent to this alone.
        ConsentMinorAlone = "consent_minor_alone",
        /// Whether the person could consent is doubtful.
        ConsentCapacity = "consent_capacity",
        /// The consent reaches data of another time only.
        ConsentDataPeriod = "consent_data_period",
        /// A condition of the consent does not hold.
        ConsentCondition = "consent_condition",
        /// The representative is a suspect.
        RepresentativeIsSuspect = "representative_is_suspect",
        /// Somebody entitled approved it.
        Approved = "approved",
        /// Nothing that was told about the person is attested for this unit, or not everybody it speaks of is covered.
        NarrativeNotAttested = "narrative_not_attested",
    }

    /// What a permit binds us to afterwards.
    ObligationKind {
        /// Inform the person in writing, if that is safe.
        InformPerson = "inform_person",
        /// A second person reviews the break-glass.
        ReviewBreakGlass = "review_break_glass",
        /// Telephone the recipient; the portal follows.
        PhoneRecipient = "phone_recipient",
        /// Enter the disclosure in the register (Quebec, P-39.1, s. 18.1).
        EnterInRegister = "enter_in_register",
        /// Report to child protection, which the law of the place demands as well.
        ReportToChildProtection = "report_to_child_protection",
        /// Answer the instrument by its return date.
        AnswerInstrument = "answer_instrument",
        /// Do not tell the person that this was disclosed.
        NoTipOff = "no_tip_off",
        /// Obey the safe-contact rules that travel with the referral.
        SafeContact = "safe_contact",
        /// A supervisor records the young person's wishes.
        RecordWishes = "record_wishes",
    }
}
