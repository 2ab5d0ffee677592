//! A month's file, written by a thread of its own while the rows that follow are read.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;

use super::file::MonthWriter;
use crate::normalise::month::{NormaliseError, RowSink};

/// Batches that may wait for the writer: reading waits rather than that they pile up.
const WAITING: usize = 1;

type Written = Result<MonthWriter, NormaliseError>;

/// Takes rows for a writer that works beside whoever makes them.
pub struct Beside {
    /// Absent once the writer has ended.
    orders: Option<SyncSender<Order>>,
    writer: Option<JoinHandle<Written>>,
}

enum Order {
    Restart,
    Write(RecordBatch),
}

impl Beside {
    /// Sets a writer to work.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(mut writer: MonthWriter) -> Result<Self, NormaliseError> {
        let (orders, receiver) = sync_channel(WAITING);
        let work = move || {
            for order in receiver {
                match order {
                    Order::Restart => writer.restart()?,
                    Order::Write(batch) => writer.write(&batch)?,
                }
            }
            Ok(writer)
        };
        let thread = std::thread::Builder::new().name("write a month".to_owned()).spawn(work);
        let writer = thread.map_err(|error| NormaliseError::Write(error.into()))?;
        Ok(Self { orders: Some(orders), writer: Some(writer) })
    }

    /// The writer again, once all rows are written.
    ///
    /// # Errors
    /// What the storage reported.
    pub fn end(mut self) -> Written {
        self.join()
    }

    fn join(&mut self) -> Written {
        // Without anybody who could give one, no further order is waited for.
        self.orders = None;
        let broken = || NormaliseError::Write("the thread that writes the rows broke off".into());
        self.writer.take().ok_or_else(broken)?.join().map_err(|_| broken())?
    }

    fn give(&mut self, order: Order) -> Result<(), NormaliseError> {
        let gone = || NormaliseError::Write("nobody writes the rows any more".into());
        match self.orders.as_ref().map(|orders| orders.send(order)) {
            Some(Ok(())) => Ok(()),
            // It has ended before its time, and tells why.
            _ => Err(self.join().err().unwrap_or_else(gone)),
        }
    }
}

impl RowSink for Beside {
    fn restart(&mut self) -> Result<(), NormaliseError> {
        self.give(Order::Restart)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), NormaliseError> {
        self.give(Order::Write(batch.clone()))
    }
}
