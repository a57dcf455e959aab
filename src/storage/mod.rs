//! Room `storage`: publish whole or not at all, on disk and in object stores.
