//! Writing to standard output.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::error::CliError;

/// Writes a text to standard output as it is.
pub fn print(text: &str) -> Result<(), CliError> {
    write_to(&mut io::stdout().lock(), |out| out.write_all(text.as_bytes()))
}

/// Writes one JSON document and a line end to standard output.
pub fn print_json(document: &impl Serialize) -> Result<(), CliError> {
    write_to(&mut io::stdout().lock(), |out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        out.write_all(b"\n")
    })
}

/// Runs what writes, flushes, and names what went wrong.
pub fn write_to<W: Write>(out: &mut W, write: impl FnOnce(&mut W) -> io::Result<()>) -> Result<(), CliError> {
    write(out)
        .and_then(|()| out.flush())
        .map_err(|error| CliError::output(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::BrokenPipe))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_ends_the_command_in_silence() {
        let error = write_to(&mut Gone, |out| out.write_all(b"x")).unwrap_err();
        assert!(error.is_silent());
    }
}
