//! Reads XML tag by tag, with bounds on every piece of it. No document type, hence no entities beyond those of XML itself.

use std::io::{self, BufRead};

use super::invalid;

/// Longest tag.
const LONGEST_TAG: usize = 1 << 16;

/// The next piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A tag that opens an element: see [`Xml::name`] and [`Xml::attribute`]. Its end follows, be it empty or not.
    Open,
    /// A tag that closes an element: see [`Xml::name`].
    Close,
    /// Text between tags: see [`Xml::text`].
    Text,
    /// The end of the document.
    End,
}

/// A document on its way.
pub(super) struct Xml<R> {
    reader: R,
    longest_text: usize,
    buffer: Vec<u8>,
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    /// The element was empty: its end is still to be told.
    closing: bool,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(reader: R, longest_text: usize) -> Self {
        Self {
            reader,
            longest_text,
            buffer: Vec::new(),
            name: String::new(),
            attributes: Vec::new(),
            text: String::new(),
            closing: false,
        }
    }

    /// Name of the tag that was read last, as the document writes it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Value of an attribute of the tag that was read last.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The text that was read last.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The next piece.
    ///
    /// # Errors
    /// What the reader reports; what is not XML; a piece that is too long.
    pub(super) fn next(&mut self) -> io::Result<Piece> {
        if std::mem::take(&mut self.closing) {
            return Ok(Piece::Close);
        }
        loop {
            let Some(&first) = self.reader.fill_buf()?.first() else { return Ok(Piece::End) };
            if first != b'<' {
                self.until(b'<', self.longest_text)?;
                self.text = unescape(utf8(&self.buffer)?)?;
                return Ok(Piece::Text);
            }
            self.tag()?;
            let tag = utf8(&self.buffer)?;
            if let Some(text) = tag.strip_prefix("![CDATA[") {
                text.strip_suffix("]]").unwrap_or(text).clone_into(&mut self.text);
                return Ok(Piece::Text);
            }
            if tag.starts_with('?') || tag.starts_with("!--") {
                continue;
            }
            if tag.starts_with('!') {
                return Err(invalid("the document declares a type, which is not read"));
            }
            if let Some(name) = tag.strip_prefix('/') {
                name.trim_end().clone_into(&mut self.name);
                return Ok(Piece::Close);
            }
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, rest) = tag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((tag, ""));
            name.clone_into(&mut self.name);
            self.attributes.clear();
            attributes(rest, &mut self.attributes)?;
            self.closing = empty;
            return Ok(Piece::Open);
        }
    }

    /// Reads up to a byte, which stays.
    fn until(&mut self, stop: u8, longest: usize) -> io::Result<()> {
        self.buffer.clear();
        loop {
            let chunk = self.reader.fill_buf()?;
            let found = memchr::memchr(stop, chunk);
            let taken = found.unwrap_or(chunk.len());
            self.buffer.extend_from_slice(chunk.get(..taken).unwrap_or_default());
            let ended = chunk.is_empty();
            self.reader.consume(taken);
            if self.buffer.len() > longest {
                return Err(invalid("the document holds a text that is too long: see `limits.field-bytes`"));
            }
            if found.is_some() || ended {
                return Ok(());
            }
        }
    }

    /// Reads a tag, a comment or what else stands in angle brackets, without these.
    fn tag(&mut self) -> io::Result<()> {
        self.reader.consume(1);
        self.buffer.clear();
        let mut quote = None;
        loop {
            let chunk = self.reader.fill_buf()?;
            let found = match quote {
                Some(quote) => memchr::memchr(quote, chunk),
                None => memchr::memchr3(b'>', b'"', b'\'', chunk),
            };
            let Some(at) = found else {
                let taken = chunk.len();
                if taken == 0 {
                    return Err(invalid("the document ends within a tag"));
                }
                self.buffer.extend_from_slice(chunk);
                self.reader.consume(taken);
                self.check_tag()?;
                continue;
            };
            let byte = chunk.get(at).copied().unwrap_or_default();
            self.buffer.extend_from_slice(chunk.get(..at).unwrap_or_default());
            self.reader.consume(at + 1);
            self.check_tag()?;
            let open = match self.kind() {
                // Quotes mean nothing here, and only its own end ends it.
                Kind::Comment => !(self.buffer.len() >= 5 && self.buffer.ends_with(b"--")),
                Kind::Plain => !self.buffer.ends_with(b"]]"),
                Kind::Tag => false,
            };
            match (quote, byte) {
                (None, b'>') if !open => return Ok(()),
                (None, b'"' | b'\'') if self.kind() == Kind::Tag => quote = Some(byte),
                (Some(_), _) => quote = None,
                _ => {}
            }
            self.buffer.push(byte);
        }
    }

    fn kind(&self) -> Kind {
        if self.buffer.starts_with(b"!--") {
            Kind::Comment
        } else if self.buffer.starts_with(b"![CDATA[") {
            Kind::Plain
        } else {
            Kind::Tag
        }
    }

    fn check_tag(&self) -> io::Result<()> {
        let longest = if self.kind() == Kind::Tag { LONGEST_TAG } else { self.longest_text };
        if self.buffer.len() > longest {
            return Err(invalid("the document holds a tag that is too long"));
        }
        Ok(())
    }
}

/// What stands in angle brackets.
#[derive(PartialEq, Eq)]
enum Kind {
    Tag,
    Comment,
    /// Text in which nothing is a tag.
    Plain,
}

fn utf8(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| invalid("the document is not UTF-8"))
}

fn attributes(mut rest: &str, into: &mut Vec<(String, String)>) -> io::Result<()> {
    let broken = || invalid("the document holds a broken tag");
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(());
        }
        let (name, value) = rest.split_once('=').ok_or_else(broken)?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(broken)?;
        let (value, behind) = value.get(1..).and_then(|value| value.split_once(quote)).ok_or_else(broken)?;
        into.push((name.trim_end().to_owned(), unescape(value)?));
        rest = behind;
    }
}

/// Text with its five entities and its numbered characters as they are meant.
fn unescape(text: &str) -> io::Result<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) =
            behind.split_once(';').ok_or_else(|| invalid("the document holds an entity without an end"))?;
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            numbered => numbered
                .strip_prefix('#')
                .and_then(|number| match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16).ok(),
                    None => number.parse().ok(),
                })
                .and_then(char::from_u32)
                .ok_or_else(|| invalid("the document holds an entity that is not known"))?,
        });
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}
