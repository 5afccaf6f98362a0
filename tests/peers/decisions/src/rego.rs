//! The question in Rego, for regorus: data and policy are loaded once and compiled for its virtual machine, the input is the
//! request, and one evaluation gives the whole mask.

use std::collections::{BTreeMap, BTreeSet};

use egide_domain::event::RecipientScope;
use egide_domain::set::Member;
use egide_domain::vocabulary::{DataCategory, Jurisdiction, RecipientKind};
use egide_domain::{Categories, Jurisdictions, Purposes, Recipient, Set};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Rc, Value};

use crate::Error;
use crate::question::{Answered, Question, Record, Subject};

const POLICY: &str = include_str!("gate.rego");
const RULE: &str = "data.gate.mask";

/// Everything prepared.
pub(crate) struct Rego {
    machine: RegoVM,
    engine: Engine,
    input: Value,
}

impl Rego {
    pub(crate) fn prepare(question: &Question<'_>) -> Result<Self, Error> {
        let subjects = question.subjects()?;
        let mut engine = Engine::new();
        engine.add_policy("gate.rego".to_owned(), POLICY.to_owned()).map_err(told)?;
        let data = data(question, &subjects);
        engine.add_data(data.clone()).map_err(told)?;
        let compiled = engine.compile_with_entrypoint(&Rc::from(RULE)).map_err(told)?;
        let program = Compiler::compile_from_policy(&compiled, &[RULE]).map_err(told)?;
        let mut machine = RegoVM::new();
        machine.load_program(program);
        machine.set_data(data).map_err(told)?;
        let persons = subjects.iter().map(|subject| Value::from(subject.subject_id.to_string()));
        let input = object([
            ("unit", Value::from(question.request.unit_id.to_string())),
            ("purpose", Value::from(question.purpose()?.name())),
            ("categories", names(question.request.categories)),
            ("persons", Value::from(persons.collect::<Vec<_>>())),
            ("now", Value::from(question.now.0)),
        ]);
        Ok(Self { machine, engine, input })
    }

    /// By the virtual machine.
    pub(crate) fn answer(&mut self) -> Result<Value, Error> {
        self.machine.set_input(self.input.clone());
        self.machine.execute().map_err(told)
    }

    /// By the interpreter.
    pub(crate) fn interpreted(&mut self) -> Result<Value, Error> {
        self.engine.set_input(self.input.clone());
        self.engine.eval_rule(RULE.to_owned()).map_err(told)
    }
}

/// An answer in our words.
pub(crate) fn read(value: &Value) -> Result<Answered, Error> {
    let mut answered = Vec::new();
    if *value == Value::Undefined {
        return Ok(answered);
    }
    for (person, levels) in value.as_object().map_err(told)?.iter() {
        let person = person.as_string().map_err(told)?.parse()?;
        for (category, level) in levels.as_object().map_err(told)?.iter() {
            let category: DataCategory = category.as_string().map_err(told)?.parse()?;
            answered.push((person, category, level.as_string().map_err(told)?.parse()?));
        }
    }
    answered.sort_unstable();
    Ok(answered)
}

fn told(error: impl std::fmt::Display) -> Error {
    format!("regorus: {error}").into()
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::from(fields.into_iter().map(|(name, value)| (Value::from(name), value)).collect::<BTreeMap<_, _>>())
}

fn by_name(fields: impl Iterator<Item = (String, Value)>) -> Value {
    Value::from(fields.map(|(name, value)| (Value::from(name), value)).collect::<BTreeMap<_, _>>())
}

fn names<T: Member + std::fmt::Display>(set: Set<T>) -> Value {
    Value::from(set.iter().map(|value| Value::from(value.to_string())).collect::<BTreeSet<_>>())
}

fn strings(all: impl IntoIterator<Item = String>) -> Value {
    Value::from(all.into_iter().map(Value::from).collect::<BTreeSet<_>>())
}

fn data(question: &Question<'_>, subjects: &[Subject]) -> Value {
    let filed = |records: fn(&Record) -> Option<Value>| {
        by_name(subjects.iter().map(|subject| {
            (
                subject.subject_id.to_string(),
                Value::from(subject.records.iter().filter_map(records).collect::<Vec<_>>()),
            )
        }))
    };
    let person = |subject: &Subject| object([("only_suspect", Value::from(subject.only_suspect))]);
    object([
        ("in_order", Value::from(question.in_order())),
        ("categories_of_others", names(Categories::all().without(DataCategory::Suspects))),
        ("persons", by_name(subjects.iter().map(|subject| (subject.subject_id.to_string(), person(subject))))),
        ("records", filed(permission)),
        ("denials", filed(denial)),
        ("units", object([(&question.request.unit_id.to_string(), unit(question))])),
    ])
}

