//! The question in Cedar: consents, agreements and the unit are entities; each record is a policy that permits or forbids in
//! its scope; one policy forbids what is beyond ceiling, agreement and standing. Policies are sliced by person, as Cedar's own
//! advice is, and parsed ahead, as are entities and requests.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hint::black_box;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use egide_domain::event::RecipientScope;
use egide_domain::ids::SubjectId;
use egide_domain::set::Member;
use egide_domain::vocabulary::{DataCategory, RecipientKind};
use egide_domain::{Reach, Set};
use serde_json::{Value, json};

use crate::Error;
use crate::question::{Answered, Question, Record, Subject};

/// Everything prepared.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    entities: Entities,
    people: Vec<Person>,
    /// How far a category goes that may: the same for everybody, so it is looked up and not asked.
    ceiling: Reach,
}

struct Person {
    subject_id: SubjectId,
    policies: PolicySet,
    requests: Vec<(DataCategory, Request)>,
}

impl Cedar {
    pub(crate) fn prepare(question: &Question<'_>) -> Result<Self, Error> {
        let subjects = question.subjects()?;
        let entities = Entities::from_json_value(entities(question, &subjects), None)?;
        let people = subjects.iter().map(|subject| Person::prepare(question, subject)).collect::<Result<_, Error>>()?;
        let kind = question.recipient.kind.ok_or("a recipient of no kind")?;
        let ceiling = question.policy.ceiling(question.purpose()?, kind).unwrap_or(Reach::NOTHING);
        Ok(Self { authorizer: Authorizer::new(), entities, people, ceiling })
    }

    /// How many times Cedar is asked for one answer.
    pub(crate) fn requests(&self) -> usize {
        self.people.iter().map(|person| person.requests.len()).sum()
    }

    /// Asks about everybody and every category.
    pub(crate) fn answer(&self) -> Answered {
        let mut answered = Vec::new();
        for person in &self.people {
            for (category, request) in &person.requests {
                let response = self.authorizer.is_authorized(request, &person.policies, &self.entities);
                if response.decision() == Decision::Allow
                    && let Some(level) = self.ceiling.level(*category)
                {
                    answered.push((person.subject_id, *category, level));
                }
                black_box(response);
            }
        }
        answered
    }

    /// Like [`Self::answer`].
    ///
    /// # Errors
    /// A policy that could not be evaluated, which Cedar leaves out.
    pub(crate) fn checked_answer(&self) -> Result<Answered, Error> {
        for person in &self.people {
            for (_, request) in &person.requests {
                let response = self.authorizer.is_authorized(request, &person.policies, &self.entities);
                if let Some(error) = response.diagnostics().errors().next() {
                    return Err(format!("cedar: {error}").into());
                }
            }
        }
        Ok(self.answer())
    }
}

impl Person {
    fn prepare(question: &Question<'_>, subject: &Subject) -> Result<Self, Error> {
        let subject_id = subject.subject_id;
        let mut policies = bounds(question);
        for record in &subject.records {
            of_record(&mut policies, subject_id, record)?;
        }
        let request = |category: DataCategory| -> Result<(DataCategory, Request), Error> {
            let context = json!({
                "purpose": question.purpose()?.name(),
                "category": category.name(),
                "now": question.now.0,
            });
            let principal: EntityUid = format!("Unit::\"{}\"", question.request.unit_id).parse()?;
            let resource = format!("Person::\"{subject_id}\"").parse()?;
            let context = Context::from_json_value(context, None)?;
            Ok((category, Request::new(principal, "Action::\"disclose\"".parse()?, resource, context, None)?))
        };
        let requests = question.request.categories.iter().map(request).collect::<Result<_, Error>>()?;
        Ok(Self { subject_id, policies: policies.parse()?, requests })
    }
}

/// What no consent goes beyond.
fn bounds(question: &Question<'_>) -> String {
    let agreements = question.recipient.agreements.iter().map(|agreement| {
        let it = format!("Agreement::\"{}\"", agreement.agreement_id);
        format!(
            "({it}.purposes.contains(context.purpose) && {it}.categories.contains(context.category) \
             && {it}.from <= context.now && context.now < {it}.until)"
        )
    });
    let agreements = agreements.collect::<Vec<_>>().join(" || ");
    let agreed = if agreements.is_empty() { "false".to_owned() } else { agreements };
    format!(
        "forbid (principal, action, resource) unless {{
           Case::\"case\".in_order && principal.verified && !principal.suspended
           && principal.purposes.contains(context.purpose)
           && resource.only_suspect == (context.category == \"suspects\")
           && principal.kind.hasTag(context.purpose)
           && principal.kind.getTag(context.purpose).contains(context.category)
           && ({agreed})
         }};\n"
    )
}

