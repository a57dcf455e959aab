//! Opening the catalog for a command that only reads it, and its errors as a person meets them.

use crate::catalog::{CatalogError, CatalogReader};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// Opens the catalog that `catalog.url` names.
pub fn open(url: &str) -> Result<CatalogReader, CliError> {
    CatalogReader::open(url).map_err(|error| refused(&error))
}

/// A catalog's error with the code that the shell shall see.
pub fn refused(error: &CatalogError) -> CliError {
    match error {
        CatalogError::Open { path, .. } if !path.exists() => {
            CliError::new(ExitStatus::Config, format!("there is no catalog at {}", path.display()))
                .because(error)
                .advise("`grind collect` makes one; or name the right one in catalog.url.")
        }
        error if error.is_of_config() => {
            CliError::new(ExitStatus::Config, "this catalog cannot be used").because(error)
        }
        CatalogError::Unreachable(_) => {
            CliError::new(ExitStatus::Unavailable, "the catalog's server is not reachable").because(error)
        }
        CatalogError::DiskFull(_) => {
            CliError::new(ExitStatus::CannotCreate, "the catalog cannot be written").because(error)
        }
        _ => CliError::new(ExitStatus::Internal, "the catalog cannot be read").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_catalog_says_what_makes_one() {
        let error = open("sqlite:///nonexistent/catalog.db").unwrap_err();
        assert_eq!(error.exit(), ExitStatus::Config);
        assert!(error.to_string().contains("grind collect"), "{error}");
    }

    #[test]
    fn a_file_of_another_kind_is_wrong_configuration_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwd");
        let text = "root:x:0:0:root:/root:/bin/bash\n".repeat(100);
        std::fs::write(&file, &text).unwrap();
        let error = open(&format!("sqlite://{}", file.display())).unwrap_err();
        assert_eq!(error.exit(), ExitStatus::Config, "{error}");
        assert!(error.to_string().contains("is no SQLite database"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }

    #[test]
    fn an_address_of_another_kind_is_wrong_configuration() {
        assert_eq!(open("mysql://x").unwrap_err().exit(), ExitStatus::Config);
    }
}
