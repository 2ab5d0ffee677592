//! JSON: the records of a list in a document, streamed, or one a line. Of a record only the named fields are held.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::hand_over::{self, LONGEST, Outbox};
use super::settings::FormatConfig;
use super::{Raw, Source, cells, invalid};
use crate::normalise::csv::{Fields, Flaw, Place};

/// Records, or bytes of them, that are looked at before the header is given.
const LOOKED_AT: usize = 1000;
const LOOKED_AT_BYTES: usize = 16 << 20;

/// Longest number or word outside quotes.
const LONGEST_TOKEN: usize = 4096;

/// The records of a document, or of several one behind the other.
///
/// # Errors
/// No thread can be started. What is wrong with the document is reported when its records are read.
pub(super) fn documents(
    reader: impl Read + Send + 'static,
    format: &FormatConfig,
) -> io::Result<Box<dyn Source>> {
    let format = format.clone();
    let source = hand_over::start("JSON", move |outbox| {
        let guard = Guard { inner: reader, lexer: Lexer::new(&format) };
        let mut reader = BufReader::with_capacity(1 << 16, guard);
        if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
        }
        let mut list = List { outbox, head: Head::new(&format), number: 0, failure: None };
        let path: Vec<String> = pointer(&format.records);
        let mut json = serde_json::Deserializer::from_reader(reader);
        loop {
            match json.end() {
                Ok(()) => break,
                Err(error) if error.is_io() => return Err(io::Error::from(error)),
                // Another document follows.
                Err(_) => {}
            }
            let outcome = Document { path: &path, list: &mut list }.deserialize(&mut json);
            if let Err(error) = outcome {
                return Err(match list.failure.take() {
                    Some(failure) => failure,
                    None if error.is_io() => io::Error::from(error),
                    None if error.is_eof() => invalid("the JSON ends in the middle"),
                    None => invalid(format!("not JSON in line {}, column {}", error.line(), error.column())),
                });
            }
        }
        let List { outbox, mut head, .. } = list;
        head.finish(|raw, fields| outbox.push(raw.place, raw.number, raw.result, &fields))
    })?;
    Ok(Box::new(source))
}

/// The records of a text that has one a line.
pub(super) fn lines(reader: impl Read + Send + 'static, format: &FormatConfig) -> Box<dyn Source> {
    let reader = BufReader::with_capacity(1 << 16, reader);
    Box::new(Lines {
        reader,
        lexer: Lexer::new(format),
        head: Head::new(format),
        ready: std::collections::VecDeque::new(),
        line: 0,
        offset: 0,
        buffer: Vec::new(),
        ended: false,
    })
}

/// A JSON pointer, or a dotted path, as its parts.
fn pointer(path: &str) -> Vec<String> {
    match path.strip_prefix('/') {
        Some(rest) => rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
        None if path.is_empty() => Vec::new(),
        None => path.split('.').map(str::to_owned).collect(),
    }
}

/// Where the named fields stand in a record.
#[derive(Default)]
struct Node {
    field: Option<usize>,
    children: Vec<(String, Node)>,
}

impl Node {
    fn insert(&mut self, path: &[String], field: usize) {
        let Some((first, rest)) = path.split_first() else {
            self.field = Some(field);
            return;
        };
        let known = self.children.iter().position(|(name, _)| name == first).unwrap_or_else(|| {
            self.children.push((first.clone(), Node::default()));
            self.children.len() - 1
        });
        if let Some((_, child)) = self.children.get_mut(known) {
            child.insert(rest, field);
        }
    }

    fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|(known, _)| known == name).map(|(_, child)| child)
    }
}

/// The named fields of a record.
struct Values {
    texts: Vec<String>,
    seen: Vec<bool>,
    flaw: Option<Flaw>,
}

impl Values {
    fn new(number: usize) -> Self {
        Self { texts: vec![String::new(); number], seen: vec![false; number], flaw: None }
    }

    /// Adds a value to a field; those of a list stand one behind the other.
    fn add(&mut self, node: &Node, value: &str) {
        let Some(number) = node.field else {
            // A value where the settings expect an object.
            if !node.children.is_empty() && !value.is_empty() {
                self.flaw = Some(Flaw::Structure);
            }
            return;
        };
        if let Some(text) = self.texts.get_mut(number) {
            // Beyond this it is too long anyway.
            if text.len() <= LONGEST {
                if !text.is_empty() {
                    text.push_str("; ");
                }
                text.push_str(value);
            }
        }
        self.note(node);
    }

