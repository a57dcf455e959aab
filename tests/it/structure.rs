//! What src/README.md says about layers, names and files, held against the sources.

mod documents;
mod layers;
mod names;
mod sources;
mod words;
