//! The catalog as a Parquet file with columns of the published dataset "Institutional Books 1.0": their names, types and order, and how that
//! dataset makes its values out of the CSV export. It has those that come from the library and Google (`_src`) and, of those that come from
//! elsewhere, HathiTrust's rights (`_ext`); none that are computed from the text (`_gen`), and no text.

mod file;
mod language;
mod row;

use std::io::{self, Write};

use parquet::errors::ParquetError;

use crate::catalog::queries::dataset::file::DatasetFile;
use crate::catalog::queries::dataset::row::{DatasetRow, READ};
use crate::catalog::queries::export::ExportError;
use crate::catalog::queries::export_filter::ExportFilter;
use crate::catalog::queries::reader::CatalogReader;

impl From<ParquetError> for ExportError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(cause) => Self::Write(*cause),
                Err(cause) => Self::Write(io::Error::other(cause)),
            },
            other => Self::Write(io::Error::other(other)),
        }
    }
}

impl CatalogReader {
    /// Writes the books meant as a Parquet file, in the order in which they became known; comes back with their number. What is kept in
    /// memory is a group of rows, however many books there are.
    pub fn export_parquet(&self, filter: &ExportFilter, out: impl Write + Send) -> Result<u64, ExportError> {
        let mut file = DatasetFile::begin(out)?;
        let done = self.each_exported(filter, &READ.join(", "), |row| file.push(DatasetRow::read(row)?))?;
        file.finish()?;
        Ok(done)
    }
}