    /// The field is there, and with an object that is null all that it would hold.
    fn note(&mut self, node: &Node) {
        if let Some(seen) = node.field.and_then(|number| self.seen.get_mut(number)) {
            *seen = true;
        }
        for (_, child) in &node.children {
            self.note(child);
        }
    }

    fn bytes(&self) -> usize {
        self.texts.iter().map(|text| text.len() + 1).sum()
    }
}

/// Decides which fields the header has, from the first records.
struct Head {
    names: Vec<String>,
    optional_from: usize,
    tree: Node,
    seen: Vec<bool>,
    waiting: Vec<(Raw, Values)>,
    bytes: usize,
    /// Fields of the header, once it was given.
    chosen: Option<Vec<usize>>,
}

impl Head {
    fn new(format: &FormatConfig) -> Self {
        let names: Vec<String> = format.fields.iter().chain(&format.optional_fields).cloned().collect();
        let mut tree = Node::default();
        for (number, name) in names.iter().enumerate() {
            tree.insert(&pointer(name), number);
        }
        Self {
            seen: vec![false; names.len()],
            optional_from: format.fields.len(),
            names,
            tree,
            waiting: Vec::new(),
            bytes: 0,
            chosen: None,
        }
    }

    /// Takes a record; gives the header before the first one, once it is known.
    fn take(
        &mut self,
        raw: Raw,
        values: Values,
        give: &mut impl FnMut(Raw, Fields) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some(chosen) = &self.chosen {
            return give(raw, laid_out(&values, chosen));
        }
        for (known, seen) in self.seen.iter_mut().zip(&values.seen) {
            *known |= *seen;
        }
        self.bytes += values.bytes();
        self.waiting.push((raw, values));
        if self.waiting.len() < LOOKED_AT && self.bytes < LOOKED_AT_BYTES { Ok(()) } else { self.open(give) }
    }

    fn open(&mut self, give: &mut impl FnMut(Raw, Fields) -> io::Result<()>) -> io::Result<()> {
        let none = self.waiting.iter().all(|(raw, _)| raw.result.is_err());
        let chosen: Vec<usize> = (0..self.names.len())
            .filter(|number| none || *number >= self.optional_from || self.seen.get(*number) == Some(&true))
            .collect();
        let mut header = Fields::default();
        header.set(chosen.iter().filter_map(|number| self.names.get(*number)));
        let place = Place { line: 0, offset: 0, length: 0 };
        give(Raw { place, number: 0, result: Ok(()) }, header)?;
        for (raw, values) in self.waiting.drain(..) {
            give(raw, laid_out(&values, &chosen))?;
        }
        self.chosen = Some(chosen);
        Ok(())
    }

    /// Gives the header of a delivery with few records or none.
    fn finish(&mut self, mut give: impl FnMut(Raw, Fields) -> io::Result<()>) -> io::Result<()> {
        if self.chosen.is_none() { self.open(&mut give) } else { Ok(()) }
    }
}

fn laid_out(values: &Values, chosen: &[usize]) -> Fields {
    let mut fields = Fields::default();
    for number in chosen {
        fields.push(values.texts.get(*number).map_or("", String::as_str));
    }
    fields
}

/// The records of a document on their way out.
struct List<'a> {
    outbox: &'a mut Outbox,
    head: Head,
    number: u64,
    /// What stopped it, where that is not JSON's fault.
    failure: Option<io::Error>,
}

impl List<'_> {
    fn record<E: serde::de::Error>(&mut self, values: Values) -> Result<(), E> {
        self.number += 1;
        let place = Place { line: self.number, offset: 0, length: 0 };
        let raw = Raw { place, number: self.number, result: values.flaw.map_or(Ok(()), Err) };
        let Self { outbox, head, .. } = self;
        head.take(raw, values, &mut |raw, fields| outbox.push(raw.place, raw.number, raw.result, &fields))
            .map_err(|error| {
                self.failure = Some(error);
                E::custom("stopped")
            })
    }

    fn fail<E: serde::de::Error>(&mut self, message: String) -> E {
        self.failure = Some(invalid(message));
        E::custom("stopped")
    }
}

