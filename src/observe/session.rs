//! What the session tells, as metrics.

use crate::observe::family::{MetricFamilies, seconds};
use crate::observe::names::MetricName as Metric;
use crate::session::{RequestCount, RequestKind, STATUS_CLASSES, SessionSnapshot};

impl MetricFamilies {
    /// Connections, permits, requests and bodies.
    pub fn from_session(session: &SessionSnapshot) -> Self {
        let mut families = Self::new();
        connections(&mut families, session);
        permits(&mut families, session);
        requests(&mut families, session);
        downloads(&mut families, session);
        families
    }
}

fn connections(families: &mut MetricFamilies, session: &SessionSnapshot) {
    let counts = [
        (Metric::SessionsCreated, session.sessions_created),
        (Metric::ConnectionsOpened, session.connections_opened),
        (Metric::ConnectionsClosed, session.connections_closed),
        (Metric::ConnectionsFailed, session.connections_failed),
        (Metric::ConnectionsOpen, session.connections_open),
        (Metric::ConnectionReceived, session.wire_bytes_received),
        (Metric::ConnectionSent, session.wire_bytes_sent),
    ];
    for (metric, count) in counts {
        families.count(metric, &[], count);
    }
}

fn permits(families: &mut MetricFamilies, session: &SessionSnapshot) {
    for (class, permits) in &session.permits {
        let class = &**class;
        families.count(Metric::SessionPermits, &[class, "held"], permits.held as u64);
        families.count(Metric::SessionPermits, &[class, "free"], permits.free as u64);
        families.count(Metric::SessionPermitWaiters, &[class], permits.waiting as u64);
        families.count(Metric::SessionRequests, &[class, "new"], permits.on_new);
        families.count(Metric::SessionRequests, &[class, "kept"], permits.on_kept);
        families.histogram(Metric::SessionPermitWait, &[class], (&permits.wait_seconds).into());
    }
}

fn requests(families: &mut MetricFamilies, session: &SessionSnapshot) {
    families.count(Metric::UpstreamInFlight, &[], session.requests_in_flight as u64);
    for kind in RequestKind::ALL.map(RequestKind::as_str) {
        for class in STATUS_CLASSES {
            let of = |counted: &&RequestCount| counted.kind == kind && counted.status_class == class;
            let count = session.requests.iter().find(of).map_or(0, |counted| counted.count);
            families.count(Metric::UpstreamRequests, &[kind, class], count);
        }
    }
    for (kind, head) in &session.head_seconds {
        families.histogram(Metric::UpstreamHead, &[&**kind], head.into());
    }
    for (kind, body) in &session.body_seconds {
        families.histogram(Metric::UpstreamBody, &[&**kind], body.into());
    }
    for retry in &session.retries {
        families.count(Metric::UpstreamRetries, &[&*retry.kind, &*retry.reason], retry.count);
    }
    for (outcome, count) in &session.auth_refreshes {
        families.count(Metric::AuthRefresh, &[&**outcome], *count);
    }
    families.number(Metric::AuthExpiry, &[], seconds(session.token_ends_at));
    families.histogram(Metric::UpstreamPaceWait, &[], (&session.pace_wait_seconds).into());
    families.number(Metric::UpstreamGate, &[], seconds(session.gate_closed_until));
    families.flag(Metric::AuthSignedOut, &[], session.signed_out.is_some());
    for (kind, count) in &session.unrecognised {
        families.count(Metric::Unrecognised, &[&**kind], *count);
    }
}

fn downloads(families: &mut MetricFamilies, session: &SessionSnapshot) {
    families.count(Metric::DownloadBytes, &[], session.download_bytes);
    families.count(Metric::DownloadDiscarded, &[], session.discarded_bytes);
    families.count(Metric::DownloadStalls, &[], session.stalls);
    families.count(Metric::DownloadPlaces, &[], session.bulk_places as u64);
    families.count(Metric::BandwidthLimit, &[], session.bandwidth.unwrap_or(0));
    for (outcome, count) in &session.download_resumes {
        families.count(Metric::DownloadResumes, &[&**outcome], *count);
    }
}
