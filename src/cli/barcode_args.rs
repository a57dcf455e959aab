//! `--barcodes` and `--barcodes-file`: all barcodes are good, or nothing is done.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::grin::Barcode;
use crate::grin::barcode_file::{BarcodeList, BarcodesError, read_file};

/// `--barcodes` and `--barcodes-file`.
#[derive(Debug, Clone, Default, Args)]
pub struct BarcodeArgs {
    /// Only these barcodes, with commas between
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = "Which books")]
    pub barcodes: Vec<String>,
    /// Only the barcodes in this file, one a line, `#` begins a remark; `-` reads standard input
    #[arg(long, value_name = "FILE", help_heading = "Which books")]
    pub barcodes_file: Option<PathBuf>,
}

impl BarcodeArgs {
    /// The barcodes named, in the order given, each once; `None` if none was asked for.
    pub fn load(&self) -> Result<Option<Vec<Barcode>>, BarcodesError> {
        if self.barcodes.is_empty() && self.barcodes_file.is_none() {
            return Ok(None);
        }
        let mut list = BarcodeList::default();
        for text in &self.barcodes {
            list.take("--barcodes", text.trim());
        }
        if let Some(path) = &self.barcodes_file {
            read_file(&mut list, path)?;
        }
        list.finish().map(Some)
    }
}

impl From<BarcodesError> for CliError {
    fn from(error: BarcodesError) -> Self {
        Self::new(ExitStatus::Usage, "cannot use the barcodes given")
            .because(&error)
            .advise("Nothing was done. Put the list right and start again.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(barcodes: &[Barcode]) -> Vec<&str> {
        barcodes.iter().map(Barcode::as_str).collect()
    }

    #[test]
    fn no_list_is_all_books() {
        assert!(BarcodeArgs::default().load().unwrap().is_none());
    }

    #[test]
    fn both_ways_of_naming_add_up() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"BBB2\n").unwrap();
        let args = BarcodeArgs {
            barcodes: vec!["AAA1".into()],
            barcodes_file: Some(file.path().to_owned()),
        };
        assert_eq!(texts(&args.load().unwrap().unwrap()), ["AAA1", "BBB2"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let args = BarcodeArgs {
            barcodes: Vec::new(),
            barcodes_file: Some("/nowhere/list".into()),
        };
        assert!(args.load().unwrap_err().to_string().contains("/nowhere/list"));
    }
}
