//! Room `mailbox`: envelopes, the one ask helper, counters, pools, restarts.
