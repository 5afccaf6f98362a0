//! What the generated cases reached, so that the generator cannot become vacuous.

use crate::compare::{Engine, Followed};
use crate::question::Asked;
use egide_domain::decision::Decision;
use egide_domain::vocabulary::{BasisKind, ExceptionKind, MaskLevel, ObligationKind, ObligationState, ReasonCode};
use egide_domain::{Basis, DeliveryRefusal, NotSafe};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Default)]
pub(crate) struct Coverage {
    counts: BTreeMap<String, u64>,
    pub(crate) cases: u64,
    pub(crate) disagreements: u64,
}

impl Coverage {
    fn one(&mut self, what: &str, which: &str) {
        *self.counts.entry(format!("{what} {which}")).or_default() += 1;
    }

    pub(crate) fn count(&mut self, asked: &Asked, engine: &Engine) {
        self.cases += 1;
        if !asked.rules.changes.is_empty() {
            self.one("policy", "changed");
        }
        self.decision("", &engine.decision);
        match &engine.delivery {
            Ok(decision) => {
                self.one("delivery", "may");
                if !decision.narratives.is_empty() {
                    self.one("delivery", "with a narrative");
                }
            }
            Err(DeliveryRefusal::Unknown) => self.one("delivery", "unknown"),
            Err(DeliveryRefusal::Recalled) => self.one("delivery", "recalled"),
            Err(DeliveryRefusal::Narrowed(_)) => self.one("delivery", "narrowed"),
        }
    }

    pub(crate) fn followed(&mut self, followed: &Followed) {
        for owed in &followed.owed {
            self.one("owed", owed.state.name());
            if owed.state == ObligationState::Met {
                self.one("met", owed.kind.name());
            }
        }
        for may in &followed.contacts {
            let what = match may {
                Ok(()) => "may",
                Err(NotSafe::NoInstruction) => "no instruction",
                Err(NotSafe::DoNotContact) => "do not contact",
                Err(NotSafe::Erased) => "erased",
                Err(NotSafe::Means) => "means",
                Err(NotSafe::Hours) => "hours",
                Err(NotSafe::Abroad) => "abroad",
            };
            self.one("contact", what);
        }
    }

    fn decision(&mut self, _of: &str, decision: &Decision) {
        self.one("outcome", decision.outcome.name());
        if decision.urgent {
            self.one("outcome", "urgent");
        }
        if !decision.narratives.is_empty() {
            self.one("narratives", if decision.narratives.len() > 1 { "several" } else { "one" });
        }
        let codes: std::collections::BTreeSet<ReasonCode> = decision.reasons.iter().map(|it| it.code).collect();
        codes.into_iter().for_each(|code| self.one("reason", code.name()));
        let bases: std::collections::BTreeSet<&str> = decision.bases.iter().map(|basis| basis.kind().name()).collect();
        bases.into_iter().for_each(|kind| self.one("basis", kind));
        for basis in &decision.bases {
            if let Basis::Exception(_, kind) = basis {
                self.one("exception", kind.name());
            }
        }
        let levels: std::collections::BTreeSet<MaskLevel> = decision.mask.entries().iter().map(|it| it.level).collect();
        levels.into_iter().for_each(|level| self.one("level", level.name()));
        let owed: std::collections::BTreeSet<ObligationKind> = decision.obligations.iter().map(|it| it.kind).collect();
        owed.into_iter().for_each(|kind| self.one("obligation", kind.name()));
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.disagreements += other.disagreements;
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// Every value of every list must have come up often enough: a list that grows makes this fail until the generator
    /// reaches the new value too.
    pub(crate) fn is_enough(&self, cases: u64) {
        let names = |what: &str, all: Vec<&'static str>| -> Vec<String> {
            all.into_iter().map(|name| format!("{what} {name}")).collect()
        };
        let mut expected = vec!["outcome permit".to_owned(), "outcome deny".to_owned(), "policy changed".to_owned()];
        expected.extend(names("reason", ReasonCode::ALL.iter().map(|it| it.name()).collect()));
        expected.extend(names("basis", BasisKind::ALL.iter().map(|it| it.name()).collect()));
        expected.extend(names("exception", ExceptionKind::ALL.iter().map(|it| it.name()).collect()));
        expected.extend(names("level", MaskLevel::ALL.iter().map(|it| it.name()).collect()));
        expected.extend(names("obligation", ObligationKind::ALL.iter().map(|it| it.name()).collect()));
        expected.extend(names("owed", ObligationState::ALL.iter().map(|it| it.name()).collect()));
        let standing = |kind: &&ObligationKind| **kind != ObligationKind::SafeContact;
        expected.extend(names("met", ObligationKind::ALL.iter().filter(standing).map(|it| it.name()).collect()));
        let contacts = vec!["may", "no instruction", "do not contact", "erased", "means", "hours", "abroad"];
        expected.extend(names("contact", contacts));
        expected.extend(names("delivery", vec!["may", "unknown", "recalled", "narrowed", "with a narrative"]));
        expected.push("narratives one".to_owned());
        let least = (cases / 4_000).max(1);
        let missing: Vec<_> =
            expected.iter().filter(|what| self.counts.get(*what).copied().unwrap_or_default() < least).collect();
        assert!(missing.is_empty(), "fewer than {least} of {cases} cases reached {missing:?}");
        let permits = self.counts["outcome permit"];
        assert!(permits * 15 >= cases, "only {permits} of {cases} cases were permitted");
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cases, {} disagreements", self.cases, self.disagreements)?;
        for (what, count) in &self.counts {
            writeln!(f, "{count:>9}  {what}")?;
        }
        Ok(())
    }
}