/// A record as policies: what it permits, and what it denies.
fn of_record(policies: &mut String, subject_id: SubjectId, record: &Record) -> Result<(), Error> {
    let it = format!("Consent::\"{}\"", record.consent_id);
    let whom = format!("action == Action::\"disclose\", resource == Person::\"{subject_id}\"");
    let permits = match record.recipient {
        Some(RecipientScope::Organization(id)) => Some((format!("principal in Organization::\"{id}\""), "")),
        Some(RecipientScope::Unit(id)) => Some((format!("principal == Unit::\"{id}\""), "")),
        Some(RecipientScope::Kind(kind)) => Some((format!("principal in Kind::\"{kind}\""), "")),
        Some(RecipientScope::KindInRegion(kind, _)) => Some((
            format!("principal in Kind::\"{kind}\""),
            "!principal.national && !principal.places.isEmpty() && REGIONS.containsAll(principal.places) &&",
        )),
        Some(RecipientScope::Anyone) | None => None,
    };
    if let Some((who, there)) = permits.filter(|_| !record.permitted.is_empty()) {
        let there = there.replace("REGIONS", &format!("{it}.regions"));
        write!(
            policies,
            "permit ({who}, {whom}) when {{ {there}
               {it}.purposes.contains(context.purpose) && {it}.permitted.contains(context.category)
               && !{it}.withdrawn.contains(context.category) && {it}.from <= context.now && context.now < {it}.until
               && {it}.speaking_freely && {it}.understood && !{it}.used
             }};\n"
        )?;
    }
    if record.denied.is_empty() {
        return Ok(());
    }
    let of_kind = |kind: RecipientKind| {
        format!("(principal in Kind::\"{kind}\" || principal.organization_kind == Kind::\"{kind}\") &&")
    };
    let (who, meant) = match record.recipient {
        Some(RecipientScope::Organization(id)) => (format!("principal in Organization::\"{id}\""), String::new()),
        Some(RecipientScope::Unit(id)) => (format!("principal == Unit::\"{id}\""), String::new()),
        Some(RecipientScope::Kind(kind)) => ("principal".to_owned(), of_kind(kind)),
        Some(RecipientScope::KindInRegion(kind, _)) => {
            let anywhere = "principal.national || principal.places.isEmpty()";
            let meant = format!("({anywhere} || {it}.regions.containsAny(principal.places)) && {}", of_kind(kind));
            ("principal".to_owned(), meant)
        }
        Some(RecipientScope::Anyone) | None => ("principal".to_owned(), String::new()),
    };
    let why =
        if record.purposes.is_empty() { "true".to_owned() } else { format!("{it}.purposes.contains(context.purpose)") };
    write!(policies, "forbid ({who}, {whom}) when {{ {meant} {why} && {it}.denied.contains(context.category) }};\n")?;
    Ok(())
}

fn names<T: Member + std::fmt::Display>(set: Set<T>) -> Value {
    set.iter().map(|value| value.to_string()).collect()
}

fn entity(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

fn entities(question: &Question<'_>, subjects: &[Subject]) -> Value {
    let recipient = question.recipient;
    let kind = recipient.kind.map_or("none", RecipientKind::name);
    let organization_kind = recipient.organization_kind.map_or("none", RecipientKind::name);
    let ceilings = question.policy.ceilings().iter().filter(|row| Some(row.recipient) == recipient.kind);
    let tags: serde_json::Map<String, Value> =
        ceilings.map(|row| (row.purpose.to_string(), names(row.ceiling.categories()))).collect();
    let mut all = vec![
        json!({"uid": entity("Case", "case"), "attrs": {"in_order": question.in_order()}, "parents": []}),
        json!({"uid": entity("Organization", &recipient.organization_id.to_string()), "attrs": {}, "parents": []}),
        json!({"uid": entity("Kind", kind), "attrs": {}, "parents": [], "tags": tags}),
        json!({
            "uid": entity("Unit", &recipient.unit_id.to_string()),
            "attrs": {
                "verified": recipient.verified,
                "suspended": recipient.suspended,
                "national": recipient.national,
                "kind": {"__entity": entity("Kind", kind)},
                "organization_kind": {"__entity": entity("Kind", organization_kind)},
                "purposes": names(recipient.purposes),
                "places": names(recipient.jurisdictions),
            },
            "parents": [
                entity("Organization", &recipient.organization_id.to_string()),
                entity("Kind", kind),
            ],
        }),
    ];
    for agreement in &recipient.agreements {
        let (from, until) = (agreement.valid_from, agreement.valid_until);
        all.push(json!({
            "uid": entity("Agreement", &agreement.agreement_id.to_string()),
            "attrs": {
                "purposes": names(agreement.purposes),
                "categories": names(agreement.categories),
                "from": from.map_or(i64::MAX, |from| from.0),
                "until": until.map_or(i64::MAX, |until| until.0),
            },
            "parents": [],
        }));
    }
    let mut known = HashSet::new();
    for subject in subjects {
        let attributes = json!({"only_suspect": subject.only_suspect});
        let uid = entity("Person", &subject.subject_id.to_string());
        all.push(json!({"uid": uid, "attrs": attributes, "parents": []}));
        for record in subject.records.iter().filter(|record| known.insert(record.consent_id)) {
            all.push(of_consent(record));
        }
    }
    Value::Array(all)
}

fn of_consent(record: &Record) -> Value {
    let regions = match record.recipient {
        Some(RecipientScope::KindInRegion(_, regions)) => names(regions),
        Some(_) | None => json!([]),
    };
    json!({
        "uid": entity("Consent", &record.consent_id.to_string()),
        "attrs": {
            "purposes": names(record.purposes),
            "regions": regions,
            "permitted": names(record.permitted),
            "denied": names(record.denied),
            "withdrawn": names(record.withdrawn),
            "from": record.from.0,
            "until": record.until.0,
            "speaking_freely": record.speaking_freely,
            "understood": record.understood,
            "used": record.used,
        },
        "parents": [],
    })
}
