//! What `egide up` tells people: what development mode means, where things are, what to try next.

use std::fmt::Display;
use std::net::IpAddr;

use crate::cli::Global;
use crate::endpoints::{Endpoints, Service};
use crate::failure::Failure;
use crate::output::Output;
use crate::sample::Outcome;

/// The scenario whose ids the commands to try are made of.
const SHOWN: &str = "01-";

pub(crate) fn development_mode(
    out: &mut Output,
    key_is_on_disk: bool,
    root_is_here: bool,
    listen: IpAddr,
    insecure: bool,
) -> Result<(), Failure> {
    let lang = out.lang;
    out.note(lang.text("say.development"))?;
    if insecure {
        out.note(lang.text("say.insecure"))?;
    }
    if key_is_on_disk {
        out.note(lang.text("say.key_on_disk"))?;
    }
    if root_is_here {
        out.note(lang.text("say.development_root"))?;
    }
    if !listen.is_loopback() {
        out.note(lang.fill("say.not_loopback", &[("address", &listen)]))?;
    }
    Ok(())
}

pub(crate) fn where_to_look(
    out: &mut Output,
    global: &Global,
    endpoints: &Endpoints,
    outcomes: &[Outcome],
) -> Result<(), Failure> {
    if out.is_json() {
        return out.json(endpoints);
    }
    let lang = out.lang;
    out.line("")?;
    out.line(lang.text("say.running"))?;
    for service in [Service::Ledger, Service::Disclosure, Service::Audit, Service::Directory, Service::Triage] {
        out.line(format!("  {:<11} {}", service.name(), endpoints.of(service).unwrap_or("–")))?;
    }
    out.line(format!("  {:<11} {}", "portal", endpoints.portal.as_deref().unwrap_or("–")))?;
    out.line(format!("  {:<11} {}", "metrics", endpoints.metrics.as_deref().unwrap_or("–")))?;
    let data = global.data();
    out.line(format!("  {:<11} {}", lang.text("word.data"), data.display()))?;
    out.line("")?;
    out.line(lang.text("say.try_next"))?;
    for command in commands(global, outcomes) {
        out.line(format!("  {command}"))?;
    }
    out.line("")?;
    out.line(lang.text("say.ctrl_c"))
}

/// Commands that can be copied and work.
fn commands(global: &Global, outcomes: &[Outcome]) -> Vec<String> {
    let program = std::env::args().next().unwrap_or_else(|| "egide".to_owned());
    let program = quoted(&program);
    // Whole, so that a command works in whatever folder it is pasted.
    let data = global.data();
    let data = data.canonicalize().unwrap_or(data);
    let data = format!(" --data {}", quoted(&data.display().to_string()));
    let command = |words: &dyn Display| format!("{program} {words}{data}");
    let mut commands = vec![command(&"directory list"), command(&"history")];
    let shown = outcomes.iter().find(|outcome| outcome.name.starts_with(SHOWN) && outcome.differences.is_empty());
    let referral = shown.and_then(|outcome| outcome.referrals.first().map(|referral| (outcome, referral)));
    if let Some((outcome, referral)) = referral {
        let (case, id, unit) = (&outcome.case_id, &referral.referral_id, &referral.unit_id);
        commands.push(command(&format!("case show {case} --reason supervision --open")));
        commands.push(command(&format!("case decisions {case} --reason supervision")));
        commands.push(command(&format!("referrals list --unit {unit}")));
        commands.push(command(&format!("referrals fetch {id} --unit {unit} --output referral.json")));
        commands.push(command(&"verify referral.json"));
    }
    commands
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:@%".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(quoted("target/debug/egide"), "target/debug/egide");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
