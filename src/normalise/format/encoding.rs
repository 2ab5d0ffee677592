//! Text of other encodings, turned into UTF-8 as it is read. Nothing is replaced: what the encoding does not know
//! becomes a byte that UTF-8 does not know either, so that its line is quarantined.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::settings::TextEncoding;

const CHUNK: usize = 1 << 16;

/// A byte that never occurs in UTF-8.
const UNKNOWN: u8 = 0xff;

/// Bytes that Windows-1252 gives no meaning.
const UNDEFINED_IN_1252: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];

/// Which encoding a text has, if that is to be found out: see [`TextEncoding::Auto`].
///
/// # Errors
/// What the reader reports.
pub(super) fn recognise(mut reader: impl Read) -> io::Result<TextEncoding> {
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    let mut first = true;
    loop {
        let read = match reader.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        filled += read;
        if read > 0 && filled < buffer.len() {
            continue;
        }
        let text = buffer.get(..filled).unwrap_or_default();
        if std::mem::take(&mut first)
            && let Some(encoding) = wide(text)
        {
            return Ok(encoding);
        }
        let rest = match std::str::from_utf8(text) {
            Ok(_) => 0,
            // A character that goes on in the next bytes.
            Err(error) if error.error_len().is_none() && read > 0 => filled - error.valid_up_to(),
            Err(_) => return Ok(TextEncoding::Windows1252),
        };
        if read == 0 {
            return Ok(TextEncoding::Utf8);
        }
        buffer.copy_within(filled - rest..filled, 0);
        filled = rest;
    }
}

/// UTF-16, by its byte-order mark or by the empty half of almost every character.
fn wide(head: &[u8]) -> Option<TextEncoding> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Some(TextEncoding::Utf16);
    }
    let pairs = head.chunks_exact(2).take(512);
    let (mut all, mut high_first, mut high_last) = (0, 0, 0);
    for pair in pairs {
        all += 1;
        high_first += usize::from(matches!(pair, [0, low] if *low != 0));
        high_last += usize::from(matches!(pair, [low, 0] if *low != 0));
    }
    let most = |count: usize| all > 0 && count * 10 >= all * 7;
    if most(high_last) {
        Some(TextEncoding::Utf16Le)
    } else {
        most(high_first).then_some(TextEncoding::Utf16Be)
    }
}

/// Gives a text as UTF-8.
pub(super) struct Decoded<R> {
    reader: R,
    decoder: Decoder,
    only_1252: bool,
    input: Vec<u8>,
    /// What is left of `input` and `output`.
    pending: std::ops::Range<usize>,
    output: Vec<u8>,
    ready: std::ops::Range<usize>,
    ended: bool,
    flushed: bool,
}

impl<R: Read> Decoded<R> {
    /// A text in one of the encodings that are not UTF-8.
    ///
    /// # Errors
    /// What the reader reports while the byte-order mark is looked for.
    pub(super) fn new(mut reader: R, encoding: TextEncoding) -> io::Result<Self> {
        let mut input = vec![0; CHUNK];
        let mut filled = 0;
        while filled < 2 {
            match reader.read(input.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let decoder = match encoding {
            TextEncoding::Utf16Be => UTF_16BE.new_decoder_with_bom_removal(),
            TextEncoding::Utf16 if input.starts_with(b"\xfe\xff") => UTF_16BE.new_decoder_with_bom_removal(),
            TextEncoding::Utf16 | TextEncoding::Utf16Le => UTF_16LE.new_decoder_with_bom_removal(),
            _ => WINDOWS_1252.new_decoder_without_bom_handling(),
        };
        Ok(Self {
            reader,
            decoder,
            only_1252: encoding == TextEncoding::Windows1252,
            input,
            pending: 0..filled,
            output: vec![0; CHUNK * 2],
            ready: 0..0,
            ended: false,
            flushed: false,
        })
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.pending.is_empty() && !self.ended {
            match self.reader.read(&mut self.input) {
                Ok(0) => self.ended = true,
                Ok(read) => self.pending = 0..read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let source = self.input.get(self.pending.clone()).unwrap_or_default();
        if self.only_1252 {
            self.decode_1252();
            return Ok(());
        }
        // Room is kept for the mark of what cannot be decoded.
        let room = self.output.len() - 1;
        let target = self.output.get_mut(..room).unwrap_or_default();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(source, target, self.ended);
        self.pending.start += read;
        self.ready = 0..written;
        match result {
            DecoderResult::InputEmpty => self.flushed = self.ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(_, _) => {
                if let Some(slot) = self.output.get_mut(written) {
                    *slot = UNKNOWN;
                    self.ready = 0..written + 1;
                }
            }
        }
        Ok(())
    }

    /// Every byte is a character; those without a meaning are marked.
    fn decode_1252(&mut self) {
        let source = self.input.get(self.pending.clone()).unwrap_or_default();
        if source.first().is_some_and(|byte| UNDEFINED_IN_1252.contains(byte)) {
            if let Some(slot) = self.output.first_mut() {
                *slot = UNKNOWN;
            }
            self.pending.start += 1;
            self.ready = 0..1;
            return;
        }
        let known = source.iter().position(|byte| UNDEFINED_IN_1252.contains(byte)).unwrap_or(source.len());
        let source = source.get(..known).unwrap_or_default();
        let (result, read, written, _) = self.decoder.decode_to_utf8(source, &mut self.output, false);
        self.pending.start += read;
        self.ready = 0..written;
        self.flushed = self.ended && self.pending.is_empty() && result == CoderResult::InputEmpty;
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            if self.flushed {
                return Ok(0);
            }
            self.decode()?;
        }
        let ready = self.output.get(self.ready.clone()).unwrap_or_default();
        let taken = ready.len().min(into.len());
        if let (Some(target), Some(source)) = (into.get_mut(..taken), ready.get(..taken)) {
            target.copy_from_slice(source);
        }
        self.ready.start += taken;
        Ok(taken)
    }
}
