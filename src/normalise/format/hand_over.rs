//! Turns a reader that pushes records into one that is asked for them: it works in a thread of its own and waits when
//! nobody takes what it has read. Should it fail on bytes that it was not made for, that is an error of the delivery.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Raw, RecordReader, Source};
use crate::normalise::csv::{Fields, Flaw, Place};

/// Records, or bytes of them, after which they are handed over.
const RECORDS: usize = 2048;
const BYTES: usize = 1 << 18;

/// Longest record.
pub(super) const LONGEST: usize = 1 << 20;

/// Records one behind the other: a parcel costs three allocations, however many it holds.
#[derive(Default)]
struct Records {
    text: String,
    spans: Vec<(u32, u32)>,
    /// Each with where its text and its spans end.
    raws: Vec<(Raw, usize, usize)>,
}

impl Records {
    fn push(&mut self, raw: Raw, fields: &Fields) {
        let (text, spans) = fields.parts();
        self.text.push_str(text);
        self.spans.extend_from_slice(spans);
        self.raws.push((raw, self.text.len(), self.spans.len()));
    }
}

enum Parcel {
    Records(Records),
    Note(String),
    Failed(io::Error),
}

/// Where a reader puts its records.
pub(super) struct Outbox {
    sender: SyncSender<Parcel>,
    records: Records,
}

impl Outbox {
    /// Hands over a record; one that is too long becomes a flaw.
    ///
    /// # Errors
    /// Nobody wants further records.
    pub(super) fn push(
        &mut self,
        place: Place,
        number: u64,
        result: Result<(), Flaw>,
        fields: &Fields,
    ) -> io::Result<()> {
        if fields.bytes() > LONGEST {
            self.hand(Raw { place, number, result: Err(Flaw::TooLong) }, &Fields::default())
        } else {
            self.hand(Raw { place, number, result }, fields)
        }
    }

    fn hand(&mut self, raw: Raw, fields: &Fields) -> io::Result<()> {
        self.records.push(raw, fields);
        let full = self.records.raws.len() >= RECORDS || self.records.text.len() >= BYTES;
        if full { self.flush() } else { Ok(()) }
    }

    /// Says something about the delivery.
    ///
    /// # Errors
    /// Nobody listens.
    pub(super) fn note(&mut self, note: String) -> io::Result<()> {
        self.sender.send(Parcel::Note(note)).map_err(|_| gone())
    }

    fn flush(&mut self) -> io::Result<()> {
        let records = std::mem::take(&mut self.records);
        if records.raws.is_empty() {
            return Ok(());
        }
        self.sender.send(Parcel::Records(records)).map_err(|_| gone())
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads on")
}

/// The other end.
pub(super) struct HandOver {
    receiver: Receiver<Parcel>,
    records: Records,
    /// How many of them were taken, and where the text and the spans of the next begin.
    taken: usize,
    begin: (usize, usize),
    notes: Vec<String>,
    ended: bool,
}

/// Starts a reader; `what` names what it reads.
///
/// # Errors
/// No thread can be started.
pub(super) fn start(
    what: &'static str,
    work: impl FnOnce(&mut Outbox) -> io::Result<()> + Send + 'static,
) -> io::Result<HandOver> {
    let (sender, receiver) = sync_channel(4);
    std::thread::Builder::new().name(format!("read {what}")).spawn(move || {
        let mut outbox = Outbox { sender, records: Records::default() };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut outbox)));
        // What was read before a failure is handed over before it.
        let flushed = outbox.flush();
        let failure = match outcome {
            Ok(Ok(())) => flushed.err(),
            Ok(Err(error)) => Some(error),
            Err(_) => Some(super::invalid(format!("the {what} is damaged: it cannot be read"))),
        };
        if let Some(failure) = failure {
            let _ = outbox.sender.send(Parcel::Failed(failure));
        }
    })?;
    Ok(HandOver {
        receiver,
        records: Records::default(),
        taken: 0,
        begin: (0, 0),
        notes: Vec::new(),
        ended: false,
    })
}

/// Lets a reader of records run ahead of whoever takes them, in a thread of its own.
///
/// # Errors
/// No thread can be started.
pub(super) fn ahead(mut records: Box<dyn RecordReader>) -> io::Result<HandOver> {
    start("delivery", move |outbox| {
        let mut fields = Fields::default();
        while let Some((place, result)) = records.next(&mut fields)? {
            // How long a record may be is for its reader to say.
            outbox.hand(Raw { place, number: 0, result }, &fields)?;
        }
        outbox.note(records.note())
    })
}

impl HandOver {
    /// The next of the records that have come.
    fn take(&mut self, fields: &mut Fields) -> Option<Raw> {
        let Records { text, spans, raws } = &self.records;
        let (raw, text_end, spans_end) = raws.get(self.taken)?;
        let (text_start, spans_start) = self.begin;
        fields.copy_from(
            text.get(text_start..*text_end).unwrap_or_default(),
            spans.get(spans_start..*spans_end).unwrap_or_default(),
        );
        self.taken += 1;
        self.begin = (*text_end, *spans_end);
        Some(*raw)
    }
}

impl Source for HandOver {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<Raw>> {
        loop {
            if let Some(raw) = self.take(fields) {
                return Ok(Some(raw));
            }
            if self.ended {
                return Ok(None);
            }
            match self.receiver.recv() {
                Ok(Parcel::Records(records)) => {
                    (self.records, self.taken, self.begin) = (records, 0, (0, 0));
                }
                Ok(Parcel::Note(note)) => self.notes.push(note),
                Ok(Parcel::Failed(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => self.ended = true,
            }
        }
    }

    fn note(&self) -> String {
        self.notes.join("; ")
    }
}

impl RecordReader for HandOver {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<(Place, Result<(), Flaw>)>> {
        Ok(Source::next(self, fields)?.map(|raw| (raw.place, raw.result)))
    }

    fn note(&self) -> String {
        Source::note(self)
    }
}
