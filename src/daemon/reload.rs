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
    let outcome = apply(daemon, &old, sources).await;
    let summary = if outcome.is_some() {
        "applied"
    } else {
        "refused; the old config stays in force"
    };
    view.reloaded(outcome.is_some(), summary.to_owned());
    notify::ready();
    outcome.unwrap_or(old)
}

async fn apply(daemon: &Daemon, old: &Settings, sources: &SettingsSources) -> Option<Settings> {
    let loaded = match Settings::load(sources) {
        Ok(loaded) => loaded,
        Err(error) => {
            error!(%error, "the new config is refused as a whole; the old one stays in force");
            return None;
        }
    };
    for change in diff(old, &loaded.settings) {
        match change.effect {
            ChangeEffect::Applied => info!(key = %change.key, "applied"),
            ChangeEffect::NeedsRestart => warn!(key = %change.key, "changed; needs a restart to come into force"),
        }
    }
    let in_force = old.with_live_of(&loaded.settings);
    if let Err(error) = crate::log::set_level(&in_force.log.level) {
        warn!(%error, "the log level stays as it is");
    }
    if let Err(error) = daemon.change(&in_force).await {
        error!(%error, "the supervisor did not take the new terms");
        return None;
    }
    info!("reloaded");
    Some(in_force)
}