/// A document on the way to its list.
struct Document<'a, 'b> {
    path: &'a [String],
    list: &'a mut List<'b>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Document<'_, '_> {
    fn no_list<E: serde::de::Error>(self) -> E {
        let found = match self.path {
            [] => "a single value stands where the records should".to_owned(),
            [first, ..] => format!("`{first}`, on the way to the records, is not in it"),
        };
        self.list.fail(format!("the JSON is not as `records` says: {found}"))
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else {
            let mut values = Values::new(self.list.head.names.len());
            Part { node: &self.list.head.tree, values: &mut values, in_list: false }.visit_map(map)?;
            return self.list.record(values);
        };
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == *first {
                found = true;
                map.next_value_seed(Document { path: rest, list: &mut *self.list })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(self.no_list()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Some((first, rest)) = self.path.split_first() {
            let Ok(wanted) = first.parse::<usize>() else { return Err(self.no_list()) };
            for _ in 0..wanted {
                list.next_element::<IgnoredAny>()?;
            }
            if list.next_element_seed(Document { path: rest, list: &mut *self.list })?.is_none() {
                return Err(self.no_list());
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        loop {
            let mut values = Values::new(self.list.head.names.len());
            let part = Element(Part { node: &self.list.head.tree, values: &mut values, in_list: false });
            if list.next_element_seed(part)?.is_none() {
                return Ok(());
            }
            self.list.record::<A::Error>(values)?;
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        // No list is an empty list.
        if self.path.is_empty() { Ok(()) } else { Err(self.no_list()) }
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.no_list())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.no_list())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.no_list())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.no_list())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(self.no_list())
    }
}

/// A record of a list: a value that is neither an object nor a list is a flaw of it.
struct Element<'a>(Part<'a>);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Until an object or a list says otherwise.
        self.0.values.flaw = Some(Flaw::Structure);
        deserializer.deserialize_any(self.0)
    }
}

/// A part of a record.
struct Part<'a> {
    node: &'a Node,
    values: &'a mut Values,
    /// It is one of several values of a field.
    in_list: bool,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A name in an object, as the part of the record that it leads to.
