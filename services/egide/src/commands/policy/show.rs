//! A policy in plain language: what goes to whom, when without consent, who must say yes, and by when what is owed.

use egide_domain::Policy;
use egide_domain::policy::{ApprovalRow, ExceptionRule, LocalHours};
use egide_domain::set::{Member, Reach, Set};
use egide_domain::time::Millis;
use egide_domain::vocabulary::{ExceptionKind, MaskLevel, ObligationKind};

use crate::failure::Failure;
use crate::output::Output;
use crate::text::Lang;

const HOUR_MS: i64 = 3_600_000;

pub(super) fn everything(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    ceilings(out, policy)?;
    for kind in ExceptionKind::ALL {
        if let Some(rule) = policy.exception(*kind) {
            exception(out, rule)?;
        }
    }
    statutes(out, policy)?;
    regimes(out, policy)?;
    minors(out, policy)?;
    approvals(out, policy)?;
    periods(out, policy)
}

/// What people call a value of a list: `PURPOSE` and `investigation` make the key of its word.
fn word(lang: Lang, list: &str, name: &str) -> String {
    lang.text(&format!("{list}_{}", name.to_uppercase())).to_owned()
}

fn words<T: Member>(lang: Lang, list: &str, set: Set<T>, name: impl Fn(T) -> &'static str) -> String {
    let all: Vec<_> = set.iter().map(|value| word(lang, list, name(value))).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}

fn reached(lang: Lang, reach: Reach, level: MaskLevel) -> String {
    let at_level = reach.categories().iter().filter(|category| reach.level(*category) == Some(level));
    words(lang, "DATA_CATEGORY", at_level.collect(), |category| category.name())
}

fn section(out: &mut Output, key: &str) -> Result<(), Failure> {
    out.line("")?;
    out.line(out.lang.text(key))?;
    out.line("")
}

fn ceilings(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    section(out, "policy.ceilings")?;
    let lang = out.lang;
    // No table: three lists of words side by side leave no room for any of them.
    for row in policy.ceilings() {
        let recipient = word(lang, "RECIPIENT_KIND", row.recipient.name());
        let purpose = word(lang, "PURPOSE", row.purpose.name());
        out.wrapped("  • ", 4, &format!("{recipient} – {purpose}"))?;
        for level in [MaskLevel::Whole, MaskLevel::Generalised, MaskLevel::FactsOnly] {
            if row.ceiling.categories().iter().any(|category| row.ceiling.level(category) == Some(level)) {
                let how_far = word(lang, "MASK_LEVEL", level.name());
                out.wrapped("      ", 6, &format!("{how_far} – {}", reached(lang, row.ceiling, level)))?;
            }
        }
    }
    Ok(())
}

fn exception(out: &mut Output, rule: &ExceptionRule) -> Result<(), Failure> {
    let lang = out.lang;
    out.line("")?;
    let kind = word(lang, "EXCEPTION_KIND", rule.kind.name());
    out.wrapped("", 0, &lang.fill("policy.exception", &[("kind", &kind), ("life", &period(lang, rule.life))]))?;
    let grounds = words(lang, "EXCEPTION_GROUND", rule.grounds, |ground| ground.name());
    out.wrapped("  ", 2, &lang.fill("policy.grounds", &[("grounds", &grounds)]))?;
    for row in &rule.recipients {
        let whole = reached(lang, row.ceiling, MaskLevel::Whole);
        let recipient = word(lang, "RECIPIENT_KIND", row.recipient.name());
        let purpose = word(lang, "PURPOSE", row.purpose.name());
        let mut told =
            lang.fill("policy.reaches", &[("recipient", &recipient), ("purpose", &purpose), ("whole", &whole)]);
        let also = [
            (row.minors_only, "policy.minors_only"),
            (row.jurisdiction_required, "policy.of_the_place"),
            (row.break_glass, "policy.break_glass"),
        ];
        for (_, key) in also.iter().filter(|(holds, _)| *holds) {
            told.push_str(lang.text(key));
        }
        out.wrapped("  • ", 4, &told)?;
    }
    if rule.responder_alone {
        out.wrapped("  ", 2, lang.text("policy.responder_alone"))?;
    }
    for row in &rule.instruments {
        let instrument = word(lang, "INSTRUMENT_KIND", row.instrument.name());
        let to = words(lang, "RECIPIENT_KIND", row.recipients, |kind| kind.name());
        let key = if row.no_tip_off { "policy.instrument_silent" } else { "policy.instrument" };
        out.wrapped("  • ", 4, &lang.fill(key, &[("instrument", &instrument), ("recipients", &to)]))?;
    }
    Ok(())
}

fn statutes(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    section(out, "policy.statutes")?;
    let lang = out.lang;
    let below = |key: &str, age: Option<u8>| {
        age.map(|age| format!("; {} {}", lang.text(key), lang.fill("policy.below", &[("age", &age)])))
    };
    for row in policy.statutes() {
        let place = word(lang, "JURISDICTION", row.jurisdiction.name());
        let must = below("head.must_report", row.mandatory_below).unwrap_or_default();
        let may = below("head.may_report", row.optional_below).unwrap_or_default();
        out.wrapped("  • ", 4, &format!("{place} – {}{must}{may}", row.id))?;
        surety(out, row.verified, &row.confidence)?;
    }
    Ok(())
}

