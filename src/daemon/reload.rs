//! SIGHUP: reads the config again, all or nothing, and says of each changed key what became of it.

use tracing::{error, info, warn};

use crate::daemon::notify;
use crate::daemon::view::LiveDaemonView;
use crate::daemon::wiring::Daemon;
use crate::settings::{ChangeEffect, Settings, SettingsSources, diff};

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
    let summary = outcome.as_ref().map(|outcome| outcome.summary.clone());
    view.reloaded(
        outcome.as_ref().is_some_and(|outcome| outcome.is_whole),
        summary.unwrap_or_else(|| "the old config stays in force; the log says why".to_owned()),
    );
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

/// How many keys changed, and what became of them.
fn summary(applied: usize, waiting: usize) -> String {
    let keys = |count| {
        if count == 1 {
            "1 key".to_owned()
        } else {
            format!("{count} keys")
        }
    };
    match (applied, waiting) {
        (0, 0) => "nothing changed".to_owned(),
        (applied, 0) => format!("{} applied", keys(applied)),
        (applied, waiting) => format!("{} applied, {} waiting for a restart", keys(applied), keys(waiting)),
    }
}

async fn apply(
    daemon: &Daemon,
    view: &LiveDaemonView,
    old: &Settings,
    sources: &SettingsSources,
) -> Option<AppliedReload> {
    let loaded = match Settings::load(sources) {
        Ok(loaded) => loaded,
        Err(error) => {
            error!(%error, "the new config is refused as a whole; the old one stays in force");
            return None;
        }
    };
    let (mut applied, mut waiting) = (0, 0);
    for change in diff(old, &loaded.settings) {
        match change.effect {
            ChangeEffect::Applied => {
                applied += 1;
                info!(key = %change.key, "the new value of this key is in force");
            }
            ChangeEffect::NeedsRestart => {
                waiting += 1;
                warn!(key = %change.key, "this key has a new value in the config; it comes into force when grind is restarted");
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
            return None;
        }
    };
    view.limited(&in_force);
    let summary = summary(applied, waiting);
    info!("the config was read again: {summary}");
    Some(AppliedReload {
        in_force,
        summary,
        is_whole: waiting == 0 && level.is_ok() && is_taken,
    })
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn the_summary_counts_what_became_of_the_keys() {
        assert_eq!(summary(0, 0), "nothing changed");
        assert_eq!(summary(1, 0), "1 key applied");
        assert_eq!(summary(2, 1), "2 keys applied, 1 key waiting for a restart");
    }
}