struct Key<'a>(&'a Node);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a Node>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.child(name))
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.values.flaw = match self.node.field {
            Some(_) => Some(Flaw::Structure),
            None => self.values.flaw.filter(|_| self.in_list),
        };
        while let Some(child) = map.next_key_seed(Key(self.node))? {
            match child {
                Some(node) => {
                    let before = self.values.flaw;
                    map.next_value_seed(Part { node, values: &mut *self.values, in_list: false })?;
                    self.values.flaw = before.or(self.values.flaw);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let is_field = self.node.field.is_some();
        self.values.flaw = if is_field && self.in_list { Some(Flaw::Structure) } else { None };
        if is_field {
            self.values.note(self.node);
        }
        let mut number = 0_usize;
        loop {
            let before = self.values.flaw;
            let node = if is_field { Some(self.node) } else { self.node.child(&number.to_string()) };
            let more = match node {
                Some(node) => list
                    .next_element_seed(Part { node, values: &mut *self.values, in_list: is_field })?
                    .is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            self.values.flaw = before.or(self.values.flaw);
            if !more {
                return Ok(());
            }
            number += 1;
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.values.note(self.node);
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.values.add(self.node, cells::flag(value));
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.values.add(self.node, &value.to_string());
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.values.add(self.node, &value.to_string());
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.values.add(self.node, &cells::number(value));
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.values.add(self.node, value);
        Ok(())
    }
}

/// Follows the bytes of a JSON text just closely enough to bound its depth, its strings and its numbers.
struct Lexer {
    depth: usize,
    deepest: usize,
    in_string: bool,
    escaped: bool,
    length: usize,
    longest: usize,
}

impl Lexer {
    fn new(format: &FormatConfig) -> Self {
        Self {
            depth: 0,
            deepest: format.limits.depth.min(120),
            in_string: false,
            escaped: false,
            length: 0,
            longest: format.limits.field_bytes,
        }
    }

    fn follow(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            if self.in_string {
                if std::mem::take(&mut self.escaped) {
                    self.length += 1;
                } else {
                    let rest = bytes.get(at - 1..).unwrap_or_default();
                    let plain = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    self.length += plain;
                    at += plain;
                    match rest.get(plain) {
                        Some(b'\\') => self.escaped = true,
                        Some(_) => (self.in_string, self.length) = (false, 0),
                        None => at -= 1,
                    }
                }
                if self.length > self.longest {
                    return Err(invalid(format!(
                        "the JSON holds a text of more bytes than the {} that `limits.field-bytes` allows",
                        self.longest
                    )));
                }
                continue;
            }
            match byte {
                b'"' => (self.in_string, self.length) = (true, 0),
                b'{' | b'[' => {
                    self.depth += 1;
                    self.length = 0;
                    if self.depth > self.deepest {
                        return Err(invalid(format!(
                            "the JSON nests deeper than the {} levels that `limits.depth` allows",
                            self.deepest
                        )));
                    }
                }
                b'}' | b']' => (self.depth, self.length) = (self.depth.saturating_sub(1), 0),
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => self.length = 0,
                _ => {
                    self.length += 1;
                    if self.length > LONGEST_TOKEN {
                        return Err(invalid("the JSON holds a number that is too long"));
                    }
                }
            }
        }
        Ok(())
    }
}

struct Guard<R> {
    inner: R,
    lexer: Lexer,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.lexer.follow(into.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}

/// The records of a text that has one a line.
struct Lines<R> {
    reader: BufReader<R>,
    lexer: Lexer,
    head: Head,
    ready: std::collections::VecDeque<(Raw, Fields)>,
    line: u64,
    offset: u64,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// The next line into the buffer, its number of bytes with the line end, and whether it was too long to keep.
    fn line(&mut self) -> io::Result<Option<(u64, bool)>> {
        self.buffer.clear();
        let mut bytes = 0;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok((bytes > 0).then_some((bytes, bytes > LONGEST as u64)));
            }
            let end = memchr::memchr(b'\n', chunk);
            let taken = end.map_or(chunk.len(), |at| at + 1);
            bytes += taken as u64;
            if self.buffer.len() <= LONGEST {
                self.buffer.extend_from_slice(chunk.get(..taken).unwrap_or_default());
            }
            self.reader.consume(taken);
            if end.is_some() {
                return Ok(Some((bytes, bytes > LONGEST as u64)));
            }
        }
    }

    fn record(&mut self, too_long: bool) -> (usize, usize, Values) {
        let mut values = Values::new(self.head.names.len());
        let text =
            self.buffer.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.line == 1).unwrap_or(&self.buffer);
        let before = self.buffer.len() - text.len();
        let text = text.trim_ascii_end();
        if too_long {
            values.flaw = Some(Flaw::TooLong);
        } else if std::str::from_utf8(text).is_err() {
            values.flaw = Some(Flaw::Encoding);
        } else if !text.is_empty() {
            let (depth, longest) = (self.lexer.deepest, self.lexer.longest);
            self.lexer =
                Lexer { depth: 0, deepest: depth, in_string: false, escaped: false, length: 0, longest };
            let bounded = self.lexer.follow(text);
            let mut json = serde_json::Deserializer::from_slice(text);
            let part = Element(Part { node: &self.head.tree, values: &mut values, in_list: false });
            let read = bounded.is_ok() && part.deserialize(&mut json).and_then(|()| json.end()).is_ok();
            if !read {
                values = Values::new(self.head.names.len());
                values.flaw = Some(Flaw::Syntax);
            }
        }
        (before, text.len(), values)
    }
}

impl<R: Read + Send> Source for Lines<R> {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<Raw>> {
        loop {
            if let Some((raw, record)) = self.ready.pop_front() {
                *fields = record;
                return Ok(Some(raw));
            }
            if self.ended {
                return Ok(None);
            }
            let Some((bytes, too_long)) = self.line()? else {
                self.ended = true;
                let ready = &mut self.ready;
                self.head.finish(|raw, fields| {
                    ready.push_back((raw, fields));
                    Ok(())
                })?;
                continue;
            };
            self.line += 1;
            let (before, length, values) = self.record(too_long);
            let place = Place { line: self.line, offset: self.offset + before as u64, length: length as u64 };
            self.offset += bytes;
            if length == 0 && !too_long {
                continue;
            }
            let raw = Raw { place, number: self.line, result: values.flaw.map_or(Ok(()), Err) };
            let ready = &mut self.ready;
            self.head.take(raw, values, &mut |raw, fields| {
                ready.push_back((raw, fields));
                Ok(())
            })?;
        }
    }
}
