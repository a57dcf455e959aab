//! Room `settings`: the config file, from text to checked values.
