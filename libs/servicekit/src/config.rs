//! What can be wrong with a configuration: a setting, and a sentence that says what to do.

use std::net::SocketAddr;

/// A setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` {problem}")]
pub struct Error {
    setting: String,
    problem: String,
}

impl Error {
    /// `setting` is the name of a variable, option or file; `problem` goes on with the sentence: `must be …`. Neither may
    /// hold a secret.
    pub fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }

    /// The setting's name.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

/// Reads an address to listen on, `127.0.0.1:4610`; port 0 lets the system choose.
///
/// # Errors
/// [`Error`] when it is no address with a port.
pub fn listen_address(setting: &str, text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| Error::new(setting, "must be an address with a port, such as `127.0.0.1:0`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_sentence_about_the_setting() {
        let error = listen_address("EGIDE_LISTEN", "localhost").unwrap_err();
        assert_eq!(error.to_string(), "`EGIDE_LISTEN` must be an address with a port, such as `127.0.0.1:0`");
        assert_eq!(error.setting(), "EGIDE_LISTEN");
    }
}
