//! Room `bench`: the measurements behind `grind bench`.
