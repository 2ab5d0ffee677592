//! Problems in a user's file: where, what, and the way out, drawn with an excerpt of the file.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A user's file as it was read, shared by all problems found in it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path relative to the project, as it is shown.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A source from its parts.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Line and column, both from 1, of a byte offset; columns count characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = floor_char_boundary(&self.text, offset);
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }

    /// Byte offset of a line and column (both from 1, columns in characters), as SQL parsers report them.
    #[must_use]
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
    }
}

/// One thing wrong in one file.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The file.
    pub source: Source,
    /// The bytes that are wrong; empty at 0 when the file as a whole is.
    pub span: Range<usize>,
    /// What was expected and what was found: a lower-case fragment without a full stop.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place in a file.
    pub fn new(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { source: source.clone(), span, message: message.into(), help: None }
    }

    /// The same problem with the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same problem with the nearest of the `known` names as the way out, or the list of them.
    #[must_use]
    pub fn nearest<'a>(self, found: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match suggestion(found, known) {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// Several lines for a person: message, place, excerpt, help.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let path = self.source.path.to_string_lossy();
        let title = Level::ERROR.primary_title(&*self.message);
        let len = self.source.text.len();
        let start = floor_char_boundary(&self.source.text, self.span.start.min(len));
        let end = floor_char_boundary(&self.source.text, self.span.end.clamp(start, len));
        let snippet = Snippet::source(&*self.source.text)
            .path(&*path)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut group = title.element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(&**help));
        }
        renderer.render(&[group])
    }

    /// One line: `path:line:column: message`.
    #[must_use]
    pub fn line(&self) -> String {
        let (line, column) = self.source.position(self.span.start);
        let mut text = format!("{}:{line}:{column}: {}", self.source.path.display(), self.message);
        if let Some(help) = &self.help {
            let _ = write!(text, " ({help})");
        }
        text
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// `did you mean …? known: …` for a name that is not among the `known` ones; `None` when nothing is known.
pub fn suggestion<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let lower = found.to_lowercase();
    let best = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), *name))
        .min()
        .filter(|(distance, name)| *distance <= 1 + name.len().max(found.len()) / 3);
    let list = || {
        let shown: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
        let more = known.len().saturating_sub(20);
        if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
    };
    match best {
        Some((_, name)) => Some(format!("did you mean `{name}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", list())),
    }
}

/// Path as shown in messages: relative to the project where it lies inside.
#[must_use]
pub fn shown_path(project: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(project).unwrap_or(path).to_path_buf()
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// A text from outside as it may stand in a message: control characters, and those that turn the direction of writing
/// or take no room, are written out.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        let hidden = letter.is_control()
            || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if hidden {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(suggestion("titel", ["title", "owner"]).as_deref(), Some("did you mean `title`?"));
        assert_eq!(suggestion("zzzz", ["title", "owner"]).as_deref(), Some("known here: `owner`, `title`"));
        assert_eq!(suggestion("x", []), None);
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("a.toml", "ab\ncé = 1\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (2, 1));
        assert_eq!(source.position(7), (2, 4));
        assert_eq!(source.offset(2, 4), 7);
        assert_eq!(source.position(999), (3, 1));
    }

    #[test]
    fn a_problem_shows_message_place_excerpt_and_help() {
        let source = Source::new("pipelines/a.toml", "id = \"x\"\ntitel = \"y\"\n");
        let text =
            Problem::new(&source, 9..14, "unknown key `titel`").nearest("titel", ["title"]).render(false);
        for part in
            ["error: unknown key `titel`", "pipelines/a.toml:2:1", "titel = \"y\"", "did you mean `title`?"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
