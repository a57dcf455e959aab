//! Room `archive`: one pass over an archive: decrypt, digest, scan, check, extract.
