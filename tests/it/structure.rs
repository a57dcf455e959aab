//! What src/README.md says about layers, names and files, held against the sources.

mod documents;
mod exports;
mod layers;
mod names;
mod sources;
mod words;
