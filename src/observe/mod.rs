//! Room `observe`: metrics, HTTP, status.
