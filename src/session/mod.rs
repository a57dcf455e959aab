//! Room `session`: the one awc client and everything round it.
