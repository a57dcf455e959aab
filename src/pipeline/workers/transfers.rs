//! Bodies on their way, for the progress of a run; at most as many as there are download workers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::grin::Barcode;
use crate::session::BodyArrival;

/// All bodies on their way; clones share them.
#[derive(Debug, Clone, Default)]
pub struct TransferTable(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    rows: BTreeMap<u64, Row>,
}

#[derive(Debug)]
struct Row {
    barcode: Barcode,
    arrival: Arc<BodyArrival>,
    length: Option<u64>,
    began: Instant,
}

/// One body as it stands now.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// Whose archive it is.
    pub barcode: Barcode,
    /// Bytes received.
    pub received: u64,
    /// Bytes announced.
    pub length: Option<u64>,
    /// Seconds since it began.
    pub seconds: f64,
    /// Seconds since the last of it came.
    pub silent_seconds: f64,
}

/// Keeps a body in the table; dropped, the body has arrived or broken off.
#[derive(Debug)]
pub struct TransferEntry {
    transfers: TransferTable,
    number: u64,
}

impl TransferTable {
    /// A body that begins now.
    pub fn begin(&self, barcode: &Barcode, arrival: Arc<BodyArrival>, length: Option<u64>) -> TransferEntry {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = table.next;
        table.next += 1;
        table.rows.insert(
            number,
            Row {
                barcode: barcode.clone(),
                arrival,
                length,
                began: Instant::now(),
            },
        );
        TransferEntry {
            transfers: self.clone(),
            number,
        }
    }

    /// What is on its way now, oldest first.
    pub fn under_way(&self) -> Vec<UnderWay> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let show = |row: &Row| UnderWay {
            barcode: row.barcode.clone(),
            received: row.arrival.bytes(),
            length: row.length,
            seconds: row.began.elapsed().as_secs_f64(),
            silent_seconds: row.arrival.silent_for().as_secs_f64(),
        };
        table.rows.values().map(show).collect()
    }
}

impl Drop for TransferEntry {
    fn drop(&mut self) {
        self.transfers
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rows
            .remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_listed_as_long_as_its_entry_lives() {
        let transfers = TransferTable::default();
        let arrival = Arc::new(BodyArrival::default());
        arrival.note(7);
        let entry = transfers.begin(&Barcode::parse("TL0001").unwrap(), arrival, Some(10));
        assert_eq!(transfers.under_way()[0].received, 7);
        drop(entry);
        assert!(transfers.under_way().is_empty());
    }
}
