//! Room `cli`: one file a command.
