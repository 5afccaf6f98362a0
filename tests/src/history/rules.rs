//! The rules, event by event.

use std::collections::{BTreeMap, BTreeSet};

use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::case::v1::{BasisKind, MaskEntry, Outcome};

use crate::log::{Entry, Facts};

/// What matters of one event, in the order of the log.
#[derive(Debug, Clone)]
pub enum Step {
    /// A consent was given.
    Given {
        /// Which.
        consent: String,
        /// Whose.
        person: String,
    },
    /// A consent was withdrawn.
    Withdrawn {
        /// Which; none: all of the person's.
        consent: Option<String>,
        /// Whose.
        person: String,
        /// Of which categories; none: of all.
        categories: BTreeSet<i32>,
    },
    /// A disclosure was permitted.
    Permitted {
        /// By which decision.
        decision: String,
        /// On what it rests.
        rests: Vec<Rest>,
    },
    /// A referral was released.
    Released {
        /// Which.
        referral: String,
        /// On which decision.
        decision: String,
    },
    /// A referral was delivered.
    Delivered {
        /// Which.
        referral: String,
    },
}

/// One category of one person in a mask, and the consents that let it through.
#[derive(Debug, Clone)]
pub struct Rest {
    /// The category.
    pub category: i32,
    /// The consents.
    pub consents: Vec<String>,
}

/// How many of each the rules went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Withdrawals.
    pub withdrawals: usize,
    /// Permits.
    pub permits: usize,
    /// Releases.
    pub releases: usize,
    /// Deliveries.
    pub deliveries: usize,
}

/// What is known of one consent on the way through the log.
#[derive(Default)]
struct Consent {
    person: String,
    all_gone: bool,
    gone: BTreeSet<i32>,
}

/// See the module above.
#[derive(Default)]
pub struct Rules {
    consents: BTreeMap<String, Consent>,
    permits: BTreeMap<String, Vec<Rest>>,
    releases: BTreeMap<String, String>,
    seen: Seen,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Rules {
    /// Goes through a history.
    ///
    /// # Errors
    /// The first step that breaks a rule, and which.
    pub fn check(steps: impl IntoIterator<Item = Step>) -> Result<Seen, String> {
        let mut rules = Self::default();
        for (place, step) in steps.into_iter().enumerate() {
            rules.step(&step).map_err(|error| format!("step {place}: {error}"))?;
        }
        Ok(rules.seen)
    }

    fn stands(&self, consent: &str, category: i32) -> bool {
        self.consents.get(consent).is_some_and(|consent| !consent.all_gone && !consent.gone.contains(&category))
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Given { consent, person } => {
                self.consents.insert(consent.clone(), Consent { person: person.clone(), ..Consent::default() });
            }
            Step::Withdrawn { consent, person, categories } => {
                self.seen.withdrawals += 1;
                for (id, known) in &mut self.consents {
                    let meant = consent.as_ref().map_or(known.person == *person, |consent| consent == id);
                    known.all_gone |= meant && categories.is_empty();
                    if meant {
                        known.gone.extend(categories);
                    }
                }
            }
            Step::Permitted { decision, rests } => {
                self.seen.permits += 1;
                self.must_all_stand(rests).map_err(|error| format!("decision {decision}: {error}"))?;
                self.permits.insert(decision.clone(), rests.clone());
            }
            Step::Released { referral, decision } => {
                self.seen.releases += 1;
                let rests = self.permits.get(decision).ok_or("a release without a permit before it")?;
                // A withdrawal between permit and release makes the permit void, whatever else it rests on.
                self.must_all_stand(rests).map_err(|error| format!("release {referral}: {error}"))?;
                self.releases.insert(referral.clone(), decision.clone());
            }
            Step::Delivered { referral } => {
                self.seen.deliveries += 1;
                let decision = self.releases.get(referral).ok_or("a delivery without a release before it")?;
                for rest in &self.permits[decision] {
                    // It may go on resting on what is left of the first decision's bases, and on nothing else.
                    if !rest.consents.iter().any(|consent| self.stands(consent, rest.category)) {
                        return Err(format!("delivery of {referral}: category {} rests on nothing", rest.category));
                    }
                }
            }
        }
        Ok(())
    }

    fn must_all_stand(&self, rests: &[Rest]) -> Result<(), String> {
        if rests.is_empty() || rests.iter().any(|rest| rest.consents.is_empty()) {
            return Err("rests on nothing".to_owned());
        }
        for rest in rests {
            let fallen = rest.consents.iter().find(|consent| !self.stands(consent, rest.category));
            if let Some(consent) = fallen {
                return Err(format!("category {} rests on {consent}, withdrawn before", rest.category));
            }
        }
        Ok(())
    }
}

/// What an event is to the rules, if anything.
///
/// # Panics
/// When something else than consents and exceptions lets a permit through: no test that uses this gives anything else.
#[must_use]
pub fn step_of(entry: &Entry) -> Option<Step> {
    let Facts::Case(payload) = &entry.facts else { return None };
    Some(match payload {
        Payload::ConsentGiven(given) => {
            Step::Given { consent: given.consent_id.clone(), person: given.subject_id.clone() }
        }
        Payload::ConsentWithdrawn(withdrawn) => Step::Withdrawn {
            consent: Some(withdrawn.consent_id.clone()).filter(|consent| !consent.is_empty()),
            person: withdrawn.subject_id.clone(),
            categories: withdrawn.categories.iter().copied().collect(),
        },
        // What lets a disclosure through without consent is nobody's to take back.
        Payload::ExceptionAsserted(asserted) => {
            Step::Given { consent: asserted.exception_id.clone(), person: asserted.exception_id.clone() }
        }
        Payload::DisclosureDecided(decided) if decided.outcome() == Outcome::Permit => {
            let name = |index: &u32| {
                let basis = &decided.bases[usize::try_from(*index).expect("an index")];
                let known = matches!(basis.kind(), BasisKind::Consent | BasisKind::Exception);
                assert!(known, "nothing else was given to rest on");
                basis.reference_id.clone()
            };
            let rest =
                |entry: &MaskEntry| Rest { category: entry.category, consents: entry.bases.iter().map(name).collect() };
            Step::Permitted { decision: decided.decision_id.clone(), rests: decided.mask.iter().map(rest).collect() }
        }
        Payload::ReferralReleased(released) => {
            Step::Released { referral: released.referral_id.clone(), decision: released.decision_id.clone() }
        }
        Payload::ReferralDelivered(delivered) => Step::Delivered { referral: delivered.referral_id.clone() },
        _ => return None,
    })
}
