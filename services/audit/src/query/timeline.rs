//! The steps of one case, in its own order.

use egide_domain::ids::{CaseId, SubjectId};
use egide_projection::View;
use egide_wire::proto::egide::audit::v1::CaseStep;

use super::{Error, decode};
use crate::model::codes::Code;
use crate::model::keys::{self, RUN};
use crate::model::row::{CaseSteps, StepRow};

/// One page of a case's steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The steps, oldest first.
    pub steps: Vec<CaseStep>,
    /// The revision after which the next page begins; `None` when there is none.
    pub next: Option<u64>,
}

/// The first `size` steps of a case, of those after the revision `after` if one is given; `None` when nothing is known of the
/// case.
///
/// # Errors
/// See [`Error`].
pub fn steps(view: &View<'_>, case_id: CaseId, after: Option<u64>, size: usize) -> Result<Option<Page>, Error> {
    let prefix = keys::case_steps(case_id);
    if view.prefix(&prefix).next().transpose()?.is_none() {
        return Ok(None);
    }
    let after = after.unwrap_or(0);
    let mut page = Page { steps: Vec::new(), next: None };
    let range = keys::at(prefix.clone(), after / RUN)..=keys::at(prefix, u64::MAX);
    for row in view.range(range) {
        let run: CaseSteps = decode(&row?.1)?;
        for step in run.steps.into_iter().filter(|step| step.revision > after) {
            if page.steps.len() == size {
                page.next = page.steps.last().map(|step| step.revision);
                return Ok(Some(page));
            }
            page.steps.push(told(step));
        }
    }
    Ok(Some(page))
}

fn told(step: StepRow) -> CaseStep {
    let subjects = step.subjects.as_chunks::<16>().0.iter();
    let about = <[u8; 16]>::try_from(step.about).map(|id| SubjectId(id).to_string());
    CaseStep {
        position: step.position,
        revision: step.revision,
        kind: step.kind,
        recorded_at: step.recorded_at,
        occurred_at: step.occurred_at,
        actor: step.actor,
        subject_ids: subjects.map(|id| SubjectId(*id).to_string()).collect(),
        about_id: about.unwrap_or_default(),
        // A value that a newer contract put there, and this version does not know, is left out.
        facts: step.codes.into_iter().filter_map(Code::name_of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use egide_wire::proto::egide::case::v1::case_event::Payload;

    use super::*;
    use crate::story::{Story, Told, case, delivery, disclosure, permit, person, release, timestamp};

    fn all(story: &Story, size: usize) -> Vec<CaseStep> {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = steps(&story.history.view(), case(1), after, size).unwrap().unwrap();
            assert!(page.steps.len() <= size);
            seen.extend(page.steps);
            after = page.next;
            if after.is_none() {
                return seen;
            }
        }
    }

    #[test]
    fn everything_that_happened_to_a_case_stands_in_its_order_with_place_and_time() {
        let mut story = Story::of_one_case();
        story.open_case(2, &[person(3)]);
        story.passes(1_000);
        let decided = story.decides(1, permit(1, 1, &[person(1)]));
        story.releases(1, release(1, 1, &[person(1)]));
        story.happens(1, delivery(1));
        let told = all(&story, 50);
        let kinds: Vec<_> = told.iter().map(|step| step.kind.as_str()).collect();
        let expected = [
            "case.opened",
            "case.person_identified",
            "case.person_identified",
            "disclosure.decided",
            "disclosure.released",
            "disclosure.delivered",
        ];
        assert_eq!(kinds, expected);
        assert_eq!((told[3].position, told[3].revision), (decided, 4));
        assert_eq!(told[3].about_id, disclosure(1).to_string());
        assert_eq!(told[3].facts, ["OUTCOME_PERMIT", "PURPOSE_INVESTIGATION"]);
        assert_eq!(told[3].subject_ids, [person(1).to_string()]);
        assert_eq!(told[3].recorded_at, Some(timestamp(story.now_ms())));
        assert_eq!(told[5].facts, ["DELIVERY_CHANNEL_PORTAL"]);
        assert_eq!(steps(&story.history.view(), case(3), None, 50), Ok(None));
    }

    #[test]
    fn pages_meet_whatever_their_size_and_an_unreadable_event_is_a_step() {
        let mut story = Story::of_one_case();
        story.tell(Told::in_case(1, delivery(1)).with_facts(vec![0xff]));
        story.tell_all((0..40).map(|_| Told::in_case(1, delivery(1))).collect());
        let told = all(&story, 200);
        assert_eq!(told.len(), 44);
        assert_eq!(told[3].kind, "disclosure.delivered");
        for size in [1, 7, 16, 17] {
            assert_eq!(all(&story, size), told, "{size}");
        }
    }

    #[test]
    fn nothing_sealed_gets_into_a_step_even_if_it_stood_in_the_facts() {
        const MARKER: &str = "marker-5e11a1";
        let mut story = Story::of_one_case();
        let identified = egide_wire::proto::egide::case::v1::PersonIdentified {
            subject_id: person(1).to_string(),
            family_name: MARKER.to_owned(),
            ..Default::default()
        };
        story.happens(1, Payload::PersonIdentified(identified));
        let holds = |bytes: &[u8]| bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
        assert!(story.rows().iter().all(|(_, row)| !holds(row)));
    }
}