fn unit(question: &Question<'_>) -> Value {
    let recipient = question.recipient;
    let ceilings = question.policy.ceilings().iter().filter(|row| Some(row.recipient) == recipient.kind);
    let ceiling = |row: &egide_domain::policy::CeilingRow| {
        let categories = row.ceiling.categories().iter();
        by_name(
            categories
                .filter_map(|category| Some((category.to_string(), Value::from(row.ceiling.level(category)?.name())))),
        )
    };
    let agreements = recipient.agreements.iter().map(|agreement| {
        object([
            ("purposes", names(agreement.purposes)),
            ("categories", names(agreement.categories)),
            ("from", Value::from(agreement.valid_from.map_or(i64::MAX, |from| from.0))),
            ("until", Value::from(agreement.valid_until.map_or(i64::MAX, |until| until.0))),
        ])
    });
    let own = [format!("organization:{}", recipient.organization_id), format!("unit:{}", recipient.unit_id)];
    let kinds = |kind: Option<RecipientKind>| kind.map(|kind| format!("kind:{kind}"));
    let in_region = recipient.kind.filter(|_| is_regional(recipient)).map(|kind| format!("region:{kind}"));
    let anywhere = recipient.national || recipient.jurisdictions.is_empty();
    let both = [recipient.kind, recipient.organization_kind].map(kinds).into_iter().flatten();
    object([
        ("verified", Value::from(recipient.verified)),
        ("suspended", Value::from(recipient.suspended)),
        ("purposes", names(recipient.purposes)),
        ("places", names(recipient.jurisdictions)),
        ("denied_places", names(if anywhere { Jurisdictions::all() } else { recipient.jurisdictions })),
        ("permitted_as", strings(own.iter().cloned().chain(kinds(recipient.kind)).chain(in_region))),
        ("denied_as", strings(own.iter().cloned().chain(both).chain(["anyone".to_owned()]))),
        ("agreements", Value::from(agreements.collect::<Vec<_>>())),
        ("ceilings", by_name(ceilings.map(|row| (row.purpose.to_string(), ceiling(row))))),
    ])
}

/// A unit of the whole country is not a unit of one region.
fn is_regional(recipient: &Recipient) -> bool {
    !recipient.national && !recipient.jurisdictions.is_empty()
}

/// Under which name a record means a recipient, and where: everywhere unless it says so.
fn to(scope: RecipientScope, of_region: &str) -> (String, Set<Jurisdiction>) {
    let everywhere = Jurisdictions::all();
    match scope {
        RecipientScope::Organization(id) => (format!("organization:{id}"), everywhere),
        RecipientScope::Unit(id) => (format!("unit:{id}"), everywhere),
        RecipientScope::Kind(kind) => (format!("kind:{kind}"), everywhere),
        RecipientScope::KindInRegion(kind, regions) => (format!("{of_region}:{kind}"), regions),
        RecipientScope::Anyone => ("anyone".to_owned(), everywhere),
    }
}

fn permission(record: &Record) -> Option<Value> {
    if record.permitted.is_empty() {
        return None;
    }
    let (to, regions) = to(record.recipient?, "region");
    Some(object([
        ("to", Value::from(to)),
        ("regions", names(regions)),
        ("purposes", names(record.purposes)),
        ("permitted", names(record.permitted)),
        ("withdrawn", names(record.withdrawn)),
        ("from", Value::from(record.from.0)),
        ("until", Value::from(record.until.0)),
        ("speaking_freely", Value::from(record.speaking_freely)),
        ("understood", Value::from(record.understood)),
        ("used", Value::from(record.used)),
    ]))
}

fn denial(record: &Record) -> Option<Value> {
    if record.denied.is_empty() {
        return None;
    }
    let (to, regions) = to(record.recipient.unwrap_or(RecipientScope::Anyone), "kind");
    let purposes = if record.purposes.is_empty() { Purposes::all() } else { record.purposes };
    Some(object([
        ("to", Value::from(to)),
        ("regions", names(regions)),
        ("purposes", names(purposes)),
        ("denied", names(record.denied)),
    ]))
}
