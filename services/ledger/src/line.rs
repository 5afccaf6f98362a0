//! The line that is written to be sent to an emergency service is scanned for the details of whoever called before it is recorded: no
//! reviewer stands between it and the dispatcher. A name, telephone number or e-mail address of theirs refuses it.
//!
//! Their records are opened inside the ledger for this and go nowhere: what comes of it is yes or no. What cannot be opened because
//! it was erased is no longer known to anybody.

use egide_domain::ids::SubjectId;
use egide_redaction::narrative::{Kind, KnownPerson, Language, Part, deidentify};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use egide_wire::proto::egide::ledger::v1::{AppendRequest, new_event, recorded_event};
use egide_wire::refusal::{Violation, precondition};
use tonic::Status;

use crate::ledger::Ledger;
use crate::model::{StreamId, facts_of};

/// So many digits of a number are looked for, the last ones: it is written without its area code, too. Fewer are in many lines.
const PHONE_DIGITS: usize = 7;

/// What is known of whoever called.
#[derive(Default)]
struct Callers {
    people: Vec<KnownPerson>,
    phones: Vec<String>,
    emails: Vec<String>,
}

impl Ledger {
    /// Refuses a command with a line that holds something of whoever called.
    pub(crate) async fn refuse_caller_in_line(&self, request: &AppendRequest) -> Result<(), Status> {
        for (index, event) in request.events.iter().enumerate() {
            let Some(new_event::Payload::CaseEvent(case_event)) = &event.payload else { continue };
            let Some(Payload::ExceptionAsserted(asserted)) = &case_event.payload else { continue };
            if asserted.line_to_send.is_empty() {
                continue;
            }
            let Some(stream) = StreamId::parse(&event.stream_id) else { continue };
            let callers = self.callers(stream, request, &event.stream_id).await?;
            if callers.are_in(&asserted.line_to_send) {
                let field = format!("events[{index}].case_event.exception_asserted.line_to_send");
                let why = "holds a name, number or address of whoever called; write it without";
                return Err(precondition(vec![("caller_in_line".to_owned(), Violation::new(&field, why))]));
            }
        }
        Ok(())
    }

    async fn callers(&self, stream: StreamId, request: &AppendRequest, stream_id: &str) -> Result<Callers, Status> {
        // Another ledger may have heard a moment ago who called.
        self.newest().await?;
        let stored = self.events_in(stream)?;
        let facts = facts_of(&stored);
        // What comes with the same command counts, too: somebody said to call, by whatever is said of them there.
        let with_it: Vec<&Payload> = request
            .events
            .iter()
            .filter(|event| event.stream_id == stream_id)
            .filter_map(|event| match &event.payload {
                Some(new_event::Payload::CaseEvent(event)) => event.payload.as_ref(),
                Some(_) | None => None,
            })
            .collect();
        let called = |subject_id: &str| {
            let known: Option<SubjectId> = subject_id.parse().ok();
            let before = known.and_then(|known| facts.person(known)).is_some_and(|person| facts.is_bringer(person));
            before || with_it.iter().any(|payload| says_called(payload, subject_id))
        };
        let mut callers = Callers::default();
        for stored in stored.iter().filter(|stored| tells_details(&stored.event.kind)) {
            let opened = self.opened(stored).await?;
            let Some(recorded_event::Payload::CaseEvent(event)) = opened.payload else { continue };
            if let Some(payload) = &event.payload {
                callers.hear(payload, &called);
            }
        }
        with_it.iter().for_each(|payload| callers.hear(payload, &called));
        Ok(callers)
    }
}

fn tells_details(kind: &str) -> bool {
    matches!(kind, "case.person_identified" | "case.contact_recorded")
}

fn says_called(payload: &Payload, subject_id: &str) -> bool {
    if let Payload::PersonIdentified(person) = payload {
        let caller = egide_wire::proto::egide::case::v1::PersonRole::Caller;
        person.subject_id == subject_id && person.roles().any(|role| role == caller)
    } else if let Payload::TipReceived(tip) = payload {
        tip.bringer_subject_id == subject_id
    } else {
        false
    }
}

impl Callers {
    fn hear(&mut self, payload: &Payload, called: &impl Fn(&str) -> bool) {
        if let Payload::PersonIdentified(person) = payload {
            if called(&person.subject_id) {
                let name = format!("{} {}", person.given_names, person.family_name).trim().to_owned();
                let aliases = person.aliases.clone();
                self.people.push(KnownPerson { name, aliases, part: Part::Unsaid, kept: false });
            }
        } else if let Payload::ContactRecorded(contact) = payload
            && called(&contact.subject_id)
        {
            self.phones.extend(contact.phones.iter().map(|phone| digits(phone)));
            self.emails.extend(contact.emails.iter().chain(&contact.handles).map(|email| email.to_lowercase()));
        }
    }

    /// Whether anything of theirs stands in a line; a line that cannot be looked through counts as one.
    fn are_in(&self, line: &str) -> bool {
        let all = digits(line);
        let phone = |phone: &String| {
            let from = phone.len().checked_sub(PHONE_DIGITS);
            from.and_then(|from| phone.get(from..)).is_some_and(|own| all.contains(own))
        };
        let small = line.to_lowercase();
        let email = |email: &String| !email.is_empty() && small.contains(email.as_str());
        let named = || match deidentify(line, Language::English, &self.people) {
            // A name that two of them share is nobody's in particular, and theirs all the same.
            Ok(looked) => looked.spans.iter().any(|span| span.person.is_some() || span.kind == Kind::Person),
            Err(_) => true,
        };
        self.phones.iter().any(phone) || self.emails.iter().any(email) || (!self.people.is_empty() && named())
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers() -> Callers {
        Callers {
            people: vec![KnownPerson {
                name: "Maya Testcase".into(),
                aliases: vec!["Mimi".into()],
                part: Part::Unsaid,
                kept: false,
            }],
            phones: vec![digits("+1-613-555-0142")],
            emails: vec!["maya@quill.example".into()],
        }
    }

    #[test]
    fn a_line_with_the_name_number_or_address_of_whoever_called_is_found() {
        for line in [
            "Maya locked in room 4",
            "ask for testcase at the back door",
            "call (613) 555 0142 first",
            "her number is 555-0142",
            "write to MAYA@quill.example",
            "Mimi says he is armed",
        ] {
            assert!(callers().are_in(line), "{line}");
        }
        for line in ["Woman locked in room 4B, man violent", "Armed man at the door, 12 Example Street", ""] {
            assert!(!callers().are_in(line), "{line}");
        }
        assert!(!Callers::default().are_in("Maya locked in room 4"), "nobody called");
    }
}
