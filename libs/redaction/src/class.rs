//! The classification of a field, mirroring the contract's options (`egide.classification.v1`). What the contract leaves
//! unspecified has no counterpart here: whoever flattens an event reads it as the most withholding value.

use egide_domain::vocabulary::DataCategory;

/// Whether a field can point at somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifies {
    /// Points at nobody.
    None,
    /// Points at somebody together with other fields.
    Quasi,
    /// Points at somebody by itself; also whatever is unclassified.
    Direct,
}

/// Whose data a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// The person the event is about.
    Subject,
    /// Whoever brought the information: never leaves.
    Bringer,
    /// Several people of the case together: leaves only where the mask covers each of them.
    Several,
    /// The case, belonging to nobody in particular: no mask covers it, so it never leaves.
    Case,
    /// Staff in their work: never leaves.
    Staff,
    /// The record itself, and whatever is unclassified: never leaves.
    Record,
}

/// How a value may be made coarser when a mask releases it generalised rather than whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generalisation {
    /// Left out; also whatever is unclassified.
    Withhold,
    /// Already coarse: stays as it is.
    Keep,
    /// A date (ISO 8601) becomes its month.
    Month,
    /// A date (ISO 8601) becomes its year.
    Year,
    /// A birth date or an age becomes minor, adult or unknown.
    AgeGroup,
    /// An address part becomes the province or territory.
    Province,
    /// A number becomes a band: 1, 2 to 4, 5 to 9, 10 or more.
    NumberBand,
    /// Free text leaves de-identified and attested, whole, or not at all.
    Deidentified,
}

/// The classification of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// The data category; absent: unclassified, withheld.
    pub category: Option<DataCategory>,
    /// Whether the field identifies.
    pub identifies: Identifies,
    /// Whether it stands in the log as a fact: it identifies nobody, or is listed as coarse enough.
    pub is_fact: bool,
    /// Whose data it is.
    pub whose: Whose,
    /// How it may be generalised.
    pub generalise: Generalisation,
    /// Whether it was asked only to find a fitting service; no report carries it.
    pub match_only: bool,
}

impl Class {
    /// The class of a field nobody has classified: it never leaves.
    pub const UNCLASSIFIED: Self = Self {
        category: None,
        identifies: Identifies::Direct,
        is_fact: false,
        whose: Whose::Record,
        generalise: Generalisation::Withhold,
        match_only: true,
    };
}
