//! No command writes its output among the stored objects: there it would be taken for one of them, or take the place of one.

use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::settings::{Settings, StorageAddress};

/// Refuses a file or folder of output that lies in the storage, or in the second place, on this machine.
pub fn confirm_outside(settings: &Settings, output: &Path) -> Result<(), CliError> {
    for (key, url) in settings.book_places() {
        if let Ok(StorageAddress::Folder(folder)) = StorageAddress::parse(url)
            && is_inside(output, &folder)
        {
            let why = format!(
                "{} lies in {}, where books are stored ({key}); nothing was written",
                output.display(),
                folder.display()
            );
            return Err(CliError::new(ExitStatus::CannotCreate, why).advise("Name a place outside with --output."));
        }
    }
    Ok(())
}

fn is_inside(output: &Path, folder: &Path) -> bool {
    resolved(output).starts_with(resolved(folder))
}

/// Without links, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in path.ancestors() {
        if let Ok(real) = there.canonicalize() {
            let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() {
                real
            } else {
                real.join(rest)
            };
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_inside_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(of("library/raw")).unwrap();
        std::os::unix::fs::symlink(of("library"), of("link")).unwrap();
        for (output, expected) in [
            ("library", true),
            ("library/raw/X/X.tar.gz", true),
            ("link/raw", true),
            ("link/new/more", true),
            ("library-of-bags", false),
            ("bags/library", false),
            ("", false),
        ] {
            assert_eq!(is_inside(&of(output), &of("library")), expected, "{output}");
        }
    }
}
