//! SIGHUP: reads the config again, all or nothing, and says of each changed key what became of it.

use tracing::{error, info, warn};

use crate::daemon::notify;
use crate::daemon::view::LiveDaemonView;
use crate::daemon::wiring::Daemon;
use crate::settings::{ChangeEffect, Settings, SettingsError, SettingsSources, diff};

/// Answers with the settings in force afterwards: the old ones with what could be applied, or untouched where the new ones
/// are refused.
pub async fn reload(
    daemon: &Daemon,
    view: &LiveDaemonView,
    old: Settings,
    sources: Option<&SettingsSources>,
) -> Settings {
    let Some(sources) = sources else {
        warn!("this run has no config file to read again");
        return old;
    };
    notify::reloading();
    let outcome = apply(daemon, view, &old, sources).await;
    match &outcome {
        Ok(outcome) => view.reloaded(outcome.is_whole, outcome.summary.clone()),
        Err(refused) => view.reloaded(
            false,
            format!("{refused}; the old config stays in force, and the log says more"),
        ),
    }
    notify::ready();
    outcome.map_or(old, |outcome| outcome.in_force)
}

/// A config that was read again and taken.
struct AppliedReload {
    in_force: Settings,
    summary: String,
    /// Every changed key is in force.
    is_whole: bool,
}

/// How many keys changed, what became of them, and which wait.
fn summary(applied: usize, waiting: &[String]) -> String {
    let applied = match applied {
        0 if waiting.is_empty() => "nothing changed".to_owned(),
        1 => "1 key applied".to_owned(),
        applied => format!("{applied} keys applied"),
    };
    match waiting {
        [] => applied,
        waiting => format!("{applied}, waiting for a restart: {}", waiting.join(", ")),
    }
}

/// Which keys are wrong. What is wrong with them the log says, to fewer people: a value may be a secret in the wrong place.
fn refused(error: &SettingsError) -> String {
    let wrong = error.findings.iter().filter(|finding| !finding.is_warning());
    let mut keys: Vec<_> = wrong.map(|finding| finding.key.as_str()).collect();
    keys.dedup();
    format!("wrong: {}", keys.join(", "))
}

async fn apply(
    daemon: &Daemon,
    view: &LiveDaemonView,
    old: &Settings,
    sources: &SettingsSources,
) -> Result<AppliedReload, String> {
    let loaded = match Settings::load(sources) {
        Ok(loaded) => loaded,
        Err(error) => {
            error!(%error, "the new config is refused as a whole; the old one stays in force");
            return Err(refused(&error));
        }
    };
    let (mut applied, mut waiting) = (0, Vec::new());
    for change in diff(old, &loaded.settings) {
        match change.effect {
            ChangeEffect::Applied => {
                applied += 1;
                info!(key = %change.key, "the new value of this key is in force");
            }
            ChangeEffect::NeedsRestart => {
                warn!(key = %change.key, "this key has a new value in the config; it comes into force when grind is restarted");
                waiting.push(change.key);
            }
        }
    }
    let in_force = old.with_live_of(&loaded.settings);
    let level = crate::log::set_configured_level(&in_force.log.level);
    if let Err(error) = &level {
        warn!(%error, "the new log.level cannot be set; the old one stays in force");
    }
    let is_taken = match daemon.change(&in_force).await {
        Ok(is_taken) => is_taken,
        Err(error) => {
            error!(%error, "the supervisor did not take the new settings of [retry] and [work]; the old config stays in force");
            return Err("the supervisor did not take it".to_owned());
        }
    };
    view.limited(&in_force);
    let summary = summary(applied, &waiting);
    info!("the config was read again: {summary}");
    Ok(AppliedReload {
        in_force,
        summary,
        is_whole: waiting.is_empty() && level.is_ok() && is_taken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingsFinding;

    #[test]
    fn the_summary_counts_what_became_of_the_keys_and_names_those_that_wait() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        for (applied, waiting, told) in [
            (0, keys(&[]), "nothing changed"),
            (1, keys(&[]), "1 key applied"),
            (
                2,
                keys(&["session.limit"]),
                "2 keys applied, waiting for a restart: session.limit",
            ),
            (
                0,
                keys(&["a.b", "c.d"]),
                "0 keys applied, waiting for a restart: a.b, c.d",
            ),
        ] {
            assert_eq!(summary(applied, &waiting), told);
        }
    }

    #[test]
    fn a_refused_config_is_told_by_its_keys_and_never_by_a_value() {
        let error = SettingsError {
            findings: vec![
                SettingsFinding::warning("work.limit", "work.limit is low"),
                SettingsFinding::error("catalog.url", "catalog.url: postgres://u:s3cret@h is none"),
                SettingsFinding::error("grin.page", "grin.page is unknown"),
            ],
        };
        assert_eq!(refused(&error), "wrong: catalog.url, grin.page");
    }
}
