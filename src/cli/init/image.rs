//! The answers as whoever runs in an image reads them whose root is a folder of this machine.

use std::path::{Path, PathBuf};

use crate::cli::init::answers::{InitAnswers, SignInAnswer};

impl InitAnswers {
    /// The same as whoever runs in an image reads it whose root is this folder: what lies in the image is named as it is there.
    pub fn in_image(mut self, root: &Path) -> Self {
        let sign_in = match &mut self.sign_in {
            SignInAnswer::ServiceAccount(file) | SignInAnswer::Person(file) => file,
        };
        for file in [sign_in, &mut self.passphrase]
            .into_iter()
            .chain(&mut self.storage_keys)
        {
            *file = path_in_image(file, root);
        }
        self
    }
}

/// The path as the image has it; another one stays, and is the image's business.
pub fn path_in_image(path: &Path, root: &Path) -> PathBuf {
    let resolved = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let below = path.strip_prefix(root).or_else(|_| path.strip_prefix(&resolved));
    below.map_or_else(|_| path.to_owned(), |below| Path::new("/").join(below))
}
