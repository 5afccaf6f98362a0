//! The blocks of a document, from first to last.

use super::glance::Glance;
use super::words::Words;
use super::{Block, Fact};
use crate::compose::LINE_TO_SEND;
use crate::labels::NoLabel;
use crate::report::{CategorySection, Coded, PersonSection, RecordSection, Report, ReportField, ReportValue};

pub(super) struct Writer<'a> {
    pub(super) words: Words,
    pub(super) report: &'a Report,
    /// In groups.
    pub(super) digest: String,
    pub(super) blocks: Vec<Block>,
}

impl Writer<'_> {
    /// The cover page of a fax: to whom, how urgent, how many pages; nobody's pseudonym, no place, no kind of case.
    pub(super) fn cover(&mut self) -> Result<(), NoLabel> {
        self.heading(1, "fax.title")?;
        self.banner();
        let rows = vec![
            fact(self.words.word("recipient")?, vec![self.recipient()]),
            fact(self.words.word("issued_on")?, vec![self.report.issued_on.clone()]),
            fact(self.words.fixed("particulars.referral")?, vec![self.report.referral_id.clone()]),
        ];
        self.blocks.push(Block::Facts { rows });
        self.blocks.push(Block::Pages { label: self.words.fixed("fax.pages")? });
        self.steps("fax")?;
        self.blocks.push(Block::PageBreak {});
        Ok(())
    }

    pub(super) fn first_page(&mut self) -> Result<(), NoLabel> {
        let title = self.words.label(&self.report.form.title);
        // A document has one heading of level 1: behind the cover of a fax, its title comes second.
        let level = if self.blocks.is_empty() { 1 } else { 2 };
        self.blocks.push(Block::Heading { level, text: title });
        self.banner();
        let mut rows = vec![
            fact(self.words.word("recipient")?, vec![self.recipient()]),
            fact(self.words.word("purpose")?, vec![self.words.label(&self.report.purpose.label)]),
            fact(self.words.word("case_reference")?, vec![self.report.case_reference.clone()]),
        ];
        if let Some(first) = &self.report.supplementary_to {
            rows.push(fact(self.words.word("supplementary_to")?, vec![first.clone()]));
        }
        self.blocks.push(Block::Facts { rows });
        self.blocks.push(Block::Paragraph { text: self.words.label(&self.report.form.intro) });
        self.steps(&format!("ask.{}", self.report.form.id))?;
        self.line_to_send()?;
        self.safety()?;
        self.glance()?;
        self.conditions()
    }

    /// What an officer reads first in an emergency: shown with what is asked, before anything else.
    fn line_to_send(&mut self) -> Result<(), NoLabel> {
        let lines = self.report.together.iter().filter(|field| field.field == LINE_TO_SEND);
        let rows: Vec<Fact> = lines.map(|field| self.row(field)).collect::<Result<_, _>>()?;
        if !rows.is_empty() {
            self.blocks.push(Block::Facts { rows });
        }
        Ok(())
    }

    fn safety(&mut self) -> Result<(), NoLabel> {
        self.heading(2, "safety.heading")?;
        let mut rows = Vec::new();
        for person in &self.report.people {
            if let Some(contact) = &person.safe_contact {
                let rules = std::iter::once(&contact.permission).chain(&contact.rules);
                rows.push(fact(name(person), self.labels(rules)));
            }
        }
        self.blocks.push(if rows.is_empty() {
            Block::Paragraph { text: self.words.fixed("safety.none")? }
        } else {
            Block::Facts { rows }
        });
        Ok(())
    }

    fn glance(&mut self) -> Result<(), NoLabel> {
        if self.report.people.is_empty() {
            return Ok(());
        }
        let ages: Vec<Option<String>> = self.each(|glance| glance.age())?;
        let with_age = ages.iter().any(Option::is_some);
        let mut header =
            vec![self.words.word("person")?, self.words.fixed("glance.code")?, self.words.fixed("glance.role")?];
        if with_age {
            header.push(self.words.fixed("glance.age")?);
        }
        let mut rows = Vec::new();
        for (person, age) in self.report.people.iter().zip(ages) {
            let mut row = vec![name(person), person.code.clone(), self.words.semicolons(&self.labels(&person.roles))];
            if with_age {
                row.push(age.unwrap_or_default());
            }
            rows.push(row);
        }
        self.heading(2, "glance.who")?;
        self.blocks.push(Block::Table { header, rows });
        self.told("glance.where", |glance| glance.places())?;
        self.told("glance.what", |glance| glance.matters())
    }

    /// A section with a row for everybody of whom something is told there.
    fn told(
        &mut self,
        heading: &str,
        read: impl Fn(&Glance<'_>) -> Result<Vec<String>, NoLabel>,
    ) -> Result<(), NoLabel> {
        let told = self.each(read)?;
        let people = self.report.people.iter().zip(told).filter(|(_, values)| !values.is_empty());
        let rows: Vec<Fact> = people.map(|(person, values)| fact(name(person), values)).collect();
        if !rows.is_empty() {
            self.heading(2, heading)?;
            self.blocks.push(Block::Facts { rows });
        }
        Ok(())
    }

    fn each<T>(&self, read: impl Fn(&Glance<'_>) -> Result<T, NoLabel>) -> Result<Vec<T>, NoLabel> {
        self.report.people.iter().map(|person| read(&Glance { words: self.words, person })).collect()
    }

    fn conditions(&mut self) -> Result<(), NoLabel> {
        self.blocks.push(Block::Heading { level: 2, text: self.words.word("onward_use")? });
        self.blocks.push(Block::List { items: self.labels(&self.report.onward_use) });
        self.heading(2, "check.heading")?;
        self.blocks.push(Block::Paragraph { text: self.words.fixed("check.text")? });
        let rows = vec![fact(self.words.fixed("particulars.digest")?, vec![self.digest.clone()])];
        self.blocks.push(Block::Facts { rows });
        self.heading(2, "answer.heading")?;
        let items = ["answer.1", "answer.2", "answer.3"].map(|key| self.words.fixed(key));
        self.blocks.push(Block::List { items: items.into_iter().collect::<Result<_, _>>()? });
        Ok(())
    }

    /// Everything, in the order of the form, with the month it was recorded in.
    pub(super) fn details(&mut self) -> Result<(), NoLabel> {
        let together: Vec<&ReportField> =
            self.report.together.iter().filter(|field| field.field != LINE_TO_SEND).collect();
        if together.is_empty() && self.report.people.is_empty() {
            return Ok(());
        }
        self.heading(2, "details.heading")?;
        if !together.is_empty() {
            self.heading(3, "together.heading")?;
            let rows = together.into_iter().map(|field| self.row(field)).collect::<Result<_, _>>()?;
            self.blocks.push(Block::Facts { rows });
        }
        for person in &self.report.people {
            let who = format!("{}, {}\u{a0}{}", name(person), self.words.word("code")?, person.code);
            self.blocks.push(Block::Heading { level: 3, text: who });
            for section in &person.categories {
                for record in &section.records {
                    self.record(section, record)?;
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, section: &CategorySection, record: &RecordSection) -> Result<(), NoLabel> {
        let category = self.words.label(&section.category.label);
        let text = match &record.month {
            Some(month) => format!("{category}, {}\u{a0}{month}", self.words.word("recorded_in")?),
            None => category,
        };
        self.blocks.push(Block::Heading { level: 4, text });
        let rows: Vec<Fact> = record.fields.iter().map(|field| self.row(field)).collect::<Result<_, _>>()?;
        if !rows.is_empty() {
            self.blocks.push(Block::Facts { rows });
        }
        Ok(())
    }

    /// What a registry asks for, and what a checker needs.
    pub(super) fn particulars(&mut self) -> Result<(), NoLabel> {
        let report = self.report;
        self.heading(2, "particulars.heading")?;
        let basis = self.labels(&report.basis);
        let mut rows = Vec::new();
        if !basis.is_empty() {
            rows.push(fact(self.words.word("basis")?, basis));
        }
        let language = self.words.fixed(&format!("language.{}", report.language))?;
        let word = |key| self.words.word(key);
        let fixed = |key| self.words.fixed(key);
        let singles = [
            (word("issued_on")?, report.issued_on.clone()),
            (fixed("particulars.referral")?, report.referral_id.clone()),
            (word("case_reference")?, report.case_reference.clone()),
            (fixed("particulars.form")?, report.form.id.clone()),
            (fixed("particulars.language")?, format!("{language} ({})", report.language)),
            (fixed("particulars.schema")?, report.schema.clone()),
            (fixed("particulars.labels")?, report.labels.clone()),
            (fixed("particulars.digest_kind")?, report.verify.digest.clone()),
            (fixed("particulars.signature_kind")?, report.verify.signature.clone()),
            (fixed("particulars.context")?, report.verify.context.clone()),
            (fixed("particulars.key")?, report.verify.key_id.clone()),
            (fixed("particulars.salt")?, report.salt.clone()),
            (fixed("particulars.how")?, self.words.label(&report.verify.how)),
        ];
        rows.extend(singles.into_iter().map(|(label, value)| fact(label, vec![value])));
        self.blocks.push(Block::Facts { rows });
        Ok(())
    }

    fn heading(&mut self, level: u8, key: &str) -> Result<(), NoLabel> {
        self.blocks.push(Block::Heading { level, text: self.words.fixed(key)? });
        Ok(())
    }

    fn banner(&mut self) {
        let urgency = &self.report.urgent;
        self.blocks.push(Block::Banner { strong: urgency.urgent, text: self.words.label(&urgency.label) });
    }

    fn steps(&mut self, key: &str) -> Result<(), NoLabel> {
        let section = key.split_once('.').map_or(key, |(section, _)| section);
        let heading = self.words.fixed(&format!("{section}.heading"))?;
        let items = ["1", "2", "3"].map(|step| self.words.fixed(&format!("{key}.{step}")));
        self.blocks.push(Block::Steps { heading, items: items.into_iter().collect::<Result<_, _>>()? });
        Ok(())
    }

    fn recipient(&self) -> String {
        format!("{}, {}", self.report.recipient.unit, self.report.recipient.organization)
    }

    fn labels<'a>(&self, coded: impl IntoIterator<Item = &'a Coded>) -> Vec<String> {
        coded.into_iter().map(|coded| self.words.label(&coded.label)).collect()
    }

    fn row(&self, field: &ReportField) -> Result<Fact, NoLabel> {
        Ok(Fact { label: self.words.label(&field.label), values: values(self.words, field)? })
    }
}

const fn fact(label: String, values: Vec<String>) -> Fact {
    Fact { label, values }
}

/// `Person A`, which no line breaks.
fn name(person: &PersonSection) -> String {
    person.name.replace(' ', "\u{a0}")
}

/// The values of a field, as people read them.
pub(super) fn values(words: Words, field: &ReportField) -> Result<Vec<String>, NoLabel> {
    field.values.iter().map(|one| value(words, one)).collect()
}

fn value(words: Words, value: &ReportValue) -> Result<String, NoLabel> {
    Ok(match value {
        ReportValue::Text { text } => text.clone(),
        ReportValue::Number { number } => number.clone(),
        ReportValue::Flag { label, .. } | ReportValue::Code { label, .. } | ReportValue::Coarse { label, .. } => {
            words.label(label)
        }
        ReportValue::Record { fields } => {
            let parts = fields.iter().map(|field| labelled(words, field)).collect::<Result<Vec<_>, _>>()?;
            words.semicolons(&parts)
        }
    })
}

/// A field on one line, with its label.
pub(super) fn labelled(words: Words, field: &ReportField) -> Result<String, NoLabel> {
    let colon = words.word("colon")?;
    Ok(format!("{}{colon}{}", words.label(&field.label), values(words, field)?.join(", ")))
}
