//! The words of what surrounds a decision: capacity and authority, approvals, obligations, contacts, reviews.

vocabulary! {
    /// Whether whoever consents can consent by themself.
    ConsentCapacity {
        /// An adult who can decide.
        Adult = "adult",
        /// Under 18, and judged mature enough to decide this alone.
        MatureMinor = "mature_minor",
        /// Doubtful: supports nothing.
        Doubtful = "doubtful",
    }

    /// By what authority somebody speaks for another person.
    Authority {
        /// Parent or guardian of somebody under 18.
        ParentOrGuardian = "parent_or_guardian",
        /// Appointed by a court.
        CourtAppointed = "court_appointed",
        /// A power of attorney or mandate.
        PowerOfAttorney = "power_of_attorney",
        /// The child-protection agency in whose care the person is.
        ChildProtectionAgency = "child_protection_agency",
    }

    /// On what condition a consent was given.
    ConsentCondition {
        /// Only while the case is urgent.
        OnlyWhenUrgent = "only_when_urgent",
        /// Only if a supervisor approves each disclosure.
        WithApproval = "with_approval",
        /// The person wants to be told each time.
        TellMeAfterwards = "tell_me_afterwards",
    }

    /// What became of a request for approval.
    ApprovalOutcome {
        /// Granted.
        Granted = "granted",
        /// Rejected.
        Rejected = "rejected",
        /// Nobody decided in time.
        Expired = "expired",
    }

    /// Why an approval was rejected.
    RejectionReason {
        /// The recipient does not need it for this purpose.
        NotNeeded = "not_needed",
        /// More is asked for than is needed.
        TooMuch = "too_much",
        /// Another recipient is the right one.
        WrongRecipient = "wrong_recipient",
        /// It would endanger somebody.
        NotSafe = "not_safe",
        /// The person should be asked first.
        AskThePerson = "ask_the_person",
    }

    /// Where an obligation stands.
    ObligationState {
        /// Its time has come.
        Due = "due",
        /// Met.
        Met = "met",
        /// Deferred, because it would not be safe now.
        Deferred = "deferred",
        /// It cannot be met, and never will be.
        Impossible = "impossible",
        /// Its time is over, and it was not met.
        Overdue = "overdue",
    }

    /// Why an obligation stands where it stands.
    ObligationReason {
        /// It was done.
        Done = "done",
        /// It would endanger somebody.
        Unsafe = "unsafe",
        /// Nobody knows who the person is.
        Nameless = "nameless",
        /// There is no way to reach the person.
        NoWayToReach = "no_way_to_reach",
        /// What it was for is over.
        NoLongerOwed = "no_longer_owed",
    }

    /// By what means a person is contacted.
    ContactMeans {
        /// A telephone call.
        Call = "call",
        /// A message left on voice mail.
        VoiceMail = "voice_mail",
        /// A text message.
        TextMessage = "text_message",
        /// E-mail.
        Email = "email",
        /// A letter.
        Letter = "letter",
        /// A visit.
        InPerson = "in_person",
    }

    /// Why we contact a person.
    ContactPurpose {
        /// They asked to be called back.
        CallBack = "call_back",
        /// A notice that is owed to them.
        Notice = "notice",
        /// To ask how they are, or for their consent.
        FollowUp = "follow_up",
    }

    /// What came of a contact.
    ContactOutcome {
        /// The person was reached.
        Reached = "reached",
        /// Nobody was reached.
        NotReached = "not_reached",
        /// A message was left.
        MessageLeft = "message_left",
        /// Somebody else answered; nothing was said.
        SomebodyElse = "somebody_else",
        /// It was broken off because it was not safe.
        BrokenOff = "broken_off",
    }

    /// What the review of a disclosure outside the system found.
    OutsideReviewOutcome {
        /// It was justified.
        Justified = "justified",
        /// It was a mistake.
        Mistake = "mistake",
        /// It was a breach of safeguards.
        Breach = "breach",
    }

    /// What a young person wants done.
    YoungWish {
        /// That it is reported.
        Report = "report",
        /// That it is not reported.
        NoReport = "no_report",
        /// They do not know.
        Undecided = "undecided",
        /// They could not be asked safely.
        NotAsked = "not_asked",
    }

    /// Why a unit is told that something waits for it.
    NoticeGround {
        /// A referral was released for it.
        Released = "released",
        /// A referral that it had was recalled.
        Recalled = "recalled",
    }

    /// By what means a unit is told that something waits for it.
    NoticeMeans {
        /// A signed call to a server of the unit.
        Webhook = "webhook",
        /// A message to a mailbox of the unit.
        Email = "email",
    }

    /// What became of telling a unit, at one of its addresses.
    NoticeOutcome {
        /// The address took it.
        Sent = "sent",
        /// The address did not take it, and it is tried no more.
        GivenUp = "given_up",
    }
}
