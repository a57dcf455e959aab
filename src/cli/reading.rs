//! Room `cli`: opening the catalog for a command that only reads it, and its errors as a person meets them.

use super::error::CliError;
use super::exit::Exit;
use crate::catalog::{CatalogError, Reader};

/// Opens the catalog that `catalog.url` names.
pub fn open(url: &str) -> Result<Reader, CliError> {
    Reader::open(url).map_err(|error| refused(&error))
}

/// A catalog's error with the code that the shell shall see.
pub fn refused(error: &CatalogError) -> CliError {
    match error {
        CatalogError::Open { path, .. } if !path.exists() => {
            CliError::new(Exit::Config, format!("there is no catalog at {}", path.display()))
                .because(error)
                .advise("`grind collect` makes one; or name the right one in catalog.url.")
        }
        CatalogError::Address { .. } | CatalogError::Foreign { .. } | CatalogError::Newer { .. } => {
            CliError::new(Exit::Config, "this catalog cannot be used").because(error)
        }
        CatalogError::DiskFull(_) => CliError::new(Exit::CannotCreate, "the catalog cannot be written").because(error),
        _ => CliError::new(Exit::Internal, "the catalog cannot be read").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_catalog_says_what_makes_one() {
        let error = open("sqlite:///nonexistent/catalog.db").unwrap_err();
        assert_eq!(error.exit(), Exit::Config);
        assert!(error.to_string().contains("grind collect"), "{error}");
    }

    #[test]
    fn an_address_of_another_kind_is_wrong_configuration() {
        assert_eq!(open("postgres://x").unwrap_err().exit(), Exit::Config);
    }
}
