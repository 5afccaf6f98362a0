//! That all three are asked the same: on the case, on what could be said next in it, for every unit and purpose, at several
//! instants, each must give the same mask, byte for byte where there is one.

use egide_domain::event::RecipientScope;
use egide_domain::vocabulary::{DataCategory, Jurisdiction, Purpose, RecipientKind};
use egide_domain::{
    CaseEvent, CaseFacts, Categories, Jurisdictions, OrganizationFacts, Policy, Recorded, Timestamp, decide,
};

use crate::Error;
use crate::case::{self, COLLEAGUE, EVENTS, FRIEND, INVESTIGATORS, NOW, POLICE, UNITS, VICTIM};
use crate::cedar::Cedar;
use crate::question::{Answered, Question};
use crate::rego::{self, Rego};

const DAY: i64 = 24 * 3_600_000;
/// Something must go in so many questions at least, or nothing is shown.
const PERMITTED_MIN: usize = 100;

/// Asks all of them; how often.
///
/// # Errors
/// The first question in which two of them differ.
pub(crate) fn compare(policy: &Policy) -> Result<usize, Error> {
    let log = case::log();
    let consents = log.iter().filter(|recorded| matches!(recorded.event, CaseEvent::ConsentGiven(_))).count();
    if (log.len(), consents) != (EVENTS, case::CONSENTS) {
        return Err(format!("the case has {} events and {consents} consents", log.len()).into());
    }
    let directory = case::directory();
    let mut comparison = Comparison { policy, asked: 0, permitted: 0 };
    for variation in variations(&log) {
        comparison.ask_everybody(&variation, &directory)?;
    }
    // As the case grew: at every tenth event from when its people were known.
    for length in (20..EVENTS).step_by(10) {
        comparison.ask_everybody(log.get(..length).unwrap_or_default(), &directory)?;
    }
    for event in [case::suspension(POLICE), case::agreement_ended(POLICE, Timestamp(NOW.0 - DAY))] {
        let mut directory = directory.clone();
        for organization in &mut directory {
            if organization.unit(INVESTIGATORS).is_some() {
                case::in_directory(organization, event.clone(), Timestamp(NOW.0 - DAY));
            }
        }
        comparison.ask_everybody(&log, &directory)?;
    }
    if comparison.permitted < PERMITTED_MIN {
        return Err(format!("only {} questions let anything go", comparison.permitted).into());
    }
    Ok(comparison.asked)
}

/// The case, and with one more thing said: withdrawn, refused, to somebody, to everybody.
fn variations(log: &[Recorded<CaseEvent>]) -> Vec<Vec<Recorded<CaseEvent>>> {
    use DataCategory::{Contact, Situation, Suspects};
    use RecipientKind::InvestigatingAgency;
    let all = Categories::EMPTY;
    let near = RecipientScope::KindInRegion(InvestigatingAgency, Jurisdictions::only(Jurisdiction::On));
    let events = [
        case::withdrawn(VICTIM, 4, all),
        case::withdrawn(VICTIM, 9, all),
        case::withdrawn(FRIEND, 16, Categories::only(Suspects)),
        case::withdrawn(COLLEAGUE, 11, Categories::only(Situation)),
        case::refused(31, VICTIM, None, all),
        case::refused(32, VICTIM, Some(near), Categories::only(Contact)),
        case::refused(33, COLLEAGUE, Some(RecipientScope::Organization(POLICE)), Categories::only(Suspects)),
        case::refused(34, FRIEND, Some(RecipientScope::Unit(INVESTIGATORS)), Categories::only(Situation)),
    ];
    let mut logs = vec![log.to_vec()];
    logs.extend(events.into_iter().map(|event| case::then(log, event)));
    logs
}

struct Comparison<'a> {
    policy: &'a Policy,
    asked: usize,
    permitted: usize,
}

impl Comparison<'_> {
    fn ask_everybody(&mut self, log: &[Recorded<CaseEvent>], directory: &[OrganizationFacts]) -> Result<(), Error> {
        let facts = CaseFacts::from_events(log);
        for (unit_id, organization_id) in UNITS {
            let recipient = directory.iter().find_map(|organization| organization.recipient(unit_id));
            let recipient = recipient.ok_or("a unit that is not registered")?;
            for purpose in [Purpose::Investigation, Purpose::SupportService] {
                for days in [0, 2, 11, 31, 400] {
                    let request = case::asked_by(unit_id, organization_id, purpose);
                    let now = Timestamp(NOW.0 + days * DAY);
                    let question =
                        Question { facts: &facts, request: &request, recipient: &recipient, policy: self.policy, now };
                    self.ask(&question).map_err(|error| {
                        let events = log.len();
                        format!("{error}; {events} events, unit {unit_id}, {purpose}, {days} days later")
                    })?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, question: &Question<'_>) -> Result<(), Error> {
        let Question { facts, request, recipient, policy, now } = *question;
        let decision = decide(facts, request, Some(recipient), policy, now);
        let entries = decision.mask.entries().iter();
        let ours: Answered = entries.map(|entry| (entry.subject_id, entry.category, entry.level)).collect();
        let cedar = Cedar::prepare(question)?.checked_answer()?;
        same("cedar-policy", &ours, &cedar)?;
        let mut rego = Rego::prepare(question)?;
        same("regorus", &ours, &rego::read(&rego.answer()?)?)?;
        same("regorus, interpreted", &ours, &rego::read(&rego.interpreted()?)?)?;
        self.asked += 1;
        self.permitted += usize::from(decision.is_permit());
        Ok(())
    }
}

fn same(who: &str, ours: &Answered, theirs: &Answered) -> Result<(), Error> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{who} does not give Égide's mask:\n  ours   {ours:?}\n  theirs {theirs:?}\n").into())
}
