//! Looks whether what is waited for may have been mended: somebody says so, or a file with a secret is another one.

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::FanOut;
use crate::pipeline::workers::SecretStamps;

/// How often files with secrets are looked at while another secret may end a wait.
const LOOK_AT_SECRETS: Duration = Duration::from_secs(5);

/// What was known at the last look.
#[derive(Debug, Default)]
pub(super) struct MendedLook {
    /// How often somebody had said so.
    told: u64,
    /// How the files with secrets looked; `None`: nothing waited for another one.
    secrets: Option<SecretStamps>,
}

impl<S: BookServices> FanOut<'_, S> {
    /// Ends the pauses of the intake where something may have been mended; returns when to look again, if nobody tells of it.
    pub(super) fn look_for_mended(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let intake = &mut self.judgement.borrow_mut().intake;
        let of_lists = || self.control.progress.unread().values().any(|wait| wait.needs_person);
        let is_wanted = intake.waits_for_secret() || of_lists();
        let secrets = is_wanted.then(|| self.services.secrets());
        let told = self.control.mended.get();
        let before = std::mem::replace(&mut self.mended, MendedLook { told, secrets });
        let is_other =
            self.mended.secrets.is_some() && before.secrets.is_some() && before.secrets != self.mended.secrets;
        if is_other {
            info!("a file with a secret changed; what waits for it is tried at once");
            // The lists that could not be read, too.
            self.mended.told = told + 1;
            self.control.mended.set(told + 1);
            self.control.changed.send_replace(());
        }
        if is_other || before.told != told {
            intake.probe_early(now);
        }
        self.mended.secrets.as_ref().map(|_| now + LOOK_AT_SECRETS)
    }
}
