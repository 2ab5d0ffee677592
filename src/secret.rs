//! Passwords, keys and tokens: named in a setting, read when they are needed, and kept out of every message.
//!
//! A setting says where a secret is, `${env:NAME}` or `${file:PATH}`, and never what it is. It is read anew on each use,
//! so that a changed one needs no restart. Each value that was read is known to [`scrub`], through which all that is
//! logged, printed or kept of a fault passes.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

/// Largest file that is taken for a secret, in bytes: a private key has a few thousand.
const LARGEST: u64 = 1 << 16;
/// Fewest characters of a secret. A shorter one would stand in every second word of a message by chance.
const SHORTEST: usize = 4;
/// Fewest characters of a single line of a longer secret that is kept out of messages by itself.
const SHORTEST_LINE: usize = 16;
/// What stands in a message where a secret stood.
const MASK: &str = "(secret)";

/// Values that were read, and the forms in which an address carries them; the longest first.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// A setting with the secrets it names put in; it never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Why a secret is not to be had. Names it, and never says what it is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A `${` that is followed by neither `env:NAME}` nor `file:PATH}`.
    #[error("expected ${{env:NAME}} or ${{file:PATH}}, found `${{` followed by something else")]
    Malformed,
    /// No such environment variable, or one that is not text.
    #[error("the environment variable {name} is not set")]
    Unset {
        /// Its name.
        name: String,
    },
    /// The file cannot be read as text.
    #[error("the secret's file {path} cannot be read")]
    Unreadable {
        /// Its path, as the setting has it.
        path: String,
        /// What the file system says.
        source: io::Error,
    },
    /// It is there and holds too little to be a secret, or nothing.
    #[error("the secret {name} {}", short(*.empty))]
    Short {
        /// The variable or the path.
        name: String,
        /// It holds nothing at all.
        empty: bool,
    },
}

fn short(empty: bool) -> String {
    if empty { "is empty".to_owned() } else { format!("has fewer than {SHORTEST} characters") }
}

