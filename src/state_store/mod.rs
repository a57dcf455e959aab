//! Room `state_store`: the Dapr state client on the same session.
