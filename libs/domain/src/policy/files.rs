//! The files of a policy, as texts: what is read, digested, and kept in the log when the policy is adopted.

use super::error::PolicyError;
use std::sync::Arc;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name below the policy's folder, with `/`, for instance `wordings/spoken-en-3.md`.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

/// All files of one policy: the three tables, and the wordings in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFiles {
    tables: [Arc<str>; 3],
    wordings: Vec<PolicyFile>,
}

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => { [$(($name, include_str!(concat!("../../../../ops/policy/", $name)))),+] };
}

/// The files as shipped.
const EMBEDDED: [(&str, &str); 9] = embedded![
    "policy.json",
    "statutes.json",
    "regimes.json",
    "wordings/chat-en-3.md",
    "wordings/chat-fr-3.md",
    "wordings/spoken-en-3.md",
    "wordings/spoken-fr-3.md",
    "wordings/written-en-3.md",
    "wordings/written-fr-3.md",
];

impl PolicyFiles {
    /// The table of ceilings, exceptions, approvals, periods.
    pub const POLICY: &'static str = "policy.json";
    /// The duties to report.
    pub const STATUTES: &'static str = "statutes.json";
    /// The privacy regimes.
    pub const REGIMES: &'static str = "regimes.json";
    /// The folder of the wordings, with its `/`.
    pub const WORDINGS: &'static str = "wordings/";

    /// The files as shipped.
    #[must_use]
    pub fn embedded() -> Self {
        let [policy, statutes, regimes, wordings @ ..] = EMBEDDED;
        let wordings = wordings.map(|(name, text)| PolicyFile { name: name.into(), text: text.into() });
        Self { tables: [policy.1.into(), statutes.1.into(), regimes.1.into()], wordings: wordings.into() }
    }

    /// Puts files together, in whatever order they come.
    ///
    /// # Errors
    /// A table is missing, a file stands twice, or a name is none of a policy's.
    pub fn collect(files: impl IntoIterator<Item = PolicyFile>) -> Result<Self, PolicyError> {
        let refuse = |file: &str, why| Err(PolicyError::File { file: file.to_owned(), why });
        let (mut policy, mut statutes, mut regimes) = (None, None, None);
        let mut wordings: Vec<PolicyFile> = Vec::new();
        for file in files {
            let place = match &*file.name {
                Self::POLICY => &mut policy,
                Self::STATUTES => &mut statutes,
                Self::REGIMES => &mut regimes,
                name if name.starts_with(Self::WORDINGS) => {
                    if wordings.iter().any(|known| known.name == file.name) {
                        return refuse(name, "stands twice");
                    }
                    wordings.push(file);
                    continue;
                }
                name => return refuse(name, "is no file of a policy"),
            };
            if place.replace(file.text).is_some() {
                return refuse(&file.name, "stands twice");
            }
        }
        wordings.sort_by(|one, other| one.name.cmp(&other.name));
        let missing = |file: &str| PolicyError::File { file: file.to_owned(), why: "is missing" };
        let tables = [
            policy.ok_or_else(|| missing(Self::POLICY))?,
            statutes.ok_or_else(|| missing(Self::STATUTES))?,
            regimes.ok_or_else(|| missing(Self::REGIMES))?,
        ];
        Ok(Self { tables, wordings })
    }

    /// Every file, in the order in which they are digested: the tables, then the wordings by name.
    pub fn iter(&self) -> impl Iterator<Item = PolicyFile> {
        let names = [Self::POLICY, Self::STATUTES, Self::REGIMES];
        let tables =
            names.into_iter().zip(self.tables.clone()).map(|(name, text)| PolicyFile { name: name.into(), text });
        tables.chain(self.wordings.iter().cloned())
    }

    /// The parts of the policy's digest, in order: the texts of the tables, then name and text of each wording. Tables alone were
    /// digested so before there were others, and another number of parts is never the same digest.
    #[must_use]
    pub fn digest_parts(&self) -> Vec<&[u8]> {
        let wordings = self.wordings.iter().flat_map(|file| [file.name.as_bytes(), file.text.as_bytes()]);
        self.tables.iter().map(|text| text.as_bytes()).chain(wordings).collect()
    }

    pub(super) fn policy(&self) -> &str {
        let [policy, _, _] = &self.tables;
        policy
    }

    pub(super) fn statutes(&self) -> &str {
        let [_, statutes, _] = &self.tables;
        statutes
    }

    pub(super) fn regimes(&self) -> &str {
        let [_, _, regimes] = &self.tables;
        regimes
    }

    pub(super) fn wordings(&self) -> impl Iterator<Item = &PolicyFile> {
        self.wordings.iter()
    }
}
