//! What a scraper sees of a daemon in which everything has happened.

use crate::observe::tests::fixture::{BARCODE, Seen};
use crate::observe::tests::prometheus;
use crate::observe::{DaemonStatus, MetricName, render};

/// A few more than the full snapshot has: a metric with too many labels shows here before it shows in a bill.
const MOST_SERIES: usize = 3_000;

/// Names and labels that dashboards and alerts rely on; they must not change.
const CONTRACT: &[(&str, &[&str])] = &[
    ("grind_mailbox_messages", &["actor"]),
    ("grind_mailbox_capacity_messages", &["actor"]),
    ("grind_mailbox_peak_messages", &["actor"]),
    ("grind_mailbox_oldest_message_age_seconds", &["actor"]),
    ("grind_mailbox_wait_seconds", &["actor"]),
    ("grind_messages_sent_total", &["actor", "message"]),
    ("grind_messages_handled_total", &["actor", "message", "outcome"]),
    ("grind_messages_rejected_total", &["actor", "message", "reason"]),
    ("grind_messages_in_flight", &["actor", "message"]),
    ("grind_message_handle_seconds", &["actor", "message"]),
    ("grind_actors", &["actor", "state"]),
    ("grind_actor_restarts_total", &["actor", "reason"]),
    ("grind_actor_busy_seconds_total", &["actor"]),
    ("grind_sessions_created_total", &[]),
    ("grind_connections_opened_total", &[]),
    ("grind_connections_open", &[]),
    ("grind_session_permits", &["class", "state"]),
    ("grind_session_permit_wait_seconds", &["class"]),
    ("grind_upstream_requests_total", &["kind", "status_class"]),
    ("grind_upstream_head_seconds", &["kind"]),
    ("grind_upstream_retries_total", &["kind", "reason"]),
    ("grind_auth_refresh_total", &["outcome"]),
    ("grind_barcodes", &["state"]),
    ("grind_barcodes_finished_total", &["outcome"]),
    ("grind_download_bytes_total", &[]),
    ("grind_download_resumes_total", &["outcome"]),
    ("grind_shutdown_phase", &["phase"]),
    ("grind_config_last_reload_successful", &[]),
    ("grind_build_info", &["version", "commit"]),
];

#[test]
fn every_name_of_the_contract_is_there_with_its_labels() {
    let page = render(&DaemonStatus::of(&Seen::default()).families());
    let families = prometheus::read(&page).unwrap();
    for (name, labels) in CONTRACT {
        let family = families.get(*name).unwrap_or_else(|| panic!("{name} is missing"));
        let mut wanted: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
        wanted.sort();
        for (series, found, _) in &family.samples {
            let found: Vec<_> = found.keys().filter(|label| *label != "le").cloned().collect();
            assert_eq!(found, wanted, "{series}");
        }
    }
}

#[test]
fn every_metric_of_the_list_is_fed_by_something() {
    let families = DaemonStatus::of(&Seen::default()).families();
    let with_series = families.iter().filter(|(_, samples)| !samples.is_empty());
    let fed: Vec<_> = with_series.map(|(metric, _)| metric).collect();
    assert_eq!(fed, MetricName::ALL);
}

/// Before, a counter's family began with its first event, so that an alert on it found nothing.
#[test]
fn every_family_is_there_before_anything_has_happened() {
    let hub = crate::actor::ActorRegistry::new();
    let mut status = DaemonStatus::of(&Seen::default());
    status.daemon = crate::observe::DaemonSnapshot::starting("0", "0", jiff::Timestamp::UNIX_EPOCH);
    status.hub = hub.snapshot();
    status.session = crate::session::SessionCounters::default().snapshot();
    status.sharing = None;
    let families = status.families();
    let named: Vec<_> = families.iter().map(|(metric, _)| metric).collect();
    assert_eq!(named, MetricName::ALL);
    let page = render(&families);
    for line in [
        "grind_upstream_requests_total{kind=\"archive_body\",status_class=\"5xx\"} 0\n",
        "grind_auth_refresh_total{outcome=\"failed\"} 0\n",
        "grind_barcodes_finished_total{outcome=\"failed\"} 0\n",
        "# TYPE grind_ask_timeouts_total counter\n",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
}

#[test]
fn types_and_help_are_those_of_the_list() {
    let page = render(&DaemonStatus::of(&Seen::default()).families());
    let families = prometheus::read(&page).unwrap();
    for metric in MetricName::ALL {
        assert_eq!(families[metric.as_str()].kind, metric.kind().as_str());
        assert!(page.contains(&format!("# HELP {} {}\n", metric.as_str(), metric.help())));
    }
}

#[test]
fn the_number_of_series_is_bounded_and_no_label_is_a_barcode() {
    let families = DaemonStatus::of(&Seen::default()).families();
    let page = render(&families);
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(series, families.series());
    assert!((1_000..=MOST_SERIES).contains(&series), "{series}");
    assert!(!page.contains(BARCODE));
}

const SHIPPED: [(&str, &str); 2] = [
    ("alerts.yml", include_str!("../../../settings/alerts.yml")),
    ("grafana.json", include_str!("../../../settings/grafana.json")),
];

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    serde_json::from_str::<serde_json::Value>(SHIPPED[1].1).unwrap();
    for (file, text) in SHIPPED {
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let names = words.filter(|word| word.starts_with("grind_") || word.starts_with("process_"));
        for name in names {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(
                MetricName::ALL.iter().any(|metric| metric.as_str() == family),
                "{file}: {name}"
            );
        }
    }
}

#[test]
fn alerts_and_dashboard_ask_for_values_of_labels_that_there_are() {
    let page = render(&DaemonStatus::of(&Seen::default()).families());
    let mut seen = 0;
    for (file, text) in SHIPPED {
        let text = text.replace("\\\"", "\"");
        for label in ["reason", "outcome", "state", "connection"] {
            // `label="one|two"`, with each of the operators.
            let quoted = text.split(label).skip(1).filter_map(|after| {
                after
                    .strip_prefix(['=', '!'])?
                    .trim_start_matches(['=', '~'])
                    .strip_prefix('"')
            });
            for value in quoted
                .filter_map(|after| after.split('"').next())
                .flat_map(|values| values.split('|'))
            {
                assert!(
                    page.contains(&format!("{label}=\"{value}\"")),
                    "{file}: {label} {value}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 25, "{seen}");
}
