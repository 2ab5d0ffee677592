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

impl Drop for Beside {
    fn drop(&mut self) {
        // A file that nobody wants any more is gone when this returns; why it is not wanted was told elsewhere.
        if self.writer.is_some() {
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

    fn beside(folder: &std::path::Path) -> Beside {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        Beside::new(MonthWriter::new("numbers", folder.to_owned(), schema, Vec::new()).unwrap()).unwrap()
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
        let file = beside.end().unwrap().finish(&[]).unwrap();
        assert_eq!(file.rows, 100);
        let mut read = Vec::new();
        for batch in ParquetRecordBatchReader::try_new(file.file.reopen().unwrap(), 1024).unwrap() {
            read.extend(batch.unwrap().column(0).as_primitive::<Int64Type>().values().iter().copied());
        }
        assert_eq!(read, (0..100).collect::<Vec<i64>>());
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
