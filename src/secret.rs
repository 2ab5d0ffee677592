//! Secrets: where they are read from, and how they are kept out of every message.

use std::fmt;

/// A secret value. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Why a secret cannot be had. It names where the secret should be, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text is not `${env:NAME}` or `${file:PATH}`.
    #[error("a secret is not written into settings: write ${{env:NAME}} or ${{file:PATH}}")]
    Literal,
    /// The environment has no such variable, or an empty one.
    #[error("environment variable `{0}` is not set, or empty")]
    Variable(String),
    /// The file cannot be read, or is empty.
    #[error("secret file {path} {fault}")]
    File {
        /// As it stands in the settings.
        path: String,
        /// What is wrong with it.
        fault: String,
    },
}

#[expect(clippy::disallowed_methods, reason = "secrets come from the environment, and are read here only")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the secret that a setting names; line ends behind it are not part of it.
///
/// # Errors
/// A setting of another form; a variable or file that is not there or empty.
pub fn resolve(text: &str) -> Result<Secret, SecretError> {
    let inner =
        text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).ok_or(SecretError::Literal)?;
    let value = match inner.split_once(':') {
        Some(("env", name)) => variable(name).ok_or_else(|| SecretError::Variable(name.to_owned()))?,
        Some(("file", path)) => std::fs::read_to_string(path).map_err(|error| SecretError::File {
            path: path.to_owned(),
            fault: format!("cannot be read: {error}"),
        })?,
        _ => return Err(SecretError::Literal),
    };
    let value = value.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(match inner.split_once(':') {
            Some(("file", path)) => SecretError::File { path: path.to_owned(), fault: "is empty".to_owned() },
            _ => SecretError::Variable(inner.trim_start_matches("env:").to_owned()),
        });
    }
    Ok(Secret(value.to_owned()))
}
