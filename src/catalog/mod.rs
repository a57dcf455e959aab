//! Room `catalog`: what is known of each book, in SQLite, with one writer.
