//! What is asked of the gate and what it answers.

use crate::event::DataPeriod;
use crate::ids::{
    ApprovalId, ConsentId, ExceptionId, OrganizationId, ReferralId, ReviewId, Revision, SubjectId, TipId, UnitId,
};
use crate::set::{Categories, Reach, bits};
use crate::time::Timestamp;
use crate::vocabulary::{
    BasisKind, DataCategory, ExceptionKind, MaskLevel, ObligationKind, Outcome, Purpose, ReasonCode, RecipientKind,
    ReferralMode,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One thing a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Basis {
    /// A data subject's consent.
    Consent(ConsentId),
    /// A report consent with a supervisor's decision.
    ReportConsent(ConsentId),
    /// A mandatory exception.
    Exception(ExceptionId, ExceptionKind),
}

impl Basis {
    /// What kind of basis it is.
    #[must_use]
    pub const fn kind(self) -> BasisKind {
        match self {
            Self::Consent(_) => BasisKind::Consent,
            Self::ReportConsent(_) => BasisKind::ReportConsent,
            Self::Exception(..) => BasisKind::Exception,
        }
    }

    /// The consent record it is, if it is one of either kind.
    #[must_use]
    pub const fn consent_id(self) -> Option<ConsentId> {
        match self {
            Self::Consent(id) | Self::ReportConsent(id) => Some(id),
            Self::Exception(..) => None,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The recipient unit.
    pub unit_id: UnitId,
    /// Its organisation.
    pub organization_id: OrganizationId,
    /// Why the recipient gets it; absent: refused.
    pub purpose: Option<Purpose>,
    /// The categories wanted.
    pub categories: Categories,
    /// The people wanted; empty: everybody in the case.
    pub subject_ids: Vec<SubjectId>,
    /// What the request relies on, and then on nothing else; empty: the gate finds the bases.
    pub relies_on: Vec<Basis>,
    /// How the person is connected with the recipient. No rule of the gate; travels with the referral.
    pub mode: Option<ReferralMode>,
    /// The first referral, for a supplementary one.
    pub supplementary_to: Option<ReferralId>,
    /// The approval under which it is decided again.
    pub approval_id: Option<ApprovalId>,
}

/// Which of a decision's bases let an entry through: indexes into [`Decision::bases`], at most [`Bases::MAX`] of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bases(u64);

impl Bases {
    /// How many bases one decision can rest on. Further ones are left out, which only narrows.
    pub const MAX: usize = 64;

    /// With this index added; an index beyond the bound is left out.
    #[must_use]
    pub const fn with(self, index: u32) -> Self {
        match 1_u64.checked_shl(index) {
            Some(bit) => Self(self.0 | bit),
            None => self,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The indexes, ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        bits(self.0)
    }
}

impl FromIterator<u32> for Bases {
    fn from_iter<I: IntoIterator<Item = u32>>(indexes: I) -> Self {
        indexes.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for Bases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// One entry of a mask: this category of this person, up to this level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MaskEntry {
    /// The person.
    pub subject_id: SubjectId,
    /// The category; everything about a person who is only a suspect stands under [`DataCategory::Suspects`].
    pub category: DataCategory,
    /// How much of it.
    pub level: MaskLevel,
    /// What lets it through.
    pub bases: Bases,
    /// Only what was recorded then; absent: whenever it was.
    pub period: Option<DataPeriod>,
}

/// What a decision lets through.
///
/// INVARIANT: sorted by person and category, each pair at most once, whatever order it was read in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<MaskEntry>", into = "Vec<MaskEntry>")]
pub struct Mask {
    entries: Vec<MaskEntry>,
}

impl Mask {
    /// Nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// Its entries, sorted by person and category.
    #[must_use]
    pub fn entries(&self) -> &[MaskEntry] {
        &self.entries
    }

    /// Whether it lets nothing through.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How much of a category of a person it lets through.
    #[must_use]
    pub fn level(&self, subject_id: SubjectId, category: DataCategory) -> Option<MaskLevel> {
        self.entry(subject_id, category).map(|entry| entry.level)
    }

    /// An entry.
    #[must_use]
    pub fn entry(&self, subject_id: SubjectId, category: DataCategory) -> Option<&MaskEntry> {
        let place = self.entries.binary_search_by_key(&(subject_id, category), MaskEntry::place).ok()?;
        self.entries.get(place)
    }

    /// Whether it lets a category of a person through whole, whenever it was recorded.
    #[must_use]
    pub fn lets_go_whole(&self, subject_id: SubjectId, category: DataCategory) -> bool {
        let entry = self.entry(subject_id, category);
        entry.is_some_and(|entry| entry.level == MaskLevel::Whole && entry.period.is_none())
    }

    /// Whether everything the other lets through, this one lets through at least as far. Bases do not matter.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.entries.iter().all(|entry| {
            self.entry(entry.subject_id, entry.category)
                .is_some_and(|own| own.level >= entry.level && own.covers_period_of(entry))
        })
    }

    /// What both let through, at the lower level; the bases are this mask's.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let shared = |entry: &MaskEntry| {
            let other = other.entry(entry.subject_id, entry.category)?;
            let period = both(entry.period, other.period);
            let something = period.is_none_or(|period| !period.is_empty());
            something.then_some(MaskEntry { level: entry.level.min(other.level), period, ..*entry })
        };
        Self { entries: self.entries.iter().filter_map(shared).collect() }
    }

    /// Whether it lets anything about this person through.
    #[must_use]
    pub fn mentions(&self, subject_id: SubjectId) -> bool {
        self.entries.iter().any(|entry| entry.subject_id == subject_id)
    }

    /// Appends what reaches a person. Callers go through people in ascending order, which keeps the invariant.
    pub(crate) fn push_person(
        &mut self,
        subject_id: SubjectId,
        reach: Reach,
        bases: impl Fn(DataCategory) -> Bases,
        period: impl Fn(DataCategory) -> Option<DataPeriod>,
    ) {
        self.entries.extend(reach.categories().iter().filter_map(|category| {
            Some(MaskEntry {
                subject_id,
                category,
                level: reach.level(category)?,
                bases: bases(category),
                period: period(category),
            })
        }));
    }
}

