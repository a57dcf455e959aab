//! Can the hook be told?

use crate::settings::check::{check_address, error};
use crate::settings::effective::whom;
use crate::settings::finding::SettingsFinding;
use crate::settings::hook_target::{HookTarget, not_runnable};
use crate::settings::sections::HooksSettings;

const KEY: &str = "hooks.on_stored";

pub(super) fn check(hooks: &HooksSettings, findings: &mut Vec<SettingsFinding>) {
    if hooks.timeout.is_zero() {
        error(findings, "hooks.timeout", "is 0, so no hook could ever end in time");
    }
    let Some(text) = &hooks.on_stored else { return };
    match HookTarget::parse(text) {
        Err(why) => error(findings, KEY, format!("= {:?} {why}", whom(text))),
        Ok(HookTarget::Address(url)) => check_address(KEY, &url, findings),
        Ok(HookTarget::Command(words)) => {
            let program = words.first().map_or("", String::as_str);
            if let Some(why) = not_runnable(program) {
                error(findings, KEY, format!("names {program}, which {why}"));
            }
        }
    }
}
