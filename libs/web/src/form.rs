//! What a browser sends with a form: `application/x-www-form-urlencoded`, short, each field once.

use std::collections::BTreeMap;

/// Longest form, in bytes: an answer of an authenticator is a few thousand.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Most fields.
const FIELDS_MAX: usize = 32;

/// The fields of a form. `Debug` shows none.
#[derive(Default)]
pub struct Form(BTreeMap<String, String>);

/// It is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no form: fields in `application/x-www-form-urlencoded`, each once")]
pub struct BadForm;

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form(..)")
    }
}

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// [`BadForm`]: too long, no UTF-8, a field twice, an escape that is none.
    pub fn read(body: &[u8]) -> Result<Self, BadForm> {
        if body.len() > FORM_BYTES_MAX {
            return Err(BadForm);
        }
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(at).ok_or(BadForm)?;
            let value = value.strip_prefix(b"=").unwrap_or(value);
            if fields.len() >= FIELDS_MAX || fields.insert(decode(name)?, decode(value)?).is_some() {
                return Err(BadForm);
            }
        }
        Ok(Self(fields))
    }

    /// A field; empty when it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

fn decode(text: &[u8]) -> Result<String, BadForm> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
                let (high, low) = (digit(rest.next()).ok_or(BadForm)?, digit(rest.next()).ok_or(BadForm)?);
                u8::try_from(high * 16 + low).map_err(|_| BadForm)?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| BadForm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let form = Form::read(b"code=K7QX-2M4T&name=Caf%C3%A9+du+port&empty=&bare").unwrap();
        assert_eq!((form.get("code"), form.get("name")), ("K7QX-2M4T", "Café du port"));
        assert_eq!((form.get("empty"), form.get("bare"), form.get("none")), ("", "", ""));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for bad in [&b"a=1&a=2"[..], b"a=%", b"a=%4", b"a=%zz", b"a=%ff", &[b'x'; FORM_BYTES_MAX + 1]] {
            assert!(Form::read(bad).is_err());
        }
        let many: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("f{n}=1")).collect();
        assert!(Form::read(many.join("&").as_bytes()).is_err());
    }
}