impl MaskEntry {
    fn covers_period_of(&self, other: &Self) -> bool {
        match (self.period, other.period) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(own), None) => own.covers(DataPeriod { from: None, until: None }),
        }
    }

    /// Whether it lets through what was recorded then.
    #[must_use]
    pub fn reaches(&self, recorded_at: Timestamp) -> bool {
        self.period.is_none_or(|period| period.contains(recorded_at))
    }

    const fn place(&self) -> (SubjectId, DataCategory) {
        (self.subject_id, self.category)
    }
}

/// The time that both reach; absent: whenever.
fn both(one: Option<DataPeriod>, two: Option<DataPeriod>) -> Option<DataPeriod> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.intersection(two)),
        (one, two) => one.or(two),
    }
}

impl From<Vec<MaskEntry>> for Mask {
    /// Of two entries for the same person and category the lower level stays, and the time both reach.
    fn from(mut entries: Vec<MaskEntry>) -> Self {
        entries.sort_unstable();
        entries.dedup_by(|later, kept| {
            let same = later.place() == kept.place();
            if same {
                kept.period = both(kept.period, later.period);
            }
            same
        });
        Self { entries }
    }
}

impl From<Mask> for Vec<MaskEntry> {
    fn from(mask: Mask) -> Self {
        mask.entries
    }
}

/// What a reason refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// Nothing in particular.
    None,
    /// A consent record.
    Consent(ConsentId),
    /// An exception.
    Exception(ExceptionId),
    /// A tip.
    Tip(TipId),
    /// A referral.
    Referral(ReferralId),
    /// A statute row, by its id in the table.
    Statute(Arc<str>),
    /// A request for approval.
    Approval(ApprovalId),
    /// A rule of the policy that demands an approval, by its id.
    Rule(Arc<str>),
    /// An event of the case, by revision.
    Event(Revision),
}

