//! A month's file, written by a thread of its own while the rows that follow are read, where a processor is idle.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;

use super::file::MonthWriter;
use crate::normalise::month::{NormaliseError, RowSink};
use crate::processors::Processors;

/// Batches that may wait for the writer: reading waits rather than that they pile up.
const WAITING: usize = 1;

type Written = Result<MonthWriter, NormaliseError>;

/// Takes rows for a writer that comes to work beside whoever makes them as soon as a processor is idle.
pub struct Beside {
    processors: Arc<Processors>,
    /// The writer, while it has no thread of its own.
    here: Option<MonthWriter>,
    /// Absent before the writer has a thread, and once that has ended.
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<Written>>,
}

enum Order {
    Restart,
    Write(RecordBatch),
}

fn follow(writer: &mut MonthWriter, order: Order) -> Result<(), NormaliseError> {
    match order {
        Order::Restart => writer.restart(),
        Order::Write(batch) => writer.write(&batch),
    }
}

impl Beside {
    /// A writer with the processors that it shares with others.
    #[must_use]
    pub fn new(writer: MonthWriter, processors: Arc<Processors>) -> Self {
        Self { processors, here: Some(writer), orders: None, thread: None }
    }

    /// Sets a writer to work on a thread of its own.
    fn part(&mut self, mut writer: MonthWriter) -> Result<(), NormaliseError> {
        let (orders, receiver) = sync_channel(WAITING);
        let work = move || {
            for order in receiver {
                follow(&mut writer, order)?;
            }
            Ok(writer)
        };
        let thread = std::thread::Builder::new().name("write a month".to_owned()).spawn(work);
        self.thread = Some(thread.map_err(|error| NormaliseError::Write(error.into()))?);
        self.orders = Some(orders);
        Ok(())
    }

    /// The writer again, once all rows are written.
    ///
    /// # Errors
    /// What the storage reported.
    pub fn end(mut self) -> Written {
        match self.here.take() {
            Some(writer) => Ok(writer),
            None => self.join(),
        }
    }

    fn join(&mut self) -> Written {
        // Without anybody who could give one, no further order is waited for.
        self.orders = None;
        let broken = || NormaliseError::Write("the thread that writes the rows broke off".into());
        self.thread.take().ok_or_else(broken)?.join().map_err(|_| broken())?
    }

    fn give(&mut self, order: Order) -> Result<(), NormaliseError> {
        if let Some(mut writer) = self.here.take() {
            if !self.processors.any_idle() {
                let followed = follow(&mut writer, order);
                self.here = Some(writer);
                return followed;
            }
            self.part(writer)?;
        }
        let gone = || NormaliseError::Write("nobody writes the rows any more".into());
        match self.orders.as_ref().map(|orders| orders.send(order)) {
            Some(Ok(())) => Ok(()),
            // It has ended before its time, and tells why.
            _ => Err(self.join().err().unwrap_or_else(gone)),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // A file that nobody wants any more is gone when this returns; why it is not wanted was told elsewhere.
        if self.thread.is_some() {
            let _ = self.join();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    use super::*;

    fn numbers(numbers: &[i64]) -> RecordBatch {
        RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(numbers.to_vec())) as _)]).unwrap()
    }

    /// With a processor for the writer.
    fn beside(folder: &std::path::Path) -> Beside {
        beside_of(folder, &Arc::new(Processors::new(1)))
    }

    fn beside_of(folder: &std::path::Path, processors: &Arc<Processors>) -> Beside {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let writer = MonthWriter::new("numbers", folder.to_owned(), schema, Vec::new()).unwrap();
        Beside::new(writer, Arc::clone(processors))
    }

    fn numbers_in(written: Written) -> Vec<i64> {
        let file = written.unwrap().finish(&[]).unwrap();
        let mut read: Vec<i64> = Vec::new();
        for batch in ParquetRecordBatchReader::try_new(file.file.reopen().unwrap(), 1024).unwrap() {
            read.extend(batch.unwrap().column(0).as_primitive::<Int64Type>().values().iter().copied());
        }
        assert_eq!(file.rows, read.len() as u64);
        read
    }

    #[test]
    fn rows_come_in_the_order_in_which_they_were_given_and_a_restart_drops_those_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut beside = beside(folder.path());
        beside.write(&numbers(&[9, 9])).unwrap();
        beside.restart().unwrap();
        for number in 0..100 {
            beside.write(&numbers(&[number])).unwrap();
        }
        assert_eq!(numbers_in(beside.end()), (0..100).collect::<Vec<i64>>());
    }

    #[test]
    fn a_writer_parts_when_a_processor_falls_idle_and_no_row_is_lost_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let processors = Arc::new(Processors::new(2));
        let (own, other) = (processors.take(), processors.take());
        let mut beside = beside_of(folder.path(), &processors);
        for number in 0..10 {
            beside.write(&numbers(&[number])).unwrap();
        }
        assert!(beside.thread.is_none());
        drop(other);
        for number in 10..20 {
            beside.write(&numbers(&[number])).unwrap();
        }
        assert!(beside.thread.is_some());
        drop(own);
        assert_eq!(numbers_in(beside.end()), (0..20).collect::<Vec<i64>>());
        // One that never parts.
        let mut alone = beside_of(folder.path(), &Arc::new(Processors::new(0)));
        alone.write(&numbers(&[1, 2])).unwrap();
        assert!(alone.thread.is_none());
        assert_eq!(numbers_in(alone.end()), [1, 2]);
    }

    #[test]
    fn what_the_writer_failed_on_is_told_to_whoever_gives_it_rows() {
        let folder = tempfile::tempdir().unwrap();
        let texts = [("n", Arc::new(StringArray::from(vec!["one"])) as _)];
        let wrong = RecordBatch::try_from_iter(texts).unwrap();
        let mut told = beside(folder.path());
        told.write(&wrong).unwrap();
        // The writer may take one more before it fails; then it must be said.
        let failed = (0..3).find_map(|_| told.write(&numbers(&[1])).err()).expect("a failure");
        assert!(matches!(failed, NormaliseError::Write(_)), "{failed}");
        let mut ended = beside(folder.path());
        ended.write(&wrong).unwrap();
        assert!(matches!(ended.end(), Err(NormaliseError::Write(_))));
    }

    #[test]
    fn a_file_that_was_not_ended_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut beside = beside(folder.path());
        beside.write(&numbers(&[1])).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(beside);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
