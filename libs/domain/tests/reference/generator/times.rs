//! Instants, most of all those at which something begins or ends.

use super::Theme;
use super::dice::Dice;
use crate::evaluator::tables::{DAY, HOUR};
use crate::question::Rules;
use egide_domain::directory::DirectoryEvent;
use egide_domain::event::{CaseEvent, Expiry, Recorded};

/// An instant for a question about this history: often exactly at a boundary, or a millisecond beside it.
pub(crate) fn instant(
    dice: &mut Dice,
    theme: Theme,
    history: &[Recorded<CaseEvent>],
    directory: &[Recorded<DirectoryEvent>],
    rules: &Rules,
) -> i64 {
    let last = history.last().map_or(super::BEGIN, |event| event.recorded_at.0);
    let boundaries = boundaries(history, directory, rules);
    if dice.chance(if theme.calm { 15 } else { 35 }) && !boundaries.is_empty() {
        return dice.pick(&boundaries) + dice.pick(&[-1, 0, 1]);
    }
    if theme.calm {
        return last + dice.pick(&[0, 1, HOUR, HOUR, DAY]);
    }
    last + dice.pick(&[0, 0, 0, 1, HOUR, HOUR, DAY, DAY, 7 * DAY, 31 * DAY, 400 * DAY, -DAY])
}

fn boundaries(history: &[Recorded<CaseEvent>], directory: &[Recorded<DirectoryEvent>], rules: &Rules) -> Vec<i64> {
    let tables = &rules.tables;
    let mut boundaries = Vec::new();
    for recorded in history {
        let at = recorded.recorded_at.0;
        if let CaseEvent::ConsentGiven(consent) = &recorded.event {
            boundaries.extend(consent.not_before.map(|from| from.0));
            boundaries.push(match consent.expiry {
                Expiry::At(end) => end.0,
                Expiry::Absent => at + tables.period("consent_default"),
                Expiry::Unlimited => continue,
            });
        }
        if let CaseEvent::AgeAssessed(_) = &recorded.event {
            let fresh = tables.period("age_assessment");
            boundaries.extend([at + fresh, at + 8_766 * HOUR, at + 2 * 8_766 * HOUR, at + 3 * 8_766 * HOUR]);
        }
        if let CaseEvent::AuthorityVerified(verified) = &recorded.event {
            boundaries.extend(verified.expires_at.map(|end| end.0));
        }
        if let CaseEvent::ApprovalDecided(_) = &recorded.event {
            boundaries.extend(tables.approvals.iter().map(|row| at + row.life));
            boundaries.push(at + tables.condition_life);
        }
        if let CaseEvent::ExceptionAsserted(exception) = &recorded.event {
            boundaries.push(at + tables.exception(exception.kind).life);
            boundaries.push(at + tables.period("break_glass_review"));
        }
    }
    for recorded in directory {
        if let DirectoryEvent::AgreementRecorded(agreement) = &recorded.event {
            boundaries.extend(agreement.valid_from.map(|from| from.0));
            boundaries.extend(agreement.valid_until.map(|until| until.0));
        }
    }
    boundaries.extend(tables.statutes.iter().flat_map(|row| [row.from, row.until]).flatten());
    boundaries
}
