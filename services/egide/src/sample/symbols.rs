//! Names that stand for ids, times and digests in a scenario.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egide_crypto::digest::{sha256, sha256_parts};
use egide_servicekit::policy::LoadedPolicy;
use prost_types::Timestamp;
use serde_json::Value;

use crate::times::distance_s;

/// Ids made from a name: the same name in the same scope, the same id.
const DOMAIN: &str = "egide/sample-id/v1";
/// The scope of ids that all scenarios and all runs share.
const DIRECTORY: &str = "directory";

/// What the symbols of one scenario stand for in one run.
#[derive(Debug, Clone)]
pub(crate) struct Symbols {
    /// Run and scenario.
    scope: String,
    captured: BTreeMap<String, String>,
    now_s: i64,
}

impl Symbols {
    pub(crate) fn new(run: &str, scenario: &str, now_s: i64) -> Self {
        Self { scope: format!("{run}/{scenario}"), captured: BTreeMap::new(), now_s }
    }

    /// The time that `@now` means from here on.
    pub(crate) fn set_now(&mut self, now_s: i64) {
        self.now_s = now_s;
    }

    /// Lets `$name.part` stand for `value`.
    pub(crate) fn capture(&mut self, name: &str, part: &str, value: &str) {
        self.captured.insert(format!("{name}.{part}"), value.to_owned());
    }

    /// The id that `$name` stands for.
    pub(crate) fn id(&self, name: &str) -> String {
        id(&self.scope, name)
    }

    /// A step with every symbol replaced.
    pub(crate) fn resolve(&self, value: &Value) -> Result<Value, Unresolved> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?.unwrap_or_else(|| text.clone())),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?),
            Value::Object(members) => {
                let members = members.iter().map(|(key, value)| {
                    let key = self.text(key)?.unwrap_or_else(|| key.clone());
                    Ok((key, self.resolve(value)?))
                });
                Value::Object(members.collect::<Result<_, Unresolved>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// What a text stands for, if it is a symbol.
    fn text(&self, text: &str) -> Result<Option<String>, Unresolved> {
        if let Some(name) = text.strip_prefix('$').filter(|name| is_name(name)) {
            return match name.split_once('.') {
                None => Ok(Some(self.id(name))),
                Some(("dir", name)) => Ok(Some(id(DIRECTORY, name))),
                Some(_) => match self.captured.get(name) {
                    Some(value) => Ok(Some(value.clone())),
                    None => Err(Unresolved(text.to_owned())),
                },
            };
        }
        if let Some(name) = text.strip_prefix("@wording:") {
            let digest = LoadedPolicy::embedded().ok().and_then(|shipped| shipped.wording_digest(name));
            return digest
                .map(|digest| Some(STANDARD.encode(digest.as_bytes())))
                .ok_or_else(|| Unresolved(text.to_owned()));
        }
        if let Some(words) = text.strip_prefix("@sha256:") {
            return Ok(Some(STANDARD.encode(sha256(words.as_bytes()).as_bytes())));
        }
        let time = |distance: &str| match distance {
            "" => Some(self.now_s),
            distance => distance_s(distance).and_then(|distance| self.now_s.checked_add(distance)),
        };
        let shown = |seconds: i64| Timestamp { seconds, nanos: 0 }.to_string();
        if let Some(distance) = text.strip_prefix("@now") {
            return time(distance).map(|seconds| Some(shown(seconds))).ok_or_else(|| Unresolved(text.to_owned()));
        }
        if let Some(distance) = text.strip_prefix("@date") {
            let seconds = time(distance).ok_or_else(|| Unresolved(text.to_owned()))?;
            return Ok(shown(seconds).get(..10).map(str::to_owned));
        }
        Ok(None)
    }
}

/// A symbol that stands for nothing, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` stands for nothing here: did the step of that name come before, and lead to a referral?")]
pub(crate) struct Unresolved(pub(crate) String);

/// `victim`, `dir.coast_police`, `police.referral`; not `500 dollars`.
fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.splitn(3, '.').all(word) && text.matches('.').count() < 2
}

fn id(scope: &str, name: &str) -> String {
    let digest = sha256_parts(DOMAIN, &[scope.as_bytes(), name.as_bytes()]);
    let mut bytes = [0_u8; 16];
    for (byte, source) in bytes.iter_mut().zip(digest.as_bytes()) {
        *byte = *source;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn symbols(run: &str) -> Symbols {
        Symbols::new(run, "01-test", 1_795_000_000)
    }

    #[test]
    fn a_name_is_one_id_within_a_scenario_and_another_in_the_next_run() {
        let one = symbols("a");
        assert_eq!(one.id("victim"), one.id("victim"));
        assert_ne!(one.id("victim"), one.id("caller"));
        assert_ne!(one.id("victim"), symbols("b").id("victim"));
        assert!(uuid::Uuid::parse_str(&one.id("victim")).is_ok());
        let directory = |symbols: &Symbols| symbols.resolve(&json!("$dir.police")).unwrap();
        assert_eq!(directory(&one), directory(&symbols("b")));
    }

    #[test]
    fn keys_and_values_are_replaced_at_any_depth_and_nothing_else_is() {
        let one = symbols("a");
        let given = json!({"$victim": ["@now", {"x": "$victim"}], "debt": "$500 CAD", "handle": "@velvet", "n": 1});
        let resolved = one.resolve(&given).unwrap();
        let id = one.id("victim");
        assert_eq!(
            resolved,
            json!({id.clone(): ["2026-11-18T11:06:40Z", {"x": id}], "debt": "$500 CAD", "handle": "@velvet", "n": 1})
        );
    }

    #[test]
    fn times_days_and_digests_are_made() {
        let one = symbols("a");
        assert_eq!(one.resolve(&json!("@now-2h")).unwrap(), json!("2026-11-18T09:06:40Z"));
        assert_eq!(one.resolve(&json!("@date-30d")).unwrap(), json!("2026-10-19"));
        assert_eq!(one.resolve(&json!("@sha256:abc")).unwrap(), json!("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="));
        assert!(one.resolve(&json!("@now-2 hours")).is_err());
    }

    #[test]
    fn what_a_step_returned_is_known_after_it() {
        let mut one = symbols("a");
        assert!(one.resolve(&json!("$police.referral")).is_err());
        one.capture("police", "referral", "r");
        assert_eq!(one.resolve(&json!("$police.referral")).unwrap(), json!("r"));
    }
}
