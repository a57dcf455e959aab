//! Room `workers`: collect, enrich, convert, check, download: one actor a file.
