//! Turns a reader that pushes records into one that is asked for them: it works in a thread of its own and waits when
//! nobody takes what it has read. Should it fail on bytes that it was not made for, that is an error of the delivery.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Raw, Source};
use crate::normalise::csv::{Fields, Flaw, Place};

/// Records, or bytes of them, after which they are handed over.
const RECORDS: usize = 512;
const BYTES: usize = 1 << 18;

/// Longest record.
pub(super) const LONGEST: usize = 1 << 20;

struct Record {
    raw: Raw,
    fields: Fields,
}

enum Parcel {
    Records(Vec<Record>),
    Note(String),
    Failed(io::Error),
}

/// Where a reader puts its records.
pub(super) struct Outbox {
    sender: SyncSender<Parcel>,
    records: Vec<Record>,
    bytes: usize,
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
        fields: Fields,
    ) -> io::Result<()> {
        let bytes = fields.bytes();
        let (result, fields) =
            if bytes > LONGEST { (Err(Flaw::TooLong), Fields::default()) } else { (result, fields) };
        self.bytes += bytes.min(LONGEST) + 64;
        self.records.push(Record { raw: Raw { place, number, result }, fields });
        if self.records.len() >= RECORDS || self.bytes >= BYTES { self.flush() } else { Ok(()) }
    }

    /// Says something about the delivery.
    ///
    /// # Errors
    /// Nobody listens.
    pub(super) fn note(&mut self, note: String) -> io::Result<()> {
        self.sender.send(Parcel::Note(note)).map_err(|_| gone())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        if records.is_empty() {
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
    records: std::vec::IntoIter<Record>,
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
        let mut outbox = Outbox { sender, records: Vec::new(), bytes: 0 };
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
    Ok(HandOver { receiver, records: Vec::new().into_iter(), notes: Vec::new(), ended: false })
}

impl Source for HandOver {
    fn next(&mut self, fields: &mut Fields) -> io::Result<Option<Raw>> {
        loop {
            if let Some(record) = self.records.next() {
                *fields = record.fields;
                return Ok(Some(record.raw));
            }
            if self.ended {
                return Ok(None);
            }
            match self.receiver.recv() {
                Ok(Parcel::Records(records)) => self.records = records.into_iter(),
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
