//! The report as a plain script to be read aloud over the telephone, in its own language.

use crate::compose::ATTESTED_TEXT;
use crate::labels::{Language, NoLabel};
use crate::report::{CategorySection, PersonSection, RecordSection, Report, ReportField, ReportValue};
use egide_domain::Categories;
use egide_domain::vocabulary::DataCategory;

impl Report {
    /// The script. `spoken` names the categories to be told; empty means all that is in the report. Safe-contact rules and
    /// conditions of use are always in it.
    ///
    /// # Errors
    /// [`NoLabel`] where the report's language is none of ours.
    pub fn script(&self, spoken: Categories) -> Result<String, NoLabel> {
        let language =
            Language::from_tag(&self.language).ok_or_else(|| NoLabel { key: format!("language.{}", self.language) })?;
        let mut script = Script { language, spoken, text: String::new() };
        script.heading(self)?;
        let told = |field: &&ReportField| script.tells(category_of(field).name());
        let together: Vec<ReportField> = self.together.iter().filter(told).cloned().collect();
        if !together.is_empty() {
            script.line("");
            script.fields(&together)?;
        }
        for person in &self.people {
            script.person(person)?;
        }
        script.conditions(self)?;
        Ok(script.text)
    }
}

/// Under which category something is told that is about several people together.
fn category_of(field: &ReportField) -> DataCategory {
    if field.field == ATTESTED_TEXT { DataCategory::Narrative } else { DataCategory::Situation }
}

struct Script {
    language: Language,
    spoken: Categories,
    text: String,
}

impl Script {
    fn word(&self, word: &str) -> Result<&'static str, NoLabel> {
        self.language.label(&format!("word.{word}"))
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn entry(&mut self, label: &str, value: &str) -> Result<(), NoLabel> {
        let colon = self.word("colon")?;
        self.line(&sentence(&format!("{label}{colon}{value}")));
        Ok(())
    }

    fn tells(&self, category: &str) -> bool {
        self.spoken.is_empty() || self.spoken.iter().any(|spoken| spoken.name() == category)
    }

    fn heading(&mut self, report: &Report) -> Result<(), NoLabel> {
        self.line(self.word("greeting")?);
        self.line("");
        self.line(&sentence(&report.form.title));
        self.line(&sentence(&report.urgent.label));
        self.line(&report.form.intro);
        let recipient = format!("{}, {}", report.recipient.unit, report.recipient.organization);
        self.entry(self.word("recipient")?, &recipient)?;
        self.entry(self.word("case_reference")?, &report.case_reference)?;
        if let Some(first) = &report.supplementary_to {
            self.entry(self.word("supplementary_to")?, first)?;
        }
        self.entry(self.word("purpose")?, &report.purpose.label)?;
        let basis: Vec<&str> = report.basis.iter().map(|basis| basis.label.as_str()).collect();
        self.entry(self.word("basis")?, &basis.join("; "))?;
        self.entry(self.word("issued_on")?, &report.issued_on)
    }

    /// A person of whom nothing is told now is not mentioned.
    fn person(&mut self, person: &PersonSection) -> Result<(), NoLabel> {
        let told: Vec<&CategorySection> =
            person.categories.iter().filter(|section| self.tells(&section.category.code)).collect();
        if told.is_empty() && !self.spoken.is_empty() {
            return Ok(());
        }
        self.line("");
        self.line(&sentence(&format!("{}, {} {}", person.name, self.word("code")?, person.code)));
        let roles: Vec<&str> = person.roles.iter().map(|role| role.label.as_str()).collect();
        let roles_are_told = self.tells(DataCategory::Situation.name()) || self.tells(DataCategory::Suspects.name());
        if roles_are_told && !roles.is_empty() {
            self.line(&sentence(&roles.join("; ")));
        }
        if let Some(rule) = &person.safe_contact {
            let rules = std::iter::once(&rule.permission).chain(&rule.rules);
            let rules: Vec<&str> = rules.map(|rule| rule.label.as_str()).collect();
            self.entry(self.word("safe_contact")?, &rules.join(" "))?;
        }
        for section in told {
            for record in &section.records {
                self.record(&section.category.label, record)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, category: &str, record: &RecordSection) -> Result<(), NoLabel> {
        match &record.month {
            Some(month) => {
                let line = format!("{category}, {} {month}", self.word("recorded_in")?);
                self.line(&sentence(&line));
            }
            None => self.line(&sentence(category)),
        }
        self.fields(&record.fields)
    }

    fn fields(&mut self, fields: &[ReportField]) -> Result<(), NoLabel> {
        for field in fields {
            let values = self.values(&field.values)?;
            self.entry(&format!("  {}", field.label), &values)?;
        }
        Ok(())
    }

    fn values(&self, values: &[ReportValue]) -> Result<String, NoLabel> {
        let spoken: Vec<String> = values.iter().map(|value| self.value(value)).collect::<Result<_, _>>()?;
        Ok(spoken.join("; "))
    }

    fn value(&self, value: &ReportValue) -> Result<String, NoLabel> {
        Ok(match value {
            ReportValue::Text { text } => text.clone(),
            ReportValue::Number { number } => number.clone(),
            ReportValue::Flag { label, .. } | ReportValue::Code { label, .. } | ReportValue::Coarse { label, .. } => {
                label.clone()
            }
            ReportValue::Record { fields } => {
                let colon = self.word("colon")?;
                let parts: Vec<String> = fields
                    .iter()
                    .map(|field| Ok(format!("{}{colon}{}", field.label, self.values(&field.values)?)))
                    .collect::<Result<_, NoLabel>>()?;
                parts.join(", ")
            }
        })
    }

    fn conditions(&mut self, report: &Report) -> Result<(), NoLabel> {
        self.line("");
        self.line(&sentence(self.word("onward_use")?));
        for limit in &report.onward_use {
            self.line(&format!("  {}", limit.label));
        }
        self.line("");
        self.line(self.word("end")?);
        Ok(())
    }
}

/// With a full stop, unless it ends with one.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
