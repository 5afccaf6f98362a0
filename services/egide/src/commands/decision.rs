//! A decision in words.

use egide_wire::proto::egide::case::v1::{
    Basis, BasisKind, DisclosureDecided, ExceptionKind, MaskEntry, MaskLevel, ObligationKind, Outcome, Purpose, Reason,
    ReasonCode,
};
use egide_wire::proto::egide::classification::v1::DataCategory;
use egide_wire::proto::egide::disclosure::v1::Decision;

use crate::failure::Failure;
use crate::output::Output;
use crate::text::Lang;
use crate::times::{minute, second};

/// Whether the gate said yes.
pub(crate) fn is_permit(decided: &DisclosureDecided) -> bool {
    decided.outcome == i32::from(Outcome::Permit)
}

/// Shows a decision whole: what was asked, the answer, why, and what it binds us to.
pub(crate) fn show(out: &mut Output, decision: &Decision) -> Result<(), Failure> {
    let lang = out.lang;
    let Some(decided) = &decision.decided else { return Ok(()) };
    let permit = is_permit(decided);
    out.field("head.answer", lang.text(if permit { "say.permitted" } else { "say.denied" }))?;
    if let Some(request) = &decided.request {
        let wanted = request.categories.iter().map(|category| lang.word_of::<DataCategory>(*category));
        out.field("head.requested", lang.row(wanted))?;
        out.field("head.purpose", lang.word_of::<Purpose>(request.purpose))?;
        out.field("head.recipient", &request.unit_id)?;
    }
    if permit {
        out.field("head.basis", bases(lang, &decided.bases))?;
        for (person, released) in by_person(lang, &decided.mask) {
            out.field("head.released", format!("{released}\n{person}"))?;
        }
    }
    show_reasons(out, &decided.reasons)?;
    for obligation in &decided.obligations {
        let due = obligation.due_at.as_ref();
        let due = due.map(|due| lang.fill("say.due", &[("time", &minute(Some(due)))])).unwrap_or_default();
        out.field("head.obligation", format!("{}{due}", lang.word_of::<ObligationKind>(obligation.kind)))?;
    }
    out.field("head.decision", &decided.decision_id)?;
    out.field("head.decided_at", second(decided.decided_at.as_ref()))?;
    if permit {
        out.field("head.expires_at", second(decided.expires_at.as_ref()))?;
    }
    let on = [("revision", &decided.case_revision as &dyn std::fmt::Display), ("policy", &decided.policy_version)];
    out.field("head.decided_on", lang.fill("say.decided_on", &on))
}

/// Kinds of bases, each once, exceptions by which one.
pub(crate) fn basis_words(lang: Lang, bases: &[Basis]) -> Vec<&'static str> {
    let mut words = Vec::new();
    for basis in bases {
        let word = if basis.kind == i32::from(BasisKind::Exception) {
            lang.word_of::<ExceptionKind>(basis.exception)
        } else {
            lang.word_of::<BasisKind>(basis.kind)
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn bases(lang: Lang, bases: &[Basis]) -> String {
    let shown = bases.iter().map(|basis| {
        let kind = lang.row(basis_words(lang, std::slice::from_ref(basis)));
        format!("{kind} {}", basis.reference_id)
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// What is let through of each person, in the order of the mask.
fn by_person(lang: Lang, mask: &[MaskEntry]) -> Vec<(String, String)> {
    let mut people: Vec<(String, Vec<String>)> = Vec::new();
    for entry in mask {
        let category = lang.word_of::<DataCategory>(entry.category);
        let released = if entry.level == i32::from(MaskLevel::Whole) {
            category.to_owned()
        } else {
            format!("{category} ({})", lang.word_of::<MaskLevel>(entry.level))
        };
        match people.iter_mut().find(|(person, _)| *person == entry.subject_id) {
            Some((_, categories)) => categories.push(released),
            None => people.push((entry.subject_id.clone(), vec![released])),
        }
    }
    people.into_iter().map(|(person, categories)| (person, categories.join(", "))).collect()
}

/// The categories let through, of whomever, each once.
pub(crate) fn released_words(lang: Lang, mask: &[MaskEntry]) -> Vec<&'static str> {
    let mut categories: Vec<i32> = mask.iter().map(|entry| entry.category).collect();
    categories.sort_unstable();
    categories.dedup();
    categories.into_iter().map(|category| lang.word_of::<DataCategory>(category)).collect()
}

/// One line for each code and person, with the categories it concerns.
fn show_reasons(out: &mut Output, reasons: &[Reason]) -> Result<(), Failure> {
    let lang = out.lang;
    let mut lines: Vec<(i32, &str, Vec<&'static str>)> = Vec::new();
    for reason in reasons {
        let category = (reason.category != 0).then(|| lang.word_of::<DataCategory>(reason.category));
        let same = lines.iter_mut().find(|(code, person, _)| *code == reason.code && *person == reason.subject_id);
        match same {
            Some((.., categories)) => categories.extend(category.filter(|word| !categories.contains(word))),
            None => lines.push((reason.code, &reason.subject_id, category.into_iter().collect())),
        }
    }
    for (code, person, categories) in lines {
        let mut text = lang.word_of::<ReasonCode>(code).to_owned();
        if !categories.is_empty() {
            text = format!("{text}{}{}", lang.text("word.colon"), categories.join(", "));
        }
        if !person.is_empty() {
            text = format!("{text}\n{person}");
        }
        out.field("head.reason", text)?;
    }
    Ok(())
}
