//! Do library, GRIN, work, workers, retry and schedule make sense?

use crate::settings::check::{check_address, error, warning};
use crate::settings::finding::SettingsFinding;
use crate::settings::sections::{ArchiveSettings, GrinSettings, RetrySettings, Settings, WorkSettings};

/// The rate that GRIN permits (src/grin/PROTOCOL.md, section 3).
const GRIN_RATE: f64 = 5.0;
const GRIN_HOST: &str = "books.google.com";
/// More than this of one kind is a slip of the pen.
const MOST_WORKERS: u32 = 256;
/// A membership is renewed three times in its life, and each renewal needs its time.
const SHORTEST_LEASE: std::time::Duration = std::time::Duration::from_secs(2);
/// The largest page that GRIN is known to give (src/grin/PROTOCOL.md, section 1).
const LARGEST_PAGE: u32 = 50_000;

pub(super) fn check(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    library(&settings.library.directory, findings);
    grin(&settings.grin, findings);
    work(&settings.work, findings);
    sharing(&settings.work, findings);
    workers(settings, findings);
    retry(&settings.retry, findings);
    archive(&settings.archive, findings);
    schedule(settings, findings);
    log_level(&settings.log.level, findings);
}

fn library(directory: &str, findings: &mut Vec<SettingsFinding>) {
    const KEY: &str = "library.directory";
    if directory.is_empty() {
        error(
            findings,
            KEY,
            "is not set; it is GRIN's name for your library, such as \"Harvard\"",
        );
    } else if let Some(odd) = directory
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
    {
        error(
            findings,
            KEY,
            format!("is {directory:?}, but {odd:?} cannot be in it; it has letters, digits, - and _ only"),
        );
    } else if directory.len() > 64 {
        error(findings, KEY, "is longer than 64 characters");
    }
}

fn grin(grin: &GrinSettings, findings: &mut Vec<SettingsFinding>) {
    check_address("grin.base_url", &grin.base_url, findings);
    let host = grin.base_url.host_str().unwrap_or_default();
    if !grin
        .token_hosts
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(host))
    {
        let text = format!("does not have {host}, the host of grin.base_url, so GRIN would never be sent the token");
        error(findings, "grin.token_hosts", text);
    }
    hosts("grin.token_hosts", &grin.token_hosts, findings);
    hosts("grin.redirect_hosts", &grin.redirect_hosts, findings);
    if grin.requests_per_second <= 0.0 {
        error(
            findings,
            "grin.requests_per_second",
            "must be above 0; to stop asking set work.paused = true",
        );
    } else if grin.requests_per_second > GRIN_RATE && host == GRIN_HOST {
        let text = format!("is {}, but GRIN allows {GRIN_RATE}", grin.requests_per_second);
        warning(findings, "grin.requests_per_second", text);
    }
    if grin.page_size == 0 {
        error(
            findings,
            "grin.page_size",
            "is 0, but a page needs rows; 10000 is known to work",
        );
    } else if grin.page_size > LARGEST_PAGE {
        warning(
            findings,
            "grin.page_size",
            format!("is above {LARGEST_PAGE}, the largest that GRIN is known to serve"),
        );
    }
    if grin.conversion_batch == 0 {
        error(
            findings,
            "grin.conversion_batch",
            "is 0, but a request needs barcodes; 200 is known to work",
        );
    }
    if grin.conversion_queue_limit == 0 {
        error(
            findings,
            "grin.conversion_queue_limit",
            "is 0, so nothing could ever be converted",
        );
    }
}

fn hosts(key: &str, hosts: &[String], findings: &mut Vec<SettingsFinding>) {
    for host in hosts {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_host = url::Host::parse(host).is_ok() || bare.parse::<std::net::IpAddr>().is_ok();
        if !is_host || host.contains(['/', '*', ' ']) {
            error(
                findings,
                key,
                format!("has {host:?}, which is not the bare name of a host such as \"books.google.com\""),
            );
        }
    }
}