fn regimes(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    section(out, "policy.regimes")?;
    let lang = out.lang;
    for row in policy.regime_rows() {
        let places = if row.everywhere {
            lang.text("policy.everywhere").to_owned()
        } else {
            words(lang, "JURISDICTION", row.jurisdictions, |at| at.name())
        };
        let named = lang.text(if policy.regimes().contains(row.regime) { "word.yes" } else { "word.no" });
        let obliges = words(lang, "OBLIGATION_KIND", row.obliges, |duty| duty.name());
        out.wrapped("  • ", 4, &format!("{} – {places} – {obliges}; {} – {named}", row.id, lang.text("head.named")))?;
        surety(out, row.standing.verified, &row.standing.confidence)?;
    }
    Ok(())
}

/// Whether a row counts, and how sure it is.
fn surety(out: &mut Output, verified: bool, confidence: &str) -> Result<(), Failure> {
    let lang = out.lang;
    let counts = lang.text(if verified { "word.yes" } else { "word.no" });
    let told = format!("{} – {counts}; {} – {confidence}", lang.text("head.counts"), lang.text("head.confidence"));
    out.wrapped("      ", 6, &told)
}

fn minors(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    section(out, "policy.minors")?;
    let lang = out.lang;
    for row in policy.mature_minors() {
        let recipients = words(lang, "RECIPIENT_KIND", row.recipients, |kind| kind.name());
        let places = words(lang, "JURISDICTION", row.jurisdictions, |at| at.name());
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("age", &row.from_age), ("recipients", &recipients), ("places", &places)];
        let mut told = lang.fill("policy.minor", &values);
        if !row.standing.verified {
            told.push_str(lang.text("policy.not_counting"));
        }
        out.wrapped("  • ", 4, &told)?;
    }
    Ok(())
}

fn approvals(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    section(out, "policy.approvals")?;
    let lang = out.lang;
    for row in policy.approvals() {
        out.wrapped("  • ", 4, &approval(lang, row))?;
    }
    let on_condition = policy.approval_on_condition();
    let roles = words(lang, "policy.role", on_condition.roles, |role| role.name());
    let life = period(lang, on_condition.life);
    out.wrapped("  • ", 4, &lang.fill("policy.approval_on_condition", &[("roles", &roles), ("life", &life)]))
}

fn approval(lang: Lang, row: &ApprovalRow) -> String {
    let recipients = words(lang, "RECIPIENT_KIND", row.recipients, |kind| kind.name());
    let purposes = words(lang, "PURPOSE", row.purposes, |purpose| purpose.name());
    let categories = words(lang, "DATA_CATEGORY", row.categories, |category| category.name());
    let bases = words(lang, "policy.basis", row.bases, |basis| basis.name());
    let roles = words(lang, "policy.role", row.roles, |role| role.name());
    let values: [(&str, &dyn std::fmt::Display); 6] = [
        ("categories", &categories),
        ("recipients", &recipients),
        ("purposes", &purposes),
        ("bases", &bases),
        ("roles", &roles),
        ("life", &period(lang, row.life)),
    ];
    lang.fill("policy.approval", &values)
}

fn periods(out: &mut Output, policy: &Policy) -> Result<(), Failure> {
    section(out, "policy.periods")?;
    let lang = out.lang;
    let mut table = out.table(&["head.what", "head.within"], 0);
    let periods = policy.periods();
    for (key, length) in [
        ("policy.consent_default", periods.consent_default),
        ("policy.decision_life", periods.decision_life),
        ("policy.fetch_referral", periods.fetch_referral),
        ("policy.notify_unit", periods.notify_unit),
        ("policy.age_assessment", periods.age_assessment),
    ] {
        table.add_row([lang.text(key).to_owned(), period(lang, length)]);
    }
    for kind in ObligationKind::ALL {
        if let Some(length) = periods.of(*kind) {
            table.add_row([word(lang, "OBLIGATION_KIND", kind.name()), period(lang, length)]);
        }
    }
    for (key, LocalHours { from, until }) in
        [("policy.daytime", policy.daytime()), ("policy.evening", policy.evening())]
    {
        table.add_row([lang.text(key).to_owned(), format!("{from:02}:00–{until:02}:00")]);
    }
    out.show(&table, "say.no_policy")
}

/// In days where it is whole days, and two at least.
fn period(lang: Lang, period: Millis) -> String {
    let hours = period.0 / HOUR_MS;
    match hours % 24 {
        0 if hours >= 48 => lang.fill("policy.days", &[("days", &(hours / 24))]),
        _ => lang.fill("policy.hours", &[("hours", &hours)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value without a word would show its key.
    #[test]
    fn everything_is_said_in_words_in_both_languages() {
        let policy = Policy::embedded().unwrap();
        for lang in Lang::ALL {
            let (mut out, written) = Output::into_memory(lang, 160);
            everything(&mut out, &policy).unwrap();
            let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
            assert!(text.lines().count() > 60, "{text}");
            for word in text.split_whitespace() {
                assert!(!word.contains("policy.") && !word.contains("head."), "{word}");
                let key = word.contains('_') && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
                assert!(!key, "{word}");
            }
        }
    }

    #[test]
    fn periods_are_said_as_people_say_them() {
        let said = |hours| period(Lang::English, Millis::from_hours(hours));
        assert_eq!([said(1), said(24), said(48), said(72), said(50)], ["1 h", "24 h", "2 days", "3 days", "50 h"]);
    }
}