/// Where a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference<'a> {
    Environment(&'a str),
    File(&'a str),
}

/// A piece of a setting.
enum Piece<'a> {
    Text(&'a str),
    Secret(Reference<'a>),
}

/// Puts the secrets into a setting. Paths are relative to `root`. Line breaks at the end of a secret are not part of it.
///
/// # Errors
/// The first secret that is not to be had.
pub fn resolve(setting: &str, root: &Path) -> Result<Secret, SecretError> {
    let mut text = String::new();
    for piece in pieces(setting)? {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Secret(reference) => {
                let value = read(reference, root)?;
                remember(&value);
                text.push_str(&value);
            }
        }
    }
    Ok(Secret(text))
}

/// Whether a setting names a secret; one that is malformed counts, so that it is told where it is read.
#[must_use]
pub fn is_named_in(setting: &str) -> bool {
    setting.contains("${")
}

/// Whether every `${` of a setting begins the name of a secret.
#[must_use]
pub fn is_well_formed(setting: &str) -> bool {
    pieces(setting).is_ok()
}

/// The text without any secret that was read so far.
#[must_use]
pub fn scrub(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut clean = Cow::Borrowed(text);
    for value in known.iter() {
        if clean.contains(value.as_str()) {
            clean = Cow::Owned(clean.replace(value.as_str(), MASK));
        }
    }
    clean
}

/// Keeps a value, which was made of a secret, out of every message from now on.
pub(crate) fn remember(value: &str) {
    let mut forms = vec![value.to_owned()];
    forms.push(url::form_urlencoded::byte_serialize(value.as_bytes()).collect());
    let mut address = url::Url::parse("http://localhost/").ok();
    if let Some(address) = &mut address {
        // The two ways in which an address spells what stands in its user name or query.
        let _ = address.set_password(Some(value));
        forms.extend(address.password().map(str::to_owned));
        address.set_path(value);
        forms.push(address.path().trim_start_matches('/').to_owned());
    }
    if value.contains('\n') {
        let lines = value.lines().filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
        forms.extend(lines.map(str::to_owned));
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms {
        if form.len() >= SHORTEST && !known.contains(&form) {
            known.push(form);
        }
    }
    known.sort_by_key(|value| std::cmp::Reverse(value.len()));
}

/// Writes lines to somewhere, without the secrets in them.
#[derive(Debug)]
pub struct Scrubbed<W>(
    /// Where to.
    pub W,
);

impl<W: Write> Write for Scrubbed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(scrub(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn pieces(setting: &str) -> Result<Vec<Piece<'_>>, SecretError> {
    let mut pieces = Vec::new();
    let mut rest = setting;
    while let Some((plain, after)) = rest.split_once("${") {
        pieces.push(Piece::Text(plain));
        let (inner, further) = after.split_once('}').ok_or(SecretError::Malformed)?;
        let reference = match inner.split_once(':') {
            Some(("env", name)) if is_variable(name) => Reference::Environment(name),
            Some(("file", path)) if !path.is_empty() => Reference::File(path),
            _ => return Err(SecretError::Malformed),
        };
        pieces.push(Piece::Secret(reference));
        rest = further;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read(reference: Reference<'_>, root: &Path) -> Result<String, SecretError> {
    let (name, text) = match reference {
        Reference::Environment(name) => {
            #[expect(clippy::disallowed_methods, reason = "the place where secrets are read")]
            let value = std::env::var(name);
            (name, value.map_err(|_| SecretError::Unset { name: name.to_owned() })?)
        }
        Reference::File(path) => {
            let text = read_file(&root.join(path))
                .map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })?;
            (path, text)
        }
    };
    let value = text.trim_end_matches(['\r', '\n']);
    if value.chars().count() < SHORTEST {
        return Err(SecretError::Short { name: name.to_owned(), empty: value.is_empty() });
    }
    Ok(value.to_owned())
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {LARGEST} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(name: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        folder
    }

    #[test]
    fn a_secret_is_read_from_its_file_without_the_line_break_at_its_end() {
        for ending in ["", "\n", "\r\n"] {
            let folder = folder_with("token", &format!("tortoise-shell {ending}"));
            let secret = resolve("Bearer ${file:token}!", folder.path()).unwrap();
            assert_eq!(secret.expose(), "Bearer tortoise-shell !");
        }
    }

    #[test]
    fn a_secret_shows_itself_neither_as_debug_nor_as_display_nor_in_a_scrubbed_message() {
        let folder = folder_with("token", "pa ss/wörd&1234");
        let secret = resolve("${file:token}", folder.path()).unwrap();
        assert!(!format!("{secret:?} {secret}").contains("1234"));
        for told in ["pa ss/wörd&1234", "pa+ss%2Fw%C3%B6rd%261234", "pa%20ss%2Fw%C3%B6rd&1234"] {
            assert_eq!(scrub(&format!("refused {told}, sorry")), "refused (secret), sorry");
        }
        let mut written = Vec::new();
        writeln!(Scrubbed(&mut written), "it is pa ss/wörd&1234").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "it is (secret)\n");
    }

    #[test]
    fn a_line_of_a_private_key_is_kept_out_of_messages() {
        let key = "-----BEGIN KEY-----\nQmVob2xkIGEga2V5IG9mIG5vdGhpbmc\nshort\n-----END KEY-----\n";
        let folder = folder_with("key", key);
        resolve("${file:key}", folder.path()).unwrap();
        assert_eq!(scrub("found QmVob2xkIGEga2V5IG9mIG5vdGhpbmc in it"), "found (secret) in it");
        assert_eq!(scrub("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
    }

    #[test]
    fn a_secret_that_is_missing_or_empty_is_named() {
        let folder = folder_with("empty", "\n");
        let error = |setting: &str| resolve(setting, folder.path()).unwrap_err().to_string();
        assert_eq!(
            error("${env:OUTTURN_NO_SUCH_VARIABLE}"),
            "the environment variable OUTTURN_NO_SUCH_VARIABLE is not set"
        );
        assert_eq!(error("${file:nowhere}"), "the secret's file nowhere cannot be read");
        assert_eq!(error("${file:empty}"), "the secret empty is empty");
        std::fs::write(folder.path().join("short"), "abc").unwrap();
        assert_eq!(error("${file:short}"), "the secret short has fewer than 4 characters");
        std::fs::write(folder.path().join("long"), "x".repeat(70_000)).unwrap();
        assert_eq!(error("${file:long}"), "the secret's file long cannot be read");
    }

    #[test]
    fn what_only_resembles_a_secret_is_malformed_and_what_names_none_is_itself() {
        for setting in ["${NAME}", "${env:}", "${env:A B}", "${file:}", "${env:A", "a ${"] {
            assert!(matches!(resolve(setting, Path::new(".")), Err(SecretError::Malformed)), "{setting}");
            assert!(is_named_in(setting) && !is_well_formed(setting), "{setting}");
        }
        assert_eq!(resolve("{period} $5", Path::new(".")).unwrap().expose(), "{period} $5");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_setting_or_an_error(setting in "[$a-z{}:./]{0,24}|.*") {
            let _ = resolve(&setting, Path::new("/nowhere-at-all"));
        }
    }
}