fn work(work: &WorkSettings, findings: &mut Vec<SettingsFinding>) {
    if work.queues.is_empty() {
        error(
            findings,
            "work.queues",
            "is empty, so there is no work; name at least one, such as \"converted\"",
        );
    }
    for (index, queue) in work.queues.iter().enumerate() {
        if work.queues[..index].contains(queue) {
            warning(findings, "work.queues", format!("names \"{}\" twice", queue.as_str()));
        }
    }
    if work.limit == Some(0) {
        error(
            findings,
            "work.limit",
            "is 0, so no book would be done; leave it out for all of them",
        );
    }
    if let Some(file) = &work.barcodes_file
        && !file.is_file()
    {
        error(
            findings,
            "work.barcodes_file",
            format!("names {}, which is not there", file.display()),
        );
    }
}

fn sharing(work: &WorkSettings, findings: &mut Vec<SettingsFinding>) {
    let is_odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if let Some(instance) = &work.instance
        && (instance.is_empty() || instance.len() > 64 || instance.contains(is_odd))
    {
        let text = format!("is {instance:?}, but a name has 1 to 64 letters, digits, -, _ and . only");
        error(findings, "work.instance", text);
    }
    if work.lease_time < SHORTEST_LEASE {
        error(
            findings,
            "work.lease_time",
            "is less than 2s, so a moment's pause would lose everything; 30s is a good time",
        );
    }
}

fn workers(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    let workers = &settings.workers;
    let counts = [
        ("workers.check", workers.check),
        ("workers.download", workers.download),
        ("workers.enrich", workers.enrich),
        ("workers.collect", workers.collect),
        ("workers.convert", workers.convert),
    ];
    for (key, count) in counts {
        if count == 0 {
            error(
                findings,
                key,
                "is 0, so its work would wait for ever; at least 1, or work.paused = true",
            );
        } else if count > MOST_WORKERS {
            error(
                findings,
                key,
                format!("is {count}, but more than {MOST_WORKERS} are not started"),
            );
        }
    }
    let (downloads, limit) = (workers.download, settings.session.limit);
    if downloads > limit {
        let text = format!(
            "is {downloads}, but session.limit gives only {limit} connections; lower the one or raise the other"
        );
        error(findings, "workers.download", text);
    }
}

fn retry(retry: &RetrySettings, findings: &mut Vec<SettingsFinding>) {
    if retry.attempts == 0 {
        error(
            findings,
            "retry.attempts",
            "is 0, so every book would fail untried; 1 means: no second try",
        );
    }
    if retry.max_sequential_failures == 0 {
        error(
            findings,
            "retry.max_sequential_failures",
            "is 0, so work would pause before the first book",
        );
    }
    if retry.base.is_zero() {
        error(
            findings,
            "retry.base",
            "is 0, so failures would be repeated without a pause",
        );
    }
    if retry.base > retry.cap {
        error(findings, "retry.base", "is longer than retry.cap, the longest wait");
    }
}

fn archive(archive: &ArchiveSettings, findings: &mut Vec<SettingsFinding>) {
    if archive.text_by_page && !archive.extract_text {
        let text = "is of no use without archive.extract_text";
        warning(findings, "archive.text_by_page", text);
    }
}

fn schedule(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    let schedule = &settings.schedule;
    let every = [
        ("schedule.collect_every", schedule.collect_every),
        ("schedule.enrich_every", schedule.enrich_every),
        ("schedule.refresh_every", schedule.refresh_every),
        ("schedule.convert_every", schedule.convert_every),
        ("schedule.export_every", schedule.export_every),
        ("schedule.backup_every", schedule.backup_every),
        ("fixity.reread_every", settings.fixity.reread_every),
    ];
    for (key, period) in every {
        if period.0.is_some_and(|period| period.is_zero()) {
            error(findings, key, "is 0, which would never end; write \"off\" for never");
        }
    }
}

fn log_level(level: &str, findings: &mut Vec<SettingsFinding>) {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let known = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
    let right = |part: &str| match part.rsplit_once('=') {
        Some((target, word)) => !target.trim().is_empty() && known(word),
        None => known(part),
    };
    if let Some(odd) = level.split(',').find(|part| !right(part)) {
        let text = format!(
            "has {odd:?}, but should be error, warn, info, debug or trace, perhaps with target=level after a comma"
        );
        error(findings, "log.level", text);
    }
}
