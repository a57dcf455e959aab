//! Room `daemon`: the whole wiring, signals, systemd, reload, shutdown.
