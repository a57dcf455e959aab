//! Every metric's name, type, labels and help text, in one list.

/// What Prometheus calls the type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Only rises; its name ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Cumulative buckets, sum and count.
    Histogram,
}

impl MetricType {
    /// The word of a `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Writes the enum and its three tables from one list, so that a metric cannot have a name without a help text.
macro_rules! metrics {
    ($($variant:ident, $kind:ident, $name:literal, [$($label:literal),*], $help:literal;)+) => {
        /// The name of every metric there is.
        ///
        /// Units are base units, and labels are words out of our own code: never a barcode, an address or an error's text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MetricName {
            $(#[doc = $help] $variant,)+
        }

        impl MetricName {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as Prometheus sees it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Counter, gauge or histogram.
            pub const fn kind(self) -> MetricType {
                match self { $(Self::$variant => MetricType::$kind),+ }
            }

            /// The label names, in the order in which label values are given.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($label),*]),+ }
            }

            /// One sentence for the `# HELP` line.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }
        }
    };
}

metrics! {
    MailboxMessages, Gauge, "grind_mailbox_messages", ["actor"], "Messages sent and not yet begun.";
    MailboxCapacity, Gauge, "grind_mailbox_capacity_messages", ["actor"], "Messages the mailbox takes before askers wait.";
    MailboxPeak, Gauge, "grind_mailbox_peak_messages", ["actor"], "Most messages at once in the mailbox since the start.";
    MailboxOldestAge, Gauge, "grind_mailbox_oldest_message_age_seconds", ["actor"], "How long the oldest message not yet begun has waited.";
    MailboxWait, Histogram, "grind_mailbox_wait_seconds", ["actor"], "Time from sending a message to its beginning.";
    MessagesSent, Counter, "grind_messages_sent_total", ["actor", "message"], "Messages accepted into the mailbox.";
    MessagesHandled, Counter, "grind_messages_handled_total", ["actor", "message", "outcome"], "Messages answered, by how it ended.";
    MessagesRejected, Counter, "grind_messages_rejected_total", ["actor", "message", "reason"], "Messages refused; outside shutdown this stays 0.";
    MessagesAbandoned, Counter, "grind_messages_abandoned_total", ["actor", "message", "when"], "Messages whose asker went away.";
    MessagesInFlight, Gauge, "grind_messages_in_flight", ["actor", "message"], "Messages begun and not yet answered.";
    MessageHandle, Histogram, "grind_message_handle_seconds", ["actor", "message"], "Time from beginning a message to its reply.";
    SendBlocked, Counter, "grind_send_blocked_seconds_total", ["from", "to"], "Time askers spent waiting for a place in a mailbox.";
    AskTimeouts, Counter, "grind_ask_timeouts_total", ["from", "to", "message"], "Asks that ran into their deadline.";
    Actors, Gauge, "grind_actors", ["actor", "state"], "Instances of the actor by state.";
    ActorRestarts, Counter, "grind_actor_restarts_total", ["actor", "reason"], "Workers rebuilt by their factory.";
    ActorRestartBackoff, Gauge, "grind_actor_restart_backoff_seconds", ["actor"], "The pause before the next restart; 0 while there is none.";
    ActorExits, Counter, "grind_actor_exits_total", ["actor", "reason"], "Actors that ended, by reason.";
    ActorBusy, Counter, "grind_actor_busy_seconds_total", ["actor"], "Time that handlers compute; what they wait for, and the work of threads that may block, is not in it. Its rate is the busy share.";
    ActorLastProgress, Gauge, "grind_actor_last_progress_timestamp_seconds", ["actor"], "When the actor last got on with its work.";
    ActorProtected, Gauge, "grind_actor_protected_seconds", ["actor"], "How long the present declared wait has lasted; 0 while there is none.";
    ActorStalled, Gauge, "grind_actor_stalled_seconds", ["actor"], "How long the actor has come no step further, although a message is in hand or queued, and has declared no wait; 0 while it gets on, and for the first minute (catalog: five).";
    SupervisorGaveUp, Gauge, "grind_supervisor_gave_up", ["actor"], "1 once an actor's restart budget is spent.";
    Tasks, Gauge, "grind_tasks", ["task"], "Running tasks that are no actors.";
    TaskPanics, Counter, "grind_task_panics_total", ["task"], "Tasks that ended by a panic.";
    SessionsCreated, Counter, "grind_sessions_created_total", [], "HTTP sessions made; one for the whole life of the daemon.";
    ConnectionsOpened, Counter, "grind_connections_opened_total", [], "Connections opened by the session.";
    ConnectionsClosed, Counter, "grind_connections_closed_total", [], "Connections closed by either side.";
    ConnectionsFailed, Counter, "grind_connections_failed_total", [], "Connections that could not be opened.";
    ConnectionsOpen, Gauge, "grind_connections_open", [], "Connections open now.";
    ConnectionReceived, Counter, "grind_connection_received_bytes_total", [], "Bytes read from sockets, TLS and headers included.";
    ConnectionSent, Counter, "grind_connection_sent_bytes_total", [], "Bytes written to sockets, TLS and headers included.";
    SessionPermits, Gauge, "grind_session_permits", ["class", "state"], "Permits of the session, held to the end of a body.";
    SessionPermitWait, Histogram, "grind_session_permit_wait_seconds", ["class"], "Time spent waiting for a permit.";
    SessionPermitWaiters, Gauge, "grind_session_permit_waiters", ["class"], "Requests that wait for a permit.";
    SessionRequests, Counter, "grind_session_requests_total", ["class", "connection"], "Requests answered, by class of permit, over a connection that was opened for them (new) or was open before (kept).";
    UpstreamInFlight, Gauge, "grind_upstream_requests_in_flight", [], "Requests and bodies going on.";
    UpstreamRequests, Counter, "grind_upstream_requests_total", ["kind", "status_class"], "Requests answered, by class of status.";
    UpstreamHead, Histogram, "grind_upstream_head_seconds", ["kind"], "Time from sending a request to the head of its answer.";
    UpstreamBody, Histogram, "grind_upstream_body_seconds", ["kind"], "Time from the head of an answer to the end of its body, for bodies that came whole; waits for the bandwidth and the storage are in it.";
    UpstreamRetries, Counter, "grind_upstream_retries_total", ["kind", "reason"], "Requests sent again.";
    UpstreamPaceWait, Histogram, "grind_upstream_pace_wait_seconds", [], "Time requests waited for the pace and the gate.";
    UpstreamGate, Gauge, "grind_upstream_gate_closed_until_timestamp_seconds", [], "Until when nothing is asked of GRIN, because it refused a list, a search or a request for conversions; 0 while open.";
    AuthRefresh, Counter, "grind_auth_refresh_total", ["outcome"], "Access tokens fetched.";
    AuthExpiry, Gauge, "grind_auth_expiry_timestamp_seconds", [], "When the access token in use ends; it is replaced before. 0 where there is none or its end is not known.";
    AuthSignedOut, Gauge, "grind_auth_signed_out", [], "1 while GRIN accepts no sign-in and a person must sign in.";
    Unrecognised, Counter, "grind_unrecognised_total", ["kind"], "Parts of GRIN's answers that were not recognised; the first of each shape are kept for `grind support-bundle`.";
    Members, Gauge, "grind_members", [], "Programs that share the catalog, this one among them.";
    SharedTaskHeld, Gauge, "grind_shared_task_held", ["task"], "1 while this daemon does the task of which one member at a time does each.";
    StateOpenings, Counter, "grind_state_store_openings_total", [], "How often the state store's client began to be used: at its first message, and at the first after a close.";
    StateMessages, Counter, "grind_state_store_messages_total", ["outcome"], "Messages to the state store, by how they ended.";
    StateInFlight, Gauge, "grind_state_store_messages_in_flight", [], "Messages to the state store under way.";
    StateRetries, Counter, "grind_state_store_retries_total", [], "Requests to the state store sent again.";
    StateBreakerOpen, Gauge, "grind_state_store_breaker_open", [], "1 while the circuit breaker lets nothing or one trial pass.";
    Barcodes, Gauge, "grind_barcodes", ["state"], "Barcodes in the catalog by state; what this daemon has claimed and not begun counts where it stood.";
    BarcodesFinished, Counter, "grind_barcodes_finished_total", ["outcome"], "Barcodes finished since the start, by outcome.";
    BooksInHand, Gauge, "grind_books_in_hand", [], "Books being checked or downloaded now.";
    OldestPending, Gauge, "grind_oldest_pending_barcode_age_seconds", [], "How long the book has waited that is ready at GRIN and was taken the longest time ago, or never; 0 where none is ready.";
    LastDownload, Gauge, "grind_last_download_success_timestamp_seconds", [], "When a book was last stored; 0 before the first.";
    BackupVerified, Gauge, "grind_backup_last_verified_timestamp_seconds", [], "When a backup of the catalog was last read back from the storage and found whole; 0 before the first.";
    FixityChecks, Counter, "grind_fixity_checks_total", ["outcome"], "Stored books that this daemon has read again, by what came of it.";
    FixityBytes, Counter, "grind_fixity_checked_bytes_total", [], "Bytes of stored objects that this daemon has read again.";
    FixityOldest, Gauge, "grind_fixity_oldest_check_timestamp_seconds", [], "When the stored book that was not looked at for the longest time was last known to be good; 0 where nothing is stored or nothing is read again.";
    FixityDue, Gauge, "grind_fixity_due_books", [], "Stored books that are to be read again by now.";
    FixityUnsound, Gauge, "grind_fixity_unsound_books", [], "Stored books of which the last check told damage or loss.";
    HookCalls, Counter, "grind_hook_calls_total", ["outcome"], "Times that the hook was told of a stored book, by what came of it: told, failed.";
    HookWaiting, Gauge, "grind_hook_waiting_books", [], "Stored books of which the hook is still to be told, by whichever member, at most 10000 counted; 0 without a hook.";
    SecondCopyBooks, Gauge, "grind_second_copy_books", ["state"], "Stored books by where their second copy stands: copied, waiting, failed, which are some of those that wait; 0 without a second copy.";
    SecondCopyAttempts, Counter, "grind_second_copy_attempts_total", ["outcome"], "Books that this daemon copied to the second place, or could not copy because of the book: copied, failed.";
    SecondCopyBytes, Counter, "grind_second_copy_bytes_total", [], "Bytes that this daemon copied to the second place.";
    DownloadBytes, Counter, "grind_download_bytes_total", [], "Bytes of archives received and used.";
    DownloadDiscarded, Counter, "grind_download_discarded_bytes_total", [], "Bytes of archives thrown away because the book began anew.";
    DownloadStalls, Counter, "grind_download_stalls_total", [], "Bodies that went silent or slower than the minimum speed.";
    DownloadPlaces, Gauge, "grind_download_places", [], "Archives that may be on their way at once: workers.download, fewer while GRIN cannot keep up.";
    BandwidthLimit, Gauge, "grind_bandwidth_limit_bytes", [], "Bytes a second that bodies may take now; 0 while there is no limit.";
    DownloadResumes, Counter, "grind_download_resumes_total", ["outcome"], "Cut bodies asked for again, by what came of it.";
    StoredBytes, Counter, "grind_stored_bytes_total", [], "Bytes of decrypted archives published in the library.";
    SpoolFree, Gauge, "grind_spool_free_bytes", [], "Bytes free on the disk of the storage, as measured with the last book begun and the last look at the disk; 0 on an object store.";
    SpoolReserved, Gauge, "grind_spool_reserved_bytes", [], "Bytes of that disk that books on their way are still to fill.";
    MultipartOpen, Gauge, "grind_multipart_open", [], "Uploads in parts under way to the bucket.";
    MultipartAbortFailures, Counter, "grind_multipart_abort_failures_total", [], "Uploads in parts that could not be removed from the bucket when they were given up; the next start tries again.";
    StoreWrite, Histogram, "grind_store_write_seconds", [], "Time of a transaction of the catalog, until it is on the disk; each holds all operations that waited.";
    StoreBusy, Counter, "grind_store_busy_total", [], "Transactions of the catalog given up because other programs kept it locked.";
    IntakePaused, Gauge, "grind_intake_paused", ["reason"], "1 while no new books are taken up for this reason.";
    ShutdownPhase, Gauge, "grind_shutdown_phase", ["phase"], "1 for the phase of the shutdown that is reached; all 0 while running.";
    ConfigReloadSuccessful, Gauge, "grind_config_last_reload_successful", [], "1 while the files on disk are the config in force.";
    ConfigReloadTime, Gauge, "grind_config_last_reload_timestamp_seconds", [], "When the config was last read, well or not.";
    BuildInfo, Gauge, "grind_build_info", ["version", "commit"], "Always 1; the labels tell what runs.";
    ProcessCpu, Counter, "process_cpu_seconds_total", [], "CPU time of the process, user and system.";
    ProcessResident, Gauge, "process_resident_memory_bytes", [], "Memory of the process in RAM.";
    ProcessPeak, Gauge, "process_peak_resident_memory_bytes", [], "Most memory of the process in RAM so far.";
    ProcessOpenFds, Gauge, "process_open_fds", [], "Open file descriptors.";
    ProcessMaxFds, Gauge, "process_max_fds", [], "How many file descriptors the process may open.";
    ProcessStart, Gauge, "process_start_time_seconds", [], "When the process began.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where every metric is listed for those who scrape.
    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/observe/METRICS.md");

    /// The lines of the document from the table's heading on.
    fn table() -> String {
        let row = |metric: &MetricName| {
            let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
            let (name, kind) = (metric.as_str(), metric.kind().as_str());
            format!("| `{name}` | {kind} | {} | {} |\n", labels.join(", "), metric.help())
        };
        let rows: String = MetricName::ALL.iter().map(row).collect();
        format!("| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}")
    }

    #[test]
    fn the_document_lists_the_metrics_as_they_are() {
        let document = std::fs::read_to_string(DOCUMENT).unwrap();
        let head = document.find("| metric |").expect("a table");
        if std::env::var_os("GRIND_WRITE_METRICS").is_some() {
            std::fs::write(DOCUMENT, document[..head].to_owned() + &table()).unwrap();
            return;
        }
        assert!(
            document[head..] == table(),
            "GRIND_WRITE_METRICS=1 writes {DOCUMENT} anew from the list of this file"
        );
    }

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for metric in MetricName::ALL {
            let name = metric.as_str();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(name.starts_with("grind_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind() == MetricType::Counter, "{name}");
            if metric.kind() == MetricType::Histogram {
                assert!(name.ends_with("_seconds"), "{name}");
            }
        }
    }

    #[test]
    fn no_name_is_there_twice_and_no_label_could_hold_a_barcode() {
        let mut names: Vec<_> = MetricName::ALL.iter().map(|metric| metric.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MetricName::ALL.len());
        let labels = MetricName::ALL.iter().flat_map(|metric| metric.labels());
        assert!(
            labels
                .clone()
                .all(|label| !["barcode", "url", "error", "le"].contains(label))
        );
    }
}