impl fmt::Display for Reference {
    /// Empty, a bare UUID, `statute:<row>`, `approval-rule:<id>` or `event:<revision>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Consent(id) => id.fmt(f),
            Self::Exception(id) => id.fmt(f),
            Self::Tip(id) => id.fmt(f),
            Self::Referral(id) => id.fmt(f),
            Self::Statute(row) => write!(f, "statute:{row}"),
            Self::Approval(id) => id.fmt(f),
            Self::Rule(rule) => write!(f, "approval-rule:{rule}"),
            Self::Event(revision) => write!(f, "event:{}", revision.0),
        }
    }
}

/// Why a decision, or a part of it, is what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// Which.
    pub code: ReasonCode,
    /// The person it concerns; absent: the whole request.
    pub subject_id: Option<SubjectId>,
    /// The category it concerns; absent: all.
    pub category: Option<DataCategory>,
    /// What it comes from.
    pub reference: Reference,
}

impl Reason {
    /// A reason for the whole request.
    #[must_use]
    pub const fn whole(code: ReasonCode, reference: Reference) -> Self {
        Self { code, subject_id: None, category: None, reference }
    }

    /// A reason that concerns one person.
    #[must_use]
    pub const fn person(code: ReasonCode, subject_id: SubjectId, reference: Reference) -> Self {
        Self { code, subject_id: Some(subject_id), category: None, reference }
    }

    /// A reason that concerns one category of one person.
    #[must_use]
    pub const fn of(code: ReasonCode, subject_id: SubjectId, category: DataCategory, reference: Reference) -> Self {
        Self { code, subject_id: Some(subject_id), category: Some(category), reference }
    }
}

/// What a permit binds us to afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Obligation {
    /// Which.
    pub kind: ObligationKind,
    /// The person it concerns, if any.
    pub subject_id: Option<SubjectId>,
    /// By when; absent: no date.
    pub due_at: Option<Timestamp>,
}

/// A narrative that a decision lets through, bound to the very text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttestedNarrative {
    /// The review in which it was attested.
    pub review_id: ReviewId,
    /// The salted digest of the text.
    pub text_digest: [u8; 32],
}

/// The gate's answer, with everything needed to decide it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Permit or deny.
    pub outcome: Outcome,
    /// What it rests on; empty for a refusal.
    pub bases: Vec<Basis>,
    /// What is let through; empty for a refusal.
    pub mask: Mask,
    /// The attested narratives that are let through, sorted; empty for a refusal. A mask alone lets none through.
    pub narratives: Vec<AttestedNarrative>,
    /// Every reason, refusing and permitting, sorted, each once.
    pub reasons: Vec<Reason>,
    /// What it binds us to, sorted, each once; empty for a refusal.
    pub obligations: Vec<Obligation>,
    /// The time it was decided at.
    pub decided_at: Timestamp,
    /// Until when it may be released, exclusive; absent for a refusal.
    pub expires_at: Option<Timestamp>,
    /// The case's revision it was decided on.
    pub case_revision: Revision,
    /// The revision of the organisation's directory stream it was decided on; 0 where the recipient is not in it.
    pub directory_revision: Revision,
    /// The version of the policy tables.
    pub policy_version: Arc<str>,
    /// Whether it is urgent.
    pub urgent: bool,
    /// What the recipient was in the directory; absent where it was not in it.
    pub recipient_kind: Option<RecipientKind>,
}

impl Decision {
    /// Whether something may leave.
    #[must_use]
    pub const fn is_permit(&self) -> bool {
        matches!(self.outcome, Outcome::Permit)
    }

    /// Whether a reason stands in it, for whatever person and category.
    #[must_use]
    pub fn has_reason(&self, code: ReasonCode) -> bool {
        self.reasons.iter().any(|reason| reason.code == code)
    }
}
